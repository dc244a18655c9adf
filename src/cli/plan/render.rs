//! A plan as people read it. Pure.

use std::fmt::Write as _;

use greengrass_operator_core::deployment::difference::{ComponentDifference, Difference, KeyDifference};
use serde_json::Value;

use super::super::output::{Meaning, Screen, clean};
use super::instances::SYSTEM_INSTANCE;
use super::planned::{Action, Plan, Planned, Summary};

/// A value is shown up to here: a whole configuration would hide what matters.
const VALUE_LENGTH: usize = 120;

/// The plan.
pub(super) fn text(plan: &Plan, screen: Screen) -> String {
    let mut text = String::new();
    for resource in &plan.resources {
        describe(resource, screen, &mut text);
        text.push('\n');
    }
    let _ = writeln!(text, "Plan: {}.", summary(plan.summary));
    text
}

fn describe(resource: &Planned, screen: Screen, text: &mut String) {
    let (sign, meaning, words) =
        if resource.kind == SYSTEM_INSTANCE { words_of_instance(resource) } else { words(resource) };
    let target = resource.target_arn.as_deref().map(short_target).unwrap_or_default();
    let below = resource
        .parent_target_arn
        .as_deref()
        .map(|parent| format!(", in place of {}", name(parent)))
        .unwrap_or_default();
    let title = format!("{sign} {}/{}", resource.namespace, resource.name);
    let _ =
        writeln!(text, "{}{}{target}{below}", screen.paint(meaning, &title), if target.is_empty() { "" } else { ": " });
    let _ = writeln!(text, "    {}", screen.paint(meaning, &words));
    if let Some(message) = resource.message.as_deref().filter(|message| !message.is_empty()) {
        let reason = resource.reason.as_deref().map(|reason| format!("{reason}: ")).unwrap_or_default();
        let _ = writeln!(text, "    {reason}{}", clean(message));
    }
    for note in &resource.notes {
        let _ = writeln!(text, "    {}", screen.paint(Meaning::Aside, &format!("({})", clean(note))));
    }
    if let Some(difference) = &resource.difference {
        differences(difference, resource, screen, text);
    }
    for key in &resource.tags {
        key_difference(key, "    ", screen, text);
    }
}

fn words_of_instance(resource: &Planned) -> (&'static str, Meaning, String) {
    let same = "the system instance is there and is what the manifest says";
    let (sign, meaning, words) = match (resource.action, resource.cause) {
        (Action::Create, _) => ("+", Meaning::Good, "a system instance is created"),
        (Action::Revise, Some("replace")) => {
            ("~", Meaning::Moving, "the system instance is undeployed and deleted, and another one takes its place")
        }
        (Action::Revise, Some("undeploy")) => ("~", Meaning::Moving, "the system instance is undeployed"),
        (Action::Revise, _) => ("~", Meaning::Moving, "the system instance is deployed"),
        (Action::Adopt, _) => ("~", Meaning::Moving, "the system instance is taken over as it is: its tags change"),
        (Action::Retag, _) => ("~", Meaning::Moving, "tags of the system instance change"),
        (Action::Wait, _) => ("=", Meaning::Moving, "AWS is at work on the system instance"),
        (Action::None, _) => ("=", Meaning::Plain, same),
        (Action::Hold | Action::Blocked | Action::Invalid | Action::Unknown, _) => return words(resource),
    };
    (sign, meaning, words.to_owned())
}

