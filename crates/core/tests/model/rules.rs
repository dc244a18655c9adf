//! The rules of the protocol, each of which can be left out: by changing what goes into the real functions or comes out of them,
//! never by a copy of them. Pure.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use greengrass_operator_core::deployment::assess::intent::OpenIntent;
use greengrass_operator_core::deployment::assess::{Assessment, Deletion, IntentState, Ownership, Phase, Sync};
use greengrass_operator_core::deployment::decide::{Change, Step, Why};
use greengrass_operator_core::deployment::knowledge::{Created, Details, Knowledge, Reading, Row, RowStatus};
use greengrass_operator_core::deployment::memory::{Intent, Memory};
use greengrass_operator_core::deployment::request::DeploymentRequest;
use greengrass_operator_core::deployment::revision::{request, request_hash};
use greengrass_operator_core::deployment::subject::Subject;
use greengrass_operator_core::deployment::tags::{Cause, OwnerTags};
use greengrass_operator_core::failure::Failure;
use jiff::{SignedDuration, Timestamp};

use crate::cloud::{ARRIVES_WITHIN, RESOURCE};

const UID: &str = "greengrass-operator.dev/uid";
const DIGEST: &str = "greengrass-operator.dev/digest";

const TOKEN_KNOWN_FOR: SignedDuration = SignedDuration::from_hours(7);

const LONG: Duration = Duration::from_hours(9);

/// A rule that is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DisabledRule {
    /// The token does not contain the object's uid.
    TokenWithoutUid,
    /// The token does not contain the content's digest.
    TokenWithoutDigest,
    /// An edit rebinds the open intent and does not abandon it.
    EditRebinds,
    /// An ordinal is one more than all that were used before.
    OrdinalOnlyGrows,
    /// An ordinal is left only when it was used.
    NoOrdinalIsSkipped,
    /// An intent is written before the first send.
    IntentComesFirst,
    /// An intent that may have been sent is rebound and given up only when that must have shown.
    DoubtIsWaitedFor,
    /// What a predecessor may still send is waited for.
    PredecessorMaySend,
    /// Whether all was refused is known only to the process that sent.
    RefusalIsKnownToTheSender,
    /// Every resend looks anew.
    ResendLooks,
    /// A look is at all rows of the key.
    LookSeesAllRows,
    /// A page from before is no look.
    PagesAreNoLook,
    /// A superseded row is not live.
    InactiveIsNotLive,
    /// Somebody else's newest row stops a send.
    ForeignIsNoBase,
    /// A reply is a hint: what is recorded is what the tags say.
    ReplyIsAHint,
    /// A token that is used up is left.
    SpentTokenIsLeft,
    /// After 7 hours the same ordinal goes out again, and not only looking counts.
    OldIntentGoesOut,
    /// "Not found" is absence only twice, a minute apart.
    AbsenceIsSeenTwice,
    /// The object is read from the API server before a send.
    ObjectIsReadBeforeASend,
    /// A process that lost leadership without noticing neither changes nor closes an intent.
    OnlyTheLeaderGivesUpAnIntent,
    /// A request ends within its time-out.
    RequestsTimeOut,
    /// The object's uid does not decide whose a row is.
    UidIsInformation,
    /// Other resources with the key are read from the API server before a first create.
    ClaimantsAreReadLive,
    /// A finalizer stays while an intent is open.
    FinalizerWaitsForIntent,
    /// A deletion leaves somebody else's newest row alone.
    DeletionLeavesForeign,
    /// Tags are read before a row is cancelled or deleted.
    TagsAreReadBeforeDeletion,
}

