//! Objects of earlier versions on today's definitions, and a status of the first version before today's operator (does
//! I/O: asks a cluster, starts the operator).

use serde_json::{Value, json};
use testcluster::Cluster;

use crate::world::{Manifest, World, install_definitions};

/// What earlier versions wrote, one object a line, with who wrote it.
fn objects() -> Vec<Value> {
    include_str!("objects.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Sends objects through kubectl, one process for all, and returns what the API server stored.
fn sent(cluster: &Cluster, namespace: &str, how: &[&str], objects: &[Value]) -> Vec<Value> {
    let documents: Vec<String> = objects.iter().map(Value::to_string).collect();
    let arguments = [how, &["--namespace", namespace, "--filename=-", "--output=json"]].concat();
    let answer = cluster.kubectl_with_input(&arguments, &documents.join("\n---\n")).unwrap().success().unwrap();
    // One object after the other, not a list.
    serde_json::Deserializer::from_str(&answer).into_iter().map(Result::unwrap).collect()
}

#[test]
fn the_api_server_takes_objects_and_statuses_of_earlier_versions_and_prunes_nothing() {
    let cluster = Cluster::shared().unwrap();
    install_definitions(cluster);
    let namespace = cluster.namespace("compatibility").unwrap();
    let lines = objects();
    let mut given: Vec<Value> = lines.iter().map(|line| line["object"].clone()).collect();
    for object in &mut given {
        if object["kind"] == "AwsIdentity" {
            // It belongs to no namespace, and operators of other tests look at it: its name is this test's, and it is
            // no more than tried.
            object["metadata"]["name"] = format!("{}-{namespace}", object["metadata"]["name"].as_str().unwrap()).into();
        }
    }
    let (identities, deployments): (Vec<Value>, Vec<Value>) =
        given.iter().cloned().partition(|object| object["kind"] == "AwsIdentity");
    let tried = sent(cluster, &namespace, &["create", "--dry-run=server"], &identities);
    assert_eq!(tried.len(), identities.len());
    for (object, stored) in identities.iter().zip(&tried) {
        assert_eq!(stored["spec"], object["spec"]);
    }

    let created = sent(cluster, &namespace, &["create"], &deployments);
    let written = sent(cluster, &namespace, &["replace", "--subresource=status"], &deployments);
    assert_eq!((created.len(), written.len()), (deployments.len(), deployments.len()));
    for (object, stored) in deployments.iter().zip(&written) {
        let name = &object["metadata"]["name"];
        assert_eq!(stored["metadata"]["name"], *name);
        assert_eq!(stored["spec"], object["spec"], "{name}");
        assert_eq!(stored["status"], object["status"], "{name}");
    }
}

/// The fields that a status had in the first version that wrote one.
const FIRST_STATUS: [&str; 16] = [
    "observedGeneration",
    "conditions",
    "ordinal",
    "deploymentId",
    "deploymentArn",
    "deploymentStatus",
    "revisionId",
    "iotJobId",
    "iotJobArn",
    "targetName",
    "appliedDigest",
    "appliedGeneration",
    "resolved",
    "deletionPolicy",
    "appliedTags",
    "lastHandledRedeployAt",
];

#[test]
fn a_status_of_the_first_version_is_read_without_another_revision() {
    let mut world = World::new("first-status");
    let group = world.group("Presses");
    let manifest = Manifest::new("presses", &group).with("tags", json!({"team": "robotics"}));
    world.apply(&manifest);
    let ready = world.wait_ready("presses");
    world.stop_operator();

    let mut first = ready.clone();
    let status = first["status"].as_object_mut().unwrap();
    status.retain(|field, _| FIRST_STATUS.contains(&field.as_str()));
    status["resolved"].as_object_mut().unwrap().remove("identity");
    status["conditions"].as_array_mut().unwrap().retain(|condition| condition["type"] != "RolledOut");
    assert_ne!(first["status"], ready["status"], "today's status has nothing that the first one lacked");
    first["metadata"]["resourceVersion"].take();
    let replace = ["--namespace", &world.namespace, "replace", "--subresource=status", "--filename=-"];
    world.cluster.kubectl_with_input(&replace, &first.to_string()).unwrap().success().unwrap();

    world.start_operator();
    // Not through the world's own reading, which holds each status to today's rules.
    let identity = ["get", "ggd", "presses", "--output=jsonpath={.status.resolved.identity}"];
    world.wait("what today's version writes", || !world.kubectl(&identity).success().unwrap().is_empty());
    let again = world.wait_ready("presses");
    assert_eq!(again["status"]["deploymentId"], ready["status"]["deploymentId"]);
    assert_eq!(world.count("CreateDeployment"), 1, "the fleet was deployed to again");
    // And a change is the next revision.
    world.apply(&manifest.version("1.0.1"));
    world.wait_until("presses", "at revision 2", |object| object["status"]["revisionId"] == "2");
    assert_eq!(world.count("CreateDeployment"), 2);
}
