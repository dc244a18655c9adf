//! What must hold after every step, whatever happened before. Pure.

use std::collections::BTreeMap;

use greengrass_operator_core::api::DeletionPolicy;
use greengrass_operator_core::deployment::decide::{Change, Step};
use greengrass_operator_core::deployment::hash::short_hash;
use greengrass_operator_core::deployment::knowledge::{RowStatus, later};
use greengrass_operator_core::deployment::subject::Wanted;
use jiff::{SignedDuration, Timestamp};

use crate::aws::{Aws, Commit, LONGEST_LAG, OtherParameters};
use crate::world::Object;

const RESOURCE: &str = "greengrass-operator.dev/resource";
const DIGEST: &str = "greengrass-operator.dev/digest";
const REDEPLOY: &str = "greengrass-operator.dev/redeploy";
const INTENT: &str = "greengrass-operator.dev/intent";

/// A look serves a send for so long: what somebody creates in between may be superseded.
const BETWEEN_LOOK_AND_SEND: std::time::Duration = std::time::Duration::from_secs(10);

/// A status that is lost so soon after a send takes the knowledge of it along.
const FORGOTTEN_WITHIN: SignedDuration = SignedDuration::from_secs(60);

/// What was asked for, and what came of it.
#[derive(Clone, Default)]
pub(crate) struct Oracle {
    /// Digest and `redeploy-at` of every change, in their order.
    changes: Vec<(Option<String>, Option<String>)>,
    /// The newest change that a deployment was made for.
    served: Option<usize>,
    /// Revisions too many that the documents allow for what has happened.
    pub(crate) excuses: u32,
    /// The status was lost while a request was on its way: who releases the object can't know of it.
    lost_track: bool,
    last_send_at: Option<Timestamp>,
    last_edit_of_status: u32,
    pub(crate) redeploys: u32,
    /// How often a redeploy was asked for when somebody else's deployment appeared.
    foreign: BTreeMap<String, u32>,
    seen: usize,
}

impl Oracle {
    /// The owner asks for something.
    pub(crate) fn requested(&mut self, object: &Object) {
        let digest = match object.wanted() {
            Wanted::Present(_, digest) => Some(digest.to_string()),
            Wanted::Invalid(_)
            | Wanted::Unread
            | Wanted::Missing(..)
            | Wanted::NotAllowed(_)
            | Wanted::Absent { .. } => None,
        };
        self.changes.push((digest, object.redeploy_at.as_deref().map(short_hash)));
    }

    pub(crate) fn foreign(&mut self, id: &str) {
        self.foreign.insert(id.to_owned(), self.redeploys);
    }

    /// Somebody deletes a deployment: if nothing is remembered of it, it is made again.
    pub(crate) fn deleted(&mut self, id: &str, aws: &Aws) {
        if aws.details.iter().any(|details| details.row.deployment_id == id && details.tags.contains_key(RESOURCE)) {
            self.excuses += 1;
        }
    }

    /// The status is lost or becomes an older one.
    pub(crate) fn forgotten(&mut self, recorded: Option<&str>, aws: &Aws, now: Timestamp) {
        let unrecorded = aws.commits.last().is_none_or(|commit| Some(commit.deployment_id.as_str()) != recorded);
        // Where AWS does not tell from the token that it knows the request, nothing tells before the deployment shows.
        let anew = aws.other_parameters == OtherParameters::CreateAnew;
        let hidden = anew && aws.details.last().is_some_and(|details| later(details.row.created_at, LONGEST_LAG) > now);
        let lately = self.last_send_at.is_some_and(|at| now.duration_since(at) <= FORGOTTEN_WITHIN);
        if lately && (unrecorded || hidden || aws.late_by().is_some()) {
            // The forgotten one, and the one that has to follow if it comes last with other content.
            self.excuses += 2;
            self.lost_track = true;
        }
    }

