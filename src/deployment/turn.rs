//! One turn of a resource: assess, decide, perform, until there is nothing more to do now; then say where it stands. I/O.

use std::future::Future;
use std::time::Duration;

use greengrass_operator_core::api::FINALIZER;
use greengrass_operator_core::deployment::assess::{Old, RolloutQuery, assess};
use greengrass_operator_core::deployment::decide::{Change, Query, Step, decide};
use greengrass_operator_core::deployment::knowledge::Knowledge;
use greengrass_operator_core::deployment::memory::Memory;
use greengrass_operator_core::deployment::subject::{Access, Peers, Subject, Wanted};
use greengrass_operator_core::names::{Key, ObjectName};
use jiff::Timestamp;
use tokio::time::Instant;
use tracing::debug;

use super::perform::Act;
use super::publisher::{Publisher, Said};
use super::resolve::ReadSpec;
use super::rest::{Stand, rest};
use super::session::{Keeper, Session};
use super::{Deployments, resolve};
use crate::aws::{Caller, Class};
use crate::controller::objects::ApiError;
use crate::controller::queue::{Reason, Rest, Turn, Wake};
use crate::controller::record::Record;
use crate::controller::trace::{Shown, Stand as Place};
use crate::controller::turn::{Done, Stepped, Steps};

/// How long a resource waits for its identity's account to be known, where nothing wakes it before.
const IDENTITY_RETRY: Duration = Duration::from_secs(10);

/// Runs one turn.
pub(super) async fn run(all: &Deployments, turn: Turn) -> Rest {
    let Some(record) = all.parts.store.get(&turn.name) else {
        all.sessions.end(&turn.name);
        return Rest::until_woken();
    };
    let mut session = all.sessions.take(&turn.name, &record.uid, all.parts.clock.now());
    session.keeper = Keeper::Turns;
    let rest = Box::pin(drive(all, &turn, Record::clone(&record), &mut session)).await;
    if session.has_acted {
        session.known_at = Some(all.parts.clock.now());
    }
    if session.keeper == Keeper::Elsewhere {
        // Who looks after it may send for it: what was learnt here is not true any more when it comes back.
        all.sessions.end(&turn.name);
    } else if all.parts.store.get(&turn.name).is_some() {
        all.sessions.put(turn.name.clone(), session);
    } else {
        // A live read has said so, and the watch will not say it again.
        all.sessions.end(&turn.name);
        wake_dependants(all, &turn.name, session.key.as_ref());
    }
    rest
}

/// Wakes those whose parent or rival this resource is.
pub(super) fn wake_dependants(all: &Deployments, name: &ObjectName, key: Option<&Key>) {
    for dependant in resolve::dependants(key, name, &all.parts.store) {
        all.parts.queue.wake(dependant, Wake::now(Class::Recovery, Reason::Reference));
    }
}

async fn drive(all: &Deployments, turn: &Turn, record: Record, session: &mut Session) -> Rest {
    want_a_look(all, turn, session);
    session.knowledge.obstacle = None;
    session.knowledge.config_maps.clear();
    // What was not there when the record came in may be by now.
    all.parts.store.set_references(&record.name, resolve::references(&record, &all.world));
    let caller = Caller::new(turn.class, &turn.name.namespace);
    let mut steps = DeploymentSteps { all, caller, session, shown: Shown::default() };
    all.parts.site().drive(turn, record, &mut steps).await
}

struct DeploymentSteps<'a> {
    all: &'a Deployments,
    caller: Caller,
    session: &'a mut Session,
    shown: Shown,
}

impl Steps for DeploymentSteps<'_> {
    fn uid(&self) -> &str {
        &self.session.uid
    }

    fn step(&mut self, record: &Record, step: usize) -> impl Future<Output = Result<Stepped, ApiError>> + Send {
        one_step(self.all, &self.caller, record, self.session, &mut self.shown, step)
    }

    fn read_live(&mut self) {
        self.session.knowledge.live_at = Some(self.all.parts.clock.now());
    }

    fn is_another(&mut self, record: &Record) {
        self.all.parts.store.set_references(&record.name, resolve::references(record, &self.all.world));
    }
}

