//! The definitions of `GreengrassDeployment` and `SystemInstance` in a real API server (does I/O: asks a cluster).

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::{Value, json};
use testcluster::{Cluster, Output};

use crate::world::{install_definitions, install_things_graph};

#[path = "rules/mod.rs"]
mod rules;

/// The definitions by the plural of their kind.
const DEFINITIONS: [(&str, &str); 2] = [
    ("greengrassdeployments", include_str!("../crds/greengrass-operator.dev_greengrassdeployments.yaml")),
    ("systeminstances", include_str!("../crds/things-graph/greengrass-operator.dev_systeminstances.yaml")),
];

/// The shared cluster, with the definitions, and a namespace in it.
fn cluster(prefix: &str) -> (&'static Cluster, String) {
    let cluster = Cluster::shared().unwrap();
    install_definitions(cluster);
    install_things_graph(cluster);
    (cluster, cluster.namespace(prefix).unwrap())
}

fn kubectl(cluster: &Cluster, namespace: &str, arguments: &[&str], object: &Value) -> Output {
    kubectl_all(cluster, namespace, arguments, std::slice::from_ref(object))
}

fn kubectl_all(cluster: &Cluster, namespace: &str, arguments: &[&str], objects: &[Value]) -> Output {
    let arguments = [arguments, &["--namespace", namespace, "--filename=-"]].concat();
    // Documents, not a List: inside one, kubectl judges by itself and the API server is never asked.
    let documents: Vec<_> = objects.iter().map(Value::to_string).collect();
    cluster.kubectl_with_input(&arguments, &documents.join("\n---\n")).unwrap()
}

fn named(mut object: Value, name: &str) -> Value {
    object["metadata"]["name"] = name.into();
    object
}

/// The base with another `merge`.
fn with_merge(name: &str, merge: &Value) -> Value {
    let mut object = named(rules::base(), name);
    object["spec"]["components"]["com.example.HelloWorld"]["configurationUpdate"] = json!({ "merge": merge });
    object
}

fn spec(cluster: &Cluster, namespace: &str, name: &str) -> Value {
    let text = cluster.kubectl(&["get", "ggd", name, "--namespace", namespace, "--output=json"]);
    let object: Value = serde_json::from_str(&text.unwrap().success().unwrap()).unwrap();
    object["spec"].clone()
}

/// What the API server said of each object, by name.
fn refusals(complaint: &str) -> BTreeMap<String, String> {
    // Stands beside an error where rules wait for the rest to be right.
    const MORE: &str = ", <nil>: Invalid value: null: some validation rules were not checked because the object was \
        invalid; correct the existing errors to complete validation]";
    let mut refusals = BTreeMap::new();
    for refusal in complaint.split("Error from server (Invalid): ").skip(1) {
        let (object, said) = refusal.split_once(" is invalid: ").unwrap();
        let name = object.rsplit('"').nth(1).unwrap();
        let said = said.trim();
        let alone = said.strip_prefix('[').and_then(|said| said.strip_suffix(MORE));
        refusals.insert(name.to_owned(), alone.unwrap_or(said).to_owned());
    }
    refusals
}

#[test]
fn the_api_server_answers_each_mistake_as_the_tables_say() {
    for kind in rules::KINDS {
        each_mistake_is_answered(kind);
    }
}

fn each_mistake_is_answered(kind: rules::Kind) {
    let (cluster, namespace) = cluster("mistakes");
    let mut created = Vec::new();
    let mut before = Vec::new();
    let mut changed = Vec::new();
    let mut expected = BTreeMap::new();
    for (index, case) in rules::mistakes_of(kind).into_iter().enumerate() {
        if case.keyword.as_deref() == Some("unknown") {
            // Strict decoding names no object.
            let refused = kubectl(cluster, &namespace, &["create", "--dry-run=server"], &case.object);
            assert_eq!(
                Some(refused.stderr.replace("error when creating \"STDIN\": ", "").trim()),
                case.server.as_deref()
            );
            continue;
        }
        let own_name = case.object["metadata"]["name"] != rules::base_of(kind)["metadata"]["name"];
        let name =
            if own_name { case.object["metadata"]["name"].as_str().unwrap().into() } else { format!("m{index}") };
        let object = named(case.object, &name);
        expected.insert(name.clone(), (case.what, case.server));
        match case.before {
            Some(object_before) => {
                before.push(named(object_before, &name));
                changed.push(object);
            }
            None => created.push(object),
        }
    }
    // Few calls of many objects: a process for each would take half a minute.
    kubectl_all(cluster, &namespace, &["create"], &before).success().unwrap();
    let mut said = refusals(&kubectl_all(cluster, &namespace, &["create", "--dry-run=server"], &created).stderr);
    said.extend(refusals(&kubectl_all(cluster, &namespace, &["replace", "--dry-run=server"], &changed).stderr));

    let mut wrong = String::new();
    for (name, (what, server)) in expected {
        let said = said.remove(&name);
        if said != server {
            writeln!(wrong, "{what}: {said:?} in place of {server:?}").unwrap();
        }
    }
    assert!(wrong.is_empty(), "{kind:?}: {wrong}");
}

