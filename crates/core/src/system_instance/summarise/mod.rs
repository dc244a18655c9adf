//! Says on the resource where it stands: the status, one function per condition. Pure.

mod ready;
mod words;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use super::assess::{Assessment, Phase, Progress, Seen, seen};
use super::knowledge::{DeploymentStatus, Knowledge};
use super::memory::{Memory, Shown};
use super::subject::{Access, Subject, Wanted};
use crate::api::SystemInstanceStatus;
use crate::conditions::{self, Truth};
pub use crate::deployment::summarise::TYPES;
use crate::deployment::summarise::ready::{Companion, Ready};
use crate::deployment::summarise::{Reason, Saying, accompany};
use crate::trouble::Blocked;

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

    /// What was said of this very generation, where nothing else is known yet.
    fn stood(&self, name: &str) -> Option<&Condition> {
        let generation = Some(self.subject.generation);
        self.previous.iter().find(|condition| condition.type_ == name && condition.observed_generation == generation)
    }

    fn is_to_run(&self) -> Option<bool> {
        self.subject.desired().map(|(desired, _)| desired.deployed)
    }
}

/// Where the resource stands, as its status says it.
#[must_use]
pub fn summarise(
    subject: &Subject<'_>,
    memory: &Memory,
    knowledge: &Knowledge,
    assessment: &Assessment,
    previous: &[Condition],
) -> SystemInstanceStatus {
    let memory = up_to_date(subject, memory, knowledge, assessment);
    let scene = Scene { subject, memory: &memory, assessment, previous };
    let mut status = memory.to_status();
    // What was said stands until AWS has been read again: that this process has begun anew is no news.
    if let Some(stood) = standing(&scene) {
        status.conditions = stood;
        return status;
    }
    let Ready { saying, companion } = ready::ready(&scene);
    let (reconciling, stalled) = match companion {
        Companion::None => (None, None),
        Companion::Reconciling => (Some(accompany(&saying)), None),
        Companion::Stalled => (None, Some(accompany(&saying))),
    };
    let synced = synced(&scene, &saying);
    let rolled_out = rolled_out(&scene);
    let suspended = assessment.suspended.then(|| Saying {
        truth: Truth::True,
        reason: Reason::Suspended,
        message: words::suspended(&scene),
    });
    let advisory = advisory(&scene);
    let ours = [Some(saying), reconciling, stalled, Some(synced), Some(rolled_out), suspended, advisory];
    let sayings = ours.iter().map(|saying| saying.as_ref().map(Saying::parts));
    status.conditions = conditions::all(&TYPES, sayings, subject.generation, assessment.now, previous);
    status
}

/// The conditions as they are, where this process has not read AWS yet and was not told anything new.
fn standing(scene: &Scene<'_>) -> Option<Vec<Condition>> {
    let Scene { assessment, previous, .. } = *scene;
    let is_reading = assessment.phase == Phase::Reading && assessment.obstacle.is_none() && assessment.verified;
    let is_refused = matches!(scene.blocked(), Some(Blocked::Person { .. }));
    (is_reading && !is_refused && scene.stood("Ready").is_some()).then(|| previous.to_vec())
}

/// What is remembered without a write of its own: it travels with the next one.
fn up_to_date(subject: &Subject<'_>, memory: &Memory, knowledge: &Knowledge, assessment: &Assessment) -> Memory {
    let mut memory = memory.clone();
    memory.observed_generation = Some(subject.generation);
    if let Wanted::Present(desired, digest) = subject.wanted {
        if let Access::Granted { identity, version: _ } = subject.access {
            memory.identity = Some(identity.clone());
        }
        memory.deletion_policy = Some(desired.deletion_policy);
        if let Some(own) = memory.own.as_mut().filter(|own| own.digest == *digest) {
            own.generation = Some(subject.generation);
        }
        if assessment.progress == Some(Progress::Done) && memory.intent.is_none() {
            memory.settled = Some(desired.deployed);
            memory.retries = 0;
            // Where it does not run there is nothing to deploy again.
            if !desired.deployed && subject.redeploy_at.is_some() {
                memory.redeploy_at.clone_from(&subject.redeploy_at);
            }
        }
    }
    if let Some(own) = &memory.own
        && let Seen::Found(instance) = seen(&own.id, &memory, knowledge)
        && instance.created_at == own.created_at
    {
        memory.shown = Shown::of(instance);
    }
    let is_looking = matches!(assessment.progress, Some(Progress::Look(_) | Progress::Lags(..)));
    if subject.reconcile_at.is_some() && !is_looking {
        memory.reconcile_at.clone_from(&subject.reconcile_at);
    }
    memory
}

