//! Who owns the definitions, and an upgrade that fails in the middle (does I/O: starts a cluster and helm).

use super::release::{NAME, Release, Version};
use super::repository;
use crate::world::install_definitions_on;

const DEFINITION: &str = "crd/greengrassdeployments.greengrass-operator.dev";

#[test]
fn definitions_that_leave_a_release_stay_in_the_cluster_and_can_come_back() {
    let release = Release::of_nothing();
    release.upgrade(Version::Today, &["--set=replicas=0"]);
    let kept = release.apply_a_resource();

    // Both at once is no way to lose them either: what counts is the annotation on what is in the cluster.
    for leaving in ["crds.enabled=false", "crds.enabled=false,crds.keep=false"] {
        release.upgrade(Version::Today, &["--set=replicas=0", &format!("--set={leaving}")]);
        let manifest = release.helm(&["get", "manifest", NAME]).unwrap();
        assert!(!manifest.contains("kind: CustomResourceDefinition"), "{leaving}");
        assert_eq!(release.uid_of_the_resource(), kept, "{leaving}");
        release.upgrade(Version::Today, &["--set=replicas=0"]);
        assert_eq!(release.uid_of_the_resource(), kept, "and back");
    }

    // Who says in two upgrades that they may go loses them, and every resource.
    release.upgrade(Version::Today, &["--set=replicas=0", "--set=crds.keep=false"]);
    assert_eq!(release.uid_of_the_resource(), kept);
    let without = "--set=replicas=0,crds.enabled=false,defaultIdentity.create=false";
    release.try_upgrade(Version::Today, &[without]).unwrap();
    release.kubectl(&["wait", "--for=delete", DEFINITION, "--timeout=30s"]);
}

#[test]
fn definitions_that_kubectl_applied_are_taken_over_when_helm_is_told_to() {
    let release = Release::of_nothing();
    install_definitions_on(release.cluster);
    let kept = release.apply_a_resource();
    let refused = release.try_upgrade(Version::Today, &["--set=replicas=0"]).unwrap_err();
    assert!(
        refused.contains("invalid ownership metadata") && refused.contains("CustomResourceDefinition"),
        "{refused}"
    );
    assert!(!release.has("serviceaccount/greengrass-operator"), "refused before anything was made");

    // Or leaves them to kubectl.
    release.upgrade(Version::Today, &["--set=replicas=0,crds.enabled=false"]);
    assert_eq!(release.object(DEFINITION)["metadata"]["labels"], serde_json::Value::Null);
    release.upgrade(Version::Today, &["--set=replicas=0", "--take-ownership"]);
    let metadata = &release.object(DEFINITION)["metadata"];
    assert_eq!(metadata["annotations"]["meta.helm.sh/release-name"], NAME);
    assert_eq!(metadata["annotations"]["helm.sh/resource-policy"], "keep");
    assert_eq!(release.uid_of_the_resource(), kept);

    // A kubectl that goes on applying them is in nobody's way as long as it applies the same.
    let folder = repository().join("crds");
    release.kubectl(&["apply", "--server-side", "--filename", folder.to_str().unwrap()]);
    release.upgrade(Version::Today, &["--set=replicas=0"]);
}

#[test]
fn an_upgrade_that_the_api_server_refuses_leaves_what_runs_and_can_be_repeated() {
    let release = Release::of_nothing();
    release.upgrade(Version::Previous("0.1.0-alpha.2"), &["--set=replicas=2,clusterName=factory"]);
    let kept = release.apply_a_resource();
    let deployment = release.object("deployment/greengrass-operator");
    let account = release.object("serviceaccount/greengrass-operator")["metadata"]["uid"].clone();

    // No schema of values knows what a quantity is.
    let plenty = ["--reset-then-reuse-values", "--set=resources.limits.memory=plenty"];
    let refused = release.try_upgrade(Version::Today, &plenty).unwrap_err();
    assert!(refused.contains("quantities must match"), "{refused}");
    assert!(release.helm(&["status", NAME]).unwrap().contains("STATUS: failed"));
    assert!(release.has_todays_definitions(), "Helm applies definitions before Deployments: it failed in the middle");
    assert_eq!(
        release.object("deployment/greengrass-operator")["spec"],
        deployment["spec"],
        "the old operator runs on"
    );
    assert_eq!(release.uid_of_the_resource(), kept);

    let enough = ["--reset-then-reuse-values", "--set=resources.limits.memory=512Mi"];
    release.upgrade(Version::Today, &enough);
    assert!(release.helm(&["status", NAME]).unwrap().contains("STATUS: deployed"));
    let arguments = release.arguments();
    assert!(arguments.iter().any(|argument| argument == "--cluster-name=factory"), "values of before: {arguments:?}");
    assert_eq!(release.object("serviceaccount/greengrass-operator")["metadata"]["uid"], account);
    assert_eq!(release.uid_of_the_resource(), kept);
}
