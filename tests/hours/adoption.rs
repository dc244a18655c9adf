//! Whose deployment it is: what is taken over, what is left alone, and what comes of two who want the same.

use std::time::Duration;

use greengrass_emulator::DeploymentStatus;
use serde_json::{Value, json};

use crate::world::{ACCOUNT, Manifest, REGION, VirtualWorld, condition};

const MINUTE: Duration = Duration::from_mins(1);

/// Somebody deploys this version; the deployment's id.
fn somebody_deploys(world: &VirtualWorld, target: &str, version: &str, tags: &Value) -> String {
    let components = json!({"com.example.HelloWorld": {"componentVersion": version}});
    let mut request = json!({"targetArn": target, "components": components});
    if tags.as_object().is_some_and(|tags| !tags.is_empty()) {
        request["tags"] = tags.clone();
    }
    world.emulator.create_deployment(ACCOUNT, REGION, &request).unwrap()
}

/// The operator's tags on a deployment made for a resource.
fn owned_by(cluster: &str, resource: &str) -> Value {
    json!({
        "greengrass-operator.dev/cluster": cluster, "greengrass-operator.dev/resource": resource,
        "greengrass-operator.dev/intent": "7.0", "greengrass-operator.dev/digest": "1:other",
    })
}

#[test]
fn the_content_of_the_spec_is_taken_over_in_place_and_others_tags_stay() {
    let world = VirtualWorld::new("take");
    let group = world.group("Presses");
    let id = somebody_deploys(&world, &group, "1.0.0", &json!({"team": "theirs"}));
    world.apply(&Manifest::new("presses", &group).with("tags", json!({"line": "1"})));
    let ready = world.wait_ready_within("presses", MINUTE);
    assert_eq!(ready["status"]["deploymentId"], id.as_str());
    assert_eq!(world.count("CreateDeployment"), 0, "no revision is made");
    let deployment = &world.deployments()[0];
    assert_eq!(deployment.deployment_status, DeploymentStatus::Active);
    assert_eq!(deployment.tags["greengrass-operator.dev/cause"], "adopt");
    assert_eq!(deployment.tags["greengrass-operator.dev/intent"], "1.0");
    assert_eq!((deployment.tags["team"].as_str(), deployment.tags["line"].as_str()), ("theirs", "1"));

    world.apply(&Manifest::new("presses", &group));
    world.wait("our tag to go", MINUTE, || !world.deployments()[0].tags.contains_key("line"));
    assert_eq!(world.deployments()[0].tags["team"], "theirs", "what others put on it stays");

    world.apply(&Manifest::new("presses", &group).version("1.0.1"));
    let next = world.wait_ready_within("presses", MINUTE);
    assert_eq!(next["status"]["ordinal"], 2);
    assert_eq!(world.deployments().len(), 2);
}

#[test]
fn another_content_is_left_alone_and_what_would_change_is_shown() {
    let world = VirtualWorld::new("pending");
    let group = world.group("Presses");
    let id = somebody_deploys(&world, &group, "0.9.0", &json!({}));
    world.apply(&Manifest::new("presses", &group));
    let stalled = world.wait_for("presses", "False", "ForeignRevision");
    assert_eq!(stalled["status"]["pendingChange"], json!(["component com.example.HelloWorld: 0.9.0 becomes 1.0.0"]));
    assert!(condition(&stalled, "Stalled").unwrap()["message"].as_str().unwrap().contains(&id));
    world.annotate("presses", "redeploy-at", "now");
    world.pass(Duration::from_mins(10));
    assert_eq!(world.count("CreateDeployment"), 0, "redeploy-at is for what is ours");

    // Nobody manages it: IfUnmanaged is enough, and it is noticed at once.
    world.apply(&Manifest::new("presses", &group).with("adoptionPolicy", json!("IfUnmanaged")));
    let ready = world.wait_ready_within("presses", MINUTE);
    assert!(ready["status"]["pendingChange"].is_null());
    let deployments = world.deployments();
    assert_eq!(deployments.len(), 2);
    assert_eq!(deployments[1].tags["greengrass-operator.dev/cause"], "adopt");
}