/// What the process believes before it assesses.
pub(crate) fn see_instead(
    rule: DisabledRule,
    subject: &Subject<'_>,
    memory: &mut Memory,
    knowledge: &mut Knowledge,
    now: Timestamp,
) {
    let past = now - Duration::from_hours(1);
    match rule {
        DisabledRule::EditRebinds => {
            let edited = |intent: &&mut Intent| subject.wanted_digest().is_some_and(|wanted| *wanted != intent.digest);
            if let Some(intent) = memory.intent.as_mut().filter(edited) {
                memory.ordinal = memory.ordinal.max(intent.ordinal);
                memory.intent = None;
            }
        }
        DisabledRule::PredecessorMaySend => knowledge.since = past,
        DisabledRule::RefusalIsKnownToTheSender => {
            if let Some(intent) = &memory.intent
                && knowledge.sends.as_ref().is_none_or(|sends| sends.ordinal != intent.ordinal)
            {
                knowledge.intent_recorded(intent.ordinal);
            }
        }
        DisabledRule::ResendLooks => {
            if let Some(look) = knowledge.look.as_mut().filter(|_| memory.intent.is_some()) {
                look.began_at = now;
            }
        }
        DisabledRule::InactiveIsNotLive => {
            let rows = knowledge.look.iter_mut().flat_map(|look| &mut look.rows);
            let read = knowledge.details.values_mut().filter_map(|reading| reading.value.as_mut());
            for row in rows.chain(read.map(|details| &mut details.row)) {
                if row.status == RowStatus::Inactive {
                    row.status = RowStatus::Active;
                }
            }
        }
        DisabledRule::AbsenceIsSeenTwice => {
            knowledge.missing.values_mut().for_each(|since| *since = past);
            knowledge.settled_at = None;
        }
        DisabledRule::ObjectIsReadBeforeASend => knowledge.live_at = Some(now),
        DisabledRule::UidIsInformation => {
            for details in knowledge.details.values_mut().filter_map(|reading| reading.value.as_mut()) {
                if details.tags.get(UID).is_some_and(|uid| uid != subject.uid) {
                    details.tags.remove(RESOURCE);
                }
            }
        }
        DisabledRule::TagsAreReadBeforeDeletion if subject.desired().is_none() => {
            for details in knowledge.details.values_mut().filter_map(|reading| reading.value.as_mut()) {
                if OwnerTags::read(&details.tags).is_none() {
                    details.tags = own_tags(subject).to_map();
                }
            }
        }
        _ => {}
    }
}

fn own_tags(subject: &Subject<'_>) -> OwnerTags {
    OwnerTags {
        cluster: subject.cluster.to_owned(),
        resource: subject.object.clone(),
        uid: subject.uid.to_owned(),
        ordinal: 0,
        attempt: 0,
        digest: greengrass_operator_core::deployment::revision::Digest::recorded("none"),
        redeploy: None,
        cancel: None,
        parent: None,
        cause: Cause::Change,
    }
}

/// What the assessment comes to.
pub(crate) fn judge_instead(rule: DisabledRule, memory: &Memory, knowledge: &Knowledge, assessment: &mut Assessment) {
    match rule {
        DisabledRule::DoubtIsWaitedFor => {
            if let IntentState::Open(open) = &mut assessment.intent {
                open.uncertain_until = None;
            }
        }
        DisabledRule::ForeignIsNoBase => {
            if let Ownership::Foreign { deployment_id } | Ownership::Overridden { deployment_id } =
                &assessment.ownership
                && matches!(assessment.phase, Phase::Foreign(_) | Phase::Drifted(_))
            {
                assessment.ownership = Ownership::Overridden { deployment_id: deployment_id.clone() };
                assessment.sync = Sync::Due(Cause::Change);
                assessment.phase = Phase::Changing;
            }
        }
        DisabledRule::SpentTokenIsLeft if assessment.intent == IntentState::Spent => {
            assessment.intent = IntentState::Open(OpenIntent {
                ineffective: false,
                unsent: false,
                uncertain_until: None,
                looked: true,
                held_until: None,
            });
        }
        DisabledRule::FinalizerWaitsForIntent
            if matches!(assessment.phase, Phase::Deleting(_))
                && memory.intent.is_some()
                && knowledge.look.is_some() =>
        {
            assessment.phase = Phase::Deleting(Deletion::Release { abandoned: false });
        }
        DisabledRule::DeletionLeavesForeign => {
            let newest = knowledge.look.as_ref().and_then(|look| look.rows.first());
            if let Phase::Deleting(Deletion::Release { .. }) = &assessment.phase
                && let Some(newest) = newest.filter(|newest| newest.status == RowStatus::Active)
                && !knowledge.canceled.contains(&newest.deployment_id)
            {
                assessment.phase = Phase::Deleting(Deletion::Cancel(newest.deployment_id.clone()));
            }
        }
        _ => {}
    }
}

