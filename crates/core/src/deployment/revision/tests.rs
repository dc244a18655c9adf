//! What makes a revision another one, and what does not.

use rstest::rstest;

use super::*;
use crate::api::GreengrassDeploymentSpec;
use crate::deployment::references::References;
use crate::deployment::tags::Cause;
use crate::deployment::validate::validate;

fn object() -> ObjectName {
    ObjectName { namespace: "plant".into(), name: "presses".into() }
}

fn desired(spec: &Value) -> Desired {
    let spec: GreengrassDeploymentSpec = serde_json::from_value(spec.clone()).unwrap();
    validate(&object(), &spec, &References::unrestricted()).unwrap()
}

/// A spec with everything that goes to AWS.
fn full() -> Value {
    json!({
        "targetArn": "arn:aws:iot:eu-central-1:123456789012:thinggroup/Presses",
        "deploymentName": "presses",
        "components": {"com.example.Press": {
            "componentVersion": "1.0.0",
            "configurationUpdate": {"merge": {"a": {"b": 1}}, "reset": ["/c"]},
            "runWith": {"posixUser": "press", "systemResourceLimits": {"cpus": 1.5, "memory": 1024}},
        }},
        "deploymentPolicies": {
            "failureHandlingPolicy": "DO_NOTHING",
            "componentUpdatePolicy": {"action": "SKIP_NOTIFY_COMPONENTS", "timeoutInSeconds": 10},
            "configurationValidationPolicy": {"timeoutInSeconds": 20},
        },
        "iotJobConfiguration": {"timeoutConfig": {"inProgressTimeoutInMinutes": 5}},
    })
}

fn small() -> Value {
    json!({
        "targetArn": "arn:aws:iot:eu-central-1:123456789012:thinggroup/Presses",
        "components": {"com.example.Press": {"componentVersion": "1.0.0"}},
    })
}

fn with(mut spec: Value, pointer: &str, value: Value) -> Value {
    *spec.pointer_mut(pointer).unwrap() = value;
    spec
}

#[rstest]
#[case("/targetArn", json!("arn:aws:iot:eu-central-1:123456789012:thinggroup/Others"))]
#[case("/deploymentName", json!("others"))]
#[case("/components/com.example.Press/componentVersion", json!("1.0.1"))]
#[case("/components/com.example.Press/configurationUpdate/merge/a/b", json!(2))]
#[case("/components/com.example.Press/configurationUpdate/reset", json!(["/d"]))]
#[case("/components/com.example.Press/runWith/posixUser", json!("other"))]
#[case("/components/com.example.Press/runWith/systemResourceLimits/cpus", json!(2.5))]
#[case("/components/com.example.Press/runWith/systemResourceLimits/memory", json!(2048))]
#[case("/deploymentPolicies/failureHandlingPolicy", json!("ROLLBACK"))]
#[case("/deploymentPolicies/componentUpdatePolicy/action", json!("NOTIFY_COMPONENTS"))]
#[case("/deploymentPolicies/componentUpdatePolicy/timeoutInSeconds", json!(11))]
#[case("/deploymentPolicies/configurationValidationPolicy/timeoutInSeconds", json!(21))]
#[case("/iotJobConfiguration/timeoutConfig/inProgressTimeoutInMinutes", json!(6))]
fn whatever_aws_gets_makes_another_revision(#[case] pointer: &str, #[case] value: Value) {
    assert_ne!(digest(&desired(&full())), digest(&desired(&with(full(), pointer, value))));
}

#[test]
fn a_default_that_is_written_out_is_no_other_revision() {
    let mut written = small();
    written["deploymentPolicies"] = json!({
        "failureHandlingPolicy": "ROLLBACK",
        "componentUpdatePolicy": {"action": "NOTIFY_COMPONENTS", "timeoutInSeconds": 60},
        "configurationValidationPolicy": {"timeoutInSeconds": 30},
    });
    written["iotJobConfiguration"] = json!({});
    written["components"]["com.example.Press"]["configurationUpdate"] = json!({"merge": {}, "reset": []});
    written["components"]["com.example.Press"]["runWith"] = json!({"systemResourceLimits": {}});
    assert_eq!(digest(&desired(&small())), digest(&desired(&written)));
}

