//! docs/repairing.md quotes what a system instance says when a person has to act.

use std::time::Duration;

use greengrass_emulator::{Operation, Scope};
use serde_json::{Value, json};

use super::{SOON, definition, id, in_cloud, in_group, parsed, with, world};
use crate::world::{ACCOUNT, REGION, condition};

/// Asserts that the page has the message, whatever the time of day.
fn is_quoted(object: &Value) {
    let page = include_str!("../../docs/repairing.md").replace("\n> ", " ");
    let page = page.split_whitespace().collect::<Vec<_>>().join(" ");
    let message = condition(object, "Stalled").unwrap()["message"].as_str().unwrap();
    let parts = match message.split_once(" UTC") {
        Some((before, after)) => [before.rsplit_once(' ').unwrap().0, after],
        None => [message, ""],
    };
    for part in parts {
        assert!(page.contains(part), "docs/repairing.md does not quote: {part}");
    }
}

#[test]
fn the_runbook_quotes_what_a_system_instance_says() {
    let world = world("tg-words");
    let scope = Scope::new(ACCOUNT, REGION);
    world.emulator.fail_system_instance_deployments(&parsed("Room218"), 1);
    world.try_apply(&in_group("elder")).unwrap();
    is_quoted(&world.wait_for_within("elder", "False", "RolloutFailed", SOON));
    world.annotate("elder", "redeploy-at", "1");
    world.wait_for_within("elder", "True", "Deployed", SOON);
    world.try_apply(&in_group("younger")).unwrap();
    is_quoted(&world.wait_for("younger", "False", "TargetConflict"));

    let request = json!({"id": id("Room218")});
    world.emulator.perform(&scope, Operation::UndeploySystemInstance, &request).unwrap();
    is_quoted(&world.wait_for_within("elder", "False", "Drifted", Duration::from_mins(10)));

    let theirs = json!({
        "definition": {"language": "GRAPHQL", "text": definition("Room219", "Theirs")},
        "target": "CLOUD", "flowActionsRoleArn": "arn:aws:iam::123456789012:role/FlowActions",
    });
    world.emulator.create_system_instance(ACCOUNT, REGION, &theirs).unwrap();
    let ours = with(in_cloud("ours"), "definition", json!({"text": definition("Room219", "Ours")}));
    world.try_apply(&ours).unwrap();
    is_quoted(&world.wait_for("ours", "False", "ForeignRevision"));
}
