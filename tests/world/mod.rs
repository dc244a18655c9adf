//! A world for one test: a namespace of a real cluster, an AWS of its own, and the operator as a process with the rights of
//! the chart (does I/O: starts processes).

mod administrator;
pub mod fleet;
mod installed;
mod manifest;
pub mod operator;
pub mod oracle;
pub mod virtual_time;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use greengrass_emulator::{CallRecord, DeploymentRecord, DeploymentStatus, Emulator, SupersededRevision, Switches};
use serde_json::Value;
use testcluster::Cluster;
use tokio::runtime::Runtime;

use administrator::Administrator;
use installed::grant;
pub use installed::{identity_of, install_definitions, install_definitions_on, install_identity, install_things_graph};
pub use manifest::Manifest;
use operator::Operator;
pub use virtual_time::VirtualWorld;

/// The account that the operator's access key stands for.
pub const ACCOUNT: &str = "123456789012";
/// Where everything is deployed to.
pub const REGION: &str = "eu-central-1";
/// What a world is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    GreengrassDeployment,
    /// The operator looks after the legacy service as well.
    SystemInstance,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Self::GreengrassDeployment => "GreengrassDeployment",
            Self::SystemInstance => "SystemInstance",
        }
    }

    pub fn plural(self) -> &'static str {
        match self {
            Self::GreengrassDeployment => "greengrassdeployments",
            Self::SystemInstance => "systeminstances",
        }
    }
}

/// What every test waits for happens within seconds; a loaded machine gets a minute.
const PATIENCE: Duration = Duration::from_mins(1);

/// A world for one test.
pub struct World {
    kind: Kind,
    /// The cluster that all tests share.
    pub cluster: &'static Cluster,
    /// The test's own namespace.
    pub namespace: String,
    /// The test's own AWS.
    pub emulator: Emulator,
    kubeconfig: PathBuf,
    endpoint: String,
    operator: Option<Operator>,
    others: Vec<Operator>,
    folder: tempfile::TempDir,
    _runtime: Runtime,
}

/// The emulator's switches as its own program takes them, so that all tests can be run with AWS in another position.
fn switches() -> Switches {
    let flags = std::env::var_os("OPERATOR_TEST_SWITCHES").unwrap_or_default();
    let flags = flags.to_str().expect("OPERATOR_TEST_SWITCHES is no text").split(',');
    flags.filter(|flag| !flag.is_empty()).fold(Switches::default(), |all, flag| all.with_flag(flag).unwrap())
}

impl World {
    /// A world with a running operator.
    pub fn new(prefix: &str) -> Self {
        let mut world = Self::without_operator(prefix);
        world.start_operator();
        world
    }

    /// A world whose operator is not started yet.
    pub fn without_operator(prefix: &str) -> Self {
        let cluster = Cluster::shared().unwrap();
        install_definitions(cluster);
        Self::prepared(cluster, prefix)
    }

    /// A world with a running operator on a cluster that has definitions of its own.
    pub fn on(cluster: &'static Cluster, prefix: &str) -> Self {
        let mut world = Self::prepared(cluster, prefix);
        world.start_operator();
        world
    }

    /// A world whose operator is not started yet, on a cluster that has definitions of its own.
    pub fn without_operator_on(cluster: &'static Cluster, prefix: &str) -> Self {
        Self::prepared(cluster, prefix)
    }

    /// A world whose operator is installed in another namespace than the one that it looks at.
    pub fn managed_from_elsewhere(prefix: &str) -> Self {
        let cluster = Cluster::shared().unwrap();
        install_definitions(cluster);
        let home = cluster.namespace("home").unwrap();
        let mut world =
            Self::managed_from(cluster, Kind::GreengrassDeployment, cluster.namespace(prefix).unwrap(), &home);
        world.start_operator();
        world
    }

    /// A world whose operator, not started yet, looks after system instances of the legacy service as well.
    pub fn of_things_graph(prefix: &str) -> Self {
        let cluster = Cluster::shared().unwrap();
        install_definitions(cluster);
        install_things_graph(cluster);
        let namespace = cluster.namespace(prefix).unwrap();
        let world = Self::managed_from(cluster, Kind::SystemInstance, namespace.clone(), &namespace);
        Self { kind: Kind::SystemInstance, ..world }
    }

    fn prepared(cluster: &'static Cluster, prefix: &str) -> Self {
        let namespace = cluster.namespace(prefix).unwrap();
        Self::managed_from(cluster, Kind::GreengrassDeployment, namespace.clone(), &namespace)
    }

