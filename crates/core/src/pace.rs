//! How soon a failed call is repeated. Pure: time and chance are arguments.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::failure::{Failure, FailureKind, Who};

/// Waits when the service must act; the last one stays.
///
/// A resource makes at most eight calls in its first minute. Each try but the first looks before it sends, two calls, and the
/// first one of a group lists subdeployments too, three calls: so there is room for three tries, 3 + 2 + 2 = 7 calls. Two follow
/// soon, because most failures pass; the third wait ends after the first minute even with the shortest jitter
/// (0.8 × (1 + 5 + 72) = 62.4 s). 300 resources that fail for long make one call a second.
pub const SERVICE_WAITS: [Duration; 6] = seconds([1, 5, 72, 144, 288, 300]);
/// Waits when a person must act, within [`GRACE`]; the last one stays: what another tool applies in the same minute is seen
/// soon, within the same budget (0.8 × (5 + 20 + 60) = 68 s).
pub const PERSON_WAITS: [Duration; 3] = seconds([5, 20, 60]);
/// How long what a person must fix counts as on its way: tools apply a target and its deployment in parallel.
pub const GRACE: Duration = Duration::from_mins(2);
/// First wait after [`GRACE`].
pub const STALLED_FIRST: Duration = Duration::from_secs(30);
/// Longest wait after [`GRACE`]: one call in ten minutes.
pub const STALLED_LONGEST: Duration = Duration::from_mins(10);
/// Shortest wait when the account is deleting all that it can; the service's own text says one minute.
pub const DELETION_LIMIT_WAIT: Duration = Duration::from_mins(1);
/// Longest Retry-After that is honoured: a broken answer must not stop a resource for good.
pub const RETRY_AFTER_LONGEST: Duration = Duration::from_mins(15);

/// How devices take a revision is read for the first time so soon after it was made, and so often while their number moves.
///
/// Six devices a second are read of at most with the default share of the jobs API: sixty rollouts that move are read as quickly as
/// that, and more than sixty take turns.
pub const ROLLOUT_FIRST_READ: Duration = Duration::from_secs(10);
/// How often at most while nothing is settled, and how often at least where it is: as often as everything is looked at.
pub const ROLLOUT_SETTLED: Duration = Duration::from_mins(5);
/// How seldom at most: what rests for eight hours or more is read once an hour. 10,000 resources at rest make 2.8 calls a second of
/// the 6 that the operator takes.
pub const ROLLOUT_LONGEST: Duration = Duration::from_hours(1);
/// The wait grows with the time for which nothing has moved: an eighth of it. Devices that are offline for a week cost some
/// 200 readings, the most of them an hour apart, and one that comes back after an hour shows within eight minutes.
const ROLLOUT_RESTED_SHARE: u32 = 8;

/// How long until how devices take a revision is read again.
#[must_use]
pub fn rollout_wait(rested: SignedDuration, is_settled: bool) -> Duration {
    let shortest = if is_settled { ROLLOUT_SETTLED } else { ROLLOUT_FIRST_READ };
    let rested = Duration::try_from(rested).unwrap_or(Duration::ZERO);
    (rested / ROLLOUT_RESTED_SHARE).clamp(shortest, ROLLOUT_LONGEST)
}

const fn seconds<const N: usize>(numbers: [u64; N]) -> [Duration; N] {
    let mut waits = [Duration::ZERO; N];
    let mut index = 0;
    #[allow(clippy::indexing_slicing, reason = "the loop ends at the array's end, and is run when this is compiled")]
    while index < N {
        waits[index] = Duration::from_secs(numbers[index]);
        index += 1;
    }
    waits
}

/// Share by which a wait is shortened or lengthened.
const JITTER: f64 = 0.2;

/// Failures in a row, of whatever kind, since the last success or change of the spec.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Streak {
    /// How many, this one included; 0 counts as 1.
    pub attempts: u32,
    /// When the first was seen.
    pub first_failed_at: Timestamp,
}

