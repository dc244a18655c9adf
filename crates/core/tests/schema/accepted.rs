//! What the schema lets in: the examples, the limits to the last character, and whatever chance makes. Pure.

use std::cell::Cell;

use greengrass_operator_core::api::schema::Definition;
use greengrass_operator_core::api::{AwsIdentity, SystemInstance};
use greengrass_operator_core::deployment::validate::lenient;
use greengrass_operator_core::identity::parse;
use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Map, Value, json};

use crate::fields::examples;
use crate::offline::{Server, decoded, judged, said_of_system_instance};
use crate::rules;

const API_VERSION: &str = "greengrass-operator.dev/v1alpha1";
const KIND: &str = "GreengrassDeployment";

#[test]
fn each_example_is_right() {
    let (deployments, identities) = (Server::new(), Server::of(Definition::AwsIdentity));
    let system_instances = Server::of(Definition::SystemInstance);
    for (file, object) in examples() {
        let server = match object["kind"].as_str().unwrap() {
            "GreengrassDeployment" => &deployments,
            "AwsIdentity" => &identities,
            "SystemInstance" => &system_instances,
            // What a resource refers to.
            "ConfigMap" => continue,
            other => panic!("{file} holds a {other}"),
        };
        assert_eq!(server.broken_keywords(&object), [""; 0], "{file}");
        assert_eq!(server.sentences(&object, None), [""; 0], "{file}");
        // What is in a ConfigMap or made by another resource is no matter of the schema.
        let refers = object.to_string().contains("configMapKeyRef") || object["spec"]["parent"]["name"].is_string();
        let known = match object["kind"].as_str().unwrap() {
            "AwsIdentity" => {
                let identity: AwsIdentity = serde_json::from_value(object.clone()).unwrap();
                parse(object["metadata"]["name"].as_str().unwrap(), &identity.spec, false).identity.unwrap();
                serde_json::to_value(&identity.spec).unwrap()
            }
            "SystemInstance" => {
                if !refers {
                    assert_eq!(said_of_system_instance(&object).as_deref(), Some("nothing"), "{file}");
                }
                let instance: SystemInstance = serde_json::from_value(object.clone()).unwrap();
                serde_json::to_value(&instance.spec).unwrap()
            }
            _ => {
                let spec = decoded(&object).unwrap();
                if !refers {
                    judged(&object, &spec).unwrap();
                }
                serde_json::to_value(&spec).unwrap()
            }
        };
        // Nothing of the manifest is a field that the operator doesn't know.
        assert_eq!(with_doubles(known), with_doubles(object["spec"].clone()), "{file}");
    }
}

/// 5 and 5.0 are one number in YAML.
fn with_doubles(value: Value) -> Value {
    match value {
        Value::Number(number) => number.as_f64().into(),
        Value::Array(items) => items.into_iter().map(with_doubles).collect(),
        Value::Object(fields) => fields.into_iter().map(|(key, value)| (key, with_doubles(value))).collect(),
        other => other,
    }
}

#[rstest]
#[case::a_thing_without_a_job("targetArn", json!("arn:aws-us-gov:iot:us-gov-west-1:123456789012:thing/a:b_c-D9"))]
#[case::the_longest_thing_name("targetArn", json!(format!("arn:aws-cn:iot:cn-north-1:123456789012:thinggroup/{}", "g".repeat(128))))]
#[case::the_longest_name("deploymentName", json!("ü".repeat(256)))]
#[case::as_many_tags_as_fit("tags", Value::Object((0..40).map(|n| (format!("tag{n}"), json!("x"))).collect()))]
#[case::tags_in_any_script("tags", json!({"Straße 7/β": "名前 = a+b@c:d_e.f-g", "k".repeat(128): "v".repeat(256), "empty": ""}))]
#[case::tags_that_only_look_reserved("tags", json!({"awsome": "x", "greengrass-operator.dev": "x"}))]
#[case::an_empty_job("iotJobConfiguration", json!({}))]
#[case::no_time_to_answer("deploymentPolicies", json!({"componentUpdatePolicy": {"timeoutInSeconds": 0}}))]
#[case::no_components_on_purpose("components", json!({}))]
fn a_limit_is_reached_without_complaint(#[case] field: &str, #[case] value: Value) {
    let mut object = rules::base();
    object["spec"][field] = value;
    object["spec"]["allowEmpty"] = json!(true);
    let server = Server::new();
    assert_eq!(server.broken_keywords(&object), [""; 0]);
    assert_eq!(server.sentences(&object, None), [""; 0]);
    judged(&object, &decoded(&object).unwrap()).unwrap();
}

