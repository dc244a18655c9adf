//! Many resources and few calls: AWS throttles, a namespace has hundreds of changes, everything is deleted at once.

use std::time::Duration;

use greengrass_emulator::{CallRecord, Quotas};
use jiff::Timestamp;
use serde_json::json;

use crate::world::{Manifest, VirtualWorld};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);
/// What waits for quota goes out up to so much late, because time is moved in such steps.
const STEP: Duration = Duration::from_millis(50);

/// Resources of one namespace, each with a group of its own, deployed.
struct Lines {
    manifests: Vec<Manifest>,
}

impl Lines {
    fn deployed(world: &VirtualWorld, count: usize) -> Self {
        Self::deployed_with(world, count, |manifest| manifest)
    }

    fn deployed_with(world: &VirtualWorld, count: usize, spec: impl Fn(Manifest) -> Manifest) -> Self {
        let manifest = |number| spec(Manifest::new(&format!("line{number}"), &world.group(&format!("Line{number}"))));
        let lines = Self { manifests: (0..count).map(manifest).collect() };
        lines.manifests.iter().for_each(|manifest| world.apply(manifest));
        wait_created(world, count, 30 * MINUTE);
        world.pass(MINUTE);
        lines
    }

    fn change(&self, world: &VirtualWorld) {
        self.manifests.iter().for_each(|manifest| world.apply(&manifest.clone().version("1.0.1")));
    }

    /// Every one of them is in order, and the oracle has nothing to say against it.
    fn are_ready(&self, world: &VirtualWorld) {
        for number in 0..self.manifests.len() {
            world.wait_ready_within(&format!("line{number}"), MINUTE);
        }
    }
}

/// Lets time pass until so many deployments were made in all.
fn wait_created(world: &VirtualWorld, count: usize, within: Duration) {
    let created = || succeeded(&world.emulator.calls_of("CreateDeployment"));
    world.wait("all deployments to be made", within, || created() >= count);
}

fn succeeded(calls: &[CallRecord]) -> usize {
    calls.iter().filter(|call| call.error_code.is_none()).count()
}

fn throttled(calls: &[CallRecord]) -> usize {
    calls.iter().filter(|call| call.error_code.as_deref() == Some("ThrottlingException")).count()
}

/// The jobs API has a quota of its own.
fn is_of_greengrass(call: &CallRecord) -> bool {
    call.operation.contains("Deployment") || call.operation.contains("Resource")
}

fn since(world: &VirtualWorld, begin: Timestamp) -> Vec<CallRecord> {
    world.calls().into_iter().filter(|call| call.time >= begin).collect()
}

fn seconds(begin: Timestamp, end: Timestamp) -> f64 {
    end.duration_since(begin).as_secs_f64()
}

#[test]
fn throttled_to_one_call_a_second_it_wastes_few_calls_and_catches_up_within_an_interval() {
    const COUNT: usize = 200;
    let world = VirtualWorld::new("throttled");
    let lines = Lines::deployed(&world, COUNT);
    world.emulator.set_quotas(Quotas::default().with_flag("greengrass=1").unwrap());
    let begin = world.now();
    lines.change(&world);
    world.pass_in(5 * MINUTE, 2 * STEP);
    let mut calls = since(&world, begin);
    calls.retain(is_of_greengrass);
    let (all, wasted) = (calls.len(), throttled(&calls));
    let creates: Vec<_> = calls.into_iter().filter(|call| call.operation == "CreateDeployment").collect();
    let changed = succeeded(&creates);
    println!("{all} calls in five minutes, {wasted} refused; {changed} of {COUNT} changes made");
    assert!(wasted * 10 <= all, "{wasted} of {all}");
    assert!(all >= 200, "the quota is used: {all}");
    // Of 300 calls: two lists, a create and a reading for each, and a share for looks at the others.
    assert!(changed >= 40, "{changed}");

    world.emulator.set_quotas(Quotas::default());
    let lifted = world.now();
    wait_created(&world, 2 * COUNT, 5 * MINUTE);
    println!("all changes made {:.0} s after the end", seconds(lifted, world.now()));
    let mut calls = since(&world, lifted);
    calls.retain(is_of_greengrass);
    assert!(throttled(&calls) * 100 <= calls.len(), "{} of {}", throttled(&calls), calls.len());
    world.pass(MINUTE);
    lines.are_ready(&world);
    assert_eq!(world.deployments().len(), 2 * COUNT, "one for each change");
}

