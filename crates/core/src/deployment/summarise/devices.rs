//! The sentences about devices: counts in words, and what to do next. Pure.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::Timestamp;

use super::super::assess::{Rollout, RolloutState};
use super::Scene;
use super::words::named;
use crate::api::REDEPLOY_AT;
use crate::api::devices::{DeviceCounts, DeviceFailure};

pub(super) fn failed(scene: &Scene<'_>) -> String {
    let Rollout { counts, failures, .. } = &scene.assessment.rollout;
    let what = counts.map_or_else(|| "failed on devices".to_owned(), |counts| failed_on(&counts, failures));
    format!(
        "{} {what}; status.failures names devices: mend what they name, then change the spec, or set the \
         annotation {REDEPLOY_AT} to a new value to try again",
        named(scene.memory)
    )
}

/// What devices did, without what to do.
pub(super) fn rollout(scene: &Scene<'_>) -> String {
    let Rollout { state, counts, failures, deadline, .. } = &scene.assessment.rollout;
    let counted = |counts: &DeviceCounts| so_many(counts, failures);
    let so_far = match (state, counts) {
        (RolloutState::Completed, Some(counts)) => {
            format!("{} is rolled out to {}", named(scene.memory), counted(counts))
        }
        (RolloutState::Completed, None) => format!("{} is rolled out", named(scene.memory)),
        (RolloutState::Failed, Some(counts)) => {
            format!("{} {}", named(scene.memory), failed_on(counts, failures))
        }
        (RolloutState::Canceled, Some(counts)) => {
            format!("the rollout was cancelled when it was on {}", counted(counts))
        }
        (RolloutState::Canceled, None) => "the rollout was cancelled".to_owned(),
        (RolloutState::NoDevices, _) => {
            "no device of the thing group has shown up for it: those that join later get it".to_owned()
        }
        (RolloutState::InProgress, Some(counts)) => format!("so far on {}", counted(counts)),
        (RolloutState::NotStarted, _) => "no device has been told of it yet".to_owned(),
        (RolloutState::None | RolloutState::Unread | RolloutState::InProgress | RolloutState::Failed, _) => {
            "what devices do was not read yet".to_owned()
        }
    };
    let unread = scene.assessment.rollout.sample_failure.as_ref();
    let unread = unread.map(|failure| format!("; why can't be read: {failure}")).unwrap_or_default();
    match deadline.filter(|_| scene.assessment.rollout.is_late(scene.assessment.now)) {
        Some(deadline) => format!("{so_far}{unread}; it was to be complete by {}", day_and_time(deadline)),
        None => format!("{so_far}{unread}"),
    }
}

/// Why it can't be said what devices did; what is settled for good stays so.
pub(super) fn not_counted(rollout: &Rollout) -> Option<String> {
    match rollout.state {
        RolloutState::Completed | RolloutState::Canceled | RolloutState::None => return None,
        RolloutState::Unread
        | RolloutState::NotStarted
        | RolloutState::InProgress
        | RolloutState::Failed
        | RolloutState::NoDevices => {}
    }
    if rollout.is_uncounted {
        return Some(
            "the IoT job that rolls the revision out was deleted in AWS, so nobody counts devices any more; a new revision is \
             counted again"
                .to_owned(),
        );
    }
    let failure = rollout.failure.as_ref()?;
    let must_act = failure.rule().blocking.is_some();
    // What passes by itself leaves what was read last.
    (must_act || rollout.counts.is_none()).then(|| format!("what devices did can't be read: {failure}"))
}

/// What devices did, or why it can't be said.
pub(super) fn so_far(scene: &Scene<'_>) -> String {
    not_counted(&scene.assessment.rollout).unwrap_or_else(|| rollout(scene))
}

pub(super) fn rolling_out(scene: &Scene<'_>) -> String {
    format!("{} is in AWS, and is waited for as readyWhen RolledOut says: {}", named(scene.memory), so_far(scene))
}

pub(super) fn deadline_exceeded(scene: &Scene<'_>) -> String {
    format!(
        "{}; it goes on, and completes when devices come back: see status.devices, raise spec.rollout.deadline, or set \
         successPercentage to a share that is enough",
        so_far(scene)
    )
}

pub(super) fn remove_timed_out(scene: &Scene<'_>) -> String {
    format!(
        "devices still have what is to be removed, after removeTimeout: {}; the operator waits on, because deleting now would \
         leave it there for good: bring them online, set the annotation {REDEPLOY_AT} to a new value to try those that failed \
         again, raise spec.removeTimeout, or set spec.deletionPolicy to Delete or Retain to let go",
        so_far(scene)
    )
}

pub(super) fn remove_canceled() -> String {
    format!(
        "the empty revision that removes software from devices was cancelled in AWS; set the annotation {REDEPLOY_AT} to a new \
         value to make it again, or spec.deletionPolicy to Delete or Retain to let go"
    )
}

pub(super) fn remove_refused() -> String {
    "deletionPolicy Remove is not possible for a subdeployment, because an empty one would remove the parent's components from \
     its devices; set spec.deletionPolicy to Delete, or to Retain to leave AWS as it is"
        .to_owned()
}

/// `98 of 100 devices, 2 failed: S3_ACCESS_DENIED`.
fn so_many(counts: &DeviceCounts, failures: &[DeviceFailure]) -> String {
    let present = counts.present();
    let noun = if present == 1 { "device" } else { "devices" };
    format!("{} of {present} {noun}{}", counts.succeeded, rest(counts, failures))
}

/// `failed on 30 of the 50 devices that have ended: S3_ACCESS_DENIED (thing press-017: …)`.
fn failed_on(counts: &DeviceCounts, failures: &[DeviceFailure]) -> String {
    let (bad, executed) = (counts.bad(), counts.executed());
    let on = match (executed, counts.total) {
        (1, 1) => "failed on the device".to_owned(),
        (1, _) => "failed on the one device that has ended".to_owned(),
        _ => format!("failed on {bad} of the {executed} devices that have ended"),
    };
    let example = failures.iter().find_map(|failure| Some((&failure.thing, failure.reason.as_ref()?)));
    let example = example.map(|(thing, reason)| format!(" (thing {thing}: {reason})")).unwrap_or_default();
    format!("{on}{}{example}", commonest(failures))
}

fn rest(counts: &DeviceCounts, failures: &[DeviceFailure]) -> String {
    let DeviceCounts { total: _, queued, in_progress, succeeded: _, failed, rejected, timed_out, canceled, removed } =
        counts;
    let parts = [
        (in_progress, "at it"),
        (queued, "queued"),
        (canceled, "cancelled"),
        (removed, "left the group"),
        (rejected, "rejected it"),
        (timed_out, "timed out"),
        (failed, "failed"),
    ];
    let mut text = String::new();
    for (count, word) in parts.into_iter().filter(|(count, _)| **count > 0) {
        // Writing to a String can't fail.
        let _ = write!(text, ", {count} {word}");
    }
    if *failed > 0 {
        text.push_str(&commonest(failures));
    }
    text
}

/// The particular error code that most of them name.
fn commonest(failures: &[DeviceFailure]) -> String {
    let mut count: BTreeMap<&str, usize> = BTreeMap::new();
    for code in failures.iter().filter_map(|failure| failure.error_codes.last()) {
        *count.entry(code).or_default() += 1;
    }
    // Of equals the first in the alphabet, so that a message does not change without need.
    let most = count.into_iter().rev().max_by_key(|(_, count)| *count);
    most.map(|(code, _)| format!(": {code}")).unwrap_or_default()
}

fn day_and_time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}
