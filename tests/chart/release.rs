//! A release of the chart in a cluster that is its own (does I/O: starts helm and a cluster).

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use serde_json::Value;
use testcluster::{Cluster, Options};

use super::{chart, complaint, helm, repository, success};

/// Where the release is installed.
pub const HOME: &str = "operators";
/// What it is called; its objects are called so too.
pub const NAME: &str = "greengrass-operator";
const DEFINITIONS: [&str; 2] =
    ["awsidentities.greengrass-operator.dev", "greengrassdeployments.greengrass-operator.dev"];

/// The definition that comes only where it is wanted.
const SYSTEM_INSTANCES: &str = "systeminstances.greengrass-operator.dev";

/// Two zones, of which one has a node more.
const NODES: &str = "
{apiVersion: v1, kind: Node, metadata: {name: a, labels: {topology.kubernetes.io/zone: one, kubernetes.io/hostname: a}}}
---
{apiVersion: v1, kind: Node, metadata: {name: b, labels: {topology.kubernetes.io/zone: one, kubernetes.io/hostname: b}}}
---
{apiVersion: v1, kind: Node, metadata: {name: c, labels: {topology.kubernetes.io/zone: two, kubernetes.io/hostname: c}}}
";

/// A resource that no upgrade may lose.
const KEPT: &str = "
apiVersion: greengrass-operator.dev/v1alpha1
kind: GreengrassDeployment
metadata: {name: kept, namespace: default}
spec:
  targetArn: arn:aws:iot:eu-central-1:123456789012:thinggroup/Kept
  components: {com.example.HelloWorld: {componentVersion: 1.0.0}}
";

/// A release that installs definitions, which belong to all namespaces: a cluster holds one such release, and the tests with
/// one take turns.
pub struct Release {
    pub cluster: &'static Cluster,
    _turn: MutexGuard<'static, ()>,
}

/// Which chart is installed.
#[derive(Clone, Copy)]
pub enum Version {
    /// One that is kept in `previous/`.
    Previous(&'static str),
    /// The chart as it stands.
    Today,
}

impl Version {
    pub fn path(self) -> String {
        match self {
            Self::Previous(version) => {
                repository().join(format!("tests/chart/previous/{NAME}-{version}.tgz")).display().to_string()
            }
            Self::Today => chart().display().to_string(),
        }
    }
}

impl Release {
    /// A cluster in which neither a release nor a definition is installed.
    pub fn of_nothing() -> Self {
        static TURN: Mutex<()> = Mutex::new(());
        static CLUSTER: OnceLock<Cluster> = OnceLock::new();
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let cluster = CLUSTER.get_or_init(|| {
            // As API servers before 1.34 are, to which the operator lists.
            let api_server_flags = vec!["--feature-gates=WatchList=false".to_owned()];
            Cluster::start_with(&Options { api_server_flags, runs_pods: true, ..Options::default() }).unwrap()
        });
        let release = Self { cluster, _turn: turn };
        // What a test before this one has left.
        let _ = release.helm(&["uninstall", NAME, "--ignore-not-found"]);
        for definition in DEFINITIONS.into_iter().chain([SYSTEM_INSTANCES]) {
            release.kubectl(&["delete", "crd", definition, "--ignore-not-found", "--timeout=60s"]);
        }
        release.kubectl(&["delete", "node", "--all"]);
        release.cluster.apply(NODES).unwrap();
        release
    }

    /// Runs helm in the release's namespace, made at need.
    pub fn helm(&self, arguments: &[&str]) -> Result<String, String> {
        let mut all = vec!["--namespace", HOME];
        all.extend(arguments);
        let output = helm(Some(self.cluster.kubeconfig()), &all);
        if output.status.success() { Ok(success(&output)) } else { Err(complaint(&output)) }
    }

    /// `helm upgrade --install` of a version with further flags; what helm complained about, where it refused.
    pub fn try_upgrade(&self, version: Version, flags: &[&str]) -> Result<String, String> {
        let path = version.path();
        let mut all = vec!["upgrade", "--install", "--create-namespace", NAME, &path];
        all.extend(flags);
        self.helm(&all)
    }

    /// The same, where it must succeed.
    pub fn upgrade(&self, version: Version, flags: &[&str]) -> String {
        let said = self.try_upgrade(version, flags).unwrap();
        self.wait_established();
        said
    }

    /// Waits until what the definitions define can be asked for.
    pub fn wait_established(&self) {
        self.kubectl(&["wait", "--for=condition=Established", "crd", "--all", "--timeout=30s"]);
    }

    /// Runs kubectl; what it printed.
    pub fn kubectl(&self, arguments: &[&str]) -> String {
        self.cluster.kubectl(arguments).unwrap().success().unwrap()
    }

    /// Whether an object exists, as in `crd/NAME`.
    pub fn has(&self, object: &str) -> bool {
        !self.kubectl(&["get", object, "--namespace", HOME, "--ignore-not-found", "--output=name"]).is_empty()
    }

    /// An object as it is stored.
    pub fn object(&self, object: &str) -> Value {
        serde_json::from_str(&self.kubectl(&["get", object, "--namespace", HOME, "--output=json"])).unwrap()
    }

    /// Applies a resource; its UID.
    pub fn apply_a_resource(&self) -> String {
        self.cluster.apply(KEPT).unwrap();
        self.uid_of_the_resource()
    }

    /// The UID of that resource as it is now: another one if its definition was deleted in between.
    pub fn uid_of_the_resource(&self) -> String {
        self.kubectl(&["get", "greengrassdeployment/kept", "--namespace=default", "--output=jsonpath={.metadata.uid}"])
    }

    /// The arguments that the Deployment gives its container.
    pub fn arguments(&self) -> Vec<String> {
        let deployment = self.object(&format!("deployment/{NAME}"));
        let arguments = &deployment["spec"]["template"]["spec"]["containers"][0]["args"];
        serde_json::from_value(arguments.clone()).unwrap()
    }

    /// Whether both definitions have the specification of today's.
    pub fn has_todays_definitions(&self) -> bool {
        DEFINITIONS.iter().all(|name| {
            let file = format!("crds/greengrass-operator.dev_{}.yaml", name.split('.').next().unwrap());
            let today: Value =
                serde_saphyr::from_str(&std::fs::read_to_string(repository().join(file)).unwrap()).unwrap();
            let stored = self.object(&format!("crd/{name}"));
            stored["spec"]["versions"][0]["schema"] == today["spec"]["versions"][0]["schema"]
        })
    }
}
