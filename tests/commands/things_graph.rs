//! What people ask about system instances, and of them, from the command line.

use serde_json::{Value, json};

use super::{Said, run, run_in};
use crate::things_graph::{definition, id, in_cloud, with};
use crate::world::{ACCOUNT, REGION, World};

fn written(world: &World, file: &str, object: &Value) -> String {
    let path = world.folder().join(file);
    std::fs::write(&path, object.to_string()).unwrap();
    path.to_str().unwrap().to_owned()
}

fn applied(world: &World, object: &Value) {
    world
        .cluster
        .kubectl_with_input(&["--namespace", &world.namespace, "apply", "--filename=-"], &object.to_string())
        .unwrap()
        .success()
        .unwrap();
}

fn by_hand(world: &World, is_deployed: bool) {
    let request = json!({
        "definition": {"language": "GRAPHQL", "text": definition("Room219", "Camera219")},
        "target": "CLOUD", "flowActionsRoleArn": "arn:aws:iam::123456789012:role/FlowActions",
        "metricsConfiguration": {"cloudMetricEnabled": true}, "tags": [{"key": "floor", "value": "2"}],
    });
    world.emulator.create_system_instance(ACCOUNT, REGION, &request).unwrap();
    if is_deployed {
        world
            .emulator
            .deploy_system_instance(&greengrass_emulator::SystemInstanceId::parse(&id("Room219")).unwrap())
            .unwrap();
    }
}

fn planned(world: &World, path: &str, code: i32) -> Said {
    run_in(world, &["plan", "--cluster-name=test", "-f", path]).expect(code)
}

#[test]
fn an_imported_system_instance_is_taken_over_and_nothing_but_tags_changes() {
    let mut world = World::of_things_graph("tg-import");
    by_hand(&world, true);
    let said = run_in(&world, &["import", "--things-graph"]).expect(0);
    assert_eq!(said.err, "");
    let path = world.folder().join("room.yaml");
    std::fs::write(&path, &said.out).unwrap();
    let path = path.to_str().unwrap();
    let plan = planned(&world, path, 2);
    assert!(plan.out.contains("taken over as it is"), "{}", plan.out);
    world.kubectl(&["apply", "--filename", path]).success().unwrap();
    world.start_operator();
    world.wait_ready("room219");
    let writes = ["CreateSystemInstance", "DeploySystemInstance", "UndeploySystemInstance", "DeleteSystemInstance"];
    assert!(world.calls().iter().all(|call| !writes.contains(&call.as_str())), "{:?}", world.calls());
    let plan = planned(&world, path, 0);
    assert!(plan.out.contains("is what the manifest says"), "{}", plan.out);
    let again = run_in(&world, &["import", "--things-graph"]).expect(1);
    assert!(again.err.contains("it was made by SystemInstance"), "{}", again.err);
}

#[test]
fn a_plan_says_what_would_be_created_replaced_undeployed_or_refused() {
    let mut world = World::of_things_graph("tg-plan");
    let path = written(&world, "room.json", &in_cloud("room"));
    assert!(planned(&world, &path, 2).out.contains("+ "), "it is created");
    applied(&world, &in_cloud("room"));
    world.start_operator();
    world.wait_ready("room");
    assert!(planned(&world, &path, 0).out.contains("is what the manifest says"));
    let changed = with(in_cloud("room"), "definition", json!({"text": definition("Room219", "Camera9")}));
    let plan = planned(&world, &written(&world, "changed.json", &changed), 2);
    assert!(
        plan.out.contains("another one takes its place") && plan.out.contains("what changes: definition"),
        "{}",
        plan.out
    );
    let resting = with(in_cloud("room"), "deployed", json!(false));
    let plan = planned(&world, &written(&world, "resting.json", &resting), 2);
    assert!(plan.out.contains("is undeployed"), "{}", plan.out);
    let theirs = json!({
        "definition": {"language": "GRAPHQL", "text": definition("Room300", "Theirs")},
        "target": "CLOUD", "flowActionsRoleArn": "arn:aws:iam::123456789012:role/FlowActions",
    });
    world.emulator.create_system_instance(ACCOUNT, REGION, &theirs).unwrap();
    let foreign = with(in_cloud("other"), "definition", json!({"text": definition("Room300", "Ours")}));
    let plan = planned(&world, &written(&world, "foreign.json", &foreign), 1);
    assert!(plan.out.contains("ForeignRevision"), "{}", plan.out);
    let wrong = with(in_cloud("room"), "definition", json!({"text": "query {"}));
    let plan = planned(&world, &written(&world, "wrong.json", &wrong), 1);
    assert!(plan.out.contains("no GraphQL document"), "{}", plan.out);
}

#[test]
fn status_shows_them_and_requests_are_answered() {
    let mut world = World::of_things_graph("tg-people");
    world.start_operator();
    applied(&world, &in_cloud("room"));
    world.wait_ready("room");
    let run = |arguments: &[&str], code: i32| run_in(&world, arguments).expect(code);
    let table = run(&["status", "--kind", "SystemInstance"], 0).out;
    assert!(
        table.starts_with("NAME") && table.contains("DEPLOYED_IN_TARGET") && table.contains(&id("Room219")),
        "{table}"
    );
    let tree = run(&["status", "ggsi/room"], 0).out;
    assert!(tree.contains("SystemInstance") && tree.contains("DEPLOYED_IN_TARGET"), "{tree}");
    let json: Value = serde_json::from_str(&run(&["status", "ggsi/room", "-o", "json"], 0).out).unwrap();
    assert_eq!(json["items"][0]["systemInstance"]["status"], "DEPLOYED_IN_TARGET");
    let said = run(&["redeploy", "ggsi/room"], 0).out;
    assert!(said.contains("Ready=True Deployed"), "{said}");
    assert_eq!(world.count("DeploySystemInstance"), 2);
    assert!(run(&["reconcile", "systeminstance/room"], 0).out.contains("Ready=True Deployed"));
    assert!(run(&["suspend", "ggsi/room"], 0).out.contains("suspended"));
    assert!(run(&["resume", "ggsi/room"], 0).out.contains("Ready=True Deployed"));
    assert!(run(&["cancel", "ggsi/room"], 1).err.contains("set spec.deployed to false"));
    assert!(run(&["devices", "ggsi/room"], 1).err.contains("Greengrass group"));
}

#[test]
fn the_kind_s_definition_is_printed_where_it_is_asked_for() {
    let world = World::of_things_graph("tg-crd");
    let names = |arguments: &[&str]| {
        let printed = run(&world, arguments).expect(0).out;
        printed
            .lines()
            .filter(|line| line.starts_with("    kind: "))
            .map(|line| line[10..].to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&["crd"]), ["GreengrassDeployment", "AwsIdentity"]);
    assert_eq!(names(&["crd", "--things-graph"]), ["GreengrassDeployment", "AwsIdentity", "SystemInstance"]);
    let folder = world.folder().join("crds");
    run(&world, &["crd", "--directory", folder.to_str().unwrap()]).expect(0);
    assert!(folder.join("things-graph/greengrass-operator.dev_systeminstances.yaml").is_file());
}
