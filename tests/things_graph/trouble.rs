//! What goes wrong, and what the resource says of it.

use std::time::Duration;

use greengrass_emulator::{FaultAction, FaultRule, Operation, SystemInstanceId, SystemInstanceStatus};
use serde_json::{Value, json};

use super::{SOON, id, in_cloud, in_group, instance, status_of, with, world, writes};
use crate::world::{VirtualWorld, condition, virtual_time::is};

fn message(object: &Value) -> String {
    condition(object, "Ready").and_then(|ready| ready["message"].as_str()).unwrap_or_default().to_owned()
}

#[test]
fn a_deployment_that_fails_is_said_and_tried_again_more_and_more_slowly() {
    let world = world("tg-failed");
    world.emulator.fail_system_instance_deployments(&SystemInstanceId::parse(&id("Room218")).unwrap(), 3);
    world.try_apply(&in_group("room")).unwrap();
    let object = world.wait_for_within("room", "False", "RolloutFailed", SOON);
    assert_eq!(condition(&object, "RolledOut").unwrap()["status"], "False");
    assert!(message(&object).contains("it is deployed again at"), "{}", message(&object));
    world.pass(Duration::from_mins(4));
    assert_eq!(world.count("DeploySystemInstance"), 1);
    world.pass(Duration::from_mins(2));
    assert_eq!(world.count("DeploySystemInstance"), 2, "after five minutes");
    let retried = world.object("room").unwrap();
    assert!(is(&retried, "False", "RolloutFailed"), "a retry in the background lifts nothing: {retried:#}");
    world.pass(Duration::from_mins(9));
    assert_eq!(world.count("DeploySystemInstance"), 2);
    world.wait_for_within("room", "True", "Deployed", Duration::from_mins(40));
    assert_eq!(world.count("DeploySystemInstance"), 4);
    assert!(world.object("room").unwrap()["status"]["retries"].is_null());
}

#[test]
fn a_failed_deployment_is_tried_at_once_when_somebody_asks() {
    let world = world("tg-ask");
    world.emulator.fail_system_instance_deployments(&SystemInstanceId::parse(&id("Room218")).unwrap(), 1);
    world.try_apply(&in_group("room")).unwrap();
    world.wait_for_within("room", "False", "RolloutFailed", SOON);
    world.annotate("room", "redeploy-at", "1");
    world.wait_for_within("room", "True", "Deployed", SOON);
}

/// Every error of the service on every call of the life: what the resource says, and that it heals by itself.
#[test]
fn every_error_of_every_call_is_said_and_healed() {
    let errors = [
        ("InvalidRequestException", 400),
        ("ResourceInUseException", 400),
        ("ThrottlingException", 400),
        ("InternalFailureException", 500),
        ("LimitExceededException", 400),
        ("AccessDeniedException", 400),
    ];
    let world = world("tg-errors");
    for (code, status) in errors {
        for operation in [
            Operation::GetSystemInstance,
            Operation::CreateSystemInstance,
            Operation::DeploySystemInstance,
            Operation::UndeploySystemInstance,
            Operation::DeleteSystemInstance,
        ] {
            let error = FaultAction::Error { status, code: code.into(), message: "told by a test".into() };
            let fault = world.emulator.faults().add(FaultRule::on(operation, error).always());
            let name = format!("{}-{}", code.to_lowercase(), operation.name().to_lowercase());
            let mut room = with(in_cloud(&name), "deletionPolicy", json!("Delete"));
            let text = super::definition(&format!("R_{code}_{}", operation.name()), "Camera");
            room["spec"]["definition"] = json!({"text": text});
            world.try_apply(&room).unwrap();
            let is_of_deletion =
                matches!(operation, Operation::UndeploySystemInstance | Operation::DeleteSystemInstance);
            if is_of_deletion {
                world.wait_for(&name, "True", "Deployed");
                world.delete(&name);
            }
            let object = world.wait_until(&name, "in trouble", Duration::from_mins(5), |object| {
                message(object).contains(operation.name()) && message(object).contains(code)
            });
            assert!(condition(&object, "Ready").unwrap()["status"] != "True", "{object:#}");
            assert!(world.emulator.faults().remove(fault));
            if is_of_deletion {
                world.wait_gone(&name, Duration::from_mins(15));
            } else {
                world.wait_for_within(&name, "True", "Deployed", Duration::from_mins(15));
            }
        }
    }
}

#[test]
fn what_a_person_must_mend_stalls_after_two_minutes_and_ends_when_it_is_mended() {
    let world = world("tg-denied");
    let fault =
        world.emulator.faults().add(FaultRule::on(Operation::CreateSystemInstance, FaultAction::AccessDenied).always());
    world.try_apply(&in_cloud("room")).unwrap();
    world.wait_for("room", "False", "ProgressingWithRetry");
    let object = world.wait_for_within("room", "False", "AccessDenied", Duration::from_mins(5));
    assert!(message(&object).contains("allow this action of iotthingsgraph"), "{}", message(&object));
    assert!(world.emulator.faults().remove(fault));
    world.annotate("room", "reconcile-at", "mended");
    world.wait_for("room", "True", "Deployed");
}

