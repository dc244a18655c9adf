//! What was accepted once is accepted for good: the definitions of 0.1 against today's, and objects of earlier ones
//! against the types. Pure.

use greengrass_operator_core::api::schema::{Definition, definitions};
use greengrass_operator_core::api::{AwsIdentity, GreengrassDeployment};
use serde_json::{Map, Value};

use crate::offline::Server;

/// Rules that came after 0.1 though they refuse what it took, by their message, each with why that is right all the
/// same.
const NEW_RULES: [(&str, &str); 0] = [];

/// What says nothing about which values are accepted.
const WORDS: [&str; 2] = ["description", "title"];

/// None: it came later.
fn earlier(definition: Definition) -> Option<Value> {
    let text = match definition {
        Definition::GreengrassDeployment => {
            include_str!(
                "../../../../tests/compatibility/definitions-0.1/greengrass-operator.dev_greengrassdeployments.yaml"
            )
        }
        Definition::AwsIdentity => {
            include_str!("../../../../tests/compatibility/definitions-0.1/greengrass-operator.dev_awsidentities.yaml")
        }
        Definition::SystemInstance => return None,
    };
    Some(serde_saphyr::from_str(text).unwrap())
}

fn today(definition: Definition) -> Value {
    serde_saphyr::from_str(&definition.yaml()).unwrap()
}

/// What today's definition takes away from what the earlier one promised.
#[derive(Default)]
struct Losses(Vec<String>);

impl Losses {
    fn note(&mut self, path: &str, what: &str) {
        self.0.push(format!("{path}: {what}"));
    }

    /// A schema accepts all that it accepted, and keeps every field.
    fn of_schema(&mut self, path: &str, before: &Map<String, Value>, now: &Map<String, Value>) {
        for keyword in before.keys().chain(now.keys().filter(|keyword| !before.contains_key(*keyword))) {
            let (was, is) = (before.get(keyword), now.get(keyword));
            match keyword.as_str() {
                words if WORDS.contains(&words) => {}
                "properties" => self.of_fields(path, was, is),
                "items" | "additionalProperties" => match (object(was), object(is)) {
                    (Some(was), Some(is)) => self.of_schema(&format!("{path}[]"), was, is),
                    _ if was == is => {}
                    _ => self.note(path, &format!("{keyword} came or went")),
                },
                "required" => {
                    for field in texts(is).filter(|field| !texts(was).any(|before| before == *field)) {
                        self.note(path, &format!("{field} has become required"));
                    }
                }
                "enum" => {
                    for value in values(was).filter(|value| is.is_some() && !values(is).any(|now| now == *value)) {
                        self.note(path, &format!("{value} is refused"));
                    }
                    if was.is_none() {
                        self.note(path, "only some values are taken");
                    }
                }
                "maximum" | "maxLength" | "maxItems" | "maxProperties" => {
                    if number(is).is_some_and(|is| number(was).is_none_or(|was| is < was)) {
                        self.note(path, &format!("{keyword} has come down"));
                    }
                }
                "minimum" | "minLength" | "minItems" | "minProperties" => {
                    if number(is).is_some_and(|is| number(was).is_none_or(|was| is > was)) {
                        self.note(path, &format!("{keyword} has gone up"));
                    }
                }
                // One that goes lets more in.
                "pattern" | "not" | "format" if is.is_none() => {}
                "x-kubernetes-validations" => self.of_rules(path, was, is),
                "type"
                | "pattern"
                | "not"
                | "format"
                | "default"
                | "x-kubernetes-list-type"
                | "x-kubernetes-list-map-keys"
                | "x-kubernetes-map-type"
                | "x-kubernetes-preserve-unknown-fields" => {
                    if was != is {
                        self.note(path, &format!("{keyword} has changed"));
                    }
                }
                other => panic!("{path}: say here what a change of {other} means"),
            }
        }
    }

    fn of_fields(&mut self, path: &str, was: Option<&Value>, is: Option<&Value>) {
        for (name, was) in object(was).into_iter().flatten() {
            match object(is).and_then(|fields| fields.get(name)) {
                Some(is) => {
                    self.of_schema(&format!("{path}.{name}"), was.as_object().unwrap(), is.as_object().unwrap());
                }
                None => self.note(path, &format!("the field {name} is gone")),
            }
        }
    }

    fn of_rules(&mut self, path: &str, was: Option<&Value>, is: Option<&Value>) {
        let is_new = |rule: &&Value| !values(was).any(|before| before["rule"] == rule["rule"]);
        for rule in values(is).filter(is_new) {
            let message = rule["message"].as_str().unwrap();
            if !NEW_RULES.iter().any(|(listed, _)| *listed == message) {
                self.note(path, &format!("a rule is new: {message}"));
            }
        }
    }
}

fn object(value: Option<&Value>) -> Option<&Map<String, Value>> {
    value.and_then(Value::as_object)
}

fn values(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    value.and_then(Value::as_array).into_iter().flatten()
}

fn texts(value: Option<&Value>) -> impl Iterator<Item = &str> {
    values(value).filter_map(Value::as_str)
}

fn number(value: Option<&Value>) -> Option<f64> {
    value.and_then(Value::as_f64)
}

fn version(definition: &Value) -> &Value {
    let versions = definition["spec"]["versions"].as_array().unwrap();
    versions.iter().find(|version| version["name"] == "v1alpha1").unwrap()
}

fn losses(before: &Value, now: &Value) -> Vec<String> {
    let mut losses = Losses::default();
    let schema = |definition: &Value| version(definition)["schema"]["openAPIV3Schema"].as_object().unwrap().clone();
    losses.of_schema("", &schema(before), &schema(now));
    losses.0
}

