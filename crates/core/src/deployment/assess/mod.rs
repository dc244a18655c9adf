//! Compares what is wanted with what is remembered and known. Pure.
//!
//! `decide` and `summarise` read the same [`Assessment`], so what is done and what is said can't disagree.

pub mod adoption;
pub mod cancel;
mod conflict;
pub mod deletion;
pub mod drift;
pub mod history;
pub mod intent;
pub mod ownership;
pub mod parent;
mod pending;
mod removal;
pub mod rollout;
pub mod subdeployments;
pub mod sync;
pub mod trouble;

use jiff::{SignedDuration, Timestamp};

pub use adoption::Adoption;
pub use cancel::Cancel;
pub use deletion::Deletion;
use drift::Correction;
pub use drift::Drift;
pub use history::Old;
pub use intent::IntentState;
pub use ownership::{Own, Ownership};
pub use parent::Parent;
pub use rollout::{NextReading, Rollout, RolloutQuery, RolloutState};
pub use subdeployments::Subdeployments;
pub use sync::{Sync, Tags};
pub use trouble::Blocked;

use super::configuration::Keys;
use super::knowledge::{Knowledge, RowStatus, later};
use super::memory::Memory;
use super::subject::{Absent, Claimant, Subject, Wanted};
use super::tags::Cause;
use crate::failure::{Blocking, Failure};
use crate::names::Key;
use crate::pace::GRACE;

/// So long what AWS was last seen to hold is shown as true while AWS can't be read.
pub const TRUSTED_WITHOUT_VERIFICATION: SignedDuration = SignedDuration::from_hours(1);

/// Where a resource stands.
#[derive(Clone, Debug)]
pub struct Assessment {
    /// The time of it.
    pub now: Timestamp,
    /// The first phase that matches.
    pub phase: Phase,
    /// Whose deployment is the newest.
    pub ownership: Ownership,
    /// How far the recorded change is.
    pub intent: IntentState,
    /// What is to become of somebody else's that was there first.
    pub adoption: Adoption,
    /// Whether AWS has what is wanted.
    pub sync: Sync,
    /// How AWS no longer has what we made, whether it is being mended or not.
    pub drift: Option<Drift>,
    /// Whose tags must be read before it can be said whether a drift may be mended.
    pub uncounted: Option<String>,
    /// The parent's deployment.
    pub parent: Parent,
    /// Subdeployments that a new revision would end.
    pub subdeployments: Subdeployments,
    /// The user's tags.
    pub tags: Tags,
    /// Old revisions.
    pub old: Old,
    /// How devices take the newest revision.
    pub rollout: Rollout,
    /// What the person who wants it stopped is told.
    pub cancel: Cancel,
    /// What a revision would change, where nothing may be written or somebody else's is there.
    pub pending: Vec<String>,
    /// Why the last deletion of an old revision failed.
    pub prune_failure: Option<Failure>,
    /// What is still to be reset on devices, where that has become less.
    pub dropped: Option<Keys>,
    /// The call that fails.
    pub blocked: Option<Blocked>,
    /// The same where it only keeps the user's tags from the deployment.
    pub untaggable: Option<Blocked>,
    /// What the API server answered when it refused something that must come first.
    pub obstacle: Option<String>,
    /// Whether a look is asked for that has not begun yet.
    pub look_wanted: bool,
    /// Whether nothing may be written to AWS.
    pub suspended: bool,
    /// Whether AWS was seen to hold it lately enough.
    pub verified: bool,
}

/// What matters most about a resource: one at a time, the first that matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The object is being deleted.
    Deleting(Deletion),
    /// The spec can't be used.
    Invalid(String),
    /// What the spec refers to must be read first.
    Unresolved,
    /// What the spec refers to is not there.
    ReferenceMissing {
        /// What it is.
        what: Absent,
        /// What is missing and what to do.
        message: String,
        /// From then on a person must act; until then it may be on its way.
        stalled_at: Timestamp,
    },
    /// The identity does not allow it.
    NotAllowed(String),
    /// The same resource now means another target.
    KeyChanged {
        /// What it meant.
        was: String,
        /// What it means now.
        is: String,
    },
    /// Nothing may be written to AWS.
    Suspended,
    /// Another resource of this cluster has the key.
    TargetConflict(Claimant),
    /// Somebody else's deployment is there and none of ours, or would be ended by ours.
    Foreign(Vec<String>),
    /// AWS no longer has what we made.
    Drifted(Drift),
    /// AWS no longer has what we made, and it was mended too often lately.
    CorrectionsExhausted {
        /// How.
        drift: Drift,
        /// When it is mended again.
        until: Timestamp,
    },
    /// AWS refuses, and a person must act.
    Refused(Blocking),
    /// The parent comes first.
    WaitingForParent,
    /// A revision is due or being made.
    Changing,
    /// The newest revision was cancelled.
    RolloutCanceled,
    /// Too many devices failed.
    RolloutFailed,
    /// Devices are at it.
    RollingOut,
    /// AWS has what is wanted.
    Done,
}

