//! What is known of AWS, each fact with the time it was read. Pure.
//!
//! The rows and details are AWS's words; [`Knowledge`] is what one process has learnt of one resource. It is lost with the
//! process, and everything that depends on it is decided so that losing it is safe.

mod history;
mod kept;
mod rollout;
mod sends;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

pub use history::History;
use jiff::{SignedDuration, Timestamp};
pub use kept::Kept;
pub use rollout::{Job, JobState, RolloutKnown, RolloutTrouble, Sample};
pub use sends::Sends;

use super::assess::ownership::is_ours;
use super::configuration::Configured;
use super::decide::Why;
use super::memory::Memory;
use super::references::ConfigMapFound;
pub use super::rows::{Created, DeployedContent, Details, Row, RowFilter, RowPage, RowStatus};
use super::subject::{Claimant, Subject};
use super::tags::{Cause, OwnerTags};
use crate::failure::{Failure, Operation};
use crate::names::ObjectName;
pub use crate::trouble::{Request, Trouble, later};

/// Corrections of drift count for so long against their limit.
pub const CORRECTIONS_COUNT_FOR: SignedDuration = SignedDuration::from_hours(1);

/// What one process has learnt about one resource.
#[derive(Clone, Debug, PartialEq)]
pub struct Knowledge {
    /// Since when this process may write: its start, or when it gained leadership.
    pub since: Timestamp,
    /// Until when a process that led before this one may still send; none where there was none.
    pub predecessor_until: Option<Timestamp>,
    /// The last look at the key's deployments.
    pub look: Option<Look>,
    /// Deployments that were read, by id; `None` where AWS said that there is none.
    pub details: BTreeMap<String, Reading<Option<Details>>>,
    /// What this process sent for the open intent.
    pub sends: Option<Sends>,
    /// The newest deployment of a parent that is not managed here.
    pub parent: Option<Reading<Option<Row>>>,
    /// The parent's deployment that was last seen, and since when.
    pub parent_since: Option<(String, Timestamp)>,
    /// Newest subdeployments of the target.
    pub subdeployments: Option<Reading<Vec<Row>>>,
    /// Other resources with the key, read live.
    pub claimants: Option<Reading<Vec<Claimant>>>,
    /// When the object was last read from, or written to, the API server itself.
    pub live_at: Option<Timestamp>,
    /// The `reconcile-at` for which a look was asked.
    pub request_noticed: Option<String>,
    /// A look must have begun after this.
    pub look_wanted_at: Option<Timestamp>,
    /// Deployments that looks or reads did not show, and since when.
    pub missing: BTreeMap<String, Timestamp>,
    /// When this process last took down a deployment of its own.
    pub settled_at: Option<Timestamp>,
    /// Since when looks have not shown a deployment with the open intent's tag.
    pub tagless_since: Option<Timestamp>,
    /// When AWS was last seen to hold what the status says.
    pub verified_at: Option<Timestamp>,
    /// The call that fails.
    pub trouble: Option<Box<Trouble>>,
    /// What the API server answered when it refused something that this turn needed.
    pub obstacle: Option<String>,
    /// Deployments that this process cancelled.
    pub canceled: BTreeSet<String>,
    /// Deployments that this process deleted, or found deleted.
    pub deleted: BTreeSet<String>,
    /// The `ConfigMaps` that the spec refers to, as read in this turn.
    pub config_maps: BTreeMap<String, ConfigMapFound>,
    /// Since when something that the spec refers to is missing.
    pub missing_since: Option<Timestamp>,
    /// What our newest deployment does to configurations.
    pub configured: Option<Box<(String, Configured)>>,
    /// Resources that deployments name as their owners, as the API server itself has had them since the last look.
    pub owners: BTreeMap<ObjectName, OwnerFound>,
    /// Somebody else's deployment that this process tagged as ours, and when.
    pub adopted: Option<(String, Timestamp)>,
    /// When this process settled corrections of drift, within the last hour.
    pub corrected_at: Vec<Timestamp>,
    /// Whether the resource's definition is being deleted, from the API server itself.
    pub definition: Option<Reading<bool>>,
    /// What is known of old revisions.
    pub history: History,
    /// What is known of how devices take our newest revision.
    pub rollout: Option<Box<RolloutKnown>>,
    /// Somebody asked at that time to have it read now.
    pub rollout_wanted_at: Option<Timestamp>,
    /// Digest of the user's tags that this process put on the newest deployment.
    pub tagged: Option<String>,
    /// Digest of the user's tags for which this process took the others off.
    pub untagged: Option<String>,
}

