//! How a turn ends: when the next one is, who looks after the resource until then, and what is kept. Pure, but for the places of the
//! account's walks.

use std::time::Duration;

use greengrass_operator_core::deployment::assess::{Assessment, Blocked, NextReading, Phase, history};
use greengrass_operator_core::deployment::knowledge::later;
use greengrass_operator_core::deployment::memory::Memory;
use greengrass_operator_core::deployment::subject::Subject;
use jiff::Timestamp;

use super::account_view::First;
use super::session::{Keeper, Newest, Session};
use super::{Deployments, deletions_lane, jobs_lane, lane, place};
use crate::aws::Class;
use crate::controller::failures::jittered;
use crate::controller::queue::Rest;
use crate::controller::record::ResourceVersion;

/// A resource that the account's walks look after keeps its place in the queue, and with it its lane, by a turn in so long a
/// time; it reads nothing then. Those of thing groups have one within an hour anyway, for their devices.
const KEEPS_ITS_PLACE: Duration = Duration::from_hours(24);

/// Where a turn ends.
pub(super) struct Stand<'a> {
    pub(super) subject: &'a Subject<'a>,
    pub(super) memory: &'a Memory,
    pub(super) assessment: &'a Assessment,
}

/// When the next turn is, and what is kept until then.
pub(super) fn rest(
    all: &Deployments,
    session: &mut Session,
    stand: &Stand<'_>,
    until: Option<Timestamp>,
    seen: ResourceVersion,
) -> Rest {
    let assessment = stand.assessment;
    let now = assessment.now;
    let (class, is_done) = match &assessment.phase {
        Phase::Deleting(_) => (Class::Deletion, false),
        Phase::Changing | Phase::Refused(_) | Phase::WaitingForParent => (Class::Recovery, false),
        // Fresh ones first; the queue sees to it that the others get their share.
        Phase::RollingOut if assessment.rollout.is_fresh => (Class::Rollout, true),
        Phase::RollingOut | Phase::RolloutCanceled | Phase::RolloutFailed | Phase::Done => (Class::Sweep, true),
        Phase::Invalid(_)
        | Phase::Unresolved
        | Phase::ReferenceMissing { .. }
        | Phase::NotAllowed(_)
        | Phase::KeyChanged { .. }
        | Phase::Suspended
        | Phase::TargetConflict(_)
        | Phase::Foreign(_)
        | Phase::Drifted(_)
        | Phase::CorrectionsExhausted { .. } => (Class::Sweep, false),
    };
    let is_certain = assessment.ownership.doubted_until().is_none() && assessment.blocked.is_none();
    note_newest(session, stand);
    if is_certain && may_be_watched(session, stand) {
        session.keeper = Keeper::Walks;
    }
    if is_done && is_certain {
        let own = assessment.ownership.own().map(|own| own.deployment_id.as_str());
        let is_subdeployment = session.key.as_ref().is_some_and(|key| key.parent.is_some());
        session.knowledge.rest(own.filter(|_| is_subdeployment));
    }
    let next_turn = match (session.keeper, session.next_look_at) {
        (Keeper::Walks, _) => {
            session.next_look_at = None;
            if let Some(key) = &session.key {
                all.places.know(&place(key), First::AnIntervalLater);
            }
            later(now, KEEPS_ITS_PLACE)
        }
        (Keeper::Turns | Keeper::Elsewhere, Some(at)) if at > now => at,
        // Jittered, so that resources that were looked at together drift apart.
        (Keeper::Turns | Keeper::Elsewhere, Some(_) | None) => {
            let interval = session.look_interval.unwrap_or(all.parts.look_interval);
            let at = later(now, jittered(interval, &format!("{}{now}", session.uid)));
            session.next_look_at = Some(at);
            at
        }
    };
    let due = until.map_or(next_turn, |until| until.min(next_turn));
    let waits = assessment.blocked.as_ref().and_then(Blocked::waits_until).is_some();
    let delay = Duration::try_from(due.duration_since(now)).unwrap_or_default();
    let rest = if waits { Rest::back_off(delay, class) } else { Rest::after(delay, class) };
    let is_for_devices = match &assessment.rollout.next {
        NextReading::Rest(at) => at.is_some_and(|at| at == due),
        NextReading::Due(_) => false,
    };
    match &session.key {
        Some(key) if is_for_devices && !waits => rest.in_lane(jobs_lane(&session.identity, key)),
        Some(key) if class == Class::Deletion => rest.in_lane(deletions_lane(&session.identity, key)),
        Some(key) => rest.in_lane(lane(&session.identity, key)),
        None => rest,
    }
    .having_seen(seen)
}

/// Whether nothing but a change in AWS, in the cluster, or of devices gives it anything to do: then the account's walks tell
/// of the first, wake-ups of the second, and the time until which it rests is the third's.
fn may_be_watched(session: &Session, stand: &Stand<'_>) -> bool {
    let Stand { memory, assessment, .. } = *stand;
    let rests = match &assessment.phase {
        Phase::Suspended
        | Phase::Drifted(_)
        | Phase::CorrectionsExhausted { .. }
        | Phase::RolloutCanceled
        | Phase::RolloutFailed
        | Phase::RollingOut
        | Phase::Done => true,
        // Whose deployment another one is can change without a change in AWS: its owner's resource may go.
        Phase::Foreign(_) | Phase::TargetConflict(_)
        // What they wait for has its own times, or is found by trying again.
        | Phase::Deleting(_)
        | Phase::Invalid(_)
        | Phase::Unresolved
        | Phase::ReferenceMissing { .. }
        | Phase::NotAllowed(_)
        | Phase::KeyChanged { .. }
        | Phase::Refused(_)
        | Phase::WaitingForParent
        | Phase::Changing => false,
    };
    rests
        && !assessment.look_wanted
        && !session.owes_look
        && memory.intent.is_none()
        && memory.deployment.is_some()
        && memory.key.is_some()
        && memory.key == session.key
}

/// What a look of this turn has shown, and whether old revisions want another one.
fn note_newest(session: &mut Session, stand: &Stand<'_>) {
    let Stand { subject, memory, assessment } = *stand;
    let judged_by = (subject.generation, session.knowledge.settled_at);
    match &session.knowledge.look {
        Some(look) => {
            session.owes_look = session.knowledge.history.is_unfinished();
            session.newest = match (look.rows.first(), assessment.ownership.own()) {
                (Some(row), Some(own)) if own.remembered && own.deployment_id == row.deployment_id => {
                    Newest::AsRemembered
                }
                (Some(row), _) => Newest::Other(Box::new((row.deployment_id.clone(), row.status))),
                (None, _) => Newest::Missing,
            };
        }
        None if session.judged_by.unwrap_or((subject.generation, None)) != judged_by => {
            session.owes_look |= history::may_exceed(subject, memory);
            // Its own revision was taken down after the last look.
            session.newest = Newest::AsRemembered;
        }
        None => {}
    }
    session.judged_by = Some(judged_by);
}