#[test]
fn hundreds_of_changes_of_a_namespace_delay_anothers_single_one_by_less_than_a_second() {
    const COUNT: usize = 300;
    let world = VirtualWorld::with_neighbour("many");
    let group = world.group("Paint");
    world.apply_to_neighbour(&Manifest::new("paint", &group));
    let lines = Lines::deployed(&world, COUNT);
    let before = world.count("CreateDeployment");
    lines.change(&world);
    world.pass_in(5 * SECOND, STEP);
    let mut longest: f64 = 0.0;
    for round in 0..10 {
        let changed = world.now();
        world.apply_to_neighbour(&Manifest::new("paint", &group).version(&format!("2.0.{round}")));
        world.pass_in(4 * SECOND, STEP);
        let calls = since(&world, changed);
        let is_its = |call: &&CallRecord| {
            call.operation == "CreateDeployment" && call.target_arn.as_deref() == Some(group.as_str())
        };
        let created = calls.iter().find(is_its).unwrap_or_else(|| panic!("nothing within four seconds: {calls:#?}"));
        longest = longest.max(seconds(changed, created.time));
    }
    let others = world.count("CreateDeployment") - before - 10;
    println!("the single change went out after {longest:.2} s at most; {others} of {COUNT} others meanwhile");
    assert!(others < COUNT, "there were others all the while");
    assert!(others >= 150, "and they went on: {others}");
    // By the quota: a list, another for subdeployments, a create, at 20 a second; and a step of this test's clock for each.
    let quota = 3.0 * (0.05 + STEP.as_secs_f64());
    assert!(longest <= quota + 1.0, "{longest}");
    wait_created(&world, before + COUNT + 10, 10 * MINUTE);
    world.pass(MINUTE);
    lines.are_ready(&world);
}

#[test]
fn deleted_at_once_they_go_a_few_at_a_time_and_a_change_does_not_wait_for_them() {
    const COUNT: usize = 40;
    let world = VirtualWorld::new("deleted");
    Lines::deployed_with(&world, COUNT, |manifest| manifest.with("deletionPolicy", json!("Delete")));
    let other = Manifest::new("stays", &world.group("Stays"));
    let begin = world.now();
    (0..COUNT).for_each(|number| world.delete(&format!("line{number}")));
    world.pass_in(5 * SECOND, STEP);
    let changed = world.now();
    world.apply(&other);
    world.wait_ready_within("stays", 2 * SECOND);
    println!("a change was made {:.2} s after it", seconds(changed, world.now()));
    (0..COUNT).for_each(|number| world.wait_gone(&format!("line{number}"), 2 * MINUTE));
    let took = seconds(begin, world.now());
    let calls = since(&world, begin);
    let deletions = calls.iter().filter(|call| call.operation == "DeleteDeployment").count();
    println!("{COUNT} deleted in {took:.0} s with {} calls, {} of them refused", calls.len(), throttled(&calls));
    assert_eq!((deletions, throttled(&calls)), (COUNT, 0));
    assert!(took <= 45.0, "eight in six seconds: {took}");
    assert!(calls.len() <= 6 * COUNT, "{}", calls.len());
}

#[test]
fn where_deletions_take_long_few_are_refused_and_all_go() {
    const COUNT: usize = 40;
    let switches = greengrass_emulator::Switches { job_deletion_ms: 25_000, ..Default::default() };
    let world = VirtualWorld::with_switches("slow", switches);
    Lines::deployed_with(&world, COUNT, |manifest| manifest.with("deletionPolicy", json!("Delete")));
    let begin = world.now();
    (0..COUNT).for_each(|number| world.delete(&format!("line{number}")));
    (0..COUNT).for_each(|number| world.wait_gone(&format!("line{number}"), 15 * MINUTE));
    let calls = since(&world, begin);
    let took = seconds(begin, world.now());
    println!("{COUNT} deleted in {took:.0} s with {} calls, {} of them refused", calls.len(), throttled(&calls));
    // Each refusal halves what goes on at a time, and eight at a time never are refused.
    assert!(throttled(&calls) <= 6, "{}", throttled(&calls));
    assert!(took <= 420.0, "{took}");
}
