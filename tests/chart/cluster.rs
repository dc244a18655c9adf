//! The chart in a cluster: what the API server accepts, what RBAC allows, installing and removing (does I/O: asks a cluster).

use std::collections::BTreeSet;

use testcluster::Cluster;

use super::release::{NAME, Release, Version};
use super::{success, template};
use crate::world::install_definitions;

#[test]
fn the_api_server_accepts_what_the_chart_renders_and_warns_of_nothing() {
    let cluster = Cluster::shared().unwrap();
    install_definitions(cluster);
    let namespace = cluster.namespace("chart").unwrap();
    // A Deployment that breaks the strictest pod security standard then gets a warning, and no warning may come.
    let restricted = "pod-security.kubernetes.io/warn=restricted";
    cluster.kubectl(&["label", "namespace", &namespace, restricted]).unwrap().success().unwrap();
    let watch = format!("watchNamespaces={{{namespace}}}");
    let every_list: &[&str] = &[
        "imagePullSecrets[0].name=pull",
        "priorityClassName=system-cluster-critical",
        "nodeSelector.disk=ssd",
        "tolerations[0].operator=Exists",
        "affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchFields[0].key=metadata.name",
        "affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchFields[0].operator=In",
        "affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchFields[0].values[0]=a",
        "extraArgs[0]=--log=debug",
        "extraEnv[0].name=HTTPS_PROXY",
        "extraEnv[0].value=http://proxy:3128",
        "extraEnvFrom[0].secretRef.name=aws",
        "extraVolumes[0].name=ca",
        "extraVolumes[0].configMap.name=ca",
        "extraVolumeMounts[0].name=ca",
        "extraVolumeMounts[0].mountPath=/ca",
        "podAnnotations.a=b",
        "podLabels.c=d",
        "commonLabels.e=f",
        "topologySpreadConstraints[0].maxSkew=1",
        "topologySpreadConstraints[0].topologyKey=topology.kubernetes.io/zone",
        "topologySpreadConstraints[0].whenUnsatisfiable=DoNotSchedule",
        "topologySpreadConstraints[0].labelSelector.matchLabels.release=operator",
        "networkPolicy.enabled=true",
        "networkPolicy.metricsFrom[0].namespaceSelector.matchLabels.name=monitoring",
        "networkPolicy.extraEgress[0].ports[0].port=3128",
        "metrics.service.annotations.a=b",
        "metrics.dashboard.enabled=true",
        "metrics.dashboard.annotations.a=b",
        "identities.north.region=eu-central-1",
        "identities.north.roleArn=arn:aws:iam::123456789012:role/deployer",
        "extraObjects[0].apiVersion=v1",
        "extraObjects[0].kind=ConfigMap",
        "extraObjects[0].metadata.name=more",
    ];
    let irsa: &[&str] = &[
        r"serviceAccount.annotations.eks\.amazonaws\.com/role-arn=arn:aws:iam::123456789012:role/greengrass-operator",
        "aws.region=eu-central-1",
    ];
    // EKS Pod Identity knows accounts by their names, so one may be made by whoever makes the association.
    let pod_identity: &[&str] = &["serviceAccount.create=false", "serviceAccount.name=associated"];
    let matrix: &[&[&str]] = &[
        &[],
        irsa,
        pod_identity,
        &["clusterName=factory", &watch],
        &["replicas=0", "crds.keep=false", "rbac.aggregateToView=false"],
        &["replicas=1", "leaderElection.enabled=false"],
        &["networkPolicy.enabled=true", "metrics.dashboard.enabled=true", "rbac.aggregateToEdit=true"],
        &["metrics.service.enabled=false", "podDisruptionBudget.maxUnavailable=50%"],
        every_list,
    ];
    for values in matrix {
        let manifest = success(&template(&namespace, values));
        let apply = [
            "apply",
            "--server-side",
            "--force-conflicts",
            "--field-manager=chart",
            "--dry-run=server",
            "--filename=-",
        ];
        let output = cluster.kubectl_with_input(&apply, &manifest).unwrap();
        assert!(output.status.success(), "{values:?}: {}", output.stderr);
        assert_eq!(output.stderr.trim(), "", "{values:?}");
    }
}

/// What RBAC lets the `ServiceAccount` do, one line per rule, without what everybody may.
fn rights(cluster: &Cluster, account: &str, namespace: &str) -> BTreeSet<String> {
    let list = ["auth", "can-i", "--list", "--no-headers", "--as", account, "--namespace", namespace];
    let text = cluster.kubectl(&list).unwrap().success().unwrap();
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let everybodys =
        |line: &str| ["[/", "selfsubject", "clustertrustbundles"].iter().any(|start| line.starts_with(start));
    text.lines().map(words).filter(|line| !everybodys(line)).collect()
}

