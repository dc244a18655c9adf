//! Subdeployments that a new revision of a parent would end. Pure.

use super::super::knowledge::{Knowledge, RowStatus};
use super::super::memory::Memory;
use super::super::subject::Subject;
use super::adoption::may_be_ended;
use super::sync::Sync;
use crate::api::AdoptionPolicy;
use crate::names::TargetKind;

/// Subdeployments that a new revision of a parent would end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subdeployments {
    /// Nothing is due, the target has none, or they may be ended whoever made them.
    Unneeded,
    /// They must be listed.
    Unread,
    /// Who made this one must be read first.
    Unidentified(String),
    /// None of somebody else's.
    Clear,
    /// Somebody else's.
    Foreign(Vec<String>),
}

pub(super) fn assess(subject: &Subject<'_>, memory: &Memory, knowledge: &Knowledge, sync: &Sync) -> Subdeployments {
    let Some((desired, _)) = subject.deployable() else { return Subdeployments::Unneeded };
    let is_parent = desired.key.parent.is_none() && desired.key.target.kind() == TargetKind::ThingGroup;
    let may_end_all = desired.adoption_policy == AdoptionPolicy::Always;
    if !is_parent || may_end_all || !sync.is_open() || memory.intent.is_some() {
        return Subdeployments::Unneeded;
    }
    let since = knowledge.look.as_ref().map(|look| look.began_at);
    let Some(reading) = knowledge.subdeployments.as_ref().filter(|reading| Some(reading.at) >= since) else {
        return Subdeployments::Unread;
    };
    let mut foreign = Vec::new();
    for row in reading.value.iter().filter(|row| row.status == RowStatus::Active) {
        if subject.peers.subdeployments.contains(&row.deployment_id) {
            continue;
        }
        match knowledge.details.get(&row.deployment_id) {
            None => return Subdeployments::Unidentified(row.deployment_id.clone()),
            Some(reading) => match &reading.value {
                // Deleted since it was listed.
                None => {}
                Some(details) if may_be_ended(details, subject) => {}
                Some(_) => foreign.push(row.deployment_id.clone()),
            },
        }
    }
    if foreign.is_empty() { Subdeployments::Clear } else { Subdeployments::Foreign(foreign) }
}
