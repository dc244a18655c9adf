//! What comes back, as the service writes it: pretty, with explicit nulls, seconds as a double.

use greengrass_operator_core::deployment::knowledge::{DeployedContent, Details, Row, RowStatus};
use greengrass_operator_core::deployment::request::ComponentRequest;

use super::*;

#[tokio::test(start_paused = true)]
async fn a_deployment_with_explicit_nulls_is_read() {
    let body = r#"{
        "targetArn": "arn:aws:iot:eu-central-1:123456789012:thinggroup/Presses",
        "revisionId": "14", "deploymentId": "a881b22b-7b9a-4a12-9d1a-1a5a8bb8cdb4", "deploymentName": null,
        "deploymentStatus": "ACTIVE", "iotJobId": "job-1", "iotJobArn": "arn:aws:iot:eu-central-1:123456789012:job/job-1",
        "components": {"com.example.Hello": {"componentVersion": "1.0.0", "configurationUpdate": null, "runWith": null}},
        "deploymentPolicies": null, "iotJobConfiguration": null, "creationTimestamp": 1.621884415241E9,
        "isLatestForTarget": false, "parentTargetArn": null,
        "tags": {"aws:cloudformation:stack-id": "x", "greengrass-operator.dev/intent": "1.0"}, "somethingNew": [1]
    }"#;
    let bench = Bench::answering(Answer::json(200, body));
    let details = bench.aws.greengrass().get_deployment(bench.permit(), "a881b22b").await.unwrap();
    assert_eq!(
        details,
        Details {
            row: Row {
                deployment_id: "a881b22b-7b9a-4a12-9d1a-1a5a8bb8cdb4".into(),
                revision_id: 14,
                created_at: "2021-05-24T19:26:55.241Z".parse().unwrap(),
                status: RowStatus::Active,
                target_arn: ARN.into(),
                parent_target_arn: None,
            },
            tags: BTreeMap::from([
                ("aws:cloudformation:stack-id".into(), "x".into()),
                ("greengrass-operator.dev/intent".into(), "1.0".into()),
            ]),
            iot_job_id: Some("job-1".into()),
            iot_job_arn: Some("arn:aws:iot:eu-central-1:123456789012:job/job-1".into()),
            content: Some(Box::new(DeployedContent {
                components: BTreeMap::from([(
                    "com.example.Hello".into(),
                    ComponentRequest {
                        component_version: "1.0.0".into(),
                        merge: None,
                        reset: Vec::new(),
                        run_with: None,
                    },
                )]),
                ..DeployedContent::default()
            })),
        }
    );
}

#[tokio::test(start_paused = true)]
async fn a_deployment_of_a_thing_has_no_job_and_may_have_no_tags() {
    let body =
        r#"{"targetArn": "t", "deploymentId": "d", "deploymentStatus": "COMPLETED", "tags": null, "iotJobId": null}"#;
    let bench = Bench::answering(Answer::json(200, body));
    let details = bench.aws.greengrass().get_deployment(bench.permit(), "d").await.unwrap();
    assert!(details.tags.is_empty() && details.iot_job_id.is_none() && details.iot_job_arn.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_page_keeps_the_services_order_and_unknown_statuses() {
    let body = r#"{"deployments": [
        {"targetArn": "t", "deploymentId": "b", "revisionId": "2", "deploymentStatus": "ACTIVE", "creationTimestamp": 1621884415, "parentTargetArn": "p"},
        {"targetArn": "t", "deploymentId": "a", "revisionId": null, "deploymentStatus": "PAUSED", "creationTimestamp": null}
    ], "nextToken": "more"}"#;
    let bench = Bench::answering(Answer::json(200, body));
    let page = bench.aws.greengrass().list_deployments(bench.permit(), &everything(), None).await.unwrap();
    let short: Vec<_> = page.rows.iter().map(|row| (row.deployment_id.as_str(), row.revision_id, row.status)).collect();
    assert_eq!(short, [("b", 2, RowStatus::Active), ("a", 0, RowStatus::Unknown)]);
    assert_eq!(page.rows[0].parent_target_arn.as_deref(), Some("p"));
    assert_eq!(page.next_token.as_deref(), Some("more"));
}

#[tokio::test(start_paused = true)]
async fn an_empty_next_token_is_the_last_page() {
    for body in [r#"{"deployments": null, "nextToken": null}"#, r#"{"deployments": [], "nextToken": ""}"#, "{}"] {
        let bench = Bench::answering(Answer::json(200, body));
        let page = bench.aws.greengrass().list_deployments(bench.permit(), &everything(), None).await.unwrap();
        assert!(page.rows.is_empty() && page.next_token.is_none(), "{body}");
    }
}

#[tokio::test(start_paused = true)]
async fn success_is_observed_with_scope_and_time() {
    let answer = Answer::json(200, r#"{"message": "SUCCESS"}"#);
    let bench = Bench::answering(Answer::After(Duration::from_secs(2), Box::new(answer)));
    bench.call(Operation::CancelDeployment).await.unwrap();
    let observed = bench.observed.take();
    assert_eq!(observed.len(), 1);
    assert_eq!((observed[0].0, observed[0].1), (Operation::CancelDeployment, CallOutcome::Success));
    assert_eq!(observed[0].2.region, "eu-central-1");
    assert!((2.0..2.1).contains(&observed[0].3));
}
