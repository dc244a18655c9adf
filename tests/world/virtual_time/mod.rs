//! A world whose time is moved by the test: the operator inside the test against a real API server, with the rights of the
//! chart; hours pass in seconds (does I/O: threads, sockets, processes).

mod engine;
mod traffic;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use greengrass_emulator::{CallRecord, DeploymentRecord, Emulator, ManualClock, Operation, Scope, Switches};
use jiff::Timestamp;
use kube::api::{Api, DeleteParams, DynamicObject, ListParams, Patch, PatchParams};
use serde_json::{Value, json};
use testcluster::Cluster;

use self::engine::{Engine, Log};
use super::administrator::Administrator;
use super::{
    ACCOUNT, Kind, Manifest, REGION, condition, grant, install_definitions, install_identity, install_things_graph,
    is_about_identity, oracle,
};

/// Timers that are due in between fire up to so much late; nothing of the operator hangs on less.
const STEP: Duration = Duration::from_secs(1);
/// In real time: how long news takes that the harness does not count.
const HEARD_WITHIN: Duration = Duration::from_millis(700);
/// What is done without waiting for a time needs none; what waits for quota needs a little.
const SOON: Duration = Duration::from_secs(30);

/// A world whose time is moved by the test.
pub struct VirtualWorld {
    kind: Kind,
    /// The test's own namespace.
    pub namespace: String,
    /// Another one that the operator looks after.
    neighbour: Option<String>,
    /// The test's own AWS.
    pub emulator: Emulator,
    kubeconfig: PathBuf,
    engine: Option<Engine>,
    log: Log,
}

/// Does something with the objects of a namespace and waits for it.
fn ask<T>(kind: Kind, namespace: &str, act: impl AsyncFnOnce(Api<DynamicObject>) -> T) -> T {
    Administrator::of(Cluster::shared().unwrap()).ask(kind, namespace, act)
}

impl VirtualWorld {
    /// A world with a running operator, and AWS as it is by default.
    pub fn new(prefix: &str) -> Self {
        Self::with_switches(prefix, super::switches())
    }

    /// A world with a running operator, and AWS with these switches.
    pub fn with_switches(prefix: &str, switches: Switches) -> Self {
        Self::prepared(Kind::GreengrassDeployment, prefix, false, switches)
    }

    /// A world whose operator looks after another namespace too.
    pub fn with_neighbour(prefix: &str) -> Self {
        Self::prepared(Kind::GreengrassDeployment, prefix, true, super::switches())
    }

    /// A world whose operator looks after system instances of the legacy service as well.
    pub fn of_things_graph(prefix: &str) -> Self {
        install_things_graph(Cluster::shared().unwrap());
        Self::prepared(Kind::SystemInstance, prefix, false, super::switches())
    }

    fn prepared(kind: Kind, prefix: &str, has_neighbour: bool, switches: Switches) -> Self {
        let cluster = Cluster::shared().unwrap();
        install_definitions(cluster);
        let namespace = cluster.namespace(prefix).unwrap();
        grant(cluster, kind, &namespace, &namespace);
        install_identity(cluster, &namespace);
        let neighbour = has_neighbour.then(|| cluster.namespace("neighbour").unwrap());
        if let Some(neighbour) = &neighbour {
            grant(cluster, kind, &namespace, neighbour);
            install_identity(cluster, neighbour);
        }
        let kubeconfig = cluster.service_account_kubeconfig(&namespace, "greengrass-operator").unwrap();
        let clock = ManualClock::starting_at(Timestamp::now());
        let emulator = Emulator::builder().shared_clock(Arc::new(clock)).switches(switches).build();
        let mut world = Self { kind, namespace, neighbour, emulator, kubeconfig, engine: None, log: Log::default() };
        world.start_operator();
        world
    }

    pub fn start_operator(&mut self) {
        let namespaces: Vec<String> = [self.namespace.clone()].into_iter().chain(self.neighbour.clone()).collect();
        self.engine = Some(Engine::start(self.kind, &namespaces, &self.kubeconfig, &self.emulator, &self.log));
    }

    /// As SIGKILL.
    pub fn kill_operator(&mut self) {
        drop(self.engine.take().expect("no operator runs"));
    }

    /// As SIGTERM and a new Pod.
    pub fn restart_operator(&mut self) {
        self.engine().settle();
        self.engine.take().expect("no operator runs").end();
        self.start_operator();
    }

    fn engine(&self) -> &Engine {
        self.engine.as_ref().expect("no operator runs")
    }

    /// How many tasks the operator has while it waits for time.
    pub fn alive_tasks(&self) -> usize {
        self.settle();
        self.engine().alive_tasks()
    }

    /// The time of day in this world.
    pub fn now(&self) -> Timestamp {
        self.emulator.now()
    }

    /// Lets the operator do what needs no time.
    pub fn settle(&self) {
        if let Some(engine) = &self.engine {
            engine.settle();
        }
    }

