//! One turn of a resource: assess, decide, perform, until there is nothing more to do now; then say where it stands. I/O.

use std::time::Duration;

use greengrass_operator_core::api::FINALIZER;
use greengrass_operator_core::api::GreengrassDeploymentStatus;
use greengrass_operator_core::deployment::assess::{Assessment, Blocked, Phase, assess};
use greengrass_operator_core::deployment::decide::{Change, Query, Step, Why, decide};
use greengrass_operator_core::deployment::knowledge::{Knowledge, later};
use greengrass_operator_core::deployment::memory::Memory;
use greengrass_operator_core::deployment::subject::{Peers, Subject, Wanted};
use greengrass_operator_core::deployment::summarise::{summarise, transition};
use greengrass_operator_core::names::ObjectName;
use jiff::Timestamp;
use tracing::{debug, info};

use super::perform::{Act, Done};
use super::session::Session;
use super::{Deployments, lane, resolve};
use crate::aws::Class;
use crate::controller::objects::ApiError;
use crate::controller::publish::Published;
use crate::controller::queue::{Reason, Rest, Turn, Wake};
use crate::controller::record::{Json, Record};
use crate::controller::wakes::spread;

/// Steps of one turn. The longest turn there is, taking up a target with fifty foreign revisions, takes 60; a turn that runs
/// out of steps goes on in the next one.
const STEPS_AT_MOST: usize = 100;

/// Condition types that are ours to set and to remove.
const OWN_CONDITIONS: [&str; 5] = ["Ready", "Reconciling", "Stalled", "Synced", "Suspended"];

/// So long a resource rests when the API server refuses or does not answer.
const KUBERNETES_RETRY: Duration = Duration::from_secs(2);
const KUBERNETES_RETRY_LONGEST: Duration = Duration::from_mins(2);

/// Runs one turn.
pub(super) async fn run(all: &Deployments, turn: Turn) -> Rest {
    let Some(record) = all.store.get(&turn.name) else {
        gone(all, &turn.name);
        return Rest::until_woken();
    };
    let mut session = all.sessions.take(&turn.name, &record.uid);
    let rest = drive(all, &turn, Record::clone(&record), &mut session).await;
    all.sessions.put(turn.name.clone(), session);
    rest
}

fn gone(all: &Deployments, name: &ObjectName) {
    let Some(session) = all.sessions.end(name) else { return };
    wake_dependants(all, name, session.key.as_ref());
}

fn wake_dependants(all: &Deployments, name: &ObjectName, key: Option<&greengrass_operator_core::names::Key>) {
    for dependant in key.map(|key| resolve::dependants(key, name, &all.store)).unwrap_or_default() {
        all.queue.wake(dependant, Wake::now(Class::Recovery, Reason::Reference));
    }
}

async fn drive(all: &Deployments, turn: &Turn, mut record: Record, session: &mut Session) -> Rest {
    want_a_look(all, turn, session);
    for step in 0..STEPS_AT_MOST {
        let now = all.clock.now();
        let status = resolve::status(&record);
        let memory = Memory::recall(&status);
        let wanted = resolve::wanted(&record, &memory);
        let peers = resolve::peers(&record, &wanted, &all.store);
        let version = record.resource_version.to_string();
        let subject = subject(all, &record, &version, &wanted, &peers);
        note_requests(&subject, &memory, &mut session.knowledge, now);
        session.key = resolve::key(&record, &memory);
        let assessment = assess(&subject, &memory, &session.knowledge, now);
        let next = decide(&subject, &memory, &session.knowledge, &assessment);
        debug!(step, next = name_of(&next), "decided");
        let act = Act { all, record: &record, subject: &subject, memory: &memory, class: turn.class };
        let done = match &next {
            Step::Rest(until) => {
                let publisher = Publisher { act: &act, status: &status };
                return match publisher.publish(&memory, &assessment, &mut session.knowledge).await {
                    Ok(Said::Stands(seen)) => rest(all, session, &assessment, *until, seen),
                    Ok(Said::Gone) => Rest::until_woken(),
                    Err(error) => refused(all, turn, &record, error).await,
                };
            }
            Step::Ask(query) => act.ask(query, &mut session.knowledge).await,
            Step::Write(Change::Remember(remembered, why)) => {
                let publisher = Publisher { act: &act, status: &status };
                publisher.remember(remembered, *why, &mut session.knowledge).await
            }
            Step::Write(change) => act.write(change, &mut session.knowledge).await,
        };
        match done {
            Ok(Done::Learnt) => {}
            Ok(Done::Wrote(written)) => record = *written,
            Ok(Done::Gone) => return Rest::until_woken(),
            Ok(Done::Wait(until)) => {
                return Rest::back_off(until.saturating_duration_since(tokio::time::Instant::now()), turn.class)
                    .having_seen(record.resource_version);
            }
            Err(ApiError::Conflict) => match act.ask(&Query::Object, &mut session.knowledge).await {
                Ok(Done::Wrote(live)) => record = *live,
                Ok(Done::Learnt | Done::Gone | Done::Wait(_)) => return Rest::until_woken(),
                Err(error) => return refused(all, turn, &record, error).await,
            },
            Err(error) => return refused(all, turn, &record, error).await,
        }
    }
    Rest::after(Duration::ZERO, turn.class)
}

