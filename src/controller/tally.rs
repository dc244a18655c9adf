//! What the statuses of a kind's records add up to, for gauges. Pure.
//!
//! Kept up to date with each record, because a scrape that read ten thousand statuses would take a CPU for a while.

use std::collections::BTreeMap;

use greengrass_operator_core::api::devices::DeviceCounts;
use greengrass_operator_core::names::TargetArn;
use serde::Deserialize;

use super::record::Record;
use crate::telemetry::metrics::{DeviceState, Readiness, ReadyReason};

/// An account and a region.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The account.
    pub account: String,
    /// The region.
    pub region: String,
}

/// What the records add up to. What there was once stays, at nothing: a gauge that falls to 0 says more than one that ends.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    ready: BTreeMap<(Readiness, ReadyReason), usize>,
    places: BTreeMap<Place, BTreeMap<DeviceState, i64>>,
}

/// What one record adds.
struct Share {
    ready: (Readiness, ReadyReason),
    place: Option<Place>,
    devices: Option<DeviceCounts>,
}

#[derive(Deserialize, Default)]
struct Status {
    #[serde(default)]
    conditions: Vec<ConditionStatus>,
    resolved: Option<Resolved>,
    devices: Option<DeviceCounts>,
}

#[derive(Deserialize)]
struct ConditionStatus {
    #[serde(rename = "type")]
    kind: String,
    status: String,
    #[serde(default)]
    reason: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Resolved {
    target_arn: String,
}

impl Tally {
    /// How many records there are by status and reason of condition Ready.
    pub fn ready(&self) -> impl Iterator<Item = (Readiness, ReadyReason, usize)> {
        self.ready.iter().map(|(&(readiness, reason), &count)| (readiness, reason, count))
    }

    /// Where there are or were resources, and how many devices are in which state there.
    pub fn places(&self) -> impl Iterator<Item = (&Place, impl Iterator<Item = (DeviceState, i64)>)> {
        self.places.iter().map(|(place, states)| (place, states.iter().map(|(&state, &count)| (state, count))))
    }

    pub(super) fn add(&mut self, record: &Record) {
        let Share { ready, place, devices } = Share::of(record);
        *self.ready.entry(ready).or_default() += 1;
        if let Some(place) = place {
            let states = self.places.entry(place).or_default();
            for state in DeviceState::ALL {
                *states.entry(*state).or_default() += counted(*state, devices.as_ref());
            }
        }
    }

