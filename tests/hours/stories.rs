//! Stories of a resource's life that end the same whatever AWS does where nobody documents it.
//!
//! They hold to the promises, and leave out how many calls were made: one revision for each change that takes effect, what is
//! wanted in force at the end, and nothing of others touched.

use std::time::Duration;

use greengrass_emulator::{DelayAt, DeploymentRecord, DeploymentStatus, FaultAction, FaultRule, Operation, TokenReuse};
use serde_json::json;

use crate::world::{ACCOUNT, Manifest, REGION, VirtualWorld, condition};

/// Whatever a story waits for comes within so much of its world's time: the slowest walks a token that AWS knows already.
const PATIENCE: Duration = Duration::from_mins(15);

/// One story.
pub struct Story {
    /// What it is about; also the names of its resources and groups.
    pub name: &'static str,
    pub tell: fn(&mut VirtualWorld, &str),
}

/// All stories.
pub const STORIES: &[Story] = &[
    Story { name: "there-and-back", tell: there_and_back },
    Story { name: "redeployed", tell: redeployed },
    Story { name: "late-target", tell: late_target },
    Story { name: "thing", tell: thing },
    Story { name: "subdeployment", tell: subdeployment },
    Story { name: "overridden", tell: overridden },
    Story { name: "taken", tell: taken },
    Story { name: "removed", tell: removed },
    Story { name: "canceled", tell: canceled },
    Story { name: "retained", tell: retained },
    Story { name: "cancel-policy", tell: cancel_policy },
    Story { name: "delete-policy", tell: delete_policy },
    Story { name: "deleted-beneath", tell: deleted_beneath },
    Story { name: "lost-reply", tell: lost_reply },
    Story { name: "edited-in-flight", tell: edited_in_flight },
    Story { name: "late-request", tell: late_request },
    Story { name: "killed", tell: killed },
    Story { name: "forgetful", tell: forgetful },
    Story { name: "rivals", tell: rivals },
    Story { name: "suspended", tell: suspended },
    Story { name: "tagged", tell: tagged },
];

/// A target's deployments without parent, oldest first.
fn of(world: &VirtualWorld, target: &str) -> Vec<DeploymentRecord> {
    let mut all = world.deployments();
    all.retain(|deployment| deployment.target_arn == target && deployment.parent_target_arn.is_none());
    all
}

fn versions(deployments: &[DeploymentRecord]) -> Vec<String> {
    let version = |deployment: &DeploymentRecord| {
        deployment.components["com.example.HelloWorld"]["componentVersion"].as_str().unwrap_or("none").to_owned()
    };
    deployments.iter().map(version).collect()
}

/// The newest one is in force, and no other.
fn newest_is_in_force(deployments: &[DeploymentRecord]) {
    let live: Vec<_> = deployments.iter().map(|one| one.deployment_status == DeploymentStatus::Active).collect();
    let expected: Vec<_> = (1..=deployments.len()).map(|number| number == deployments.len()).collect();
    assert_eq!(live, expected, "{deployments:#?}");
}

fn ready(world: &VirtualWorld, name: &str) {
    world.wait_ready_within(name, PATIENCE);
}

/// A group and a resource for it that is ready.
fn begun(world: &VirtualWorld, name: &str) -> (String, Manifest) {
    let group = world.group(name);
    let manifest = Manifest::new(name, &group);
    world.apply(&manifest);
    ready(world, name);
    (group, manifest)
}

/// Somebody else's deployment is as it was made.
fn is_untouched(world: &VirtualWorld, foreign: &DeploymentRecord) {
    let now = world.emulator.deployment(&foreign.deployment_id);
    let now = now.map(|now| (now.deployment_status, now.tags));
    assert_eq!(now, Some((DeploymentStatus::Active, foreign.tags.clone())), "somebody else's deployment");
}

fn somebodys(world: &VirtualWorld, target: &str) -> DeploymentRecord {
    world.emulator.deployment(&world.deploy_as_somebody(target)).unwrap()
}

fn there_and_back(world: &mut VirtualWorld, name: &str) {
    let (group, manifest) = begun(world, name);
    for version in ["1.0.1", "1.0.0", "1.0.0"] {
        world.apply(&manifest.clone().version(version));
        ready(world, name);
        world.pass(Duration::from_secs(5));
    }
    assert_eq!(versions(&of(world, &group)), ["1.0.0", "1.0.1", "1.0.0"]);
    newest_is_in_force(&of(world, &group));
}

