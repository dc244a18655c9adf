//! Does the one operation that was decided, and learns from its outcome. I/O.

mod ask;
mod rollout;

use std::time::Duration;

use greengrass_operator_core::api::FINALIZER;
use greengrass_operator_core::deployment::decide::{Change, may_still_go};
use greengrass_operator_core::deployment::knowledge::Knowledge;
use greengrass_operator_core::deployment::memory::{Memory, deployment_arn};
use greengrass_operator_core::deployment::revision::digest_of_tags;
use greengrass_operator_core::deployment::subject::{Access, Subject};
use greengrass_operator_core::deployment::summarise::request;
use greengrass_operator_core::failure::{Failure, FailureKind, Operation};
use greengrass_operator_core::names::Key;
use tracing::info;

use super::Deployments;
use super::resolve::ReadSpec;
use crate::aws::{ApiFamily, CallRequest, Caller, Class, Permit, Scope};
use crate::controller::failures;
use crate::controller::objects::ApiError;
use crate::controller::permits::{Permits, WAIT_IN_PLACE};
use crate::controller::record::Record;
use crate::controller::turn::Done;
use crate::identity;

/// The longest wait for leave to delete an old revision: two calls at 20 a second, so that a class that is owed one gets it.
const WAIT_TO_PRUNE: Duration = Duration::from_millis(100);

/// Everything that an operation needs.
pub(super) struct Act<'a> {
    pub(super) all: &'a Deployments,
    pub(super) record: &'a Record,
    pub(super) read: &'a ReadSpec<'a>,
    pub(super) subject: &'a Subject<'a>,
    pub(super) memory: &'a Memory,
    /// The place of this turn among those who call.
    pub(super) caller: &'a Caller,
}

