//! How often a failing resource calls AWS: quick at first, because most things pass, and seldom in the end.

use std::time::Duration;

use greengrass_emulator::{CallRecord, FaultAction, FaultRule, Operation};
use jiff::Timestamp;

use crate::world::{Manifest, VirtualWorld, condition};

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);

/// Who has to act.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Who {
    /// A person; the reason that `Stalled` has.
    Person(&'static str),
    Service,
}

fn error(status: u16, code: &str) -> FaultAction {
    FaultAction::Error { status, code: code.to_owned(), message: "as the test wants it".to_owned() }
}

/// A resource of which one call fails in one way, always.
struct Failing {
    name: String,
    operation: Operation,
    action: FaultAction,
    group: String,
    manifest: Manifest,
    who: Who,
    fault: u64,
}

impl Failing {
    fn new(world: &VirtualWorld, name: &str, operation: Operation, action: FaultAction, who: Who) -> Self {
        let group = world.group(name);
        let rule = FaultRule::on(operation, action.clone()).target(&group).always();
        let fault = world.emulator.faults().add(rule);
        let manifest = Manifest::new(name, &group);
        world.apply(&manifest);
        Self { name: name.to_owned(), operation, action, group, manifest, who, fault }
    }

    fn calls(&self, world: &VirtualWorld) -> Vec<CallRecord> {
        world.calls().into_iter().filter(|call| call.target_arn.as_deref() == Some(&*self.group)).collect()
    }

    fn attempts(&self, world: &VirtualWorld) -> usize {
        self.calls(world).iter().filter(|call| call.operation == self.operation.name()).count()
    }

    /// When the first call was made, which is when the first failure was seen.
    fn begun(&self, world: &VirtualWorld) -> Timestamp {
        self.calls(world)[0].time
    }

    /// In its first minute it is tried again soon, and makes no more than eight calls. Every attempt looks first, whether an
    /// earlier one has come through after all, and the very first looks for subdeployments too.
    fn began_quickly(&self, world: &VirtualWorld) {
        let (name, until) = (&self.name, self.begun(world) + MINUTE);
        let calls: Vec<_> = self.calls(world).into_iter().filter(|call| call.time < until).collect();
        let attempts = calls.iter().filter(|call| call.operation == self.operation.name()).count();
        println!("{name}: {attempts} attempts and {} calls in the first minute", calls.len());
        let least = if self.action == FaultAction::HangBefore { 1 } else { 3 };
        assert!(attempts >= least && calls.len() <= 8, "{name}: {calls:#?}");
        assert!(calls.len() <= 2 * attempts + 1, "{name}: {calls:#?}");
    }

    /// What a person has to act on is a retry for two minutes, then it is stalled. What is the service's never is.
    fn says_who_must_act(&self, world: &VirtualWorld) {
        let (name, age) = (&self.name, world.now().duration_since(self.begun(world)).as_secs());
        let object = world.object(name).unwrap();
        let Some(ready) = condition(&object, "Ready") else {
            assert!(age < 12, "{name} says nothing after {age} s");
            return;
        };
        let ready = ready["reason"].as_str().unwrap();
        let stalled = condition(&object, "Stalled").is_some();
        match self.who {
            // The look at which it shows is that of the next attempt.
            Who::Person(reason) if age > 210 => assert_eq!((ready, stalled), (reason, true), "{name} after {age} s"),
            Who::Person(_) if age >= 120 => {}
            Who::Person(_) | Who::Service if age < 1 => {}
            // After three tries or two minutes; a try that is not answered takes half a minute.
            Who::Service if age < 150 => assert!(!stalled, "{name} after {age} s: {object:#}"),
            Who::Person(_) | Who::Service => {
                assert_eq!((ready, stalled), ("ProgressingWithRetry", false), "{name} after {age} s");
            }
        }
    }

    /// In hours two and three it has reached its last pace: neither quicker nor slower.
    fn is_at_its_last_pace(&self, world: &VirtualWorld) {
        let (name, begun) = (&self.name, self.begun(world));
        let mut calls = self.calls(world);
        calls.retain(|call| (begun + HOUR..begun + 3 * HOUR).contains(&call.time));
        let attempts = calls.iter().filter(|call| call.operation == self.operation.name()).count();
        println!("{name}: {attempts} attempts and {} calls in hours two and three", calls.len());
        let expected = match self.who {
            Who::Person(_) => 10..=15,
            Who::Service => 20..=30,
        };
        assert!(expected.contains(&attempts), "{name}: {calls:#?}");
        assert!(calls.len() <= 2 * attempts + 1, "{name}: {calls:#?}");
        let longest = calls.windows(2).map(|pair| pair[1].time.duration_since(pair[0].time).as_secs()).max();
        assert!(longest <= Some(725), "{name}: nothing for {longest:?} s");
    }