    pub(super) fn subtract(&mut self, record: &Record) {
        let Share { ready, place, devices } = Share::of(record);
        if let Some(count) = self.ready.get_mut(&ready) {
            *count = count.saturating_sub(1);
        }
        for (state, count) in place.and_then(|place| self.places.get_mut(&place)).into_iter().flatten() {
            *count -= counted(*state, devices.as_ref());
        }
    }
}

/// A count that somebody wrote into the status must not make the sum overflow.
fn counted(state: DeviceState, devices: Option<&DeviceCounts>) -> i64 {
    devices.map_or(0, |counts| state.of(counts).clamp(0, i64::from(u32::MAX)))
}

impl Share {
    fn of(record: &Record) -> Self {
        let status: Status = record.decode_status().ok().flatten().unwrap_or_default();
        let ready = status.conditions.iter().find(|condition| condition.kind == "Ready");
        let readiness = match ready.map(|condition| condition.status.as_str()) {
            Some("True") => Readiness::True,
            Some("False") => Readiness::False,
            Some(_) | None => Readiness::Unknown,
        };
        let reason = ready.map_or(ReadyReason::None, |condition| ReadyReason::of(&condition.reason));
        // Parsed, so that what somebody wrote into the status can't become a label.
        let target = status.resolved.and_then(|resolved| TargetArn::parse(&resolved.target_arn).ok());
        let place =
            target.map(|target| Place { account: target.account().to_owned(), region: target.region().to_owned() });
        Self { ready: (readiness, reason), place, devices: status.devices }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::json::Json;
    use super::super::record::tests::record;
    use super::*;

    const GROUP: &str = "arn:aws:iot:eu-central-1:123456789012:thinggroup/Presses";

    fn with_status(status: &Value) -> Record {
        Record { status: Some(Json::of(status).unwrap()), ..record("a", 1) }
    }

    fn ready(status: &str, reason: &str) -> Value {
        json!([{"type": "Synced", "status": "True", "reason": "UpToDate"}, {"type": "Ready", "status": status, "reason": reason}])
    }

    fn devices(succeeded: i64, failed: i64) -> Value {
        json!({"total": succeeded + failed, "queued": 0, "inProgress": 0, "succeeded": succeeded, "failed": failed,
               "rejected": 0, "timedOut": 0, "canceled": 0, "removed": 0})
    }

    fn sums(tally: &Tally) -> Vec<(String, &'static str, i64)> {
        let name = |place: &Place| format!("{}/{}", place.account, place.region);
        tally
            .places()
            .flat_map(|(place, states)| states.map(move |(state, count)| (name(place), state.as_str(), count)))
            .filter(|(_, _, count)| *count != 0)
            .collect()
    }

    #[test]
    fn devices_of_several_resources_add_up_by_account_and_region() {
        let mut tally = Tally::default();
        let one = with_status(&json!({"resolved": {"targetArn": GROUP}, "devices": devices(98, 2)}));
        tally.add(&one);
        tally.add(&with_status(&json!({"resolved": {"targetArn": GROUP}, "devices": devices(10, 0)})));
        let elsewhere = GROUP.replace("eu-central-1", "us-east-1");
        tally.add(&with_status(&json!({"resolved": {"targetArn": elsewhere}, "devices": devices(0, 7)})));
        let here = "123456789012/eu-central-1".to_owned();
        let there = "123456789012/us-east-1".to_owned();
        assert_eq!(
            sums(&tally),
            [(here.clone(), "succeeded", 108), (here.clone(), "failed", 2), (there.clone(), "failed", 7)]
        );
        tally.subtract(&one);
        assert_eq!(sums(&tally), [(here, "succeeded", 10), (there, "failed", 7)]);
    }

    #[test]
    fn a_state_that_nobody_is_in_any_more_is_none_and_not_absent() {
        let mut tally = Tally::default();
        let failed = with_status(&json!({"conditions": ready("False", "RolloutFailed")}));
        tally.add(&failed);
        tally.add(&record("new", 1));
        tally.subtract(&failed);
        let counts: Vec<_> = tally.ready().collect();
        assert_eq!(
            counts,
            [(Readiness::False, ReadyReason::RolloutFailed, 0), (Readiness::Unknown, ReadyReason::None, 1)]
        );
    }

    #[test]
    fn what_somebody_wrote_into_a_status_makes_no_label_and_no_overflow() {
        let mut tally = Tally::default();
        for status in [
            json!({"conditions": ready("Perhaps", "Whatever")}),
            json!({"resolved": {"targetArn": "arn:aws:iot:nowhere;drop:1:thinggroup/x"}, "devices": devices(1, 1)}),
            json!("not even an object"),
        ] {
            tally.add(&with_status(&status));
        }
        assert!(sums(&tally).is_empty());
        let counts: Vec<_> = tally.ready().collect();
        assert_eq!(counts, [(Readiness::Unknown, ReadyReason::Other, 1), (Readiness::Unknown, ReadyReason::None, 2)]);
        for _ in 0..4 {
            tally.add(&with_status(&json!({"resolved": {"targetArn": GROUP}, "devices": devices(i64::MAX - 9, -9)})));
        }
        assert_eq!(sums(&tally), [("123456789012/eu-central-1".to_owned(), "succeeded", 4 * i64::from(u32::MAX))]);
    }
}