/// How long to wait before the next call.
///
/// `jitter` is a random number from 0 to 1. Retry-After is a minimum, never shortened.
#[must_use]
pub fn pace(failure: &Failure, streak: Streak, now: Timestamp, jitter: f64) -> Duration {
    let own = pace_of(failure.rule().who, streak, now, jitter);
    let asked = failure.retry_after.map_or(Duration::ZERO, |asked| asked.min(RETRY_AFTER_LONGEST));
    let minimum = match failure.kind {
        FailureKind::DeletionLimit => asked.max(DELETION_LIMIT_WAIT),
        FailureKind::AccessDenied
        | FailureKind::NotFound
        | FailureKind::Validation
        | FailureKind::QuotaExceeded
        | FailureKind::Throttled
        | FailureKind::Conflict
        | FailureKind::InProgress
        | FailureKind::Service
        | FailureKind::TimedOut
        | FailureKind::Unreachable
        | FailureKind::BadReply
        | FailureKind::Credentials
        | FailureKind::Construction
        | FailureKind::Fenced => asked,
    };
    // Only upward, or those who were told the same minimum would all come at the same moment.
    own.max(minimum.mul_f64(1.0 + JITTER * unit(jitter)))
}

/// How long to wait for what is no failure of AWS, for example a missing identity.
#[must_use]
pub fn pace_of(who: Who, streak: Streak, now: Timestamp, jitter: f64) -> Duration {
    let wait = match who {
        Who::Service => one_of(&SERVICE_WAITS, streak.attempts),
        Who::Person if grace_over(streak.first_failed_at, now) => {
            // As long as it has been stalled already: that doubles, and looks in between, which count as attempts,
            // don't lengthen it.
            elapsed(streak.first_failed_at, now).saturating_sub(GRACE).clamp(STALLED_FIRST, STALLED_LONGEST)
        }
        Who::Person => one_of(&PERSON_WAITS, streak.attempts),
    };
    wait.mul_f64(1.0 - JITTER + 2.0 * JITTER * unit(jitter))
}

/// Whether what a person must fix has had its two minutes, so that it is stalled.
#[must_use]
pub fn grace_over(first_failed_at: Timestamp, now: Timestamp) -> bool {
    elapsed(first_failed_at, now) >= GRACE
}

/// Time since the first failure; none if the clock was set back.
fn elapsed(first_failed_at: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(first_failed_at)).unwrap_or(Duration::ZERO)
}

fn one_of(waits: &[Duration], attempts: u32) -> Duration {
    let index = usize::try_from(attempts.saturating_sub(1)).unwrap_or(usize::MAX);
    waits.get(index).or_else(|| waits.last()).copied().unwrap_or(STALLED_LONGEST)
}

