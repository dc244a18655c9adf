//! What the logic remembers in the status, and what the status shows of the last look. Pure.

use jiff::Timestamp;

use super::SystemInstanceId;
use super::knowledge::Instance;
use crate::api::status::AppliedTags;
use crate::api::{SystemInstanceDeletionPolicy, SystemInstanceIntent, SystemInstanceReference, SystemInstanceStatus};
use crate::deployment::revision::Digest;
use crate::failure;

/// A step of the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// `CreateSystemInstance`
    Create,
    /// `DeploySystemInstance`
    Deploy,
    /// `UndeploySystemInstance`
    Undeploy,
    /// `DeleteSystemInstance`
    Delete,
}

impl Operation {
    /// As it stands in the status.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "Create",
            Self::Deploy => "Deploy",
            Self::Undeploy => "Undeploy",
            Self::Delete => "Delete",
        }
    }

    /// The call.
    #[must_use]
    pub fn call(self) -> failure::Operation {
        match self {
            Self::Create => failure::Operation::CreateSystemInstance,
            Self::Deploy => failure::Operation::DeploySystemInstance,
            Self::Undeploy => failure::Operation::UndeploySystemInstance,
            Self::Delete => failure::Operation::DeleteSystemInstance,
        }
    }

    fn recorded(text: &str) -> Option<Self> {
        [Self::Create, Self::Deploy, Self::Undeploy, Self::Delete].into_iter().find(|step| step.as_str() == text)
    }
}

/// A step that is being made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intent {
    /// Which.
    pub operation: Operation,
    /// To which system instance.
    pub id: SystemInstanceId,
    /// Digest of what is created.
    pub digest: Option<Digest>,
    /// Hash of the `redeploy-at` that it answers.
    pub redeploy: Option<String>,
    /// When the system instance last changed before it.
    pub base: Option<Timestamp>,
    /// When it was recorded.
    pub started_at: Timestamp,
}

/// Our system instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Own {
    /// Its id.
    pub id: SystemInstanceId,
    /// When AWS created it.
    pub created_at: Timestamp,
    /// Digest of what it was created with.
    pub digest: Digest,
    /// The newest generation whose content that is.
    pub generation: Option<i64>,
}

/// One system instance: an id can have others, one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// Its id.
    pub id: SystemInstanceId,
    /// When AWS created it.
    pub created_at: Timestamp,
}

/// What the last look has shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// AWS's word.
    pub status: Option<String>,
    /// The group.
    pub group_name: Option<String>,
    /// The group's id.
    pub group_id: Option<String>,
    /// The group's version.
    pub group_version_id: Option<String>,
    /// When it last changed.
    pub updated_at: Option<Timestamp>,
}

impl Shown {
    /// What a system instance shows.
    #[must_use]
    pub fn of(instance: &Instance) -> Self {
        Self {
            status: Some(instance.status.as_str().to_owned()),
            group_name: instance.group_name.clone(),
            group_id: instance.group_id.clone(),
            group_version_id: instance.group_version_id.clone(),
            updated_at: Some(instance.updated_at),
        }
    }
}

/// What is remembered of a resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// The generation that the status speaks of.
    pub observed_generation: Option<i64>,
    /// Our system instance.
    pub own: Option<Own>,
    /// The one whose place it takes.
    pub replaced: Option<Reference>,
    /// The one that was last deleted.
    pub deleted: Option<Reference>,
    /// Whether it was last brought to run or not to run.
    pub settled: Option<bool>,
    /// Deployments that were tried again in a row.
    pub retries: u32,
    /// The step that is being made.
    pub intent: Option<Intent>,
    /// The deployment of the group that the last step began.
    pub greengrass_deployment_id: Option<String>,
    /// What the last look has shown.
    pub shown: Shown,
    /// The tags that were applied.
    pub applied_tags: Option<AppliedTags>,
    /// The identity.
    pub identity: Option<String>,
    /// The deletion policy as last seen.
    pub deletion_policy: Option<SystemInstanceDeletionPolicy>,
    /// The last `reconcile-at` that was handled.
    pub reconcile_at: Option<String>,
    /// The last `redeploy-at` that was handled.
    pub redeploy_at: Option<String>,
}

impl Memory {
    /// When the one of ours that has this id was created.
    #[must_use]
    pub fn created(&self, id: &SystemInstanceId) -> Option<Timestamp> {
        let own = self.own.as_ref().filter(|own| own.id == *id).map(|own| own.created_at);
        own.or_else(|| self.replaced.as_ref().filter(|old| old.id == *id).map(|old| old.created_at))
    }

    /// Whether this is the one that was last deleted, or one that had its id before: a read that shows it is an old one.
    #[must_use]
    pub fn is_deleted(&self, instance: &Instance) -> bool {
        let is_older = |gone: &Reference| gone.id == instance.id && instance.created_at <= gone.created_at;
        self.created(&instance.id) != Some(instance.created_at) && self.deleted.as_ref().is_some_and(is_older)
    }

