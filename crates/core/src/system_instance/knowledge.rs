//! What one process has learnt about one resource and its system instances. Pure.
//!
//! It is lost with the process, and everything that depends on it is decided so that losing it is safe.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::SystemInstanceId;
use super::content::Content;
use super::memory::{Memory, Operation as Step};
use crate::api::SystemInstanceTarget;
pub use crate::deployment::knowledge::{OwnerFound, Reading};
use crate::deployment::references::ConfigMapFound;
use crate::failure::{Failure, Operation};
use crate::names::ObjectName;
pub use crate::trouble::{Request, Trouble};

/// What AWS says of the deployment of a system instance (`SystemInstanceDeploymentStatus` of the Things Graph API).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeploymentStatus {
    /// It was created.
    NotDeployed,
    /// The group or the cloud is being prepared.
    Bootstrap,
    /// It is on its way.
    DeployInProgress,
    /// It runs.
    DeployedInTarget,
    /// It is being taken away.
    UndeployInProgress,
    /// It could not be deployed.
    Failed,
    /// It is being taken away.
    PendingDelete,
    /// It was taken away.
    DeletedInTarget,
    /// One that this version does not know: nothing is done until it changes.
    Unknown,
}

impl DeploymentStatus {
    /// Every status that AWS names.
    pub const ALL: [Self; 8] = [
        Self::NotDeployed,
        Self::Bootstrap,
        Self::DeployInProgress,
        Self::DeployedInTarget,
        Self::UndeployInProgress,
        Self::Failed,
        Self::PendingDelete,
        Self::DeletedInTarget,
    ];

    /// AWS's word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotDeployed => "NOT_DEPLOYED",
            Self::Bootstrap => "BOOTSTRAP",
            Self::DeployInProgress => "DEPLOY_IN_PROGRESS",
            Self::DeployedInTarget => "DEPLOYED_IN_TARGET",
            Self::UndeployInProgress => "UNDEPLOY_IN_PROGRESS",
            Self::Failed => "FAILED",
            Self::PendingDelete => "PENDING_DELETE",
            Self::DeletedInTarget => "DELETED_IN_TARGET",
            Self::Unknown => "UNKNOWN",
        }
    }

    /// What a word of AWS's means.
    #[must_use]
    pub fn of(word: &str) -> Self {
        Self::ALL.into_iter().find(|status| status.as_str() == word).unwrap_or(Self::Unknown)
    }

    /// Whether AWS is deploying it.
    #[must_use]
    pub fn is_deploying(self) -> bool {
        match self {
            Self::Bootstrap | Self::DeployInProgress => true,
            Self::NotDeployed
            | Self::DeployedInTarget
            | Self::UndeployInProgress
            | Self::Failed
            | Self::PendingDelete
            | Self::DeletedInTarget
            | Self::Unknown => false,
        }
    }
}

/// A system instance as AWS shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Instance {
    /// Its id.
    pub id: SystemInstanceId,
    /// Its ARN.
    pub arn: String,
    /// What AWS says of its deployment.
    pub status: DeploymentStatus,
    /// Where it runs, where AWS says so.
    pub target: Option<SystemInstanceTarget>,
    /// The name of its Greengrass group.
    pub group_name: Option<String>,
    /// The id of that group.
    pub group_id: Option<String>,
    /// The version of that group.
    pub group_version_id: Option<String>,
    /// When it was created: what tells two system instances apart that have one id after the other.
    pub created_at: Timestamp,
    /// When its status last changed.
    pub updated_at: Timestamp,
    /// What it is made of, where that was read and can be understood.
    pub content: Option<Box<Content>>,
}

/// What AWS answered to `DeploySystemInstance`.
#[derive(Clone, Debug, PartialEq)]
pub struct Deployed {
    /// The system instance.
    pub instance: Instance,
    /// The deployment of the Greengrass group.
    pub greengrass_deployment_id: Option<String>,
}

/// What AWS answered to a step.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// How it is now.
    Now(Box<Deployed>),
    /// It is gone.
    Gone,
}

/// A look at one id.
#[derive(Clone, Debug, PartialEq)]
pub struct Look {
    /// When it was asked for.
    pub began_at: Timestamp,
    /// What is there.
    pub found: Option<Box<Instance>>,
}

/// What this process sent for the open step.
#[derive(Clone, Debug, PartialEq)]
pub struct Sends {
    /// How many went out.
    pub count: u32,
    /// When the last one ended that may have had an effect.
    pub last_doubtful_at: Option<Timestamp>,
    /// What AWS answered.
    pub reply: Option<Reply>,
}

/// What one process has learnt about one resource.
#[derive(Clone, Debug, PartialEq)]
pub struct Knowledge {
    /// Since when this process may write.
    pub since: Timestamp,
    /// Until when a process that led before this one may still send; none where there was none.
    pub predecessor_until: Option<Timestamp>,
    /// The last look at each id.
    pub looks: BTreeMap<SystemInstanceId, Look>,
    /// Since when looks don't show an id.
    pub absent_since: BTreeMap<SystemInstanceId, Timestamp>,
    /// The tags of system instances, by id, with the creation of the one that they were read of.
    pub tags: BTreeMap<SystemInstanceId, (Timestamp, BTreeMap<String, String>)>,
    /// What was sent for the open step; none where this process has not recorded it.
    pub sends: Option<Sends>,
    /// Resources that tags name as owners, as the API server itself has had them.
    pub owners: BTreeMap<ObjectName, OwnerFound>,
    /// When the object was last read from, or written to, the API server itself.
    pub live_at: Option<Timestamp>,
    /// The `reconcile-at` for which a look was asked.
    pub request_noticed: Option<String>,
    /// Looks must have begun after this.
    pub look_wanted_at: Option<Timestamp>,
    /// When AWS was last seen to hold what the status says.
    pub verified_at: Option<Timestamp>,
    /// The call that fails.
    pub trouble: Option<Box<Trouble>>,
    /// What the API server answered when it refused something that this turn needed.
    pub obstacle: Option<String>,
    /// The `ConfigMap` that holds the definition, as read in this turn.
    pub config_maps: BTreeMap<String, ConfigMapFound>,
    /// Since when something that the spec refers to is missing.
    pub missing_since: Option<Timestamp>,
    /// Whether the resource's definition is being deleted, from the API server itself.
    pub definition: Option<Reading<bool>>,
    /// Digest of the tags that this process put on the system instance.
    pub tagged: Option<String>,
    /// Digest of the tags for which this process took the others off.
    pub untagged: Option<String>,
}