    /// Once its cause is gone, a word from a person is enough: no time has to pass. An attempt of which it is not known what
    /// became of it needs its minute first.
    fn heals_at_once(&self, world: &VirtualWorld, by_edit: bool) {
        assert!(world.emulator.faults().remove(self.fault));
        let before = self.attempts(world);
        if by_edit {
            world.apply(&self.manifest.clone().version("1.0.1"));
        } else {
            world.annotate(&self.name, "reconcile-at", "mended");
        }
        match self.who {
            // Its content is another now, which may only go out when the first can't arrive any more.
            Who::Service | Who::Person("QuotaExceeded") if by_edit => world.wait_ready_within(&self.name, 2 * MINUTE),
            // It may just be waiting for an answer that never comes, or the whole account for the end of a Retry-After.
            Who::Service if matches!(self.action, FaultAction::HangBefore | FaultAction::Throttle { .. }) => {
                world.wait_ready_within(&self.name, MINUTE)
            }
            Who::Person(_) | Who::Service => world.wait_ready(&self.name),
        };
        assert_eq!(self.attempts(world), before + 1, "{}", self.name);
    }
}

fn tell_the_story(prefix: &str, failures: Vec<(&str, Operation, FaultAction, Who)>) {
    let world = VirtualWorld::new(prefix);
    let failing: Vec<Failing> = failures
        .into_iter()
        .map(|(name, operation, action, who)| Failing::new(&world, name, operation, action, who))
        .collect();
    for _ in 0..75 {
        world.pass(Duration::from_secs(3));
        for one in &failing {
            one.says_who_must_act(&world);
        }
    }
    for one in &failing {
        one.began_quickly(&world);
    }
    world.pass(3 * HOUR);
    for (number, one) in failing.iter().enumerate() {
        one.says_who_must_act(&world);
        one.is_at_its_last_pace(&world);
        one.heals_at_once(&world, number % 2 == 0);
    }
    assert_eq!(world.deployments().len(), failing.len(), "one deployment each");
}

const CREATE: Operation = Operation::CreateDeployment;
const LIST: Operation = Operation::ListDeployments;

#[test]
fn what_a_person_has_to_mend_is_tried_quickly_for_two_minutes_and_in_the_end_once_in_ten() {
    tell_the_story(
        "person",
        vec![
            ("denied-edit", CREATE, FaultAction::AccessDenied, Who::Person("AccessDenied")),
            ("denied", CREATE, FaultAction::AccessDenied, Who::Person("AccessDenied")),
            ("expired-edit", CREATE, FaultAction::ExpiredCredentials, Who::Person("AccessDenied")),
            ("invalid", CREATE, error(400, "ValidationException"), Who::Person("InvalidSpec")),
            ("invalid-edit", CREATE, error(400, "ValidationException"), Who::Person("InvalidSpec")),
            ("missing", CREATE, error(404, "ResourceNotFoundException"), Who::Person("TargetNotFound")),
            ("quota-edit", CREATE, error(402, "ServiceQuotaExceededException"), Who::Person("QuotaExceeded")),
            ("list-denied", LIST, FaultAction::AccessDenied, Who::Person("AccessDenied")),
            ("list-denied-edit", LIST, FaultAction::AccessDenied, Who::Person("AccessDenied")),
        ],
    );
}

#[test]
fn what_the_service_has_to_mend_is_tried_quickly_at_first_and_in_the_end_once_in_five_minutes() {
    tell_the_story(
        "service",
        vec![
            ("internal-edit", CREATE, error(500, "InternalServerException"), Who::Service),
            ("conflict", CREATE, error(409, "ConflictException"), Who::Service),
            ("conflict-edit", CREATE, error(409, "ConflictException"), Who::Service),
            ("in-progress", CREATE, error(400, "RequestAlreadyInProgressException"), Who::Service),
            ("reset-edit", CREATE, FaultAction::ResetBefore, Who::Service),
            ("hangs", CREATE, FaultAction::HangBefore, Who::Service),
            ("unknown-edit", CREATE, error(418, "TeapotException"), Who::Service),
            ("list-internal", LIST, error(500, "InternalServerException"), Who::Service),
            ("list-hangs-edit", LIST, FaultAction::HangBefore, Who::Service),
        ],
    );
}

// Worlds of their own: who is throttled holds up everybody of the account.
#[test]
fn who_is_throttled_slows_down_by_himself() {
    let throttle = FaultAction::Throttle { retry_after_seconds: None };
    tell_the_story("throttled", vec![("throttled", CREATE, throttle, Who::Service)]);
}

#[test]
fn who_is_told_when_to_come_again_never_comes_earlier() {
    let world = VirtualWorld::new("told");
    let throttle = FaultAction::Throttle { retry_after_seconds: Some(20) };
    let one = Failing::new(&world, "told", CREATE, throttle, Who::Service);
    world.pass(3 * HOUR + MINUTE);
    let sent = world.emulator.calls_of("CreateDeployment");
    let first_minute = sent.iter().filter(|call| call.time < one.begun(&world) + MINUTE).count();
    assert!((2..=3).contains(&first_minute), "{first_minute}");
    let waits: Vec<_> = sent.windows(2).map(|pair| pair[1].time.duration_since(pair[0].time).as_secs()).collect();
    assert!(waits.iter().all(|wait| *wait >= 20), "{waits:?}");
    one.is_at_its_last_pace(&world);
    one.heals_at_once(&world, false);
}