fn synced(scene: &Scene<'_>, ready: &Saying) -> Saying {
    let Scene { memory, assessment, .. } = *scene;
    let say = |truth, reason, message: String| Saying { truth, reason, message };
    let unknown = |message: String| say(Truth::Unknown, Reason::Unknown, message);
    if matches!(ready.reason, Reason::Drifted | Reason::ForeignRevision) {
        return ready.clone();
    }
    match &assessment.phase {
        Phase::Deleting(_) => {
            return unknown("not compared any more, because the resource is being deleted".to_owned());
        }
        Phase::Invalid(_) => return unknown("not compared with AWS, because the spec can't be used".to_owned()),
        Phase::Unresolved | Phase::ReferenceMissing { .. } => {
            return unknown("not compared with AWS, because something that the spec refers to is not there".to_owned());
        }
        Phase::NotAllowed(_) => {
            return unknown("not compared with AWS, because the identity does not allow it".to_owned());
        }
        Phase::KeyChanged { .. } => {
            return unknown(
                "not compared with AWS, because the resource now means another account or region".to_owned(),
            );
        }
        Phase::TargetConflict(_) => {
            return unknown("not compared with AWS, because another SystemInstance has the id".to_owned());
        }
        Phase::Suspended
        | Phase::Foreign(_)
        | Phase::Drifted(_)
        | Phase::Refused(_)
        | Phase::Reading
        | Phase::Changing
        | Phase::Failed { .. }
        | Phase::Moving(_)
        | Phase::Done => {}
    }
    let blocked = scene.blocked();
    if let Some(blocked) = blocked.filter(|_| memory.intent.is_some() || !assessment.verified) {
        return unknown(words::trouble(blocked));
    }
    match &assessment.progress {
        Some(Progress::Done | Progress::Failed(_)) => say(Truth::True, Reason::UpToDate, words::is_there(scene)),
        Some(Progress::Moving(moving)) if scene.is_to_run() == Some(moving.status.is_deploying()) => {
            say(Truth::True, Reason::UpToDate, words::is_there(scene))
        }
        Some(Progress::Drifted(drift)) if memory.intent.is_none() => {
            say(Truth::False, Reason::Drifted, words::drift_itself(*drift, memory))
        }
        Some(Progress::Foreign(message)) => say(Truth::False, Reason::ForeignRevision, words::foreign(message)),
        Some(Progress::Due(due)) => say(Truth::False, Reason::OutOfDate, words::due(due)),
        Some(Progress::Moving(..) | Progress::Forget(_)) => say(
            Truth::False,
            Reason::OutOfDate,
            "what is there is not what is asked for: it is being changed".to_owned(),
        ),
        Some(
            Progress::Look(_)
            | Progress::Lags(..)
            | Progress::Tags(_)
            | Progress::Owner(_)
            | Progress::TakeUp(..)
            | Progress::Adopt(_)
            | Progress::Drifted(_),
        )
        | None => unknown(words::unread(scene)),
    }
}

/// Whether it runs where it should.
fn rolled_out(scene: &Scene<'_>) -> Saying {
    let say = |truth, reason, message: String| Saying { truth, reason, message };
    let Some(own) = &scene.memory.own else {
        return say(Truth::Unknown, Reason::Unknown, "it is not known to be there".to_owned());
    };
    let id = &own.id;
    match scene.memory.shown.status.as_deref().map(DeploymentStatus::of) {
        Some(DeploymentStatus::DeployedInTarget) => {
            say(Truth::True, Reason::Completed, format!("{id} runs: DEPLOYED_IN_TARGET"))
        }
        Some(status @ (DeploymentStatus::Bootstrap | DeploymentStatus::DeployInProgress)) => {
            say(Truth::False, Reason::InProgress, format!("{id} is on its way: {}", status.as_str()))
        }
        Some(DeploymentStatus::Failed) => {
            say(Truth::False, Reason::RolloutFailed, format!("{id} could not be deployed: FAILED"))
        }
        Some(
            status @ (DeploymentStatus::NotDeployed
            | DeploymentStatus::UndeployInProgress
            | DeploymentStatus::PendingDelete
            | DeploymentStatus::DeletedInTarget
            | DeploymentStatus::Unknown),
        ) => say(Truth::False, Reason::NotDeployed, format!("{id} does not run: {}", status.as_str())),
        None => say(Truth::Unknown, Reason::Unknown, format!("{id} has not been read yet")),
    }
}

fn advisory(scene: &Scene<'_>) -> Option<Saying> {
    let failure = match &scene.assessment.untaggable {
        Some(Blocked::Person { trouble, .. } | Blocked::Service { retrying: true, trouble, .. }) => &trouble.failure,
        // What passes by itself is not worth a word.
        Some(Blocked::Service { retrying: false, .. }) | None => return None,
    };
    let message = format!("the system instance has not got the tags of the spec: {failure}; it is tried again");
    Some(Saying { truth: Truth::True, reason: Reason::TagsNotApplied, message })
}