async fn one_step(
    all: &Deployments,
    caller: &Caller,
    record: &Record,
    session: &mut Session,
    shown: &mut Shown,
    step: usize,
) -> Result<Stepped, ApiError> {
    let now = all.parts.clock.now();
    let status = resolve::status(record);
    let memory = Memory::recall(&status);
    let read = ReadSpec::of(record);
    let given = read.given(&all.world);
    if given.is_elsewhere {
        // Another process looks after it; a change of its identity wakes it here too.
        session.keeper = Keeper::Elsewhere;
        return Ok(Stepped::Ended(Rest::until_woken()));
    }
    if read.is_pending(&given) {
        // The identity's own turn wakes it.
        return Ok(Stepped::Ended(Rest::back_off(IDENTITY_RETRY, caller.class())));
    }
    let wanted = resolve::wanted(&read, &memory, &session.knowledge.config_maps, &given, &all.world);
    let access = resolve::access(&memory, &wanted, &given);
    let peers = resolve::peers(record, &wanted, &all.world);
    let version = record.resource_version.to_string();
    let subject = subject(all, record, &version, (&access, &wanted), &peers);
    session.identity = read.identity_name(&all.world);
    session.look_interval = given.drift_interval;
    note_requests(&subject, &memory, &mut session.knowledge, now);
    session.key = read.key(&memory, &all.world);
    shown.show(&Place {
        generation: record.generation,
        intent: memory.intent.as_ref().map(|intent| intent.ordinal),
        deployment_id: memory.deployment.as_ref().map(|own| own.deployment_id.as_str()),
        place: session.key.as_ref().map(|key| (key.target.account(), key.target.region())),
    });
    let assessment = assess(&subject, &memory, &session.knowledge, now);
    if assessment.old == Old::WithinLimit {
        session.knowledge.history.failure = None;
    }
    let next = decide(&subject, &memory, &session.knowledge, &assessment);
    debug!(step, next = name_of(&next), "decided");
    session.has_acted |= is_of_deployments(&next);
    let act = Act { all, record, read: &read, subject: &subject, memory: &memory, caller };
    let publisher = Publisher { act: &act, status: &status };
    let outcome = match &next {
        Step::Rest(until) => {
            return Ok(Stepped::Ended(match publisher.publish(&memory, &assessment, &mut session.knowledge).await? {
                Said::Stands(seen) => rest(
                    all,
                    session,
                    &Stand { subject: &subject, memory: &memory, assessment: &assessment },
                    *until,
                    seen,
                ),
                Said::Gone => all.parts.site().gone(record),
            }));
        }
        Step::Ask(query) => act.ask(query, &mut session.knowledge).await,
        Step::Write(Change::Remember(remembered, why)) => {
            publisher.remember(remembered, *why, &mut session.knowledge).await
        }
        Step::Write(change) => act.write(change, &mut session.knowledge).await,
    };
    let done = match outcome {
        Err(ApiError::Denied(answer)) => {
            obstructed(&publisher, &answer, &mut session.knowledge).await;
            return Err(ApiError::Denied(answer));
        }
        // Without what it refers to nothing else can be said of a resource.
        Err(ApiError::Other(answer)) if next == Step::Ask(Query::References) => {
            obstructed(&publisher, &answer, &mut session.knowledge).await;
            return Err(ApiError::Other(answer));
        }
        outcome => outcome?,
    };
    Ok(match done {
        Done::Learnt => Stepped::Learnt,
        Done::Wrote(written) => Stepped::Wrote(written),
        Done::Gone => Stepped::Ended(all.parts.site().gone(record)),
        Done::Wait(until) => {
            // A status that does not know of the newest spec must not stand while the account's quota is paused.
            let mut seen = record.resource_version;
            if status.observed_generation != Some(record.generation)
                && let Said::Stands(written) = publisher.publish(&memory, &assessment, &mut session.knowledge).await?
            {
                seen = written;
            }
            let delay = until.saturating_duration_since(Instant::now());
            Stepped::Ended(Rest::back_off(delay, caller.class()).having_seen(seen))
        }
    })
}

