//! docs/conditions.md and docs/repairing.md show what the code says, message by message.

use std::fmt::Write as _;

use greengrass_operator_core::api::DeletionPolicy;
use greengrass_operator_core::deployment::knowledge::RowStatus;
use greengrass_operator_core::deployment::subject::{Access, Claimant, ParentPeer, Wanted};
use greengrass_operator_core::deployment::tags::Cause;
use greengrass_operator_core::failure::{FailureKind, Operation};
use greengrass_operator_core::names::{Key, TargetArn};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::oracle::READY;
use crate::people::{NO_IDENTITY, mended_too_often, missing_identity, missing_reference, not_allowed};
use crate::removal::uninstalling;
use crate::stage::{PARENT, Stage, named};
use crate::trouble::creating;

const BEGIN: &str = "<!-- Generated. After a change: UPDATE_DOCS=1 cargo test -p greengrass-operator-core --test conditions document -->\n";
const END: &str = "<!-- Generated until here. -->\n";

/// A situation in the words of the document, and how it comes about.
pub(crate) type Situation = (&'static str, fn() -> Stage);

pub(crate) const SITUATIONS: [Situation; 45] = [
    ("AWS has it and devices are at it; also after a change that makes no revision", || Stage::rolling([90, 4, 6, 0])),
    ("devices have it; fewer than failureThresholdPercentage failed", || {
        let mut stage = Stage::rolling([0, 0, 98, 2]);
        stage.sampled(&[("press-017", DENIED, "S3_ACCESS_DENIED")]);
        stage
    }),
    ("readyWhen is RolledOut, and devices are at it", || Stage::waiting_for_devices([90, 4, 6, 0])),
    ("readyWhen is RolledOut, and devices have it", || Stage::waiting_for_devices([0, 0, 100, 0])),
    ("too many devices failed", || {
        let mut stage = Stage::rolling([0, 0, 40, 60]);
        stage.sampled(&[("press-017", DENIED, "S3_ACCESS_DENIED")]);
        stage
    }),
    ("readyWhen is RolledOut, and the deadline has passed", || {
        let mut stage = Stage::waiting_for_devices([40, 0, 60, 0]);
        stage.wait(SignedDuration::from_hours(24));
        stage
    }),
    ("the group has no devices", || {
        let mut stage = Stage::rolling([0, 0, 0, 0]);
        stage.wait(SignedDuration::from_mins(5));
        stage
    }),
    ("the operator may not read what devices did", crate::rollout::denied),
    ("a new resource, or AWS is being asked", Stage::new),
    ("a change was recorded and is being made", || changed(|_| {})),
    ("AWS fails or throttles, twice or for less than two minutes", || {
        changed(|stage| stage.fails(CREATE, FailureKind::Throttled))
    }),
    ("AWS fails or throttles, three times or for two minutes", || {
        changed(|stage| stage.fails_for(SignedDuration::from_mins(2), CREATE, FailureKind::Throttled))
    }),
    ("a person must act, in the first two minutes", || {
        refused(CREATE, FailureKind::NotFound, SignedDuration::from_mins(1))
    }),
    ("the parent, managed in this cluster, is not in AWS yet", || {
        let mut stage = Stage::subdeployment();
        stage.aws_shows(&[]);
        stage.peers.parent =
            Some(ParentPeer { object: named("plant", "machines"), synced: false, deployment_id: None });
        stage
    }),
    ("the parent's new revision has ended the subdeployment", || {
        let mut stage = Stage::subdeployment().with_deployment();
        let object = named("plant", "machines");
        stage.peers.parent = Some(ParentPeer { object, synced: true, deployment_id: Some("parent-2".into()) });
        stage.knowledge.parent_since = Some(("parent-2".into(), stage.now));
        stage
    }),
    ("AWS no longer has it, and it was mended three times within an hour", mended_too_often),
    ("what the spec refers to is not there, in the first two minutes", missing_reference),
    ("what the spec refers to is not there", || {
        let mut stage = missing_reference();
        stage.wait(SignedDuration::from_mins(2));
        stage
    }),
    ("the identity is not there", || {
        let mut stage = missing_identity();
        stage.wait(SignedDuration::from_mins(2));
        stage
    }),
    ("the identity does not allow it", not_allowed),
    ("the parent's new revision has ended the subdeployment, and onParentRevision is Yield", || {
        let mut stage = Stage::subdeployment().with_deployment();
        stage.edit(|spec| spec["onParentRevision"] = json!("Yield"));
        let object = named("plant", "machines");
        stage.peers.parent = Some(ParentPeer { object, synced: true, deployment_id: Some("parent-2".into()) });
        stage.knowledge.parent_since = Some(("parent-2".into(), stage.now));
        stage
    }),
    ("AWS had it, and could not be asked for an hour", || {
        let mut stage = Stage::applied();
        stage.fails_for(SignedDuration::from_hours(1), Operation::ListDeployments, FailureKind::TimedOut);
        stage
    }),
    ("suspended, nothing to do", || suspended(Stage::applied())),
    ("suspended, something to do", || {
        let mut stage = Stage::applied();
        stage.edit_version();
        suspended(stage)
    }),
    ("suspended, and somebody deployed above ours", || suspended(overridden())),
    ("the operator can't use the spec", || {
        let mut stage = Stage::new();
        stage.spec["components"]["com.example.Press"]["configurationUpdate"] = json!({"merge": "{"});
        stage.wanted = Some(Wanted::Invalid(stage.invalid()));
        stage
    }),
    ("AWS refuses the spec", || refused(CREATE, FailureKind::Validation, LONG)),
    ("AWS denies an action, or there are no credentials", || refused(CREATE, FailureKind::AccessDenied, LONG)),
    ("the thing, thing group or parent does not exist", || refused(CREATE, FailureKind::NotFound, LONG)),
    ("a quota of the account is used up", || refused(CREATE, FailureKind::QuotaExceeded, LONG)),
    ("another resource has the target", || {
        let mut stage = Stage::new();
        let (object, created_at) = (named("plant", "elder"), Timestamp::UNIX_EPOCH);
        stage.peers.claimants = vec![Claimant { object, created_at, has_deployment: true, deleting: false }];
        stage
    }),
    ("the resource now means another target", || {
        let mut stage = Stage::applied();
        stage.memory.key = Some(Key { target: TargetArn::parse(PARENT).unwrap(), parent: None });
        stage
    }),
    ("somebody else deploys to the target", || {
        let mut stage = Stage::new();
        stage.aws_shows(&[("foreign-1", 1, RowStatus::Active)]);
        stage
    }),
    ("somebody deployed above ours", overridden),
    ("ours was deleted in AWS", crate::people::deleted_in_aws),
    ("ours was cancelled, or its rollout was aborted", || shown(Stage::rolling([40, 0, 60, 0]), RowStatus::Canceled)),
    ("the device of a thing reported a failure", || shown(Stage::of_thing(), RowStatus::Failed)),
    ("being deleted", || deleting(|_| {})),
    ("being deleted, and devices are to lose it first", || uninstalling([2, 0, 3, 0])),
    ("being deleted, and devices take too long to lose it", || {
        let mut stage = uninstalling([2, 0, 3, 0]);
        stage.wait(SignedDuration::from_hours(24));
        stage
    }),
    ("being deleted, and somebody has cancelled what takes it from devices", || {
        shown(uninstalling([2, 0, 3, 0]), RowStatus::Canceled)
    }),
    ("being deleted, a subdeployment that devices were to lose", crate::removal::of_subdeployment),
    ("being deleted, and AWS refuses", || {
        deleting(|stage| stage.fails_for(LONG, Operation::CancelDeployment, FailureKind::AccessDenied))
    }),
    ("being deleted, and the identity is not there", || {
        deleting(|stage| stage.access = Access::Barred(NO_IDENTITY.to_owned()))
    }),
    ("being deleted, and the target can't be read", || {
        deleting(|stage| {
            stage.wanted =
                Some(Wanted::Absent { policy: DeletionPolicy::Cancel, key: None, suspended: false, removal: None });
        })
    }),
];

/// What a device says whose artifact S3 denies.
const DENIED: &str = "FAILED_NO_STATE_CHANGE: S3 returned 403 Access Denied";
const CREATE: Operation = Operation::CreateDeployment;
const LONG: SignedDuration = SignedDuration::from_mins(3);

fn changed(and: impl FnOnce(&mut Stage)) -> Stage {
    let mut stage = Stage::applied();
    stage.edit_version();
    stage.begin(Cause::Change);
    and(&mut stage);
    stage
}

fn refused(operation: Operation, kind: FailureKind, lasting: SignedDuration) -> Stage {
    let mut stage = creating();
    stage.fails_for(lasting, operation, kind);
    stage
}

fn suspended(mut stage: Stage) -> Stage {
    stage.edit(|spec| spec["suspend"] = json!(true));
    stage
}

fn overridden() -> Stage {
    let mut stage = Stage::applied();
    stage.aws_shows(&[("foreign-2", 2, RowStatus::Active), ("d-1", 1, RowStatus::Inactive)]);
    stage
}

fn shown(mut stage: Stage, status: RowStatus) -> Stage {
    stage.aws_shows(&[("d-1", 1, status)]);
    stage
}

fn deleting(and: impl FnOnce(&mut Stage)) -> Stage {
    let mut stage = Stage::applied();
    stage.delete(DeletionPolicy::Cancel);
    and(&mut stage);
    stage
}

fn table() -> String {
    let mut text = String::from(
        "| situation | `Ready` | beside it | `Synced` | `RolledOut` | message of `Ready` |\n|---|---|---|---|---|---|\n",
    );
    for (situation, made) in SITUATIONS {
        let mut stage = made();
        stage.said();
        let of = |name: &str| {
            let condition = stage.status.conditions.iter().find(|condition| condition.type_ == name).unwrap();
            format!("{} `{}`", condition.status, condition.reason)
        };
        let beside: Vec<&str> = stage.status.conditions.iter().map(|condition| condition.type_.as_str()).collect();
        let own = ["Ready", "Synced", "RolledOut"];
        let beside: Vec<&str> = beside.into_iter().filter(|name| !own.contains(name)).collect();
        let beside = if beside.is_empty() { "–".to_owned() } else { beside.join(", ") };
        let message = stage.message("Ready").replace('|', "\\|");
        writeln!(
            text,
            "| {situation} | {} | {beside} | {} | {} | {message} |",
            of("Ready"),
            of("Synced"),
            of("RolledOut")
        )
        .unwrap();
    }
    text
}

#[test]
fn the_table_of_the_document_is_what_the_code_says() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/conditions.md");
    let document = include_str!("../../../../docs/conditions.md");
    let (before, rest) = document.split_once(BEGIN).unwrap();
    let (written, after) = rest.split_once(END).unwrap();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, format!("{before}{BEGIN}\n{}\n{END}{after}", table())).unwrap();
        return;
    }
    assert_eq!(written.trim(), table().trim(), "docs/conditions.md is stale; its comment says how to write it anew");
}