#[test]
fn todays_definitions_take_nothing_away_from_those_of_0_1() {
    for definition in definitions() {
        let (Some(before), now) = (earlier(definition), today(definition)) else { continue };
        assert_eq!(losses(&before, &now), Vec::<String>::new(), "{definition:?}");
        for field in ["group", "scope"] {
            assert_eq!(now["spec"][field], before["spec"][field]);
        }
        assert_eq!(now["spec"]["names"]["plural"], before["spec"]["names"]["plural"]);
        for list in ["shortNames", "categories"] {
            let kept = |name: &Value| values(now["spec"]["names"].get(list)).any(|now| now == name);
            assert!(values(before["spec"]["names"].get(list)).all(kept), "{definition:?} has lost one of its {list}");
        }
        let version = version(&now);
        assert!(version["served"] == true && version["storage"] == true);
        let selectable = |field: &Value| values(version.get("selectableFields")).any(|now| now == field);
        assert!(values(self::version(&before).get("selectableFields")).all(selectable), "{definition:?}");
    }
}

/// A change of a schema.
type Change<'a> = &'a dyn Fn(&mut Value);

/// The comparison finds what it is for: each change of the definition, with what is said of it.
#[test]
fn each_way_to_take_something_away_is_found() {
    let before = today(Definition::GreengrassDeployment);
    let spec = "/spec/versions/0/schema/openAPIV3Schema/properties/spec";
    let changed = |at: &str, change: Change<'_>| {
        let mut now = before.clone();
        change(now.pointer_mut(&format!("{spec}{at}")).unwrap_or_else(|| panic!("{at} is not there")));
        losses(&before, &now)
    };
    let set = |key: &'static str, value: Value| move |schema: &mut Value| schema[key] = value.clone();
    let cases: [(&str, Change<'_>, &str); 9] = [
        (
            "/properties",
            &|fields| drop(fields.as_object_mut().unwrap().remove("suspend")),
            ".spec: the field suspend is gone",
        ),
        ("/properties/suspend", &set("type", "string".into()), ".spec.suspend: type has changed"),
        ("", &|spec| spec["required"].as_array_mut().unwrap().push("tags".into()), ".spec: tags has become required"),
        (
            "/properties/driftPolicy",
            &set("enum", Value::from(vec!["Warn"])),
            ".spec.driftPolicy: \"Correct\" is refused",
        ),
        ("/properties/deploymentName", &set("maxLength", 64.into()), ".spec.deploymentName: maxLength has come down"),
        ("/properties/deploymentName", &set("minLength", 2.into()), ".spec.deploymentName: minLength has gone up"),
        ("/properties/deploymentName", &set("pattern", "^a".into()), ".spec.deploymentName: pattern has changed"),
        (
            "/properties/suspend",
            &set("x-kubernetes-validations", serde_json::json!([{"rule": "self", "message": "never"}])),
            ".spec.suspend: a rule is new: never",
        ),
        ("/properties/tags", &set("maxProperties", 20.into()), ".spec.tags: maxProperties has come down"),
    ];
    for (at, change, said) in cases {
        assert_eq!(changed(at, change), [said], "{at}");
    }
    // What lets more in is fine.
    let wider: [(&str, Change<'_>); 4] = [
        ("/properties/deploymentName", &set("maxLength", 300.into())),
        ("/properties/driftPolicy", &|policy| policy["enum"].as_array_mut().unwrap().push("Ask".into())),
        ("/properties", &|fields| fields["new"] = serde_json::json!({"type": "string"})),
        ("/properties/removeTimeout", &|timeout| drop(timeout.as_object_mut().unwrap().remove("pattern"))),
    ];
    for (at, change) in wider {
        assert_eq!(changed(at, change), [""; 0], "{at}");
    }
}

#[test]
fn objects_of_earlier_versions_are_accepted_and_read_without_loss() {
    let (deployments, identities) = (Server::new(), Server::of(Definition::AwsIdentity));
    let mut seen = 0;
    for line in include_str!("../../../../tests/compatibility/objects.jsonl").lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let (object, about) = (&line["object"], &line["writtenBy"]);
        let (server, read) = if object["kind"] == "AwsIdentity" {
            let read: AwsIdentity = serde_json::from_value(object.clone()).unwrap();
            (&identities, serde_json::to_value(read).unwrap())
        } else {
            let read: GreengrassDeployment = serde_json::from_value(object.clone()).unwrap();
            (&deployments, serde_json::to_value(read).unwrap())
        };
        assert_eq!(server.broken_keywords(object), [""; 0], "{about}");
        assert_eq!(server.sentences(object, None), [""; 0], "{about}");
        assert_eq!(without_empty(&read["spec"]), without_empty(&object["spec"]), "{about}");
        assert_eq!(without_empty(&read["status"]), without_empty(&object["status"]), "{about}");
        seen += 1;
    }
    assert!(seen > 40, "only {seen} objects were read");
}

/// A time may be written in several ways; what is absent may be written as nothing. Numbers are compared as doubles.
fn without_empty(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let kept = fields.iter().filter(|(_, value)| **value != Value::Array(Vec::new()));
            kept.map(|(name, value)| (name.clone(), without_empty(value))).collect::<Map<_, _>>().into()
        }
        Value::Array(items) => items.iter().map(without_empty).collect::<Vec<_>>().into(),
        Value::Number(number) => number.as_f64().into(),
        other => other.clone(),
    }
}
