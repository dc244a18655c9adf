//! What reads see of the deployments: lists and single ones, now or earlier. Pure.

use std::{ops::Bound, sync::Arc};

use super::{Deployments, Key, Row, View};
use crate::{deployment::DeploymentRecord, scope::Scope};

impl Deployments {
    /// The rows that a list may show, oldest first: of the keys that pass, all or the newest of each.
    pub(crate) fn listed(
        &self,
        target: Option<&str>,
        only_latest: bool,
        view: View,
        key_passes: impl Fn(&Key) -> bool,
    ) -> Vec<&Row> {
        let mut listed: Vec<&Row> = Vec::new();
        for key in self.keys_of(target).filter(|key| key_passes(key)) {
            let seen = self.rows_of_key(key).filter(|row| row.seen(view).is_some());
            if only_latest {
                listed.extend(seen.take(1));
            } else {
                listed.extend(seen);
            }
        }
        listed.sort_unstable_by_key(|row| row.number);
        listed
    }

    pub(super) fn keys_of<'a>(&'a self, target: Option<&'a str>) -> impl Iterator<Item = &'a Key> {
        let from =
            target.map_or(Bound::Unbounded, |target| Bound::Included(Key { target: Arc::from(target), parent: None }));
        self.keys
            .range((from, Bound::Unbounded))
            .map(|(key, _)| key)
            .take_while(move |key| target.is_none_or(|target| *key.target == *target))
    }

    /// A deployment with everything that is kept of it.
    pub(crate) fn record(&self, scope: &Scope, id: &str, view: View) -> Option<DeploymentRecord> {
        let (row, version) = self.get(id, view)?;
        Some(DeploymentRecord {
            target_arn: row.key.target.to_string(),
            parent_target_arn: row.key.parent.as_ref().map(ToString::to_string),
            revision_id: row.revision.to_string(),
            deployment_id: row.id.clone(),
            deployment_arn: scope.deployment_arn(&row.id),
            deployment_name: row.name.clone(),
            deployment_status: version.status,
            iot_job_id: row.job_id.clone(),
            iot_job_arn: row.job_id.as_ref().map(|id| scope.job_arn(id)),
            components: row.content.components.clone(),
            deployment_policies: row.content.policies.clone(),
            iot_job_configuration: row.content.job_configuration.clone(),
            creation_timestamp: row.created,
            is_latest_for_target: self.is_latest(row, view),
            tags: version.tags.as_ref().clone(),
        })
    }

    /// All deployments that a view sees, oldest first.
    pub(crate) fn records(&self, scope: &Scope, view: View) -> Vec<DeploymentRecord> {
        self.rows.values().filter_map(|row| self.record(scope, &row.id, view)).collect()
    }
}
