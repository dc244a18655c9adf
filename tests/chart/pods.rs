//! The release's pods, on nodes that look as if they ran them (does I/O: starts a cluster with a scheduler, and helm).

use std::collections::BTreeMap;

use serde_json::{Value, json};
use testcluster::Output;

use super::release::{HOME, NAME, Release, Version};

/// Until Helm has seen the pods that it waits for. It would wait for identities too, which are only looked at by a process, and
/// kwok starts none.
const WAIT: [&str; 3] = ["--wait", "--timeout=60s", "--set=defaultIdentity.create=false"];

impl Release {
    /// `helm upgrade --install --wait` of today's chart with these values.
    fn upgrade_and_wait(&self, values: &[&str]) -> Result<String, String> {
        let flags: Vec<String> = values.iter().map(|value| format!("--set={value}")).collect();
        let flags: Vec<&str> = WAIT.into_iter().chain(flags.iter().map(String::as_str)).collect();
        self.try_upgrade(Version::Today, &flags)
    }

    /// The operator's pods that are not on their way out.
    fn pods(&self) -> Vec<Value> {
        let selector = format!("--selector=app.kubernetes.io/instance={NAME}");
        let list = self.kubectl(&["get", "pods", "--namespace", HOME, &selector, "--output=json"]);
        let mut list: Value = serde_json::from_str(&list).unwrap();
        let Value::Array(mut pods) = list["items"].take() else { panic!("no list") };
        pods.retain(|pod| pod["metadata"]["deletionTimestamp"].is_null());
        pods
    }

    /// How many pods each node has.
    fn placed(&self) -> BTreeMap<String, usize> {
        let mut placed = BTreeMap::new();
        for pod in self.pods() {
            *placed.entry(pod["spec"]["nodeName"].as_str().unwrap_or("none").to_owned()).or_default() += 1;
        }
        placed
    }

    /// Asks for a pod's eviction, as a drain of its node does.
    fn evict(&self, pod: &Value) -> Output {
        let name = pod["metadata"]["name"].as_str().unwrap();
        let path = format!("/api/v1/namespaces/{HOME}/pods/{name}/eviction");
        let eviction =
            json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": HOME}});
        let body = eviction.to_string();
        self.cluster.kubectl_with_input(&["create", "--raw", &path, "--filename=-"], &body).unwrap()
    }

    /// Waits until as many pods as there should be are ready.
    fn wait_available(&self) {
        let deployment = format!("deployment/{NAME}");
        self.kubectl(&["rollout", "status", &deployment, "--namespace", HOME, "--timeout=60s"]);
    }
}

#[test]
fn pods_are_admitted_spread_replaced_and_drained_as_a_platform_wants_it() {
    let release = Release::of_nothing();
    // The strictest standard; a pod that breaks it is refused, and never there to be waited for.
    release.cluster.apply(&format!(
        "{{apiVersion: v1, kind: Namespace, metadata: {{name: {HOME}, labels: {{pod-security.kubernetes.io/enforce: restricted}}}}}}"
    )).unwrap();
    release.upgrade_and_wait(&["networkPolicy.enabled=true"]).unwrap();
    let deployment = release.object(&format!("deployment/{NAME}"));
    assert_eq!(deployment["status"]["availableReplicas"], 2);
    assert_eq!(release.placed().len(), 2, "each on a node of its own: {:?}", release.placed());
    assert!(release.has(&format!("networkpolicy/{NAME}")));

    // A drain takes one, and the other one only when the first has been replaced.
    let pods = release.pods();
    release.kubectl(&["cordon", "a", "b", "c"]);
    release.evict(&pods[0]).success().unwrap();
    let refused = release.evict(&pods[1]).success().unwrap_err().to_string();
    assert!(refused.contains("disruption budget"), "{refused}");
    release.kubectl(&["uncordon", "a", "b", "c"]);
    release.wait_available();
    // The budget's controller has to see it too.
    let budget = format!("poddisruptionbudget/{NAME}");
    let allowed = "--for=jsonpath={.status.disruptionsAllowed}=1";
    release.kubectl(&["wait", allowed, &budget, "--namespace", HOME, "--timeout=30s"]);
    release.evict(&pods[1]).success().unwrap();
    release.wait_available();

    // A changed value changes pods.
    let before: Vec<Value> = release.pods().iter().map(|pod| pod["metadata"]["uid"].clone()).collect();
    release.upgrade_and_wait(&["log.level=debug"]).unwrap();
    let pods = release.pods();
    assert_eq!(pods.len(), 2);
    for pod in &pods {
        assert!(!before.contains(&pod["metadata"]["uid"]));
        assert!(pod["spec"]["containers"][0]["args"].as_array().unwrap().contains(&"--log=debug".into()));
    }

    // The same in every zone, though one zone has more nodes. Pods of before don't count: they are still there while the new ones are placed, and
    // what is spread with them is not when they are gone.
    let zones = "topologySpreadConstraints[0].maxSkew=1,topologySpreadConstraints[0].topologyKey=topology.kubernetes.io/zone,\
        topologySpreadConstraints[0].whenUnsatisfiable=DoNotSchedule,\
        topologySpreadConstraints[0].matchLabelKeys[0]=pod-template-hash,\
        topologySpreadConstraints[0].labelSelector.matchLabels.app\\.kubernetes\\.io/instance=greengrass-operator";
    release.upgrade_and_wait(&["replicas=6", zones]).unwrap();
    assert_eq!(release.placed().get("c"), Some(&3), "{:?}", release.placed());
}

#[test]
fn pods_go_to_the_nodes_that_are_theirs_and_old_ones_stay_until_new_ones_have_found_a_place() {
    let release = Release::of_nothing();
    release
        .cluster
        .apply("{apiVersion: scheduling.k8s.io/v1, kind: PriorityClass, metadata: {name: operators}, value: 1000}")
        .unwrap();
    release.upgrade_and_wait(&[]).unwrap();
    let before: Vec<Value> = release.pods().iter().map(|pod| pod["metadata"]["uid"].clone()).collect();
    release.kubectl(&["label", "node", "c", "disk=ssd"]);
    release.kubectl(&["taint", "node", "c", "for=operators:NoSchedule"]);

    // The node tolerates nobody: no pod is given up for one that has no place.
    let nowhere = [
        "--wait",
        "--timeout=5s",
        "--set=defaultIdentity.create=false,nodeSelector.disk=ssd,priorityClassName=operators",
    ];
    let refused = release.try_upgrade(Version::Today, &nowhere).unwrap_err();
    assert!(refused.contains("not ready") || refused.contains("deadline"), "{refused}");
    let deployment = release.object(&format!("deployment/{NAME}"));
    assert_eq!(deployment["status"]["availableReplicas"], 2);
    let old = release.pods().iter().filter(|pod| before.contains(&pod["metadata"]["uid"])).count();
    assert_eq!(old, 2);

    let there = [
        "nodeSelector.disk=ssd",
        "priorityClassName=operators",
        "tolerations[0].key=for",
        "tolerations[0].operator=Exists",
    ];
    release.upgrade_and_wait(&there).unwrap();
    assert_eq!(release.placed(), BTreeMap::from([("c".to_owned(), 2)]));
    assert!(release.pods().iter().all(|pod| pod["spec"]["priority"] == 1000));
}