impl Act<'_> {
    fn key(&self) -> Option<Key> {
        // What was deployed to, even where the spec means something else by now: an open change is settled by reading there.
        self.memory.key.clone().or_else(|| match self.subject.desired() {
            Some(desired) => Some(desired.key.clone()),
            None => self.read.key(self.memory, &self.all.world),
        })
    }

    /// Through what AWS is called about a key; none where the identity, as it is at this moment, does not allow it. The next step says
    /// so on the resource.
    fn scope(&self, key: &Key) -> Option<Scope> {
        let given = self.read.given(&self.all.world);
        match given.access([key]) {
            Access::Granted { .. } => given.connection.map(|connection| Scope::of(connection, &key.target)),
            Access::Barred(_) => None,
        }
    }

    /// Leave for one call.
    async fn permit(&self, key: &Key) -> Result<Permit, Done> {
        self.permit_within(WAIT_IN_PLACE, key, ApiFamily::Greengrass, self.caller, false).await
    }

    async fn permit_within(
        &self,
        longest: Duration,
        key: &Key,
        family: ApiFamily,
        caller: &Caller,
        is_deletion: bool,
    ) -> Result<Permit, Done> {
        let Some(scope) = self.scope(key) else { return Err(Done::Learnt) };
        let permits = Permits {
            aws: &self.all.parts.aws,
            metrics: &self.all.parts.metrics,
            leadership: self.all.parts.leadership.as_ref(),
        };
        let request = CallRequest { scope: &scope, family, caller, is_deletion };
        permits.permit(request, longest, || self.scope(key).as_ref() == Some(&scope)).await
    }

    /// Leave for a write.
    async fn permit_for(&self, change: &Change, key: &Key) -> Result<Permit, Done> {
        match change {
            Change::Prune(_) => {
                let caller = Caller::new(Class::History, &self.record.name.namespace);
                self.permit_within(WAIT_TO_PRUNE, key, ApiFamily::Greengrass, &caller, true).await
            }
            Change::Delete(_) => self.permit_within(WAIT_IN_PLACE, key, ApiFamily::Greengrass, self.caller, true).await,
            Change::AddFinalizer
            | Change::RemoveFinalizer { .. }
            | Change::Remember(..)
            | Change::Create { .. }
            | Change::Cancel(_)
            | Change::Adopt { .. }
            | Change::Tag
            | Change::Untag(_) => self.permit(key).await,
        }
    }

    /// Writes, all but the status.
    pub(super) async fn write(&self, change: &Change, knowledge: &mut Knowledge) -> Result<Done, ApiError> {
        match change {
            Change::AddFinalizer => {
                let written = self.all.parts.objects.add_finalizer(self.record, FINALIZER).await?;
                Ok(self.wrote(written, knowledge))
            }
            Change::RemoveFinalizer { abandoned } => {
                if *abandoned {
                    self.all
                        .parts
                        .events
                        .warning(
                            self.record,
                            "Abandoned",
                            "spec.suspend is true: the resource goes and its deployments stay in AWS as they are",
                        )
                        .await;
                }
                Ok(match self.all.parts.objects.remove_finalizer(self.record, FINALIZER).await? {
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
        knowledge.wrote(&before, &written.resource_version.to_string(), self.all.parts.clock.now());
        match self.all.parts.store.observe_own_write(written) {
            Some(record) => Done::Wrote(Box::new(Record::clone(&record))),
            None => Done::Gone,
        }
    }

    async fn call(&self, change: &Change, knowledge: &mut Knowledge) -> Done {
        let Some(key) = self.key() else { return Done::Learnt };
        let permit = match (self.permit_for(change, &key).await, change) {
            (Ok(permit), _) => permit,
            (Err(_), Change::Prune(_)) => {
                // What is least urgent waits for the next look, and never for long in a place that others need.
                knowledge.history.leave();
                return Done::Learnt;
            }
            (Err(wait), _) => return wait,
        };
        let greengrass = self.all.parts.aws.greengrass();
        let outcome = match change {
            // While the permit was waited for it grew too old: it is decided again.
            Change::Create { .. } if !may_still_go(knowledge, self.all.parts.clock.now()) => Ok(()),
            Change::Create { ordinal, token, request } => {
                let outcome = greengrass.create_deployment(permit, request, token).await;
                knowledge.sent(*ordinal, self.all.parts.clock.now(), &outcome);
                if let Ok(created) = &outcome {
                    info!(deployment_id = created.deployment_id, intent = ordinal, "deployment created");
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
                    knowledge.adopted = Some((deployment_id.clone(), self.all.parts.clock.now()));
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
                knowledge.read(id, self.all.parts.clock.now(), None);
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
        let outcome = self.all.parts.aws.greengrass().delete_deployment(permit, id).await;
        knowledge.pruned(id, outcome);
    }

    async fn tag(&self, permit: Permit, key: &Key, knowledge: &mut Knowledge) -> Result<(), Failure> {
        let (Some(desired), Some(own)) = (self.subject.desired(), &self.memory.deployment) else { return Ok(()) };
        let arn = deployment_arn(&key.target, &own.deployment_id);
        self.all.parts.aws.greengrass().tag_resource(permit, &arn, &desired.tags).await?;
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
        self.all.parts.aws.greengrass().untag_resource(permit, &arn, keys).await?;
        knowledge.untagged = Some(digest_of_tags(desired.tags.iter()));
        Ok(())
    }

    fn failed(&self, failure: Failure, knowledge: &mut Knowledge) -> Done {
        failures::log(&failure);
        let now = self.all.parts.clock.now();
        if failure.kind == FailureKind::Credentials || failure.operation == Operation::AssumeRole {
            self.check_identity();
        }
        let wait = failures::wait_after(&failure, &self.record.uid, now);
        knowledge.failed(failure, now, wait, request(self.subject));
        Done::Learnt
    }
}

impl Act<'_> {
    /// Its credentials don't work. The identity says so itself, looks again at a pace of its own, and wakes everybody once they do.
    pub(super) fn check_identity(&self) {
        let name = self.read.identity_name(&self.all.world);
        identity::doubt(&self.all.world.identities, &self.all.parts.identity_queue, &name, self.all.parts.clock.now());
    }
}
