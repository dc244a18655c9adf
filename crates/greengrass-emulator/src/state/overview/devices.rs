//! Devices by state, and what failed on them. Pure.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::Portion;
use crate::{
    job::ExecutionStatus,
    state::{
        Partition,
        devices::{Device, failure::DeviceReport, standing::DeviceState},
    },
};

/// So many devices are named where something failed.
const EXAMPLES: usize = 5;

/// Which devices are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct DeviceFilter {
    pub(crate) state: Option<DeviceState>,
    pub(crate) portion: Portion,
}

impl DeviceState {
    /// As the page and its filters name it.
    pub(super) fn name(self) -> String {
        json!(self).as_str().unwrap_or_default().to_owned()
    }
}

/// What failed in the same way.
struct Failing<'a> {
    target_arn: &'a str,
    report: Option<&'a DeviceReport>,
    devices: usize,
    examples: Vec<&'a str>,
}

impl Partition {
    pub(super) fn filtered_devices(&self, filter: &DeviceFilter, now: Timestamp) -> Value {
        let passes = |device: &&Device| {
            filter.portion.finds(&device.name) && filter.state.is_none_or(|state| device.is(state, &self.jobs, now))
        };
        let (devices, place) = filter.portion.of(self.devices.all().filter(passes).collect());
        let shown = |device: &Device| {
            let mut shown = device.summary(&self.scope, now);
            let failures = device.failures(&self.jobs).map(|failure| {
                json!({
                    "deploymentId": failure.deployment_id,
                    "targetArn": failure.target_arn,
                    "status": failure.status,
                    "reason": failure.report.map(DeviceReport::reason),
                    "errorStack": failure.report.map(|report| &report.stack),
                })
            });
            if let Some(members) = shown.as_object_mut() {
                members.insert("failures".to_owned(), failures.collect());
            }
            shown
        };
        let devices: Vec<Value> = devices.into_iter().map(shown).collect();
        Value::Object(place.with("devices", devices))
    }

    pub(super) fn failures(&self, portion: &Portion) -> Value {
        let mut failing: BTreeMap<(&str, ExecutionStatus, &[&str]), Failing<'_>> = BTreeMap::new();
        for device in self.devices.all() {
            for failure in device.failures(&self.jobs) {
                let stack = failure.report.map_or(&[][..], |report| &report.stack);
                let same = failing.entry((failure.deployment_id, failure.status, stack)).or_insert_with(|| Failing {
                    target_arn: failure.target_arn,
                    report: failure.report,
                    devices: 0,
                    examples: Vec::new(),
                });
                same.devices += 1;
                if same.examples.len() < EXAMPLES {
                    same.examples.push(&device.name);
                }
            }
        }
        let mut failing: Vec<_> = failing.into_iter().collect();
        failing.sort_by_key(|(_, failing)| std::cmp::Reverse(failing.devices));
        let (failing, place) = portion.of(failing);
        let failures: Vec<Value> = failing
            .into_iter()
            .map(|((deployment_id, status, stack), failing)| {
                json!({
                    "deploymentId": deployment_id,
                    "targetArn": failing.target_arn,
                    "status": status,
                    "errorStack": stack,
                    "errorTypes": failing.report.map(|report| &report.types),
                    "reason": failing.report.map(DeviceReport::reason),
                    "devices": failing.devices,
                    "examples": failing.examples,
                })
            })
            .collect();
        Value::Object(place.with("failures", failures))
    }
}
