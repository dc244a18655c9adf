//! Manifests, values and policies of the pages: the API server, helm and the AWS CLI's own models judge them (does
//! I/O: asks a cluster, starts helm and Python).

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use serde_json::{Value, json};
use testcluster::Cluster;

use super::blocks::{Test, each_block};
use super::markdown::repository;
use crate::world::{install_definitions, install_things_graph};

/// Names that stand for what a reader puts there.
const PLACEHOLDERS: [(&str, &str); 4] =
    [("REGISTRY", "registry.example.com"), ("ACCOUNT", "123456789012"), ("REGION", "eu-central-1"), ("TAG", "1.0.0")];

/// A text with values for its placeholders.
pub fn filled(text: &str) -> String {
    let mut filled = String::new();
    // By whole words: REGION is none of AWS_REGION.
    for word in text.split_inclusive(|c: char| !c.is_ascii_alphanumeric() && c != '_') {
        let bare = word.trim_end_matches(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        match PLACEHOLDERS.iter().find(|(name, _)| *name == bare) {
            Some((name, value)) => filled.push_str(&word.replacen(name, value, 1)),
            None => filled.push_str(word),
        }
    }
    filled
}

/// What the API server says to manifests on trial, in a namespace that has what they name.
fn tried(cluster: &Cluster, manifest: &str) -> Result<(), String> {
    let apply = ["apply", "--server-side", "--force-conflicts", "--dry-run=server", "--filename=-"];
    let output = cluster.kubectl_with_input(&apply, manifest).unwrap();
    if output.status.success() && output.stderr.is_empty() { Ok(()) } else { Err(output.stderr) }
}

#[test]
fn the_api_server_takes_every_manifest_of_the_pages() {
    let cluster = Cluster::shared().unwrap();
    install_definitions(cluster);
    install_things_graph(cluster);
    // Where the pages' manifests go: a server-side trial asks whether the namespace exists.
    let mut wrong = Vec::new();
    let mut namespaces = BTreeSet::new();
    let mut seen = 0;
    each_block(|page, block, test| {
        let manifest = match test {
            Test::Manifest => filled(&block.text),
            Test::Within(pointer) => within(&pointer, &block.text).to_string(),
            _ => return,
        };
        seen += 1;
        for namespace in manifest.lines().filter_map(|line| line.trim().strip_prefix("namespace: ")) {
            if namespaces.insert(namespace.to_owned()) {
                let _ = cluster.kubectl(&["create", "namespace", namespace]).unwrap();
            }
        }
        if let Err(what) = tried(cluster, &manifest) {
            wrong.push(format!("{}: {what}", page.at(block.line)));
        }
    });
    assert!(seen > 10, "only {seen} manifests were seen");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A resource that has a fragment of the pages at its place. Of several documents with one key, as for two ways to
/// write it, each holds.
fn within(pointer: &str, fragment: &str) -> Value {
    let mut object = json!({
        "apiVersion": "greengrass-operator.dev/v1alpha1",
        "kind": "GreengrassDeployment",
        "metadata": {"name": "fragment", "namespace": "default"},
        "spec": {
            "targetArn": "arn:aws:iot:us-west-2:123456789012:thinggroup/MyThingGroup",
            "components": {"com.example.HelloWorld": {"componentVersion": "1.0.0"}},
        },
    });
    let mut place = &mut object;
    for part in pointer.split('/').skip(1).filter(|part| !part.is_empty()) {
        place = place.as_object_mut().unwrap().entry(part).or_insert_with(|| json!({}));
    }
    let fields: Value = serde_saphyr::from_str(fragment).unwrap();
    place.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    object
}

#[test]
fn helm_renders_the_values_of_the_pages() {
    let mut wrong = Vec::new();
    let mut seen = 0;
    let folder = tempfile::tempdir().unwrap();
    each_block(|page, block, test| {
        if test != Test::Values {
            return;
        }
        seen += 1;
        let file = folder.path().join(format!("values-{seen}.yaml"));
        fs::write(&file, filled(&block.text)).unwrap();
        let helm = testcluster::tools::clients().unwrap().join("helm");
        let arguments = ["template", "release", "charts/greengrass-operator", "--values", file.to_str().unwrap()];
        let output =
            Command::new(helm).args(arguments).current_dir(repository()).env("KUBECONFIG", "/dev/null").output();
        let output = output.unwrap();
        if !output.status.success() {
            wrong.push(format!("{}: {}", page.at(block.line), String::from_utf8_lossy(&output.stderr)));
        }
    });
    assert!(seen > 1, "only {seen} blocks of values were seen");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Actions of policies, with which operation of which service they are (AWS's service authorization reference); most
/// are called as their operation.
const ACTIONS_WITHOUT_OPERATION: [&str; 0] = [];

#[test]
fn json_of_the_pages_is_json_and_policies_name_actions_that_exist() {
    let mut actions = BTreeSet::new();
    let mut wrong = Vec::new();
    let mut seen = 0;
    each_block(|page, block, test| {
        if test != Test::Json {
            return;
        }
        seen += 1;
        let value: Value = match serde_json::from_str(&block.text) {
            Ok(value) => value,
            Err(error) => return wrong.push(format!("{}: {error}", page.at(block.line))),
        };
        for statement in value["Statement"].as_array().into_iter().flatten() {
            let right = value["Version"] == "2012-10-17"
                && statement["Effect"] == "Allow"
                && (statement.get("Resource").is_some() != statement.get("Principal").is_some());
            if !right {
                wrong.push(format!("{}: a statement is incomplete", page.at(block.line)));
            }
            let listed = statement["Action"].as_array().cloned().unwrap_or_else(|| vec![statement["Action"].clone()]);
            actions.extend(listed.iter().map(|action| action.as_str().unwrap().to_owned()));
        }
    });
    assert!(seen > 3 && actions.len() > 15, "{seen} blocks with {} actions", actions.len());
    let known = operations();
    for action in &actions {
        let (service, name) = action.split_once(':').unwrap();
        let exists = known[service].as_array().is_some_and(|names| names.iter().any(|known| known == name));
        if !exists && !ACTIONS_WITHOUT_OPERATION.contains(&action.as_str()) {
            wrong.push(format!("{action} is no operation that AWS's own models have"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The names of all operations, by the prefix that policies name the service by.
fn operations() -> Value {
    const ASK: &str = "
import botocore.session, json
session = botocore.session.get_session()
services = {'greengrass': ['greengrassv2'], 'iot': ['iot', 'iot-data', 'iot-jobs-data'], 'iotthingsgraph': ['iotthingsgraph'], 'sts': ['sts']}
# TagSession is asked for by AssumeRole and has no operation of its own:
# https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html
names = {prefix: [name for service in models for name in session.get_service_model(service).operation_names] for prefix, models in services.items()}
names['sts'].append('TagSession')
print(json.dumps(names))
";
    let output = Command::new(super::commands::aws_programs().join("python")).args(["-c", ASK]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}
