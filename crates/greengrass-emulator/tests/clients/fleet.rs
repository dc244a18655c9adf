//! Simulated core devices and the rollouts that reach them, on a clock that the tests move.

mod aborts;
mod devices;
mod members;
mod rollouts;
mod subdeployments;

use std::time::Duration;

use greengrass_emulator::{
    Emulator, EmulatorBuilder, ExecutionCounts, Fleet, ManualClock, Operation, Scope, ServiceError, Switches,
};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::support::{ACCOUNT, REGION};

/// An emulator with a fleet.
pub(crate) struct World {
    pub(crate) emulator: Emulator,
}

impl World {
    /// Thing groups and devices of one account, as a fleet file has them below an account.
    pub(crate) fn new(fleet: &str) -> Self {
        Self::with(Switches::default(), fleet)
    }

    pub(crate) fn with(switches: Switches, fleet: &str) -> Self {
        Self::of(Emulator::builder().switches(switches), fleet)
    }

    pub(crate) fn of(builder: EmulatorBuilder, fleet: &str) -> Self {
        let emulator = builder.clock(ManualClock::starting_at(Timestamp::UNIX_EPOCH)).build();
        let world = Self { emulator };
        world.add(fleet);
        world
    }

    pub(crate) fn add(&self, fleet: &str) {
        let text = format!("accounts: [{{account: '{ACCOUNT}', region: {REGION}, {fleet}}}]");
        self.emulator.add_fleet(&Fleet::from_yaml(&text).unwrap()).unwrap();
    }

    /// Moves the clock on by seconds.
    pub(crate) fn pass(&self, seconds: u64) {
        self.emulator.advance(Duration::from_secs(seconds)).unwrap();
    }

    pub(crate) fn call(&self, operation: Operation, request: &Value) -> Result<Value, ServiceError> {
        self.emulator.perform(&Scope::new(ACCOUNT, REGION), operation, request)
    }

    pub(crate) fn ok(&self, operation: Operation, request: &Value) -> Value {
        self.call(operation, request).unwrap_or_else(|error| panic!("{operation:?} {request}: {error}"))
    }

    pub(crate) fn group_arn(name: &str) -> String {
        Scope::new(ACCOUNT, REGION).thing_group_arn(name)
    }

    /// A deployment of one component to a group.
    pub(crate) fn deploy(&self, group: &str, version: &str) -> Deployment {
        self.deploy_with(group, &json!({"components": {"app": {"componentVersion": version}}}))
    }

    /// A deployment to a group with more in its request.
    pub(crate) fn deploy_with(&self, group: &str, more: &Value) -> Deployment {
        let mut request = json!({"targetArn": Self::group_arn(group)});
        request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let made = self.ok(Operation::CreateDeployment, &request);
        let text = |name: &str| made[name].as_str().unwrap_or_default().to_owned();
        Deployment { id: text("deploymentId"), job: text("iotJobId") }
    }

    pub(crate) fn status(&self, deployment: &Deployment) -> String {
        let got = self.ok(Operation::GetDeployment, &json!({"deploymentId": deployment.id}));
        got["deploymentStatus"].as_str().unwrap().to_owned()
    }

    pub(crate) fn counts(&self, deployment: &Deployment) -> ExecutionCounts {
        self.emulator.execution_counts(&deployment.job).unwrap()
    }

    pub(crate) fn job(&self, deployment: &Deployment) -> Value {
        self.ok(Operation::DescribeJob, &json!({"jobId": deployment.job}))["job"].clone()
    }

    /// The status of a thing's execution; `None` when it has none.
    pub(crate) fn execution(&self, deployment: &Deployment, thing: &str) -> Option<Value> {
        let request = json!({"jobId": deployment.job, "thingName": thing});
        let described = self.call(Operation::DescribeJobExecution, &request).ok()?;
        Some(described["execution"].clone())
    }

    pub(crate) fn execution_status(&self, deployment: &Deployment, thing: &str) -> String {
        let execution = self.execution(deployment, thing);
        execution.map_or_else(|| "NONE".to_owned(), |execution| execution["status"].as_str().unwrap().to_owned())
    }

    pub(crate) fn device(&self, name: &str) -> Value {
        self.emulator.device(ACCOUNT, REGION, name).unwrap()
    }

    /// The names and versions of a device's components.
    pub(crate) fn components(&self, name: &str) -> Value {
        let device = self.device(name);
        let components = device["components"].as_object().unwrap().iter();
        components.map(|(name, component)| (name.clone(), component["version"].clone())).collect()
    }

    /// What ListEffectiveDeployments shows of a target on a device.
    pub(crate) fn effective(&self, name: &str, target: &str) -> Value {
        let listed = self.ok(Operation::ListEffectiveDeployments, &json!({"coreDeviceThingName": name}));
        let rows = listed["effectiveDeployments"].as_array().unwrap();
        rows.iter().find(|row| row["targetArn"] == target).unwrap_or(&Value::Null).clone()
    }
}

/// A deployment by its ids.
#[derive(Debug, Clone)]
pub(crate) struct Deployment {
    pub(crate) id: String,
    pub(crate) job: String,
}
