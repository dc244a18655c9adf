//! The part of the status that the logic needs, parsed. Pure.
//!
//! A memory aid, never an authority: all of it can be found again from the tags in AWS.

use jiff::{SignedDuration, Timestamp};

use super::configuration::{Configured, Keys};
use super::hash::short_hash;
use super::knowledge::Details;
use super::revision::{Digest, digest_of_tags};
use super::rollout::{MAX_HISTORY, Progress, Verdict};
use super::subject::Subject;
use super::tags::{Cause, OwnerTags, user_tags};
use crate::api::DeletionPolicy;
use crate::api::devices::RevisionRecord;
use crate::api::status::{AppliedTags, ForeignDeployment, GreengrassDeploymentStatus, IntentStatus, Resolved};
use crate::names::{Key, TargetArn};

/// What became of a revision that is not settled, and of one that a newer one came before.
const IN_PROGRESS: &str = "InProgress";
const SUPERSEDED: &str = "Superseded";

/// What the status remembers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Memory {
    /// The generation that the conditions speak of.
    pub observed_generation: Option<i64>,
    /// The last settled change.
    pub ordinal: u64,
    /// The change that is being made.
    pub intent: Option<Intent>,
    /// The newest deployment made by this resource.
    pub deployment: Option<OwnDeployment>,
    /// What the spec resolved to.
    pub key: Option<Key>,
    /// The identity through which AWS was last reached: for people, nothing is decided by it.
    pub identity: Option<String>,
    /// Deletion policy as last seen.
    pub deletion_policy: Option<DeletionPolicy>,
    /// The user's tags as last applied.
    pub applied_tags: Option<AppliedTags>,
    /// Configuration keys that earlier revisions have set; none where that is not known.
    pub dropped: Option<Keys>,
    /// Somebody else's deployment above ours.
    pub foreign: Option<ForeignDeployment>,
    /// Last handled `reconcile-at`.
    pub reconcile_at: Option<String>,
    /// Last handled `redeploy-at`.
    pub redeploy_at: Option<String>,
    /// Last handled `cancel-at`.
    pub cancel_at: Option<String>,
    /// How long `Remove` may take, as last seen.
    pub remove_timeout: Option<SignedDuration>,
    /// How devices take the newest deployment.
    pub progress: Progress,
    /// The newest deployments made by this resource, the newest first.
    pub history: Vec<RevisionRecord>,
}

/// A change that is being made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intent {
    /// Number of the change.
    pub ordinal: u64,
    /// How often its content was changed while it was open.
    pub attempt: u64,
    /// Digest of its content.
    pub digest: Digest,
    /// Hash of the `redeploy-at` that is handled with it.
    pub redeploy: Option<String>,
    /// Hash of the `cancel-at` that is handled with it.
    pub cancel: Option<String>,
    /// The parent's newest deployment.
    pub parent: Option<String>,
    /// Why it is made.
    pub cause: Cause,
    /// SHA-256 of the request but its token.
    pub request: String,
    /// The newest deployment when it was decided.
    pub base: Option<String>,
    /// When it was recorded.
    pub started_at: Timestamp,
}

/// The newest deployment made by this resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnDeployment {
    /// Its id.
    pub deployment_id: String,
    /// Its revision.
    pub revision_id: Option<String>,
    /// Its job.
    pub iot_job_id: Option<String>,
    /// The job's ARN.
    pub iot_job_arn: Option<String>,
    /// Digest of its content.
    pub digest: Option<Digest>,
    /// The newest generation whose content it is.
    pub generation: Option<i64>,
    /// AWS's word for its status.
    pub status: Option<String>,
}

impl Memory {
    /// What the status says; what can't be read counts as forgotten.
    #[must_use]
    pub fn recall(status: &GreengrassDeploymentStatus) -> Self {
        Self {
            observed_generation: status.observed_generation,
            ordinal: status.ordinal.and_then(|n| u64::try_from(n).ok()).unwrap_or(0),
            intent: status.intent.as_ref().and_then(recall_intent),
            deployment: status.deployment_id.clone().map(|deployment_id| OwnDeployment {
                deployment_id,
                revision_id: status.revision_id.clone(),
                iot_job_id: status.iot_job_id.clone(),
                iot_job_arn: status.iot_job_arn.clone(),
                digest: status.applied_digest.as_deref().map(Digest::recorded),
                generation: status.applied_generation,
                status: status.deployment_status.clone(),
            }),
            key: status.resolved.as_ref().and_then(recall_key),
            identity: status.resolved.as_ref().and_then(|resolved| resolved.identity.clone()),
            deletion_policy: status.deletion_policy.as_deref().and_then(recall_policy),
            applied_tags: status.applied_tags.clone(),
            dropped: status.dropped_keys.as_ref().map(Keys::recorded),
            foreign: status.foreign.clone(),
            reconcile_at: status.last_handled_reconcile_at.clone(),
            redeploy_at: status.last_handled_redeploy_at.clone(),
            cancel_at: status.last_handled_cancel_at.clone(),
            remove_timeout: status.remove_timeout_seconds.map(SignedDuration::from_secs),
            progress: Progress {
                verdict: status.verdict.as_deref().and_then(Verdict::recorded),
                counts: status.devices,
                failures: status.failures.clone(),
            },
            history: status.history.clone(),
        }
    }

