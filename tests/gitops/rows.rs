//! Resources in trouble of every kind that comes within minutes, and what Flux and Argo CD must make of each.

use greengrass_emulator::{DeploymentStatus, FaultAction, FaultRule, Operation};
use serde_json::{Value, json};

use crate::world::fleet::{add_device, failing, offline, taking};
use crate::world::{ACCOUNT, Manifest, REGION, World};

/// A resource in one situation of docs/conditions.md.
pub struct Row {
    pub name: &'static str,
    pub manifest: Manifest,
    /// Argo CD's health of it, in the end.
    pub health: &'static str,
    /// `Ready` of a Kustomization that waits for it, in the end: Unknown while Flux goes on waiting.
    pub kustomization: &'static str,
    /// What both show, where Flux shows anything.
    pub words: &'static str,
}

const HEALTHY: (&str, &str) = ("Healthy", "True");
const PROGRESSING: (&str, &str) = ("Progressing", "Unknown");
const DEGRADED: (&str, &str) = ("Degraded", "False");
const SUSPENDED: (&str, &str) = ("Suspended", "Unknown");

/// A thing group with one device of this behaviour; its ARN.
fn group(world: &World, name: &str, behaviour: &Value) -> String {
    let arn = world.group(name);
    add_device(&world.emulator, &format!("device-of-{name}"), &[name], behaviour);
    arn
}

fn with_update(manifest: Manifest, update: &Value) -> Manifest {
    let component = json!({"componentVersion": "1.0.0", "configurationUpdate": update});
    manifest.with("components", json!({"com.example.HelloWorld": component}))
}

/// Prepares AWS for each, and says what to commit.
pub fn rows(world: &World) -> Vec<Row> {
    let rolled_out = json!({"readyWhen": "RolledOut"});
    let at = |name: &'static str, behaviour: &Value| Manifest::new(name, &group(world, name, behaviour));
    let fault = |name: &str, action: FaultAction| {
        let rule = FaultRule::on(Operation::CreateDeployment, action).always();
        world.emulator.faults().add(rule.target(World::group_arn(name)));
    };
    fault("denied", FaultAction::AccessDenied);
    fault("throttled", FaultAction::Throttle { retry_after_seconds: None });
    let used_up = FaultAction::Error {
        status: 400,
        code: "LimitExceededException".to_owned(),
        message: "Too many jobs".to_owned(),
    };
    fault("used-up", used_up);
    let foreign = at("foreign", &offline());
    let theirs = json!({"targetArn": World::group_arn("foreign"), "components": {}});
    world.emulator.create_deployment(ACCOUNT, REGION, &theirs).unwrap();
    let elder = at("conflict-a", &offline());
    let younger = Manifest::new("conflict-b", &World::group_arn("conflict-a"));
    let map = json!({"mergeFrom": [{"configMapKeyRef": {"name": "nowhere", "key": "a"}}]});

    let late = identity(world)["metadata"]["name"].clone();
    let narrow = format!("narrow-{}", world.namespace);
    let mut elsewhere = identity(world);
    elsewhere["metadata"]["name"] = json!(narrow);
    elsewhere["spec"]["allowedTargets"] = json!([World::group_arn("elsewhere")]);
    world.cluster.apply(&elsewhere.to_string()).unwrap();

    let row = |manifest: Manifest,
               (health, kustomization): (&'static str, &'static str),
               name: &'static str,
               words: &'static str| { Row { name, manifest, health, kustomization, words } };
    vec![
        row(at("deployed", &offline()), HEALTHY, "deployed", "revision 1"),
        row(at("rolled-out", &taking(1)).with("rollout", rolled_out.clone()), HEALTHY, "rolled-out", "revision 1"),
        row(
            at("rolling-out", &offline()).with("rollout", rolled_out.clone()),
            PROGRESSING,
            "rolling-out",
            "on 0 of 1 device",
        ),
        row(
            at("failing", &failing(1.0, 1)).with("rollout", rolled_out.clone()),
            DEGRADED,
            "failing",
            "S3_HEAD_OBJECT_ACCESS_DENIED",
        ),
        row(
            at("late", &offline()).with("rollout", json!({"readyWhen": "RolledOut", "deadline": "15s"})),
            DEGRADED,
            "late",
            "deadline",
        ),
        row(
            with_update(at("broken", &offline()), &json!({"merge": "{\"Message\": "})),
            DEGRADED,
            "broken",
            "configurationUpdate.merge",
        ),
        row(elder, HEALTHY, "conflict-a", "revision 1"),
        row(younger, DEGRADED, "conflict-b", "conflict-a has the same target"),
        row(foreign, DEGRADED, "foreign", "deployments that this resource did not make"),
        row(at("denied", &offline()), DEGRADED, "denied", "AccessDeniedException"),
        row(at("used-up", &offline()), DEGRADED, "used-up", "Too many jobs"),
        row(at("throttled", &offline()), PROGRESSING, "throttled", "ThrottlingException"),
        row(Manifest::new("missing", &World::group_arn("missing")), DEGRADED, "missing", "create the thing"),
        row(with_update(at("no-map", &offline()), &map), DEGRADED, "no-map", "ConfigMap nowhere is not there"),
        row(at("no-identity", &offline()).with("identityRef", json!({"name": late})), DEGRADED, "no-identity", "late-"),
        row(
            at("not-allowed", &offline()).with("identityRef", json!({"name": narrow})),
            DEGRADED,
            "not-allowed",
            "to the identity's allowedTargets",
        ),
        row(at("paused", &offline()).with("suspend", json!(true)), SUSPENDED, "paused", "spec.suspend is true"),
        row(at("waiting", &offline()).with("parent", json!({"name": "paused"})), PROGRESSING, "waiting", "paused"),
        // In order at first: what happens to them then is `befall`.
        row(at("cancelled", &offline()), DEGRADED, "cancelled", "was cancelled in AWS"),
        row(at("drifted", &offline()), DEGRADED, "drifted", "has taken the place of ours"),
    ]
}

