//! Walks that nobody thought of: steps of two replicas and everything that can happen between them, in any order. What must
//! hold is asserted after every step by the oracle; at the end the faults stop, and a fair schedule has to bring the spec live
//! or to say why not. Pure.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use greengrass_operator_core::api::DeletionPolicy;
use greengrass_operator_core::deployment::knowledge::{RowStatus, later};
use greengrass_operator_core::failure::FailureKind;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use rstest::rstest;

use crate::aws::{Fate, OtherParameters};
use crate::oracle::Oracle;
use crate::step::Stepped;
use crate::world::{LOOK_INTERVAL, World};

/// What happens next.
#[derive(Clone, Copy, Debug)]
enum Action {
    /// So many single steps of a replica, if it may act at all.
    Steps(usize, usize),
    /// The replica's cache catches up.
    Watch(usize),
    Crash(usize),
    FailOver,
    Fate(Fate),
    LateArrive,
    Lag(u64),
    FailRead(FailureKind),
    Edit(&'static str),
    Redeploy,
    LoseStatus,
    RestoreStatus(usize),
    Recreate,
    SomebodyDeploys,
    SomebodyDeletesNewest,
    SomebodyDeletesOldest,
    SomebodyCancels,
    Delete,
    Policy(DeletionPolicy),
    Suspend(bool),
    Wait(u64),
}

/// A change of the protocol deserves more of them by hand: 6,000 take two minutes.
const WALKS: u32 = 400;

const HOURS_8: u64 = 8 * 60 * 60;

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        Just(Fate::ReplyLost),
        Just(Fate::Late),
        Just(Fate::Lost),
        Just(Fate::Refused(FailureKind::AccessDenied)),
        Just(Fate::Refused(FailureKind::Throttled)),
        Just(Fate::Refused(FailureKind::Validation)),
        Just(Fate::Refused(FailureKind::InProgress)),
    ]
}

fn policy() -> impl Strategy<Value = DeletionPolicy> {
    prop_oneof![Just(DeletionPolicy::Retain), Just(DeletionPolicy::Cancel), Just(DeletionPolicy::Delete)]
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        12 => (0..2_usize, 1..12_usize).prop_map(|(replica, steps)| Action::Steps(replica, steps)),
        3 => (0..2_usize).prop_map(Action::Watch),
        1 => (0..2_usize).prop_map(Action::Crash),
        1 => Just(Action::FailOver),
        4 => fate().prop_map(Action::Fate),
        2 => Just(Action::LateArrive),
        1 => prop_oneof![Just(0_u64), Just(5), Just(15)].prop_map(Action::Lag),
        1 => prop_oneof![Just(FailureKind::Throttled), Just(FailureKind::AccessDenied)].prop_map(Action::FailRead),
        3 => prop_oneof![Just("A"), Just("B")].prop_map(Action::Edit),
        1 => Just(Action::Redeploy),
        1 => Just(Action::LoseStatus),
        1 => (0..4_usize).prop_map(Action::RestoreStatus),
        1 => Just(Action::Recreate),
        1 => Just(Action::SomebodyDeploys),
        1 => Just(Action::SomebodyDeletesNewest),
        1 => Just(Action::SomebodyDeletesOldest),
        1 => Just(Action::SomebodyCancels),
        1 => Just(Action::Delete),
        1 => policy().prop_map(Action::Policy),
        1 => any::<bool>().prop_map(Action::Suspend),
        5 => prop_oneof![4 => Just(1_u64), 4 => Just(15), 4 => Just(61), 2 => Just(300), 1 => Just(HOURS_8)].prop_map(Action::Wait),
    ]
}

