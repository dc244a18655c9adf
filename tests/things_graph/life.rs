//! The life of a system instance that nobody disturbs.

use std::time::Duration;

use greengrass_emulator::SystemInstanceStatus;
use serde_json::json;

use super::{SOON, definition, forced, id, in_cloud, in_group, instance, status_of, with, world, writes};
use crate::world::{condition, virtual_time::is};

#[test]
fn in_a_group_it_is_created_deployed_followed_and_shown() {
    let world = world("tg-group");
    world.try_apply(&in_group("room")).unwrap();
    let moving = world.wait_for("room", "False", "RollingOut");
    assert_eq!(condition(&moving, "RolledOut").unwrap()["reason"], "InProgress");
    let object = world.wait_for_within("room", "True", "Deployed", SOON);
    let (status, made) = (&object["status"], instance(&world, "Room218").unwrap());
    assert_eq!(status["id"], id("Room218"));
    assert_eq!(status["arn"], made.arn);
    assert_eq!(status["status"], "DEPLOYED_IN_TARGET");
    assert_eq!(status["greengrassGroupName"], "Room218Group");
    assert_eq!(status["greengrassGroupId"], made.greengrass_group_id.clone().unwrap());
    assert_eq!(status["greengrassGroupVersionId"], made.greengrass_group_version_id.clone().unwrap());
    assert_eq!(status["greengrassDeploymentId"], made.deployments[0].greengrass_deployment_id.clone().unwrap());
    let at = |field: &str| status[field].as_str().unwrap().parse::<jiff::Timestamp>().unwrap().as_second();
    assert_eq!((at("createdAt"), at("updatedAt")), (made.created_at.as_second(), made.updated_at.as_second()));
    assert_eq!(status["settled"], true);
    assert!(status["intent"].is_null());
    assert_eq!(condition(&object, "Synced").unwrap()["status"], "True");
    assert_eq!(condition(&object, "RolledOut").unwrap()["reason"], "Completed");
    assert_eq!(made.tags["greengrass-operator.dev/resource"], format!("{}/room", world.namespace));
    assert_eq!(writes(&world), [("CreateSystemInstance", 1), ("DeploySystemInstance", 1)].into());
}

#[test]
fn in_the_cloud_it_is_there_at_once() {
    let world = world("tg-cloud");
    let metrics = json!({"cloudMetricEnabled": true, "metricRuleRoleArn": "arn:aws:iam::123456789012:role/Metrics"});
    world.try_apply(&with(in_cloud("room"), "metricsConfiguration", metrics)).unwrap();
    let object = world.wait_for("room", "True", "Deployed");
    assert!(object["status"]["greengrassDeploymentId"].is_null());
    let made = instance(&world, "Room219").unwrap();
    assert!(made.cloud_metric_enabled);
    assert_eq!(made.metric_rule_role_arn.as_deref(), Some("arn:aws:iam::123456789012:role/Metrics"));
    assert_eq!(made.flow_actions_role_arn.as_deref(), Some("arn:aws:iam::123456789012:role/FlowActions"));
}

#[test]
fn at_rest_it_is_read_once_an_interval_and_nothing_is_written() {
    let world = world("tg-idle");
    world.try_apply(&in_cloud("room")).unwrap();
    let before = world.wait_for("room", "True", "Deployed");
    world.pass(Duration::from_mins(1));
    let calls = world.calls().len();
    world.pass(Duration::from_hours(1));
    let reads = world.calls().len() - calls;
    assert!((10..=14).contains(&reads), "{reads} in an hour at one every five minutes");
    assert_eq!(world.object("room").unwrap()["metadata"]["resourceVersion"], before["metadata"]["resourceVersion"]);
}

#[test]
fn what_is_not_to_run_is_created_and_rests_until_it_is_to_run_and_rests_again() {
    let world = world("tg-rest");
    world.try_apply(&with(in_group("room"), "deployed", json!(false))).unwrap();
    world.wait_for("room", "True", "NotDeployed");
    assert_eq!(writes(&world), [("CreateSystemInstance", 1)].into());
    world.try_apply(&in_group("room")).unwrap();
    world.wait_for_within("room", "True", "Deployed", SOON);
    world.try_apply(&with(in_group("room"), "deployed", json!(false))).unwrap();
    world.wait_for("room", "False", "RollingOut");
    let object = world.wait_for_within("room", "True", "NotDeployed", SOON);
    assert_eq!(object["status"]["status"], "DELETED_IN_TARGET");
    world.try_apply(&in_group("room")).unwrap();
    world.wait_for_within("room", "True", "Deployed", SOON);
    let expected = [("CreateSystemInstance", 1), ("DeploySystemInstance", 2), ("UndeploySystemInstance", 1)];
    assert_eq!(writes(&world), expected.into(), "each change once");
}

#[test]
fn a_change_of_mind_while_it_is_on_its_way_ends_where_the_spec_says() {
    let world = world("tg-mind");
    world.try_apply(&in_group("room")).unwrap();
    world.wait_for("room", "False", "RollingOut");
    world.try_apply(&with(in_group("room"), "deployed", json!(false))).unwrap();
    world.pass(Duration::from_secs(3));
    world.try_apply(&in_group("room")).unwrap();
    world.pass(Duration::from_secs(3));
    world.try_apply(&with(in_group("room"), "deployed", json!(false))).unwrap();
    world.wait_for_within("room", "True", "NotDeployed", 2 * SOON);
    world.try_apply(&in_group("room")).unwrap();
    world.pass(Duration::from_secs(3));
    world.try_apply(&with(in_group("room"), "deployed", json!(false))).unwrap();
    world.pass(Duration::from_secs(15));
    world.try_apply(&in_group("room")).unwrap();
    world.wait_for_within("room", "True", "Deployed", 3 * SOON);
}