    fn managed_from(cluster: &'static Cluster, kind: Kind, namespace: String, home: &str) -> Self {
        grant(cluster, kind, home, &namespace);
        install_identity(cluster, &namespace);
        Self::of_account(cluster, namespace, home)
    }

    /// A world whose operator, not started yet, has what rights the account `greengrass-operator` in `home` was given, by a
    /// release of the chart for example.
    pub fn of_account(cluster: &'static Cluster, namespace: String, home: &str) -> Self {
        let kubeconfig = cluster.service_account_kubeconfig(home, "greengrass-operator").unwrap();
        let emulator = Emulator::builder().switches(switches()).build();
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let served = emulator.clone();
        runtime.spawn(async move { served.serve(listener).await });
        let folder = tempfile::tempdir().unwrap();
        Self {
            kind: Kind::GreengrassDeployment,
            cluster,
            namespace,
            emulator,
            kubeconfig,
            endpoint,
            operator: None,
            others: Vec::new(),
            folder,
            _runtime: runtime,
        }
    }

    pub fn start_operator(&mut self) {
        self.start_operator_with(&[]);
    }

    /// A second one beside the first, until the test ends.
    pub fn start_another_operator(&mut self) {
        self.start_another_operator_with(&[]);
    }

    pub fn start_another_operator_with(&mut self, environment: &[(&str, &str)]) {
        let first = self.operator.take();
        self.start_operator_with(environment);
        self.others.extend(self.operator.take());
        self.operator = first;
    }

    /// SIGKILL to those beside the first.
    pub fn kill_others(&mut self) {
        self.others.drain(..).for_each(Operator::kill);
    }