fn words(resource: &Planned) -> (&'static str, Meaning, String) {
    let current = resource
        .current
        .as_ref()
        .map(|current| format!("revision {} ({})", current.revision_id, current.deployment_status));
    let above = current.clone().map(|current| format!(" above {current}")).unwrap_or_default();
    let cause =
        resource.cause.filter(|cause| *cause != "create" && *cause != "change").map(|cause| format!(", cause {cause}"));
    let cause = cause.unwrap_or_default();
    match resource.action {
        Action::Create => ("+", Meaning::Good, format!("a first revision is made{above}")),
        Action::Revise => ("~", Meaning::Moving, format!("a new revision is made{above}{cause}")),
        Action::Adopt => {
            ("~", Meaning::Moving, format!("{} is taken over as it is: its tags change", current.unwrap_or_default()))
        }
        Action::Retag => ("~", Meaning::Moving, format!("tags of {} change", current.unwrap_or_default())),
        Action::Wait => ("~", Meaning::Moving, format!("a new revision follows its parent's{cause}")),
        Action::None => {
            ("=", Meaning::Plain, format!("nothing changes{}", current.map(|it| format!(": {it}")).unwrap_or_default()))
        }
        Action::Hold => ("=", Meaning::Moving, "nothing is written while spec.suspend is true; then:".to_owned()),
        Action::Blocked => ("!", Meaning::Bad, "nothing is written: a person must act first".to_owned()),
        Action::Invalid => ("!", Meaning::Bad, "the manifest can't be used".to_owned()),
        Action::Unknown => ("?", Meaning::Bad, "what would happen is not known".to_owned()),
    }
}

fn differences(difference: &Difference, resource: &Planned, screen: Screen, text: &mut String) {
    let Difference { components, settings } = difference;
    for (name, component) in components {
        let (sign, meaning, keys) = match component {
            ComponentDifference::Added(keys) => ("+", Meaning::Good, keys),
            ComponentDifference::Removed(keys) => ("-", Meaning::Bad, keys),
            ComponentDifference::Changed(keys) => ("~", Meaning::Moving, keys),
        };
        let _ = writeln!(text, "    {}", screen.paint(meaning, &format!("{sign} component {}", clean(name))));
        // What goes with a component says nothing more than that it goes.
        let shown = keys.iter().filter(|key| sign != "-" || key.field == "componentVersion");
        shown.for_each(|key| key_difference(key, "        ", screen, text));
        for pointer in resource.resets.get(name).into_iter().flatten() {
            let _ = writeln!(text, "        reset of {} on devices: an earlier revision has set it", clean(pointer));
        }
    }
    // Nothing else of these may have changed.
    for (name, pointers) in resource.resets.iter().filter(|(name, _)| !components.contains_key(*name)) {
        let _ = writeln!(text, "    ~ component {}", clean(name));
        for pointer in pointers {
            let _ = writeln!(text, "        reset of {} on devices: an earlier revision has set it", clean(pointer));
        }
    }
    for key in settings {
        key_difference(key, "    ", screen, text);
    }
}

fn key_difference(key: &KeyDifference, indent: &str, screen: Screen, text: &mut String) {
    let KeyDifference { field, pointer, before, after } = key;
    let place = match pointer.as_deref() {
        Some("") | None => field.clone(),
        Some(pointer) => format!("{} {}", field.trim_start_matches("configurationUpdate."), clean(pointer)),
    };
    let line = match (before, after) {
        (None, Some(after)) => screen.paint(Meaning::Good, &format!("+ {place}: {}", shown(after, screen))),
        (Some(before), None) => screen.paint(Meaning::Bad, &format!("- {place}: {}", shown(before, screen))),
        (Some(before), Some(after)) => screen.paint(
            Meaning::Moving,
            &format!("~ {place}: {} {} {}", shown(before, screen), screen.arrow(), shown(after, screen)),
        ),
        (None, None) => return,
    };
    let _ = writeln!(text, "{indent}{line}");
}

fn shown(value: &Value, screen: Screen) -> String {
    let text = match value {
        Value::String(text) if !text.is_empty() => clean(text),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
            clean(&value.to_string())
        }
    };
    match text.char_indices().nth(VALUE_LENGTH) {
        Some((end, _)) => format!("{}{}", text.get(..end).unwrap_or_default(), screen.more()),
        None => text,
    }
}

fn short_target(arn: &str) -> String {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    match parts.as_slice() {
        [_, _, "iotthingsgraph", region, account, _] => {
            format!(
                "system instance {} in {account} {region}",
                arn.rsplit_once("/default/").map_or(arn, |(_, name)| name)
            )
        }
        [_, _, _, region, account, resource] => {
            let kind = if resource.starts_with("thinggroup/") { "thing group" } else { "thing" };
            format!("{kind} {} in {account} {region}", name(arn))
        }
        _ => arn.to_owned(),
    }
}

