//! Says on the resource where it stands: the status, one function per condition. Pure.

mod advisory;
mod devices;
pub(crate) mod ready;
mod rolled_out;
mod standing;
mod synced;
pub(crate) mod words;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use super::assess::{Assessment, Blocked, Cancel, Ownership, Phase, RolloutState};
use super::knowledge::Request;
use super::memory::Memory;
use super::rollout::Verdict;
use super::subject::{Access, Subject, Wanted};
use super::validate::REMOVE_TIMEOUT;
use crate::api::GreengrassDeploymentStatus;
use crate::conditions;
pub use crate::conditions::Truth;
use crate::failure::Blocking;
use ready::{Companion, Ready};

/// Condition types in the order in which they stand: kstatus reads them in order.
pub const TYPES: [&str; 7] = ["Ready", "Reconciling", "Stalled", "Synced", "RolledOut", "Suspended", "Advisory"];

/// Why a condition has its status: the reason in conditions, events and metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// AWS has it.
    Deployed,
    /// It is not to run, and does not.
    NotDeployed,
    /// Devices have it, too.
    RolledOut,
    /// There is no device that could have it.
    NoDevices,
    /// Devices are at it, and the resource waits for them.
    RollingOut,
    /// They have taken longer than they should.
    DeadlineExceeded,
    /// Enough devices have it.
    Completed,
    /// Devices are at it.
    InProgress,
    /// Too many devices failed.
    DevicesFailed,
    /// It was cancelled.
    Canceled,
    /// Devices have taken longer than they should to lose what is to be removed.
    RemoveTimedOut,
    /// A revision is being made.
    Progressing,
    /// It fails, and is tried again.
    ProgressingWithRetry,
    /// AWS could not be read for too long.
    Unverified,
    /// Nothing may be written to AWS.
    Suspended,
    /// The parent comes first.
    WaitingForParent,
    /// AWS is being cleared.
    Removing,
    /// The spec can't be used.
    InvalidSpec,
    /// The identity is not there, or can't be used.
    IdentityNotFound,
    /// The identity does not allow it.
    IdentityNotAllowed,
    /// The resource now means another target.
    KeyChanged,
    /// Another resource has the key.
    TargetConflict,
    /// Somebody else's deployment is there.
    ForeignRevision,
    /// AWS no longer has what was made.
    Drifted,
    /// It was mended too often lately.
    CorrectionsExhausted,
    /// What the spec refers to is not there.
    ReferenceNotFound,
    /// The parent's new revision has ended it, and that is left so.
    Yielded,
    /// Some keys stay on devices.
    KeysNotReset,
    /// The user's tags are not on the deployment.
    TagsNotApplied,
    /// Old revisions stay in AWS.
    HistoryNotPruned,
    /// The newest revision was cancelled.
    RolloutCanceled,
    /// The device reported a failure.
    RolloutFailed,
    /// AWS refuses; a person must act.
    Refused(Blocking),
    /// What must be cleared in AWS is not known, or AWS refuses.
    DeletionBlocked,
    /// AWS has what is wanted.
    UpToDate,
    /// AWS has something else.
    OutOfDate,
    /// It can't be said.
    Unknown,
}

impl Reason {
    /// As it stands in conditions.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deployed => "Deployed",
            Self::NotDeployed => "NotDeployed",
            Self::RolledOut => "RolledOut",
            Self::NoDevices => "NoDevices",
            Self::RollingOut => "RollingOut",
            Self::DeadlineExceeded => "DeadlineExceeded",
            Self::Completed => "Completed",
            Self::InProgress => "InProgress",
            Self::DevicesFailed => "DevicesFailed",
            Self::Canceled => "Canceled",
            Self::RemoveTimedOut => "RemoveTimedOut",
            Self::Progressing => "Progressing",
            Self::ProgressingWithRetry => "ProgressingWithRetry",
            Self::Unverified => "Unverified",
            Self::Suspended => "Suspended",
            Self::WaitingForParent => "WaitingForParent",
            Self::Removing => "Removing",
            Self::InvalidSpec => "InvalidSpec",
            Self::IdentityNotFound => "IdentityNotFound",
            Self::IdentityNotAllowed => "IdentityNotAllowed",
            Self::KeyChanged => "KeyChanged",
            Self::TargetConflict => "TargetConflict",
            Self::ForeignRevision => "ForeignRevision",
            Self::Drifted => "Drifted",
            Self::CorrectionsExhausted => "CorrectionsExhausted",
            Self::ReferenceNotFound => "ReferenceNotFound",
            Self::Yielded => "Yielded",
            Self::KeysNotReset => "KeysNotReset",
            Self::TagsNotApplied => "TagsNotApplied",
            Self::HistoryNotPruned => "HistoryNotPruned",
            Self::RolloutCanceled => "RolloutCanceled",
            Self::RolloutFailed => "RolloutFailed",
            Self::Refused(blocking) => blocking.reason(),
            Self::DeletionBlocked => "DeletionBlocked",
            Self::UpToDate => "UpToDate",
            Self::OutOfDate => "OutOfDate",
            Self::Unknown => "Unknown",
        }
    }
}

/// What a condition says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saying {
    /// Its status.
    pub truth: Truth,
    /// Its reason.
    pub reason: Reason,
    /// A sentence for a person.
    pub message: String,
}

impl Saying {
    /// As conditions are made of.
    #[must_use]
    pub fn parts(&self) -> (Truth, &str, &str) {
        (self.truth, self.reason.as_str(), &self.message)
    }
}

