//! The operator's own chart through Argo CD, on a cluster of its own: definitions belong to all namespaces.

use std::process::Command;

use serde_json::Value;
use testcluster::Cluster;

use super::argo_cd::{ArgoCd, application, wait_for_application};
use super::document;
use super::git::Repository;
use crate::world::{Manifest, World};

const NAME: &str = "greengrass-operator";

#[test]
#[ignore = "needs Argo CD, which `make e2e-gitops` builds"]
fn the_chart_comes_from_git_and_its_definitions_stay_when_it_goes() {
    // It ends with the process.
    let cluster: &Cluster = Box::leak(Box::new(Cluster::start().unwrap()));
    let _argo_cd = ArgoCd::beside(cluster);
    let folder = tempfile::tempdir().unwrap();
    let repository = Repository::new(folder.path());
    let chart = concat!(env!("CARGO_MANIFEST_DIR"), "/charts");
    assert!(Command::new("cp").args(["-r", chart]).arg(repository.work()).status().unwrap().success());
    let commit = repository.commit("The chart");
    // There are no nodes here: the operator runs beside the cluster, with the rights that the chart gives it.
    let file = document::file("clusters/plant-eu/operator.yaml")
        .replace("https://git.example.com/fleet.git", repository.url())
        .replace("clusterName: plant-eu", "clusterName: test\n        replicas: 0");
    cluster.apply(&file).unwrap();
    let is_in_order = |application: &Value| {
        let status = &application["status"];
        status["sync"]["status"] == "Synced"
            && status["sync"]["revision"] == *commit
            && status["health"]["status"] == "Healthy"
    };
    wait_for_application(cluster, NAME, "in order", is_in_order);

    let mut world = World::without_operator_on(cluster, "argocd-chart");
    let rights = cluster.service_account_kubeconfig(NAME, NAME).unwrap();
    world.start_operator_with(&[("KUBECONFIG", rights.to_str().unwrap())]);
    let group = world.group("Presses");
    world.apply(&Manifest::new("presses", &group));
    world.wait_ready("presses");
    assert!(is_in_order(&application(cluster, NAME)), "{:#}", application(cluster, NAME));

    world.stop_operator();
    cluster.kubectl(&["delete", "application", NAME, "--namespace=argocd", "--timeout=5m"]).unwrap().success().unwrap();
    let gone = cluster.kubectl(&["get", "serviceaccount", NAME, "--namespace", NAME]).unwrap();
    assert!(gone.stderr.contains("NotFound"), "{gone:?}");
    assert!(world.object("presses").is_some(), "with the definition, every resource would go");

    // What stayed is taken over again.
    cluster.apply(&file).unwrap();
    wait_for_application(cluster, NAME, "in order again", is_in_order);
}
