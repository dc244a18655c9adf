//! A resource's life: created, changed, redeployed, suspended, tagged; and what each costs in calls.

use greengrass_emulator::{DeploymentStatus, FaultAction, FaultRule, Operation};
use serde_json::json;

use crate::world::{ACCOUNT, Manifest, REGION, World, condition};

#[test]
fn a_manifest_becomes_a_deployment_and_each_change_one_revision() {
    let world = World::new("life");
    let group = world.group("Presses");
    let manifest = Manifest::new("presses", &group);

    let calls = world.calls_of(|| {
        world.apply(&manifest);
        world.wait_ready("presses");
    });
    // The second list is for subdeployments that a revision would end.
    assert_eq!(calls, ["ListDeployments", "ListDeployments", "CreateDeployment", "GetDeployment"]);
    let first = world.object("presses").unwrap();
    assert_eq!(first["status"]["revisionId"], "1");
    assert_eq!(first["status"]["targetName"], "Presses");
    assert_eq!(first["status"]["appliedGeneration"], 1);

    let calls = world.calls_of(|| {
        world.apply(&manifest.clone().version("1.0.1"));
        world.wait_ready("presses");
    });
    assert_eq!(calls, ["ListDeployments", "ListDeployments", "CreateDeployment", "GetDeployment"]);
    assert_eq!(world.object("presses").unwrap()["status"]["revisionId"], "2");
    let statuses: Vec<_> = world.deployments().iter().map(|deployment| deployment.deployment_status).collect();
    assert_eq!(statuses, [world.superseded(), DeploymentStatus::Active]);

    let calls = world.calls_of(|| {
        world.apply(&manifest.clone().version("1.0.1"));
        std::thread::sleep(std::time::Duration::from_secs(2));
    });
    assert!(calls.is_empty(), "the same again costs nothing: {calls:?}");

    world.apply(&manifest);
    let back = world.wait_ready("presses");
    assert_eq!(back["status"]["revisionId"], "3", "back to the first content is a revision of its own");
    assert_eq!(back["status"]["appliedDigest"], first["status"]["appliedDigest"]);
}

#[test]
fn a_deployment_to_a_thing_costs_one_list() {
    let world = World::new("thing");
    let thing = world.emulator.create_thing(ACCOUNT, REGION, "Press1").unwrap();
    let calls = world.calls_of(|| {
        world.apply(&Manifest::new("press", &thing));
        world.wait_ready("press");
    });
    assert_eq!(calls, ["ListDeployments", "CreateDeployment", "GetDeployment"]);
}

#[test]
fn a_subdeployment_waits_for_its_parent() {
    let world = World::new("sub");
    let parent = world.group("Presses");
    let canary = world.group("PressesCanary");
    // The parent can't be created yet: its spec is in the cluster and not in AWS.
    world.apply(&Manifest::new("presses", &parent).with("suspend", json!(true)));
    world.wait_for("presses", "False", "Suspended");
    world.apply(&Manifest::new("canary", &canary).parent(&parent).version("2.0.0"));
    let waiting = world.wait_for("canary", "False", "WaitingForParent");
    assert!(condition(&waiting, "Ready").unwrap()["message"].as_str().unwrap().contains("presses"));

    world.apply(&Manifest::new("presses", &parent).with("suspend", json!(false)));
    world.wait_ready("presses");
    let sub = world.wait_ready("canary");
    assert_eq!(sub["status"]["resolved"]["parentTargetArn"], parent.as_str());
    let parents: Vec<_> = world.deployments().iter().map(|deployment| deployment.parent_target_arn.clone()).collect();
    assert_eq!(parents, [None, Some(parent)]);
}

#[test]
fn a_subdeployment_costs_one_list_and_one_more_where_its_parent_is_not_managed_here() {
    let world = World::new("subcost");
    let parent = world.group("Presses");
    let (canary, other) = (world.group("PressesCanary"), world.group("PressesNight"));
    let foreign_parent = world.group("Lathes");
    let request = json!({"targetArn": foreign_parent, "components": {}});
    world.emulator.create_deployment(ACCOUNT, REGION, &request).unwrap();
    world.apply(&Manifest::new("presses", &parent));
    world.wait_ready("presses");
    let calls = world.calls_of(|| {
        world.apply(&Manifest::new("canary", &canary).parent(&parent));
        world.wait_ready("canary");
    });
    assert_eq!(calls, ["ListDeployments", "CreateDeployment", "GetDeployment"]);
    let calls = world.calls_of(|| {
        world.apply(&Manifest::new("night", &other).parent(&foreign_parent));
        world.wait_ready("night");
    });
    assert_eq!(calls, ["ListDeployments", "ListDeployments", "CreateDeployment", "GetDeployment"]);
}

#[test]
fn redeploy_at_makes_one_revision_of_the_same_content() {
    let world = World::new("again");
    let group = world.group("Presses");
    world.apply(&Manifest::new("presses", &group));
    let first = world.wait_ready("presses");
    world.annotate("presses", "redeploy-at", "monday");
    let again = world.wait_until("presses", "redeployed", |object| object["status"]["revisionId"] == "2");
    world.wait_ready("presses");
    assert_eq!(again["status"]["appliedDigest"], first["status"]["appliedDigest"]);
    assert_eq!(world.object("presses").unwrap()["status"]["lastHandledRedeployAt"], "monday");
    world.annotate("presses", "redeploy-at", "monday");
    std::thread::sleep(std::time::Duration::from_secs(1));
    assert_eq!(world.count("CreateDeployment"), 2);
}

