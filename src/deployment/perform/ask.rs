//! Reads what was decided to be read: AWS, the object, and what lies beside it. I/O.

use greengrass_operator_core::deployment::decide::Query;
use greengrass_operator_core::deployment::knowledge::{Knowledge, Look, Reading, Row, RowFilter};
use greengrass_operator_core::deployment::memory::Memory;
use greengrass_operator_core::deployment::subject::is_of_key;
use greengrass_operator_core::failure::{Failure, FailureKind, Operation};
use greengrass_operator_core::names::{Key, ObjectName};

use super::super::resolve;
use super::Act;
use crate::controller::objects::ApiError;
use crate::controller::turn::Done;

/// The field by which claimants of a target are found.
const CLAIMED_TARGET: &str = "status.resolved.targetArn";

/// Pages of one walk. A target with more revisions than 100 of a hundred pages has room in no account.
const PAGES_AT_MOST: usize = 100;

impl Act<'_> {
    /// Reads.
    pub(in super::super) async fn ask(&self, query: &Query, knowledge: &mut Knowledge) -> Result<Done, ApiError> {
        match (query, self.key()) {
            (Query::Object, _) => {
                let live = self.all.parts.site().reread(self.record).await?;
                knowledge.live_at = Some(self.all.parts.clock.now());
                Ok(live.map_or(Done::Gone, |record| Done::Wrote(Box::new(record))))
            }
            (Query::References, _) => self.references(knowledge).await,
            (Query::Definition, _) => self.definition(knowledge).await,
            (Query::Owner(owner), _) => Ok(self.owner(owner, knowledge).await),
            (Query::Claimants, Some(key)) => self.claimants(&key, knowledge).await,
            (Query::Deployment(id), Some(key)) => Ok(self.read(&key, id, knowledge).await),
            (Query::Look, Some(key)) => Ok(self.told(self.look(&key, knowledge).await, knowledge)),
            (Query::Subdeployments, Some(key)) => Ok(self.told(self.subdeployments(&key, knowledge).await, knowledge)),
            (Query::Parent, Some(key)) => Ok(self.told(self.parent(&key, knowledge).await, knowledge)),
            (Query::Rollout(query), Some(key)) => {
                self.rollout(&key, query, knowledge).await;
                Ok(Done::Learnt)
            }
            (
                Query::Claimants
                | Query::Deployment(_)
                | Query::Look
                | Query::Subdeployments
                | Query::Parent
                | Query::Rollout(_),
                None,
            ) => Ok(Done::Learnt),
        }
    }

    /// What came of a list.
    fn told(&self, outcome: Result<(), Stopped>, knowledge: &mut Knowledge) -> Done {
        match outcome {
            Ok(()) => Done::Learnt,
            Err(Stopped::Wait(done)) => done,
            Err(Stopped::Failed(failure)) => self.failed(failure, knowledge),
        }
    }

    async fn look(&self, key: &Key, knowledge: &mut Knowledge) -> Result<(), Stopped> {
        let at = self.all.parts.clock.now();
        let mut rows = self.rows(key, RowFilter::all_of(key)).await?;
        rows.retain(|row| is_of_key(key, &row.target_arn, row.parent_target_arn.as_deref()));
        let look = Look { began_at: at, resource_version: self.subject.resource_version.to_owned(), rows };
        knowledge.looked(look, self.memory.deployment.as_ref().map(|own| own.deployment_id.as_str()));
        knowledge.verified_at = Some(at);
        Ok(())
    }

    async fn subdeployments(&self, key: &Key, knowledge: &mut Knowledge) -> Result<(), Stopped> {
        let at = self.all.parts.clock.now();
        let value = self.rows(key, RowFilter::newest_beneath(&key.target)).await?;
        knowledge.subdeployments = Some(Reading { at, value });
        Ok(())
    }

    async fn parent(&self, key: &Key, knowledge: &mut Knowledge) -> Result<(), Stopped> {
        let at = self.all.parts.clock.now();
        let Some(parent) = &key.parent else { return Ok(()) };
        let newest = Row::newest_of(parent, self.rows(key, RowFilter::newest_of(parent)).await?);
        if let Some(row) = &newest {
            knowledge.parent_since = Some((row.deployment_id.clone(), row.created_at));
        }
        knowledge.parent = Some(Reading { at, value: newest });
        Ok(())
    }

    async fn rows(&self, key: &Key, filter: RowFilter) -> Result<Vec<Row>, Stopped> {
        let mut rows = Vec::new();
        let mut page: Option<String> = None;
        for _ in 0..PAGES_AT_MOST {
            let permit = self.permit(key).await.map_err(Stopped::Wait)?;
            let listed = self.all.parts.aws.greengrass().list_deployments(permit, &filter, page.as_deref()).await;
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
        let at = self.all.parts.clock.now();
        match self.all.parts.aws.greengrass().get_deployment(permit, id).await {
            Ok(details) => knowledge.read_by(self.subject, id, at, Some(details)),
            Err(failure) if failure.kind == FailureKind::NotFound => knowledge.read_by(self.subject, id, at, None),
            Err(failure) => return self.failed(failure, knowledge),
        }
        Done::Learnt
    }

    async fn definition(&self, knowledge: &mut Knowledge) -> Result<Done, ApiError> {
        let at = self.all.parts.clock.now();
        let value = self.all.parts.objects.is_definition_going().await?;
        knowledge.definition = Some(Reading { at, value });
        Ok(Done::Learnt)
    }

    async fn owner(&self, owner: &ObjectName, knowledge: &mut Knowledge) -> Done {
        let found = self.all.parts.objects.owner(owner).await;
        knowledge.owners.insert(owner.clone(), found);
        Done::Learnt
    }

    async fn references(&self, knowledge: &mut Knowledge) -> Result<Done, ApiError> {
        for name in resolve::config_maps(self.record) {
            let found = self.all.parts.objects.config_map(&self.record.name.namespace, &name).await?;
            knowledge.config_maps.insert(name, found);
        }
        Ok(Done::Learnt)
    }

    async fn claimants(&self, key: &Key, knowledge: &mut Knowledge) -> Result<Done, ApiError> {
        let found = self.all.parts.objects.list_live_by_field(CLAIMED_TARGET, key.target.as_str()).await?;
        let value = found
            .iter()
            .filter(|record| record.name != self.record.name)
            .filter(|record| Memory::recall(&resolve::status(record)).key.as_ref() == Some(key))
            .map(resolve::claimant)
            .collect();
        knowledge.claimants = Some(Reading { at: self.all.parts.clock.now(), value });
        Ok(Done::Learnt)
    }
}

enum Stopped {
    Wait(Done),
    Failed(Failure),
}
