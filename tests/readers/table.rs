//! What each row of docs/conditions.md is for programs that read it: the real kstatus, Argo CD's health script in Lua and
//! `kubectl wait`, on objects as the API server stores them (does I/O: asks a cluster).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;

use serde_json::{Value, json};

use super::stored::{Given, Stored, Then};
use super::{argo_cd, kstatus};

/// Written by the tests of the core, from the code that writes every status.
const STATUSES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/readers/statuses.jsonl");

/// Conditions that `kubectl wait` need not wait for.
type Met = &'static [&'static str];

const NOTHING: Met = &[];
const READY: Met = &["Ready"];
const BOTH: Met = &["Ready", "RolledOut"];

/// A situation, kstatus's word for it, Argo CD's, and what `kubectl wait` finds.
#[rustfmt::skip]
const EXPECTED: [(&str, &str, &str, Met); 49] = [
    ("AWS has it and devices are at it; also after a change that makes no revision", "Current", "Healthy", READY),
    ("devices have it; fewer than failureThresholdPercentage failed", "Current", "Healthy", BOTH),
    ("readyWhen is RolledOut, and devices are at it", "InProgress", "Progressing", NOTHING),
    ("readyWhen is RolledOut, and devices have it", "Current", "Healthy", BOTH),
    ("too many devices failed", "Failed", "Degraded", NOTHING),
    ("readyWhen is RolledOut, and the deadline has passed", "Failed", "Degraded", NOTHING),
    ("the group has no devices", "Current", "Healthy", BOTH),
    ("the operator may not read what devices did", "Current", "Healthy", READY),
    ("a new resource, or AWS is being asked", "InProgress", "Progressing", NOTHING),
    ("a change was recorded and is being made", "InProgress", "Progressing", NOTHING),
    ("AWS fails or throttles, twice or for less than two minutes", "InProgress", "Progressing", NOTHING),
    ("AWS fails or throttles, three times or for two minutes", "InProgress", "Progressing", NOTHING),
    ("a person must act, in the first two minutes", "InProgress", "Progressing", NOTHING),
    ("the parent, managed in this cluster, is not in AWS yet", "InProgress", "Progressing", NOTHING),
    ("the parent's new revision has ended the subdeployment", "InProgress", "Progressing", NOTHING),
    ("AWS no longer has it, and it was mended three times within an hour", "Failed", "Degraded", NOTHING),
    ("what the spec refers to is not there, in the first two minutes", "InProgress", "Progressing", NOTHING),
    ("what the spec refers to is not there", "Failed", "Degraded", NOTHING),
    ("the identity is not there", "Failed", "Degraded", NOTHING),
    ("the identity does not allow it", "Failed", "Degraded", NOTHING),
    ("the parent's new revision has ended the subdeployment, and onParentRevision is Yield", "Current", "Healthy", READY),
    ("AWS had it, and could not be asked for an hour", "InProgress", "Progressing", NOTHING),
    ("suspended, nothing to do", "Current", "Suspended", READY),
    ("suspended, something to do", "InProgress", "Suspended", NOTHING),
    ("suspended, and somebody deployed above ours", "InProgress", "Suspended", NOTHING),
    ("the operator can't use the spec", "Failed", "Degraded", NOTHING),
    ("AWS refuses the spec", "Failed", "Degraded", NOTHING),
    ("AWS denies an action, or there are no credentials", "Failed", "Degraded", NOTHING),
    ("the thing, thing group or parent does not exist", "Failed", "Degraded", NOTHING),
    ("a quota of the account is used up", "Failed", "Degraded", NOTHING),
    ("another resource has the target", "Failed", "Degraded", NOTHING),
    ("the resource now means another target", "Failed", "Degraded", NOTHING),
    ("somebody else deploys to the target", "Failed", "Degraded", NOTHING),
    ("somebody deployed above ours", "Failed", "Degraded", NOTHING),
    ("ours was deleted in AWS", "Failed", "Degraded", NOTHING),
    ("ours was cancelled, or its rollout was aborted", "Failed", "Degraded", NOTHING),
    ("the device of a thing reported a failure", "Failed", "Degraded", NOTHING),
    // Argo CD itself says Progressing, pending deletion, and asks its script only of hooks with a finalizer of its own.
    ("being deleted", "Terminating", "Progressing", NOTHING),
    ("being deleted, and devices are to lose it first", "Terminating", "Progressing", NOTHING),
    ("being deleted, and devices take too long to lose it", "Terminating", "Degraded", NOTHING),
    ("being deleted, and somebody has cancelled what takes it from devices", "Terminating", "Degraded", NOTHING),
    ("being deleted, a subdeployment that devices were to lose", "Terminating", "Degraded", NOTHING),
    ("being deleted, and AWS refuses", "Terminating", "Degraded", NOTHING),
    ("being deleted, and the target can't be read", "Terminating", "Degraded", NOTHING),
    ("being deleted, and the identity is not there", "Terminating", "Degraded", NOTHING),
    (UNSEEN, "InProgress", "Progressing", NOTHING),
    (EDITED, "InProgress", "Progressing", NOTHING),
    (DELETED, "Terminating", "Progressing", NOTHING),
    (SUSPENDED_FAILED, "Failed", "Degraded", NOTHING),
];

