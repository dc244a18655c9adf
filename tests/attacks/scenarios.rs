//! What the operator does while it is attacked, and what must have come of it (does I/O through the world).

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::world::fleet::{add_device, taking};
use crate::world::{ACCOUNT, Manifest, REGION, World, condition};

/// Something that is done with one resource.
pub struct Scenario {
    /// Its name; names of resources and groups begin with it.
    pub name: &'static str,
    /// What comes before, undisturbed.
    pub prepare: fn(&Stage<'_>),
    /// What is done: the operator's writes for it are attacked.
    pub act: fn(&Stage<'_>),
    /// Whether it is over.
    pub is_over: fn(&Stage<'_>) -> bool,
    /// How many revisions it makes, those of `prepare` included.
    pub revisions: usize,
    /// Whether it takes so long that it is attacked only where there is time for it.
    pub is_long: bool,
}

/// One run of a scenario.
pub struct Stage<'a> {
    pub world: &'a World,
    /// The resource's name, and its thing group's.
    pub name: String,
}

impl Stage<'_> {
    fn group(&self) -> String {
        World::group_arn(&self.name)
    }

    fn manifest(&self) -> Manifest {
        Manifest::new(&self.name, &self.group()).with("deletionPolicy", json!("Delete"))
    }

    fn somebody_deploys(&self, version: &str) {
        let components = json!({"com.example.HelloWorld": {"componentVersion": version}});
        let request = json!({"targetArn": self.group(), "components": components});
        self.world.emulator.create_deployment(ACCOUNT, REGION, &request).unwrap();
    }

    fn deleted_with(&self, policy: &str) {
        self.world.apply(&self.manifest().with("deletionPolicy", json!(policy)));
        let has_finalizer = |object: &Value| object["metadata"]["finalizers"].is_array();
        self.world.wait_until(&self.name, "held as its policy says", |object| {
            has_finalizer(object) == (policy != "Retain")
                && object["status"]["observedGeneration"] == object["metadata"]["generation"]
        });
    }
}

fn create(stage: &Stage<'_>) {
    stage.world.group(&stage.name);
    stage.world.apply(&stage.manifest());
}

fn created(stage: &Stage<'_>) {
    create(stage);
    stage.world.wait_ready(&stage.name);
}

fn is_ready(stage: &Stage<'_>) -> bool {
    stage.world.object(&stage.name).is_some_and(|object| {
        let status = &object["status"];
        object["metadata"]["generation"] == status["observedGeneration"]
            && object["metadata"]["generation"] == status["appliedGeneration"]
            && condition(&object, "Ready").is_some_and(|ready| ready["status"] == "True")
            && status["intent"].is_null()
    })
}

fn is_gone(stage: &Stage<'_>) -> bool {
    stage.world.object(&stage.name).is_none()
}

/// All scenarios, the longest first: they run beside one another.
pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "remove",
        prepare: |stage| {
            stage.world.group(&stage.name);
            add_device(&stage.world.emulator, &format!("{}-press", stage.name), &[&stage.name], &taking(1));
            stage.world.apply(&stage.manifest().with("deletionPolicy", json!("Remove")));
            stage.world.wait_ready(&stage.name);
        },
        act: |stage| stage.world.delete(&stage.name),
        is_over: is_gone,
        revisions: 2,
        is_long: true,
    },
    Scenario {
        name: "delete",
        prepare: |stage| {
            created(stage);
            stage.world.apply(&stage.manifest().version("1.0.1"));
            stage.world.wait_ready(&stage.name);
        },
        act: |stage| stage.world.delete(&stage.name),
        is_over: is_gone,
        revisions: 2,
        is_long: false,
    },
    Scenario { name: "create", prepare: |_| {}, act: create, is_over: is_ready, revisions: 1, is_long: false },
    Scenario {
        name: "revise",
        prepare: created,
        act: |stage| stage.world.apply(&stage.manifest().version("1.0.1")),
        is_over: is_ready,
        revisions: 2,
        is_long: false,
    },
    Scenario {
        name: "back",
        prepare: |stage| {
            created(stage);
            stage.world.apply(&stage.manifest().version("1.0.1"));
            stage.world.wait_ready(&stage.name);
        },
        act: |stage| stage.world.apply(&stage.manifest()),
        is_over: is_ready,
        revisions: 3,
        is_long: false,
    },
    Scenario {
        name: "redeploy",
        prepare: created,
        act: |stage| stage.world.annotate(&stage.name, "redeploy-at", "now"),
        is_over: |stage| {
            is_ready(stage)
                && stage
                    .world
                    .object(&stage.name)
                    .is_some_and(|object| object["status"]["lastHandledRedeployAt"] == "now")
        },
        revisions: 2,
        is_long: false,
    },
    Scenario {
        name: "stop",
        prepare: created,
        act: |stage| stage.world.annotate(&stage.name, "cancel-at", "now"),
        is_over: |stage| {
            stage.world.object(&stage.name).is_some_and(|object| {
                object["status"]["lastHandledCancelAt"] == "now"
                    && condition(&object, "Ready").is_some_and(|ready| ready["reason"] == "RolloutCanceled")
            })
        },
        revisions: 1,
        is_long: false,
    },
    Scenario {
        name: "adopt",
        prepare: |stage| {
            stage.world.group(&stage.name);
            stage.somebody_deploys("1.0.0");
        },
        act: |stage| stage.world.apply(&stage.manifest()),
        is_over: is_ready,
        revisions: 0,
        is_long: false,
    },
    Scenario {
        name: "supersede",
        prepare: |stage| {
            stage.world.group(&stage.name);
            stage.somebody_deploys("0.9.0");
        },
        act: |stage| stage.world.apply(&stage.manifest().with("adoptionPolicy", json!("IfUnmanaged"))),
        is_over: is_ready,
        revisions: 1,
        is_long: false,
    },
    Scenario {
        name: "drift",
        prepare: |stage| {
            stage.world.group(&stage.name);
            stage.world.apply(&stage.manifest().with("driftPolicy", json!("Correct")));
            stage.world.wait_ready(&stage.name);
            stage.somebody_deploys("0.9.0");
        },
        act: |stage| stage.world.annotate(&stage.name, "reconcile-at", "now"),
        is_over: |stage| {
            is_ready(stage)
                && stage.world.object(&stage.name).is_some_and(|object| {
                    object["status"]["lastHandledReconcileAt"] == "now" && object["status"]["revisionId"] == "3"
                })
        },
        revisions: 2,
        is_long: false,
    },
    Scenario {
        name: "subdeployment",
        prepare: |stage| {
            let parent = stage.world.group(&format!("{}-parent", stage.name));
            stage.world.apply(&Manifest::new(&format!("{}-parent", stage.name), &parent));
            stage.world.wait_ready(&format!("{}-parent", stage.name));
            stage.world.group(&stage.name);
        },
        act: |stage| {
            let parent = World::group_arn(&format!("{}-parent", stage.name));
            stage.world.apply(&stage.manifest().parent(&parent));
        },
        is_over: is_ready,
        revisions: 1,
        is_long: false,
    },
    Scenario {
        name: "tags",
        prepare: |stage| {
            stage.world.group(&stage.name);
            stage.world.apply(&stage.manifest().with("tags", json!({"team": "a", "line": "1"})));
            stage.world.wait_ready(&stage.name);
        },
        act: |stage| stage.world.apply(&stage.manifest().with("tags", json!({"team": "b"}))),
        is_over: |stage| {
            let tags = stage.world.deployments().into_iter().find(|one| one.target_arn == stage.group()).unwrap().tags;
            is_ready(stage) && tags.get("team").is_some_and(|team| team == "b") && !tags.contains_key("line")
        },
        revisions: 1,
        is_long: false,
    },
    Scenario {
        name: "retain",
        prepare: |stage| {
            created(stage);
            stage.deleted_with("Retain");
        },
        act: |stage| stage.world.delete(&stage.name),
        is_over: is_gone,
        revisions: 1,
        is_long: false,
    },
    Scenario {
        name: "cancel",
        prepare: |stage| {
            created(stage);
            stage.deleted_with("Cancel");
        },
        act: |stage| stage.world.delete(&stage.name),
        is_over: is_gone,
        revisions: 1,
        is_long: false,
    },
];