/// Compares what is wanted with what is remembered and known.
#[must_use]
pub fn assess(subject: &Subject<'_>, memory: &Memory, knowledge: &Knowledge, now: Timestamp) -> Assessment {
    let key = current_key(subject, memory);
    let ownership = key.as_ref().map_or(Ownership::Unread, |key| ownership::assess(key, subject, memory, knowledge));
    let parent = parent::assess(subject, knowledge, now);
    let intent = intent::assess(subject, memory, knowledge, now);
    let adoption = adoption::assess(subject, knowledge, &ownership);
    let mut sync = sync::assess(subject, memory, &ownership, &adoption, &parent, now);
    let drift = drift::find(subject, memory, &ownership, &parent, &intent, &sync);
    let correction = drift.as_ref().map(|_| drift::correction(subject, knowledge, now));
    if correction == Some(Correction::Make) {
        sync = Sync::Due(Cause::Correct);
    }
    let subdeployments = subdeployments::assess(subject, memory, knowledge, &sync);
    let tags = sync::tags(subject, memory, knowledge, &ownership);
    let rollout = key.as_ref().map_or_else(Rollout::none, |key| {
        let found = rollout::Found { key, ownership: &ownership, parent: &parent, sync: &sync };
        rollout::assess(subject, memory, knowledge, &found, now)
    });
    let cancel = cancel::assess(subject, memory, knowledge, &ownership, now);
    let old = history::assess(subject, memory, knowledge, &ownership, now);
    let prune_failure = knowledge.history.failure.clone().filter(|_| old != Old::WithinLimit);
    let found =
        trouble::Found { ownership: &ownership, adoption: &adoption, sync: &sync, tags: &tags, cancel: &cancel };
    let failing = trouble::assess(subject, memory, knowledge, &found, now);
    let is_of_tags = failing.as_ref().is_some_and(|failing| trouble::is_of_tags(failing, &adoption));
    let (blocked, untaggable) = if is_of_tags { (None, failing) } else { (failing, None) };
    let suspended = match subject.wanted {
        Wanted::Present(desired, _) => desired.suspend,
        Wanted::Absent { suspended, .. } => *suspended,
        Wanted::Invalid(_) | Wanted::Unread | Wanted::Missing(..) | Wanted::NotAllowed(_) => false,
    };
    let verified_at = knowledge.verified_at.unwrap_or(knowledge.since);
    let mut assessment = Assessment {
        now,
        phase: Phase::Done,
        ownership,
        intent,
        adoption,
        sync,
        drift,
        uncounted: None,
        parent,
        subdeployments,
        tags,
        old,
        rollout,
        cancel,
        pending: Vec::new(),
        prune_failure,
        dropped: None,
        blocked,
        untaggable,
        obstacle: knowledge.obstacle.clone(),
        look_wanted: key.is_some() && knowledge.wants_look(),
        suspended,
        verified: now.duration_since(verified_at) < TRUSTED_WITHOUT_VERIFICATION,
    };
    if let Some(Correction::Read(id)) = &correction {
        assessment.uncounted = Some(id.clone());
    }
    assessment.phase = phase(&assessment, subject, memory, knowledge, correction);
    assessment.pending = pending(&assessment, subject, knowledge);
    assessment.dropped = still_dropped(&assessment, subject, memory, knowledge);
    assessment
}