#[test]
fn reconcile_at_looks_now_and_finds_what_somebody_did() {
    let world = World::new("look");
    let group = world.group("Presses");
    world.apply(&Manifest::new("presses", &group));
    world.wait_ready("presses");
    let request = json!({"targetArn": group, "components": {}});
    world.emulator.create_deployment(ACCOUNT, REGION, &request).unwrap();
    world.annotate("presses", "reconcile-at", "now");
    let drifted = world.wait_for("presses", "False", "Drifted");
    assert_eq!(condition(&drifted, "Synced").unwrap()["reason"], "Drifted");
    assert_eq!(drifted["status"]["lastHandledReconcileAt"], "now");
    assert_eq!(world.count("CreateDeployment"), 1, "nothing of somebody else's is overwritten");

    world.annotate("presses", "redeploy-at", "mine");
    world.wait_ready("presses");
    assert_eq!(world.deployments().len(), 3);
}

#[test]
fn a_target_with_somebody_elses_deployment_is_left_alone() {
    let world = World::new("foreign");
    let group = world.group("Presses");
    let request = json!({"targetArn": group, "components": {}});
    let foreign = world.emulator.create_deployment(ACCOUNT, REGION, &request).unwrap();
    world.apply(&Manifest::new("presses", &group));
    let stalled = world.wait_for("presses", "False", "ForeignRevision");
    assert!(condition(&stalled, "Stalled").unwrap()["message"].as_str().unwrap().contains(&foreign));
    assert_eq!(world.count("CreateDeployment"), 0);
}

#[test]
fn a_suspended_resource_writes_nothing_and_goes_on_when_resumed() {
    let world = World::new("suspend");
    let group = world.group("Presses");
    let manifest = Manifest::new("presses", &group);
    world.apply(&manifest);
    world.wait_ready("presses");
    world.apply(&manifest.clone().version("1.0.1").with("suspend", json!(true)));
    let suspended = world.wait_for("presses", "False", "Suspended");
    assert_eq!(condition(&suspended, "Synced").unwrap()["reason"], "OutOfDate");
    assert_eq!(condition(&suspended, "Suspended").unwrap()["status"], "True");
    assert_eq!(world.count("CreateDeployment"), 1);
    world.apply(&manifest.clone().with("suspend", json!(true)));
    let nothing_to_do = world.wait_ready("presses");
    assert_eq!(condition(&nothing_to_do, "Suspended").unwrap()["status"], "True");
    world.apply(&manifest.version("1.0.1").with("suspend", json!(false)));
    let resumed = world.wait_ready("presses");
    assert_eq!(resumed["status"]["revisionId"], "2");
    assert!(condition(&resumed, "Suspended").is_none());
}

fn is_read(call: &str) -> bool {
    ["List", "Get", "Describe"].iter().any(|verb| call.starts_with(verb))
}

#[test]
fn tags_change_in_place_and_others_tags_stay() {
    let world = World::new("tags");
    let group = world.group("Presses");
    let manifest = Manifest::new("presses", &group);
    world.apply(&manifest.clone().with("tags", json!({"team": "a", "line": "1"})));
    world.wait_ready("presses");
    let calls = world.calls_of(|| {
        world.apply(&manifest.clone().with("tags", json!({"team": "b"})));
        world.wait("the tags to change", || {
            let tags = &world.deployments()[0].tags;
            tags.get("team").is_some_and(|team| team == "b") && !tags.contains_key("line")
        });
        world.wait_ready("presses");
    });
    let writes: Vec<&String> = calls.iter().filter(|call| !is_read(call)).collect();
    assert_eq!(writes, ["TagResource", "UntagResource"]);
    assert!(world.deployments()[0].tags.contains_key("greengrass-operator.dev/digest"));
}

#[test]
fn tags_that_aws_refuses_to_change_are_advised_of_and_leave_ready_alone() {
    let world = World::new("untaggable");
    let group = world.group("Presses");
    let manifest = Manifest::new("presses", &group);
    world.apply(&manifest);
    world.wait_ready("presses");
    let denied = world.emulator.faults().add(FaultRule::on(Operation::TagResource, FaultAction::AccessDenied).always());
    world.apply(&manifest.clone().with("tags", json!({"team": "a"})));
    let advised = world.wait_until("presses", "advised", |object| condition(object, "Advisory").is_some());
    assert_eq!(condition(&advised, "Advisory").unwrap()["reason"], "TagsNotApplied");
    assert_eq!(condition(&advised, "Ready").unwrap()["status"], "True");
    // What devices did is read all the same, and a change goes out.
    world.apply(&manifest.version("1.0.1").with("tags", json!({"team": "a"})));
    world.wait_until("presses", "changed", |object| object["status"]["revisionId"] == "2");
    assert!(world.emulator.faults().remove(denied));
    world.wait_until("presses", "without advice", |object| condition(object, "Advisory").is_none());
}

#[test]
fn events_tell_the_story_and_pages_show_the_operators_health() {
    let world = World::new("story");
    let group = world.group("Presses");
    world.apply(&Manifest::new("presses", &group));
    world.wait_ready("presses");
    world.wait("the events", || {
        let events = world.kubectl(&["get", "events", "--output=json"]).success().unwrap();
        events.contains("\"Deployed\"") && events.contains("\"Progressing\"")
    });
    assert_eq!(world.operator().page("/livez").unwrap().0, 200);
    assert_eq!(world.operator().page("/readyz").unwrap().0, 200);
    let (status, metrics) = world.operator().page("/metrics").unwrap();
    assert_eq!(status, 200);
    assert!(metrics.contains("greengrass_operator_"), "{metrics}");
}

#[test]
fn the_operator_ends_in_order_when_told_to() {
    let mut world = World::new("term");
    let group = world.group("Presses");
    world.apply(&Manifest::new("presses", &group));
    world.wait_ready("presses");
    world.stop_operator();
}
