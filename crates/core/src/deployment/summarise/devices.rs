//! Counts of devices in words. Pure.

use std::collections::BTreeMap;

use crate::api::devices::{DeviceCounts, DeviceFailure};

/// `98 of 100 devices, 2 failed: S3_ACCESS_DENIED`.
pub(super) fn so_many(counts: &DeviceCounts, failures: &[DeviceFailure]) -> String {
    let present = counts.present();
    let noun = if present == 1 { "device" } else { "devices" };
    format!("{} of {present} {noun}{}", counts.succeeded, rest(counts, failures))
}

/// `failed on 30 of the 50 devices that have ended: S3_ACCESS_DENIED (thing press-017: …)`.
pub(super) fn failed(counts: &DeviceCounts, failures: &[DeviceFailure]) -> String {
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
    let mut text: String =
        parts.iter().filter(|(count, _)| **count > 0).map(|(count, word)| format!(", {count} {word}")).collect();
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