/// Each write with its answer lost, in both ways: done once.
#[test]
fn a_lost_answer_is_found_out_and_nothing_is_done_twice() {
    for action in
        [FaultAction::ResetAfter, FaultAction::ResetBefore, FaultAction::HangAfter, FaultAction::TruncatedBody]
    {
        let world = world("tg-answer");
        for operation in [
            Operation::CreateSystemInstance,
            Operation::DeploySystemInstance,
            Operation::UndeploySystemInstance,
            Operation::DeleteSystemInstance,
        ] {
            world.emulator.faults().add(FaultRule::on(operation, action.clone()).times(1));
        }
        world.try_apply(&with(in_group("room"), "deletionPolicy", json!("Delete"))).unwrap();
        world.wait_for_within("room", "True", "Deployed", Duration::from_mins(6));
        let made = instance(&world, "Room218").unwrap();
        assert_eq!(made.deployments.len(), 1, "{action:?}");
        world.delete("room");
        world.wait_gone("room", Duration::from_mins(10));
        assert!(instance(&world, "Room218").is_none(), "{action:?}");
    }
}

#[test]
fn a_read_that_is_behind_does_nothing_twice() {
    let world = world("tg-stale");
    let stale = |milliseconds| FaultAction::Stale(greengrass_emulator::Staleness::MillisecondsAgo(milliseconds));
    world.emulator.faults().add(FaultRule::on(Operation::GetSystemInstance, stale(20_000)).always());
    world.try_apply(&in_group("room")).unwrap();
    world.wait_for_within("room", "True", "Deployed", Duration::from_mins(5));
    world.annotate("room", "redeploy-at", "1");
    world.wait_until("room", "deployed again", Duration::from_mins(5), |object| {
        is(object, "True", "Deployed") && object["status"]["lastHandledRedeployAt"] == "1"
    });
    assert_eq!(writes(&world), [("CreateSystemInstance", 1), ("DeploySystemInstance", 2)].into());
    assert_eq!(status_of(&world, "Room218"), Some(SystemInstanceStatus::DeployedInTarget));
}

#[test]
fn an_hour_without_an_answer_is_said_and_nothing_else_changes() {
    let world = world("tg-silent");
    world.try_apply(&in_cloud("room")).unwrap();
    world.wait_for("room", "True", "Deployed");
    let error = FaultAction::Error { status: 500, code: "InternalFailureException".into(), message: String::new() };
    let fault = world.emulator.faults().add(FaultRule::on(Operation::GetSystemInstance, error).always());
    world.pass(Duration::from_mins(30));
    assert!(is(&world.object("room").unwrap(), "True", "Deployed"));
    world.wait_for_within("room", "Unknown", "Unverified", Duration::from_mins(45));
    assert!(world.emulator.faults().remove(fault));
    world.wait_for_within("room", "True", "Deployed", Duration::from_mins(10));
}

#[test]
fn a_restart_says_nothing_new_while_aws_can_t_be_read() {
    let mut world = world("tg-restart");
    world.try_apply(&in_cloud("room")).unwrap();
    let before = world.wait_for("room", "True", "Deployed");
    let error = FaultAction::Error { status: 500, code: "InternalFailureException".into(), message: String::new() };
    world.emulator.faults().add(FaultRule::on(Operation::GetSystemInstance, error).always());
    world.restart_operator();
    world.pass(Duration::from_mins(20));
    assert_eq!(world.object("room").unwrap()["status"], before["status"]);
}

#[test]
fn a_suspended_one_is_read_and_nothing_is_written() {
    let world = world("tg-suspended");
    world.try_apply(&with(in_cloud("room"), "suspend", json!(true))).unwrap();
    let object = world.wait_for("room", "False", "Suspended");
    assert!(message(&object).contains("CreateSystemInstance"), "{}", message(&object));
    world.pass(Duration::from_mins(20));
    assert!(writes(&world).is_empty());
    world.try_apply(&in_cloud("room")).unwrap();
    world.wait_for("room", "True", "Deployed");
    world.try_apply(&with(in_cloud("room"), "suspend", json!(true))).unwrap();
    let object = world.wait_for("room", "True", "Deployed");
    assert_eq!(condition(&object, "Suspended").unwrap()["status"], "True");
}

#[test]
fn an_identity_that_does_not_allow_it_is_asked_for_nothing() {
    let world = world("tg-barred");
    world.restrict_identity(&["arn:aws:iotthingsgraph:*:*:Deployment/default/Room3*"]);
    world.try_apply(&in_cloud("room")).unwrap();
    let object = world.wait_for("room", "False", "IdentityNotAllowed");
    assert!(message(&object).contains("does not allow arn:aws:iotthingsgraph:"), "{}", message(&object));
    assert!(of_things_graph(&world).is_empty());
    world.restrict_identity(&["arn:aws:iotthingsgraph:*:*:Deployment/default/*"]);
    world.wait_for("room", "True", "Deployed");
}

fn of_things_graph(world: &VirtualWorld) -> Vec<String> {
    world
        .calls()
        .into_iter()
        .map(|call| call.operation)
        .filter(|operation| operation.contains("SystemInstance"))
        .collect()
}