/// What happens to those that were deployed well.
pub fn befall(world: &World) {
    for name in ["cancelled", "drifted"] {
        world.wait_ready(name);
    }
    world.annotate("cancelled", "cancel-at", "now");
    let theirs = json!({"targetArn": World::group_arn("drifted"), "components": {}});
    world.emulator.create_deployment(ACCOUNT, REGION, &theirs).unwrap();
    world.annotate("drifted", "reconcile-at", "now");
}

/// Takes the causes away, and asks all to look; who must be in order then.
pub fn mend(world: &World) -> Vec<&'static str> {
    world.emulator.faults().clear();
    world.group("missing");
    let mut map = config_map("nowhere");
    map["metadata"]["namespace"] = json!(world.namespace);
    world.cluster.apply(&map.to_string()).unwrap();
    world.cluster.apply(&identity(world).to_string()).unwrap();
    for name in ["rolling-out", "late"] {
        assert!(world.emulator.connect_device(ACCOUNT, REGION, &format!("device-of-{name}"), Some(true)));
    }
    for name in ["cancelled", "drifted"] {
        world.annotate(name, "redeploy-at", "mended");
    }
    let others = ["denied", "used-up", "throttled", "missing", "no-map", "no-identity", "rolling-out", "late"];
    for name in others {
        world.annotate(name, "reconcile-at", "mended");
    }
    [&others[..], &["cancelled", "drifted"]].concat()
}

/// Devices on which version 2.0.0 fails.
pub fn particular() -> Value {
    let rule = json!({"component": "com.example.HelloWorld", "version": "2.0.0", "outcome": "noSuchVersion"});
    json!({"takes": {"seconds": 1}, "rules": [rule]})
}

/// Something beside the resources: neither engine prunes everything that it has.
pub fn config_map(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"a": "x: 1"}})
}

/// Resources that differ in their deletionPolicy.
pub fn to_prune(world: &World, write: impl Fn(&str, &str)) {
    for (name, policy) in [("retained", "Retain"), ("deleted", "Delete"), ("removed", "Remove")] {
        let manifest = Manifest::new(name, &group(world, name, &taking(8))).with("deletionPolicy", json!(policy));
        let mut manifest = manifest.with("rollout", json!({"readyWhen": "RolledOut"})).to_json();
        manifest["metadata"]["namespace"] = json!(world.namespace);
        write(&format!("{name}.yaml"), &manifest.to_string());
    }
}

/// Waits until they are gone, and looks at what is left in AWS.
pub fn pruned(world: &World) {
    let of = |name: &str| -> Vec<_> {
        let arn = World::group_arn(name);
        world.deployments().into_iter().filter(|deployment| deployment.target_arn == arn).collect()
    };
    world.wait("the empty revision that takes software from devices", || {
        of("removed").last().is_some_and(|newest| newest.components == json!({}))
    });
    for name in ["retained", "deleted", "removed"] {
        world.wait_gone(name);
    }
    let left = |name: &str| of(name).iter().map(|deployment| deployment.deployment_status).collect::<Vec<_>>();
    assert_eq!(left("retained"), [DeploymentStatus::Active]);
    assert_eq!(left("deleted"), []);
    assert_eq!(left("removed"), []);
}

/// An identity that may be used in this namespace only, and is nobody's default.
pub fn identity(world: &World) -> Value {
    json!({
        "apiVersion": "greengrass-operator.dev/v1alpha1",
        "kind": "AwsIdentity",
        "metadata": {"name": format!("late-{}", world.namespace)},
        "spec": {"allowedNamespaces": {"names": [world.namespace]}, "allowedTargets": ["*"]},
    })
}

/// The versions that a thing group has been given, oldest first.
pub fn versions(world: &World, group: &str) -> Vec<Value> {
    let arn = World::group_arn(group);
    let of_group = world.deployments().into_iter().filter(|deployment| deployment.target_arn == arn);
    of_group.map(|deployment| deployment.components["com.example.HelloWorld"]["componentVersion"].clone()).collect()
}