    /// A step is about to be taken by a replica that believes `object`.
    pub(crate) fn decided(&mut self, step: &Step, object: &Object, truth: &Object, aws: &Aws, now: Timestamp) {
        match step {
            Step::Write(Change::Create { .. }) => {
                self.last_send_at = Some(now);
                if object.status_edits != truth.status_edits && self.last_edit_of_status != truth.status_edits {
                    // It began before the status was lost and could not see it.
                    self.last_edit_of_status = truth.status_edits;
                    self.excuses += 2;
                    self.lost_track = true;
                }
                assert!(!object.suspend && !object.invalid && !object.deleting, "a send that the spec forbids");
                self.overwrites_nothing(object, aws, now);
            }
            Step::Write(Change::Cancel(id) | Change::Delete(id)) => {
                let ours =
                    aws.details.iter().filter(|d| d.row.deployment_id == *id).all(|d| d.tags.contains_key(RESOURCE));
                assert!(ours, "{id} is somebody else's");
            }
            Step::Write(Change::RemoveFinalizer { abandoned: false })
                if object.deleting && object.policy != DeletionPolicy::Retain =>
            {
                let live = aws.live().filter(|live| live.tags.contains_key(RESOURCE));
                assert!(live.is_none() || self.lost_track, "released with {live:?} in force");
                assert!(aws.late_by().is_none() || self.lost_track, "released with a request on its way");
            }
            Step::Ask(_) | Step::Write(_) | Step::Rest(_) => {}
        }
    }

    fn overwrites_nothing(&self, object: &Object, aws: &Aws, now: Timestamp) {
        let Some(newest) = aws.newest() else { return };
        let id = &newest.row.deployment_id;
        let Some(redeploys) = self.foreign.get(id) else { return };
        if later(later(newest.row.created_at, aws.lag), BETWEEN_LOOK_AND_SEND) >= now {
            return;
        }
        let base = object.status.intent.as_ref().and_then(|intent| intent.base.as_ref());
        assert_eq!(base, Some(id), "somebody else's deployment is overwritten unseen");
        assert!(self.redeploys > *redeploys, "nobody asked to overwrite {id}");
        assert!(!aws.commits.is_empty(), "there was nothing of ours to restore");
    }

    /// Every deployment that a request made since the last time is one that was asked for.
    pub(crate) fn committed(&mut self, aws: &Aws) {
        for commit in aws.commits.iter().skip(self.seen) {
            self.was_asked_for(commit);
            for other in aws.details.iter().filter(|other| other.row.deployment_id != commit.deployment_id) {
                let ordinal =
                    |tags: &BTreeMap<String, String>| tags.get(INTENT)?.split_once('.').map(|(n, _)| n.to_owned());
                if !self.lost_track
                    && other.tags.contains_key(RESOURCE)
                    && ordinal(&other.tags) == ordinal(&commit.tags)
                {
                    assert_eq!(other.tags.get(DIGEST), commit.tags.get(DIGEST), "one ordinal for two contents");
                }
            }
        }
        self.seen = aws.commits.len();
    }

    fn was_asked_for(&mut self, commit: &Commit) {
        let made = (commit.tags.get(DIGEST).cloned(), commit.tags.get(REDEPLOY).cloned());
        let after = self.served.map_or(0, |served| served + 1);
        let change = self.changes.iter().enumerate().skip(after).rev().find(|(_, change)| **change == made);
        if let Some((index, _)) = change {
            self.served = Some(index);
        } else {
            assert!(
                self.excuses > 0,
                "{} was made for no change: {made:?} of {:?}",
                commit.deployment_id,
                self.changes
            );
            self.excuses -= 1;
        }
    }

    /// The deployment of the newest change is in force, or the status says why not. `None` where all is well.
    pub(crate) fn verdict(object: &Object, aws: &Aws) -> Option<String> {
        if object.deleting {
            return (!object.gone).then(|| "never released".to_owned());
        }
        let Wanted::Present(_, wanted) = object.wanted() else { return None };
        let ready = object.status.conditions.iter().find(|condition| condition.type_ == "Ready")?;
        let is =
            |reason: &str| (ready.reason != reason).then(|| format!("{}, and it should be {reason}", ready.reason));
        let Some(newest) = aws.newest() else {
            return is("Drifted");
        };
        if !newest.tags.contains_key(RESOURCE) {
            return if ready.reason == "ForeignRevision" { None } else { is("Drifted") };
        }
        let is_handled = object.redeploy_at == object.status.last_handled_redeploy_at;
        let has_it =
            newest.tags.get(DIGEST) == Some(&wanted.to_string()) && (object.redeploy_at.is_none() || is_handled);
        match newest.row.status {
            RowStatus::Inactive => is("Drifted"),
            _ if !has_it => Some(format!("{} is not what is wanted: {}", newest.row.deployment_id, ready.reason)),
            RowStatus::Canceled => is("RolloutCanceled"),
            _ if object.status.deployment_id.as_ref() != Some(&newest.row.deployment_id) => {
                Some("not recorded".to_owned())
            }
            _ => is("Deployed"),
        }
    }
}