impl Knowledge {
    /// Nothing is known yet.
    #[must_use]
    pub fn new(since: Timestamp, predecessor_until: Option<Timestamp>) -> Self {
        Self {
            since,
            predecessor_until,
            looks: BTreeMap::new(),
            absent_since: BTreeMap::new(),
            tags: BTreeMap::new(),
            sends: None,
            owners: BTreeMap::new(),
            live_at: None,
            request_noticed: None,
            look_wanted_at: None,
            verified_at: None,
            trouble: None,
            obstacle: None,
            config_maps: BTreeMap::new(),
            missing_since: None,
            definition: None,
            tagged: None,
            untagged: None,
        }
    }

    /// The last look at an id, where no later one is asked for.
    #[must_use]
    pub fn look(&self, id: &SystemInstanceId) -> Option<&Look> {
        self.looks.get(id).filter(|look| self.look_wanted_at.is_none_or(|wanted| look.began_at >= wanted))
    }

    /// A look is complete.
    pub fn looked(&mut self, id: &SystemInstanceId, look: Look) {
        match &look.found {
            Some(_) => self.absent_since.remove(id),
            None => Some(*self.absent_since.entry(id.clone()).or_insert(look.began_at)),
        };
        // Whose it is may have changed with what is there.
        self.owners.clear();
        self.looks.insert(id.clone(), look);
        self.succeeded(Operation::GetSystemInstance);
    }

    /// The tags of what a look has shown.
    pub fn read_tags(&mut self, instance: &Instance, tags: BTreeMap<String, String>) {
        self.tags.insert(instance.id.clone(), (instance.created_at, tags));
        self.succeeded(Operation::ListTagsForResource);
    }

    /// A step was recorded by this process: nothing of it was sent yet.
    pub fn recorded(&mut self) {
        self.sends = Some(Sends { count: 0, last_doubtful_at: None, reply: None });
    }

    /// A send of the open step ended. What was seen before it is over.
    pub fn sent(&mut self, step: Step, id: &SystemInstanceId, at: Timestamp, outcome: &Result<Reply, Failure>) {
        self.looks.remove(id);
        let sends = self.sends.get_or_insert(Sends { count: 0, last_doubtful_at: None, reply: None });
        sends.count = sends.count.saturating_add(1);
        match outcome {
            Ok(reply) => {
                sends.reply = Some(reply.clone());
                sends.last_doubtful_at = Some(at);
                self.succeeded(step.call());
            }
            Err(failure) if failure.clearly_refused() => {}
            Err(_) => sends.last_doubtful_at = Some(at),
        }
    }

    /// The status remembers something else: what that makes true, and what it ends.
    pub fn remembered(&mut self, before: &Memory, after: &Memory, at: Timestamp) {
        if before.intent == after.intent {
            return;
        }
        match (&before.intent, &after.intent) {
            (_, Some(_)) => self.recorded(),
            (Some(closed), None) => {
                self.note_end(&closed.id, at);
                self.sends = None;
                self.succeeded(closed.operation.call());
            }
            (None, None) => {}
        }
    }

    /// What AWS answered to a step is as good as a look: it is how things were when the step had been made.
    fn note_end(&mut self, id: &SystemInstanceId, at: Timestamp) {
        match self.sends.as_ref().and_then(|sends| sends.reply.clone()) {
            Some(Reply::Now(now)) => {
                self.looks.insert(id.clone(), Look { began_at: at, found: Some(Box::new(now.instance)) });
                self.absent_since.remove(id);
                self.verified_at = Some(at);
            }
            Some(Reply::Gone) => {
                self.looks.insert(id.clone(), Look { began_at: at, found: None });
            }
            None => {}
        }
    }

    /// A call failed.
    pub fn failed(
        &mut self,
        failure: Failure,
        now: Timestamp,
        wait: impl FnOnce(u32, Timestamp) -> Duration,
        request: Request,
    ) {
        self.trouble = Some(Box::new(Trouble::after(self.trouble.as_deref(), failure, now, wait, request)));
    }

    /// A call worked: what was said of its failures is over.
    pub fn succeeded(&mut self, operation: Operation) {
        let is_over = |failed: Operation| failed == operation || failed == Operation::AssumeRole;
        self.trouble = self.trouble.take().filter(|trouble| !is_over(trouble.failure.operation));
    }

    /// What a resource at rest needs no more.
    pub fn rest(&mut self) {
        for look in self.looks.values_mut() {
            if let Some(instance) = &mut look.found {
                instance.content = None;
            }
        }
        self.tags = BTreeMap::new();
        self.sends = None;
        self.owners = BTreeMap::new();
        self.config_maps = BTreeMap::new();
        self.tagged = None;
        self.untagged = None;
    }
}
