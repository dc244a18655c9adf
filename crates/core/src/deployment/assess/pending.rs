//! What a new revision would change of the target's newest deployment: names, versions and keys, never values. Pure.

use std::collections::BTreeSet;

use super::super::configuration::set_by;
use super::super::desired::{Component, Desired};
use super::super::knowledge::DeployedContent;
use super::super::request::ComponentRequest;
use crate::names::TargetKind;

/// Lines that are shown; one more says how many are left out.
const LINES_AT_MOST: usize = 20;

/// Characters of a key that are shown.
const KEY_LENGTH: usize = 64;

/// Keys of one component that are shown.
const KEYS_AT_MOST: usize = 5;

pub(super) fn lines(desired: &Desired, deployed: &DeployedContent) -> Vec<String> {
    let content = &desired.content;
    let names: BTreeSet<&String> = content.components.keys().chain(deployed.components.keys()).collect();
    let mut lines: Vec<String> = names
        .into_iter()
        .filter_map(|name| {
            let change = match (deployed.components.get(name), content.components.get(name)) {
                (None, Some(wanted)) => Some(format!("{} is added", wanted.version)),
                (Some(there), None) => Some(format!("{} is removed", there.component_version)),
                (Some(there), Some(wanted)) => component(there, wanted),
                (None, None) => None,
            }?;
            Some(format!("component {name}: {change}"))
        })
        .collect();
    if content.name.is_some() && content.name != deployed.name {
        lines.push("deploymentName".to_owned());
    }
    if content.policies != deployed.policies {
        lines.push("deploymentPolicies".to_owned());
    }
    if desired.key.target.kind() == TargetKind::ThingGroup && content.job != deployed.job {
        lines.push("iotJobConfiguration".to_owned());
    }
    if lines.len() > LINES_AT_MOST {
        let more = lines.len() - LINES_AT_MOST;
        lines.truncate(LINES_AT_MOST);
        lines.push(format!("and {more} more"));
    }
    lines
}

fn component(there: &ComponentRequest, wanted: &Component) -> Option<String> {
    let mut changes = Vec::new();
    let version = wanted.version.to_string();
    if there.component_version != version {
        changes.push(format!("{} becomes {version}", there.component_version));
    }
    let keys = changed_keys(there, wanted);
    if !keys.is_empty() {
        let short = |key: &String| key.chars().take(KEY_LENGTH).collect::<String>();
        let shown: Vec<String> = keys.iter().take(KEYS_AT_MOST).map(short).collect();
        let more = keys.len().checked_sub(KEYS_AT_MOST).filter(|more| *more > 0);
        let more = more.map(|more| format!(" and {more} more")).unwrap_or_default();
        changes.push(format!("merge of {}{more}", shown.join(", ")));
    }
    if there.reset != wanted.reset {
        changes.push("reset".to_owned());
    }
    if there.run_with != wanted.run_with {
        changes.push("runWith".to_owned());
    }
    (!changes.is_empty()).then(|| changes.join("; "))
}

fn changed_keys(there: &ComponentRequest, wanted: &Component) -> BTreeSet<String> {
    let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap_or_default();
    let before = there.merge.as_deref().map(read).unwrap_or_default();
    let after = wanted.merge.as_ref().map(|merge| merge.value.clone()).unwrap_or_default();
    let set = |value: Option<&serde_json::Map<String, serde_json::Value>>| value.map(set_by).unwrap_or_default();
    let (old, new) = (set(before.as_object()), set(Some(&after)));
    let after = serde_json::Value::Object(after);
    old.iter()
        .chain(new.iter())
        .filter(|pointer| before.pointer(pointer) != after.pointer(pointer))
        .map(ToOwned::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;
    use crate::api::GreengrassDeploymentSpec;
    use crate::deployment::references::References;
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
