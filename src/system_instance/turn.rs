//! One turn of a resource: assess, decide, perform, until there is nothing more to do now; then say where it stands. I/O.

use std::time::Duration;

use greengrass_operator_core::api::SYSTEM_INSTANCE_FINALIZER;
use greengrass_operator_core::system_instance::assess::{Assessment, Phase, assess};
use greengrass_operator_core::system_instance::decide::{Change, Query, Step, decide};
use greengrass_operator_core::system_instance::knowledge::Knowledge;
use greengrass_operator_core::system_instance::memory::Memory;
use greengrass_operator_core::system_instance::subject::{Subject, Wanted};
use greengrass_operator_core::trouble::{Blocked, later};
use jiff::Timestamp;
use tokio::time::Instant;
use tracing::debug;

use super::perform::Act;
use super::publisher::Publisher;
use super::resolve::ReadSpec;
use super::session::Session;
use super::{SystemInstances, resolve};
use crate::aws::{Caller, Class};
use crate::controller::failures::jittered;
use crate::controller::objects::ApiError;
use crate::controller::queue::{Reason, Rest, Turn};
use crate::controller::record::{Record, ResourceVersion};
use crate::controller::trace::{Shown, Stand};
use crate::controller::turn::{Done, Stepped, Steps};

/// Runs one turn.
pub(super) async fn run(all: &SystemInstances, turn: Turn) -> Rest {
    let Some(record) = all.parts.store.get(&turn.name) else {
        all.sessions.end(&turn.name);
        return Rest::until_woken();
    };
    let mut session = all.sessions.take(&turn.name, &record.uid, all.parts.clock.now());
    session.is_elsewhere = false;
    want_a_look(all, &turn, &mut session);
    session.knowledge.obstacle = None;
    session.knowledge.config_maps.clear();
    all.note(&record);
    let caller = Caller::new(turn.class, &turn.name.namespace);
    let mut steps = InstanceSteps { all, caller, session: &mut session, shown: Shown::default() };
    let rest = Box::pin(all.parts.site().drive(&turn, Record::clone(&record), &mut steps)).await;
    match all.parts.store.get(&turn.name) {
        // Who looks after it elsewhere may send for it: what was learnt here is not true any more when it comes back.
        Some(_) if !session.is_elsewhere => all.sessions.put(turn.name.clone(), session),
        Some(_) => all.sessions.end(&turn.name),
        None => {
            all.sessions.end(&turn.name);
            all.wake_rivals(&record);
        }
    }
    rest
}

/// A turn that comes by time, by request or by somebody else's hand looks at AWS; a changed spec looks if something is due.
fn want_a_look(all: &SystemInstances, turn: &Turn, session: &mut Session) {
    let now = all.parts.clock.now();
    let asked = [Reason::Listed, Reason::Deletion, Reason::Metadata, Reason::Status]
        .into_iter()
        .any(|reason| turn.reasons.contains(reason));
    if asked || session.next_look_at.is_some_and(|at| at <= now) {
        session.knowledge.look_wanted_at = Some(now);
    }
}

struct InstanceSteps<'a> {
    all: &'a SystemInstances,
    caller: Caller,
    session: &'a mut Session,
    shown: Shown,
}

impl Steps for InstanceSteps<'_> {
    fn uid(&self) -> &str {
        &self.session.uid
    }

    async fn step(&mut self, record: &Record, step: usize) -> Result<Stepped, ApiError> {
        one_step(self.all, &self.caller, record, self.session, &mut self.shown, step).await
    }

    fn read_live(&mut self) {
        self.session.knowledge.live_at = Some(self.all.parts.clock.now());
    }

    fn is_another(&mut self, record: &Record) {
        self.all.note(record);
    }
}