#[test]
fn if_unmanaged_takes_what_a_resource_left_behind_and_nothing_that_somebody_answers_for() {
    let world = VirtualWorld::new("orphan");
    let here = world.namespace.clone();
    let managers = [
        ("orphaned", owned_by("test", &format!("{here}/gone")), true),
        ("unread", owned_by("test", "elsewhere/gone"), false),
        ("living", owned_by("test", &format!("{here}/other")), false),
        ("abroad", owned_by("another-cluster", &format!("{here}/gone")), false),
        ("tagged", json!({"team": "theirs"}), false),
    ];
    let other = world.group("other");
    world.apply(&Manifest::new("other", &other));
    world.wait_ready("other");
    for (name, tags, is_taken) in managers {
        let group = world.group(name);
        somebody_deploys(&world, &group, "0.9.0", &tags);
        world.apply(&Manifest::new(name, &group).with("adoptionPolicy", json!("IfUnmanaged")));
        if is_taken {
            world.wait_ready_within(name, MINUTE);
        } else {
            world.wait_for(name, "False", "ForeignRevision");
            world.apply(&Manifest::new(name, &group).with("adoptionPolicy", json!("Always")));
            world.wait_ready_within(name, MINUTE);
        }
        let newest = world.deployments().pop().unwrap();
        assert_eq!((newest.target_arn.as_str(), newest.revision_id.as_str()), (group.as_str(), "2"), "{name}");
    }
}

#[test]
fn a_living_owners_deployment_is_not_taken_over_although_it_has_the_content() {
    let world = VirtualWorld::new("living");
    let other = world.group("other");
    world.apply(&Manifest::new("other", &other));
    world.wait_ready("other");
    let group = world.group("Presses");
    somebody_deploys(&world, &group, "1.0.0", &owned_by("test", &format!("{}/other", world.namespace)));
    world.apply(&Manifest::new("presses", &group));
    world.wait_for("presses", "False", "ForeignRevision");
    world.delete("other");
    world.annotate("presses", "reconcile-at", "now");
    let ready = world.wait_ready_within("presses", MINUTE);
    assert_eq!(ready["status"]["revisionId"], "1", "now it is an orphan's");
    assert_eq!(ready["status"]["ordinal"], 8, "numbers go on from the orphan's");
}

#[test]
fn of_two_with_one_target_the_second_takes_over_by_itself_when_the_first_goes() {
    let world = VirtualWorld::new("handover");
    let group = world.group("Presses");
    world.apply(&Manifest::new("first", &group));
    world.wait_ready("first");
    world.apply(&Manifest::new("second", &group).with("adoptionPolicy", json!("IfUnmanaged")).version("2.0.0"));
    world.wait_for("second", "False", "TargetConflict");
    world.delete("first");
    world.wait_ready_within("second", MINUTE);
    let deployments = world.deployments();
    assert_eq!(deployments.len(), 2);
    assert_eq!(deployments[1].tags["greengrass-operator.dev/intent"], "2.0", "the number belongs to the target");
}

#[test]
fn a_lost_status_of_both_leaves_the_target_to_the_one_that_the_tags_name() {
    let mut world = VirtualWorld::new("named");
    let group = world.group("Presses");
    world.apply(&Manifest::new("a-younger", &world.group("other")));
    world.wait_ready("a-younger");
    world.apply(&Manifest::new("z-owner", &group));
    world.wait_ready("z-owner");
    world.apply(&Manifest::new("b-rival", &group).version("2.0.0"));
    world.wait_for("b-rival", "False", "TargetConflict");
    world.kill_operator();
    for name in ["z-owner", "b-rival"] {
        world.lose_status(name);
    }
    world.start_operator();
    world.wait_ready_within("z-owner", Duration::from_mins(3));
    world.wait_for_within("b-rival", "False", "TargetConflict", Duration::from_mins(3));
    assert_eq!(world.deployments().len(), 2, "nothing was made anew");
}

#[test]
fn subdeployments_of_others_hold_a_parents_revision_up_unless_the_policy_lets_it_end_them() {
    let world = VirtualWorld::new("subs");
    let (parent, canary) = (world.group("Presses"), world.group("Canary"));
    world.apply(&Manifest::new("presses", &parent));
    world.wait_ready_within("presses", MINUTE);
    let components = json!({"com.example.HelloWorld": {"componentVersion": "9.0.0"}});
    let request =
        json!({"targetArn": canary, "parentTargetArn": parent, "components": components, "tags": {"team": "x"}});
    world.emulator.create_deployment(ACCOUNT, REGION, &request).unwrap();
    let changed = Manifest::new("presses", &parent).version("1.0.1");
    world.apply(&changed);
    world.wait_for("presses", "False", "ForeignRevision");
    world.apply(&changed.clone().with("adoptionPolicy", json!("IfUnmanaged")));
    world.wait_for("presses", "False", "ForeignRevision");
    world.apply(&changed.with("adoptionPolicy", json!("Always")));
    world.wait_ready_within("presses", MINUTE);
    assert_eq!(world.count("CreateDeployment"), 2);
}
