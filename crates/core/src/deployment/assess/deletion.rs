//! What a deletion still needs. Pure.

use jiff::{SignedDuration, Timestamp};

use super::super::knowledge::{Details, Knowledge, Row, RowStatus};
use super::super::memory::Memory;
use super::super::subject::{Subject, Wanted};
use super::intent::{AfterReply, DOUBT, IntentState};
use super::ownership::{Ownership, ours};
use super::removal;
use super::rollout::Rollout;
use super::subdeployments::Subdeployments;
use super::sync::Sync;
use crate::api::DeletionPolicy;

/// An id is read before it is cancelled or deleted; the reading is good for so long.
const READING_IS_FRESH_FOR: SignedDuration = SignedDuration::from_secs(30);

/// Lists lag behind what can be read by less than this.
const LIST_SHOWS_WITHIN: SignedDuration = SignedDuration::from_secs(20);

/// What a deletion still needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deletion {
    /// Nothing: the finalizer goes.
    Release {
        /// AWS was left alone although the policy says otherwise, because the resource is suspended.
        abandoned: bool,
    },
    /// The identity does not allow it, or is not there.
    Barred(String),
    /// What the deployment was for is not known.
    KeyUnknown,
    /// Whether the resource's definition is being deleted must be asked.
    Definition,
    /// A look at the key's deployments.
    Look,
    /// A request may still be on its way.
    Wait(Timestamp),
    /// Who made this one must be read first.
    Read(String),
    /// A change landed, or was given up, and must be remembered first.
    Settle,
    /// The revision that takes everything from devices is to be made, or is being made.
    Remove,
    /// It would end subdeployments of somebody else.
    ForeignSubdeployments(Vec<String>),
    /// The resource is a subdeployment, for which there is none.
    RemoveRefused,
    /// Somebody has cancelled it.
    RemoveCanceled,
    /// Devices are at it.
    Uninstalling {
        /// For longer than they may take.
        timed_out: bool,
    },
    /// All have carried it out, which must be remembered before anything is deleted.
    Uninstalled,
    /// This one is to be cancelled.
    Cancel(String),
    /// This one is to be deleted.
    Delete(String),
}

/// What a deletion is judged by, beside what is remembered and known.
pub(super) struct Found<'a> {
    pub(super) intent: &'a IntentState,
    pub(super) ownership: &'a Ownership,
    pub(super) sync: &'a Sync,
    pub(super) subdeployments: &'a Subdeployments,
    pub(super) rollout: &'a Rollout,
}

pub(super) fn assess(
    subject: &Subject<'_>,
    memory: &Memory,
    knowledge: &Knowledge,
    found: &Found<'_>,
    now: Timestamp,
) -> Deletion {
    let Wanted::Absent { policy, key, suspended, removal } = subject.wanted else {
        return Deletion::Release { abandoned: false };
    };
    let policy = *policy;
    if !subject.has_finalizer || policy == DeletionPolicy::Retain {
        return Deletion::Release { abandoned: false };
    }
    // Everybody's resources go at once then: nobody asked for everybody's deployments to go.
    match &knowledge.definition {
        Some(reading) if now.duration_since(reading.at) <= READING_IS_FRESH_FOR => {
            if reading.value {
                return Deletion::Release { abandoned: false };
            }
        }
        Some(_) | None => return Deletion::Definition,
    }
    if let Some(message) = subject.barred() {
        return if *suspended { Deletion::Release { abandoned: true } } else { Deletion::Barred(message.to_owned()) };
    }
    if key.is_none() {
        return Deletion::KeyUnknown;
    }
    let removal = removal.as_deref().filter(|_| policy == DeletionPolicy::Remove && !suspended);
    if let Some(first) = removal.and_then(|removal| removal::assess(removal, memory, knowledge, found, now)) {
        return first;
    }
    if let Some(first) = settle_first(found.intent, now) {
        return first;
    }
    if *suspended {
        return Deletion::Release { abandoned: true };
    }
    let policy = match policy {
        DeletionPolicy::Remove if removal.is_none() => return Deletion::RemoveRefused,
        // Devices have lost it, or somebody else's deployment is above ours.
        DeletionPolicy::Remove => DeletionPolicy::Delete,
        DeletionPolicy::Retain | DeletionPolicy::Cancel | DeletionPolicy::Delete => policy,
    };
    let Some(look) = knowledge.look.as_ref().filter(|_| !knowledge.wants_look()) else { return Deletion::Look };
    let newest = look.rows.first();
    let unlisted = memory
        .deployment
        .as_ref()
        .map(|own| own.deployment_id.as_str())
        .filter(|id| look.rows.iter().all(|row| row.deployment_id != *id));
    // Under somebody else's deployment only what is not in force goes.
    let may_cancel = match newest.map(|newest| whose(newest, subject, knowledge, now)) {
        None | Some(Whose::Ours) => true,
        Some(Whose::Theirs) => false,
        Some(Whose::Unread) => {
            return newest.map_or(Deletion::Look, |newest| Deletion::Read(newest.deployment_id.clone()));
        }
    };
    // A list that lacks what can be read lags, and others of ours may be missing in it too.
    if let Some(id) = unlisted
        && let Some(seen) = knowledge.details.get(id).filter(|reading| reading.value.is_some())
        && look.began_at <= seen.at
    {
        let shows_at = seen.at.checked_add(LIST_SHOWS_WITHIN).unwrap_or(seen.at);
        return if now < shows_at { Deletion::Wait(shows_at) } else { Deletion::Look };
    }
    // What is in force is cancelled before anything is deleted.
    if let Some(newest) = newest.filter(|newest| may_cancel && is_live(newest.status))
        && let Some(step) = finish(&newest.deployment_id, DeletionPolicy::Cancel, may_cancel, subject, knowledge, now)
    {
        return step;
    }
    let oldest_first = look.rows.iter().rev().map(|row| row.deployment_id.as_str());
    let ids: Vec<&str> = match policy {
        DeletionPolicy::Retain => Vec::new(),
        DeletionPolicy::Cancel => unlisted.into_iter().collect(),
        DeletionPolicy::Delete | DeletionPolicy::Remove => oldest_first.chain(unlisted).collect(),
    };
    for id in ids {
        if let Some(step) = finish(id, policy, may_cancel, subject, knowledge, now) {
            return step;
        }
    }
    Deletion::Release { abandoned: false }
}