    /// Every id that something of ours has or may have.
    #[must_use]
    pub fn ids(&self) -> Vec<SystemInstanceId> {
        let replaced = self.replaced.iter().map(|old| old.id.clone());
        let own = self.own.iter().map(|own| own.id.clone());
        let intent = self.intent.iter().map(|intent| intent.id.clone());
        let mut ids: Vec<_> = replaced.chain(own).chain(intent).collect();
        ids.sort();
        ids.dedup();
        ids
    }

    /// What a status says. What can't be read in it counts as lost.
    #[must_use]
    pub fn recall(status: &SystemInstanceStatus) -> Self {
        let id = |text: &str| SystemInstanceId::parse(text).ok();
        let own = || {
            Some(Own {
                id: id(status.id.as_deref()?)?,
                created_at: status.created_at?,
                digest: Digest::recorded(status.applied_digest.as_deref()?),
                generation: status.applied_generation,
            })
        };
        let intent = |intent: &SystemInstanceIntent| {
            let SystemInstanceIntent { operation, id: of, digest, redeploy, base, started_at } = intent;
            Some(Intent {
                operation: Operation::recorded(operation)?,
                id: id(of)?,
                digest: digest.as_deref().map(Digest::recorded),
                redeploy: redeploy.clone(),
                base: *base,
                started_at: *started_at,
            })
        };
        let reference = |of: &SystemInstanceReference| Some(Reference { id: id(&of.id)?, created_at: of.created_at });
        Self {
            observed_generation: status.observed_generation,
            own: own(),
            replaced: status.replaced.as_ref().and_then(reference),
            deleted: status.deleted.as_ref().and_then(reference),
            settled: status.settled,
            retries: status.retries.and_then(|count| u32::try_from(count).ok()).unwrap_or_default(),
            intent: status.intent.as_ref().and_then(intent),
            greengrass_deployment_id: status.greengrass_deployment_id.clone(),
            shown: Shown {
                status: status.status.clone(),
                group_name: status.greengrass_group_name.clone(),
                group_id: status.greengrass_group_id.clone(),
                group_version_id: status.greengrass_group_version_id.clone(),
                updated_at: status.updated_at,
            },
            applied_tags: status.applied_tags.clone(),
            identity: status.identity.clone(),
            deletion_policy: status.deletion_policy.as_deref().and_then(recall_policy),
            reconcile_at: status.last_handled_reconcile_at.clone(),
            redeploy_at: status.last_handled_redeploy_at.clone(),
        }
    }

    /// The status without its conditions.
    #[must_use]
    pub fn to_status(&self) -> SystemInstanceStatus {
        let Self {
            observed_generation,
            own,
            replaced,
            deleted,
            settled,
            retries,
            intent,
            greengrass_deployment_id,
            shown,
            applied_tags,
            identity,
            deletion_policy,
            reconcile_at,
            redeploy_at,
        } = self.clone();
        let Shown { status, group_name, group_id, group_version_id, updated_at } = shown;
        SystemInstanceStatus {
            observed_generation,
            conditions: Vec::new(),
            id: own.as_ref().map(|own| own.id.to_string()),
            arn: own.as_ref().map(|own| own.id.arn()),
            status,
            greengrass_group_name: group_name,
            greengrass_group_id: group_id,
            greengrass_group_version_id: group_version_id,
            greengrass_deployment_id,
            created_at: own.as_ref().map(|own| own.created_at),
            updated_at,
            applied_digest: own.as_ref().map(|own| own.digest.to_string()),
            applied_generation: own.and_then(|own| own.generation),
            settled,
            retries: (retries > 0).then_some(i64::from(retries)),
            intent: intent.map(|intent| SystemInstanceIntent {
                operation: intent.operation.as_str().to_owned(),
                id: intent.id.to_string(),
                digest: intent.digest.map(|digest| digest.to_string()),
                redeploy: intent.redeploy,
                base: intent.base,
                started_at: intent.started_at,
            }),
            replaced: replaced.as_ref().map(reference),
            deleted: deleted.as_ref().map(reference),
            applied_tags,
            identity,
            deletion_policy: deletion_policy.map(|policy| policy_name(policy).to_owned()),
            last_handled_reconcile_at: reconcile_at,
            last_handled_redeploy_at: redeploy_at,
        }
    }
}

fn reference(of: &Reference) -> SystemInstanceReference {
    SystemInstanceReference { id: of.id.to_string(), created_at: of.created_at }
}

fn policy_name(policy: SystemInstanceDeletionPolicy) -> &'static str {
    match policy {
        SystemInstanceDeletionPolicy::Retain => "Retain",
        SystemInstanceDeletionPolicy::Delete => "Delete",
    }
}

fn recall_policy(name: &str) -> Option<SystemInstanceDeletionPolicy> {
    [SystemInstanceDeletionPolicy::Retain, SystemInstanceDeletionPolicy::Delete]
        .into_iter()
        .find(|policy| policy_name(*policy) == name)
}