/// Says on the resource what the API server has answered to something that must come first.
async fn obstructed(publisher: &Publisher<'_>, answer: &str, knowledge: &mut Knowledge) {
    let Act { all, subject, memory, .. } = publisher.act;
    knowledge.obstacle = Some(answer.to_owned());
    let assessment = assess(subject, memory, knowledge, all.parts.clock.now());
    // Where the status is refused as well there is only the event.
    let _ = publisher.publish(memory, &assessment, knowledge).await;
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
        Step::Ask(Query::Owner(_)) => "read owner",
        Step::Ask(Query::Definition) => "read definition",
        Step::Ask(Query::References) => "read references",
        Step::Ask(Query::Rollout(RolloutQuery::Job(_))) => "count devices",
        Step::Ask(Query::Rollout(RolloutQuery::ThingDeployment(_))) => "read a thing's deployment",
        Step::Ask(Query::Rollout(RolloutQuery::Shadow(_))) => "read a thing's shadow",
        Step::Ask(Query::Rollout(RolloutQuery::BadDevices { .. })) => "list failed devices",
        Step::Ask(Query::Rollout(RolloutQuery::BadDevice { .. })) => "read a failed device",
        Step::Write(Change::AddFinalizer) => "add finalizer",
        Step::Write(Change::RemoveFinalizer { .. }) => "remove finalizer",
        Step::Write(Change::Remember(..)) => "record status",
        Step::Write(Change::Create { .. }) => "create deployment",
        Step::Write(Change::Cancel(_)) => "cancel deployment",
        Step::Write(Change::Delete(_)) => "delete deployment",
        Step::Write(Change::Prune(_)) => "delete old revision",
        Step::Write(Change::Adopt { .. }) => "take over deployment",
        Step::Write(Change::Tag) => "tag deployment",
        Step::Write(Change::Untag(_)) => "untag deployment",
    }
}

/// A turn that comes by time, by request or by somebody else's hand looks at AWS; a changed spec looks if something is due.
fn want_a_look(all: &Deployments, turn: &Turn, session: &mut Session) {
    let now = all.parts.clock.now();
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
        knowledge.rollout_wanted_at = Some(now);
    }
    match subject.wanted {
        Wanted::Missing(..) => {
            knowledge.missing_since.get_or_insert(now);
        }
        // Not known yet whether it still is.
        Wanted::Unread => {}
        Wanted::Present(..) | Wanted::Invalid(_) | Wanted::NotAllowed(_) | Wanted::Absent { .. } => {
            knowledge.missing_since = None;
        }
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
    (access, wanted): (&'a Access, &'a Wanted),
    peers: &'a Peers,
) -> Subject<'a> {
    let annotations = &record.annotations;
    Subject {
        cluster: &all.parts.cluster,
        object: &record.name,
        uid: &record.uid,
        resource_version: version,
        generation: record.generation,
        created_at: record.created_at,
        has_finalizer: record.has_finalizer(FINALIZER),
        reconcile_at: annotations.requested(),
        redeploy_at: annotations.redeploy_at.as_deref().map(ToOwned::to_owned),
        cancel_at: annotations.cancel_at.as_deref().map(ToOwned::to_owned),
        access,
        wanted,
        peers,
    }
}

/// Whether a step reads or writes deployments, or what the status remembers of them.
fn is_of_deployments(step: &Step) -> bool {
    match step {
        Step::Write(_)
        | Step::Ask(
            Query::Look
            | Query::Deployment(_)
            | Query::Subdeployments
            | Query::Parent
            | Query::Rollout(RolloutQuery::ThingDeployment(_)),
        ) => true,
        Step::Rest(_)
        | Step::Ask(
            Query::Object
            | Query::Claimants
            | Query::Owner(_)
            | Query::Definition
            | Query::References
            | Query::Rollout(
                RolloutQuery::Job(_)
                | RolloutQuery::Shadow(_)
                | RolloutQuery::BadDevices { .. }
                | RolloutQuery::BadDevice { .. },
            ),
        ) => false,
    }
}