/// Whether the resource that a deployment names as its owner exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnerFound {
    /// It does, or it can't be said: it is treated as if it did.
    Exists,
    /// The API server itself says that there is none.
    Gone,
}

/// A fact and when it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading<T> {
    /// When.
    pub at: Timestamp,
    /// What.
    pub value: T,
}

/// All deployments of a key, newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// When the first page was asked for.
    pub began_at: Timestamp,
    /// The object's resource version before it, carried over our own conditional writes.
    pub resource_version: String,
    /// Exactly this key's deployments, newest first.
    pub rows: Vec<Row>,
}

impl Knowledge {
    /// Nothing is known yet.
    #[must_use]
    pub fn new(since: Timestamp) -> Self {
        Self {
            since,
            predecessor_until: None,
            look: None,
            details: BTreeMap::new(),
            sends: None,
            parent: None,
            parent_since: None,
            subdeployments: None,
            claimants: None,
            live_at: None,
            request_noticed: None,
            look_wanted_at: None,
            missing: BTreeMap::new(),
            settled_at: None,
            tagless_since: None,
            verified_at: None,
            trouble: None,
            obstacle: None,
            canceled: BTreeSet::new(),
            deleted: BTreeSet::new(),
            config_maps: BTreeMap::new(),
            missing_since: None,
            configured: None,
            owners: BTreeMap::new(),
            adopted: None,
            corrected_at: Vec::new(),
            definition: None,
            history: History::default(),
            rollout: None,
            rollout_wanted_at: None,
            tagged: None,
            untagged: None,
        }
    }

    /// Whether a look is asked for that has not begun yet.
    #[must_use]
    pub fn wants_look(&self) -> bool {
        self.look_wanted_at.is_some()
    }

    /// A look is complete. Rows are this key's; their order is made here, because the list's own is not relied on.
    /// `remembered` is the deployment that the status names.
    pub fn looked(&mut self, mut look: Look, remembered: Option<&str>) {
        Row::sort_newest_first(&mut look.rows);
        self.missing.retain(|id, _| look.rows.iter().all(|row| row.deployment_id != *id));
        if let Some(id) = remembered.filter(|id| look.rows.iter().all(|row| row.deployment_id != *id)) {
            self.missing.entry(id.to_owned()).or_insert(look.began_at);
        }
        self.look_wanted_at = self.look_wanted_at.filter(|wanted| look.began_at < *wanted);
        self.tagless_since = self.tagless_since.or(Some(look.began_at));
        // A row may have got new status or become readable since it was read.
        self.details.retain(|_, reading| reading.value.is_some());
        // A resource that was missing may have made what this look shows.
        self.owners.clear();
        self.history.pruned = 0;
        let is_listed = |id: &String| look.rows.iter().any(|row| row.deployment_id == *id);
        self.history.foreign.retain(is_listed);
        self.deleted.retain(|id| is_listed(id) || Some(id.as_str()) == remembered);
        self.look = Some(look);
        self.succeeded(Operation::ListDeployments);
    }

    /// `GetDeployment` answered; `None` where there is no such deployment.
    pub fn read(&mut self, deployment_id: &str, at: Timestamp, details: Option<Details>) {
        if details.is_some() {
            self.missing.remove(deployment_id);
        } else {
            self.missing.entry(deployment_id.to_owned()).or_insert(at);
        }
        self.details.insert(deployment_id.to_owned(), Reading { at, value: details });
        self.succeeded(Operation::GetDeployment);
    }

