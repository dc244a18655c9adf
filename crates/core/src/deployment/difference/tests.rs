//! What differs, and that nothing else does.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::api::GreengrassDeploymentSpec;
use crate::deployment::references::References;
use crate::deployment::request::ComponentRequest;
use crate::deployment::revision::{digest, digest_of_deployed, request};
use crate::deployment::tags::{Cause, OwnerTags};
use crate::deployment::validate::validate;
use crate::names::ObjectName;

fn object() -> ObjectName {
    ObjectName { namespace: "plant".into(), name: "presses".into() }
}

fn desired(mut spec: Value) -> Desired {
    spec["targetArn"] = json!("arn:aws:iot:eu-central-1:123456789012:thinggroup/Presses");
    let spec: GreengrassDeploymentSpec = serde_json::from_value(spec).unwrap();
    validate(&object(), &spec, &References::unrestricted()).unwrap()
}

/// What AWS has once this is deployed.
fn deployed(desired: &Desired) -> DeployedContent {
    let owner = OwnerTags {
        cluster: "c".into(),
        resource: object(),
        uid: String::new(),
        ordinal: 1,
        attempt: 0,
        digest: digest(desired),
        redeploy: None,
        cancel: None,
        parent: None,
        cause: Cause::Create,
    };
    let request = request(&object(), desired, &BTreeMap::new(), &owner);
    DeployedContent {
        name: Some(request.deployment_name),
        components: request.components,
        policies: request.deployment_policies,
        job: request.iot_job_configuration,
    }
}

fn said(difference: &Difference) -> Value {
    serde_json::to_value(difference).unwrap()
}

#[test]
fn a_version_a_key_and_a_policy_are_told_with_what_they_were() {
    let before = deployed(&desired(json!({"components": {
        "com.example.Press": {"componentVersion": "1.0.0", "configurationUpdate": {"merge": {"a": {"b": 1, "c": 2}}}},
        "com.example.Old": {"componentVersion": "1.0.0"},
    }})));
    let after = desired(json!({
        "components": {
            "com.example.Press": {"componentVersion": "1.1.0", "configurationUpdate": {"merge": {"a": {"b": 3, "c": 2}}}},
            "com.example.New": {"componentVersion": "2.0.0"},
        },
        "deploymentPolicies": {"failureHandlingPolicy": "DO_NOTHING"},
    }));
    assert_eq!(
        said(&Difference::between(Some(&before), &after)),
        json!({
            "components": {
                "com.example.New": {"change": "added", "keys": [{"field": "componentVersion", "after": "2.0.0"}]},
                "com.example.Old": {"change": "removed", "keys": [{"field": "componentVersion", "before": "1.0.0"}]},
                "com.example.Press": {"change": "changed", "keys": [
                    {"field": "componentVersion", "before": "1.0.0", "after": "1.1.0"},
                    {"field": "configurationUpdate.merge", "pointer": "/a/b", "before": 1, "after": 3},
                ]},
            },
            "settings": [
                {"field": "deploymentPolicies.failureHandlingPolicy", "before": "ROLLBACK", "after": "DO_NOTHING"},
            ],
        })
    );
}

#[test]
fn what_aws_says_by_default_is_no_difference() {
    let spec = desired(json!({"components": {"com.example.Press": {"componentVersion": "1.0.0"}}}));
    let explicit = desired(json!({
        "components": {"com.example.Press": {"componentVersion": "1.0.0", "configurationUpdate": {"merge": {}}}},
        "deploymentPolicies": {"failureHandlingPolicy": "ROLLBACK", "configurationValidationPolicy": {"timeoutInSeconds": 30}},
    }));
    assert!(Difference::between(Some(&deployed(&explicit)), &spec).is_empty());
}

#[test]
fn digits_that_no_number_can_hold_are_a_difference_of_the_text() {
    let spec = |digits: &str| {
        let merge = format!(r#"{{"serial": 1234567890123456789{digits}}}"#);
        desired(json!({"components": {"c": {"componentVersion": "1.0.0", "configurationUpdate": {"merge": merge}}}}))
    };
    let (before, after) = (deployed(&spec("12345678901")), spec("12345678902"));
    let difference = Difference::between(Some(&before), &after);
    let ComponentDifference::Changed(keys) = &difference.components["c"] else { panic!("{difference:?}") };
    assert_eq!(keys.len(), 1, "{keys:?}");
    assert_eq!((keys[0].field.as_str(), keys[0].pointer.as_deref()), (MERGE, None));
}

#[test]
fn what_no_spec_could_say_is_compared_all_the_same() {
    let components = BTreeMap::from([(
        "c".to_owned(),
        ComponentRequest {
            component_version: "latest".into(),
            merge: Some("nonsense".into()),
            reset: Vec::new(),
            run_with: None,
        },
    )]);
    let before = DeployedContent { components, ..DeployedContent::default() };
    let after = desired(json!({"components": {"c": {"componentVersion": "1.0.0"}}}));
    assert_eq!(
        said(&Difference::between(Some(&before), &after))["components"]["c"]["keys"],
        json!([
            {"field": "componentVersion", "before": "latest", "after": "1.0.0"},
            {"field": MERGE, "pointer": "", "before": "nonsense"},
        ])
    );
}

fn merge() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        Just(json!({})),
        any::<bool>().prop_map(Value::from),
        (0..3_i64).prop_map(Value::from)
    ];
    let tree = leaf.prop_recursive(3, 12, 3, |inner| {
        prop::collection::btree_map("[ab/~]", inner, 0..3).prop_map(|map| json!(map))
    });
    prop::collection::btree_map("[ab]", tree, 0..3).prop_map(|map| json!(map))
}

fn spec() -> impl Strategy<Value = Value> {
    let component = ("1\\.0\\.[01]", prop::option::of(merge()), prop::collection::vec("/[ab]", 0..2));
    let component = component.prop_map(|(version, merge, reset)| {
        let mut component = json!({"componentVersion": version, "configurationUpdate": {"reset": reset}});
        if let Some(merge) = merge {
            component["configurationUpdate"]["merge"] = merge;
        }
        component
    });
    let policy = prop::option::of(prop_oneof![Just("ROLLBACK"), Just("DO_NOTHING")]);
    (prop::collection::btree_map("[xy]", component, 1..3), policy, prop::option::of("[no]")).prop_map(
        |(components, policy, name)| {
            let mut spec = json!({"components": components});
            if let Some(policy) = policy {
                spec["deploymentPolicies"] = json!({"failureHandlingPolicy": policy});
            }
            if let Some(name) = name {
                spec["deploymentName"] = json!(name);
            }
            spec
        },
    )
}

proptest! {
    #[test]
    fn there_is_a_difference_exactly_where_there_is_another_digest(before in spec(), after in spec()) {
        let (before, after) = (deployed(&desired(before)), desired(after));
        let is_same = digest_of_deployed(&after, &before).as_ref() == Some(&digest(&after));
        prop_assert_eq!(Difference::between(Some(&before), &after).is_empty(), is_same);
    }
}