#[test]
fn a_redeploy_request_deploys_once_more_and_a_restart_does_not() {
    let mut world = world("tg-again");
    world.try_apply(&in_group("room")).unwrap();
    let first = world.wait_for_within("room", "True", "Deployed", SOON);
    world.annotate("room", "redeploy-at", "1");
    let is_again =
        |object: &serde_json::Value| is(object, "True", "Deployed") && object["status"]["lastHandledRedeployAt"] == "1";
    let again = world.wait_until("room", "deployed again", SOON, is_again);
    let version = |object: &serde_json::Value| object["status"]["greengrassGroupVersionId"].clone();
    assert_ne!(version(&first), version(&again));
    assert_eq!(world.count("DeploySystemInstance"), 2);
    world.restart_operator();
    world.lose_status("room");
    world.wait_until("room", "found again", SOON, is_again);
    assert_eq!(world.count("DeploySystemInstance"), 2, "its tags tell that the request was handled");
    assert_eq!(world.count("CreateSystemInstance"), 1);
}

#[test]
fn a_reconcile_request_is_one_look() {
    let world = world("tg-look");
    world.try_apply(&in_cloud("room")).unwrap();
    world.wait_for("room", "True", "Deployed");
    world.pass(Duration::from_secs(1));
    let looks = world.count("GetSystemInstance");
    world.annotate("room", "reconcile-at", "now");
    world.wait_until("room", "looked at", SOON, |object| object["status"]["lastHandledReconcileAt"] == "now");
    assert_eq!(world.count("GetSystemInstance"), looks + 1);
}

#[test]
fn tags_are_changed_in_place() {
    let world = world("tg-tags");
    world.try_apply(&with(in_cloud("room"), "tags", json!({"floor": "2", "team": "a"}))).unwrap();
    world.wait_for("room", "True", "Deployed");
    assert_eq!(instance(&world, "Room219").unwrap().tags["floor"], "2");
    assert_eq!(world.count("TagResource"), 0, "it was created with them");
    world.try_apply(&with(in_cloud("room"), "tags", json!({"team": "b"}))).unwrap();
    world.wait("the tags to change", SOON, || {
        let tags = instance(&world, "Room219").unwrap().tags;
        tags.get("team").is_some_and(|team| team == "b") && !tags.contains_key("floor")
    });
    world.wait_for("room", "True", "Deployed");
    world.pass(Duration::from_mins(30));
    assert_eq!((world.count("TagResource"), world.count("UntagResource")), (1, 1));
    assert_eq!(writes(&world)["CreateSystemInstance"], 1);
}

#[test]
fn a_definition_may_stand_in_a_config_map() {
    let world = world("tg-map");
    let mut room = in_cloud("room");
    room["spec"]["definition"] = json!({"configMapKeyRef": {"name": "rooms", "key": "room.graphql"}});
    world.try_apply(&room).unwrap();
    let waiting = world.wait_for("room", "False", "ProgressingWithRetry");
    let message = condition(&waiting, "Ready").unwrap()["message"].as_str().unwrap().to_owned();
    assert!(message.contains("ConfigMap rooms is not there"), "{message}");
    world.apply_config_map("rooms", &json!({"room.graphql": definition("Room219", "Camera219")}));
    world.wait_for("room", "True", "Deployed");
    world.apply_config_map("rooms", &json!({"room.graphql": definition("Room219", "Camera220")}));
    world.wait("the new definition", SOON, || {
        instance(&world, "Room219").is_some_and(|made| made.definition.contains("Camera220"))
    });
    world.wait_for_within("room", "True", "Deployed", SOON);
    world.apply_config_map("rooms", &json!({"room.graphql": "query {"}));
    let refused = world.wait_for("room", "False", "InvalidSpec");
    let message = condition(&refused, "Ready").unwrap()["message"].as_str().unwrap().to_owned();
    assert!(message.starts_with("spec.definition.configMapKeyRef: definition is no GraphQL document"), "{message}");
    assert!(instance(&world, "Room219").is_some(), "what runs goes on");
}

#[test]
fn each_status_of_the_service_is_shown_as_what_it_means() {
    let world = world("tg-each");
    world.try_apply(&in_group("room")).unwrap();
    world.wait_for_within("room", "True", "Deployed", SOON);
    for (status, ready, reason) in [
        (SystemInstanceStatus::Bootstrap, "False", "RollingOut"),
        (SystemInstanceStatus::DeployInProgress, "False", "RollingOut"),
        (SystemInstanceStatus::UndeployInProgress, "False", "RollingOut"),
        (SystemInstanceStatus::PendingDelete, "False", "RollingOut"),
        (SystemInstanceStatus::Failed, "False", "RolloutFailed"),
        (SystemInstanceStatus::DeletedInTarget, "False", "Drifted"),
        (SystemInstanceStatus::NotDeployed, "False", "Drifted"),
        (SystemInstanceStatus::DeployedInTarget, "True", "Deployed"),
    ] {
        world.pass(Duration::from_secs(1));
        forced(&world, "Room218", status);
        world.annotate("room", "reconcile-at", &format!("{status:?}"));
        // Two of them in a row say the same: only the status tells that the operator has looked.
        world.wait_until("room", &format!("{reason} by {status:?}"), Duration::from_secs(30), |object| {
            is(object, ready, reason) && object["status"]["status"] == json!(status)
        });
    }
    assert_eq!(status_of(&world, "Room218"), Some(SystemInstanceStatus::DeployedInTarget));
    assert_eq!(writes(&world)["DeploySystemInstance"], 1);
}