/// The step's name alone: its values may hold a configuration, which is nobody's business in a log.
fn name_of(step: &Step) -> &'static str {
    match step {
        Step::Rest(_) => "rest",
        Step::Ask(Query::Look) => "look",
        Step::Ask(Query::Deployment(_)) => "read deployment",
        Step::Ask(Query::Subdeployments) => "list subdeployments",
        Step::Ask(Query::Parent) => "read parent",
        Step::Ask(Query::Object) => "read object",
        Step::Ask(Query::Claimants) => "list claimants",
        Step::Write(Change::AddFinalizer) => "add finalizer",
        Step::Write(Change::RemoveFinalizer { .. }) => "remove finalizer",
        Step::Write(Change::Remember(..)) => "record status",
        Step::Write(Change::Create { .. }) => "create deployment",
        Step::Write(Change::Cancel(_)) => "cancel deployment",
        Step::Write(Change::Delete(_)) => "delete deployment",
        Step::Write(Change::Tag) => "tag deployment",
        Step::Write(Change::Untag(_)) => "untag deployment",
    }
}

/// A turn that comes by time, by request or by somebody else's hand looks at AWS; a changed spec looks if something is due.
fn want_a_look(all: &Deployments, turn: &Turn, session: &mut Session) {
    let now = all.clock.now();
    let reasons = turn.reasons;
    let asked = [Reason::Listed, Reason::Deletion, Reason::Metadata, Reason::Status, Reason::AccountView]
        .into_iter()
        .any(|reason| reasons.contains(reason));
    if asked || session.next_look_at.is_some_and(|at| at <= now) {
        session.knowledge.look_wanted_at = Some(now);
    }
}

/// A request by annotation that was not handled yet is a wish for a look that begins after it was noticed.
fn note_requests(subject: &Subject<'_>, memory: &Memory, knowledge: &mut Knowledge, now: Timestamp) {
    let is_new = subject.reconcile_at.is_some() && subject.reconcile_at != memory.reconcile_at;
    let noticed = knowledge.request_noticed == subject.reconcile_at;
    if is_new && !noticed {
        knowledge.request_noticed.clone_from(&subject.reconcile_at);
        knowledge.look_wanted_at = Some(now);
    }
    if let Some(id) = subject.peers.parent.as_ref().and_then(|parent| parent.deployment_id.as_ref())
        && knowledge.parent_since.as_ref().is_none_or(|(seen, _)| seen != id)
    {
        knowledge.parent_since = Some((id.clone(), now));
    }
}

fn subject<'a>(
    all: &'a Deployments,
    record: &'a Record,
    version: &'a str,
    wanted: &'a Wanted,
    peers: &'a Peers,
) -> Subject<'a> {
    let annotations = &record.annotations;
    let reconcile_at: Vec<&str> =
        [&annotations.reconcile_at, &annotations.flux_requested_at].into_iter().flatten().map(|text| &**text).collect();
    Subject {
        cluster: &all.cluster,
        object: &record.name,
        uid: &record.uid,
        resource_version: version,
        generation: record.generation,
        created_at: record.created_at,
        has_finalizer: record.has_finalizer(FINALIZER),
        reconcile_at: (!reconcile_at.is_empty()).then(|| reconcile_at.join(" ")),
        redeploy_at: annotations.redeploy_at.as_deref().map(ToOwned::to_owned),
        wanted,
        peers,
    }
}

enum Said {
    Stands(crate::controller::record::ResourceVersion),
    Gone,
}

struct Publisher<'a> {
    act: &'a Act<'a>,
    status: &'a GreengrassDeploymentStatus,
}

