//! Upgrades and rollbacks of a release while its operator works (does I/O: starts a cluster, helm and operators).

use serde_json::Value;

use super::release::{HOME, NAME, Release, Version};
use crate::world::{Manifest, World};

/// Before there were identities.
const FIRST: Version = Version::Previous("0.1.0-alpha.1");
/// The first with identities and with two replicas.
const SECOND: Version = Version::Previous("0.1.0-alpha.2");

/// What has to survive: who the objects are, what they want and what was deployed for them.
fn essence(world: &World, name: &str) -> [Value; 5] {
    let object = world.object(name).unwrap();
    let of_status = |field: &str| object["status"][field].clone();
    let identity = object["metadata"]["uid"].clone();
    [identity, object["spec"].clone(), of_status("deploymentId"), of_status("revisionId"), of_status("history")]
}

/// Has the operator look at resources now, and waits until it has.
fn look(world: &World, names: &[&str], request: &str) {
    for name in names {
        world.annotate(name, "reconcile-at", request);
    }
    for name in names {
        world.wait_until(name, request, |object| {
            object["status"]["lastHandledReconcileAt"] == request && crate::world::is_ready(object)
        });
    }
}

#[test]
fn a_release_is_upgraded_and_rolled_back_while_its_operator_works_and_nothing_is_deployed_anew() {
    let release = Release::of_nothing();
    release.upgrade(FIRST, &[]);
    let mut world = World::of_account(release.cluster, release.cluster.namespace("live").unwrap(), HOME);
    let (presses, lathes) = (world.group("Presses"), world.group("Lathes"));
    world.apply(&Manifest::new("presses", &presses));
    let uid = world.object("presses").unwrap()["metadata"]["uid"].clone();

    release.upgrade(SECOND, &[]);
    // Once more: with the first revision that has identities they come by a hook, and only then are part of the release.
    release.upgrade(SECOND, &["--set=podAnnotations.a=b"]);
    assert!(!release.has_todays_definitions(), "an upgrade that changes no definition shows nothing");
    world.roll_operator(&release.arguments());
    world.wait_ready("presses");
    world.apply(&Manifest::new("lathes", &lathes));
    world.wait_ready("lathes");
    let before = ["presses", "lathes"].map(|name| essence(&world, name));
    assert_eq!(before[0][0], uid, "what was there before the definition of identities is still there");
    let nothing_new = |world: &World, request: &str| {
        look(world, &["presses", "lathes"], request);
        for (name, before) in ["presses", "lathes"].into_iter().zip(&before) {
            assert_eq!(&essence(world, name), before, "{request}");
        }
        assert_eq!(world.count("CreateDeployment"), 2, "{request}");
    };

    release.upgrade(Version::Today, &[]);
    assert!(release.has_todays_definitions());
    nothing_new(&world, "the old operator with the new definitions");
    world.roll_operator(&release.arguments());
    nothing_new(&world, "the new operator");

    release.helm(&["rollback", NAME, "3"]).unwrap();
    assert!(!release.has_todays_definitions());
    world.roll_operator(&release.arguments());
    nothing_new(&world, "rolled back to the second version");

    world.stop_operator();
    release.helm(&["rollback", NAME, "1"]).unwrap();
    assert!(release.has("crd/awsidentities.greengrass-operator.dev"), "definitions are kept");
    // Stored with what the first version's definition knows.
    world.annotate("presses", "reconcile-at", "nobody reads this");
    release.upgrade(Version::Today, &[]);
    world.roll_operator(&release.arguments());
    nothing_new(&world, "there and back again");

    world.stop_operator();
    release.helm(&["uninstall", NAME]).unwrap();
    assert!(release.has_todays_definitions(), "definitions are kept");
    release.upgrade(Version::Today, &[]);
    // The account has the name of the old one, and no token of the old one is valid for it.
    release.cluster.service_account_kubeconfig(HOME, NAME).unwrap();
    world.roll_operator(&release.arguments());
    nothing_new(&world, "installed anew");
    // It does not only look.
    world.apply(&Manifest::new("presses", &presses).version("1.0.1"));
    world.wait_ready("presses");
    assert_eq!(world.count("CreateDeployment"), 3);
}

const LOBBY: &str = r#"
apiVersion: greengrass-operator.dev/v1alpha1
kind: SystemInstance
metadata: {name: lobby, namespace: live}
spec:
  definition:
    text: 'query Lobby @deployment(id: "urn:tdm:eu-central-1/123456789012/default:deployment:Lobby") { camera(deviceId: "C") }'
  target: CLOUD
  flowActionsRoleArn: arn:aws:iam::123456789012:role/FlowActions
"#;

#[test]
fn system_instances_are_switched_on_and_off_and_deployments_take_no_notice() {
    let release = Release::of_nothing();
    release.upgrade(Version::Today, &[]);
    let mut world = World::of_account(release.cluster, release.cluster.namespace("legacy").unwrap(), HOME);
    world.roll_operator(&release.arguments());
    world.apply(&Manifest::new("presses", &world.group("Presses")));
    world.wait_ready("presses");
    let before = essence(&world, "presses");
    let definition = "crd/systeminstances.greengrass-operator.dev";
    assert!(!release.has(definition), "off by default");

    release.upgrade(Version::Today, &["--set=thingsGraph.enabled=true"]);
    world.roll_operator(&release.arguments());
    release.cluster.apply(&LOBBY.replace("namespace: live", &format!("namespace: {}", world.namespace))).unwrap();
    let of_the_world = |arguments: &[&str]| {
        let namespace = format!("--namespace={}", world.namespace);
        release.kubectl(&[arguments, &[namespace.as_str()]].concat())
    };
    of_the_world(&["wait", "--for=condition=Ready", "systeminstance/lobby", "--timeout=1m"]);
    let [made, deployed] = ["CreateSystemInstance", "DeploySystemInstance"].map(|call| world.count(call));
    assert_eq!((made, deployed), (1, 1));
    let uid = of_the_world(&["get", "systeminstance/lobby", "--output=jsonpath={.metadata.uid}"]);

    release.upgrade(Version::Today, &[]);
    assert!(release.has(definition), "definitions are kept, and with them resources");
    assert_eq!(of_the_world(&["get", "systeminstance/lobby", "--output=jsonpath={.metadata.uid}"]), uid);
    world.roll_operator(&release.arguments());
    look(&world, &["presses"], "without system instances");
    assert_eq!(essence(&world, "presses"), before);
    assert_eq!(world.count("CreateDeployment"), 1);
}
