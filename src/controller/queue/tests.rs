//! What the queue promises: nothing lost, nothing twice at once, nobody starved, a back-off that holds.

#![allow(clippy::print_stdout, reason = "what was measured is shown with --nocapture")]

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::aws::{ApiFamily, CallRequest, Caller, Class, Connection, QuotaKeeper, Quotas, Scope, SingleReplica};
use crate::controller::driver::{DEFAULT_CONCURRENCY, LANE_CONCURRENCY};
use crate::controller::record::ResourceVersion;

fn name(number: usize) -> ObjectName {
    ObjectName { namespace: "press".into(), name: format!("o{number}").into() }
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

fn turn(state: &mut State, now: Instant) -> Option<Turn> {
    match state.pick(now) {
        Picked::Turn(turn) => Some(turn),
        Picked::Idle(_) => None,
    }
}

fn wake(class: Class, reason: Reason, due: Instant) -> Wake {
    Wake { class, reason, due, lane: None, version: None }
}

#[tokio::test(start_paused = true)]
async fn wake_ups_of_one_object_become_one_turn_of_the_strongest_class() {
    let queue = Queue::new(8);
    queue.wake(name(1), Wake::now(Class::Sweep, Reason::AccountView).after(seconds(60)));
    queue.wake(name(1), Wake::now(Class::Change, Reason::SpecChanged));
    let lease = queue.next().await;
    assert_eq!(lease.turn().class, Class::Change);
    let reasons: Vec<_> = lease.turn().reasons.iter().collect();
    assert_eq!(reasons, [Reason::SpecChanged, Reason::AccountView]);
    lease.done(Rest::until_woken());
    assert_eq!(queue.lock().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_wakes_an_object_during_its_turn_becomes_one_turn_after_it() {
    let queue = Queue::new(8);
    queue.wake(name(1), Wake::now(Class::Change, Reason::Listed));
    let lease = queue.next().await;
    queue.wake(name(1), Wake::now(Class::Change, Reason::SpecChanged));
    queue.wake(name(1), Wake::now(Class::Recovery, Reason::Status));
    assert!(tokio::time::timeout(seconds(5), queue.next()).await.is_err());
    lease.done(Rest::after(seconds(300), Class::Sweep));
    let lease = queue.next().await;
    assert_eq!(lease.turn().class, Class::Change);
    assert!(!lease.turn().reasons.contains(Reason::Timer));
    lease.done(Rest::until_woken());
    assert_eq!(queue.lock().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_echo_of_an_own_write_costs_no_turn_but_a_newer_version_does() {
    let queue = Queue::new(8);
    let echo = |version| Wake::now(Class::Recovery, Reason::Status).of_version(ResourceVersion(version));
    queue.wake(name(1), Wake::now(Class::Change, Reason::Listed));
    let lease = queue.next().await;
    queue.wake(name(1), echo(7));
    queue.wake(name(1), echo(8));
    lease.done(Rest::until_woken().having_seen(ResourceVersion(8)));
    assert_eq!(queue.lock().len(), 0);

    queue.wake(name(1), Wake::now(Class::Change, Reason::Listed));
    let lease = queue.next().await;
    queue.wake(name(1), echo(9));
    lease.done(Rest::until_woken().having_seen(ResourceVersion(8)));
    assert!(queue.next().await.turn().reasons.contains(Reason::Status));
}

#[tokio::test(start_paused = true)]
async fn the_echo_of_an_own_write_is_no_reason_of_a_turn_that_something_else_calls_for() {
    let queue = Queue::new(8);
    let reference = Wake::now(Class::Recovery, Reason::Reference);
    let echo = Wake::now(Class::Recovery, Reason::Status).of_version(ResourceVersion(8));
    for (first, then) in [(reference.clone(), echo.clone()), (echo, reference)] {
        queue.wake(name(1), Wake::now(Class::Change, Reason::Listed));
        let lease = queue.next().await;
        queue.wake(name(1), first);
        queue.wake(name(1), then);
        lease.done(Rest::until_woken().having_seen(ResourceVersion(8)));
        let lease = queue.next().await;
        assert_eq!(lease.turn().reasons, Reason::Reference.into());
        lease.done(Rest::until_woken());
    }
}

#[tokio::test(start_paused = true)]
async fn a_back_off_is_cut_short_only_by_what_can_have_removed_its_cause() {
    let queue = Queue::new(8);
    let begin = Instant::now();
    queue.wake(name(1), Wake::now(Class::Change, Reason::Listed));
    queue.next().await.done(Rest::back_off(seconds(60), Class::Change));
    for reason in Reason::ALL.into_iter().filter(|reason| !reason.overrides_back_off()) {
        queue.wake(name(1), Wake::now(Class::Change, reason));
    }
    let lease = queue.next().await;
    assert_eq!(begin.elapsed(), seconds(60));
    assert_eq!((lease.turn().failures, lease.turn().failing_since), (1, Some(begin)));
    lease.done(Rest::back_off(seconds(600), Class::Change));

    queue.wake(name(1), Wake::now(Class::Change, Reason::SpecChanged));
    let lease = queue.next().await;
    assert_eq!(begin.elapsed(), seconds(60));
    assert_eq!((lease.turn().failures, lease.turn().failing_since), (0, None));
}

#[tokio::test(start_paused = true)]
async fn a_back_off_that_ends_a_turn_holds_what_came_in_during_it() {
    let queue = Queue::new(8);
    let begin = Instant::now();
    queue.wake(name(1), Wake::now(Class::Change, Reason::Listed));
    let lease = queue.next().await;
    queue.wake(name(1), Wake::now(Class::Sweep, Reason::AccountView));
    lease.done(Rest::back_off(seconds(10), Class::Change));
    let lease = queue.next().await;
    assert_eq!(begin.elapsed(), seconds(10));
    lease.done(Rest::until_woken());
}

#[tokio::test(start_paused = true)]
async fn without_a_wake_up_the_next_turn_is_when_the_last_one_said() {
    let queue = Queue::new(8);
    let begin = Instant::now();
    queue.wake(name(1), Wake::now(Class::Change, Reason::Listed));
    queue.next().await.done(Rest::at(begin + seconds(90), Class::Rollout));
    let lease = queue.next().await;
    assert_eq!(begin.elapsed(), seconds(90));
    assert_eq!((lease.turn().class, lease.turn().reasons), (Class::Rollout, Reason::Timer.into()));
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_breaks_off_comes_again_with_its_reasons() {
    let queue = Queue::new(8);
    let begin = Instant::now();
    queue.wake(name(1), Wake::now(Class::Change, Reason::SpecChanged));
    drop(queue.next().await);
    let lease = queue.next().await;
    assert_eq!(begin.elapsed(), BROKEN_RETRY);
    assert!(lease.turn().reasons.contains(Reason::SpecChanged));
    assert!(lease.turn().reasons.contains(Reason::Broken));
}

#[test]
fn a_lane_that_is_full_does_not_hold_up_another() {
    let now = Instant::now();
    let mut state = State::new(2);
    for number in 0..5 {
        state.wake(name(number), wake(Class::Change, Reason::Listed, now).in_lane(Lane::named("hangs")));
    }
    state.wake(name(9), wake(Class::Sweep, Reason::Listed, now).in_lane(Lane::named("works")));
    assert_eq!(turn(&mut state, now).unwrap().name, name(0));
    assert_eq!(turn(&mut state, now).unwrap().name, name(1));
    assert_eq!(turn(&mut state, now).unwrap().name, name(9));
    assert!(turn(&mut state, now).is_none());
    state.done(&name(0), Rest::until_woken(), now);
    assert_eq!(turn(&mut state, now).unwrap().name, name(2));
}

#[test]
fn what_wakes_an_object_during_its_turn_says_in_which_lane_it_goes_on() {
    let now = Instant::now();
    let mut state = State::new(1);
    state.wake(name(1), wake(Class::Rollout, Reason::Timer, now).in_lane(Lane::named("busy")));
    state.wake(name(2), wake(Class::Rollout, Reason::Timer, now).in_lane(Lane::named("busy")));
    let Picked::Turn(first) = state.pick(now) else { panic!("one is ready") };
    state.wake(first.name.clone(), wake(Class::Change, Reason::SpecChanged, now).in_lane(Lane::named("free")));
    let rest = Rest::after(Duration::from_secs(10), Class::Rollout).in_lane(Lane::named("busy"));
    state.done(&first.name, rest, now);
    let Picked::Turn(changed) = state.pick(now) else { panic!("the change does not wait for the busy lane") };
    assert_eq!((changed.name, changed.class), (first.name, Class::Change));
    let Picked::Turn(other) = state.pick(now) else { panic!("nor does the busy lane wait for it") };
    assert_eq!(other.class, Class::Rollout);
}

#[test]
fn lanes_of_equal_class_take_turns() {
    let now = Instant::now();
    let mut state = State::new(8);
    for number in 0..4 {
        state.wake(name(number), wake(Class::Change, Reason::Listed, now).in_lane(Lane::named("busy")));
    }
    state.wake(name(9), wake(Class::Change, Reason::Listed, now).in_lane(Lane::named("other")));
    turn(&mut state, now).unwrap();
    assert_eq!(turn(&mut state, now).unwrap().name, name(9));
}

#[test]
fn a_change_passes_a_sweep_of_thousands() {
    let start = Instant::now();
    let mut state = State::new(8);
    for number in 0..5000 {
        state.wake(name(number), wake(Class::Sweep, Reason::Listed, start));
    }
    // The sweep is old, so its share of turns is used to the full.
    let now = start + seconds(600);
    for round in 0..100 {
        let changed = name(10_000 + round);
        state.wake(changed.clone(), wake(Class::Change, Reason::SpecChanged, now));
        let waited = (0..10).position(|_| {
            let turn = turn(&mut state, now).unwrap();
            state.done(&turn.name, Rest::until_woken(), now);
            turn.name == changed
        });
        assert!(waited.unwrap() <= 1, "{waited:?}");
    }
}

#[test]
fn a_flood_of_changes_starves_nobody() {
    let now = Instant::now();
    let mut state = State::new(8);
    let mut served: BTreeMap<Class, usize> = BTreeMap::new();
    for flood in 0..1600 {
        // Of each class there are always some, and of changes ever more, the oldest of all among them.
        for (number, class) in Class::ALL.into_iter().enumerate() {
            state.wake(name(10 * flood + number), wake(class, Reason::SpecChanged, now));
        }
        let turn = turn(&mut state, now).unwrap();
        state.done(&turn.name, Rest::until_woken(), now);
        *served.entry(turn.class).or_default() += 1;
    }
    let least = |class| match class {
        Class::Change => 800,
        Class::Recovery | Class::Rollout | Class::Deletion => 195,
        Class::Sweep => 95,
        Class::History => 45,
    };
    assert!(Class::ALL.into_iter().all(|class| served[&class] >= least(class)), "{served:?}");
}

#[test]
fn a_lower_class_of_one_lane_gets_its_share_although_other_lanes_are_full_of_changes() {
    let now = Instant::now();
    let mut state = State::new(8);
    state.wake(name(0), wake(Class::Sweep, Reason::Listed, now).in_lane(Lane::named("busy")));
    let waited = (1..200).position(|number| {
        for lane in ["busy", "other"] {
            let flood = ObjectName { namespace: "press".into(), name: format!("{lane}{number}").into() };
            state.wake(flood, wake(Class::Change, Reason::SpecChanged, now).in_lane(Lane::named(lane)));
        }
        let turn = turn(&mut state, now).unwrap();
        state.done(&turn.name, Rest::until_woken(), now);
        turn.name == name(0)
    });
    // One of 16 turns of its lane, which has every other turn.
    assert!(waited.unwrap() <= 34, "{waited:?}");
}

fn in_namespace(namespace: &str, number: usize) -> ObjectName {
    ObjectName { namespace: namespace.into(), name: format!("o{number}").into() }
}

#[test]
fn namespaces_take_turns_and_one_that_is_new_comes_after_those_that_wait() {
    let now = Instant::now();
    let mut state = State::new(1);
    for number in 0..5000 {
        state.wake(in_namespace("press", number), wake(Class::Change, Reason::SpecChanged, now));
    }
    for number in 0..3 {
        state.wake(in_namespace("paint", number), wake(Class::Change, Reason::SpecChanged, now));
    }
    let mut order = Vec::new();
    for _ in 0..8 {
        let turn = turn(&mut state, now).unwrap();
        state.done(&turn.name, Rest::until_woken(), now);
        order.push(turn.name.to_string());
    }
    let expected = ["press/o0", "paint/o0", "press/o1", "paint/o1", "press/o2", "paint/o2", "press/o3", "press/o4"];
    assert_eq!(order, expected);
}

#[test]
fn one_namespace_leaves_places_for_others() {
    let now = Instant::now();
    let mut state = State::new(8);
    for number in 0..20 {
        state.wake(in_namespace("press", number), wake(Class::Change, Reason::SpecChanged, now));
    }
    let running = std::iter::from_fn(|| turn(&mut state, now)).count();
    assert_eq!(running, 6);
    for number in 0..20 {
        state.wake(in_namespace("paint", number), wake(Class::Sweep, Reason::Listed, now));
    }
    let others = std::iter::from_fn(|| turn(&mut state, now)).map(|turn| turn.name.namespace).collect::<Vec<_>>();
    assert_eq!(others, ["paint".into(), "paint".into()]);
    state.done(&in_namespace("press", 0), Rest::until_woken(), now);
    assert_eq!(turn(&mut state, now).unwrap().name.namespace, "press".into());
}

#[test]
fn what_is_woken_again_and_again_keeps_its_namespaces_turn() {
    let now = Instant::now();
    let mut state = State::new(1);
    for number in 0..10 {
        state.wake(in_namespace("press", number), wake(Class::Change, Reason::SpecChanged, now));
    }
    let restless = in_namespace("paint", 0);
    let waited = (0..10).position(|_| {
        state.wake(restless.clone(), wake(Class::Change, Reason::Status, now));
        let turn = turn(&mut state, now).unwrap();
        state.done(&turn.name, Rest::until_woken(), now);
        turn.name == restless
    });
    assert!(waited.unwrap() <= 1, "{waited:?}");
}

/// Workers that make four calls a turn, of 60 ms each, as a change does: two lists, a create, a reading. When each namespace's
/// creates went out is noted.
fn work(queue: &Queue, creates: &Arc<Mutex<Vec<(String, Instant)>>>) -> tokio::task::JoinSet<()> {
    let keeper = Arc::new(QuotaKeeper::new(Quotas::default()));
    let mut workers = tokio::task::JoinSet::new();
    for _ in 0..DEFAULT_CONCURRENCY {
        let (queue, keeper, creates) = (queue.clone(), Arc::clone(&keeper), Arc::clone(creates));
        workers.spawn(async move {
            let scope = Scope { connection: Connection::own(), account: "1".into(), region: "eu-central-1".into() };
            loop {
                let lease = queue.next().await;
                let turn = lease.turn().clone();
                let caller = Caller::new(turn.class, &turn.name.namespace);
                for call in 0..4 {
                    let request = CallRequest {
                        scope: &scope,
                        family: ApiFamily::Greengrass,
                        caller: &caller,
                        is_deletion: false,
                    };
                    if keeper.permit(request, seconds(5), &SingleReplica).await.is_err() {
                        break;
                    }
                    if call == 2 {
                        creates.lock().unwrap().push((turn.name.namespace.to_string(), Instant::now()));
                    }
                    tokio::time::sleep(Duration::from_millis(60)).await;
                }
                lease.done(Rest::until_woken());
            }
        });
    }
    workers
}

#[tokio::test(start_paused = true)]
async fn five_thousand_changes_of_a_namespace_delay_anothers_single_one_by_less_than_a_second() {
    let queue = Queue::new(LANE_CONCURRENCY);
    let creates = Arc::default();
    for number in 0..5000 {
        queue.wake(in_namespace("press", number), Wake::now(Class::Change, Reason::SpecChanged));
    }
    let _workers = work(&queue, &creates);
    let mut longest = Duration::ZERO;
    for round in 0..50 {
        tokio::time::sleep(Duration::from_millis(2130)).await;
        let changed = Instant::now();
        queue.wake(in_namespace("paint", round), Wake::now(Class::Change, Reason::SpecChanged));
        tokio::time::sleep(seconds(5)).await;
        let created = creates.lock().unwrap().iter().rev().find(|(namespace, _)| namespace == "paint").unwrap().1;
        longest = longest.max(created - changed);
    }
    println!("its create went out after {longest:?} at most");
    // By its quota: three calls at 20 a second, of which two have to be answered first.
    let quota = Duration::from_millis(3 * 50 + 2 * 60);
    assert!(longest <= quota + seconds(1), "{longest:?}");
    let press = creates.lock().unwrap().iter().filter(|(namespace, _)| namespace == "press").count();
    assert!(press >= 1600, "and the other one goes on with what is left: {press}");
}

#[test]
fn what_is_ready_is_counted_by_class_with_the_age_of_the_oldest() {
    let now = Instant::now();
    let mut state = State::new(8);
    state.wake(name(1), wake(Class::Sweep, Reason::Listed, now));
    state.wake(name(2), wake(Class::Sweep, Reason::Listed, now + seconds(1)));
    state.wake(name(3), wake(Class::Change, Reason::Listed, now + seconds(99)));
    let ready = state.ready(now + seconds(10));
    assert_eq!(ready, [Ready { class: Class::Sweep, count: 2, oldest: now }]);
}

#[derive(Clone, Debug)]
enum Step {
    Wake { object: usize, class: Class, reason: Reason, delay: u64, lane: Option<u8> },
    Begin,
    End { pick: usize, rest: Option<(u64, bool)> },
    Break { pick: usize },
    Pass(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let class = prop::sample::select(Class::ALL.to_vec());
    let reason = prop::sample::select(Reason::ALL.to_vec());
    let step = prop_oneof![
        4 => (0..6_usize, class, reason, 0..90_u64, prop::option::of(0..3_u8)).prop_map(
            |(object, class, reason, delay, lane)| Step::Wake { object, class, reason, delay, lane }
        ),
        4 => Just(Step::Begin),
        3 => (any::<usize>(), prop::option::of((0..120_u64, any::<bool>())))
            .prop_map(|(pick, rest)| Step::End { pick, rest }),
        1 => any::<usize>().prop_map(|pick| Step::Break { pick }),
        2 => (0..60_u64).prop_map(Step::Pass),
    ];
    prop::collection::vec(step, 1..200)
}

/// What the test knows of an object: whether a turn is owed, and until when a back-off may hold it.
#[derive(Debug, Default)]
struct Owed {
    turn: bool,
    latest: Option<Instant>,
}

proptest! {
    #[test]
    fn whatever_happens_nothing_is_lost_or_runs_twice_at_once(steps in steps()) {
        let mut now = Instant::now();
        let mut state = State::new(2);
        let mut running: Vec<Turn> = Vec::new();
        let mut owed: BTreeMap<ObjectName, Owed> = BTreeMap::new();
        for step in steps {
            match step {
                Step::Wake { object, class, reason, delay, lane } => {
                    let due = now + seconds(delay);
                    let lane = lane.map(|lane| Lane::named(&lane.to_string()));
                    state.wake(name(object), Wake { class, reason, due, lane, version: None });
                    let owed = owed.entry(name(object)).or_default();
                    owed.turn = true;
                    owed.latest = owed.latest.max(Some(due));
                }
                Step::Begin => if let Some(turn) = turn(&mut state, now) {
                    prop_assert!(running.iter().all(|other| other.name != turn.name), "twice at once");
                    prop_assert!(owed.remove(&turn.name).is_some_and(|owed| owed.turn), "a turn for nothing");
                    prop_assert!(turn.reasons != Reasons::default());
                    running.push(turn);
                },
                Step::End { pick, rest } if !running.is_empty() => {
                    let turn = running.swap_remove(pick % running.len());
                    let (rest, due) = match rest {
                        None => (Rest::until_woken(), None),
                        Some((delay, false)) => (Rest::after(seconds(delay), Class::Sweep), Some(delay)),
                        Some((delay, true)) => (Rest::back_off(seconds(delay), Class::Sweep), Some(delay)),
                    };
                    state.done(&turn.name, rest, now);
                    if let Some(delay) = due {
                        let owed = owed.entry(turn.name).or_default();
                        owed.turn = true;
                        owed.latest = owed.latest.max(Some(now + seconds(delay)));
                    }
                }
                Step::Break { pick } if !running.is_empty() => {
                    let turn = running.swap_remove(pick % running.len());
                    state.broken(&turn, BROKEN_RETRY, now);
                    let owed = owed.entry(turn.name).or_default();
                    owed.turn = true;
                    owed.latest = owed.latest.max(Some(now + BROKEN_RETRY));
                }
                Step::End { .. } | Step::Break { .. } => {}
                Step::Pass(passed) => now += seconds(passed),
            }
            prop_assert_eq!(state.len(), owed.keys().chain(running.iter().map(|turn| &turn.name)).collect::<BTreeSet<_>>().len());
        }
        // In the end everyone who is owed a turn gets it, no later than the latest time that was named.
        for turn in running.drain(..) {
            state.done(&turn.name, Rest::until_woken(), now);
        }
        let end = owed.values().filter_map(|owed| owed.latest).max().unwrap_or(now).max(now);
        while let Some(turn) = turn(&mut state, end) {
            prop_assert!(owed.remove(&turn.name).is_some());
            state.done(&turn.name, Rest::until_woken(), end);
        }
        prop_assert!(owed.is_empty(), "lost: {:?}", owed);
        prop_assert_eq!(state.len(), 0);
    }
}
