//! Does the one operation that was decided, and learns from its outcome. I/O.

use std::time::Duration;

use greengrass_operator_core::api::FINALIZER;
use greengrass_operator_core::deployment::decide::{Change, Query, may_still_go};
use greengrass_operator_core::deployment::hash::short_hash;
use greengrass_operator_core::deployment::knowledge::{Knowledge, Look, Reading, Row, RowFilter};
use greengrass_operator_core::deployment::memory::{Memory, deployment_arn};
use greengrass_operator_core::deployment::revision::digest_of_tags;
use greengrass_operator_core::deployment::subject::{Subject, is_of_key};
use greengrass_operator_core::deployment::summarise::request;
use greengrass_operator_core::failure::{Failure, FailureKind, Operation};
use greengrass_operator_core::names::{Key, TargetArn};
use greengrass_operator_core::pace::{Streak, pace};
use tokio::time::Instant;
use tracing::{info, warn};

use super::{Deployments, resolve, scope};
use crate::aws::{ApiFamily, Class, Permit};
use crate::controller::objects::ApiError;
use crate::controller::record::Record;

/// The field by which claimants of a target are found.
const CLAIMED_TARGET: &str = "status.resolved.targetArn";

/// Pages of one walk. A target with more revisions than 100 of a hundred pages has room in no account.
const PAGES_AT_MOST: usize = 100;

/// The longest wait for quota within a turn: half of what a look is good for, so that it still serves the send after it.
const WAIT_IN_PLACE: Duration = Duration::from_secs(5);

/// What became of an operation.
pub(super) enum Done {
    /// Knowledge has changed; the object has not.
    Learnt,
    /// The object has a new version.
    Wrote(Box<Record>),
    /// The object is gone.
    Gone,
    /// Quota: not before this.
    Wait(Instant),
}

/// Everything that an operation needs.
pub(super) struct Act<'a> {
    pub(super) all: &'a Deployments,
    pub(super) record: &'a Record,
    pub(super) subject: &'a Subject<'a>,
    pub(super) memory: &'a Memory,
    pub(super) class: Class,
}

