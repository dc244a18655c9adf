//! Whose revision follows whose, and what is deployed below a target: as the page shows it. Pure.

use std::{collections::BTreeMap, sync::Arc};

use super::{Deployments, Row, Version, View};
use crate::deployment::DeploymentStatus;

/// A revision among those of its target and parent.
#[derive(Debug)]
pub(in crate::state) struct Revision<'a> {
    pub(in crate::state) row: &'a Row,
    pub(in crate::state) version: &'a Version,
    /// The one before it and the one after it.
    pub(in crate::state) follows: Option<&'a Row>,
    pub(in crate::state) followed_by: Option<&'a Row>,
}

impl Revision<'_> {
    /// Whether a newer revision of its parent has ended it, since none of its own target did.
    pub(in crate::state) fn is_ended_by_parent(&self) -> bool {
        self.row.key.parent.is_some() && self.followed_by.is_none() && self.version.status == DeploymentStatus::Inactive
    }
}

/// A target with deployments.
#[derive(Debug)]
pub(in crate::state) struct DeployedTarget<'a> {
    pub(in crate::state) arn: &'a str,
    pub(in crate::state) newest: &'a Row,
    pub(in crate::state) version: &'a Version,
    pub(in crate::state) revisions: usize,
}

impl Deployments {
    /// All deployments that are not deleted.
    pub(in crate::state) fn count(&self) -> usize {
        self.keys.values().map(|revisions| revisions.existing).sum()
    }

    /// The targets that have deployments, the one with the newest first.
    pub(in crate::state) fn deployed_targets(&self) -> Vec<DeployedTarget<'_>> {
        let mut targets: BTreeMap<&str, DeployedTarget<'_>> = BTreeMap::new();
        for (key, revisions) in &self.keys {
            let Some(newest) = self.latest(key, View::now()) else {
                continue;
            };
            let Some(version) = newest.seen(View::now()) else {
                continue;
            };
            let here = DeployedTarget { arn: &key.target, newest, version, revisions: revisions.existing };
            match targets.get_mut(&*key.target) {
                Some(known) => {
                    let revisions = known.revisions + here.revisions;
                    if here.newest.number > known.newest.number {
                        *known = here;
                    }
                    known.revisions = revisions;
                }
                None => {
                    targets.insert(&key.target, here);
                }
            }
        }
        let mut targets: Vec<DeployedTarget<'_>> = targets.into_values().collect();
        targets.sort_unstable_by_key(|target| std::cmp::Reverse(target.newest.number));
        targets
    }

    /// The revisions of a target, with whatever parent, newest first.
    pub(in crate::state) fn revisions_of(&self, target: &str) -> Vec<Revision<'_>> {
        let mut found = Vec::new();
        for key in self.keys_of(Some(target)) {
            let rows: Vec<(&Row, &Version)> =
                self.rows_of_key(key).filter_map(|row| Some((row, row.seen(View::now())?))).collect();
            let at = |index: Option<usize>| index.and_then(|index| rows.get(index)).map(|(row, _)| *row);
            found.extend(rows.iter().enumerate().map(|(index, (row, version))| Revision {
                row,
                version,
                follows: at(index.checked_add(1)),
                followed_by: at(index.checked_sub(1)),
            }));
        }
        found.sort_unstable_by_key(|revision| std::cmp::Reverse(revision.row.number));
        found
    }

    /// The newest subdeployment of each group that was used below a target.
    pub(in crate::state) fn subdeployments_of(&self, target: &str) -> Vec<(&Row, &Version)> {
        let children = self.children.get(target).into_iter().flatten();
        let parent: Arc<str> = Arc::from(target);
        children
            .filter_map(|child| {
                let key = super::Key { target: Arc::clone(child), parent: Some(Arc::clone(&parent)) };
                let row = self.latest(&key, View::now())?;
                Some((row, row.seen(View::now())?))
            })
            .collect()
    }
}