#[rstest]
#[case("0.0.0")]
#[case("1.0.0-rc.1")]
#[case("1.0.0--x")]
#[case("1.0.0-alpha-beta.0.x")]
#[case("1.0.0+build.5")]
#[case("10.20.30-a+01")]
fn schema_and_operator_take_the_same_versions(#[case] version: &str) {
    let mut object = rules::base();
    object["spec"]["components"]["com.example.HelloWorld"]["componentVersion"] = json!(version);
    assert!(Server::new().accepts(&object));
    judged(&object, &decoded(&object).unwrap()).unwrap();
}

#[rstest]
#[case::the_longest_group_name("greengrassGroupName", json!("ü".repeat(256)))]
#[case::the_shortest_bucket_name("s3BucketName", json!("r.8"))]
#[case::the_longest_bucket_name("s3BucketName", json!("r".repeat(63)))]
#[case::a_role_below_a_path("flowActionsRoleArn", json!("arn:aws-us-gov:iam::123456789012:role/plant/Flow+Actions"))]
#[case::as_many_tags_as_fit("tags", Value::Object((0..40).map(|n| (format!("tag{n}"), json!("x"))).collect()))]
#[case::metrics_that_are_off("metricsConfiguration", json!({}))]
#[case::a_definition_that_says_its_language("definition", json!({"language": "GRAPHQL", "text": rules::base_of(rules::Kind::SystemInstance)["spec"]["definition"]["text"]}))]
fn a_limit_of_a_system_instance_is_reached_without_complaint(#[case] field: &str, #[case] value: Value) {
    let mut object = rules::base_of(rules::Kind::SystemInstance);
    object["spec"][field] = value;
    let server = Server::of(Definition::SystemInstance);
    assert_eq!(server.broken_keywords(&object), [""; 0]);
    assert_eq!(server.sentences(&object, None), [""; 0]);
    assert_eq!(said_of_system_instance(&object).as_deref(), Some("nothing"));
}

#[test]
fn what_a_system_instance_is_made_of_may_change_and_where_it_runs_may_not() {
    let object = rules::base_of(rules::Kind::SystemInstance);
    let server = Server::of(Definition::SystemInstance);
    let mut edited = object.clone();
    edited["spec"]["definition"] = json!({"configMapKeyRef": {"name": "room-218", "key": "room-218.graphql"}});
    edited["spec"]["s3BucketName"] = json!("another-bucket");
    edited["spec"]["flowActionsRoleArn"] = json!("arn:aws:iam::123456789012:role/FlowActions");
    edited["spec"]["deployed"] = json!(false);
    edited["spec"]["deletionPolicy"] = json!("Delete");
    assert_eq!(server.sentences(&edited, Some(&object)), [""; 0]);
    edited["spec"]["target"] = json!("CLOUD");
    edited["spec"]["greengrassGroupName"] = json!("Room219Group");
    assert_eq!(server.sentences(&edited, Some(&object)).len(), 2);
}

#[test]
fn nothing_that_stays_the_same_is_a_change() {
    let mut object = rules::base();
    object["spec"]["parentTargetArn"] = json!("arn:aws:iot:us-west-2:123456789012:thinggroup/MyParent");
    let mut edited = object.clone();
    edited["spec"]["deploymentName"] = json!("another");
    assert_eq!(Server::new().sentences(&edited, Some(&object)), [""; 0]);
}

