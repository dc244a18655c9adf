//! Deployments of one account and region: revisions per target and parent, their statuses, and how they looked earlier. Pure.

pub(in crate::state) mod lineage;
mod reads;
mod succession;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::document::Document;
use crate::{
    deployment::DeploymentStatus,
    error::ServiceError,
    switches::{CancelInactive, ErrorClass, Switches},
};

/// What revisions are counted by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) target: Arc<str>,
    pub(crate) parent: Option<Arc<str>>,
}

/// The deployments. Nothing is ever taken out of `rows`, so that a read can be answered from an earlier state.
#[derive(Debug, Default)]
pub(crate) struct Deployments {
    rows: BTreeMap<u64, Row>,
    numbers: BTreeMap<String, u64>,
    keys: BTreeMap<Key, Revisions>,
    /// The parent of every group that was ever used for a subdeployment: such a group can't be reused with another parent
    /// (<https://docs.aws.amazon.com/greengrass/v2/developerguide/create-subdeployments.html>).
    bindings: BTreeMap<Arc<str>, Arc<str>>,
    /// The same from the parent's side.
    children: BTreeMap<Arc<str>, BTreeSet<Arc<str>>>,
    /// When each write happened; a write's number is its position, from 1.
    writes: Vec<Timestamp>,
}

#[derive(Debug, Default)]
struct Revisions {
    /// The revision id that was given last.
    last: u64,
    /// All rows there ever were.
    rows: BTreeSet<u64>,
    /// Those that have not ended.
    live: BTreeSet<u64>,
    /// How many of the rows are not deleted.
    existing: usize,
}

#[derive(Debug)]
pub(crate) struct Row {
    /// The number of the write that made it, which orders rows by age.
    pub(crate) number: u64,
    pub(crate) id: String,
    pub(crate) key: Key,
    pub(crate) revision: u64,
    pub(crate) name: Option<String>,
    pub(crate) job_id: Option<String>,
    pub(crate) created: Timestamp,
    pub(crate) content: Content,
    document: Arc<Document>,
    versions: Vec<Version>,
    deleted: Option<u64>,
}

/// What can't change after the creation, as GetDeployment shows it.
#[derive(Debug, Default)]
pub(crate) struct Content {
    pub(crate) components: Value,
    pub(crate) policies: Value,
    pub(crate) job_configuration: Value,
}

/// What can change, since one write.
#[derive(Debug, Clone)]
pub(crate) struct Version {
    write: u64,
    pub(crate) status: DeploymentStatus,
    pub(crate) tags: Arc<BTreeMap<String, String>>,
}

/// What a read sees: the state after one write, without rows that are younger than a time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View {
    pub(crate) after_write: u64,
    pub(crate) created_until: Timestamp,
}

impl View {
    pub(crate) const fn now() -> Self {
        Self { after_write: u64::MAX, created_until: Timestamp::MAX }
    }
}

/// A deployment that is to be created.
#[derive(Debug)]
pub(crate) struct NewDeployment {
    pub(crate) id: String,
    pub(crate) job_id: Option<String>,
    pub(crate) key: Key,
    pub(crate) name: Option<String>,
    pub(crate) content: Content,
    pub(crate) tags: BTreeMap<String, String>,
}

/// What a new revision did.
#[derive(Debug)]
pub(crate) struct Created {
    pub(crate) number: u64,
    /// The rows that it ended.
    pub(crate) ended: Vec<u64>,
}

impl Row {
    /// The row as a view sees it; `None` when it isn't there yet or no more.
    pub(crate) fn seen(&self, view: View) -> Option<&Version> {
        if self.deleted.is_some_and(|write| write <= view.after_write) || self.created > view.created_until {
            return None;
        }
        self.versions.iter().rev().find(|version| version.write <= view.after_write)
    }
}

impl Deployments {
    fn write(&mut self, now: Timestamp) -> u64 {
        self.writes.push(now);
        self.last_write()
    }

    fn last_write(&self) -> u64 {
        u64::try_from(self.writes.len()).unwrap_or(u64::MAX)
    }

    /// The view as it was at a time.
    pub(crate) fn view_at(&self, time: Timestamp) -> View {
        let writes = self.writes.partition_point(|write| *write <= time);
        View { after_write: u64::try_from(writes).unwrap_or(u64::MAX), ..View::now() }
    }

    /// The last moment at which the state was as a view sees it; `None` for the present.
    pub(crate) fn time_of(&self, view: View) -> Option<Timestamp> {
        // A write's number is its position from 1, so that the index is that of the write after the view.
        let next = usize::try_from(view.after_write).ok().and_then(|write| self.writes.get(write))?;
        Some(next.checked_sub(SignedDuration::from_nanos(1)).unwrap_or(Timestamp::MIN))
    }

    /// The view as it was before the last so many writes.
    pub(crate) fn view_before(&self, writes: u64) -> View {
        View { after_write: self.last_write().saturating_sub(writes), ..View::now() }
    }

    /// The other parent that a group is bound to.
    pub(crate) fn bound_elsewhere(&self, key: &Key) -> Option<&Arc<str>> {
        let parent = key.parent.as_ref()?;
        self.bindings.get(&key.target).filter(|bound| *bound != parent)
    }

    /// Whether a target has a deployment that was not deleted, be it a subdeployment.
    pub(crate) fn has_deployment(&self, target: &str) -> bool {
        self.keys_of(Some(target)).any(|key| self.latest(key, View::now()).is_some())
    }

    pub(crate) fn document(&self, number: u64) -> Option<Arc<Document>> {
        self.rows.get(&number).map(|row| Arc::clone(&row.document))
    }

