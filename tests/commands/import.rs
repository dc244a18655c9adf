//! `import`: a fleet that was deployed by hand comes under the operator without a single revision.

use std::collections::BTreeSet;

use serde_json::json;

use super::{run, run_in};
use crate::world::{ACCOUNT, REGION, World};

fn by_hand(world: &World) {
    let (all, canaries) = (world.group("All_Presses"), world.group("Canaries"));
    let thing = world.emulator.create_thing(ACCOUNT, REGION, "press-1").unwrap();
    let requests = [
        json!({
            "targetArn": all, "deploymentName": "By hand",
            "components": {
                "com.example.Press": {"componentVersion": "1.0.0", "configurationUpdate": {"merge": "{\"a\": {\"b\": null}}", "reset": ["/c"]}},
                "com.example.Words": {"componentVersion": "1.0.0", "configurationUpdate": {"merge": "{\"on\": \"no\"}"}},
                "com.example.Plain": {"componentVersion": "2.1.0", "configurationUpdate": {"merge": "{\"Message\": \"hello\", \"Script\": \"\\ta\\nb\"}"}},
            },
            "deploymentPolicies": {"failureHandlingPolicy": "DO_NOTHING", "componentUpdatePolicy": {"timeoutInSeconds": 60, "action": "NOTIFY_COMPONENTS"}},
            "iotJobConfiguration": {"jobExecutionsRolloutConfig": {"maximumPerMinute": 50}},
            "tags": {"team": "press"},
        }),
        json!({
            "targetArn": thing,
            "components": {"com.example.Press": {"componentVersion": "1.0.0", "runWith": {"posixUser": "press", "systemResourceLimits": {"cpus": 0.5, "memory": 1024}}}},
        }),
        json!({"targetArn": canaries, "parentTargetArn": all, "components": {"com.example.Press": {"componentVersion": "1.1.0"}}}),
    ];
    for request in requests {
        world.emulator.create_deployment(ACCOUNT, REGION, &request).unwrap();
    }
}

#[test]
fn an_imported_fleet_is_taken_over_and_nothing_but_tags_changes_in_aws() {
    let mut world = World::without_operator("import");
    by_hand(&world);
    let made = world.deployments().len();
    let said = run_in(&world, &["import"]).expect(0);
    assert_eq!(said.err, "");
    let manifests = world.folder().join("fleet.yaml");
    std::fs::write(&manifests, &said.out).unwrap();
    let path = manifests.to_str().unwrap();
    // Two ways to the API server, of which one drops nulls.
    world.kubectl(&["apply", "--filename", path]).success().unwrap();
    world.start_operator();
    for name in ["all-presses", "press-1", "canaries"] {
        world.wait_ready(name);
    }
    run_in(&world, &["plan", "-f", path]).expect(0);
    world.kubectl(&["apply", "--server-side", "--force-conflicts", "--filename", path]).success().unwrap();
    for name in ["all-presses", "press-1", "canaries"] {
        world.wait_ready(name);
    }
    assert_eq!(world.deployments().len(), made, "no revision");
    let reads = [
        "ListDeployments",
        "GetDeployment",
        "GetCallerIdentity",
        "DescribeJob",
        "ListJobExecutionsForJob",
        "DescribeJobExecution",
        "GetThingShadow",
    ];
    let writes: BTreeSet<String> = world.calls().into_iter().filter(|call| !reads.contains(&call.as_str())).collect();
    assert_eq!(writes, BTreeSet::from(["TagResource".to_owned()]));

    // What is managed is not imported again.
    let again = run_in(&world, &["import"]).expect(1);
    assert_eq!(again.err.matches("it was made by GreengrassDeployment").count(), 3, "{}", again.err);
    assert!(again.err.ends_with("no deployment was found that could be imported\n"), "{}", again.err);
}

#[test]
fn manifests_go_into_files_and_no_file_is_overwritten() {
    let world = World::without_operator("import");
    by_hand(&world);
    let said =
        run(&world, &["import", "--directory", ".", "--thing-group", "All_Presses", "--short-targets"]).expect(0);
    assert_eq!(said.out, "./all-presses.yaml\n");
    let text = std::fs::read_to_string(world.folder().join("all-presses.yaml")).unwrap();
    assert!(text.contains("thingGroup: All_Presses"), "{text}");
    assert!(!text.contains(ACCOUNT), "{text}");
    let refused = run(&world, &["import", "--directory", ".", "--thing-group", "All_Presses"]).expect(1);
    assert!(refused.err.contains("all-presses.yaml is there already"), "{}", refused.err);
    let missing = run(&world, &["import", "--thing-group", "All_Presses", "--thing-group", "Typo"]).expect(1);
    assert_eq!(missing.err, format!("thing group Typo has no deployment in {ACCOUNT} {REGION}\n"));
    let nowhere = run(&world, &["import", "--directory", "nowhere"]).expect(1);
    assert!(nowhere.err.contains("there is no directory nowhere"), "{}", nowhere.err);
    let things = run(&world, &["import", "--thing", "press-1", "-o", "json"]).expect(0).json();
    assert_eq!(things["items"].as_array().unwrap().len(), 1);
}