fn phase(
    assessment: &Assessment,
    subject: &Subject<'_>,
    memory: &Memory,
    knowledge: &Knowledge,
    correction: Option<Correction>,
) -> Phase {
    let desired = match subject.wanted {
        Wanted::Absent { .. } => {
            let Assessment { intent, ownership, sync, subdeployments, rollout, now, .. } = assessment;
            let found = deletion::Found { intent, ownership, sync, subdeployments, rollout };
            return Phase::Deleting(deletion::assess(subject, memory, knowledge, &found, *now));
        }
        Wanted::Invalid(message) => return Phase::Invalid(message.clone()),
        Wanted::Unread => return Phase::Unresolved,
        Wanted::Missing(what, message) => {
            let since = knowledge.missing_since.unwrap_or(assessment.now);
            return Phase::ReferenceMissing { what: *what, message: message.clone(), stalled_at: later(since, GRACE) };
        }
        Wanted::NotAllowed(message) => return Phase::NotAllowed(message.clone()),
        Wanted::Present(desired, _) => desired,
    };
    if let Some(was) = &memory.key
        && *was != desired.key
    {
        return Phase::KeyChanged { was: describe(was), is: describe(&desired.key) };
    }
    if desired.suspend {
        return Phase::Suspended;
    }
    if let Some(winner) = conflict::winner(&assessment.ownership, subject, memory, knowledge) {
        return Phase::TargetConflict(winner);
    }
    if let (Ownership::Foreign { deployment_id }, Adoption::Refused) = (&assessment.ownership, &assessment.adoption) {
        return Phase::Foreign(vec![deployment_id.clone()]);
    }
    if let Subdeployments::Foreign(ids) = &assessment.subdeployments {
        return Phase::Foreign(ids.clone());
    }
    match (&assessment.drift, correction) {
        (None, _) | (Some(_), Some(Correction::Make | Correction::Read(_))) => {}
        (Some(drift), Some(Correction::Exhausted(until))) => {
            return Phase::CorrectionsExhausted { drift: drift.clone(), until };
        }
        (Some(drift), Some(Correction::Wait) | None) => return Phase::Drifted(drift.clone()),
    }
    if let Some(Blocked::Person { reason, .. }) = &assessment.blocked {
        return Phase::Refused(*reason);
    }
    let changing = memory.intent.is_some()
        || assessment.sync.is_open()
        || assessment.ownership.is_open()
        || assessment.uncounted.is_some()
        || matches!(assessment.adoption, Adoption::Ask(_) | Adoption::Take(_));
    let parent_first = assessment.parent.is_waiting() && changing || matches!(assessment.sync, Sync::DueAt(_));
    if parent_first && memory.intent.is_none() {
        return Phase::WaitingForParent;
    }
    if changing {
        return Phase::Changing;
    }
    // Whatever status AWS gives it: it was the parent that ended it.
    if assessment.sync == Sync::Yielded {
        return Phase::Done;
    }
    match assessment.ownership.own().and_then(|own| own.status) {
        Some(RowStatus::Canceled) => Phase::RolloutCanceled,
        Some(RowStatus::Failed) => Phase::RolloutFailed,
        Some(RowStatus::Active | RowStatus::Completed | RowStatus::Inactive | RowStatus::Unknown) | None => {
            phase_of_rollout(assessment.rollout.state)
        }
    }
}

fn phase_of_rollout(state: RolloutState) -> Phase {
    match state {
        RolloutState::Canceled => Phase::RolloutCanceled,
        RolloutState::Failed => Phase::RolloutFailed,
        RolloutState::Unread | RolloutState::NotStarted | RolloutState::InProgress => Phase::RollingOut,
        RolloutState::None | RolloutState::Completed | RolloutState::NoDevices => Phase::Done,
    }
}

fn pending(assessment: &Assessment, subject: &Subject<'_>, knowledge: &Knowledge) -> Vec<String> {
    let is_shown = match assessment.phase {
        Phase::Foreign(_) | Phase::Drifted(_) | Phase::CorrectionsExhausted { .. } => true,
        Phase::Suspended => assessment.sync != Sync::UpToDate,
        Phase::Deleting(_)
        | Phase::Invalid(_)
        | Phase::Unresolved
        | Phase::ReferenceMissing { .. }
        | Phase::NotAllowed(_)
        | Phase::KeyChanged { .. }
        | Phase::TargetConflict(_)
        | Phase::Refused(_)
        | Phase::WaitingForParent
        | Phase::Changing
        | Phase::RolloutCanceled
        | Phase::RolloutFailed
        | Phase::RollingOut
        | Phase::Done => false,
    };
    let newest = match (&knowledge.look, assessment.ownership.own()) {
        (Some(look), _) => look.rows.first().map(|row| row.deployment_id.as_str()),
        (None, own) => own.map(|own| own.deployment_id.as_str()),
    };
    let (Some(desired), Some(newest), true) = (subject.desired(), newest, is_shown) else { return Vec::new() };
    let details = knowledge.details.get(newest).and_then(|reading| reading.value.as_ref());
    details
        .and_then(|details| details.content.as_ref())
        .map(|content| pending::lines(desired, content))
        .unwrap_or_default()
}

/// What the newest revision has reset on all devices need not be reset again: another group's settings would go with it.
fn still_dropped(
    assessment: &Assessment,
    subject: &Subject<'_>,
    memory: &Memory,
    knowledge: &Knowledge,
) -> Option<Keys> {
    let own = assessment.ownership.own().filter(|own| own.remembered)?;
    if !assessment.rollout.progress().all_have_it() {
        return None;
    }
    let (_, configured) = &**knowledge.configured.as_ref().filter(|known| known.0 == own.deployment_id)?;
    subject.desired().filter(|_| memory.intent.is_none())?;
    let mut dropped = memory.dropped.clone()?;
    dropped.remove(&configured.reset);
    (Some(&dropped) != memory.dropped.as_ref()).then_some(dropped)
}

fn current_key(subject: &Subject<'_>, memory: &Memory) -> Option<Key> {
    match subject.wanted {
        // What was deployed to, even where the spec means something else by now: nothing is read or written there.
        Wanted::Present(desired, _) => Some(memory.key.clone().unwrap_or_else(|| desired.key.clone())),
        Wanted::Absent { key, .. } => key.clone(),
        Wanted::Invalid(_) | Wanted::Unread | Wanted::Missing(..) | Wanted::NotAllowed(_) => memory.key.clone(),
    }
}

fn describe(key: &Key) -> String {
    match &key.parent {
        Some(parent) => format!("{} under {parent}", key.target),
        None => key.target.to_string(),
    }
}