fn redeployed(world: &mut VirtualWorld, name: &str) {
    let (group, _) = begun(world, name);
    world.annotate(name, "redeploy-at", "monday");
    world.wait("the second revision", PATIENCE, || of(world, &group).len() == 2);
    ready(world, name);
    world.wait_until(name, "handled", PATIENCE, |object| object["status"]["lastHandledRedeployAt"] == "monday");
    assert_eq!(versions(&of(world, &group)), ["1.0.0", "1.0.0"]);
    newest_is_in_force(&of(world, &group));
}

fn late_target(world: &mut VirtualWorld, name: &str) {
    world.apply(&Manifest::new(name, &crate::world::World::group_arn(name)));
    world.pass(Duration::from_secs(40));
    assert!(condition(&world.object(name).unwrap(), "Ready").unwrap()["status"] != "True");
    let group = world.group(name);
    ready(world, name);
    assert_eq!(of(world, &group).len(), 1);
}

fn thing(world: &mut VirtualWorld, name: &str) {
    let thing = world.emulator.create_thing(ACCOUNT, REGION, name).unwrap();
    // Empty ones are accepted always, as AWS's own examples send them.
    let manifest = Manifest::new(name, &thing).with("iotJobConfiguration", json!({}));
    world.apply(&manifest);
    ready(world, name);
    world.apply(&manifest.version("1.0.1"));
    ready(world, name);
    assert_eq!(versions(&of(world, &thing)), ["1.0.0", "1.0.1"]);
}

fn subdeployment(world: &mut VirtualWorld, name: &str) {
    let canary_name = format!("{name}-canary");
    let (parent, canary) = (world.group(name), world.group(&canary_name));
    let manifest = Manifest::new(name, &parent);
    // At once, in the wrong order.
    world.apply(&Manifest::new(&canary_name, &canary).parent(&parent).version("2.0.0"));
    world.apply(&manifest);
    ready(world, name);
    ready(world, &canary_name);
    let subs = || {
        let mut all = world.deployments();
        all.retain(|deployment| deployment.parent_target_arn.as_ref() == Some(&parent));
        all
    };
    let before = subs().len();
    assert!((1..=2).contains(&before), "one, and one more where it came before its parent");
    world.apply(&manifest.version("1.0.1"));
    ready(world, name);
    world.wait("the canary to follow", PATIENCE, || subs().len() > before);
    ready(world, &canary_name);
    world.pass(Duration::from_mins(5));
    assert_eq!(subs().len(), before + 1, "{:#?}", subs());
    assert_eq!(versions(&subs()).last().unwrap(), "2.0.0");
    newest_is_in_force(&subs());
    assert_eq!(versions(&of(world, &parent)), ["1.0.0", "1.0.1"]);
    newest_is_in_force(&of(world, &parent));
}

fn overridden(world: &mut VirtualWorld, name: &str) {
    let (group, manifest) = begun(world, name);
    world.pass(Duration::from_mins(1));
    let foreign = somebodys(world, &group);
    world.annotate(name, "reconcile-at", "now");
    world.wait_for_within(name, "False", "Drifted", PATIENCE);
    // What is wanted is another now, which is no leave to take somebody's place.
    world.apply(&manifest.version("1.0.1"));
    world.pass(Duration::from_mins(6));
    is_untouched(world, &foreign);
    assert_eq!(of(world, &group).len(), 2);
    world.annotate(name, "redeploy-at", "mine");
    ready(world, name);
    assert_eq!(versions(&of(world, &group)), ["1.0.0", "none", "1.0.1"]);
    newest_is_in_force(&of(world, &group));
}

fn taken(world: &mut VirtualWorld, name: &str) {
    let group = world.group(name);
    let foreign = somebodys(world, &group);
    world.pass(Duration::from_mins(1));
    world.apply(&Manifest::new(name, &group));
    world.wait_for_within(name, "False", "ForeignRevision", PATIENCE);
    world.delete(name);
    world.wait_gone(name, PATIENCE);
    is_untouched(world, &foreign);
    assert_eq!(of(world, &group).len(), 1);
}