/// What is done.
pub(crate) fn do_instead(
    rule: DisabledRule,
    step: Step,
    subject: &Subject<'_>,
    memory: &Memory,
    now: Timestamp,
) -> Step {
    match (rule, step) {
        (DisabledRule::OrdinalOnlyGrows, Step::Write(Change::Remember(mut next, Why::Intent))) => {
            if let (Some(intent), Some(desired)) = (&mut next.intent, subject.desired()) {
                intent.ordinal = 1;
                let Intent { attempt, digest, redeploy, cancel, parent, cause, .. } = intent.clone();
                let owner =
                    OwnerTags { ordinal: 1, attempt, digest, redeploy, cancel, parent, cause, ..own_tags(subject) };
                intent.request = request_hash(&request(subject.object, desired, &BTreeMap::new(), &owner));
            }
            Step::Write(Change::Remember(next, Why::Intent))
        }
        (DisabledRule::NoOrdinalIsSkipped, Step::Write(Change::Remember(mut next, Why::Closed))) => {
            let left = memory.intent.as_ref().map_or(0, |intent| intent.ordinal);
            next.ordinal = next.ordinal.max(left);
            Step::Write(Change::Remember(next, Why::Closed))
        }
        (DisabledRule::OldIntentGoesOut, Step::Write(Change::Create { .. }))
            if memory.intent.as_ref().is_some_and(|intent| now.duration_since(intent.started_at) > TOKEN_KNOWN_FOR) =>
        {
            Step::Rest(None)
        }
        (_, step) => step,
    }
}

pub(crate) fn token_instead(rule: Option<DisabledRule>, token: &str, request: &DeploymentRequest) -> String {
    match rule {
        Some(DisabledRule::TokenWithoutUid) => format!("{token}{}", request.tags[UID]),
        Some(DisabledRule::TokenWithoutDigest) => format!("{token}{}", request.tags[DIGEST]),
        _ => token.to_owned(),
    }
}

/// What a look brings; `before` is what the last one brought.
pub(crate) fn list_instead(rule: Option<DisabledRule>, rows: &mut Vec<Row>, before: Option<&[Row]>) {
    match (rule, before) {
        (Some(DisabledRule::LookSeesAllRows), _) => {
            let newest = rows.iter().map(|row| row.revision_id).max();
            rows.retain(|row| Some(row.revision_id) == newest);
        }
        (Some(DisabledRule::PagesAreNoLook), Some(before)) => *rows = before.to_vec(),
        _ => {}
    }
}

/// What an answer is taken for.
pub(crate) fn reply_instead(
    rule: Option<DisabledRule>,
    knowledge: &mut Knowledge,
    result: &Result<Created, Failure>,
    body: &Rc<DeploymentRequest>,
    now: Timestamp,
) {
    let (Some(DisabledRule::ReplyIsAHint), Ok(Created { deployment_id })) = (rule, result) else { return };
    let row = Row {
        deployment_id: deployment_id.clone(),
        revision_id: 0,
        created_at: now,
        status: RowStatus::Active,
        target_arn: body.target_arn.clone(),
        parent_target_arn: body.parent_target_arn.clone(),
    };
    let value = Some(Details { row, tags: body.tags.clone(), iot_job_id: None, iot_job_arn: None, content: None });
    knowledge.details.insert(deployment_id.clone(), Reading { at: now, value });
}

/// How long a request may be under way.
pub(crate) fn arrives_within(rule: Option<DisabledRule>) -> Duration {
    if rule == Some(DisabledRule::RequestsTimeOut) { LONG } else { ARRIVES_WITHIN }
}
