//! Does the one operation that was decided, and learns from its outcome. I/O.

use std::collections::BTreeMap;

use greengrass_operator_core::api::SYSTEM_INSTANCE_FINALIZER;
use greengrass_operator_core::deployment::revision::digest_of_tags;
use greengrass_operator_core::failure::{Failure, FailureKind, Operation};
use greengrass_operator_core::system_instance::SystemInstanceId;
use greengrass_operator_core::system_instance::assess::wanted_tags;
use greengrass_operator_core::system_instance::decide::{Change, Query, may_still_go};
use greengrass_operator_core::system_instance::knowledge::{Deployed, Instance, Knowledge, Look, Reading, Reply};
use greengrass_operator_core::system_instance::memory::{Memory, Operation as Step};
use greengrass_operator_core::system_instance::subject::{Access, Subject};
use tracing::info;

use super::SystemInstances;
use super::resolve::ReadSpec;
use crate::aws::{ApiFamily, CallRequest, Caller, Permit, Scope, ThingsGraph};
use crate::controller::failures;
use crate::controller::objects::ApiError;
use crate::controller::permits::{Permits, WAIT_IN_PLACE};
use crate::controller::record::Record;
use crate::controller::turn::Done;
use crate::identity;

/// Everything that an operation needs.
pub(super) struct Act<'a> {
    pub(super) all: &'a SystemInstances,
    pub(super) record: &'a Record,
    pub(super) read: &'a ReadSpec<'a>,
    pub(super) subject: &'a Subject<'a>,
    pub(super) memory: &'a Memory,
    /// The place of this turn among those who call.
    pub(super) caller: &'a Caller,
}

