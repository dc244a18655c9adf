//! What goes out, byte by byte.

use greengrass_operator_core::api::{
    AbortAction, AbortConfig, AbortCriteria, ComponentUpdateAction, ComponentUpdatePolicy,
    ConfigurationValidationPolicy, DeploymentPolicies, ExponentialRate, FailureHandlingPolicy, FailureType,
    IotJobConfiguration, JobExecutionsRolloutConfig, RateIncreaseCriteria, RunWith, SystemResourceLimits,
    TimeoutConfig,
};
use greengrass_operator_core::deployment::request::ComponentRequest;
use serde_json::{Value, json};

use super::*;

fn full_request() -> DeploymentRequest {
    let hello = ComponentRequest {
        component_version: "1.0.0".into(),
        merge: Some(r#"{"Message":"world","n":1.0}"#.into()),
        reset: vec!["/a".into(), String::new()],
        run_with: Some(RunWith {
            posix_user: Some("ggc_user:ggc_group".into()),
            windows_user: Some("ggc_user".into()),
            system_resource_limits: Some(SystemResourceLimits { cpus: Some(1.5), memory: Some(102_400) }),
        }),
    };
    let plain = ComponentRequest { component_version: "2.12.0".into(), merge: None, reset: Vec::new(), run_with: None };
    DeploymentRequest {
        target_arn: ARN.into(),
        parent_target_arn: Some("arn:aws:iot:eu-central-1:123456789012:thinggroup/All".into()),
        deployment_name: "plant/presses".into(),
        components: BTreeMap::from([("com.example.Hello".into(), hello), ("aws.greengrass.Nucleus".into(), plain)]),
        deployment_policies: Some(DeploymentPolicies {
            failure_handling_policy: Some(FailureHandlingPolicy::DoNothing),
            component_update_policy: Some(ComponentUpdatePolicy {
                timeout_in_seconds: Some(120),
                action: Some(ComponentUpdateAction::SkipNotifyComponents),
            }),
            configuration_validation_policy: Some(ConfigurationValidationPolicy { timeout_in_seconds: Some(45) }),
        }),
        iot_job_configuration: Some(IotJobConfiguration {
            job_executions_rollout_config: Some(JobExecutionsRolloutConfig {
                exponential_rate: Some(ExponentialRate {
                    base_rate_per_minute: 5,
                    increment_factor: 2.0,
                    rate_increase_criteria: RateIncreaseCriteria {
                        number_of_notified_things: Some(10),
                        number_of_succeeded_things: Some(5),
                    },
                }),
                maximum_per_minute: Some(50),
            }),
            abort_config: Some(AbortConfig {
                criteria_list: vec![AbortCriteria {
                    failure_type: FailureType::TimedOut,
                    action: AbortAction::Cancel,
                    threshold_percentage: 12.5,
                    min_number_of_executed_things: 10,
                }],
            }),
            timeout_config: Some(TimeoutConfig { in_progress_timeout_in_minutes: Some(60) }),
        }),
        tags: BTreeMap::from([
            ("team".into(), "presses".into()),
            ("greengrass-operator.dev/intent".into(), "1.0".into()),
        ]),
    }
}

async fn sent(request: &DeploymentRequest) -> canned::Seen {
    let bench = Bench::answering(Answer::json(201, r#"{"deploymentId": "d-1", "iotJobId": null, "iotJobArn": null}"#));
    let created = bench.aws.greengrass().create_deployment(bench.permit(), request, "TOKEN-1").await.unwrap();
    assert_eq!(created.deployment_id, "d-1");
    bench.wire.seen().remove(0)
}

#[tokio::test(start_paused = true)]
async fn a_create_request_carries_every_field() {
    let seen = sent(&full_request()).await;
    assert_eq!((seen.method.as_str(), seen.uri.as_str()), ("POST", "http://canned/greengrass/v2/deployments"));
    assert_eq!(
        serde_json::from_str::<Value>(&seen.body).unwrap(),
        json!({
            "targetArn": ARN,
            "parentTargetArn": "arn:aws:iot:eu-central-1:123456789012:thinggroup/All",
            "deploymentName": "plant/presses",
            "clientToken": "TOKEN-1",
            "components": {
                "aws.greengrass.Nucleus": {"componentVersion": "2.12.0"},
                "com.example.Hello": {
                    "componentVersion": "1.0.0",
                    "configurationUpdate": {"merge": r#"{"Message":"world","n":1.0}"#, "reset": ["/a", ""]},
                    "runWith": {
                        "posixUser": "ggc_user:ggc_group",
                        "windowsUser": "ggc_user",
                        "systemResourceLimits": {"cpus": 1.5, "memory": 102_400},
                    },
                },
            },
            "deploymentPolicies": {
                "failureHandlingPolicy": "DO_NOTHING",
                "componentUpdatePolicy": {"timeoutInSeconds": 120, "action": "SKIP_NOTIFY_COMPONENTS"},
                "configurationValidationPolicy": {"timeoutInSeconds": 45},
            },
            "iotJobConfiguration": {
                "jobExecutionsRolloutConfig": {
                    "exponentialRate": {
                        "baseRatePerMinute": 5,
                        "incrementFactor": 2.0,
                        "rateIncreaseCriteria": {"numberOfNotifiedThings": 10, "numberOfSucceededThings": 5},
                    },
                    "maximumPerMinute": 50,
                },
                "abortConfig": {"criteriaList": [
                    {"failureType": "TIMED_OUT", "action": "CANCEL", "thresholdPercentage": 12.5, "minNumberOfExecutedThings": 10},
                ]},
                "timeoutConfig": {"inProgressTimeoutInMinutes": 60},
            },
            "tags": {"team": "presses", "greengrass-operator.dev/intent": "1.0"},
        })
    );
}

#[tokio::test(start_paused = true)]
async fn the_same_request_is_the_same_bytes() {
    let mut request = full_request();
    for number in 0..30 {
        let component = request.components["aws.greengrass.Nucleus"].clone();
        request.components.insert(format!("com.example.C{number}"), component);
        request.tags.insert(format!("tag{number}"), number.to_string());
    }
    let first = sent(&request).await;
    for _ in 0..5 {
        assert_eq!(sent(&request).await.body, first.body);
    }
    assert_eq!(first.header("content-length"), first.body.len().to_string());
}

#[tokio::test(start_paused = true)]
async fn what_is_absent_stays_absent_but_no_components_are_sent_as_none() {
    let seen = sent(&small_request()).await;
    assert_eq!(
        serde_json::from_str::<Value>(&seen.body).unwrap(),
        json!({"targetArn": ARN, "deploymentName": "plant/presses", "clientToken": "TOKEN-1", "components": {}})
    );
}

#[tokio::test(start_paused = true)]
async fn half_a_limit_is_sent_as_half_a_limit() {
    let mut request = full_request();
    for (limits, expected) in [
        (SystemResourceLimits { cpus: Some(1.0), memory: None }, json!({"cpus": 1.0})),
        (SystemResourceLimits { cpus: None, memory: Some(1024) }, json!({"memory": 1024})),
    ] {
        let hello = request.components.get_mut("com.example.Hello").unwrap();
        hello.run_with = Some(RunWith { posix_user: None, windows_user: None, system_resource_limits: Some(limits) });
        let body: Value = serde_json::from_str(&sent(&request).await.body).unwrap();
        assert_eq!(body["components"]["com.example.Hello"]["runWith"], json!({"systemResourceLimits": expected}));
    }
}

#[tokio::test(start_paused = true)]
async fn the_other_calls_name_what_they_are_about() {
    let expected = [
        (Operation::GetDeployment, "GET", "/greengrass/v2/deployments/d-1", ""),
        (Operation::ListDeployments, "GET", "/greengrass/v2/deployments?historyFilter=LATEST_ONLY&maxResults=100", ""),
        (Operation::CancelDeployment, "POST", "/greengrass/v2/deployments/d-1/cancel", ""),
        (Operation::DeleteDeployment, "DELETE", "/greengrass/v2/deployments/d-1", ""),
        (Operation::TagResource, "POST", "/tags/arn%3Ad", r#"{"tags":{"a":"b"}}"#),
        (Operation::UntagResource, "DELETE", "/tags/arn%3Ad?tagKeys=a", ""),
    ];
    for (operation, method, path, body) in expected {
        let answer = Answer::json(200, r#"{"deploymentId": "d-1", "targetArn": "t"}"#);
        let bench = Bench::answering(answer);
        bench.call(operation).await.unwrap();
        let seen = bench.wire.seen().remove(0);
        assert_eq!(seen.method, method, "{operation}");
        assert_eq!(seen.uri, format!("http://canned{path}"), "{operation}");
        assert!(seen.body == body || (body.is_empty() && seen.body == "{}"), "{operation} {}", seen.body);
    }
}

#[tokio::test(start_paused = true)]
async fn a_look_asks_for_all_revisions_of_target_and_parent_from_where_the_last_page_ended() {
    let bench = Bench::answering(Answer::json(200, r#"{"deployments": [], "nextToken": null}"#));
    let filter = RowFilter {
        target_arn: Some(ARN.into()),
        parent_target_arn: Some("arn:aws:iot:eu-central-1:123456789012:thinggroup/All".into()),
        latest_only: false,
    };
    bench.aws.greengrass().list_deployments(bench.permit(), &filter, Some("next/1=")).await.unwrap();
    let uri = bench.wire.seen().remove(0).uri;
    for part in [
        "targetArn=arn%3Aaws%3Aiot%3Aeu-central-1%3A123456789012%3Athinggroup%2FPresses",
        "parentTargetArn=arn%3Aaws%3Aiot%3Aeu-central-1%3A123456789012%3Athinggroup%2FAll",
        "historyFilter=ALL",
        "maxResults=100",
        "nextToken=next%2F1%3D",
    ] {
        assert!(uri.contains(part), "{uri} lacks {part}");
    }
}

#[tokio::test(start_paused = true)]
async fn requests_are_signed_for_the_targets_region_at_the_operators_time_and_say_who_sends_them() {
    let bench = Bench::answering(Answer::json(200, r#"{"deployments": []}"#));
    bench.aws.greengrass().list_deployments(bench.permit_for("ap-south-1"), &everything(), None).await.unwrap();
    let seen = bench.wire.seen().remove(0);
    assert!(
        seen.header("authorization").contains("AKIAIOSFODNN7EXAMPLE/20261123/ap-south-1/greengrass/aws4_request"),
        "{}",
        seen.header("authorization")
    );
    assert_eq!(seen.header("x-amz-date"), "20261123T120000Z");
    let product = concat!("greengrass-operator/", env!("CARGO_PKG_VERSION"));
    assert!(seen.header("x-amz-user-agent").contains(product), "{}", seen.header("x-amz-user-agent"));
    assert!(seen.header("user-agent").contains("app/greengrass-operator"), "{}", seen.header("user-agent"));
}