#[rstest]
#[case("tags", json!({"team": "a"}))]
#[case("deletionPolicy", json!("Delete"))]
#[case("driftPolicy", json!("Correct"))]
#[case("adoptionPolicy", json!("Always"))]
#[case("revisionHistoryLimit", json!(3))]
#[case("removeTimeout", json!("1h"))]
#[case("rollout", json!({"readyWhen": "RolledOut", "deadline": "1h"}))]
#[case("suspend", json!(true))]
fn policies_and_tags_make_no_other_revision(#[case] field: &str, #[case] value: Value) {
    let mut spec = small();
    spec[field] = value;
    assert_eq!(digest(&desired(&small())), digest(&desired(&spec)));
}

#[test]
fn numbers_that_differ_only_beyond_a_doubles_digits_are_two_revisions() {
    let merge = |text: &str| {
        with(full(), "/components/com.example.Press/configurationUpdate/merge", json!(format!(r#"{{"a": {text}}}"#)))
    };
    let one = merge("0.12345678901234567890");
    assert_ne!(digest(&desired(&one)), digest(&desired(&merge("0.12345678901234567891"))));
    assert_eq!(digest(&desired(&merge("1.0"))), digest(&desired(&merge("1"))));
}

#[test]
fn what_was_deployed_is_known_again_by_its_content() {
    for spec in [small(), full()] {
        let desired = desired(&spec);
        let owner = OwnerTags {
            cluster: "test".into(),
            resource: object(),
            uid: "uid".into(),
            ordinal: 1,
            attempt: 0,
            digest: digest(&desired),
            redeploy: None,
            cancel: None,
            parent: None,
            cause: Cause::Create,
        };
        let request = request(&object(), &desired, &BTreeMap::new(), &owner);
        let deployed = DeployedContent {
            name: Some(request.deployment_name),
            components: request.components,
            policies: request.deployment_policies,
            job: request.iot_job_configuration,
        };
        assert_eq!(digest_of_deployed(&desired, &deployed), Some(digest(&desired)));
        let other = DeployedContent { components: BTreeMap::new(), ..deployed };
        assert_ne!(digest_of_deployed(&desired, &other), Some(digest(&desired)));
    }
}

#[test]
fn a_digest_is_its_text() {
    let digest = digest(&desired(&small()));
    assert!(digest.as_str().starts_with("1:") && digest.as_str().len() == 66);
    assert_eq!((Digest::recorded(digest.as_str()), digest.to_string()), (digest.clone(), digest.as_str().to_owned()));
}

#[test]
fn numbers_that_a_double_cannot_carry_are_noticed() {
    assert!(has_inexact_number(r#"{"a": 123456789012345678901234567890}"#));
    assert!(has_inexact_number(r#"{"a": 0.12345678901234567890}"#));
    for exact in [
        r#"{"a": 9223372036854775807}"#,
        r#"{"a": "123456789012345678901234567890"}"#,
        r#"{"a": "\"123456789012345678901234567890"}"#,
        r#"{"a": 1.5e3}"#,
        r#"{"a": 18446744073709551615}"#,
        r#"{"a": 0.12345678901234}"#,
        r"{}",
    ] {
        assert!(!has_inexact_number(exact), "{exact}");
    }
}

#[test]
fn a_whole_double_is_the_integer_it_stands_for() {
    assert_eq!(normalised(&json!({"a": [1.0, -2.0, 0.5]})), json!({"a": [1, -2, 0.5]}));
    // From here on a double stands for several integers.
    assert_eq!(normalised(&json!(9_007_199_254_740_992.0)), json!(9_007_199_254_740_992.0));
}
