//! The Helm chart, rendered by helm and judged by a real API server (does I/O: starts processes, asks a cluster).

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use testcluster::Cluster;

use crate::world::install_definitions;

const ADMIN_ROLE_ARN: &str = "arn:aws:iam::123456789012:role/greengrass-operator";

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn chart() -> PathBuf {
    repository().join("charts/greengrass-operator")
}

pub fn helm(kubeconfig: Option<&Path>, arguments: &[&str]) -> Output {
    let mut helm = Command::new(testcluster::tools::clients().unwrap().join("helm"));
    // Without a kubeconfig, a cluster that the user happens to be logged in to must not be asked.
    helm.args(arguments).env("KUBECONFIG", kubeconfig.unwrap_or_else(|| Path::new("/dev/null"))).output().unwrap()
}

/// What helm printed; its complaint, where it refused.
pub fn success(output: &Output) -> String {
    assert!(output.status.success(), "{}", complaint(output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What helm complained about.
pub fn complaint(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn template(namespace: &str, values: &[&str]) -> Output {
    let chart = chart();
    let mut arguments = vec!["template", "operator", chart.to_str().unwrap(), "--namespace", namespace];
    for value in values {
        arguments.extend(["--set", value]);
    }
    helm(None, &arguments)
}

fn rendered(values: &[&str]) -> String {
    success(&template("somewhere", values))
}

/// Names and texts of the files of a folder that end in `.yaml`.
fn yaml_files(folder: &Path) -> BTreeSet<(String, String)> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read_to_string(&path).unwrap()))
        .collect()
}

#[test]
fn helm_finds_nothing_to_complain_about() {
    success(&helm(None, &["lint", "--strict", chart().to_str().unwrap()]));
}

#[test]
fn the_definitions_in_the_chart_are_those_that_were_generated() {
    let generated = yaml_files(&repository().join("crds"));
    let copies = yaml_files(&chart().join("files/crds"));
    assert!(!generated.is_empty());
    assert!(generated == copies, "stale: run `cp crds/*.yaml charts/greengrass-operator/files/crds/`");

    let with = rendered(&[]);
    let without = rendered(&["crds.enabled=false"]);
    for (name, text) in &generated {
        let rest = text.split_once("\nmetadata:\n").expect("a definition has metadata at the left margin").1;
        assert!(with.contains(rest.trim_end()), "{name} comes out of helm as it went in");
    }
    let count = |text: &str| text.matches("kind: CustomResourceDefinition\n").count();
    assert_eq!((count(&with), count(&without)), (generated.len(), 0));
    assert_eq!(with.matches("helm.sh/resource-policy: keep").count(), generated.len());
    assert!(!rendered(&["crds.keep=false"]).contains("helm.sh/resource-policy"));
}

#[test]
fn values_that_would_not_work_are_refused_with_their_name() {
    let refused = [
        ("replicas=2,leaderElection.enabled=false", "replicas"),
        ("leaderElection.leaseDuration=1500ms", "leaseDuration"),
        ("leaderElection.retryPeriod=2", "retryPeriod"),
        ("replica=1", "replica"),
        ("image.digest=latest", "digest"),
        ("log.format=xml", "format"),
        ("driftInterval=5", "driftInterval"),
        ("concurrency=0", "concurrency"),
        ("aws.greengrassRate=0", "greengrassRate"),
        ("aws.iotJobsRate=2.5", "iotJobsRate"),
        ("clusterName=plant 7", "clusterName"),
        ("watchNamespaces={Team_A}", "watchNamespaces"),
        ("aws.endpointUrl=emulator", "endpointUrl"),
        ("terminationGracePeriodSeconds=10", "terminationGracePeriodSeconds"),
        ("metrics.serviceMonitor.interval=30", "interval"),
        ("networkPolicy.apiServerPorts={}", "apiServerPorts"),
        ("podDisruptionBudget.maxUnavailable=0", "maxUnavailable"),
        ("identities.North.region=eu-west-1", "North"),
        ("identities.default.region=eu-west-1", "identities.default"),
    ];
    for (value, name) in refused {
        let output = template("somewhere", &[value]);
        assert!(!output.status.success(), "{value} is accepted");
        assert!(complaint(&output).contains(name), "{value}: {}", complaint(&output));
    }
}

#[test]
fn values_arrive_where_they_belong() {
    let tagged = rendered(&["image.repository=example.invalid/operator", "image.tag=1.2.3"]);
    assert!(tagged.contains(r#"image: "example.invalid/operator:1.2.3""#), "{tagged}");
    let digest = format!("sha256:{}", "0123456789abcdef".repeat(4));
    let pinned = rendered(&["image.repository=x", "image.tag=1.2.3", &format!("image.digest={digest}")]);
    assert!(pinned.contains(&format!(r#"image: "x@{digest}""#)), "{pinned}");

    let plain = rendered(&[]);
    assert!(plain.contains("type: RollingUpdate") && plain.contains("resourceNames: [kube-system]"), "{plain}");
    assert!(plain.contains("replicas: 2") && plain.contains("topologySpreadConstraints"), "{plain}");
    assert!(plain.contains("--leader-elect\n") && plain.contains("--leader-election-lease-duration=15s"), "{plain}");
    assert!(plain.contains("kind: ClusterRoleBinding"), "{plain}");
    assert_eq!(plain.matches("kind: RoleBinding\n").count(), 1, "for the Lease");
    let alone = rendered(&["replicas=1", "leaderElection.enabled=false"]);
    assert!(
        alone.contains("type: Recreate") && !alone.contains("leader-elect") && !alone.contains("leases"),
        "{alone}"
    );
    let without_definitions = rendered(&["crds.enabled=false"]);
    assert!(!without_definitions.contains("AWS_"), "nothing about AWS unless asked: {without_definitions}");

    let narrow = rendered(&["clusterName=factory", "watchNamespaces={team-a,team-b}", "aws.endpointUrl=http://e:4566"]);
    assert!(narrow.contains(r#""--cluster-name=factory""#), "{narrow}");
    assert!(narrow.contains("--watch-namespaces=team-a,team-b"), "{narrow}");
    assert_eq!(narrow.matches("kind: RoleBinding\n").count(), 4, "each namespace, the Lease, events about identities");
    // The definition and identities belong to no namespace.
    assert_eq!(narrow.matches("kind: ClusterRoleBinding\n").count(), 2);
    assert!(narrow.contains("-definition") && !narrow.contains("kube-system"), "{narrow}");
    assert!(narrow.contains("name: AWS_ENDPOINT_URL\n              value: \"http://e:4566\""), "{narrow}");

    let annotation = format!(r"serviceAccount.annotations.eks\.amazonaws\.com/role-arn={ADMIN_ROLE_ARN}");
    assert!(rendered(&[&annotation]).contains(&format!("eks.amazonaws.com/role-arn: {ADMIN_ROLE_ARN}")));
    let own = rendered(&["serviceAccount.create=false", "serviceAccount.name=mine", "rbac.create=false"]);
    assert!(own.contains("serviceAccountName: mine") && !own.contains("kind: ServiceAccount\n"), "{own}");
    assert!(!own.contains("kind: ClusterRole"), "{own}");
}

#[test]
fn a_part_of_the_identities_has_a_lease_of_its_own() {
    let shard = rendered(&["identitySelector=shard=north"]);
    assert!(shard.contains(r#""--identity-selector=shard=north""#), "{shard}");
    let name = greengrass_operator_core::deployment::hash::short_hash("shard=north");
    assert!(shard.contains(&format!("resourceNames: [operator-greengrass-operator-{name}]")), "{shard}");
}

#[test]
fn the_default_identity_comes_with_its_definition_and_stays_when_the_release_is_upgraded() {
    let first = rendered(&[]);
    assert!(first.contains("\nkind: AwsIdentity\n") && first.contains("helm.sh/hook: post-install"), "{first}");
    let chart = chart();
    let known = [
        "template",
        "operator",
        chart.to_str().unwrap(),
        "--api-versions",
        "greengrass-operator.dev/v1alpha1/AwsIdentity",
    ];
    let later = success(&helm(None, &known));
    assert!(later.contains("\nkind: AwsIdentity\n") && !later.contains("helm.sh/hook"), "{later}");
    assert!(!rendered(&["defaultIdentity.create=false"]).contains("\nkind: AwsIdentity\n"));
}

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
    let matrix: &[&[&str]] = &[
        &[],
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

/// The chart as it is rendered in a cluster with the Prometheus Operator.
fn rendered_for_prometheus(values: &[&str]) -> String {
    let chart = chart();
    let mut arguments = vec!["template", "operator", chart.to_str().unwrap()];
    let kinds =
        ["ServiceMonitor", "PodMonitor", "PrometheusRule"].map(|kind| format!("monitoring.coreos.com/v1/{kind}"));
    for kind in &kinds {
        arguments.extend(["--api-versions", kind]);
    }
    for value in values {
        arguments.extend(["--set", value]);
    }
    success(&helm(None, &arguments))
}

#[test]
fn monitors_and_alerts_are_made_where_their_apis_are() {
    let values = ["serviceMonitor", "podMonitor", "prometheusRule"].map(|name| format!("metrics.{name}.enabled=true"));
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    assert!(!rendered(&values).contains("monitoring.coreos.com"), "they would be refused");
    assert!(!rendered_for_prometheus(&[]).contains("monitoring.coreos.com"), "nobody has asked");
    let all = rendered_for_prometheus(&values);
    for kind in ["ServiceMonitor", "PodMonitor", "PrometheusRule"] {
        assert_eq!(all.matches(&format!("\nkind: {kind}\n")).count(), 1, "{kind}");
    }
    let rules = fs::read_to_string(chart().join("files/prometheus/rules.yaml")).unwrap();
    let groups: Vec<&str> = rules.lines().skip_while(|line| *line != "groups:").collect();
    assert!(!groups.is_empty());
    for line in groups {
        assert!(all.contains(&format!("  {line}")), "the alerts come out of helm as they went in: {line}");
    }
    let chart = chart();
    let without_service = [
        "template",
        "operator",
        chart.to_str().unwrap(),
        "--set=metrics.service.enabled=false,metrics.serviceMonitor.enabled=true",
        "--api-versions=monitoring.coreos.com/v1/ServiceMonitor",
    ];
    assert!(complaint(&helm(None, &without_service)).contains("metrics.service.enabled"));
}

#[test]
fn the_dashboard_asks_for_metrics_that_there_are() {
    let text = fs::read_to_string(chart().join("files/grafana/dashboard.json")).unwrap();
    let dashboard: serde_json::Value = serde_json::from_str(&text).unwrap();
    let documented = fs::read_to_string(repository().join("docs/watching.md")).unwrap();
    let mut asked = BTreeSet::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().unwrap() {
            let expression = target["expr"].as_str().unwrap();
            let words = expression.split(|character: char| character != '_' && !character.is_ascii_alphanumeric());
            asked.extend(words.filter(|word| word.starts_with("greengrass_operator_")).map(ToOwned::to_owned));
        }
    }
    assert!(asked.len() >= 12, "{asked:?}");
    for metric in asked {
        let metric = metric.trim_end_matches("_bucket");
        assert!(documented.contains(&format!("| `{metric}` |")), "{metric} is in no table of docs/watching.md");
    }
    assert!(rendered(&["metrics.dashboard.enabled=true"]).contains("grafana_dashboard: \"1\""));
}

#[test]
fn nobody_may_write_identities_status_or_finalizers_by_the_chart() {
    let edit = |text: &str| {
        let role = text.split("\n---\n").find(|part| part.contains("aggregate-to-edit"));
        role.map(|role| {
            role.lines()
                .filter(|line| line.starts_with("  ") && !line.contains("app.kubernetes.io"))
                .collect::<Vec<_>>()
                .join("\n")
        })
    };
    assert_eq!(edit(&rendered(&[])), None, "off by default");
    let role = edit(&rendered(&["rbac.aggregateToEdit=true"])).unwrap();
    assert!(role.contains("resources: [greengrassdeployments]\n"), "{role}");
    assert!(role.contains("verbs: [create, update, patch, delete, deletecollection]"), "{role}");
    for never in ["awsidentities", "/status", "/finalizers", "*"] {
        assert!(!role.contains(never), "{role}");
    }
}

#[test]
fn further_objects_are_texts_or_yaml_and_know_the_release() {
    let chart = chart();
    let objects = r#"extraObjects=["kind: A\nmetadata: {name: {{ .Release.Name }}}", {"kind": "B", "metadata": {"name": "{{ .Release.Namespace }}"}}]"#;
    let both =
        success(&helm(None, &["template", "operator", chart.to_str().unwrap(), "-n", "home", "--set-json", objects]));
    assert!(both.contains("kind: A\nmetadata: {name: operator}"), "{both}");
    assert!(both.contains("kind: B\nmetadata:\n  name: 'home'"), "{both}");
}

#[test]
fn two_replicas_are_protected_and_one_is_in_nobodys_way() {
    let budget = |values: &[&str]| rendered(values).contains("kind: PodDisruptionBudget");
    assert!(budget(&[]));
    assert!(!budget(&["replicas=1"]), "no node with it could be drained");
    assert!(!budget(&["podDisruptionBudget.enabled=false"]));
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
    "awsidentities.greengrass-operator.dev [] [] [get list watch]",
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
}

#[test]
fn an_installation_upgrades_and_leaves_the_definitions_when_it_goes() {
    // Its own cluster: definitions belong to all namespaces.
    let cluster = Cluster::start().unwrap();
    let chart = chart();
    let upgrade = |values: &[&str]| {
        let mut arguments = vec![
            "upgrade",
            "--install",
            "greengrass-operator",
            chart.to_str().unwrap(),
            "--namespace=operators",
            "--create-namespace",
        ];
        for value in values {
            arguments.extend(["--set", value]);
        }
        success(&helm(Some(cluster.kubeconfig()), &arguments))
    };
    let get = |what: &[&str]| cluster.kubectl(what).unwrap();
    let notes = upgrade(&["replicas=0"]);
    assert!(notes.contains("replicas is 0") && notes.contains("names no IAM role"), "{notes}");
    cluster
        .kubectl(&["wait", "--for=condition=Established", "crd", "--all", "--timeout=30s"])
        .unwrap()
        .success()
        .unwrap();

    let identity = ["get", "awsidentity/default", "--output=jsonpath={.spec.allowedTargets[0]}{.metadata.uid}"];
    let made = get(&identity).success().unwrap();
    assert!(made.starts_with('*'), "{made}");

    let manifest = "
apiVersion: greengrass-operator.dev/v1alpha1
kind: GreengrassDeployment
metadata: {name: kept, namespace: default}
spec:
  targetArn: arn:aws:iot:eu-central-1:123456789012:thinggroup/Kept
  components: {com.example.HelloWorld: {componentVersion: 1.0.0}}
";
    cluster.apply(manifest).unwrap();

    upgrade(&["replicas=1", "clusterName=factory"]);
    assert_eq!(get(&identity).success().unwrap(), made, "an upgrade keeps the identity");
    let replicas =
        ["get", "deployment/greengrass-operator", "--namespace=operators", "--output=jsonpath={.spec.replicas}"];
    assert_eq!(get(&replicas).success().unwrap(), "1");
    let gone = get(&["get", "clusterrole/operators-greengrass-operator-cluster-uid"]);
    assert!(gone.stderr.contains("NotFound"), "a named cluster needs no right to kube-system: {gone:?}");

    success(&helm(Some(cluster.kubeconfig()), &["uninstall", "greengrass-operator", "--namespace=operators"]));
    let gone = get(&["get", "serviceaccount/greengrass-operator", "--namespace=operators"]);
    assert!(gone.stderr.contains("NotFound"), "{gone:?}");
    let gone = get(&["get", "awsidentity/default"]);
    assert!(gone.stderr.contains("NotFound"), "it belongs to the release: {gone:?}");
    let kept = get(&["get", "greengrassdeployment/kept", "--namespace=default", "--output=name"]).success().unwrap();
    assert_eq!(kept.trim(), "greengrassdeployment.greengrass-operator.dev/kept");
    // The definitions that stayed are taken over again.
    upgrade(&["replicas=0"]);
}
