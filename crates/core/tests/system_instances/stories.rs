//! What must hold whatever befalls the operator: each change is made once, and everything ends where it should.

use greengrass_operator_core::system_instance::knowledge::DeploymentStatus;
use greengrass_operator_core::system_instance::memory::Operation;
use jiff::SignedDuration;

use super::operator::{Dangers, Simulation, desired};

/// Enough for three steps in a row whose fate is found out in a minute and a half each, and then some.
const LONG: SignedDuration = SignedDuration::from_mins(40);
/// Six seconds on one core for the six stories; 20,000 were run when the rules were written, and found six faults in them.
const RUNS: u64 = 1_500;

const EVERYTHING: Dangers = Dangers { crash: 12, lost: 4, late: 4, lag_seconds: 20, forget: 0 };

fn counted(simulation: &Simulation, operation: Operation) -> usize {
    simulation.service.done.iter().filter(|(done, _)| *done == operation).count()
}

/// A change under all dangers, and then time enough without them.
fn change(simulation: &mut Simulation, act: impl FnOnce(&mut Simulation)) {
    act(simulation);
    simulation.run(SignedDuration::from_mins(6));
    simulation.safe();
    simulation.run(LONG);
}

fn each(dangers: Dangers, story: impl Fn(u64, &mut Simulation)) {
    for seed in 0..RUNS {
        story(seed, &mut Simulation::new(seed, dangers));
    }
}

#[test]
fn it_is_created_once_and_deployed_once_whatever_befalls_the_operator() {
    each(EVERYTHING, |seed, simulation| {
        change(simulation, |_| ());
        let what = format!("seed {seed}: {:?}", simulation.service.done);
        assert_eq!(counted(simulation, Operation::Create), 1, "{what}");
        assert_eq!(counted(simulation, Operation::Deploy), 1, "{what}");
        assert_eq!(simulation.service.held().unwrap().status, DeploymentStatus::DeployedInTarget, "{what}");
        assert!(simulation.status.intent.is_none(), "{what}");
    });
}

#[test]
fn a_redeploy_request_deploys_once() {
    each(EVERYTHING, |seed, simulation| {
        change(simulation, |_| ());
        simulation.redeploy_at = Some("1".into());
        simulation.endanger(EVERYTHING);
        change(simulation, |_| ());
        assert_eq!(counted(simulation, Operation::Deploy), 2, "seed {seed}: {:?}", simulation.service.done);
        assert_eq!(simulation.status.last_handled_redeploy_at.as_deref(), Some("1"), "seed {seed}");
    });
}

#[test]
fn another_content_takes_the_place_of_the_first_once() {
    each(EVERYTHING, |seed, simulation| {
        change(simulation, |_| ());
        simulation.endanger(EVERYTHING);
        change(simulation, |simulation| simulation.wanted = desired("2", true));
        let what = format!("seed {seed}: {:?}", simulation.service.done);
        assert_eq!(counted(simulation, Operation::Create), 2, "{what}");
        assert_eq!(counted(simulation, Operation::Delete), 1, "{what}");
        assert_eq!(counted(simulation, Operation::Undeploy), 1, "{what}");
        assert_eq!(counted(simulation, Operation::Deploy), 2, "{what}");
        assert_eq!(simulation.status.applied_digest, Some(simulation.service.held().unwrap().digest.clone()), "{what}");
    });
}

#[test]
fn a_deletion_leaves_nothing_behind_whenever_it_comes() {
    each(EVERYTHING, |seed, simulation| {
        simulation.run(SignedDuration::from_secs(i64::try_from(seed % 180).unwrap()));
        change(simulation, |simulation| simulation.is_deleting = true);
        assert!(simulation.is_gone, "seed {seed}: {:?} {:?}", simulation.status, simulation.service.done);
        simulation.now += SignedDuration::from_mins(5);
        let now = simulation.now;
        simulation.service.at(now);
        assert!(simulation.service.held().is_none(), "seed {seed}: {:?}", simulation.service.done);
    });
}

#[test]
fn changes_of_mind_end_where_the_last_one_says() {
    each(EVERYTHING, |seed, simulation| {
        for number in 0..6_u64 {
            let mind = (seed >> number) % 3;
            simulation.wanted = desired(if mind == 2 { "2" } else { "1" }, mind != 0);
            simulation.run(SignedDuration::from_secs(i64::try_from(5 + (seed * 7 + number * 13) % 90).unwrap()));
        }
        change(simulation, |simulation| simulation.wanted = desired("3", true));
        let held = simulation.service.held().unwrap();
        let what = format!("seed {seed}: {:?} {:?}", simulation.status, simulation.service.done);
        assert_eq!(held.status, DeploymentStatus::DeployedInTarget, "{what}");
        assert_eq!(simulation.status.applied_digest.as_deref(), Some(held.digest.as_str()), "{what}");
        assert_eq!(simulation.status.settled, Some(true), "{what}");
    });
}

#[test]
fn a_status_that_is_lost_costs_no_second_creation() {
    each(Dangers { forget: 3, crash: 10, lag_seconds: 0, ..EVERYTHING }, |seed, simulation| {
        change(simulation, |_| ());
        let what = format!("seed {seed}: {:?}", simulation.service.done);
        assert_eq!(counted(simulation, Operation::Create), 1, "{what}");
        assert_eq!(simulation.service.held().unwrap().status, DeploymentStatus::DeployedInTarget, "{what}");
    });
}