    /// The operator's own access to the API server.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// Where AWS is.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// A place for files that goes with the test.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn start_operator_with(&mut self, environment: &[(&str, &str)]) {
        let mut settings = self.settings();
        settings.extend(environment.iter().copied());
        // An empty value takes a variable away.
        settings.retain(|_, value| !value.is_empty());
        self.operator = Some(Operator::start(&settings, &self.namespace, self.folder.path()));
    }

    /// Starts an operator with the arguments of a container, waits until it is ready and then ends the one before, if one
    /// runs, as a rolling update does.
    pub fn roll_operator(&mut self, arguments: &[String]) {
        let new = Operator::start_as(arguments, &self.settings(), self.folder.path());
        self.wait("the new operator to be ready", || new.page("/readyz").is_some_and(|(status, _)| status == 200));
        if let Some(old) = self.operator.replace(new) {
            old.stop();
        }
    }

    /// The operator's environment.
    fn settings(&self) -> BTreeMap<&str, &str> {
        BTreeMap::from([
            ("KUBECONFIG", self.kubeconfig.to_str().unwrap()),
            ("AWS_ENDPOINT_URL", self.endpoint.as_str()),
            ("AWS_ACCESS_KEY_ID", ACCOUNT),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("GREENGRASS_OPERATOR_ENABLE_THINGS_GRAPH", if self.kind == Kind::SystemInstance { "true" } else { "" }),
        ])
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .collect()
    }

    /// SIGKILL.
    pub fn kill_operator(&mut self) {
        self.operator.take().expect("no operator runs").kill();
    }

    /// SIGTERM; the process must end by itself, and well.
    pub fn stop_operator(&mut self) {
        self.operator.take().expect("no operator runs").stop();
    }

    pub fn operator(&self) -> &Operator {
        self.operator.as_ref().expect("no operator runs")
    }

    /// The status that AWS gives a revision that a newer one has replaced.
    pub fn superseded(&self) -> DeploymentStatus {
        match self.emulator.switches().superseded_revision {
            SupersededRevision::Inactive => DeploymentStatus::Inactive,
            SupersededRevision::Canceled => DeploymentStatus::Canceled,
        }
    }

    /// Makes a thing group; its ARN.
    pub fn group(&self, name: &str) -> String {
        self.emulator.create_thing_group(ACCOUNT, REGION, name).unwrap()
    }

    pub fn group_arn(name: &str) -> String {
        format!("arn:aws:iot:{REGION}:{ACCOUNT}:thinggroup/{name}")
    }

    pub fn kubectl(&self, arguments: &[&str]) -> testcluster::Output {
        let mut all = vec!["--namespace", self.namespace.as_str()];
        all.extend(arguments);
        self.cluster.kubectl(&all).unwrap()
    }

    pub fn apply(&self, manifest: &Manifest) {
        let text = manifest.to_json().to_string();
        let arguments = ["--namespace", self.namespace.as_str(), "apply", "--filename=-"];
        self.cluster.kubectl_with_input(&arguments, &text).unwrap().success().unwrap();
    }

    pub fn annotate(&self, name: &str, annotation: &str, value: &str) {
        let pair = format!("greengrass-operator.dev/{annotation}={value}");
        self.kubectl(&["annotate", "--overwrite", self.kind.plural(), name, &pair]).success().unwrap();
    }

    pub fn delete(&self, name: &str) {
        self.kubectl(&["delete", "--wait=false", self.kind.plural(), name]).success().unwrap();
    }

    pub fn wait_gone(&self, name: &str) {
        self.wait(&format!("{name} to be gone"), || self.object(name).is_none());
    }

    /// The object, judged by the oracle each time that it is read.
    pub fn object(&self, name: &str) -> Option<Value> {
        // A process for each reading would take longer than what is waited for.
        let found = Administrator::of(self.cluster)
            .ask(self.kind, &self.namespace, async |api| api.get_opt(name).await.unwrap())?;
        let object = serde_json::to_value(found).unwrap();
        oracle::judge(&object);
        Some(object)
    }

    /// Waits until the operator has seen the newest generation and `Ready` has this status and reason.
    pub fn wait_for(&self, name: &str, status: &str, reason: &str) -> Value {
        self.wait_until(name, &format!("{status}/{reason}"), |object| {
            let ready = condition(object, "Ready");
            object["metadata"]["generation"] == object["status"]["observedGeneration"]
                && ready.is_some_and(|ready| ready["status"] == status && ready["reason"] == reason)
        })
    }

    pub fn wait_ready(&self, name: &str) -> Value {
        self.wait_until(name, "ready", is_ready)
    }

    pub fn wait_until(&self, name: &str, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let mut last = None;
        self.wait(&format!("{name} to become {what}"), || {
            last = self.object(name);
            last.as_ref().is_some_and(&holds)
        });
        last.unwrap()
    }

    /// Waits for something; what stands in the way is shown when patience ends.
    pub fn wait(&self, what: &str, holds: impl FnMut() -> bool) {
        self.wait_patiently(what, PATIENCE, holds);
    }

    /// Waits for something that may take so long.
    pub fn wait_patiently(&self, what: &str, patience: Duration, mut holds: impl FnMut() -> bool) {
        let started = Instant::now();
        while !holds() {
            if started.elapsed() > patience {
                let objects = self.kubectl(&["get", self.kind.plural(), "--output=yaml"]).stdout;
                let calls: Vec<String> = self.emulator.calls().iter().map(describe).collect();
                panic!("waited in vain for {what}\n{objects}\ncalls: {calls:#?}\nlog: {}", self.operator_log());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn operator_log(&self) -> String {
        let log = std::fs::read_to_string(self.folder.path().join("operator.log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(60)..].join("\n")
    }

    /// Names of the calls so far, oldest first.
    pub fn calls(&self) -> Vec<String> {
        let calls = self.emulator.calls().into_iter().filter(|call| !is_about_identity(call));
        calls.map(|call| call.operation).collect()
    }

    pub fn count(&self, operation: &str) -> usize {
        self.emulator.calls_of(operation).len()
    }

    /// Runs something and returns the names of the calls that it made.
    pub fn calls_of(&self, act: impl FnOnce()) -> Vec<String> {
        let before = self.calls().len();
        act();
        self.calls().split_off(before)
    }

    /// All deployments in AWS, oldest first.
    pub fn deployments(&self) -> Vec<DeploymentRecord> {
        self.emulator.deployments(ACCOUNT, REGION)
    }
}

/// Whether the newest generation was seen and is ready, for whatever reason.
pub fn is_ready(object: &Value) -> bool {
    object["metadata"]["generation"] == object["status"]["observedGeneration"]
        && condition(object, "Ready").is_some_and(|ready| ready["status"] == "True")
}

pub fn condition<'a>(object: &'a Value, name: &str) -> Option<&'a Value> {
    object["status"]["conditions"].as_array()?.iter().find(|condition| condition["type"] == name)
}

fn describe(call: &CallRecord) -> String {
    format!("{} {} {:?} {:?} {:?}", call.time, call.operation, call.status, call.error_code, call.fault)
}

/// Calls by which the operator asks who it is: they come when they come, and no test counts them.
pub fn is_about_identity(call: &CallRecord) -> bool {
    ["GetCallerIdentity", "AssumeRole"].contains(&&*call.operation)
}
