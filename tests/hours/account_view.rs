//! Resources at rest are compared with AWS by one walk over their account and region, whatever their number.

use std::collections::BTreeMap;
use std::time::Duration;

use greengrass_emulator::{CallRecord, FaultAction, FaultRule, Operation, Switches};
use jiff::Timestamp;
use serde_json::Value;

use crate::world::{ACCOUNT, Manifest, REGION, VirtualWorld, condition};

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);
/// An interval and its tenth, and what a turn takes.
const WITHIN: Duration = Duration::from_secs(335);
const STEP: Duration = Duration::from_secs(5);
/// Devices of a group that has none are counted for so long.
const SETTLED: Duration = Duration::from_mins(8);

/// So many resources, each with a group without devices, at rest.
fn resting(prefix: &str, number: usize) -> (VirtualWorld, Vec<String>) {
    let world = VirtualWorld::new(prefix);
    let groups: Vec<String> = (0..number).map(|number| world.group(&format!("Line{number}"))).collect();
    for (number, group) in groups.iter().enumerate() {
        world.apply(&Manifest::new(&name(number), group));
    }
    // Six jobs are read a second, and at first each is to be read every ten.
    world.pass_in(SETTLED + Duration::from_secs(2) * u32::try_from(number).unwrap(), STEP);
    world.wait_ready(&name(number - 1));
    (world, groups)
}

fn name(number: usize) -> String {
    format!("line{number}")
}

fn is_list(call: &CallRecord) -> bool {
    call.operation == "ListDeployments"
}

/// A page over all targets.
fn is_of_walk(call: &CallRecord) -> bool {
    is_list(call) && call.target_arn.is_none() && call.request.get("parentTargetArn").is_none()
}

/// What a time has brought, other than reading of devices.
fn calls_of(world: &VirtualWorld, act: impl FnOnce()) -> Vec<CallRecord> {
    let before = world.calls().len();
    act();
    let calls = world.calls().split_off(before);
    calls.into_iter().filter(|call| call.operation != "DescribeJob").collect()
}

fn objects(world: &VirtualWorld, number: usize) -> Vec<Value> {
    (0..number).map(|number| world.object(&name(number)).unwrap()).collect()
}

/// Versions and all are as they were.
fn nothing_was_written(world: &VirtualWorld, before: &[Value]) {
    for (number, before) in before.iter().enumerate() {
        assert_eq!(world.object(&name(number)).unwrap(), *before, "nothing was written");
    }
}

/// Pages of each walk: those that follow each other within a minute.
fn pages(calls: &[CallRecord]) -> Vec<usize> {
    let mut walks: Vec<(Timestamp, usize)> = Vec::new();
    for call in calls.iter().filter(|call| is_of_walk(call)) {
        match walks.last_mut() {
            Some((at, pages)) if call.time.duration_since(*at).as_secs() < 60 => *pages += 1,
            Some(_) | None => walks.push((call.time, 1)),
        }
    }
    walks.into_iter().map(|(_, pages)| pages).collect()
}

#[test]
fn at_rest_250_resources_cost_three_calls_an_interval_and_no_write_for_hours() {
    const RESOURCES: usize = 250;
    let (world, _) = resting("rest250", RESOURCES);
    let before = objects(&world, RESOURCES);
    let calls = calls_of(&world, || world.pass_in(3 * HOUR, STEP));
    let pages = pages(&calls);
    println!("{} walks in three hours, {} calls besides DescribeJob", pages.len(), calls.len());
    assert!(calls.iter().all(is_of_walk), "{:#?}", calls.iter().find(|call| !is_of_walk(call)));
    assert!(pages.iter().all(|pages| *pages == 3), "{pages:?}");
    assert!((33..=40).contains(&pages.len()), "one in five minutes: {pages:?}");
    // N/100 + 1 an interval.
    assert!(calls.len() * 100 <= 36 * (RESOURCES + 100), "{}", calls.len());
    nothing_was_written(&world, &before);
}

