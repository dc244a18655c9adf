//! When the next page or walk of a place is due, and when its resources had better look themselves. Pure: time and chance are
//! arguments.

use std::time::Duration;

use greengrass_operator_core::deployment::assess::TRUSTED_WITHOUT_VERIFICATION;
use greengrass_operator_core::deployment::knowledge::later;
use greengrass_operator_core::failure::{Failure, FailureKind, Who};
use greengrass_operator_core::pace::{GRACE, Streak, pace};
use jiff::Timestamp;

use super::First;
use super::walk::PageSize;
use crate::controller::failures::jittered;
use crate::controller::wakes::spread;

/// The first walk after a start comes within so long, spread, so that places are not walked over all at once.
const FIRST_WITHIN: Duration = Duration::from_secs(30);
/// So many intervals the resources of a place look themselves after a walk has found more pages of other people's deployments
/// than resources. The walk that then finds out again costs at most one call for each resource, so in the long run a place
/// costs 1 + 1/12 calls for a resource in an interval.
const INTERVALS_ALONE: u32 = 12;

/// When the next page or walk is due.
#[derive(Debug)]
pub(super) struct Schedule {
    interval: Duration,
    due: Timestamp,
    size: PageSize,
    /// When the walk that is under way began.
    began_at: Timestamp,
    was_throttled: bool,
    /// How often AWS has refused a token of this walk.
    refused_tokens: u32,
    failing: Option<Failing>,
    /// Since when not all resources were seen.
    seen_at: Timestamp,
    handed_over_at: Option<Timestamp>,
    intervals_alone: u32,
}

#[derive(Clone, Copy, Debug)]
struct Failing {
    streak: Streak,
    who: Who,
}

impl Schedule {
    pub(super) fn new(interval: Duration, first: First, seed: &str, now: Timestamp) -> Self {
        let wait = match first {
            First::Soon => spread(&format!("{seed}{now}"), FIRST_WITHIN.min(interval / 10)),
            First::AnIntervalLater => jittered(interval, &format!("{seed}{now}")),
        };
        Self {
            interval,
            due: later(now, wait),
            size: PageSize::default(),
            began_at: now,
            was_throttled: false,
            refused_tokens: 0,
            failing: None,
            seen_at: now,
            handed_over_at: None,
            intervals_alone: 0,
        }
    }

    /// From the next walk on.
    pub(super) fn every(&mut self, interval: Duration) {
        self.interval = interval;
    }

    /// Nothing before this.
    pub(super) fn due(&self) -> Timestamp {
        self.due
    }

    /// Rows of the next page.
    pub(super) fn size(&self) -> PageSize {
        self.size
    }

    /// Since when not all resources were seen.
    pub(super) fn seen_at(&self) -> Timestamp {
        self.seen_at
    }

    /// When the walk that is under way began.
    pub(super) fn began_at(&self) -> Timestamp {
        self.began_at
    }

    /// A walk begins. False: in this interval the resources look themselves.
    pub(super) fn begin(&mut self, now: Timestamp) -> bool {
        self.began_at = now;
        self.was_throttled = false;
        self.refused_tokens = 0;
        let walks = self.intervals_alone == 0;
        self.intervals_alone = self.intervals_alone.saturating_sub(1);
        walks
    }

    /// None of its resources rests, so that each sees to itself: whether one does is asked a little later.
    pub(super) fn postpone(&mut self, now: Timestamp) {
        self.seen_at = now;
        self.due = later(now, FIRST_WITHIN.min(self.interval / 10));
    }

    /// A page has come.
    pub(super) fn page_came(&mut self) {
        self.failing = None;
    }

    /// AWS does not know the token any more. The first time in a walk the list begins anew at once.
    pub(super) fn token_refused(&mut self, failure: &Failure, now: Timestamp, jitter: f64) {
        self.refused_tokens = self.refused_tokens.saturating_add(1);
        if self.refused_tokens > 1 {
            self.failed(failure, now, jitter);
        }
    }