fn removed(world: &mut VirtualWorld, name: &str) {
    let (group, _) = begun(world, name);
    world.pass(Duration::from_mins(3));
    world.remove_as_somebody(&of(world, &group)[0].deployment_id);
    world.wait_for_within(name, "False", "Drifted", PATIENCE);
    assert_eq!(of(world, &group).len(), 0, "it is not made again unasked");
    world.annotate(name, "redeploy-at", "again");
    ready(world, name);
    assert_eq!(versions(&of(world, &group)), ["1.0.0"]);
    newest_is_in_force(&of(world, &group));
}

fn canceled(world: &mut VirtualWorld, name: &str) {
    let (group, manifest) = begun(world, name);
    world.pass(Duration::from_mins(1));
    world.cancel_as_somebody(&of(world, &group)[0].deployment_id);
    world.annotate(name, "reconcile-at", "now");
    world.wait_for_within(name, "False", "RolloutCanceled", PATIENCE);
    world.pass(Duration::from_mins(12));
    assert_eq!(of(world, &group).len(), 1, "an emergency stop is not undone");
    world.apply(&manifest.version("1.0.1"));
    ready(world, name);
    assert_eq!(versions(&of(world, &group)), ["1.0.0", "1.0.1"]);
    assert_eq!(of(world, &group)[1].deployment_status, DeploymentStatus::Active);
}

/// Two revisions under a policy, and the resource goes.
fn gone(world: &VirtualWorld, name: &str, policy: &str) -> String {
    let group = world.group(name);
    let manifest = Manifest::new(name, &group).with("deletionPolicy", json!(policy));
    for version in ["1.0.0", "1.0.1"] {
        world.apply(&manifest.clone().version(version));
        ready(world, name);
    }
    world.delete(name);
    world.wait_gone(name, PATIENCE);
    group
}

fn retained(world: &mut VirtualWorld, name: &str) {
    let group = gone(world, name, "Retain");
    newest_is_in_force(&of(world, &group));
    // It comes again and is the owner of what it made before.
    world.pass(Duration::from_mins(1));
    world.apply(&Manifest::new(name, &group).version("1.0.1"));
    ready(world, name);
    assert_eq!(versions(&of(world, &group)), ["1.0.0", "1.0.1"]);
}

fn cancel_policy(world: &mut VirtualWorld, name: &str) {
    let group = gone(world, name, "Cancel");
    assert_eq!(of(world, &group).len(), 2);
    assert_eq!(of(world, &group)[1].deployment_status, DeploymentStatus::Canceled);
}

fn delete_policy(world: &mut VirtualWorld, name: &str) {
    let group = gone(world, name, "Delete");
    assert_eq!(of(world, &group).len(), 0);
    // It comes again while AWS still knows the tokens of the first time.
    world.apply(&Manifest::new(name, &group).version("1.0.7"));
    if world.emulator.switches().token_reuse == TokenReuse::ValidationError {
        // Nothing tells this refusal from that of a wrong spec. It ends when AWS has forgotten the tokens.
        world.wait_for_within(name, "False", "InvalidSpec", PATIENCE);
        world.pass_in(Duration::from_hours(8), Duration::from_secs(10));
    }
    ready(world, name);
    assert_eq!(versions(&of(world, &group)), ["1.0.7"]);
    newest_is_in_force(&of(world, &group));
}

fn deleted_beneath(world: &mut VirtualWorld, name: &str) {
    let group = world.group(name);
    world.apply(&Manifest::new(name, &group).with("deletionPolicy", json!("Delete")));
    ready(world, name);
    world.pass(Duration::from_mins(1));
    let foreign = somebodys(world, &group);
    world.pass(Duration::from_mins(1));
    world.delete(name);
    world.wait_gone(name, PATIENCE);
    is_untouched(world, &foreign);
    assert_eq!(of(world, &group).len(), 1, "what was ours is gone");
}

fn lost_reply(world: &mut VirtualWorld, name: &str) {
    let group = world.group(name);
    let lost = |action| world.emulator.faults().add(FaultRule::on(Operation::CreateDeployment, action).target(&group));
    lost(FaultAction::ResetAfter);
    lost(FaultAction::ResetBefore);
    let manifest = Manifest::new(name, &group);
    world.apply(&manifest);
    ready(world, name);
    world.apply(&manifest.version("1.0.1"));
    ready(world, name);
    assert_eq!(versions(&of(world, &group)), ["1.0.0", "1.0.1"]);
    newest_is_in_force(&of(world, &group));
}

