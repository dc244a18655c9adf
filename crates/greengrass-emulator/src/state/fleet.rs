//! A fleet becomes things, groups and devices; devices by hand. Pure.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Call, Input, Partition, ReadAt, State, devices::Profile};
use crate::{
    error::ServiceError,
    fleet::{Fleet, FleetAccount, FleetDevices, FleetError},
    operation::Operation,
    principal::Principal,
    scope::{Scope, Target},
};

/// What somebody does to a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct DeviceChange {
    /// Its connection; absent changes nothing.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub(crate) online: Option<Plug>,
    /// Restarts it: it takes up anew what it worked on, with the behaviour that it has now.
    #[serde(default)]
    pub(crate) restart: bool,
}

/// A hand on a device's connection: true connects it, false disconnects it, null leaves that to its behaviour again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Plug(pub(crate) Option<bool>);

/// A null is a value here, which an optional field would take for its absence.
fn given<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Plug>, D::Error> {
    serde::Deserialize::deserialize(deserializer).map(|online| Some(Plug(online)))
}

impl State {
    /// Makes what a fleet names. How many devices there are in it.
    pub(crate) fn add_fleet(&mut self, fleet: &Fleet, seed: u64, now: Timestamp) -> Result<u64, FleetError> {
        fleet.check()?;
        // What was due before happens without the new devices.
        self.run_until(now);
        for role in &fleet.roles {
            self.identities.add_role(role.clone());
        }
        let mut count = 0;
        for (index, account) in fleet.accounts.iter().enumerate() {
            let scope = Scope::new(&account.account, &account.region);
            self.add_groups(&scope, account, index, now)?;
            for (place, devices) in account.devices.iter().enumerate() {
                let field = format!("accounts[{index}].devices[{place}]");
                count += self.add_devices(&scope, account, devices, seed, &field, now)?;
            }
        }
        Ok(count)
    }

    fn perform(
        &mut self,
        scope: &Scope,
        operation: Operation,
        request: &Value,
        now: Timestamp,
    ) -> Result<(), ServiceError> {
        let Value::Object(input) = operation.input().read(request)? else {
            return Ok(());
        };
        let call = Call { scope: scope.clone(), principal: Principal::User, operation, input: Input(input) };
        self.execute(&call, now, ReadAt::Now).map(|_| ())
    }

    fn add_groups(
        &mut self,
        scope: &Scope,
        account: &FleetAccount,
        index: usize,
        now: Timestamp,
    ) -> Result<(), FleetError> {
        for (place, group) in account.groups.iter().enumerate() {
            let request = json!({"thingGroupName": group.name, "parentGroupName": group.parent});
            self.perform(scope, Operation::CreateThingGroup, &request, now).map_err(|error| FleetError::Field {
                field: format!("accounts[{index}].groups[{place}]"),
                problem: error.to_string(),
            })?;
        }
        Ok(())
    }

    fn add_devices(
        &mut self,
        scope: &Scope,
        account: &FleetAccount,
        devices: &FleetDevices,
        seed: u64,
        field: &str,
        now: Timestamp,
    ) -> Result<u64, FleetError> {
        let wrong = |field: String, problem: String| FleetError::Field { field, problem };
        let nucleus = semver::Version::parse(&devices.nucleus)
            .map_err(|error| wrong(format!("{field}.nucleus"), error.to_string()))?;
        let mut behaviour = devices.behaviour.clone();
        behaviour.rules.extend(account.rules.iter().cloned());
        let profile = Arc::new(Profile { nucleus, lite: devices.lite, behaviour, seed });
        let mut count = 0;
        for name in devices.names() {
            let is_new_thing = !self.partition_mut(scope).things.exists(Target::Thing(&name));
            if is_new_thing {
                let made = self.perform(scope, Operation::CreateThing, &json!({"thingName": name}), now);
                made.map_err(|error| wrong(format!("{field}.name"), error.to_string()))?;
            }
            let name: Arc<str> = Arc::from(name);
            let partition = self.partition_mut(scope);
            if partition.devices.set_up(&name, &profile, now) && !is_new_thing {
                partition.catch_up(&name, now);
            }
            for group in &devices.groups {
                let request = json!({"thingName": &*name, "thingGroupName": group});
                self.perform(scope, Operation::AddThingToThingGroup, &request, now)
                    .map_err(|error| wrong(format!("{field}.groups"), error.to_string()))?;
            }
            self.partition_mut(scope).nudge(&name, now);
            count += 1;
        }
        Ok(count)
    }

    /// The devices, with those alone that are in a group or in one below it.
    pub(crate) fn devices(&self, group: Option<&str>, now: Timestamp) -> Vec<Value> {
        let partitions = self.partitions.values();
        partitions
            .flat_map(|partition| {
                let devices = partition.devices.all();
                devices
                    .filter(|device| group.is_none_or(|group| partition.things.is_member(&device.name, group)))
                    .map(|device| device.summary(&partition.scope, now))
            })
            .collect()
    }

    /// A device whole.
    pub(crate) fn device(&self, scope: &Scope, name: &str, now: Timestamp) -> Option<Value> {
        let partition = self.partition(scope)?;
        let device = partition.devices.get(name)?;
        Some(device.report(scope, &partition.jobs, now))
    }

    /// The accounts and regions that have a device of a name.
    pub(crate) fn scopes_of_device(&self, name: &str) -> Vec<Scope> {
        let having = self.partitions.values().filter(|partition| partition.devices.get(name).is_some());
        having.map(|partition| partition.scope.clone()).collect()
    }

    /// Changes a device. False when there is none.
    pub(crate) fn change_device(&mut self, scope: &Scope, name: &str, change: DeviceChange, now: Timestamp) -> bool {
        self.run_until(now);
        self.partitions.get_mut(scope).is_some_and(|partition| partition.change_device(name, change, now).is_some())
    }
}

impl Partition {
    fn change_device(&mut self, name: &str, change: DeviceChange, now: Timestamp) -> Option<()> {
        let DeviceChange { online, restart } = change;
        let device = self.devices.get_mut(name)?;
        if let Some(Plug(online)) = online {
            device.connect(online);
        }
        if restart {
            device.restart();
        }
        let name = Arc::clone(&device.name);
        self.nudge(&name, now);
        Some(())
    }
}
