//! What devices did with a revision, and what that amounts to. Pure.

use jiff::SignedDuration;

use crate::api::ReadyWhen;
use crate::api::devices::{DeviceCounts, DeviceFailure};

/// Failed devices that the status tells of.
pub const MAX_FAILURES: usize = 10;
/// Error codes of one device that the status tells of: the deepest stack of the nucleus has six.
pub const MAX_CODES: usize = 10;
/// Revisions that the status tells of.
pub const MAX_HISTORY: usize = 10;

/// So few devices that have ended say nothing of a fleet yet …
const ENOUGH_ENDED: i64 = 10;
/// … nor does a smaller share of it: one in so many, 5 %.
const ENOUGH_ENDED_ONE_IN: i64 = 20;

/// When a rollout counts as done or failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Criteria {
    /// When the resource is ready.
    pub ready_when: ReadyWhen,
    /// Failed from this share of those that have ended on, in percent.
    pub failure_threshold: i64,
    /// Complete from this share of those that are present on, in percent.
    pub success: i64,
    /// How long after its creation it may take.
    pub deadline: Option<SignedDuration>,
}

impl Default for Criteria {
    fn default() -> Self {
        Self { ready_when: ReadyWhen::default(), failure_threshold: 50, success: 100, deadline: None }
    }
}

/// What became of a revision on devices, where that is settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// They have it.
    Completed,
    /// Too many failed.
    Failed,
    /// It was cancelled.
    Canceled,
    /// There are none.
    NoDevices,
}

impl Verdict {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::Completed, Self::Failed, Self::Canceled, Self::NoDevices];

    /// As it stands in the status.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "Completed",
            Self::Failed => "Failed",
            Self::Canceled => "Canceled",
            Self::NoDevices => "NoDevices",
        }
    }

    /// A recorded one.
    #[must_use]
    pub fn recorded(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verdict| verdict.as_str() == text)
    }
}

/// What is remembered of how devices take the newest revision.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Progress {
    /// What became of it.
    pub verdict: Option<Verdict>,
    /// Devices by what they did.
    pub counts: Option<DeviceCounts>,
    /// Some of those that don't run it.
    pub failures: Vec<DeviceFailure>,
}

impl Progress {
    /// Whether every device that is there has it.
    #[must_use]
    pub fn all_have_it(&self) -> bool {
        let has_all = |counts: DeviceCounts| counts.succeeded > 0 && counts.succeeded == counts.total - counts.removed;
        self.verdict == Some(Verdict::Completed) && self.counts.is_some_and(has_all)
    }
}

/// How a device ended that does not run the revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadEnd {
    /// It failed.
    Failed,
    /// The device refused it.
    Rejected,
    /// It took too long.
    TimedOut,
}

impl BadEnd {
    /// Every one, in the order in which they are told.
    pub const ALL: [Self; 3] = [Self::Failed, Self::Rejected, Self::TimedOut];

    /// AWS's word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "FAILED",
            Self::Rejected => "REJECTED",
            Self::TimedOut => "TIMED_OUT",
        }
    }

    /// How many ended so.
    #[must_use]
    pub fn of(self, counts: &DeviceCounts) -> i64 {
        match self {
            Self::Failed => counts.failed,
            Self::Rejected => counts.rejected,
            Self::TimedOut => counts.timed_out,
        }
    }
}

impl DeviceCounts {
    /// With the total that they make.
    #[must_use]
    pub fn totalled(self) -> Self {
        let Self { total: _, queued, in_progress, succeeded, failed, rejected, timed_out, canceled, removed } = self;
        let parts = [queued, in_progress, succeeded, failed, rejected, timed_out, canceled, removed];
        Self { total: parts.into_iter().fold(0, i64::saturating_add), ..self }
    }

    /// Those that have ended, well or badly.
    #[must_use]
    pub fn executed(&self) -> i64 {
        self.succeeded.saturating_add(self.bad())
    }

    /// Those that have ended badly.
    #[must_use]
    pub fn bad(&self) -> i64 {
        self.failed.saturating_add(self.rejected).saturating_add(self.timed_out)
    }

    /// Those that the revision is still meant for.
    #[must_use]
    pub fn present(&self) -> i64 {
        self.total.saturating_sub(self.removed).saturating_sub(self.canceled)
    }

    /// Those that have not ended.
    #[must_use]
    pub fn pending(&self) -> i64 {
        self.queued.saturating_add(self.in_progress)
    }
}

/// What counts amount to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judged {
    /// No device has shown up yet.
    NotStarted,
    /// Not enough have ended.
    InProgress,
    /// Enough have it.
    Completed,
    /// Too many failed.
    Failed,
    /// All have left.
    NoneLeft,
}

