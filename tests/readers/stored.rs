//! Resources with a status of one's choice, as the API server stores them (does I/O: asks a cluster).

use std::collections::BTreeMap;

use serde_json::{Value, json};
use testcluster::{Cluster, Output};

use crate::world::install_definitions;

/// What holds a resource that is being deleted.
const FINALIZER: &str = "greengrass-operator.dev/test";

/// A resource to be, in the words of the table.
pub struct Given {
    pub situation: String,
    pub spec: Value,
    pub status: Option<Value>,
    pub deleting: bool,
    /// What happens after the operator has written the status.
    pub then: Option<Then>,
}

/// A change that the operator has not seen yet.
#[derive(Clone, Copy)]
pub enum Then {
    Edited,
    Deleted,
}

/// A namespace without an operator.
pub struct Stored {
    cluster: &'static Cluster,
    namespace: String,
    /// By situation.
    pub objects: BTreeMap<String, Value>,
}

impl Stored {
    pub fn new(given: &[Given]) -> Self {
        let cluster = Cluster::shared().unwrap();
        install_definitions(cluster);
        let namespace = cluster.namespace("readers").unwrap();
        let mut stored = Self { cluster, namespace, objects: BTreeMap::new() };
        stored.create(given);
        stored.write_statuses(given);
        stored.objects = stored.read(given);
        stored
    }

    fn kubectl(&self, arguments: &[&str]) -> Output {
        self.cluster.kubectl(&[&["--namespace", &self.namespace], arguments].concat()).unwrap()
    }

    /// One process for all objects.
    fn send(&self, arguments: &[&str], objects: &[Value]) {
        let documents: Vec<String> = objects.iter().map(Value::to_string).collect();
        let arguments = [&["--namespace", &self.namespace, "--filename=-"], arguments].concat();
        self.cluster.kubectl_with_input(&arguments, &documents.join("\n---\n")).unwrap().success().unwrap();
    }

    fn create(&self, given: &[Given]) {
        let object = |(number, given): (usize, &Given)| {
            let held = given.deleting || matches!(given.then, Some(Then::Deleted));
            let mut object = identified(number);
            object["metadata"]["finalizers"] = if held { json!([FINALIZER]) } else { json!([]) };
            object["spec"] = given.spec.clone();
            object
        };
        self.send(&["create"], &given.iter().enumerate().map(object).collect::<Vec<_>>());
        self.delete(given, |given| given.deleting);
    }

    /// The finalizer keeps them there.
    fn delete(&self, given: &[Given], which: impl Fn(&Given) -> bool) {
        let names: Vec<String> =
            given.iter().enumerate().filter(|(_, given)| which(given)).map(|(number, _)| name(number)).collect();
        let arguments = ["delete", "--wait=false", "greengrassdeployment"].into_iter();
        self.kubectl(&arguments.chain(names.iter().map(String::as_str)).collect::<Vec<_>>()).success().unwrap();
    }

    /// By PUT of the sub-resource, as the operator writes it.
    fn write_statuses(&self, given: &[Given]) {
        let before = self.list();
        let sent: BTreeMap<String, Value> = (given.iter().enumerate())
            .filter_map(|(number, given)| Some((name(number), given.status.as_ref()?)))
            .map(|(name, status)| (name.clone(), observed(status, &before[&name]["metadata"]["generation"])))
            .collect();
        let object = |(name, status): (&String, &Value)| {
            let mut object = before[name].clone();
            object["status"] = status.clone();
            object
        };
        self.send(&["replace", "--subresource=status"], &sent.iter().map(object).collect::<Vec<_>>());
        let after = self.list();
        for (name, status) in &sent {
            assert_eq!(&after[name]["status"], status, "the API server keeps a status as it is written");
        }
        for (number, _) in given.iter().enumerate().filter(|(_, given)| matches!(given.then, Some(Then::Edited))) {
            let change = json!({"spec": {"components": {"com.example.Press": {"componentVersion": "9.0.0"}}}});
            let patch =
                ["patch", "greengrassdeployment", &name(number), "--type=merge", "--patch", &change.to_string()];
            self.kubectl(&patch).success().unwrap();
        }
        self.delete(given, |given| matches!(given.then, Some(Then::Deleted)));
    }