    /// The status that says it; conditions are added by the summary.
    #[must_use]
    pub fn to_status(&self) -> GreengrassDeploymentStatus {
        let Self {
            observed_generation,
            ordinal,
            intent,
            deployment,
            key,
            identity,
            deletion_policy,
            applied_tags,
            dropped,
            foreign,
            reconcile_at,
            redeploy_at,
            cancel_at,
            remove_timeout,
            progress: Progress { verdict, counts, failures },
            history,
        } = self;
        let own = deployment.as_ref();
        let target = key.as_ref().map(|key| &key.target);
        GreengrassDeploymentStatus {
            observed_generation: *observed_generation,
            conditions: Vec::new(),
            ordinal: (*ordinal > 0).then(|| signed(*ordinal)),
            intent: intent.as_ref().map(intent_status),
            deployment_id: own.map(|own| own.deployment_id.clone()),
            deployment_arn: own.zip(target).map(|(own, target)| deployment_arn(target, &own.deployment_id)),
            deployment_status: own.and_then(|own| own.status.clone()),
            revision_id: own.and_then(|own| own.revision_id.clone()),
            iot_job_id: own.and_then(|own| own.iot_job_id.clone()),
            iot_job_arn: own.and_then(|own| own.iot_job_arn.clone()),
            target_name: target.map(|target| target.name().to_owned()),
            applied_digest: own.and_then(|own| own.digest.as_ref().map(ToString::to_string)),
            applied_generation: own.and_then(|own| own.generation),
            resolved: key.as_ref().map(|key| Resolved {
                account_id: key.target.account().to_owned(),
                region: key.target.region().to_owned(),
                target_arn: key.target.to_string(),
                parent_target_arn: key.parent.as_ref().map(ToString::to_string),
                identity: identity.clone(),
            }),
            deletion_policy: deletion_policy.map(|policy| policy_name(policy).to_owned()),
            applied_tags: applied_tags.clone(),
            dropped_keys: dropped.as_ref().map(Keys::to_status),
            pending_change: Vec::new(),
            foreign: foreign.clone(),
            last_handled_reconcile_at: reconcile_at.clone(),
            last_handled_redeploy_at: redeploy_at.clone(),
            last_handled_cancel_at: cancel_at.clone(),
            remove_timeout_seconds: remove_timeout.map(|timeout| timeout.as_secs()),
            verdict: verdict.map(|verdict| verdict.as_str().to_owned()),
            devices: *counts,
            devices_summary: counts.map(|counts| format!("{}/{}", counts.succeeded, counts.present())),
            failures: failures.clone(),
            history: history.clone(),
        }
    }

    /// When the newest deployment was made.
    #[must_use]
    pub fn created_at(&self) -> Option<Timestamp> {
        let own = self.deployment.as_ref()?;
        self.history.iter().find(|record| record.deployment_id == own.deployment_id)?.created_at
    }

    /// With a deployment of ours taken down as the newest one: what its tags say, not what a reply said.
    #[must_use]
    pub fn settled(mut self, details: &Details, owner: &OwnerTags, subject: &Subject<'_>) -> Self {
        let wanted = subject.deployable().map(|(_, digest)| digest);
        self.ordinal = self.ordinal.max(owner.ordinal);
        let id = &details.row.deployment_id;
        if self.deployment.as_ref().is_none_or(|own| own.deployment_id != *id) {
            self.progress = Progress::default();
        }
        self.deployment = Some(OwnDeployment {
            deployment_id: details.row.deployment_id.clone(),
            revision_id: Some(details.row.revision_id.to_string()),
            iot_job_id: details.iot_job_id.clone(),
            iot_job_arn: details.iot_job_arn.clone(),
            digest: Some(owner.digest.clone()),
            generation: (wanted == Some(&owner.digest)).then_some(subject.generation),
            status: Some(details.row.status.as_str().to_owned()),
        });
        self.note_history(details, owner);
        self.applied_tags = Some(self.tags_of(details, owner, subject));
        if !self.is_made_by_open_intent(owner) {
            // Between it and what the status knew of there may have been others: all is found again in AWS when it is needed.
            self.dropped = None;
        } else if let (Some(dropped), Some(content)) = (&mut self.dropped, &details.content) {
            // What it sets is counted again when it is superseded itself.
            dropped.remove(&Configured::by(content).set);
        }
        if let Some(present) = &subject.redeploy_at
            && owner.redeploy.as_deref() == Some(short_hash(present).as_str())
        {
            self.redeploy_at = Some(present.clone());
        }
        if let Some(present) = &subject.cancel_at
            && owner.cancel.as_deref() == Some(short_hash(present).as_str())
        {
            self.cancel_at = Some(present.clone());
        }
        if self.intent.as_ref().is_some_and(|intent| intent.ordinal <= owner.ordinal) {
            self.intent = None;
        }
        self.foreign = None;
        self
    }