    /// What devices have to know of a row: the document, and how its job is to be rolled out.
    pub(crate) fn to_announce(&self, number: u64) -> Option<(Arc<Document>, Value)> {
        let row = self.rows.get(&number)?;
        Some((Arc::clone(&row.document), row.content.job_configuration.clone()))
    }

    /// Whether a row is live and its device has not reported.
    pub(crate) fn is_active(&self, number: u64) -> bool {
        let row = self.rows.get(&number);
        row.and_then(|row| row.seen(View::now())).is_some_and(|version| version.status == DeploymentStatus::Active)
    }

    /// The deployment of a target without parent that is live.
    pub(crate) fn active_of(&self, target: &str) -> Option<u64> {
        let key = Key { target: Arc::from(target), parent: None };
        self.latest(&key, View::now()).map(|row| row.number).filter(|number| self.is_active(*number))
    }

    /// A status that follows from what devices or jobs did.
    pub(crate) fn set_status(&mut self, number: u64, status: DeploymentStatus, at: Timestamp) {
        self.change(number, at, |version| version.status = status);
    }

    /// A cancelled deployment stays CANCELED. False when it had ended before.
    fn end(&mut self, number: u64, status: DeploymentStatus, write: u64) -> bool {
        let known = self.rows.get(&number).and_then(|row| row.versions.last());
        let Some(version) = known.filter(|version| !version.status.has_ended()).cloned() else {
            return false;
        };
        self.enter(number, Version { write, status, ..version });
        true
    }

    /// A new version of a row.
    fn enter(&mut self, number: u64, version: Version) {
        let Some(row) = self.rows.get_mut(&number) else {
            return;
        };
        if let Some(revisions) = self.keys.get_mut(&row.key) {
            if version.status.has_ended() || row.deleted.is_some() {
                revisions.live.remove(&number);
            } else {
                revisions.live.insert(number);
            }
        }
        row.versions.push(version);
    }

    fn existing(&self, id: &str, view: View) -> Result<(&Row, &Version), ServiceError> {
        self.get(id, view).ok_or_else(|| ServiceError::deployment_not_found(id))
    }

    /// CancelDeployment. The number of the row that it cancelled.
    pub(crate) fn cancel(
        &mut self,
        id: &str,
        view: View,
        switches: &Switches,
        now: Timestamp,
    ) -> Result<u64, ServiceError> {
        let (row, version) = self.existing(id, view)?;
        let number = row.number;
        let already = match version.status {
            DeploymentStatus::Canceled => true,
            DeploymentStatus::Inactive => switches.cancel_inactive == CancelInactive::AlreadyCanceled,
            DeploymentStatus::Active | DeploymentStatus::Completed | DeploymentStatus::Failed => false,
        };
        if already {
            return Err(ServiceError::validation(format!("The deployment {id} is already canceled.")));
        }
        self.change(number, now, |version| {
            version.status = DeploymentStatus::Canceled;
        });
        Ok(number)
    }

    /// The number of a row that may be deleted.
    pub(crate) fn deletable(&self, id: &str, view: View, switches: &Switches) -> Result<u64, ServiceError> {
        let (row, version) = self.existing(id, view)?;
        match version.status {
            DeploymentStatus::Canceled | DeploymentStatus::Inactive => Ok(row.number),
            // A rollout that its criteria have stopped needs no cancelling.
            DeploymentStatus::Failed if row.job_id.is_some() => Ok(row.number),
            DeploymentStatus::Active | DeploymentStatus::Completed | DeploymentStatus::Failed => {
                let message = format!("The deployment {id} must be canceled before deletion.");
                Err(match switches.delete_before_cancel {
                    ErrorClass::Validation => ServiceError::validation(message),
                    ErrorClass::Conflict => {
                        ServiceError::Conflict { message, resource_id: id.to_owned(), resource_type: "deployment" }
                    }
                })
            }
        }
    }

    /// A row is no more.
    pub(crate) fn delete(&mut self, number: u64, now: Timestamp) {
        let write = self.write(now);
        if let Some(row) = self.rows.get_mut(&number) {
            row.deleted = Some(write);
            if let Some(revisions) = self.keys.get_mut(&row.key) {
                revisions.existing = revisions.existing.saturating_sub(1);
                revisions.live.remove(&number);
            }
        }
    }

    /// A new version of a row: a write of its own.
    pub(super) fn change(&mut self, number: u64, now: Timestamp, change: impl FnOnce(&mut Version)) {
        let write = self.write(now);
        if let Some(version) = self.rows.get(&number).and_then(|row| row.versions.last()) {
            let mut version = Version { write, ..version.clone() };
            change(&mut version);
            self.enter(number, version);
        }
    }

    pub(crate) fn get(&self, id: &str, view: View) -> Option<(&Row, &Version)> {
        let row = self.rows.get(self.numbers.get(id)?)?;
        Some((row, row.seen(view)?))
    }

    /// The newest row of a key that a view sees.
    fn latest(&self, key: &Key, view: View) -> Option<&Row> {
        self.rows_of_key(key).find(|row| row.seen(view).is_some())
    }

    pub(crate) fn is_latest(&self, row: &Row, view: View) -> bool {
        self.latest(&row.key, view).is_some_and(|latest| latest.number == row.number)
    }

    /// The rows of a key, newest first, deleted ones included: a view may still see them.
    fn rows_of_key(&self, key: &Key) -> impl Iterator<Item = &Row> {
        self.keys
            .get(key)
            .into_iter()
            .flat_map(|revisions| revisions.rows.iter().rev())
            .filter_map(|number| self.rows.get(number))
    }
}