#[test]
fn the_api_server_accepts_every_example() {
    let (cluster, namespace) = cluster("examples");
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/examples");
    let arguments = ["apply", "--dry-run=server", "--recursive", "--namespace", &namespace, "--filename", folder];
    let applied = cluster.kubectl(&arguments).unwrap();
    assert_eq!(applied.stderr, "");
    let folders = [folder.to_owned(), format!("{folder}/reference"), format!("{folder}/things-graph")];
    let files = folders.iter().flat_map(|folder| std::fs::read_dir(folder).unwrap()).map(|file| file.unwrap().path());
    let manifests = files.filter(|path| path.is_file()).map(|path| std::fs::read_to_string(path).unwrap());
    assert_eq!(applied.stdout.lines().count(), manifests.map(|text| text.matches("\nkind: ").count()).sum::<usize>());
}

#[test]
fn the_api_server_warns_of_nothing() {
    let cluster = Cluster::shared().unwrap();
    for (plural, definition) in DEFINITIONS {
        // In another group, because nobody may replace the definition that the tests beside this one use.
        let other = definition.replace("group: greengrass-operator.dev", "group: warnings.example.com").replace(
            &format!("name: {plural}.greengrass-operator.dev"),
            &format!("name: {plural}.warnings.example.com"),
        );
        let created = cluster.kubectl_with_input(&["create", "--dry-run=server", "--filename=-"], &other).unwrap();
        assert_eq!(created.stderr, "");
        assert_eq!(created.stdout.lines().count(), 1);
    }
}

#[test]
fn kubectl_explains_every_field_to_the_leaf() {
    let (cluster, _) = cluster("explain");
    // What `kubectl explain` reads.
    let path = "/openapi/v3/apis/greengrass-operator.dev/v1alpha1";
    let document: Value =
        serde_json::from_str(&cluster.kubectl(&["get", "--raw", path]).unwrap().success().unwrap()).unwrap();
    for (kind, at_least) in [("GreengrassDeployment", 60), ("SystemInstance", 40)] {
        let schema = &document["components"]["schemas"][format!("dev.greengrass-operator.v1alpha1.{kind}")];
        let mut fields = 0;
        let mut undescribed = Vec::new();
        each_field("", schema, &mut |path, field| {
            fields += 1;
            if field["description"].as_str().unwrap_or_default().is_empty() && path != ".metadata" {
                undescribed.push(path.to_owned());
            }
        });
        assert!(fields > at_least, "only {fields} fields of {kind} were seen");
        assert!(undescribed.is_empty(), "{kind}: {undescribed:?}");
    }
}

fn each_field(path: &str, schema: &Value, see: &mut impl FnMut(&str, &Value)) {
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{name}");
        see(&path, field);
        each_field(&path, field, see);
    }
    for inner in ["items", "additionalProperties"].iter().filter_map(|key| schema.get(key)) {
        each_field(path, inner, see);
    }
}

/// What `kubectl get` prints of a kind.
fn got(cluster: &Cluster, namespace: &str, kind: &str, arguments: &[&str]) -> String {
    let arguments = [&["get", kind, "--namespace", namespace], arguments].concat();
    cluster.kubectl(&arguments).unwrap().success().unwrap()
}

