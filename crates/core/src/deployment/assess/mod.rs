//! Compares what is wanted with what is remembered and known. Pure.
//!
//! `decide` and `summarise` read the same [`Assessment`], so what is done and what is said can't disagree.

pub mod deletion;
pub mod intent;
pub mod ownership;
pub mod parent;
pub mod sync;
pub mod trouble;

use jiff::{SignedDuration, Timestamp};

pub use deletion::Deletion;
pub use intent::IntentState;
pub use ownership::{Own, Ownership};
pub use parent::Parent;
pub use sync::{Drift, Subdeployments, Sync, Tags};
pub use trouble::Blocked;

use super::knowledge::{Knowledge, RowStatus};
use super::memory::Memory;
use super::subject::{Claimant, Subject, Wanted};
use crate::failure::Blocking;
use crate::names::Key;

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
    /// Whether AWS has what is wanted.
    pub sync: Sync,
    /// The parent's deployment.
    pub parent: Parent,
    /// Subdeployments that a new revision would end.
    pub subdeployments: Subdeployments,
    /// The user's tags.
    pub tags: Tags,
    /// The call that fails.
    pub blocked: Option<Blocked>,
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
    /// AWS refuses, and a person must act.
    Refused(Blocking),
    /// The parent comes first.
    WaitingForParent,
    /// A revision is due or being made.
    Changing,
    /// The newest revision was cancelled.
    RolloutCanceled,
    /// The device reported a failure.
    RolloutFailed,
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
    let sync = sync::assess(subject, memory, &ownership, &parent, now);
    let drift = sync::drift(subject, memory, &ownership, &parent, &intent, &sync);
    let subdeployments = sync::subdeployments(subject, memory, knowledge, &sync);
    let tags = sync::tags(subject, memory, knowledge, &ownership);
    let found = trouble::Found { ownership: &ownership, sync: &sync, tags: &tags };
    let blocked = trouble::assess(subject, memory, knowledge, &found, now);
    let suspended = match subject.wanted {
        Wanted::Present(desired, _) => desired.suspend,
        Wanted::Absent { suspended, .. } => *suspended,
        Wanted::Invalid(_) => false,
    };
    let verified_at = knowledge.verified_at.unwrap_or(knowledge.since);
    let mut assessment = Assessment {
        now,
        phase: Phase::Done,
        ownership,
        intent,
        sync,
        parent,
        subdeployments,
        tags,
        blocked,
        obstacle: knowledge.obstacle.clone(),
        look_wanted: key.is_some() && knowledge.wants_look(),
        suspended,
        verified: now.duration_since(verified_at) < TRUSTED_WITHOUT_VERIFICATION,
    };
    assessment.phase = phase(&assessment, subject, memory, knowledge, drift);
    assessment
}

fn phase(
    assessment: &Assessment,
    subject: &Subject<'_>,
    memory: &Memory,
    knowledge: &Knowledge,
    drift: Option<Drift>,
) -> Phase {
    let desired = match subject.wanted {
        Wanted::Absent { policy, key, suspended } => {
            return Phase::Deleting(deletion::assess(
                *policy,
                key.as_ref(),
                *suspended,
                &assessment.intent,
                subject,
                memory,
                knowledge,
                assessment.now,
            ));
        }
        Wanted::Invalid(message) => return Phase::Invalid(message.clone()),
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
    if let Some(winner) = winner(subject, memory, knowledge) {
        return Phase::TargetConflict(winner);
    }
    if let Ownership::Foreign { deployment_id } = &assessment.ownership {
        return Phase::Foreign(vec![deployment_id.clone()]);
    }
    if let Subdeployments::Foreign(ids) = &assessment.subdeployments {
        return Phase::Foreign(ids.clone());
    }
    if let Some(drift) = drift {
        return Phase::Drifted(drift);
    }
    if let Some(Blocked::Person { reason, .. }) = &assessment.blocked {
        return Phase::Refused(*reason);
    }
    let changing = memory.intent.is_some() || assessment.sync.is_open() || assessment.ownership.is_open();
    let parent_first = assessment.parent.is_waiting() && changing || matches!(assessment.sync, Sync::DueAt(_));
    if parent_first && memory.intent.is_none() {
        return Phase::WaitingForParent;
    }
    if changing {
        return Phase::Changing;
    }
    match assessment.ownership.own().and_then(|own| own.status) {
        Some(RowStatus::Canceled) => Phase::RolloutCanceled,
        Some(RowStatus::Failed) => Phase::RolloutFailed,
        Some(RowStatus::Active | RowStatus::Completed | RowStatus::Inactive | RowStatus::Unknown) | None => Phase::Done,
    }
}

/// The resource that goes before this one, where another has the same key: the one that already made a deployment, else the
/// older, else the lower name, because creation times tie within a second.
fn winner(subject: &Subject<'_>, memory: &Memory, knowledge: &Knowledge) -> Option<Claimant> {
    // Only until the next look: the cache shows them by then, or they are gone.
    let since = knowledge.look.as_ref().map(|look| look.began_at);
    let live = knowledge.claimants.as_ref().filter(|reading| Some(reading.at) >= since);
    let live = live.map(|reading| reading.value.as_slice()).unwrap_or_default();
    let mine = (memory.deployment.is_none(), subject.created_at, subject.object.to_string());
    subject
        .peers
        .claimants
        .iter()
        .chain(live)
        .filter(|other| !other.deleting)
        .find(|other| (!other.has_deployment, other.created_at, other.object.to_string()) < mine)
        .cloned()
}

fn current_key(subject: &Subject<'_>, memory: &Memory) -> Option<Key> {
    match subject.wanted {
        // What was deployed to, even where the spec means something else by now: nothing is read or written there.
        Wanted::Present(desired, _) => Some(memory.key.clone().unwrap_or_else(|| desired.key.clone())),
        Wanted::Absent { key, .. } => key.clone(),
        Wanted::Invalid(_) => memory.key.clone(),
    }
}

fn describe(key: &Key) -> String {
    match &key.parent {
        Some(parent) => format!("{} under {parent}", key.target),
        None => key.target.to_string(),
    }
}
