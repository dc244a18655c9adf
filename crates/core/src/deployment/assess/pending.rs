//! What a new revision would change of the target's newest deployment: names, versions and keys, never values. Pure.

use std::collections::BTreeSet;

use serde_json::Value;

use super::super::desired::Desired;
use super::super::difference::{ComponentDifference, Difference, KeyDifference};
use super::super::knowledge::DeployedContent;

/// Lines that are shown; one more says how many are left out.
const LINES_AT_MOST: usize = 20;

/// Characters of a key that are shown.
const KEY_LENGTH: usize = 64;

/// Keys of one component that are shown.
const KEYS_AT_MOST: usize = 5;

pub(super) fn lines(desired: &Desired, deployed: &DeployedContent) -> Vec<String> {
    let Difference { components, settings } = Difference::between(Some(deployed), desired);
    let component = |(name, difference): (&String, &ComponentDifference)| {
        let change = match difference {
            ComponentDifference::Added(keys) => format!("{} is added", version(keys, |key| &key.after)),
            ComponentDifference::Removed(keys) => format!("{} is removed", version(keys, |key| &key.before)),
            ComponentDifference::Changed(keys) => changes(keys),
        };
        format!("component {name}: {change}")
    };
    let mut lines: Vec<String> = components.iter().map(component).collect();
    let fields: BTreeSet<&str> = settings.iter().map(|key| first_part(&key.field)).collect();
    lines.extend(fields.into_iter().map(str::to_owned));
    if lines.len() > LINES_AT_MOST {
        let more = lines.len() - LINES_AT_MOST;
        lines.truncate(LINES_AT_MOST);
        lines.push(format!("and {more} more"));
    }
    lines
}

fn changes(keys: &[KeyDifference]) -> String {
    let of_field = |name: &'static str| keys.iter().filter(move |key| key.field == name);
    let mut changes = Vec::new();
    if of_field("componentVersion").next().is_some() {
        changes.push(format!("{} becomes {}", version(keys, |key| &key.before), version(keys, |key| &key.after)));
    }
    let merged: Vec<&str> =
        of_field("configurationUpdate.merge").map(|key| key.pointer.as_deref().unwrap_or("numbers")).collect();
    if !merged.is_empty() {
        let short = |key: &&str| key.chars().take(KEY_LENGTH).collect::<String>();
        let shown: Vec<String> = merged.iter().take(KEYS_AT_MOST).map(short).collect();
        let more = merged.len().checked_sub(KEYS_AT_MOST).filter(|more| *more > 0);
        let more = more.map(|more| format!(" and {more} more")).unwrap_or_default();
        changes.push(format!("merge of {}{more}", shown.join(", ")));
    }
    if of_field("configurationUpdate.reset").next().is_some() {
        changes.push("reset".to_owned());
    }
    if keys.iter().any(|key| first_part(&key.field) == "runWith") {
        changes.push("runWith".to_owned());
    }
    changes.join("; ")
}

fn version(keys: &[KeyDifference], side: impl Fn(&KeyDifference) -> &Option<Value>) -> String {
    let key = keys.iter().find(|key| key.field == "componentVersion");
    key.and_then(|key| side(key).as_ref()?.as_str()).unwrap_or_default().to_owned()
}

fn first_part(field: &str) -> &str {
    field.split('.').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;
    use crate::api::GreengrassDeploymentSpec;
    use crate::deployment::references::References;
    use crate::deployment::request::ComponentRequest;
    use crate::deployment::validate::validate;
    use crate::names::ObjectName;

    fn component(version: &str, merge: &str) -> ComponentRequest {
        ComponentRequest {
            component_version: version.into(),
            merge: Some(merge.into()),
            reset: Vec::new(),
            run_with: None,
        }
    }

    #[test]
    fn names_versions_and_keys_are_told_and_no_value() {
        let spec: GreengrassDeploymentSpec = serde_json::from_value(json!({
            "targetArn": "arn:aws:iot:eu-central-1:123456789012:thinggroup/Presses",
            "components": {
                "com.example.Press": {"componentVersion": "1.1.0", "configurationUpdate": {"merge": {"secret": "new", "same": 1}}},
                "com.example.New": {"componentVersion": "1.0.0"},
            },
        }))
        .unwrap();
        let name = ObjectName { namespace: "plant".into(), name: "presses".into() };
        let desired = validate(&name, &spec, &References::unrestricted()).unwrap();
        let components = BTreeMap::from([
            ("com.example.Press".to_owned(), component("1.0.0", r#"{"secret": "old", "same": 1, "gone": {"a": 1}}"#)),
            ("com.example.Old".to_owned(), component("2.0.0", "{}")),
        ]);
        let deployed = DeployedContent { components, ..DeployedContent::default() };
        assert_eq!(
            lines(&desired, &deployed),
            [
                "component com.example.New: 1.0.0 is added",
                "component com.example.Old: 2.0.0 is removed",
                "component com.example.Press: 1.0.0 becomes 1.1.0; merge of /gone/a, /secret",
            ]
        );
    }

    #[test]
    fn a_long_list_is_cut_and_says_so() {
        let spec: GreengrassDeploymentSpec = serde_json::from_value(json!({
            "targetArn": "arn:aws:iot:eu-central-1:123456789012:thinggroup/Presses",
            "components": {}, "allowEmpty": true,
        }))
        .unwrap();
        let name = ObjectName { namespace: "plant".into(), name: "presses".into() };
        let desired = validate(&name, &spec, &References::unrestricted()).unwrap();
        let components = (0..30).map(|n| (format!("c{n}"), component("1.0.0", "{}"))).collect();
        let lines = lines(&desired, &DeployedContent { components, ..DeployedContent::default() });
        assert_eq!((lines.len(), lines.last().map(String::as_str)), (21, Some("and 10 more")));
    }
}