    /// Lets time pass, a second at a time; after each the operator does what is due.
    pub fn pass(&self, time: Duration) {
        self.pass_in(time, STEP);
    }

    /// Lets time pass in steps of a size: what the operator does in between comes up to that much late.
    pub fn pass_in(&self, time: Duration, step: Duration) {
        let mut left = time;
        self.settle();
        while !left.is_zero() {
            let by = left.min(step);
            self.move_clock(by);
            self.settle();
            left -= by;
        }
    }

    fn move_clock(&self, by: Duration) {
        match &self.engine {
            Some(engine) => engine.advance(by),
            None => assert!(self.emulator.advance(by).is_some(), "this clock can be moved"),
        }
    }

    /// Makes a thing group; its ARN.
    pub fn group(&self, name: &str) -> String {
        self.emulator.create_thing_group(ACCOUNT, REGION, name).unwrap()
    }

    /// Deploys as somebody else does; the deployment's id.
    pub fn deploy_as_somebody(&self, target: &str) -> String {
        let request = json!({"targetArn": target, "components": {}});
        self.emulator.create_deployment(ACCOUNT, REGION, &request).unwrap()
    }

    /// Cancels and deletes a deployment as somebody else does.
    pub fn remove_as_somebody(&self, id: &str) {
        self.cancel_as_somebody(id);
        let request = json!({"deploymentId": id});
        self.emulator.perform(&Scope::new(ACCOUNT, REGION), Operation::DeleteDeployment, &request).unwrap();
    }

    /// Cancels a deployment as somebody else does.
    pub fn cancel_as_somebody(&self, id: &str) {
        let request = json!({"deploymentId": id});
        self.emulator.perform(&Scope::new(ACCOUNT, REGION), Operation::CancelDeployment, &request).unwrap();
    }

    /// Applies an object to the other namespace.
    pub fn apply_to_neighbour(&self, manifest: &Manifest) {
        let neighbour = self.neighbour.as_deref().expect("this world has no other namespace");
        let (object, params) = (manifest.to_json(), PatchParams::apply("test").force());
        let name = object["metadata"]["name"].as_str().unwrap();
        let applied =
            ask(self.kind, neighbour, async |api| api.patch(name, &params, &Patch::Apply(&object)).await.unwrap());
        self.expect(&applied);
    }

    pub fn apply(&self, manifest: &Manifest) {
        self.try_apply(&manifest.to_json()).unwrap();
    }

    /// Applies an object; says why where the API server refuses it.
    pub fn try_apply(&self, object: &Value) -> Result<(), String> {
        let name = object["metadata"]["name"].as_str().unwrap();
        let params = PatchParams::apply("test").force();
        let applied =
            ask(self.kind, &self.namespace, async |api| api.patch(name, &params, &Patch::Apply(object)).await);
        self.expect(&applied.map_err(|error| error.to_string())?);
        Ok(())
    }

