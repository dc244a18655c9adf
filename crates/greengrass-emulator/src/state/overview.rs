//! What the page shows, in portions that a reader can take in: counts, targets, revisions, devices, failures. Pure.

mod devices;
mod targets;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{Partition, State, devices::standing::DeviceState};
use crate::scope::Scope;

pub(crate) use devices::DeviceFilter;

/// So many rows are a portion of a list.
const PORTION: usize = 15;

/// A part of a list, from an offset on, of what has a text in its name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Portion {
    pub(crate) search: String,
    pub(crate) offset: usize,
}

impl Portion {
    fn finds(&self, name: &str) -> bool {
        self.search.is_empty() || name.to_lowercase().contains(&self.search.to_lowercase())
    }

    /// The part of what was found, and where in it that is: a list may have become shorter than the reader knows.
    fn of<T>(&self, found: Vec<T>) -> (Vec<T>, Place) {
        let total = found.len();
        let last = total.saturating_sub(1) / PORTION * PORTION;
        let offset = self.offset.min(last);
        (found.into_iter().skip(offset).take(PORTION).collect(), Place { total, offset })
    }
}

/// Where a portion stands in its list.
struct Place {
    total: usize,
    offset: usize,
}

impl Place {
    /// The portion with its place, as readers get it.
    fn with(&self, name: &str, items: Vec<Value>) -> Map<String, Value> {
        let Self { total, offset } = self;
        let members =
            [("total", json!(total)), ("offset", json!(offset)), ("size", json!(PORTION)), (name, Value::Array(items))];
        members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

impl State {
    /// Each account and region with its counts.
    pub(crate) fn overview(&self, now: Timestamp) -> Vec<Value> {
        self.partitions.values().map(|partition| partition.overview(now)).collect()
    }

    /// A portion of the targets of an account and region, that with the newest deployment first.
    pub(crate) fn targets(&self, scope: &Scope, portion: &Portion) -> Option<Value> {
        self.partition(scope).map(|partition| partition.targets(portion))
    }

    /// The revisions of a target, and what is deployed below it.
    pub(crate) fn revisions(&self, scope: &Scope, target: &str, portion: &Portion) -> Option<Value> {
        self.partition(scope).map(|partition| partition.revisions(target, portion))
    }

    /// A portion of the devices that a filter lets pass.
    pub(crate) fn filtered_devices(&self, scope: &Scope, filter: &DeviceFilter, now: Timestamp) -> Option<Value> {
        self.partition(scope).map(|partition| partition.filtered_devices(filter, now))
    }

    /// What failed on devices, the most frequent first.
    pub(crate) fn failures(&self, scope: &Scope, portion: &Portion) -> Option<Value> {
        self.partition(scope).map(|partition| partition.failures(portion))
    }
}

impl Partition {
    fn overview(&self, now: Timestamp) -> Value {
        let mut devices = Map::new();
        devices.insert("total".to_owned(), json!(self.devices.all().count()));
        for state in DeviceState::ALL {
            let count = self.devices.all().filter(|device| device.is(state, &self.jobs, now)).count();
            devices.insert(state.name(), json!(count));
        }
        json!({
            "account": self.scope.account,
            "region": self.scope.region,
            "targets": self.deployments.deployed_targets().len(),
            "deployments": self.deployments.count(),
            "things": self.things.count(),
            "thingGroups": self.things.count_groups(),
            "systemInstances": self.system_instances.count(),
            "devices": devices,
        })
    }
}