fn edited_in_flight(world: &mut VirtualWorld, name: &str) {
    let group = world.group(name);
    let fault = FaultRule::on(Operation::CreateDeployment, FaultAction::ResetAfter).target(&group);
    world.emulator.faults().add(fault);
    let manifest = Manifest::new(name, &group);
    world.apply(&manifest);
    world.wait("the first request", PATIENCE, || of(world, &group).len() == 1);
    world.apply(&manifest.version("1.0.1"));
    ready(world, name);
    assert_eq!(versions(&of(world, &group)), ["1.0.0", "1.0.1"], "the first one was made, and the edit is the second");
    newest_is_in_force(&of(world, &group));
}

fn late_request(world: &mut VirtualWorld, name: &str) {
    let group = world.group(name);
    // It is given up after half a minute and arrives after that.
    let late = FaultAction::Delay { milliseconds: 40_000, at: DelayAt::Arrival };
    world.emulator.faults().add(FaultRule::on(Operation::CreateDeployment, late).target(&group));
    let manifest = Manifest::new(name, &group);
    world.apply(&manifest);
    world.pass(Duration::from_secs(5));
    world.apply(&manifest.version("1.0.1"));
    ready(world, name);
    world.pass(Duration::from_mins(2));
    ready(world, name);
    assert_eq!(versions(&of(world, &group)), ["1.0.0", "1.0.1"], "what was on its way came first");
    newest_is_in_force(&of(world, &group));
}

fn killed(world: &mut VirtualWorld, name: &str) {
    let group = world.group(name);
    for (action, version) in [(FaultAction::HangBefore, "1.0.0"), (FaultAction::HangAfter, "1.0.1")] {
        let fault = FaultRule::on(Operation::CreateDeployment, action).target(&group);
        world.emulator.faults().add(fault);
        let before = world.emulator.calls_of("CreateDeployment").len();
        world.apply(&Manifest::new(name, &group).version(version));
        world.wait("the request", PATIENCE, || world.emulator.calls_of("CreateDeployment").len() > before);
        world.kill_operator();
        world.start_operator();
        ready(world, name);
    }
    assert_eq!(versions(&of(world, &group)), ["1.0.0", "1.0.1"]);
    newest_is_in_force(&of(world, &group));
}

fn forgetful(world: &mut VirtualWorld, name: &str) {
    let (group, manifest) = begun(world, name);
    // The reads that lag are over: who has lost his status sooner has lost what would tell him of his own deployment.
    world.pass(Duration::from_mins(2));
    world.clear_status(name);
    ready(world, name);
    assert_eq!(of(world, &group).len(), 1, "what was made is found again");
    world.apply(&manifest.version("1.0.1"));
    ready(world, name);
    assert_eq!(versions(&of(world, &group)), ["1.0.0", "1.0.1"]);
    newest_is_in_force(&of(world, &group));
}

fn rivals(world: &mut VirtualWorld, name: &str) {
    let (group, _) = begun(world, name);
    let second = format!("{name}-second");
    world.apply(&Manifest::new(&second, &group).version("2.0.0"));
    world.wait_for_within(&second, "False", "TargetConflict", PATIENCE);
    world.pass(Duration::from_mins(1));
    assert_eq!(versions(&of(world, &group)), ["1.0.0"]);
    newest_is_in_force(&of(world, &group));
}

fn suspended(world: &mut VirtualWorld, name: &str) {
    let (group, manifest) = begun(world, name);
    let manifest = manifest.version("1.0.1");
    world.apply(&manifest.clone().with("suspend", json!(true)));
    world.wait_for_within(name, "False", "Suspended", PATIENCE);
    world.pass(Duration::from_mins(6));
    assert_eq!(of(world, &group).len(), 1);
    world.apply(&manifest.with("suspend", json!(false)));
    ready(world, name);
    assert_eq!(versions(&of(world, &group)), ["1.0.0", "1.0.1"]);
    newest_is_in_force(&of(world, &group));
}

fn tagged(world: &mut VirtualWorld, name: &str) {
    let group = world.group(name);
    let manifest = Manifest::new(name, &group);
    world.apply(&manifest.clone().with("tags", json!({"team": "a", "line": "1"})));
    ready(world, name);
    world.apply(&manifest.with("tags", json!({"team": "b"})));
    world.wait("the tags to change", PATIENCE, || {
        let tags = &of(world, &group)[0].tags;
        tags.get("team").is_some_and(|team| team == "b") && !tags.contains_key("line")
    });
    ready(world, name);
    assert_eq!(of(world, &group).len(), 1, "tags make no revision");
}