/// Asks until they are these, for a while: the API server learns of roles and bindings through watches of its own.
fn has_exactly(cluster: &Cluster, account: &str, namespace: &str, expected: &[&str]) {
    let expected: BTreeSet<_> = expected.iter().map(|&line| line.to_owned()).collect();
    for _ in 0..50 {
        if rights(cluster, account, namespace) == expected {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    assert_eq!(rights(cluster, account, namespace), expected, "{account} in {namespace}");
}

/// What belongs to no namespace.
const OF_THE_CLUSTER: [&str; 4] = [
    "awsidentities.greengrass-operator.dev [] [] [list watch]",
    "awsidentities.greengrass-operator.dev/status [] [] [update]",
    "namespaces [] [] [list watch]",
    "customresourcedefinitions.apiextensions.k8s.io [] [greengrassdeployments.greengrass-operator.dev] [get]",
];

#[test]
fn the_operator_may_do_what_it_needs_and_nothing_else() {
    let cluster = Cluster::shared().unwrap();
    let namespace = cluster.namespace("rights").unwrap();
    let elsewhere = cluster.namespace("elsewhere").unwrap();
    let account = format!("system:serviceaccount:{namespace}:operator-greengrass-operator");
    let apply = |values: &[&str]| cluster.apply(&success(&template(&namespace, values))).unwrap();
    let deployments = [
        "greengrassdeployments.greengrass-operator.dev [] [] [get list watch patch]",
        "greengrassdeployments.greengrass-operator.dev/status [] [] [update]",
        "configmaps [] [] [get list watch]",
        "events.events.k8s.io [] [] [create patch]",
    ];
    let deployments = [&deployments[..], &OF_THE_CLUSTER].concat();

    // One namespace first: what this step binds stays bound in the next, because apply deletes nothing.
    let no_identity = "defaultIdentity.create=false";
    apply(&["crds.enabled=false", no_identity, "clusterName=factory", &format!("watchNamespaces={{{namespace}}}")]);
    let mut at_home = deployments.clone();
    at_home.extend([
        "leases.coordination.k8s.io [] [operator-greengrass-operator] [get watch update]",
        "leases.coordination.k8s.io [] [] [create]",
    ]);
    has_exactly(cluster, &account, &namespace, &at_home);
    has_exactly(cluster, &account, &elsewhere, &OF_THE_CLUSTER);

    apply(&["crds.enabled=false", no_identity]);
    let mut everywhere = deployments;
    everywhere.push("namespaces [] [kube-system] [get]");
    has_exactly(cluster, &account, &elsewhere, &everywhere);

    apply(&["crds.enabled=false", no_identity, "thingsGraph.enabled=true"]);
    everywhere.extend([
        "systeminstances.greengrass-operator.dev [] [] [get list watch patch]",
        "systeminstances.greengrass-operator.dev/status [] [] [update]",
        "customresourcedefinitions.apiextensions.k8s.io [] [systeminstances.greengrass-operator.dev] [get]",
    ]);
    has_exactly(cluster, &account, &elsewhere, &everywhere);
}

#[test]
fn an_installation_upgrades_and_leaves_the_definitions_when_it_goes() {
    let release = Release::of_nothing();
    let notes = release.upgrade(Version::Today, &["--set=replicas=0"]);
    assert!(notes.contains("replicas is 0") && notes.contains("names no IAM role"), "{notes}");
    let made = release.object("awsidentity/default");
    assert_eq!(made["spec"]["allowedTargets"][0], "*");

    let kept = release.apply_a_resource();

    release.upgrade(Version::Today, &["--set=replicas=1,clusterName=factory"]);
    let identity = release.object("awsidentity/default");
    assert_eq!(identity["metadata"]["uid"], made["metadata"]["uid"], "an upgrade keeps the identity");
    assert_eq!(release.object("deployment/greengrass-operator")["spec"]["replicas"], 1);
    let uid_role = "clusterrole/operators-greengrass-operator-cluster-uid";
    assert!(!release.has(uid_role), "a named cluster needs no right to kube-system");

    release.helm(&["rollback", NAME, "1"]).unwrap();
    assert_eq!(release.object("deployment/greengrass-operator")["spec"]["replicas"], 0);
    assert!(release.has(uid_role) && release.has("awsidentity/default"), "all that the first revision had");

    release.upgrade(Version::Today, &["--set=replicas=1"]);
    release.helm(&["uninstall", NAME]).unwrap();
    assert!(!release.has("serviceaccount/greengrass-operator"));
    assert!(!release.has("awsidentity/default"), "it belongs to the release");
    assert_eq!(release.uid_of_the_resource(), kept);
    // The definitions that stayed are taken over again.
    release.upgrade(Version::Today, &["--set=replicas=0"]);
}
