//! What values make of the chart (does I/O: starts helm).

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::{chart, complaint, helm, rendered, repository, success, template, template_with};

const ADMIN_ROLE_ARN: &str = "arn:aws:iam::123456789012:role/greengrass-operator";

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
    let generated = |folder: &str| {
        let generated = yaml_files(&repository().join("crds").join(folder));
        assert!(!generated.is_empty());
        assert!(generated == yaml_files(&chart().join("files/crds").join(folder)), "stale: run `make crd`");
        generated
    };
    let (always, things_graph) = (generated(""), generated("things-graph"));
    let all = &always | &things_graph;

    for (values, expected) in [("", &always), ("thingsGraph.enabled=true", &all)] {
        let with = rendered(&[values]);
        for (name, text) in expected {
            let rest = text.split_once("\nmetadata:\n").expect("a definition has metadata at the left margin").1;
            assert!(with.contains(rest.trim_end()), "{name} comes out of helm as it went in");
        }
        let count = |text: &str| text.matches("kind: CustomResourceDefinition\n").count();
        let without = rendered(&[values, "crds.enabled=false"]);
        assert_eq!((count(&with), count(&without)), (expected.len(), 0), "{values}");
        assert_eq!(with.matches("helm.sh/resource-policy: keep").count(), expected.len(), "{values}");
        assert!(!rendered(&[values, "crds.keep=false"]).contains("helm.sh/resource-policy"));
    }
}

#[test]
fn nothing_of_system_instances_is_there_until_they_are_switched_on() {
    let everything = "rbac.aggregateToEdit=true";
    let off = rendered(&[everything]);
    assert!(
        !off.contains("systeminstances") && !off.contains("SystemInstance") && !off.contains("things-graph"),
        "{off}"
    );
    let on = rendered(&[everything, "thingsGraph.enabled=true"]);
    assert!(on.contains("            - --enable-things-graph\n"), "{on}");
    for line in [
        "    resources: [systeminstances]\n    verbs: [get, list, watch, patch]\n",
        "    resources: [systeminstances/status]\n    verbs: [update]\n",
        "      - systeminstances.greengrass-operator.dev\n",
        "    resources: [greengrassdeployments, awsidentities, systeminstances]\n    verbs: [get, list, watch]\n",
        "    resources: [greengrassdeployments, systeminstances]\n    verbs: [create, update, patch, delete, deletecollection]\n",
    ] {
        assert!(on.contains(line), "{line} is not in {on}");
    }
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
        ("thingsGraph.enabled=yes please", "thingsGraph"),
        ("thingsGraph.enable=true", "thingsGraph"),
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
    let later = success(&template_with(&["--api-versions", "greengrass-operator.dev/v1alpha1/AwsIdentity"]));
    assert!(later.contains("\nkind: AwsIdentity\n") && !later.contains("helm.sh/hook"), "{later}");
    assert!(!rendered(&["defaultIdentity.create=false"]).contains("\nkind: AwsIdentity\n"));
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
    let objects = r#"extraObjects=["kind: A\nmetadata: {name: {{ .Release.Name }}}", {"kind": "B", "metadata": {"name": "{{ .Release.Namespace }}"}}]"#;
    let both = success(&template_with(&["--namespace", "home", "--set-json", objects]));
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
