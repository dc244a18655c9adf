//! How revisions follow each other: what a new one ends, how it is counted, on whose behalf it is. Pure.

use std::{collections::BTreeSet, sync::Arc};

use jiff::Timestamp;

use super::{Created, Deployments, Key, NewDeployment, Revisions, Row, Version};
use crate::{
    deployment::DeploymentStatus,
    state::document::Document,
    switches::{EndedSubdeployment, RevisionCounter, RevisionsAfterDelete, SupersededRevision, Switches},
};

impl Deployments {
    /// The next revision: supersedes the one before, and ends the subdeployments of its target. The document is made for the revision's number.
    pub(crate) fn create(
        &mut self,
        new: NewDeployment,
        document: impl FnOnce(u64, u64) -> Document,
        switches: &Switches,
        now: Timestamp,
    ) -> Created {
        let write = self.write(now);
        let superseded: Vec<u64> =
            self.keys.get(&new.key).map(|revisions| revisions.live.iter().copied().collect()).unwrap_or_default();
        let superseded_as = match switches.superseded_revision {
            SupersededRevision::Inactive => DeploymentStatus::Inactive,
            SupersededRevision::Canceled => DeploymentStatus::Canceled,
        };
        let mut ended = Vec::new();
        for number in superseded {
            if self.end(number, superseded_as, write) {
                ended.push(number);
            }
        }
        let ended_as = match switches.ended_subdeployment {
            EndedSubdeployment::Inactive => DeploymentStatus::Inactive,
            EndedSubdeployment::Canceled => DeploymentStatus::Canceled,
        };
        for number in self.subdeployments_below(&new.key.target) {
            if self.end(number, ended_as, write) {
                ended.push(number);
            }
        }

        if let Some(parent) = &new.key.parent {
            self.bindings.insert(Arc::clone(&new.key.target), Arc::clone(parent));
            self.children.entry(Arc::clone(parent)).or_default().insert(Arc::clone(&new.key.target));
        }
        let last = self.last_revision(&new.key, switches);
        let revisions = self.keys.entry(new.key.clone()).or_default();
        revisions.last = last + 1;
        revisions.existing += 1;
        revisions.rows.insert(write);
        revisions.live.insert(write);
        self.numbers.insert(new.id.clone(), write);
        self.rows.insert(
            write,
            Row {
                number: write,
                id: new.id,
                key: new.key,
                revision: revisions.last,
                name: new.name,
                job_id: new.job_id,
                created: now,
                content: new.content,
                document: Arc::new(document(write, revisions.last)),
                versions: vec![Version { write, status: DeploymentStatus::Active, tags: Arc::new(new.tags) }],
                deleted: None,
            },
        );
        Created { number: write, ended }
    }

    /// The revision id that was given last, as the next one counts on.
    fn last_revision(&self, key: &Key, switches: &Switches) -> u64 {
        let counted: Vec<&Revisions> = match switches.revision_counter {
            RevisionCounter::TargetAndParent => self.keys.get(key).into_iter().collect(),
            RevisionCounter::Target => self.keys_of(Some(&key.target)).filter_map(|key| self.keys.get(key)).collect(),
        };
        let goes_on = switches.revisions_after_delete == RevisionsAfterDelete::Continue
            || counted.iter().any(|revisions| revisions.existing > 0);
        let last = counted.iter().map(|revisions| revisions.last).max().filter(|_| goes_on);
        last.unwrap_or_default()
    }

    /// The target at the root of the parents of a subdeployment: the fleet on whose behalf it is.
    pub(crate) fn root_of(&self, key: &Key) -> Arc<str> {
        let mut root = key.parent.as_ref().unwrap_or(&key.target);
        // Two groups can name each other as parents.
        let mut passed = BTreeSet::from([root]);
        while let Some(parent) = self.bindings.get(root)
            && key.parent.is_some()
            && passed.insert(parent)
        {
            root = parent;
        }
        Arc::clone(root)
    }

    /// The rows that have not ended and whose parent is this target, or a subdeployment's target below it.
    fn subdeployments_below(&self, target: &Arc<str>) -> Vec<u64> {
        let mut parents = vec![target];
        let mut reached: BTreeSet<&Arc<str>> = parents.iter().copied().collect();
        let mut numbers = Vec::new();
        while let Some(parent) = parents.pop() {
            for child in self.children.get(parent).into_iter().flatten() {
                let key = Key { target: Arc::clone(child), parent: Some(Arc::clone(parent)) };
                numbers.extend(self.keys.get(&key).into_iter().flat_map(|revisions| &revisions.live));
                // Two groups can name each other as parents.
                if reached.insert(child) {
                    parents.push(child);
                }
            }
        }
        numbers
    }
}
