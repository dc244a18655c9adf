//! Targets and their revisions. Pure.

use serde_json::{Map, Value, json};

use super::{Place, Portion};
use crate::{
    scope::Target,
    state::{
        Partition,
        deployments::{Row, Version, lineage::Revision},
    },
};

/// So many components of a revision are named.
const COMPONENTS: usize = 20;

impl Partition {
    pub(super) fn targets(&self, portion: &Portion) -> Value {
        let mut targets = self.deployments.deployed_targets();
        targets.retain(|target| portion.finds(target.arn));
        let (targets, place) = portion.of(targets);
        let targets: Vec<Value> = targets
            .into_iter()
            .map(|target| {
                let mut shown = self.shown_revision(target.newest, target.version);
                shown.insert("revisions".to_owned(), json!(target.revisions));
                shown.insert("subdeployments".to_owned(), json!(self.deployments.subdeployments_of(target.arn).len()));
                Value::Object(shown)
            })
            .collect();
        Value::Object(place.with("targets", targets))
    }

    pub(super) fn revisions(&self, target: &str, portion: &Portion) -> Value {
        let (revisions, place) = portion.of(self.deployments.revisions_of(target));
        let below = self.deployments.subdeployments_of(target);
        // The first page of them is enough to follow a lineage; the list of targets finds the others.
        let (below, Place { total, .. }) = Portion::default().of(below);
        let below: Vec<Value> =
            below.into_iter().map(|(row, version)| Value::Object(self.shown_revision(row, version))).collect();
        let revisions = revisions.iter().map(|revision| self.shown_lineage(revision)).collect();
        let mut shown = place.with("revisions", revisions);
        shown.insert("subdeployments".to_owned(), Value::Array(below));
        shown.insert("subdeploymentsTotal".to_owned(), json!(total));
        Value::Object(shown)
    }

    fn shown_lineage(&self, revision: &Revision<'_>) -> Value {
        let named = |row: &Row| json!({"deploymentId": row.id, "revisionId": row.revision.to_string()});
        let mut shown = self.shown_revision(revision.row, revision.version);
        shown.insert("follows".to_owned(), json!(revision.follows.map(named)));
        shown.insert("followedBy".to_owned(), json!(revision.followed_by.map(named)));
        shown.insert("endedByParent".to_owned(), json!(revision.is_ended_by_parent()));
        Value::Object(shown)
    }

    fn shown_revision(&self, row: &Row, version: &Version) -> Map<String, Value> {
        let kind = match Target::of(&row.key.target) {
            Some(Target::Thing(_)) => "thing",
            Some(Target::ThingGroup(_)) => "thinggroup",
            None => "",
        };
        let components = row.content.components.as_object();
        let named: Map<String, Value> = components
            .into_iter()
            .flatten()
            .take(COMPONENTS)
            .map(|(name, component)| (name.clone(), component.get("componentVersion").cloned().unwrap_or_default()))
            .collect();
        let job = row.job_id.as_ref().and_then(|id| self.jobs.get(id));
        let shown = [
            ("targetArn", json!(&*row.key.target)),
            ("kind", json!(kind)),
            ("parentTargetArn", json!(row.key.parent.as_deref())),
            ("deploymentId", json!(row.id)),
            ("deploymentName", json!(row.name)),
            ("revisionId", json!(row.revision.to_string())),
            ("deploymentStatus", json!(version.status)),
            ("creationTimestamp", json!(row.created)),
            ("components", Value::Object(named)),
            ("componentsTotal", json!(components.map_or(0, Map::len))),
            ("executions", json!(job.map(|job| *job.counts()))),
        ];
        shown.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}