fn header(table: &str) -> String {
    table.lines().next().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_new_system_instance_shows_the_columns_that_users_know() {
    let (cluster, namespace) = cluster("columns");
    let base = rules::base_of(rules::Kind::SystemInstance);
    kubectl(cluster, &namespace, &["create"], &base).success().unwrap();
    let get = |arguments: &[&str]| got(cluster, &namespace, "ggsi", arguments);
    assert_eq!(header(&get(&[])), "NAME ID STATUS TARGET READY REASON AGE");
    assert_eq!(header(&get(&["--output=wide"])), "NAME ID STATUS TARGET READY REASON AGE GROUP MESSAGE");
    assert_eq!(get(&["--output=jsonpath={.items[*].status}"]), r#"{"observedGeneration":-1}"#);
}

#[test]
fn a_new_object_shows_that_nobody_has_looked_at_it_in_the_columns_that_users_know() {
    let (cluster, namespace) = cluster("columns");
    kubectl(cluster, &namespace, &["create"], &rules::base()).success().unwrap();
    let get = |arguments: &[&str]| got(cluster, &namespace, "ggd", arguments);
    assert_eq!(header(&get(&[])), "NAME READY REASON TARGET REVISION DEVICES AGE");
    assert_eq!(
        header(&get(&["--output=wide"])),
        "NAME READY REASON TARGET REVISION DEVICES AGE DEPLOYMENT-ID SYNCED ACCOUNT REGION MESSAGE"
    );
    assert_eq!(get(&["--output=jsonpath={.items[*].status}"]), r#"{"observedGeneration":-1}"#);
    for field in ["status.deploymentId", "status.resolved.targetArn"] {
        assert_eq!(get(&["--output=name", &format!("--field-selector={field}=none")]), "");
    }
}

#[test]
fn an_emptied_components_is_refused_and_what_was_stored_stays() {
    let (cluster, namespace) = cluster("emptied");
    // One object for each way: when kubectl changes from one to the other it first rewrites who owns which field.
    for (name, how) in [("client-side", &["apply"][..]), ("server-side", &["apply", "--server-side"])] {
        let object = named(rules::base(), name);
        kubectl(cluster, &namespace, how, &object).success().unwrap();
        for components in [Value::Null, json!({})] {
            let mut emptied = object.clone();
            emptied["spec"]["components"] = components;
            let refused = kubectl(cluster, &namespace, how, &emptied);
            assert!(refused.stderr.contains("spec.components: "), "{}: {refused:?}", emptied["spec"]);
        }
        assert_eq!(spec(cluster, &namespace, name), object["spec"]);
    }
}

#[test]
fn nulls_inside_merge_survive_create_server_side_apply_and_the_string_but_not_client_side_apply() {
    let (cluster, namespace) = cluster("nulls");
    let stored = |name: &str, how: &[&str], merge: Value| {
        kubectl(cluster, &namespace, how, &with_merge(name, &merge)).success().unwrap();
        spec(cluster, &namespace, name)["components"]["com.example.HelloWorld"]["configurationUpdate"]["merge"].clone()
    };
    let merge = json!({"gone": null, "deep": {"list": [null, {"gone": null}], "gone": null}});
    assert_eq!(stored("created", &["create"], merge.clone()), merge);
    assert_eq!(stored("server-side", &["apply", "--server-side"], merge.clone()), merge);
    assert_eq!(stored("string", &["apply"], json!(merge.to_string())), json!(merge.to_string()));
    assert_ne!(stored("client-side", &["apply"], merge.clone()), merge);
}

#[test]
fn nothing_inside_merge_is_pruned_and_whole_numbers_stay_whole() {
    let (cluster, namespace) = cluster("merge");
    let merge = json!({"a": {"b": {"c": [1, 2.5, "x", true, {"d": {}}]}}, "big": 9_007_199_254_740_993_i64, "y": ""});
    kubectl(cluster, &namespace, &["create"], &with_merge("merged", &merge)).success().unwrap();
    let stored = spec(cluster, &namespace, "merged");
    assert_eq!(stored["components"]["com.example.HelloWorld"]["configurationUpdate"]["merge"], merge);
}

#[test]
fn an_explicit_null_is_the_same_as_an_absent_field() {
    let (cluster, namespace) = cluster("absent");
    let mut object = named(rules::base(), "absent");
    let expected = object["spec"].clone();
    for field in ["deploymentName", "tags", "deploymentPolicies", "iotJobConfiguration", "deletionPolicy", "suspend"] {
        object["spec"][field] = Value::Null;
    }
    kubectl(cluster, &namespace, &["create"], &object).success().unwrap();
    assert_eq!(spec(cluster, &namespace, "absent"), expected);
}