/// All that a condition may look at.
#[derive(Clone, Copy)]
struct Scene<'a> {
    subject: &'a Subject<'a>,
    memory: &'a Memory,
    assessment: &'a Assessment,
    previous: &'a [Condition],
}

impl Scene<'_> {
    /// The call that fails for this very generation: what failed for the one before says nothing of it.
    fn blocked(&self) -> Option<&Blocked> {
        let generation = self.subject.generation;
        self.assessment.blocked.as_ref().filter(|blocked| blocked.trouble().request.generation == generation)
    }
}

/// Where the resource stands, as its status says it.
#[must_use]
pub fn summarise(
    subject: &Subject<'_>,
    memory: &Memory,
    assessment: &Assessment,
    previous: &[Condition],
) -> GreengrassDeploymentStatus {
    let memory = up_to_date(subject, memory, assessment);
    let scene = Scene { subject, memory: &memory, assessment, previous };
    let Ready { saying, companion } = ready::ready(&scene);
    let suspended = assessment.suspended.then(|| words::suspended_condition(&scene));
    let synced = synced::synced(&scene, &saying);
    let rolled_out = rolled_out::rolled_out(&scene);
    let (reconciling, stalled) = match companion {
        Companion::None => (None, None),
        Companion::Reconciling => (Some(accompany(&saying)), None),
        Companion::Stalled => (None, Some(accompany(&saying))),
    };
    let advisory = advisory::advisory(&scene);
    let ours = [Some(saying), reconciling, stalled, Some(synced), Some(rolled_out), suspended, advisory];
    let mut status = memory.to_status();
    status.pending_change.clone_from(&assessment.pending);
    let sayings = ours.iter().map(|saying| saying.as_ref().map(Saying::parts));
    status.conditions = conditions::all(&TYPES, sayings, subject.generation, assessment.now, previous);
    status
}

/// What is remembered without a write of its own: it travels with the next one.
fn up_to_date(subject: &Subject<'_>, memory: &Memory, assessment: &Assessment) -> Memory {
    let mut memory = memory.clone();
    memory.observed_generation = Some(subject.generation);
    if let Wanted::Present(desired, digest) = subject.wanted {
        memory.key = memory.key.or_else(|| Some(desired.key.clone()));
        if let Access::Granted { identity, version: _ } = subject.access {
            memory.identity = Some(identity.clone());
        }
        memory.deletion_policy = Some(desired.deletion_policy);
        memory.remove_timeout = Some(desired.remove_timeout).filter(|timeout| *timeout != REMOVE_TIMEOUT);
        let unchanged = memory.intent.is_none() && !matches!(assessment.phase, Phase::KeyChanged { .. });
        if let Some(own) = memory.deployment.as_mut().filter(|own| unchanged && own.digest.as_ref() == Some(digest)) {
            own.generation = Some(subject.generation);
        }
    }
    if let (Some(own), Some(status)) =
        (memory.deployment.as_mut(), assessment.ownership.own().and_then(|own| own.status))
    {
        own.status = Some(status.as_str().to_owned());
    }
    note_progress(&mut memory, assessment);
    memory.bring_history_up_to_date();
    if assessment.cancel == Cancel::Handled {
        memory.cancel_at.clone_from(&subject.cancel_at);
    }
    if assessment.dropped.is_some() {
        memory.dropped.clone_from(&assessment.dropped);
    }
    if subject.reconcile_at.is_some() && !assessment.look_wanted {
        memory.reconcile_at.clone_from(&subject.reconcile_at);
    }
    // Only a look shows that it is gone; what is merely remembered was remembered while it was there.
    if matches!(&assessment.ownership, Ownership::Ours(own) if own.remembered) {
        memory.foreign = None;
    }
    memory
}

/// Once devices have lost what was to be removed, what becomes of that revision is our own doing.
fn note_progress(memory: &mut Memory, assessment: &Assessment) {
    let is_cleared = matches!(assessment.phase, Phase::Deleting(_))
        && matches!(memory.progress.verdict, Some(Verdict::Completed | Verdict::NoDevices));
    if assessment.rollout.state != RolloutState::None && !is_cleared {
        memory.progress = assessment.rollout.progress();
    }
}

pub(crate) fn accompany(ready: &Saying) -> Saying {
    Saying { truth: Truth::True, ..ready.clone() }
}

/// What happened between two statuses, for an event: one per transition of Ready, and where that stays as it was, one where the
/// parent has ended a subdeployment, and one where what devices did is settled.
#[must_use]
pub fn transition<'a>(before: &[Condition], after: &'a [Condition]) -> Option<&'a Condition> {
    let changed = |name: &str| {
        let now = after.iter().find(|condition| condition.type_ == name)?;
        let then = before.iter().find(|condition| condition.type_ == name);
        let same = then.is_some_and(|then| then.status == now.status && then.reason == now.reason);
        (!same).then_some(now)
    };
    let settles = |rolled_out: &&Condition| {
        [Reason::Completed, Reason::DevicesFailed, Reason::NoDevices, Reason::Canceled]
            .iter()
            .any(|reason| reason.as_str() == rolled_out.reason)
    };
    changed("Ready")
        .or_else(|| changed("Synced").filter(|synced| synced.reason == Reason::Yielded.as_str()))
        .or_else(|| changed("RolledOut").filter(settles))
}

/// Re-exported for callers that record a failure.
#[must_use]
pub fn request(subject: &Subject<'_>) -> Request {
    super::assess::trouble::request(subject)
}