fn name(arn: &str) -> &str {
    arn.rsplit_once('/').map_or(arn, |(_, name)| name)
}

fn summary(summary: Summary) -> String {
    let Summary { create, revise, adopt, retag, wait, none, hold, blocked, invalid, unknown } = summary;
    let counts = [
        (create, "to create"),
        (revise, "to revise"),
        (adopt, "to take over"),
        (retag, "to tag"),
        (wait, "to follow a parent"),
        (hold, "suspended with a change"),
        (blocked, "blocked"),
        (invalid, "invalid"),
        (unknown, "not known"),
    ];
    let mut words: Vec<String> =
        counts.iter().filter(|(count, _)| *count > 0).map(|(count, words)| format!("{count} {words}")).collect();
    words.push(format!("{none} unchanged"));
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::super::planned::Current;
    use super::*;

    const PIPE: Screen = Screen { is_terminal: false, has_colours: false, has_unicode: true, width: None };

    #[test]
    fn a_change_is_told_component_by_component_and_key_by_key() {
        let key = |field: &str, pointer: Option<&str>, before: Option<Value>, after: Option<Value>| KeyDifference {
            field: field.into(),
            pointer: pointer.map(Into::into),
            before,
            after,
        };
        let components = BTreeMap::from([
            (
                "com.example.Press".to_owned(),
                ComponentDifference::Changed(vec![
                    key("componentVersion", None, Some(json!("1.0.0")), Some(json!("1.1.0"))),
                    key("configurationUpdate.merge", Some("/a/b"), Some(json!(1)), Some(json!(3))),
                    key("configurationUpdate.merge", Some("/gone"), Some(json!("x")), None),
                ]),
            ),
            (
                "com.example.Old".to_owned(),
                ComponentDifference::Removed(vec![
                    key("componentVersion", None, Some(json!("1.0.0")), None),
                    key("configurationUpdate.merge", Some("/a"), Some(json!(1)), None),
                ]),
            ),
        ]);
        let settings = vec![key(
            "deploymentPolicies.failureHandlingPolicy",
            None,
            Some(json!("ROLLBACK")),
            Some(json!("DO_NOTHING")),
        )];
        let resource = Planned {
            namespace: "plant".into(),
            name: "presses".into(),
            source: "presses.yaml".into(),
            kind: "GreengrassDeployment",
            action: Action::Revise,
            target_arn: Some("arn:aws:iot:eu-central-1:123456789012:thinggroup/Presses".into()),
            parent_target_arn: None,
            cause: Some("change"),
            reason: None,
            message: None,
            current: Some(Current { deployment_id: "d".into(), revision_id: 3, deployment_status: "ACTIVE" }),
            difference: Some(Difference { components, settings }),
            resets: BTreeMap::from([("com.example.Press".to_owned(), vec!["/gone".to_owned()])]),
            tags: Vec::new(),
            notes: Vec::new(),
        };
        let resources = vec![resource];
        let mut plan = Plan { summary: Summary::of(&resources), resources };
        assert_eq!(
            text(&plan, PIPE),
            "~ plant/presses: thing group Presses in 123456789012 eu-central-1
    a new revision is made above revision 3 (ACTIVE)
    - component com.example.Old
        - componentVersion: 1.0.0
    ~ component com.example.Press
        ~ componentVersion: 1.0.0 → 1.1.0
        ~ merge /a/b: 1 → 3
        - merge /gone: x
        reset of /gone on devices: an earlier revision has set it
    ~ deploymentPolicies.failureHandlingPolicy: ROLLBACK → DO_NOTHING

Plan: 1 to revise, 0 unchanged.
"
        );
        plan.resources.iter_mut().for_each(Planned::hide_values);
        let hidden = text(&plan, PIPE);
        assert!(hidden.contains("~ componentVersion: 1.0.0 → 1.1.0"), "{hidden}");
        assert!(hidden.contains("- merge /gone: (hidden)"), "{hidden}");
    }
}