    /// A page has not come. The walk goes on with it later, at the pace of all failures.
    pub(super) fn failed(&mut self, failure: &Failure, now: Timestamp, jitter: f64) {
        if failure.kind == FailureKind::Throttled {
            self.was_throttled = true;
            self.size = self.size.smaller();
        }
        let who = failure.rule().who;
        let streak = match self.failing {
            Some(failing) if failing.who == who => {
                Streak { attempts: failing.streak.attempts.saturating_add(1), ..failing.streak }
            }
            Some(_) | None => Streak { attempts: 1, first_failed_at: now },
        };
        self.failing = Some(Failing { streak, who });
        self.due = later(now, pace(failure, streak, now, jitter));
    }

    /// All resources were seen, or woken because they were not.
    pub(super) fn completed(&mut self, seed: &str, now: Timestamp) {
        if !self.was_throttled {
            self.size = self.size.larger();
        }
        self.seen_at = self.began_at;
        self.handed_over_at = None;
        let next = later(self.began_at, jittered(self.interval, &format!("{seed}{now}")));
        // A walk that takes longer than an interval is not followed by the next without a pause.
        self.due = next.max(later(now, self.interval / 10));
    }

    /// The list has more pages than there are resources.
    pub(super) fn too_long(&mut self, seed: &str, now: Timestamp) {
        self.intervals_alone = INTERVALS_ALONE;
        self.looked_alone(seed, now);
    }

    /// In this interval the resources look themselves.
    pub(super) fn looked_alone(&mut self, seed: &str, now: Timestamp) {
        self.seen_at = now;
        self.due = later(now, jittered(self.interval, &format!("{seed}{now}")));
    }

    /// Whether the resources must look themselves, because walks fail. Where a person must act, after the two minutes that such
    /// failures have everywhere: each resource has to say so. Where the service must act, when what was last seen is not trusted
    /// any more: until then a thousand calls would fail like this one. True once an interval.
    pub(super) fn hands_over(&mut self, now: Timestamp) -> bool {
        let Some(failing) = self.failing else { return false };
        let from = match failing.who {
            Who::Person => later(failing.streak.first_failed_at, GRACE),
            Who::Service => later(self.seen_at, trusted().max(self.interval)),
        };
        let is_due = now >= from && self.handed_over_at.is_none_or(|at| later(at, self.interval) <= now);
        if is_due {
            self.handed_over_at = Some(now);
        }
        is_due
    }
}