    /// The same, and whose it is: others' deployments among old ones are remembered for as long as they are listed.
    pub fn read_by(&mut self, subject: &Subject<'_>, deployment_id: &str, at: Timestamp, details: Option<Details>) {
        if details.as_ref().is_some_and(|details| !is_ours(details, subject)) {
            self.history.foreign.insert(deployment_id.to_owned());
        } else {
            self.history.foreign.remove(deployment_id);
        }
        self.read(deployment_id, at, details);
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
        // Credentials that could not be had then can be had now, whatever they were wanted for.
        let is_over = |failed: Operation| failed == operation || failed == Operation::AssumeRole;
        self.trouble = self.trouble.take().filter(|trouble| !is_over(trouble.failure.operation));
    }

    /// What a resource at rest needs no more: thousands of resources at rest share the memory of a sidecar. The tags of a
    /// subdeployment stay, because they say for which of the parent's deployments it was made.
    pub fn rest(&mut self, subdeployment: Option<&str>) {
        self.look = None;
        // Into another map: one that was emptied keeps the room of eleven, 2.5 KiB.
        self.details = subdeployment.and_then(|id| self.details.remove_entry(id)).into_iter().collect();
        if let Some(id) = subdeployment {
            self.note_configured(id);
        }
        for details in self.details.values_mut().filter_map(|reading| reading.value.as_mut()) {
            details.content = None;
        }
        self.parent = None;
        self.subdeployments = None;
        self.claimants = None;
        self.sends = None;
        self.config_maps.clear();
        self.owners.clear();
        self.tagged = None;
        self.untagged = None;
    }

    /// The status remembers something else: what that makes true, and what it ends.
    pub fn remembered(&mut self, memory: &Memory, why: Why, at: Timestamp) {
        match why {
            Why::Settled | Why::TakenUp => {
                self.settled(memory.deployment.as_ref().map(|own| own.deployment_id.as_str()), at);
            }
            Why::Closed => self.closed(),
            Why::Spent => {
                self.closed();
                self.look = None;
            }
            Why::Intent => {
                if let Some(intent) = &memory.intent {
                    self.intent_recorded(intent.ordinal);
                }
            }
            Why::Rebound | Why::Foreign | Why::Tagged | Why::RolledOut => {}
        }
    }

    /// The status names another deployment of ours, or another ordinal: what was known of the change before is over.
    fn settled(&mut self, deployment_id: Option<&str>, at: Timestamp) {
        let shown = |look: &Look| look.rows.iter().any(|row| Some(row.deployment_id.as_str()) == deployment_id);
        // A look from before the create would show its deployment as missing.
        self.look = self.look.take().filter(shown);
        self.details.retain(|id, _| Some(id.as_str()) == deployment_id);
        self.note_settled(deployment_id, at);
        self.closed();
        self.claimants = None;
        self.subdeployments = None;
        self.settled_at = Some(at);
        self.verified_at = Some(at);
    }

    fn note_settled(&mut self, deployment_id: Option<&str>, at: Timestamp) {
        let Some(id) = deployment_id else { return };
        self.note_configured(id);
        let Some(details) = self.details.get(id).and_then(|reading| reading.value.as_ref()) else { return };
        let is_correction = OwnerTags::read(&details.tags).is_some_and(|tags| tags.cause == Cause::Correct);
        self.corrected_at.retain(|corrected| at.duration_since(*corrected) < CORRECTIONS_COUNT_FOR);
        // One that was found was counted when it was made, or is counted by its tags.
        if is_correction && self.sends.is_some() {
            self.corrected_at.push(at);
        }
    }

    /// What our newest deployment does to configurations outlives its other details: the next revision has to know.
    fn note_configured(&mut self, deployment_id: &str) {
        let details = self.details.get(deployment_id).and_then(|reading| reading.value.as_ref());
        if let Some(content) = details.and_then(|details| details.content.as_ref()) {
            self.configured = Some(Box::new((deployment_id.to_owned(), Configured::by(content))));
        }
    }

    /// The open intent is closed: what was known of its sends and of their failures is over.
    fn closed(&mut self) {
        self.sends = None;
        self.tagless_since = None;
        self.succeeded(Operation::CreateDeployment);
    }

    /// Our own conditional write gave the object a new version: what was judged on the one before is judged on this one.
    pub fn wrote(&mut self, before: &str, after: &str, at: Timestamp) {
        if let Some(look) = self.look.as_mut().filter(|look| look.resource_version == before) {
            after.clone_into(&mut look.resource_version);
        }
        self.live_at = Some(at);
    }
}