impl Act<'_> {
    /// Reads.
    pub(super) async fn ask(&self, query: &Query, knowledge: &mut Knowledge) -> Result<Done, ApiError> {
        match query {
            Query::Look(id) => Ok(self.look(id, knowledge).await),
            Query::Tags(instance) => Ok(self.tags(instance, knowledge).await),
            Query::Object => {
                let live = self.all.parts.site().reread(self.record).await?;
                knowledge.live_at = Some(self.all.parts.clock.now());
                Ok(live.map_or(Done::Gone, |record| Done::Wrote(Box::new(record))))
            }
            Query::Owner(owner) => {
                let found = self.all.parts.objects.owner(owner).await;
                knowledge.owners.insert(owner.clone(), found);
                Ok(Done::Learnt)
            }
            Query::Definition => {
                let at = self.all.parts.clock.now();
                let value = self.all.parts.objects.is_definition_going().await?;
                knowledge.definition = Some(Reading { at, value });
                Ok(Done::Learnt)
            }
            Query::References => {
                if let Some(name) = self.read.config_map() {
                    let found = self.all.parts.objects.config_map(&self.record.name.namespace, name).await?;
                    knowledge.config_maps.insert(name.to_owned(), found);
                }
                Ok(Done::Learnt)
            }
        }
    }

    /// Writes, all but the status.
    pub(super) async fn write(&self, change: &Change, knowledge: &mut Knowledge) -> Result<Done, ApiError> {
        match change {
            Change::AddFinalizer => {
                let written = self.all.parts.objects.add_finalizer(self.record, SYSTEM_INSTANCE_FINALIZER).await?;
                Ok(self.wrote(written, knowledge))
            }
            Change::RemoveFinalizer { abandoned } => {
                if *abandoned {
                    let note = "spec.suspend is true: the resource goes and its system instance stays in AWS as it is";
                    self.all.parts.events.warning(self.record, "Abandoned", note).await;
                }
                Ok(match self.all.parts.objects.remove_finalizer(self.record, SYSTEM_INSTANCE_FINALIZER).await? {
                    Some(written) => self.wrote(written, knowledge),
                    None => Done::Gone,
                })
            }
            Change::Create(tags) => Ok(self.create(tags, knowledge).await),
            Change::Deploy(id) => Ok(self.step(Step::Deploy, id, knowledge).await),
            Change::Undeploy(id) => Ok(self.step(Step::Undeploy, id, knowledge).await),
            Change::Delete(id) => Ok(self.step(Step::Delete, id, knowledge).await),
            Change::Tag(instance, tags) => Ok(self.adopt(instance, tags, knowledge).await),
            Change::TagOwn(tags) => Ok(self.tag(tags, knowledge).await),
            Change::UntagOwn(keys) => Ok(self.untag(keys, knowledge).await),
            // The status is written in one place: the turn does it.
            Change::Remember(_) => Ok(Done::Learnt),
        }
    }

    /// A write that the API server has taken, with the version that it returned.
    pub(super) fn wrote(&self, written: Record, knowledge: &mut Knowledge) -> Done {
        knowledge.live_at = Some(self.all.parts.clock.now());
        match self.all.parts.store.observe_own_write(written) {
            Some(record) => Done::Wrote(Box::new(Record::clone(&record))),
            None => Done::Gone,
        }
    }

    /// Through what AWS is called about an id; none where the identity, as it is at this moment, does not allow it. The next step
    /// says so on the resource.
    fn scope(&self, id: &SystemInstanceId) -> Option<Scope> {
        let given = self.read.given(&self.all.parts.identities);
        match given.access_unless(|grant| grant.refuses_arns([id.arn().as_str()], id.account())) {
            Access::Granted { .. } => given.connection.map(|connection| Scope {
                connection,
                account: id.account().to_owned(),
                region: id.region().to_owned(),
            }),
            Access::Barred(_) => None,
        }
    }

    async fn permit(&self, id: &SystemInstanceId) -> Result<Permit, Done> {
        let Some(scope) = self.scope(id) else { return Err(Done::Learnt) };
        let permits = Permits {
            aws: &self.all.parts.aws,
            metrics: &self.all.parts.metrics,
            leadership: self.all.parts.leadership.as_ref(),
        };
        let family = ApiFamily::ThingsGraph;
        let request = CallRequest { scope: &scope, family, caller: self.caller, is_deletion: false };
        permits.permit(request, WAIT_IN_PLACE, || self.scope(id).as_ref() == Some(&scope)).await
    }

    async fn look(&self, id: &SystemInstanceId, knowledge: &mut Knowledge) -> Done {
        let permit = match self.permit(id).await {
            Ok(permit) => permit,
            Err(wait) => return wait,
        };
        let began_at = self.all.parts.clock.now();
        match self.all.parts.aws.things_graph().get_system_instance(permit, id).await {
            Ok(found) => {
                knowledge.looked(id, Look { began_at, found: found.map(Box::new) });
                knowledge.verified_at = Some(began_at);
                Done::Learnt
            }
            Err(failure) => self.failed(failure, knowledge),
        }
    }

    async fn tags(&self, instance: &Instance, knowledge: &mut Knowledge) -> Done {
        let mut all = BTreeMap::new();
        let mut page: Option<String> = None;
        for _ in 0..ThingsGraph::pages_of_tags() {
            let permit = match self.permit(&instance.id).await {
                Ok(permit) => permit,
                Err(wait) => return wait,
            };
            match self.all.parts.aws.things_graph().list_tags(permit, &instance.arn, page.as_deref()).await {
                Ok((tags, next)) => {
                    all.extend(tags);
                    page = next;
                }
                Err(failure) => return self.failed(failure, knowledge),
            }
            if page.is_none() {
                knowledge.read_tags(instance, all);
                return Done::Learnt;
            }
        }
        let words = "the list of tags has no end: AWS takes 50 on a resource";
        self.failed(Failure::new(Operation::ListTagsForResource, FailureKind::BadReply, words), knowledge)
    }

    async fn create(&self, tags: &BTreeMap<String, String>, knowledge: &mut Knowledge) -> Done {
        let Some((desired, _)) = self.subject.desired() else { return Done::Learnt };
        let id = &desired.content.definition.id;
        let permit = match self.permit(id).await {
            Ok(permit) => permit,
            Err(wait) => return wait,
        };
        // While the permit was waited for what was read grew too old: it is decided again.
        if !may_still_go(knowledge, id, self.all.parts.clock.now()) {
            return Done::Learnt;
        }
        let outcome = self.all.parts.aws.things_graph().create_system_instance(permit, &desired.content, tags).await;
        let outcome = outcome.map(|instance| now(instance, None));
        self.sent(Step::Create, id, outcome, knowledge)
    }

    async fn step(&self, step: Step, id: &SystemInstanceId, knowledge: &mut Knowledge) -> Done {
        let permit = match self.permit(id).await {
            Ok(permit) => permit,
            Err(wait) => return wait,
        };
        if !may_still_go(knowledge, id, self.all.parts.clock.now()) {
            return Done::Learnt;
        }
        let things_graph = self.all.parts.aws.things_graph();
        let outcome = match step {
            Step::Deploy => things_graph
                .deploy_system_instance(permit, id)
                .await
                .map(|Deployed { instance, greengrass_deployment_id }| now(instance, greengrass_deployment_id)),
            Step::Undeploy => {
                things_graph.undeploy_system_instance(permit, id).await.map(|instance| now(instance, None))
            }
            Step::Delete => things_graph.delete_system_instance(permit, id).await.map(|()| Reply::Gone),
            // It needs more than an id.
            Step::Create => return Done::Learnt,
        };
        self.sent(step, id, outcome, knowledge)
    }

    fn sent(
        &self,
        step: Step,
        id: &SystemInstanceId,
        outcome: Result<Reply, Failure>,
        knowledge: &mut Knowledge,
    ) -> Done {
        knowledge.sent(step, id, self.all.parts.clock.now(), &outcome);
        match outcome {
            Ok(_) => {
                info!(%id, step = step.as_str(), "AWS has taken the step");
                Done::Learnt
            }
            Err(failure) => self.failed(failure, knowledge),
        }
    }

    async fn adopt(&self, instance: &Instance, tags: &BTreeMap<String, String>, knowledge: &mut Knowledge) -> Done {
        let permit = match self.permit(&instance.id).await {
            Ok(permit) => permit,
            Err(wait) => return wait,
        };
        let outcome = self.all.parts.aws.things_graph().tag(permit, &instance.arn, tags).await;
        // Whatever the answer: what its tags are now, only another reading says.
        knowledge.tags.remove(&instance.id);
        match outcome {
            Ok(()) => {
                info!(id = %instance.id, "system instance taken over");
                knowledge.succeeded(Operation::TagSystemInstance);
                Done::Learnt
            }
            Err(failure) => self.failed(failure, knowledge),
        }
    }

    async fn tag(&self, tags: &BTreeMap<String, String>, knowledge: &mut Knowledge) -> Done {
        let Some(own) = &self.memory.own else { return Done::Learnt };
        let permit = match self.permit(&own.id).await {
            Ok(permit) => permit,
            Err(wait) => return wait,
        };
        match self.all.parts.aws.things_graph().tag(permit, &own.id.arn(), tags).await {
            Ok(()) => {
                knowledge.succeeded(Operation::TagSystemInstance);
                knowledge.tagged = Some(digest_of_tags(tags.iter()));
                Done::Learnt
            }
            Err(failure) => self.failed(failure, knowledge),
        }
    }

    async fn untag(&self, keys: &[String], knowledge: &mut Knowledge) -> Done {
        let Some(own) = &self.memory.own else { return Done::Learnt };
        let permit = match self.permit(&own.id).await {
            Ok(permit) => permit,
            Err(wait) => return wait,
        };
        match self.all.parts.aws.things_graph().untag(permit, &own.id.arn(), keys).await {
            Ok(()) => {
                knowledge.succeeded(Operation::UntagSystemInstance);
                knowledge.untagged = Some(digest_of_tags(wanted_tags(self.subject, self.memory).iter()));
                Done::Learnt
            }
            Err(failure) => self.failed(failure, knowledge),
        }
    }

    fn failed(&self, failure: Failure, knowledge: &mut Knowledge) -> Done {
        failures::log(&failure);
        let now = self.all.parts.clock.now();
        if failure.kind == FailureKind::Credentials || failure.operation == Operation::AssumeRole {
            let name = self.read.identity_name(&self.all.parts.identities);
            identity::doubt(&self.all.parts.identities, &self.all.parts.identity_queue, &name, now);
        }
        let wait = failures::wait_after(&failure, &self.record.uid, now);
        knowledge.failed(failure, now, wait, self.subject.request());
        Done::Learnt
    }
}

fn now(instance: Instance, greengrass_deployment_id: Option<String>) -> Reply {
    Reply::Now(Box::new(Deployed { instance, greengrass_deployment_id }))
}