#[test]
fn what_somebody_does_in_aws_is_noticed_within_an_interval_and_its_tenth() {
    let (world, groups) = resting("byhand", 12);
    let id =
        |number: usize| world.object(&name(number)).unwrap()["status"]["deploymentId"].as_str().unwrap().to_owned();
    world.deploy_as_somebody(&groups[1]);
    world.cancel_as_somebody(&id(2));
    world.remove_as_somebody(&id(3));
    let looks = calls_of(&world, || {
        world.wait_for_within(&name(1), "False", "Drifted", WITHIN);
    });
    world.wait_for(&name(2), "False", "RolloutCanceled");
    // Gone is what two looks a minute apart do not show.
    world.wait_for_within(&name(3), "False", "Drifted", 2 * MINUTE);
    let looks: Vec<_> = looks.iter().filter(|call| is_list(call) && !is_of_walk(call)).collect();
    assert!(looks.len() <= 3, "only those that changed look: {looks:#?}");

    // What was said is not said, and not looked at, again.
    let before = objects(&world, 12);
    let calls = calls_of(&world, || world.pass_in(HOUR, STEP));
    assert!(calls.iter().all(is_of_walk), "{calls:#?}");
    nothing_was_written(&world, &before);

    // Somebody else's goes, and what was ours shows again.
    let foreign = world.deployments().into_iter().rfind(|one| one.target_arn == groups[1]).unwrap();
    world.remove_as_somebody(&foreign.deployment_id);
    world.wait("the end of it to be noticed", WITHIN, || {
        let object = world.object(&name(1)).unwrap();
        !condition(&object, "Ready").unwrap()["message"].as_str().unwrap().contains(&foreign.deployment_id)
    });
}

#[test]
fn a_walk_that_is_throttled_goes_on_where_it_was_with_smaller_pages() {
    let (world, groups) = resting("throttledwalk", 230);
    // Of the next walk the third page.
    let throttle = FaultAction::Throttle { retry_after_seconds: Some(20) };
    let rule = FaultRule::on(Operation::ListDeployments, throttle).skip(1).containing("nextToken");
    world.emulator.faults().add(rule);
    // The oldest deployment is on the last page.
    world.cancel_as_somebody(&world.deployments()[0].deployment_id);
    let oldest = world.deployments()[0].target_arn.clone();
    let number = groups.iter().position(|group| *group == oldest).unwrap();
    let calls = calls_of(&world, || {
        world.wait("the walk's last page", WITHIN + MINUTE, || {
            world.calls().iter().any(|call| is_of_walk(call) && call.request["maxResults"] == 50)
        });
    });
    world.wait_for(&name(number), "False", "RolloutCanceled");
    let walk: Vec<_> = calls.iter().filter(|call| is_of_walk(call)).collect();
    let sizes: Vec<_> = walk.iter().map(|call| call.request["maxResults"].as_u64().unwrap()).collect();
    let begins = walk.iter().filter(|call| call.request.get("nextToken").is_none_or(Value::is_null)).count();
    assert_eq!((sizes, begins), (vec![100, 100, 100, 50], 1), "{walk:#?}");
    assert_eq!(walk[2].request["nextToken"], walk[3].request["nextToken"]);
    let waited = walk[3].time.duration_since(walk[2].time).as_secs();
    assert!((20..=30).contains(&waited), "{waited}");
    // The next walk still has smaller pages, the one after it does not.
    let calls = calls_of(&world, || world.pass_in(12 * MINUTE, STEP));
    assert_eq!(pages(&calls)[..2], [5, 3], "{calls:#?}");
}

#[test]
fn a_token_that_aws_has_forgotten_begins_the_walk_anew() {
    let (world, _) = resting("token", 120);
    let forgotten =
        FaultAction::Error { status: 400, code: "ValidationException".into(), message: "nextToken: unknown".into() };
    let rule = FaultRule::on(Operation::ListDeployments, forgotten).containing("nextToken");
    world.emulator.faults().add(rule);
    let calls = calls_of(&world, || world.pass_in(WITHIN, STEP));
    assert_eq!(pages(&calls)[0], 4, "two, and two again: {calls:#?}");
    assert!(calls.iter().all(is_of_walk), "nobody is looked at for it");
}