fn trusted() -> Duration {
    Duration::try_from(TRUSTED_WITHOUT_VERIFICATION).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use greengrass_operator_core::failure::Operation;
    use jiff::SignedDuration;

    use super::*;

    const INTERVAL: Duration = Duration::from_mins(5);

    fn start() -> Timestamp {
        Timestamp::from_second(1_800_000_000).unwrap()
    }

    fn failure(kind: FailureKind) -> Failure {
        Failure::new(Operation::ListDeployments, kind, "")
    }

    fn wait(schedule: &Schedule, now: Timestamp) -> SignedDuration {
        schedule.due().duration_since(now)
    }

    #[test]
    fn the_first_walk_comes_soon_after_a_start_and_after_an_interval_where_resources_have_just_looked() {
        for seed in ["a", "b", "c", "d"] {
            let soon = Schedule::new(INTERVAL, First::Soon, seed, start());
            assert!(wait(&soon, start()) <= SignedDuration::from_secs(30));
            let later = wait(&Schedule::new(INTERVAL, First::AnIntervalLater, seed, start()), start()).as_secs();
            assert!((270..=330).contains(&later), "{later}");
        }
    }

    #[test]
    fn walks_follow_each_other_by_an_interval_and_a_tenth_either_way_from_start_to_start() {
        let mut schedule = Schedule::new(INTERVAL, First::Soon, "a", start());
        let mut now = start();
        for _ in 0..200 {
            now = schedule.due();
            assert!(schedule.begin(now));
            schedule.page_came();
            schedule.completed("a", now + Duration::from_secs(20));
            let next = wait(&schedule, now).as_secs();
            assert!((270..=330).contains(&next), "{next}");
            assert_eq!(schedule.seen_at(), now);
        }
        assert!(schedule.begin(now));
        let end = now + Duration::from_mins(9);
        schedule.completed("a", end);
        assert_eq!(wait(&schedule, end), SignedDuration::from_secs(30), "never without a pause");
    }

    #[test]
    fn a_throttled_walk_waits_and_goes_on_with_smaller_pages_which_grow_with_walks_that_are_not_throttled() {
        let mut schedule = Schedule::new(INTERVAL, First::Soon, "a", start());
        schedule.begin(start());
        let told = Failure { retry_after: Some(Duration::from_secs(7)), ..failure(FailureKind::Throttled) };
        schedule.failed(&told, start(), 0.5);
        assert!(wait(&schedule, start()) >= SignedDuration::from_secs(7));
        assert_eq!(schedule.size().get(), 50);
        schedule.page_came();
        schedule.completed("a", start());
        assert_eq!(schedule.size().get(), 50, "it was this walk that was throttled");
        schedule.begin(start());
        schedule.page_came();
        schedule.completed("a", start());
        assert_eq!(schedule.size().get(), 100);
    }

    #[test]
    fn failures_have_the_pace_of_all_failures_and_a_page_ends_their_streak() {
        let mut schedule = Schedule::new(INTERVAL, First::Soon, "a", start());
        let mut waits = Vec::new();
        let mut now = start();
        for _ in 0..5 {
            schedule.failed(&failure(FailureKind::Service), now, 0.5);
            waits.push(wait(&schedule, now).as_secs());
            now = schedule.due();
        }
        assert_eq!(waits, [1, 5, 72, 144, 288]);
        schedule.page_came();
        schedule.failed(&failure(FailureKind::Service), now, 0.5);
        assert_eq!(wait(&schedule, now).as_secs(), 1);
    }

    #[test]
    fn a_token_that_is_refused_again_waits_like_a_failure() {
        let mut schedule = Schedule::new(INTERVAL, First::Soon, "a", start());
        schedule.begin(start());
        let before = schedule.due();
        schedule.token_refused(&failure(FailureKind::Validation), start(), 0.5);
        assert_eq!(schedule.due(), before);
        schedule.token_refused(&failure(FailureKind::Validation), start(), 0.5);
        assert!(wait(&schedule, start()) >= SignedDuration::from_secs(4));
    }

    #[test]
    fn where_a_person_must_act_resources_look_themselves_after_two_minutes_and_once_in_an_interval() {
        let mut schedule = Schedule::new(INTERVAL, First::Soon, "a", start());
        schedule.failed(&failure(FailureKind::AccessDenied), start(), 0.5);
        let at = |seconds| start() + Duration::from_secs(seconds);
        assert_eq!(
            [119, 120, 121, 419, 420].map(|second| schedule.hands_over(at(second))),
            [false, true, false, false, true]
        );
        schedule.page_came();
        assert!(!schedule.hands_over(at(1000)));
    }

    #[test]
    fn where_the_service_must_act_resources_look_themselves_when_nothing_is_trusted_any_more() {
        let mut schedule = Schedule::new(INTERVAL, First::Soon, "a", start());
        schedule.failed(&failure(FailureKind::Service), start(), 0.5);
        let at = |minutes| start() + Duration::from_mins(minutes);
        assert_eq!([59, 60, 64, 65].map(|minute| schedule.hands_over(at(minute))), [false, true, false, true]);
    }

    #[test]
    fn after_a_list_that_was_too_long_resources_look_themselves_for_twelve_intervals() {
        let mut schedule = Schedule::new(INTERVAL, First::Soon, "a", start());
        assert!(schedule.begin(start()));
        schedule.too_long("a", start());
        for _ in 0..12 {
            assert!(!schedule.begin(start()));
            schedule.looked_alone("a", start());
        }
        assert!(schedule.begin(start()));
    }
}
