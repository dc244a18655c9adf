//! Whom a change of an identity, or of a namespace's labels, wakes.

use std::collections::BTreeMap;

use greengrass_operator_core::names::ObjectName;
use serde_json::{Value, json};

use super::*;
use crate::controller::json::Json;
use crate::controller::objects::Namespaces;
use crate::controller::record::tests::record;

/// A resource in each of two namespaces that names no identity, one in each that names `shared`, and who is woken.
struct World {
    registry: Registry,
    dependants: DependantKind,
}

impl World {
    fn new() -> Self {
        let surroundings = Surroundings {
            cluster: "test".into(),
            region: None,
            allow_insecure_endpoints: false,
            namespaces: Namespaces::All,
            selector: None,
        };
        let dependants = DependantKind { store: Arc::default(), queue: Queue::new(8) };
        let world = Self { registry: Registry::new(surroundings), dependants };
        for namespace in ["north", "south"] {
            for (name, reference) in
                [("nameless", Reference::DefaultIdentity), ("named", Reference::Identity("shared".into()))]
            {
                let name = ObjectName { namespace: namespace.into(), name: name.into() };
                world.dependants.store.apply(Record { name: name.clone(), ..record("a", 1) });
                world.dependants.store.set_references(&name, [reference].into());
            }
        }
        let labels = |site: &str| BTreeMap::from([("site".to_owned(), site.to_owned())]);
        world.registry.set_labels(Some(BTreeMap::from([
            ("north".to_owned(), labels("north")),
            ("south".to_owned(), labels("south")),
        ])));
        world.registry.set(&identity("default", &json!({"allowedNamespaces": {"names": ["*"]}})));
        world
            .registry
            .set(&identity("shared", &json!({"allowedNamespaces": {"selector": {"matchLabels": {"site": "north"}}}})));
        world
    }

    /// Changes something; who is woken by it, in order.
    async fn woken(&self, change: impl FnOnce(&Registry)) -> Vec<String> {
        Dependants(vec![self.dependants.clone()]).change(&self.registry, change);
        let mut woken = Vec::new();
        while let Ok(lease) = tokio::time::timeout(Duration::from_secs(1), self.dependants.queue.next()).await {
            woken.push(lease.turn().name.to_string());
            lease.done(Rest::until_woken());
        }
        woken.sort();
        woken
    }
}

fn identity(name: &str, spec: &Value) -> Record {
    Record {
        name: ObjectName { namespace: "".into(), name: name.into() },
        spec: Some(Json::of(spec).unwrap()),
        ..record(name, 1)
    }
}

fn default_of(site: &str) -> Value {
    json!({
        "allowedNamespaces": {"names": ["*"]},
        "defaultFor": {"namespaceSelector": {"matchLabels": {"site": site}}},
    })
}

#[tokio::test(start_paused = true)]
async fn identities_for_others_wake_nobody() {
    let world = World::new();
    assert_eq!(world.woken(|all| all.set(&identity("elsewhere", &default_of("west")))).await, [""; 0]);
    assert_eq!(world.woken(|all| all.set(&identity("named-only", &json!({})))).await, [""; 0]);
    assert_eq!(world.woken(|all| all.remove("elsewhere")).await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn another_default_wakes_those_whose_default_it_is() {
    let world = World::new();
    assert_eq!(world.woken(|all| all.set(&identity("site", &default_of("south")))).await, ["south/nameless"]);
    assert_eq!(world.woken(|all| all.set(&identity("site", &default_of("south")))).await, [""; 0], "the same again");
    assert_eq!(
        world.woken(|all| all.set(&identity("site", &default_of("north")))).await,
        ["north/nameless", "south/nameless"]
    );
    assert_eq!(world.woken(|all| all.remove("default")).await, ["south/nameless"]);
}

#[tokio::test(start_paused = true)]
async fn labels_wake_those_for_whom_they_make_a_difference() {
    let world = World::new();
    let label = |site: &str| Some(BTreeMap::from([("site".to_owned(), site.to_owned())]));
    assert_eq!(world.woken(|all| all.set_labels_of("new", label("north"))).await, [""; 0], "nobody is there yet");
    assert_eq!(world.woken(|all| all.set_labels_of("south", label("west"))).await, [""; 0], "no identity asks for it");
    assert_eq!(world.woken(|all| all.set_labels_of("south", label("north"))).await, ["south/named"]);
    assert_eq!(world.woken(|all| all.set_labels(None)).await, ["north/named", "south/named"]);
}