/// A finalizer stays while a request may be on its way: a create that lands after it is gone would have no owner.
fn settle_first(intent: &IntentState, now: Timestamp) -> Option<Deletion> {
    match intent {
        IntentState::None => None,
        IntentState::Landed { .. } | IntentState::Spent => Some(Deletion::Settle),
        IntentState::Replied { deployment_id, next } => Some(match *next {
            AfterReply::Look => Deletion::Look,
            AfterReply::Read(at) if at > now => Deletion::Wait(at),
            AfterReply::Read(_) => Deletion::Read(deployment_id.clone()),
        }),
        IntentState::Open(open) => Some(match open.uncertain_until {
            None => Deletion::Settle,
            Some(until) if until > now => Deletion::Wait(until),
            Some(_) => Deletion::Look,
        }),
    }
}

/// Who made the newest deployment.
enum Whose {
    Ours,
    Theirs,
    Unread,
}

fn whose(newest: &Row, subject: &Subject<'_>, knowledge: &Knowledge, now: Timestamp) -> Whose {
    let id = &newest.deployment_id;
    // What we have cancelled or deleted was ours when it was read before.
    if knowledge.canceled.contains(id) || knowledge.deleted.contains(id) {
        return Whose::Ours;
    }
    match fresh(id, subject, knowledge, now) {
        Reading::Unread => Whose::Unread,
        // Whether it is really gone is found out like for any other.
        Reading::Gone(_) => Whose::Ours,
        Reading::There(details) if ours(details, subject).is_some() => Whose::Ours,
        Reading::There(_) => Whose::Theirs,
    }
}

fn finish(
    id: &str,
    policy: DeletionPolicy,
    may_cancel: bool,
    subject: &Subject<'_>,
    knowledge: &Knowledge,
    now: Timestamp,
) -> Option<Deletion> {
    if knowledge.deleted.contains(id) {
        return None;
    }
    match fresh(id, subject, knowledge, now) {
        Reading::Unread => Some(Deletion::Read(id.to_owned())),
        // After our own cancellation its absence is what we asked for.
        Reading::Gone(_) if knowledge.canceled.contains(id) => None,
        // "Not found" is not absence: reads lag behind writes. Twice, a minute apart, is.
        Reading::Gone(at) => {
            let since = knowledge.missing.get(id).copied().unwrap_or(at);
            let sure_at = since.checked_add(DOUBT).unwrap_or(since);
            (at < sure_at).then(|| if now < sure_at { Deletion::Wait(sure_at) } else { Deletion::Read(id.to_owned()) })
        }
        Reading::There(details) => {
            ours(details, subject)?;
            // A row that is over stays so: what was read before somebody deployed above it is no longer true.
            let listed = knowledge.look.as_ref().and_then(|look| look.rows.iter().find(|row| row.deployment_id == id));
            let is_over = knowledge.canceled.contains(id) || listed.is_some_and(|row| !is_live(row.status));
            let live = is_live(details.row.status) && !is_over;
            match (policy, live) {
                (_, true) => may_cancel.then(|| Deletion::Cancel(id.to_owned())),
                (DeletionPolicy::Delete | DeletionPolicy::Remove, false) => Some(Deletion::Delete(id.to_owned())),
                (DeletionPolicy::Retain | DeletionPolicy::Cancel, false) => None,
            }
        }
    }
}

pub(super) enum Reading<'a> {
    Unread,
    Gone(Timestamp),
    There(&'a Details),
}

pub(super) fn fresh<'a>(id: &str, subject: &Subject<'_>, knowledge: &'a Knowledge, now: Timestamp) -> Reading<'a> {
    match knowledge.details.get(id) {
        None => Reading::Unread,
        Some(reading) => match &reading.value {
            None => Reading::Gone(reading.at),
            // Somebody else's stays so: a long history of theirs would else be read round and round.
            Some(details)
                if now.duration_since(reading.at) > READING_IS_FRESH_FOR && ours(details, subject).is_some() =>
            {
                Reading::Unread
            }
            Some(details) => Reading::There(details),
        },
    }
}

fn is_live(status: RowStatus) -> bool {
    match status {
        RowStatus::Active | RowStatus::Completed | RowStatus::Failed | RowStatus::Unknown => true,
        RowStatus::Canceled | RowStatus::Inactive => false,
    }
}