/// A number from 0 to 1, whatever came in.
fn unit(jitter: f64) -> f64 {
    if jitter.is_nan() { 0.5 } else { jitter.clamp(0.0, 1.0) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Operation;

    fn failure(kind: FailureKind, retry_after: Option<u64>) -> Failure {
        Failure {
            retry_after: retry_after.map(Duration::from_secs),
            ..Failure::new(Operation::CreateDeployment, kind, "")
        }
    }

    /// When calls go out, in seconds, of a resource whose every call fails.
    fn calls(kind: FailureKind, jitter: f64, until: f64) -> Vec<f64> {
        let start = Timestamp::from_second(1_800_000_000).unwrap();
        let mut now = Duration::ZERO;
        let mut calls = Vec::new();
        while now.as_secs_f64() < until {
            calls.push(now.as_secs_f64());
            let streak = Streak { attempts: u32::try_from(calls.len()).unwrap(), first_failed_at: start };
            now += pace(&failure(kind, None), streak, start + now, jitter);
        }
        calls
    }

    #[test]
    fn a_failing_resource_makes_at_most_eight_calls_in_its_first_minute() {
        for kind in FailureKind::ALL {
            for jitter in [0.0, 0.5, 1.0] {
                let tries = calls(kind, jitter, 60.0);
                // Each but the first is a look and a send; the first lists subdeployments too.
                assert!(3 + 2 * (tries.len() - 1) <= 8, "{kind:?} {jitter}: {tries:?}");
            }
        }
    }

    #[test]
    fn what_a_person_must_fix_ends_at_one_call_in_ten_minutes() {
        let all = calls(FailureKind::AccessDenied, 0.5, 12.0 * 3600.0);
        let in_a_steady_hour = all.iter().filter(|at| (7200.0..10_800.0).contains(*at)).count();
        assert_eq!(in_a_steady_hour, 6);
        // Not slower either: what is healed without a trigger shows within twelve minutes.
        for jitter in [0.0, 1.0] {
            let all = calls(FailureKind::AccessDenied, jitter, 12.0 * 3600.0);
            assert!(all.windows(2).all(|pair| pair[1] - pair[0] <= 720.01), "{jitter}");
        }
    }

    #[test]
    fn what_the_service_must_fix_ends_at_one_call_in_five_minutes() {
        let all = calls(FailureKind::Service, 0.5, 7200.0);
        assert!((all[all.len() - 1] - all[all.len() - 2] - 300.0).abs() < 0.01);
    }

    #[test]
    fn the_first_two_minutes_of_what_a_person_must_fix_are_quick() {
        let all = calls(FailureKind::NotFound, 0.5, 300.0);
        let rounded: Vec<f64> = all.iter().map(|at| at.round()).collect();
        assert_eq!(rounded, [0.0, 5.0, 25.0, 85.0, 145.0, 175.0, 230.0]);
    }

    #[test]
    fn retry_after_is_a_minimum_and_bounded() {
        let start = Timestamp::from_second(1_800_000_000).unwrap();
        let first = Streak { attempts: 1, first_failed_at: start };
        let wait = |seconds| pace(&failure(FailureKind::Throttled, Some(seconds)), first, start, 0.0);
        assert_eq!(wait(7), Duration::from_secs(7));
        assert_eq!(wait(2_000_000_000), RETRY_AFTER_LONGEST);
        let late = Streak { attempts: 20, first_failed_at: start };
        assert!(pace(&failure(FailureKind::Throttled, Some(7)), late, start, 0.0) > Duration::from_secs(200));
    }

    #[test]
    fn those_told_the_same_retry_after_come_at_different_moments() {
        let start = Timestamp::from_second(1_800_000_000).unwrap();
        let first = Streak { attempts: 1, first_failed_at: start };
        let told = failure(FailureKind::Throttled, Some(10));
        assert!(pace(&told, first, start, 0.9) > pace(&told, first, start, 0.1));
    }

    #[test]
    fn a_full_deletion_queue_waits_a_minute_at_least() {
        let start = Timestamp::from_second(1_800_000_000).unwrap();
        let first = Streak { attempts: 1, first_failed_at: start };
        for jitter in [0.0, 0.5, 1.0] {
            assert!(pace(&failure(FailureKind::DeletionLimit, None), first, start, jitter) >= DELETION_LIMIT_WAIT);
        }
    }

    #[test]
    fn odd_numbers_give_a_wait_all_the_same() {
        let start = Timestamp::from_second(1_800_000_000).unwrap();
        let earlier = Timestamp::from_second(1_700_000_000).unwrap();
        for attempts in [0, 1, 33, u32::MAX] {
            for jitter in [f64::NAN, -1.0, 7.0, f64::INFINITY] {
                for kind in FailureKind::ALL {
                    let streak = Streak { attempts, first_failed_at: start };
                    let wait = pace(&failure(kind, None), streak, earlier, jitter);
                    assert!(wait >= Duration::from_millis(800) && wait <= Duration::from_mins(12), "{kind:?} {wait:?}");
                }
            }
        }
        assert!(!grace_over(start, earlier));
    }

    #[test]
    fn a_rollout_is_read_quickly_while_it_moves_and_ever_more_slowly_while_it_rests() {
        let wait = |rested: u64, is_settled| {
            rollout_wait(SignedDuration::from_secs(i64::try_from(rested).unwrap()), is_settled).as_secs()
        };
        assert_eq!([0, 80, 480, 3600, 864_000].map(|rested| wait(rested, false)), [10, 10, 60, 450, 3600]);
        assert_eq!([0, 3600, 864_000].map(|rested| wait(rested, true)), [300, 450, 3600]);
        let mut readings = 0;
        let mut rested = 0;
        while rested < 7 * 86_400 {
            rested += wait(rested, false);
            readings += 1;
        }
        assert!((190..=220).contains(&readings), "{readings}");
    }

    #[test]
    fn grace_is_over_after_two_minutes() {
        let start = Timestamp::from_second(1_800_000_000).unwrap();
        assert!(!grace_over(start, start + Duration::from_secs(119)));
        assert!(grace_over(start, start + GRACE));
    }
}