impl Publisher<'_> {
    /// The status remembers something else, and says where the resource stands with it.
    async fn remember(&self, memory: &Memory, why: Why, knowledge: &mut Knowledge) -> Result<Done, ApiError> {
        let act = self.act;
        let now = act.all.clock.now();
        let mut after = knowledge.clone();
        let own = memory.deployment.as_ref().map(|own| own.deployment_id.as_str());
        match why {
            Why::Settled | Why::TakenUp => after.settled(own, now),
            Why::Spent | Why::Closed => after.sends = None,
            Why::Intent => {
                if let Some(intent) = &memory.intent {
                    after.intent_recorded(intent.ordinal);
                }
            }
            Why::Rebound | Why::Foreign | Why::Tagged => {}
        }
        if why == Why::Spent {
            after.look = None;
        }
        let assessment = assess(act.subject, memory, &after, now);
        let status = summarise(act.subject, memory, &assessment, &self.status.conditions);
        let done = self.put(&status, &mut after).await?;
        // Only now: what a refused write would have made true is not known.
        *knowledge = after;
        info!(?why, "status recorded");
        Ok(match done {
            None => Done::Learnt,
            Some(done) => done,
        })
    }

    async fn publish(&self, memory: &Memory, assessment: &Assessment, knowledge: &mut Knowledge) -> Result<Said, ApiError> {
        let status = summarise(self.act.subject, memory, assessment, &self.status.conditions);
        Ok(match self.put(&status, knowledge).await? {
            None => Said::Stands(self.act.record.resource_version),
            Some(Done::Wrote(record)) => Said::Stands(record.resource_version),
            Some(Done::Learnt | Done::Gone | Done::Wait(_)) => Said::Gone,
        })
    }

    async fn put(&self, status: &GreengrassDeploymentStatus, knowledge: &mut Knowledge) -> Result<Option<Done>, ApiError> {
        let act = self.act;
        let json = Json::of(status).map_err(|error| ApiError::Other(error.to_string()))?;
        match act.all.objects.publish(act.record, &json, &OWN_CONDITIONS).await? {
            Published::Unchanged => Ok(None),
            Published::Written(written) => {
                let before = self.status;
                let done = act.wrote(*written, knowledge);
                if let Some(ready) = transition(&before.conditions, &status.conditions) {
                    let request_id = knowledge.trouble.as_ref().and_then(|trouble| trouble.failure.request_id.as_deref());
                    let note = match request_id {
                        Some(id) => format!("{} (AWS request {id})", ready.message),
                        None => ready.message.clone(),
                    };
                    let is_trouble = ready.reason == "ProgressingWithRetry"
                        || status.conditions.iter().any(|condition| condition.type_ == "Stalled");
                    act.all.events.transition(act.record, !is_trouble, &ready.reason, &note).await;
                }
                if before.deployment_id != status.deployment_id || ready_of(before) != ready_of(status) {
                    wake_dependants(act.all, &act.record.name, Memory::recall(status).key.as_ref());
                }
                Ok(Some(done))
            }
        }
    }
}

fn ready_of(status: &GreengrassDeploymentStatus) -> Option<(&str, i64)> {
    let synced = status.conditions.iter().find(|condition| condition.type_ == "Synced")?;
    Some((&synced.status, synced.observed_generation.unwrap_or_default()))
}

/// When the next turn is, and what is kept until then.
fn rest(
    all: &Deployments,
    session: &mut Session,
    assessment: &Assessment,
    until: Option<Timestamp>,
    seen: crate::controller::record::ResourceVersion,
) -> Rest {
    let now = assessment.now;
    let next_look = match session.next_look_at {
        Some(at) if at > now => at,
        // Jittered, so that resources that were looked at together drift apart.
        Some(_) | None => later(now, all.look_interval.mul_f64(0.9).saturating_add(spread(&format!("{}{now}", session.uid), all.look_interval) / 5)),
    };
    session.next_look_at = Some(next_look);
    let is_settled = matches!(assessment.phase, Phase::Done) && until.is_none();
    if is_settled {
        let own = assessment.ownership.own().map(|own| own.deployment_id.as_str());
        let is_subdeployment = session.key.as_ref().is_some_and(|key| key.parent.is_some());
        session.knowledge.rest(own.filter(|_| is_subdeployment));
    }
    let due = until.map_or(next_look, |until| until.min(next_look));
    let class = match &assessment.phase {
        Phase::Deleting(_) => Class::Deletion,
        Phase::Changing | Phase::Refused(_) | Phase::WaitingForParent => Class::Recovery,
        Phase::Invalid(_)
        | Phase::KeyChanged { .. }
        | Phase::Suspended
        | Phase::TargetConflict(_)
        | Phase::Foreign(_)
        | Phase::Drifted(_)
        | Phase::RolloutCanceled
        | Phase::RolloutFailed
        | Phase::Done => Class::Sweep,
    };
    let waits = assessment.blocked.as_ref().and_then(Blocked::waits_until).is_some();
    let delay = Duration::try_from(due.duration_since(now)).unwrap_or_default();
    let rest = if waits { Rest::back_off(delay, class) } else { Rest::after(delay, class) };
    match &session.key {
        Some(key) => rest.in_lane(lane(key)),
        None => rest,
    }
    .having_seen(seen)
}

/// The API server refuses or does not answer: nothing can be said on the resource, so the log and an event say it.
async fn refused(all: &Deployments, turn: &Turn, record: &Record, error: ApiError) -> Rest {
    match error {
        ApiError::Gone => Rest::until_woken(),
        ApiError::Conflict => Rest::after(Duration::from_millis(200), turn.class),
        ApiError::Denied(message) | ApiError::Other(message) => {
            tracing::warn!(message, "the API server refused or did not answer");
            all.events.warning(record, "ApiServerRefused", &message).await;
            let factor = 2_u32.saturating_pow(turn.failures.min(10));
            Rest::back_off(KUBERNETES_RETRY.saturating_mul(factor).min(KUBERNETES_RETRY_LONGEST), turn.class)
        }
    }
}