    fn note_history(&mut self, details: &Details, owner: &OwnerTags) {
        let row = &details.row;
        if self.history.iter().any(|record| record.deployment_id == row.deployment_id) {
            return;
        }
        // What was not settled when it was superseded is settled by that.
        for record in &mut self.history {
            if record.outcome == IN_PROGRESS {
                SUPERSEDED.clone_into(&mut record.outcome);
            }
        }
        let record = RevisionRecord {
            revision_id: Some(row.revision_id.to_string()),
            deployment_id: row.deployment_id.clone(),
            digest: Some(owner.digest.to_string()),
            generation: self.deployment.as_ref().and_then(|own| own.generation),
            created_at: Timestamp::from_second(row.created_at.as_second()).ok(),
            outcome: IN_PROGRESS.to_owned(),
        };
        self.history.insert(0, record);
        self.history.truncate(MAX_HISTORY);
    }

    /// The history says of the newest deployment what the rest of the status says.
    pub(super) fn bring_history_up_to_date(&mut self) {
        let Some(own) = &self.deployment else { return };
        let verdict = self.progress.verdict;
        if let Some(record) = self.history.iter_mut().find(|record| record.deployment_id == own.deployment_id) {
            verdict.map_or(IN_PROGRESS, Verdict::as_str).clone_into(&mut record.outcome);
            record.generation = own.generation.or(record.generation);
            record.revision_id = own.revision_id.clone().or_else(|| record.revision_id.take());
        }
    }

    fn is_made_by_open_intent(&self, owner: &OwnerTags) -> bool {
        let is_of_intent = self.intent.as_ref().is_some_and(|intent| intent.ordinal == owner.ordinal);
        is_of_intent && owner.cause != Cause::Adopt
    }

    /// All user's tags on a deployment that this very change made are the user's. On one that was found, others may have put
    /// some: only those that the spec names are taken for the user's, and the rest is never taken off.
    fn tags_of(&self, details: &Details, owner: &OwnerTags, subject: &Subject<'_>) -> AppliedTags {
        let is_made_by_this = self.is_made_by_open_intent(owner);
        let named = subject.deployable().map(|(desired, _)| &desired.tags);
        let counts = |key: &str| is_made_by_this || named.is_none_or(|tags| tags.contains_key(key));
        let tags: Vec<_> = user_tags(&details.tags).filter(|(key, _)| counts(key)).collect();
        AppliedTags {
            keys: tags.iter().map(|(key, _)| (*key).clone()).collect(),
            digest: digest_of_tags(tags.into_iter()),
        }
    }
}

/// The ARN that tags and policies name (Service Authorization Reference, "AWS IoT Greengrass V2": `deployments:ID`).
#[must_use]
pub fn deployment_arn(target: &TargetArn, deployment_id: &str) -> String {
    format!(
        "arn:{}:greengrass:{}:{}:deployments:{deployment_id}",
        target.partition(),
        target.region(),
        target.account()
    )
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn recall_intent(intent: &IntentStatus) -> Option<Intent> {
    let IntentStatus { ordinal, attempt, digest, redeploy, cancel, parent, cause, request, base, started_at } =
        intent.clone();
    Some(Intent {
        ordinal: u64::try_from(ordinal).ok()?,
        attempt: u64::try_from(attempt).ok()?,
        digest: Digest::recorded(&digest),
        redeploy,
        cancel,
        parent,
        cause: Cause::recorded(&cause),
        request,
        base,
        started_at,
    })
}

fn intent_status(intent: &Intent) -> IntentStatus {
    let Intent { ordinal, attempt, digest, redeploy, cancel, parent, cause, request, base, started_at } =
        intent.clone();
    IntentStatus {
        ordinal: signed(ordinal),
        attempt: signed(attempt),
        digest: digest.to_string(),
        redeploy,
        cancel,
        parent,
        cause: cause.as_str().to_owned(),
        request,
        base,
        started_at,
    }
}

fn recall_key(resolved: &Resolved) -> Option<Key> {
    let parent = match &resolved.parent_target_arn {
        Some(parent) => Some(TargetArn::parse(parent).ok()?),
        None => None,
    };
    Some(Key { target: TargetArn::parse(&resolved.target_arn).ok()?, parent })
}

/// The policy's name in the spec.
#[must_use]
pub fn policy_name(policy: DeletionPolicy) -> &'static str {
    match policy {
        DeletionPolicy::Retain => "Retain",
        DeletionPolicy::Cancel => "Cancel",
        DeletionPolicy::Delete => "Delete",
        DeletionPolicy::Remove => "Remove",
    }
}

fn recall_policy(name: &str) -> Option<DeletionPolicy> {
    [DeletionPolicy::Retain, DeletionPolicy::Cancel, DeletionPolicy::Delete, DeletionPolicy::Remove]
        .into_iter()
        .find(|policy| policy_name(*policy) == name)
}

#[cfg(test)]
mod tests;
