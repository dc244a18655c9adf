//! What a test's cluster has beside the test: definitions, an identity, the operator's rights (does I/O: asks a cluster).

use std::process::Command;
use std::sync::OnceLock;

use serde_json::json;
use testcluster::Cluster;

use super::Kind;

/// Applies the definitions to the shared cluster, once in this process.
pub fn install_definitions(cluster: &Cluster) {
    static INSTALLED: OnceLock<()> = OnceLock::new();
    INSTALLED.get_or_init(|| install_definitions_on(cluster));
}

/// Applies the definition of the legacy kind to the shared cluster, once in this process.
pub fn install_things_graph(cluster: &Cluster) {
    static INSTALLED: OnceLock<()> = OnceLock::new();
    INSTALLED.get_or_init(|| install_folder(cluster, concat!(env!("CARGO_MANIFEST_DIR"), "/crds/things-graph")));
}

/// Applies the definitions to a cluster.
pub fn install_definitions_on(cluster: &Cluster) {
    install_folder(cluster, concat!(env!("CARGO_MANIFEST_DIR"), "/crds"));
}

fn install_folder(cluster: &Cluster, folder: &str) {
    let apply = ["apply", "--server-side", "--force-conflicts", "--filename", folder];
    cluster.kubectl(&apply).unwrap().success().unwrap();
    let wait = ["wait", "--for=condition=Established", "crd", "--all", "--timeout=30s"];
    cluster.kubectl(&wait).unwrap().success().unwrap();
}

/// The default identity of one namespace: that of all would be every test's.
pub fn install_identity(cluster: &Cluster, namespace: &str) {
    let identity = json!({
        "apiVersion": "greengrass-operator.dev/v1alpha1",
        "kind": "AwsIdentity",
        "metadata": {"name": identity_of(namespace)},
        "spec": {
            "defaultFor": {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}},
            "allowedNamespaces": {"names": [namespace]},
            "allowedTargets": ["*"],
        },
    });
    cluster.apply(&identity.to_string()).unwrap();
}

/// The name of the default identity of a namespace.
pub fn identity_of(namespace: &str) -> String {
    format!("default-{namespace}")
}

/// The chart's `ServiceAccount` in one namespace, with the chart's rights in another.
pub fn grant(cluster: &Cluster, kind: Kind, home: &str, namespace: &str) {
    let things_graph = kind == Kind::SystemInstance;
    let chart = concat!(env!("CARGO_MANIFEST_DIR"), "/charts/greengrass-operator");
    let rights = [
        "template",
        "greengrass-operator",
        chart,
        "--namespace",
        home,
        "--set",
        &format!("watchNamespaces={{{namespace}}},crds.enabled=false,thingsGraph.enabled={things_graph},clusterName=test,serviceAccount.name=greengrass-operator"),
        "--show-only",
        "templates/rbac.yaml",
        "--show-only",
        "templates/serviceaccount.yaml",
    ]
    .map(ToOwned::to_owned);
    let helm = testcluster::tools::clients().unwrap().join("helm");
    let rendered = Command::new(helm).args(rights).env("KUBECONFIG", "/dev/null").output().unwrap();
    assert!(rendered.status.success(), "{}", String::from_utf8_lossy(&rendered.stderr));
    cluster.apply(&String::from_utf8(rendered.stdout).unwrap()).unwrap();
}