/// Reasons of `Ready` that only a `SystemInstance` has.
const OF_SYSTEM_INSTANCES: [&str; 1] = ["NotDeployed"];

#[test]
fn every_reason_is_explained_in_the_document_and_every_reason_that_blocks_has_a_way_out() {
    let conditions = include_str!("../../../../docs/conditions.md");
    let repairing = include_str!("../../../../docs/repairing.md");
    let table = table();
    for (status, beside, reasons) in READY {
        for reason in reasons {
            assert!(
                conditions.contains(&format!("| {status} | `{reason}` |")),
                "{reason} is not in the table of reasons"
            );
            // The examples are GreengrassDeployments.
            let has_example =
                OF_SYSTEM_INSTANCES.contains(reason) || table.contains(&format!("| {status} `{reason}` |"));
            assert!(has_example, "{reason} has no example");
            if beside == Some("Stalled") {
                assert!(repairing.contains(&format!("\n## {reason}\n")), "{reason} has no way out");
            }
        }
    }
}

#[test]
fn the_way_out_quotes_the_message_as_it_is() {
    let quoted = include_str!("../../../../docs/repairing.md").replace("\n> ", " ");
    let quoted = quoted.split_whitespace().collect::<Vec<_>>().join(" ");
    for (situation, made) in SITUATIONS {
        let mut stage = made();
        if stage.said().contains(" Stalled ") {
            assert!(quoted.contains(stage.message("Ready")), "{situation}: {}", stage.message("Ready"));
        }
    }
}