async fn one_step(
    all: &SystemInstances,
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
    let given = read.given(&all.parts.identities);
    if given.is_elsewhere {
        // Another process looks after it; a change of its identity wakes it here too.
        session.is_elsewhere = true;
        return Ok(Stepped::Ended(Rest::until_woken()));
    }
    let wanted = resolve::wanted(&read, &memory, &session.knowledge.config_maps, &given);
    let access = resolve::access(&memory, &wanted, &given);
    let rivals = resolve::rivals(record, &wanted, &all.parts.store);
    let subject = Subject {
        cluster: &all.parts.cluster,
        object: &record.name,
        uid: &record.uid,
        generation: record.generation,
        created_at: record.created_at,
        has_finalizer: record.has_finalizer(SYSTEM_INSTANCE_FINALIZER),
        reconcile_at: record.annotations.requested(),
        redeploy_at: record.annotations.redeploy_at.as_deref().map(ToOwned::to_owned),
        access: &access,
        wanted: &wanted,
        rivals: &rivals,
    };
    note_requests(&subject, &memory, &mut session.knowledge, now);
    let ids = read.ids(&memory);
    shown.show(&Stand {
        generation: record.generation,
        intent: None,
        deployment_id: memory.greengrass_deployment_id.as_deref(),
        place: ids.first().map(|id| (id.account(), id.region())),
    });
    let assessment = assess(&subject, &memory, &session.knowledge, now);
    let next = decide(&subject, &memory, &session.knowledge, &assessment);
    debug!(step, next = name_of(&next), "decided");
    let act = Act { all, record, read: &read, subject: &subject, memory: &memory, caller };
    let publisher = Publisher { act: &act, status: &status };
    let outcome = match &next {
        Step::Rest(until) => {
            let interval = given.drift_interval.unwrap_or(all.parts.look_interval);
            return Ok(Stepped::Ended(match publisher.publish(&assessment, &mut session.knowledge).await? {
                Some(seen) => rest(session, &assessment, *until, interval, seen),
                None => all.parts.site().gone(record),
            }));
        }
        Step::Ask(query) => act.ask(query, &mut session.knowledge).await,
        Step::Write(Change::Remember(remembered)) => publisher.remember(remembered, &mut session.knowledge).await,
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
        Done::Wrote(written) => {
            all.note(&written);
            Stepped::Wrote(written)
        }
        Done::Gone => Stepped::Ended(all.parts.site().gone(record)),
        Done::Wait(until) => {
            // A status that does not know of the newest spec must not stand while the account's quota is paused.
            let mut seen = record.resource_version;
            if status.observed_generation != Some(record.generation)
                && let Some(written) = publisher.publish(&assessment, &mut session.knowledge).await?
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
    let _ = publisher.publish(&assessment, knowledge).await;
}

/// When the next turn is, and what is kept until then.
fn rest(
    session: &mut Session,
    assessment: &Assessment,
    until: Option<Timestamp>,
    interval: Duration,
    seen: ResourceVersion,
) -> Rest {
    let now = assessment.now;
    let class = match &assessment.phase {
        Phase::Deleting(_) => Class::Deletion,
        Phase::Changing | Phase::Refused(_) | Phase::Reading | Phase::Unresolved => Class::Recovery,
        Phase::Moving(_) | Phase::Failed { .. } => Class::Rollout,
        Phase::Invalid(_)
        | Phase::ReferenceMissing { .. }
        | Phase::NotAllowed(_)
        | Phase::KeyChanged { .. }
        | Phase::Suspended
        | Phase::TargetConflict(_)
        | Phase::Foreign(_)
        | Phase::Drifted(_)
        | Phase::Done => Class::Sweep,
    };
    let waits = assessment.blocked.as_ref().and_then(Blocked::waits_until).is_some();
    let next_look = session.next_look_at.filter(|at| *at > now).unwrap_or_else(|| {
        let at = later(now, jittered(interval, &format!("{}{now}", session.uid)));
        session.next_look_at = Some(at);
        at
    });
    if assessment.phase == Phase::Done {
        session.knowledge.rest();
    }
    let due = until.map_or(next_look, |until| until.min(next_look));
    let delay = Duration::try_from(due.duration_since(now)).unwrap_or_default();
    let rest = if waits { Rest::back_off(delay, class) } else { Rest::after(delay, class) };
    rest.having_seen(seen)
}

/// A request by annotation that was not handled yet is a wish for a look that begins after it was noticed.
fn note_requests(subject: &Subject<'_>, memory: &Memory, knowledge: &mut Knowledge, now: Timestamp) {
    let is_new = subject.reconcile_at.is_some() && subject.reconcile_at != memory.reconcile_at;
    if is_new && knowledge.request_noticed != subject.reconcile_at {
        knowledge.request_noticed.clone_from(&subject.reconcile_at);
        knowledge.look_wanted_at = Some(now);
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
}

/// The step's name alone: its values may hold a definition, which is nobody's business in a log.
fn name_of(step: &Step) -> &'static str {
    match step {
        Step::Rest(_) => "rest",
        Step::Ask(Query::Look(_)) => "look",
        Step::Ask(Query::Tags(_)) => "read tags",
        Step::Ask(Query::Object) => "read object",
        Step::Ask(Query::Owner(_)) => "read owner",
        Step::Ask(Query::Definition) => "read definition",
        Step::Ask(Query::References) => "read references",
        Step::Write(Change::AddFinalizer) => "add finalizer",
        Step::Write(Change::RemoveFinalizer { .. }) => "remove finalizer",
        Step::Write(Change::Remember(_)) => "record status",
        Step::Write(Change::Create(_)) => "create system instance",
        Step::Write(Change::Deploy(_)) => "deploy system instance",
        Step::Write(Change::Undeploy(_)) => "undeploy system instance",
        Step::Write(Change::Delete(_)) => "delete system instance",
        Step::Write(Change::Tag(..)) => "take over system instance",
        Step::Write(Change::TagOwn(_)) => "tag system instance",
        Step::Write(Change::UntagOwn(_)) => "untag system instance",
    }
}