#[test]
fn where_lists_are_denied_every_resource_says_so_and_is_well_again_when_they_are_not() {
    const RESOURCES: usize = 10;
    let (world, _) = resting("deniedwalk", RESOURCES);
    let denied =
        world.emulator.faults().add(FaultRule::on(Operation::ListDeployments, FaultAction::AccessDenied).always());
    // The next walk, its two minutes, an interval over which looks are spread, and their own two minutes.
    world.pass_in(16 * MINUTE, STEP);
    for number in 0..RESOURCES {
        world.wait_for(&name(number), "False", "AccessDenied");
    }
    assert!(world.emulator.faults().remove(denied));
    world.pass_in(13 * MINUTE, STEP);
    for number in 0..RESOURCES {
        world.wait_ready(&name(number));
    }
    world.pass_in(11 * MINUTE, STEP);
    let calls = calls_of(&world, || world.pass_in(HOUR, STEP));
    assert!(calls.iter().all(is_of_walk), "and walks look after them again: {calls:#?}");
}

#[test]
fn while_aws_can_not_list_nothing_is_said_for_an_hour_and_then_that_it_is_not_verified() {
    const RESOURCES: usize = 10;
    let (world, _) = resting("unlisted", RESOURCES);
    let before = objects(&world, RESOURCES);
    let error = FaultAction::Error { status: 500, code: "InternalServerException".into(), message: "down".into() };
    let fault = world.emulator.faults().add(FaultRule::on(Operation::ListDeployments, error).always());
    let calls = calls_of(&world, || world.pass_in(50 * MINUTE, STEP));
    assert!(calls.len() <= 16, "only the walk tries: {}", calls.len());
    nothing_was_written(&world, &before);
    world.pass_in(26 * MINUTE, STEP);
    for number in 0..RESOURCES {
        world.wait_for(&name(number), "Unknown", "Unverified");
    }
    assert!(world.emulator.faults().remove(fault));
    world.pass_in(7 * MINUTE, STEP);
    for number in 0..RESOURCES {
        world.wait_ready(&name(number));
    }
}

#[test]
fn a_restart_with_many_resources_that_are_done_is_no_storm() {
    const RESOURCES: usize = 130;
    let (mut world, groups) = resting("nostorm", RESOURCES);
    // Two are not done.
    for number in [3, 77] {
        world.deploy_as_somebody(&groups[number]);
        world.annotate(&name(number), "reconcile-at", "1");
        world.wait_for(&name(number), "False", "Drifted");
    }
    // One changes while nobody is there.
    world.kill_operator();
    world.deploy_as_somebody(&groups[9]);
    let before = world.calls().len();
    world.start_operator();
    world.wait_for_within(&name(9), "False", "Drifted", MINUTE);
    world.pass_in(4 * MINUTE, STEP);
    let calls: Vec<_> = world.calls().split_off(before);
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for call in &calls {
        *counts.entry(&call.operation).or_default() += 1;
    }
    println!("after a restart with {RESOURCES} resources: {counts:?}");
    let lists = calls.iter().filter(|call| is_list(call)).count();
    let of_others = calls.iter().filter(|call| is_list(call) && !is_of_walk(call)).count();
    assert_eq!(of_others, 3, "two that are not done, and the one that has changed");
    assert!((lists - of_others) * 100 <= RESOURCES + 100, "{lists} lists");
}

#[test]
fn a_change_does_not_wait_for_the_walk_that_is_under_way() {
    let (world, _) = resting("underway", 110);
    let rule = FaultRule::on(Operation::ListDeployments, FaultAction::HangBefore).containing("nextToken");
    world.emulator.faults().add(rule);
    let hangs = || world.calls().iter().any(|call| is_of_walk(call) && call.fault.is_some());
    world.wait("a page to hang", WITHIN, hangs);
    let thing = format!("arn:aws:iot:{REGION}:{ACCOUNT}:thing/press");
    world.emulator.create_thing(ACCOUNT, REGION, "press").unwrap();
    world.apply(&Manifest::new("press", &thing));
    world.wait_ready("press");
}