    /// Applies a `ConfigMap`, and waits until the operator has had the time to hear of it: its watch is not counted.
    pub fn apply_config_map(&self, name: &str, data: &Value) {
        let map = json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": name, "namespace": self.namespace}, "data": data,
        });
        self.apply_beside(&map);
    }

    pub fn delete_config_map(&self, name: &str) {
        let arguments = ["--namespace", &self.namespace, "delete", "configmap", name];
        Cluster::shared().unwrap().kubectl(&arguments).unwrap().success().unwrap();
        std::thread::sleep(HEARD_WITHIN);
        self.settle();
    }

    /// The world's identity allows these targets and no other.
    pub fn restrict_identity(&self, allowed_targets: &[&str]) {
        let selector = json!({"matchLabels": {"kubernetes.io/metadata.name": self.namespace}});
        let identity = json!({
            "apiVersion": "greengrass-operator.dev/v1alpha1", "kind": "AwsIdentity",
            "metadata": {"name": super::identity_of(&self.namespace)},
            "spec": {
                "defaultFor": {"namespaceSelector": selector},
                "allowedNamespaces": {"names": [self.namespace]},
                "allowedTargets": allowed_targets,
            },
        });
        self.apply_beside(&identity);
    }

    fn apply_beside(&self, object: &Value) {
        Cluster::shared().unwrap().apply(&object.to_string()).unwrap();
        std::thread::sleep(HEARD_WITHIN);
        self.settle();
    }

    pub fn annotate(&self, name: &str, annotation: &str, value: &str) {
        let patch = json!({"metadata": {"annotations": {format!("greengrass-operator.dev/{annotation}"): value}}});
        let patched = ask(self.kind, &self.namespace, async |api| {
            api.patch(name, &PatchParams::default(), &Patch::Merge(&patch)).await.unwrap()
        });
        self.expect(&patched);
    }

    pub fn delete(&self, name: &str) {
        let seen = self.engine.as_ref().map_or(0, |engine| engine.traffic().seen());
        let deleted =
            ask(self.kind, &self.namespace, async |api| api.delete(name, &DeleteParams::default()).await.unwrap());
        match deleted.left() {
            Some(object) => self.expect(&object),
            // Gone at once: the event has a version that nobody tells.
            None => self.engine.iter().for_each(|engine| engine.traffic().expect(seen + 1)),
        }
    }

    /// Loses the status, as a restore of the object from a backup does.
    pub fn clear_status(&self, name: &str) {
        let patch = Patch::Merge(json!({"status": null}));
        let patched = ask(self.kind, &self.namespace, async |api| {
            api.patch_status(name, &PatchParams::default(), &patch).await.unwrap()
        });
        self.expect(&patched);
    }

    /// The watch has to bring this before the operator counts as settled.
    fn expect(&self, object: &DynamicObject) {
        let version = object.metadata.resource_version.as_ref().and_then(|version| version.parse().ok());
        if let (Some(engine), Some(version)) = (&self.engine, version) {
            engine.traffic().expect(version);
        }
    }

    /// The status is lost, as when a backup brings an object back.
    pub fn lose_status(&self, name: &str) {
        let patch = json!({"status": null});
        let patched = ask(self.kind, &self.namespace, async |api| {
            api.patch_status(name, &PatchParams::default(), &Patch::Merge(&patch)).await.unwrap()
        });
        self.expect(&patched);
    }

    /// The object, judged by the oracle each time that it is read.
    pub fn object(&self, name: &str) -> Option<Value> {
        let object = ask(self.kind, &self.namespace, async |api| api.get_opt(name).await.unwrap())?;
        let object = serde_json::to_value(object).unwrap();
        oracle::judge(&object);
        Some(object)
    }

    /// Waits until the newest generation is ready; no time passes.
    pub fn wait_ready(&self, name: &str) -> Value {
        self.wait_ready_within(name, Duration::ZERO)
    }

    /// Lets time pass until the newest generation is ready.
    pub fn wait_ready_within(&self, name: &str, time: Duration) -> Value {
        self.wait_until(name, "ready", time, super::is_ready)
    }

    /// Lets a little time pass until the operator has seen the newest generation and `Ready` has this status and reason.
    pub fn wait_for(&self, name: &str, status: &str, reason: &str) -> Value {
        self.wait_for_within(name, status, reason, SOON)
    }

    pub fn wait_for_within(&self, name: &str, status: &str, reason: &str, time: Duration) -> Value {
        let what = format!("{status}/{reason}");
        self.wait_until(name, &what, time, |object| is(object, status, reason))
    }

    /// Lets time pass, at most so much, until the object is as it should be.
    pub fn wait_until(&self, name: &str, what: &str, time: Duration, holds: impl Fn(&Value) -> bool) -> Value {
        let mut last = None;
        self.wait(&format!("{name} to become {what}"), time, || {
            last = self.object(name);
            last.as_ref().is_some_and(&holds)
        });
        last.unwrap()
    }

    pub fn wait_gone(&self, name: &str, time: Duration) {
        self.wait(&format!("{name} to be gone"), time, || self.object(name).is_none());
    }

    /// Lets time pass, at most so much, until something is so. What stands in the way is shown when time is over.
    pub fn wait(&self, what: &str, time: Duration, mut holds: impl FnMut() -> bool) {
        let end = self.now() + time;
        self.settle();
        let mut before = None;
        loop {
            // Only what was written or called can have changed anything.
            let now = self.engine.as_ref().map(|engine| (engine.traffic().requests(), engine.traffic().seen()));
            if before != Some((now, self.emulator.calls().len())) && holds() {
                return;
            }
            before = Some((now, self.emulator.calls().len()));
            assert!(self.now() < end, "waited in vain for {what}{}", self.story());
            self.pass(STEP);
        }
    }

    /// Objects, calls and log, for messages.
    pub fn story(&self) -> String {
        let mut objects = ask(self.kind, &self.namespace, async |api| api.list(&ListParams::default()).await.unwrap());
        objects.iter_mut().for_each(|object| object.metadata.managed_fields = None);
        let objects = serde_json::to_string_pretty(&objects.items).unwrap();
        let calls: Vec<String> = self.emulator.calls().iter().map(super::describe).collect();
        format!(" at {}\n{objects}\ncalls: {calls:#?}\nlog: {}", self.now(), self.log.end())
    }

    /// All calls so far, oldest first.
    pub fn calls(&self) -> Vec<CallRecord> {
        self.emulator.calls().into_iter().filter(|call| !is_about_identity(call)).collect()
    }

    pub fn count(&self, operation: &str) -> usize {
        self.emulator.calls_of(operation).len()
    }

    /// All deployments in AWS, oldest first.
    pub fn deployments(&self) -> Vec<DeploymentRecord> {
        self.emulator.deployments(ACCOUNT, REGION)
    }
}

/// Whether the newest generation was seen and `Ready` has this status and reason.
pub fn is(object: &Value, status: &str, reason: &str) -> bool {
    object["metadata"]["generation"] == object["status"]["observedGeneration"]
        && condition(object, "Ready").is_some_and(|ready| ready["status"] == status && ready["reason"] == reason)
}