    /// As the API server says it, by name.
    fn list(&self) -> BTreeMap<String, Value> {
        let path =
            format!("/apis/greengrass-operator.dev/v1alpha1/namespaces/{}/greengrassdeployments", self.namespace);
        let list: Value = serde_json::from_str(&self.kubectl(&["get", "--raw", &path]).success().unwrap()).unwrap();
        let items = list["items"].as_array().unwrap().iter();
        items.map(|item| (item["metadata"]["name"].as_str().unwrap().to_owned(), item.clone())).collect()
    }

    fn read(&self, given: &[Given]) -> BTreeMap<String, Value> {
        let mut list = self.list();
        let situations = given.iter().enumerate();
        situations.map(|(number, given)| (given.situation.clone(), list.remove(&name(number)).unwrap())).collect()
    }

    /// The situations that `kubectl wait` finds this condition in.
    pub fn met(&self, condition: &str) -> Vec<&str> {
        let condition = format!("--for=condition={condition}");
        // With no time to wait it looks once, at each of them.
        let output = self.kubectl(&["wait", &condition, "greengrassdeployment", "--all", "--timeout=0"]);
        let said = |(_, object): &(&String, &Value)| {
            let name = object["metadata"]["name"].as_str().unwrap();
            let met = output.stdout.contains(&format!("/{name} condition met"));
            assert!(met || output.stderr.contains(&format!("/{name}\n")), "kubectl says nothing of {name}: {output:?}");
            met
        };
        self.objects.iter().filter(said).map(|(situation, _)| situation.as_str()).collect()
    }
}

impl Stored {
    /// The header of `kubectl get`, and each situation's line, but for the name and the age.
    pub fn listed(&self) -> (String, BTreeMap<&str, String>) {
        let output = self.kubectl(&["get", "greengrassdeployment"]).success().unwrap();
        let mut lines = output.lines();
        let header = lines.next().unwrap();
        let (from, to) = (header.find("READY").unwrap(), header.find("AGE").unwrap());
        let shown = |line: &str| line.get(from..to).unwrap().trim_end().to_owned();
        let by_name: BTreeMap<&str, String> =
            lines.map(|line| (line.split_whitespace().next().unwrap(), shown(line))).collect();
        let line = |object: &Value| by_name[object["metadata"]["name"].as_str().unwrap()].clone();
        let lines = self.objects.iter().map(|(situation, object)| (situation.as_str(), line(object))).collect();
        (shown(header), lines)
    }
}

impl Drop for Stored {
    /// A cluster that goes on can then remove the namespace.
    fn drop(&mut self) {
        for object in self.objects.values().filter(|object| object["metadata"]["finalizers"].is_array()) {
            let name = object["metadata"]["name"].as_str().unwrap_or_default();
            let patch = r#"{"metadata": {"finalizers": null}}"#;
            // Whether the test is about to fail or not: this must not end it.
            let _ = self.kubectl(&["patch", "greengrassdeployment", name, "--type=merge", "--patch", patch]);
        }
    }
}

fn name(number: usize) -> String {
    format!("row-{number:02}")
}

fn identified(number: usize) -> Value {
    json!({
        "apiVersion": "greengrass-operator.dev/v1alpha1",
        "kind": "GreengrassDeployment",
        "metadata": {"name": name(number)},
    })
}

/// The status, by an operator that has seen this generation.
fn observed(status: &Value, generation: &Value) -> Value {
    let mut status = status.clone();
    status["observedGeneration"] = generation.clone();
    for condition in status["conditions"].as_array_mut().unwrap() {
        condition["observedGeneration"] = generation.clone();
    }
    status
}