// Rows that are not in the document: the operator has not written yet, or two rows come together.
const UNSEEN: &str = "the operator has not seen the resource";
const EDITED: &str = "devices have it, and the operator has not seen a change";
const DELETED: &str = "devices have it, and the operator has not seen that it is being deleted";
const SUSPENDED_FAILED: &str = "suspended, and too many devices failed";

fn documented() -> Vec<Given> {
    let line = |line: &str| {
        let mut line: Value = serde_json::from_str(line).unwrap();
        Given {
            situation: line["situation"].as_str().unwrap().to_owned(),
            spec: line["spec"].take(),
            status: Some(line["status"].take()),
            deleting: line["deleting"] == true,
            then: None,
        }
    };
    fs::read_to_string(STATUSES).unwrap().lines().map(line).collect()
}

fn all() -> Vec<Given> {
    let mut all = documented();
    let like = |situation: &str, other: &str| {
        let found = all.iter().find(|given| given.situation == other).unwrap();
        Given {
            situation: situation.to_owned(),
            spec: found.spec.clone(),
            status: found.status.clone(),
            deleting: false,
            then: None,
        }
    };
    let rolled_out = "readyWhen is RolledOut, and devices have it";
    let unseen = Given { status: None, ..like(UNSEEN, rolled_out) };
    let edited = Given { then: Some(Then::Edited), ..like(EDITED, rolled_out) };
    let deleted = Given { then: Some(Then::Deleted), ..like(DELETED, rolled_out) };
    let mut suspended = like(SUSPENDED_FAILED, "too many devices failed");
    suspended.spec["suspend"] = json!(true);
    let condition = json!({"type": "Suspended", "status": "True", "reason": "Suspended", "message": "suspended", "lastTransitionTime": "2026-11-23T12:00:00Z"});
    suspended.status.as_mut().unwrap()["conditions"].as_array_mut().unwrap().push(condition);
    all.extend([unseen, edited, deleted, suspended]);
    all
}

#[test]
fn every_row_of_the_document_is_read_as_it_is_meant() {
    let stored = Stored::new(&all());
    let words: BTreeMap<&str, String> =
        stored.objects.keys().map(String::as_str).zip(kstatus::read(stored.objects.values())).collect();
    let [ready, rolled_out] = ["Ready", "RolledOut"].map(|condition| (condition, stored.met(condition)));
    let read = |(situation, object): (&String, &Value)| {
        let (health, message) = argo_cd::health(object);
        assert!(!message.is_empty(), "{situation}: Argo CD shows why");
        let met = [&ready, &rolled_out].into_iter().filter(|(_, met)| met.contains(&situation.as_str()));
        let met: Vec<&str> = met.map(|(condition, _)| *condition).collect();
        line(situation, &words[situation.as_str()], &health, &met)
    };
    let read: BTreeSet<_> = stored.objects.iter().map(read).collect();
    assert_documented(&stored);
    let expected: BTreeSet<_> =
        EXPECTED.into_iter().map(|(situation, kstatus, health, met)| line(situation, kstatus, health, met)).collect();
    let unlike = |these: &BTreeSet<_>, those: &BTreeSet<_>| these.difference(those).cloned().collect::<Vec<_>>();
    assert!(read == expected, "read: {:#?}\nexpected: {:#?}", unlike(&read, &expected), unlike(&expected, &read));
}

const BEGIN: &str =
    "<!-- Generated by kubectl. After a change: UPDATE_DOCS=1 cargo test --test operator readers::table -->\n";
const END: &str = "<!-- kubectl until here. -->\n";

/// The document shows what kubectl shows, and what it is for others.
fn assert_documented(stored: &Stored) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/conditions.md");
    let document = fs::read_to_string(path).unwrap();
    let (before, rest) = document.split_once(BEGIN).unwrap();
    let (written, after) = rest.split_once(END).unwrap();
    let (header, lines) = stored.listed();
    let mut table = format!("```text\n{header}\n");
    for (situation, kstatus, health, _) in EXPECTED {
        let line = &lines[situation];
        let width = header.len();
        writeln!(table, "{line:<width$}   # {situation} (kstatus {kstatus}, Argo CD {health})").unwrap();
    }
    table.push_str("```\n");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(path, format!("{before}{BEGIN}\n{table}\n{END}{after}")).unwrap();
        return;
    }
    assert_eq!(written.trim(), table.trim(), "docs/conditions.md is stale; its comment says how to write it anew");
}

fn line(situation: &str, kstatus: &str, health: &str, met: &[&str]) -> String {
    format!("{situation}: {kstatus}, {health}, {met:?}")
}