#[test]
fn subdeployments_that_the_list_hides_cost_one_call_for_each_parent() {
    const SUBDEPLOYMENTS: usize = 4;
    for hides in [true, false] {
        let position = if hides { "plainList=hidesSubdeployments" } else { "plainList=showsSubdeployments" };
        let switches = Switches::default().with_flag(position).unwrap();
        let world = VirtualWorld::with_switches(if hides { "hidden" } else { "shown" }, switches);
        let parent = world.group("Presses");
        world.apply(&Manifest::new("presses", &parent));
        world.wait_ready("presses");
        let canaries: Vec<_> = (0..SUBDEPLOYMENTS).map(|number| world.group(&format!("Canary{number}"))).collect();
        for (number, canary) in canaries.iter().enumerate() {
            world.apply(&Manifest::new(&name(number), canary).parent(&parent).version("2.0.0"));
        }
        world.pass_in(SETTLED, STEP);
        let calls = calls_of(&world, || world.pass_in(HOUR, STEP));
        assert!(calls.iter().all(|call| is_list(call) && call.target_arn.is_none()), "{calls:#?}");
        let of_parents = calls.iter().filter(|call| !is_of_walk(call)).count();
        assert_eq!(of_parents, if hides { pages(&calls).len() } else { 0 }, "{calls:#?}");
        let sub = world.deployments().into_iter().find(|one| one.target_arn == canaries[2]).unwrap();
        world.cancel_as_somebody(&sub.deployment_id);
        world.wait_for_within(&name(2), "False", "RolloutCanceled", WITHIN);
    }
}

#[test]
fn few_resources_among_many_deployments_of_others_look_themselves() {
    let world = VirtualWorld::new("few");
    for number in 0..350 {
        world.deploy_as_somebody(&world.group(&format!("Other{number}")));
    }
    let group = world.group("Presses");
    world.apply(&Manifest::new("presses", &group));
    world.pass_in(SETTLED, STEP);
    // Two hundred more, so that ours is on no first page.
    for number in 350..550 {
        world.deploy_as_somebody(&world.group(&format!("Other{number}")));
    }
    let calls = calls_of(&world, || world.pass_in(3 * HOUR, STEP));
    println!("one resource among 550 deployments of others: {} calls in three hours", calls.len());
    assert!((33..=44).contains(&calls.len()), "{}", calls.len());
    world.cancel_as_somebody(
        &world.deployments().into_iter().find(|one| one.target_arn == group).unwrap().deployment_id,
    );
    world.wait_for_within("presses", "False", "RolloutCanceled", 2 * WITHIN);
}

#[test]
fn a_region_that_is_denied_holds_up_no_other() {
    const OTHER: &str = "us-east-1";
    let world = VirtualWorld::new("tworegions");
    let here = world.group("Presses");
    let there = world.emulator.create_thing_group(ACCOUNT, OTHER, "Presses").unwrap();
    world.apply(&Manifest::new("here", &here));
    world.apply(&Manifest::new("there", &there));
    world.pass_in(SETTLED, STEP);
    let mut rule = FaultRule::on(Operation::ListDeployments, FaultAction::AccessDenied).always();
    rule.matching.region = Some(OTHER.into());
    let denied = world.emulator.faults().add(rule);
    world.pass_in(16 * MINUTE, STEP);
    world.wait_for("there", "False", "AccessDenied");
    world.wait_ready("here");
    world.deploy_as_somebody(&here);
    world.wait_for_within("here", "False", "Drifted", WITHIN);
    assert!(world.emulator.faults().remove(denied));
    world.wait_ready_within("there", 13 * MINUTE);
}