/// Values near to what a spec takes, right and wrong.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (0..200_i64).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        prop::sample::select(vec![
            "arn:aws:iot:us-west-2:123456789012:thinggroup/A",
            "arn:aws:iot:us-west-2:123456789012:thing/A",
            "1.0.0",
            "1.0.0-1",
            "{}",
            "{\"a\":{\"b\":[null]}}",
            " {\"a\":1,\"a\":2}",
            "{",
            "/a/b",
            "",
            "aws:x",
            "ROLLBACK",
            "FAILED",
            "CANCEL",
            "Delete",
        ])
        .prop_map(Value::from),
    ];
    let field = prop_oneof![
        any::<String>(),
        prop::sample::select(vec![
            "merge",
            "reset",
            "componentVersion",
            "configurationUpdate",
            "runWith",
            "posixUser",
            "systemResourceLimits",
            "cpus",
            "memory",
            "criteriaList",
            "timeoutInSeconds",
            "abortConfig",
            "jobExecutionsRolloutConfig",
            "maximumPerMinute",
        ])
        .prop_map(str::to_owned),
    ];
    leaf.prop_recursive(5, 40, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(field.clone(), inner, 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// A spec whose fields are the real ones, more often right than wrong.
fn spec() -> impl Strategy<Value = Value> {
    let component = (
        prop_oneof![8 => Just(json!("1.0.0")), 1 => value()],
        prop_oneof![2 => Just(None), 2 => value().prop_map(|merge| Some(json!({ "merge": merge }))), 1 => value().prop_map(Some)],
        prop_oneof![4 => Just(None), 1 => value().prop_map(Some)],
    )
        .prop_map(|(version, update, run_with)| {
            let mut component = Map::from_iter([("componentVersion".to_owned(), version)]);
            component.extend(update.map(|update| ("configurationUpdate".to_owned(), update)));
            component.extend(run_with.map(|run_with| ("runWith".to_owned(), run_with)));
            Value::Object(component)
        });
    let components = prop::collection::btree_map("[a-z.]{0,9}", component, 0..3)
        .prop_map(|components| Value::Object(components.into_iter().collect()));
    let others = prop::collection::btree_map(
        prop::sample::select(vec![
            "parentTargetArn",
            "deploymentName",
            "allowEmpty",
            "deploymentPolicies",
            "iotJobConfiguration",
            "tags",
            "deletionPolicy",
            "suspend",
        ])
        .prop_map(str::to_owned),
        value(),
        0..3,
    );
    let target =
        prop_oneof![6 => Just(json!("arn:aws:iot:us-west-2:123456789012:thinggroup/MyThingGroup")), 1 => value()];
    (target, components, others).prop_map(|(target, components, others)| {
        let mut spec: Map<String, Value> = others.into_iter().collect();
        spec.insert("targetArn".into(), target);
        spec.insert("components".into(), components);
        Value::Object(spec)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1000) })]

    #[test]
    fn whatever_a_spec_holds_the_operator_has_an_answer(spec in prop_oneof![9 => spec(), 1 => value()]) {
        // Of what can't be decoded, this much is read all the same.
        let _ = lenient(&spec);
        let object = json!({ "apiVersion": API_VERSION, "kind": KIND, "metadata": { "name": "any" }, "spec": spec });
        if let Ok(spec) = decoded(&object) && let Err(invalid) = judged(&object, &spec) {
            prop_assert!(!invalid.problems.is_empty());
            for problem in invalid.problems {
                prop_assert!(problem.field.starts_with("spec.") || problem.field == "metadata.name", "{}", problem.field);
                prop_assert!(!problem.message.is_empty());
            }
        }
    }
}

#[test]
fn what_the_schema_lets_in_the_operator_can_decode_and_fails_only_inside_merge_and_reset() {
    let server = Server::new();
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(1000)
    });
    let let_in = Cell::new(0);
    let outcome = runner.run(&spec(), |spec| {
        let spec = without_nulls(spec);
        let object = json!({ "apiVersion": API_VERSION, "kind": KIND, "metadata": { "name": "any" }, "spec": spec });
        if !server.accepts(&object) {
            return Ok(());
        }
        let_in.set(let_in.get() + 1);
        let spec = decoded(&object).map_err(|error| TestCaseError::fail(error.to_string()))?;
        for problem in judged(&object, &spec).err().map(|invalid| invalid.problems).unwrap_or_default() {
            let inside = problem.field.ends_with("configurationUpdate.merge") || problem.field.contains(".reset[");
            prop_assert!(inside, "{problem}");
        }
        Ok(())
    });
    outcome.unwrap();
    assert!(let_in.get() > 40, "only {} were let in: the strategy says nothing", let_in.get());
}

/// The API server drops an explicit null where the schema takes none.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(key, value)| (key, without_nulls(value)))
            .collect(),
        other => other,
    }
}