/// What counts amount to. `is_spreading`: AWS is still telling devices of it, so that those which have ended are not all.
#[must_use]
pub fn judge(counts: &DeviceCounts, is_spreading: bool, criteria: &Criteria) -> Judged {
    let Criteria { ready_when: _, failure_threshold, success, deadline: _ } = criteria;
    if counts.total == 0 {
        return Judged::NotStarted;
    }
    let executed = counts.executed();
    let all_ended = counts.pending() == 0 && !is_spreading;
    let enough_ended =
        executed >= ENOUGH_ENDED && executed.saturating_mul(ENOUGH_ENDED_ONE_IN) >= counts.total || all_ended;
    let is_share =
        |part: i64, whole: i64, percent: i64| whole > 0 && part.saturating_mul(100) >= whole.saturating_mul(percent);
    if enough_ended && is_share(counts.bad(), executed, *failure_threshold) {
        return Judged::Failed;
    }
    if counts.present() == 0 && all_ended {
        return Judged::NoneLeft;
    }
    if all_ended || (!is_spreading && is_share(counts.succeeded, counts.present(), *success)) {
        return Judged::Completed;
    }
    Judged::InProgress
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// Queued, in progress, succeeded, failed, canceled, removed.
    fn counts(numbers: [i64; 6]) -> DeviceCounts {
        let [queued, in_progress, succeeded, failed, canceled, removed] = numbers;
        DeviceCounts { queued, in_progress, succeeded, failed, canceled, removed, ..DeviceCounts::default() }.totalled()
    }

    #[rstest]
    #[case::nobody([0, 0, 0, 0, 0, 0], Judged::NotStarted)]
    #[case::all_offline([100, 0, 0, 0, 0, 0], Judged::InProgress)]
    #[case::all_have_it([0, 0, 100, 0, 0, 0], Judged::Completed)]
    #[case::one_is_missing([1, 0, 99, 0, 0, 0], Judged::InProgress)]
    #[case::some_failed([0, 0, 51, 49, 0, 0], Judged::Completed)]
    #[case::half_failed([0, 0, 50, 50, 0, 0], Judged::Failed)]
    #[case::too_few_to_tell([91, 0, 0, 9, 0, 0], Judged::InProgress)]
    #[case::enough_to_tell([90, 0, 0, 10, 0, 0], Judged::Failed)]
    #[case::too_small_a_share([181, 10, 0, 10, 0, 0], Judged::InProgress)]
    #[case::enough_of_a_share([180, 10, 0, 10, 0, 0], Judged::Failed)]
    #[case::one_device_that_failed([0, 0, 0, 1, 0, 0], Judged::Failed)]
    #[case::those_that_left_dont_count([0, 0, 1, 0, 0, 99], Judged::Completed)]
    #[case::all_left([0, 0, 0, 0, 0, 5], Judged::NoneLeft)]
    #[case::all_left_but_one_that_failed([0, 0, 0, 1, 0, 5], Judged::Failed)]
    fn counts_amount_to(#[case] numbers: [i64; 6], #[case] expected: Judged) {
        assert_eq!(judge(&counts(numbers), false, &Criteria::default()), expected);
    }

    #[test]
    fn a_fleet_with_sleepers_is_done_at_the_share_that_is_asked_for() {
        let criteria = Criteria { success: 95, ..Criteria::default() };
        assert_eq!(judge(&counts([6, 0, 94, 0, 0, 0]), false, &criteria), Judged::InProgress);
        assert_eq!(judge(&counts([5, 0, 95, 0, 0, 0]), false, &criteria), Judged::Completed);
        assert_eq!(judge(&counts([5, 0, 95, 0, 0, 50]), false, &criteria), Judged::Completed);
    }

    #[test]
    fn while_aws_is_still_telling_devices_those_that_have_ended_are_not_all() {
        assert_eq!(judge(&counts([0, 0, 10, 0, 0, 0]), true, &Criteria::default()), Judged::InProgress);
        assert_eq!(judge(&counts([0, 0, 0, 9, 0, 0]), true, &Criteria::default()), Judged::InProgress);
        assert_eq!(judge(&counts([0, 0, 0, 10, 0, 0]), true, &Criteria::default()), Judged::Failed);
    }

    #[test]
    fn rejected_and_timed_out_devices_are_bad_too() {
        let strict = Criteria { failure_threshold: 20, ..Criteria::default() };
        let counts = DeviceCounts { succeeded: 8, rejected: 1, timed_out: 1, ..DeviceCounts::default() }.totalled();
        assert_eq!(judge(&counts, false, &strict), Judged::Failed);
        let fewer = DeviceCounts { timed_out: 0, ..counts }.totalled();
        assert_eq!(judge(&fewer, false, &strict), Judged::Completed);
    }

    #[test]
    fn ways_to_end_badly_have_the_words_and_counts_of_aws() {
        let counts = DeviceCounts { failed: 3, rejected: 5, timed_out: 7, ..DeviceCounts::default() };
        assert_eq!(
            BadEnd::ALL.map(|end| (end.as_str(), end.of(&counts))),
            [("FAILED", 3), ("REJECTED", 5), ("TIMED_OUT", 7)]
        );
    }

    #[test]
    fn all_have_it_when_every_device_that_is_there_does() {
        let progress = |numbers| Progress {
            verdict: Some(Verdict::Completed),
            counts: Some(counts(numbers)),
            failures: Vec::new(),
        };
        assert!(progress([0, 0, 5, 0, 0, 0]).all_have_it());
        assert!(progress([0, 0, 5, 0, 0, 2]).all_have_it(), "who left has not to have it");
        for numbers in [[1, 0, 5, 0, 0, 0], [0, 0, 5, 1, 0, 0], [0, 0, 5, 0, 1, 0], [0, 0, 0, 0, 0, 2]] {
            assert!(!progress(numbers).all_have_it(), "{numbers:?}");
        }
        let unsettled = Progress { verdict: None, ..progress([0, 0, 5, 0, 0, 0]) };
        assert!(!unsettled.all_have_it() && !Progress::default().all_have_it());
    }

    #[test]
    fn absurd_counts_are_no_panic() {
        let counts = DeviceCounts { queued: i64::MAX, failed: i64::MAX, removed: -5, ..DeviceCounts::default() };
        let _ = judge(&counts.totalled(), false, &Criteria::default());
    }
}