impl Act<'_> {
    fn key(&self) -> Option<Key> {
        // What was deployed to, even where the spec means something else by now: an open change is settled by reading there.
        self.memory.key.clone().or_else(|| match self.subject.desired() {
            Some(desired) => Some(desired.key.clone()),
            None => resolve::key(self.record, self.memory, &self.all.store),
        })
    }

    /// Leave for one call. A turn keeps its place while its next call's turn comes: were it put back into the queue between
    /// its calls, others would begin, and what it has read would be too old to act on when it went on. A lane has few places,
    /// so few wait; what takes longer is waited for in the queue.
    async fn permit(&self, key: &Key) -> Result<Permit, Done> {
        let scope = scope(key);
        let begun = Instant::now();
        loop {
            let fence = self.all.leadership.fence();
            let wait = match self.all.aws.try_permit(&scope, self.class, ApiFamily::Greengrass, &fence) {
                Ok(permit) => {
                    self.all.metrics.limiter_waited((&scope.account, &scope.region), begun.elapsed().as_secs_f64());
                    return Ok(permit);
                }
                Err(wait) => wait,
            };
            if wait.until.saturating_duration_since(begun) > WAIT_IN_PLACE {
                return Err(Done::Wait(wait.until));
            }
            tokio::time::sleep_until(wait.until).await;
        }
    }

    /// Reads.
    pub(super) async fn ask(&self, query: &Query, knowledge: &mut Knowledge) -> Result<Done, ApiError> {
        let at = self.all.clock.now();
        match query {
            Query::Object => {
                let live = reread(self.all, self.record, knowledge).await?;
                return Ok(live.map_or(Done::Gone, |record| Done::Wrote(Box::new(record))));
            }
            Query::References => return self.references(knowledge).await,
            Query::Definition => {
                let value = self.all.objects.is_definition_going().await?;
                knowledge.definition = Some(Reading { at, value });
                return Ok(Done::Learnt);
            }
            Query::Owner(owner) => {
                let value = self.all.objects.owner(owner).await;
                knowledge.owners.insert(owner.clone(), value);
                return Ok(Done::Learnt);
            }
            Query::Look | Query::Deployment(_) | Query::Subdeployments | Query::Parent | Query::Claimants => {}
        }
        let Some(key) = self.key() else { return Ok(Done::Learnt) };
        let outcome = match query {
            Query::Object | Query::References | Query::Definition | Query::Owner(_) => Ok(()),
            Query::Claimants => return self.claimants(&key, knowledge).await,
            Query::Deployment(id) => return Ok(self.read(&key, id, knowledge).await),
            Query::Look => self.rows(&key, all_of(&key)).await.map(|rows| {
                let rows = rows
                    .into_iter()
                    .filter(|row| is_of_key(&key, &row.target_arn, row.parent_target_arn.as_deref()))
                    .collect();
                let look = Look { began_at: at, resource_version: self.subject.resource_version.to_owned(), rows };
                knowledge.looked(look, self.memory.deployment.as_ref().map(|own| own.deployment_id.as_str()));
                knowledge.verified_at = Some(at);
            }),
            Query::Subdeployments => {
                let filter =
                    RowFilter { target_arn: None, parent_target_arn: Some(key.target.to_string()), latest_only: true };
                self.rows(&key, filter).await.map(|rows| knowledge.subdeployments = Some(Reading { at, value: rows }))
            }
            Query::Parent => {
                let parent = key.parent.as_ref().map(TargetArn::as_str).unwrap_or_default().to_owned();
                let filter = RowFilter { target_arn: Some(parent.clone()), parent_target_arn: None, latest_only: true };
                self.rows(&key, filter).await.map(|rows| {
                    let newest = rows
                        .into_iter()
                        .filter(|row| row.target_arn == parent && row.parent_target_arn.is_none())
                        .max_by_key(|row| (row.revision_id, row.created_at));
                    if let Some(row) = &newest {
                        knowledge.parent_since = Some((row.deployment_id.clone(), row.created_at));
                    }
                    knowledge.parent = Some(Reading { at, value: newest });
                })
            }
        };
        Ok(match outcome {
            Ok(()) => Done::Learnt,
            Err(Stopped::Wait(done)) => done,
            Err(Stopped::Failed(failure)) => self.failed(failure, knowledge),
        })
    }

    async fn rows(&self, key: &Key, filter: RowFilter) -> Result<Vec<Row>, Stopped> {
        let mut rows = Vec::new();
        let mut page: Option<String> = None;
        for _ in 0..PAGES_AT_MOST {
            let permit = self.permit(key).await.map_err(Stopped::Wait)?;
            let listed = self.all.aws.greengrass().list_deployments(permit, &filter, page.as_deref()).await;
            let listed = listed.map_err(Stopped::Failed)?;
            rows.extend(listed.rows);
            page = listed.next_token;
            if page.is_none() {
                return Ok(rows);
            }
        }
        // A list that is cut off would show what lies beyond as gone.
        let words = "the list of deployments has no end: more than a hundred pages of a hundred";
        Err(Stopped::Failed(Failure::new(Operation::ListDeployments, FailureKind::BadReply, words)))
    }

    async fn read(&self, key: &Key, id: &str, knowledge: &mut Knowledge) -> Done {
        let permit = match self.permit(key).await {
            Ok(permit) => permit,
            Err(wait) => return wait,
        };
        let at = self.all.clock.now();
        match self.all.aws.greengrass().get_deployment(permit, id).await {
            Ok(details) => knowledge.read_by(self.subject, id, at, Some(details)),
            Err(failure) if failure.kind == FailureKind::NotFound => knowledge.read_by(self.subject, id, at, None),
            Err(failure) => return self.failed(failure, knowledge),
        }
        Done::Learnt
    }

    async fn references(&self, knowledge: &mut Knowledge) -> Result<Done, ApiError> {
        for name in resolve::config_maps(self.record) {
            let found = self.all.objects.config_map(&self.record.name.namespace, &name).await?;
            knowledge.references.config_maps.insert(name, found);
        }
        Ok(Done::Learnt)
    }

    async fn claimants(&self, key: &Key, knowledge: &mut Knowledge) -> Result<Done, ApiError> {
        let found = self.all.objects.list_live_by_field(CLAIMED_TARGET, key.target.as_str()).await?;
        let value = found
            .iter()
            .filter(|record| record.name != self.record.name)
            .filter(|record| Memory::recall(&resolve::status(record)).key.as_ref() == Some(key))
            .map(resolve::claimant)
            .collect();
        knowledge.claimants = Some(Reading { at: self.all.clock.now(), value });
        Ok(Done::Learnt)
    }

    /// Writes, all but the status.
    pub(super) async fn write(&self, change: &Change, knowledge: &mut Knowledge) -> Result<Done, ApiError> {
        match change {
            Change::AddFinalizer => {
                let written = self.all.objects.add_finalizer(self.record, FINALIZER).await?;
                Ok(self.wrote(written, knowledge))
            }
            Change::RemoveFinalizer { abandoned } => {
                if *abandoned {
                    self.all
                        .events
                        .warning(
                            self.record,
                            "Abandoned",
                            "spec.suspend is true: the resource goes and its deployments stay in AWS as they are",
                        )
                        .await;
                }
                Ok(match self.all.objects.remove_finalizer(self.record, FINALIZER).await? {
                    Some(written) => self.wrote(written, knowledge),
                    None => Done::Gone,
                })
            }
            Change::Create { .. }
            | Change::Cancel(_)
            | Change::Delete(_)
            | Change::Prune(_)
            | Change::Adopt { .. }
            | Change::Tag
            | Change::Untag(_) => Ok(self.call(change, knowledge).await),
            // The status is written in one place: the turn does it.
            Change::Remember(..) => Ok(Done::Learnt),
        }
    }

    /// A write that the API server has taken, with the version that it returned.
    pub(super) fn wrote(&self, written: Record, knowledge: &mut Knowledge) -> Done {
        let before = self.record.resource_version.to_string();
        knowledge.wrote(&before, &written.resource_version.to_string(), self.all.clock.now());
        match self.all.store.observe_own_write(written) {
            Some(record) => Done::Wrote(Box::new(Record::clone(&record))),
            None => Done::Gone,
        }
    }

    async fn call(&self, change: &Change, knowledge: &mut Knowledge) -> Done {
        let Some(key) = self.key() else { return Done::Learnt };
        let permit = match change {
            Change::Prune(_) => {
                let fence = self.all.leadership.fence();
                self.all.aws.try_permit(&scope(&key), Class::History, ApiFamily::Greengrass, &fence)
            }
            _ => match self.permit(&key).await {
                Ok(permit) => Ok(permit),
                Err(wait) => return wait,
            },
        };
        let Ok(permit) = permit else {
            // What is least urgent waits for the next look, and never in a place that others need.
            knowledge.history.leave();
            return Done::Learnt;
        };
        let greengrass = self.all.aws.greengrass();
        let outcome = match change {
            // While the permit was waited for it grew too old: it is decided again.
            Change::Create { .. } if !may_still_go(knowledge, self.all.clock.now()) => Ok(()),
            Change::Create { ordinal, token, request } => {
                let outcome = greengrass.create_deployment(permit, request, token).await;
                knowledge.sent(*ordinal, self.all.clock.now(), &outcome);
                if let Ok(created) = &outcome {
                    info!(deployment_id = created.deployment_id, ordinal, "deployment created");
                }
                outcome.map(|_| ())
            }
            Change::Cancel(id) => {
                let outcome = greengrass.cancel_deployment(permit, id).await;
                self.ended(id, outcome, knowledge, |knowledge, id| {
                    knowledge.canceled.insert(id);
                })
            }
            Change::Delete(id) => {
                // From now on its absence is what was asked for, whether the answer arrives or not.
                knowledge.canceled.insert(id.clone());
                self.ended(id, greengrass.delete_deployment(permit, id).await, knowledge, |knowledge, id| {
                    knowledge.deleted.insert(id);
                })
            }
            Change::Prune(id) => {
                self.prune(permit, id, knowledge).await;
                Ok(())
            }
            Change::Adopt { deployment_id, tags } => {
                let arn = deployment_arn(&key.target, deployment_id);
                let outcome = greengrass.tag_resource(permit, &arn, tags).await;
                // Whatever the answer: what its tags are now, only another reading says.
                knowledge.details.remove(deployment_id);
                if outcome.is_ok() {
                    info!(deployment_id, "deployment taken over");
                    knowledge.adopted = Some((deployment_id.clone(), self.all.clock.now()));
                    knowledge.succeeded(Operation::TagResource);
                }
                outcome
            }
            Change::Tag => self.tag(permit, &key, knowledge).await,
            Change::Untag(keys) => self.untag(permit, &key, keys, knowledge).await,
            Change::AddFinalizer | Change::RemoveFinalizer { .. } | Change::Remember(..) => Ok(()),
        };
        match outcome {
            Ok(()) => Done::Learnt,
            Err(failure) => self.failed(failure, knowledge),
        }
    }

    fn ended(
        &self,
        id: &str,
        outcome: Result<(), Failure>,
        knowledge: &mut Knowledge,
        note: impl FnOnce(&mut Knowledge, String),
    ) -> Result<(), Failure> {
        match outcome {
            Ok(()) => {
                knowledge.succeeded(Operation::CancelDeployment);
                knowledge.succeeded(Operation::DeleteDeployment);
                note(knowledge, id.to_owned());
                knowledge.details.remove(id);
                Ok(())
            }
            Err(failure) if failure.kind == FailureKind::NotFound => {
                knowledge.read(id, self.all.clock.now(), None);
                Ok(())
            }
            // Refused as not cancelled: its status has changed since it was read, and the next step reads it again.
            Err(failure) => {
                knowledge.details.remove(id);
                Err(failure)
            }
        }
    }

    /// A failure is no trouble of the resource: it is told beside, and tried again with the next look.
    async fn prune(&self, permit: Permit, id: &str, knowledge: &mut Knowledge) {
        let outcome = self.all.aws.greengrass().delete_deployment(permit, id).await;
        knowledge.pruned(id, outcome);
    }

    async fn tag(&self, permit: Permit, key: &Key, knowledge: &mut Knowledge) -> Result<(), Failure> {
        let (Some(desired), Some(own)) = (self.subject.desired(), &self.memory.deployment) else { return Ok(()) };
        let arn = deployment_arn(&key.target, &own.deployment_id);
        self.all.aws.greengrass().tag_resource(permit, &arn, &desired.tags).await?;
        knowledge.tagged = Some(digest_of_tags(desired.tags.iter()));
        Ok(())
    }

    async fn untag(
        &self,
        permit: Permit,
        key: &Key,
        keys: &[String],
        knowledge: &mut Knowledge,
    ) -> Result<(), Failure> {
        let (Some(desired), Some(own)) = (self.subject.desired(), &self.memory.deployment) else { return Ok(()) };
        let arn = deployment_arn(&key.target, &own.deployment_id);
        self.all.aws.greengrass().untag_resource(permit, &arn, keys).await?;
        knowledge.untagged = Some(digest_of_tags(desired.tags.iter()));
        Ok(())
    }

    fn failed(&self, failure: Failure, knowledge: &mut Knowledge) -> Done {
        warn!(
            operation = %failure.operation,
            kind = failure.kind.name(),
            request_id = failure.request_id,
            "AWS call failed: {failure}"
        );
        let now = self.all.clock.now();
        let jitter = jitter(&self.record.uid, now.as_second());
        let of_pace = failure.clone();
        knowledge.failed(
            failure,
            now,
            |attempts, first_failed_at| pace(&of_pace, Streak { attempts, first_failed_at }, now, jitter),
            request(self.subject),
        );
        Done::Learnt
    }
}

/// The object as the API server itself has it.
pub(super) async fn reread(
    all: &Deployments,
    record: &Record,
    knowledge: &mut Knowledge,
) -> Result<Option<Record>, ApiError> {
    let live = all.objects.get_live(&record.name).await?;
    knowledge.live_at = Some(all.clock.now());
    let known = all.store.observe_live(&record.name, Some(record.resource_version), live);
    Ok(known.map(|known| Record::clone(&known)))
}

/// All deployments of a key. Without a parent the list may show subdeployments too: what is not exactly the key's is dropped.
fn all_of(key: &Key) -> RowFilter {
    RowFilter {
        target_arn: Some(key.target.to_string()),
        parent_target_arn: key.parent.as_ref().map(ToString::to_string),
        latest_only: false,
    }
}

enum Stopped {
    Wait(Done),
    Failed(Failure),
}

/// A number from 0 to 1 that differs between resources and between times: enough to keep retries apart.
fn jitter(uid: &str, second: i64) -> f64 {
    let digits = short_hash(&format!("{uid}/{second}"));
    let share = digits.get(..8).and_then(|hex| u32::from_str_radix(hex, 16).ok()).unwrap_or_default();
    f64::from(share) / f64::from(u32::MAX)
}