/// What came of a run, without what differs between two runs of the same.
pub fn end_state(stage: &Stage<'_>) -> Value {
    let object = stage.world.object(&stage.name);
    let conditions =
        object.iter().flat_map(|object| object["status"]["conditions"].as_array().cloned().unwrap_or_default());
    // How far devices are is a matter of time.
    let conditions = conditions.filter(|condition| condition["type"] != "RolledOut");
    let conditions: Vec<Value> =
        conditions.map(|condition| json!([condition["type"], condition["status"], condition["reason"]])).collect();
    // A digest names the target too: only which ones are the same counts.
    let mut digests: BTreeMap<String, usize> = BTreeMap::new();
    let mut number = |digest: &str| {
        let next = digests.len();
        *digests.entry(digest.to_owned()).or_insert(next)
    };
    let rows: Vec<Value> = stage
        .world
        .deployments()
        .into_iter()
        .filter(|row| row.target_arn == stage.group())
        .map(|row| {
            let tag =
                |name: &str| row.tags.get(&format!("greengrass-operator.dev/{name}")).cloned().unwrap_or_default();
            let ordinal = tag("intent").split('.').next().unwrap_or_default().to_owned();
            let user: Vec<_> = row.tags.iter().filter(|(key, _)| !key.contains('/')).collect();
            json!([
                row.revision_id,
                format!("{:?}", row.deployment_status),
                ordinal,
                tag("cause"),
                number(&tag("digest")),
                user
            ])
        })
        .collect();
    let status = object.as_ref().map(|object| &object["status"]);
    let field = |name: &str| status.map(|status| status[name].clone());
    json!({
        "conditions": conditions,
        "ordinal": field("ordinal"),
        "revision": field("revisionId"),
        "digest": status.and_then(|status| status["appliedDigest"].as_str()).map(number),
        "finalizers": object.as_ref().map(|object| object["metadata"]["finalizers"].clone()),
        "rows": rows,
    })
}

/// The deployments that the operator has made for a run's target, deleted ones included.
pub fn made(stage: &Stage<'_>) -> usize {
    let calls = stage.world.emulator.calls_of("CreateDeployment");
    let of_target = calls.into_iter().filter(|call| call.target_arn.as_ref() == Some(&stage.group()));
    of_target.filter_map(|call| call.deployment_id).collect::<std::collections::BTreeSet<_>>().len()
}