impl World {
    fn act(&mut self, action: Action) {
        match action {
            Action::Steps(replica, steps) => self.steps(replica, steps),
            Action::Watch(replica) => self.watch(replica),
            Action::Crash(replica) => self.restart(replica),
            Action::FailOver => self.fail_over(),
            Action::Fate(fate) => self.aws.fates.push(fate),
            Action::LateArrive => self.late_arrive(),
            Action::Lag(seconds) => self.aws.lag = Duration::from_secs(seconds),
            Action::FailRead(kind) => self.aws.failing_reads.push(kind),
            Action::Edit(content) if content != self.object.content => self.edit(content),
            Action::Redeploy => self.redeploy(&format!("at-{}", self.oracle.redeploys)),
            Action::LoseStatus => self.lose_status(),
            Action::RestoreStatus(back) => self.restore_older_status(back),
            Action::Recreate => self.recreate(),
            Action::SomebodyDeploys => {
                self.somebody_deploys();
            }
            Action::SomebodyDeletesNewest => {
                let newest = self.aws.newest().map(|details| details.row.deployment_id.clone());
                if let Some(id) = newest {
                    self.somebody_deletes(&id);
                }
            }
            Action::SomebodyDeletesOldest => {
                let oldest = self.aws.details.first().map(|details| details.row.deployment_id.clone());
                if let Some(id) = oldest {
                    self.somebody_deletes(&id);
                }
            }
            Action::SomebodyCancels => {
                let live = self.aws.live().map(|details| details.row.deployment_id.clone());
                if let Some(id) = live {
                    self.set_status(&id, RowStatus::Canceled);
                }
            }
            Action::Delete if !self.object.deleting => self.delete(),
            Action::Policy(policy) => self.change(|object| object.policy = policy),
            Action::Suspend(suspend) => self.change(|object| object.suspend = suspend),
            Action::Wait(seconds) => self.wait(seconds),
            Action::Edit(_) | Action::Delete => {}
        }
    }

    fn steps(&mut self, replica: usize, steps: usize) {
        for _ in 0..steps {
            if !self.acts(replica) || self.step(replica) != Stepped::Again {
                return;
            }
        }
    }

    /// The faults stop and time passes: the spec comes live or the status says why not, and then nothing more is done.
    fn comes_to_rest(&mut self) {
        self.aws.fates.clear();
        self.aws.failing_reads.clear();
        self.zombie_until = self.now;
        self.object.suspend = false;
        self.object.version += 1;
        let mut quiet = 0;
        for _ in 0..400 {
            let (creates, writes) = (self.aws.creates, self.status_writes);
            let looked_at = self.replicas[self.leader].next_look_at;
            let until = self.turn(self.leader);
            let is_quiet = until.is_none() && (creates, writes) == (self.aws.creates, self.status_writes);
            quiet = if is_quiet { quiet + 1 } else { 0 };
            if quiet == 4 {
                break;
            }
            let sweep =
                self.replicas[self.leader].next_look_at.or(looked_at).unwrap_or_else(|| later(self.now, LOOK_INTERVAL));
            let next = until.map_or(sweep, |until| until.min(sweep));
            self.wait_until(next.max(later(self.now, Duration::from_secs(1))));
        }
        assert_eq!(
            Oracle::verdict(&self.object, &self.aws),
            None,
            "{:#?}\n{:#?}",
            self.object.status,
            self.knowledge()
        );
        assert_eq!(quiet, 4, "it never rests: {:#?}", self.object.status);
    }
}

fn walk(other: OtherParameters, actions: &[Action]) {
    let mut world = World::new("A");
    world.aws.other_parameters = other;
    for action in actions {
        world.act(*action);
    }
    world.comes_to_rest();
}

#[rstest]
fn whatever_happens_the_promises_hold(
    #[values(OtherParameters::Cached, OtherParameters::Refused, OtherParameters::CreateAnew)] other: OtherParameters,
) {
    let config = Config { cases: WALKS, failure_persistence: None, max_shrink_iters: 20_000, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let outcome = runner.run(&prop::collection::vec(action(), 0..40), |actions| {
        catch_unwind(AssertUnwindSafe(|| walk(other, &actions))).map_err(|panic| TestCaseError::fail(said(&*panic)))
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

fn said(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string))
        .unwrap_or_default()
}

/// At every step of the first change, every two of these things in a row.
#[rstest]
fn at_every_step_whatever_two_things_happen_the_promises_hold(
    #[values(OtherParameters::Cached, OtherParameters::Refused)] other: OtherParameters,
    #[values(Fate::Answered, Fate::Late)] fate: Fate,
) {
    let events = [
        Action::Steps(0, 1),
        Action::Crash(0),
        Action::FailOver,
        Action::LateArrive,
        Action::Edit("B"),
        Action::LoseStatus,
        Action::SomebodyDeploys,
        Action::SomebodyDeletesNewest,
        Action::Delete,
        Action::Wait(61),
    ];
    for steps in 0..8 {
        for (first, second) in events.iter().flat_map(|first| events.iter().map(move |second| (*first, *second))) {
            let start = [Action::Policy(DeletionPolicy::Delete), Action::Watch(0), Action::Fate(fate)];
            let then = [Action::Steps(0, steps), first, Action::Watch(0), Action::Steps(0, 2), second];
            let actions = [start.as_slice(), &then].concat();
            let outcome = catch_unwind(AssertUnwindSafe(|| walk(other, &actions)));
            if let Err(panic) = outcome {
                panic!("{actions:?}: {}", said(&*panic));
            }
        }
    }
}
