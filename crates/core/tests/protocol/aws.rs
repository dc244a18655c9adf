//! A small AWS: deployments of one target, a token cache, replies that can be lost and reads that can lag. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use greengrass_operator_core::deployment::knowledge::{Created, Details, Row, RowStatus, later};
use greengrass_operator_core::deployment::request::DeploymentRequest;
use greengrass_operator_core::failure::{Failure, FailureKind, Operation};
use jiff::Timestamp;

/// What happens to the next `CreateDeployment`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It works and its answer arrives.
    Answered,
    /// It works and its answer is lost.
    ReplyLost,
    /// It is still on its way when the sender gives up.
    Late,
    /// It is refused.
    Refused(FailureKind),
}

/// What AWS does when a known token comes with other parameters: nobody documents it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OtherParameters {
    /// The answer to the first request.
    Cached,
    /// An error.
    Refused,
}

pub(crate) struct Aws {
    pub(crate) details: Vec<Details>,
    pub(crate) fates: Vec<Fate>,
    pub(crate) late: Vec<(String, DeploymentRequest)>,
    pub(crate) other_parameters: OtherParameters,
    /// Deployments show so long after their create.
    pub(crate) lag: Duration,
    pub(crate) creates: u32,
    pub(crate) lists: u32,
    pub(crate) gets: u32,
    tokens: BTreeMap<String, (String, DeploymentRequest, Timestamp)>,
}

impl Aws {
    pub(crate) fn new() -> Self {
        Self {
            details: Vec::new(),
            fates: Vec::new(),
            late: Vec::new(),
            other_parameters: OtherParameters::Cached,
            lag: Duration::ZERO,
            creates: 0,
            lists: 0,
            gets: 0,
            tokens: BTreeMap::new(),
        }
    }

    pub(crate) fn create(&mut self, token: &str, request: &DeploymentRequest, now: Timestamp) -> Result<Created, Failure> {
        self.creates += 1;
        let fate = if self.fates.is_empty() { Fate::Answered } else { self.fates.remove(0) };
        match fate {
            Fate::Answered => self.commit(token, request, now),
            Fate::ReplyLost => {
                let _ = self.commit(token, request, now);
                Err(Failure::new(Operation::CreateDeployment, FailureKind::TimedOut, "no answer"))
            }
            Fate::Late => {
                self.late.push((token.to_owned(), request.clone()));
                Err(Failure::new(Operation::CreateDeployment, FailureKind::TimedOut, "no answer"))
            }
            Fate::Refused(kind) => Err(Failure::new(Operation::CreateDeployment, kind, "refused")),
        }
    }

    /// The requests that were on their way arrive.
    pub(crate) fn late_arrive(&mut self, now: Timestamp) {
        for (token, request) in std::mem::take(&mut self.late) {
            let _ = self.commit(&token, &request, now);
        }
    }

    fn commit(&mut self, token: &str, request: &DeploymentRequest, now: Timestamp) -> Result<Created, Failure> {
        let known = self.tokens.get(token).filter(|(_, _, at)| now.duration_since(*at).as_hours() < 8).cloned();
        if let Some((deployment_id, before, _)) = known {
            if before != *request && self.other_parameters == OtherParameters::Refused {
                return Err(Failure::new(Operation::CreateDeployment, FailureKind::Validation, "token reused"));
            }
            return Ok(Created { deployment_id });
        }
        let deployment_id = self.add(&request.target_arn, request.tags.clone(), now);
        self.tokens.insert(token.to_owned(), (deployment_id.clone(), request.clone(), now));
        Ok(Created { deployment_id })
    }

    /// Somebody creates a deployment, the operator or another.
    pub(crate) fn add(&mut self, target: &str, tags: BTreeMap<String, String>, now: Timestamp) -> String {
        for details in &mut self.details {
            if details.row.status == RowStatus::Active {
                details.row.status = RowStatus::Inactive;
            }
        }
        let revision = self.details.iter().map(|d| d.row.revision_id).max().unwrap_or(0) + 1;
        let deployment_id = format!("d{revision}");
        self.details.push(Details {
            row: Row {
                deployment_id: deployment_id.clone(),
                revision_id: revision,
                created_at: now,
                status: RowStatus::Active,
                target_arn: target.to_owned(),
                parent_target_arn: None,
            },
            tags,
            iot_job_id: None,
            iot_job_arn: None,
        });
        deployment_id
    }

    pub(crate) fn rows(&mut self, now: Timestamp) -> Vec<Row> {
        self.lists += 1;
        let shown: Vec<Row> = self.details.iter().filter(|d| self.shows(d, now)).map(|d| d.row.clone()).collect();
        // In no order: the list's own is not relied on.
        shown.into_iter().rev().collect()
    }

    pub(crate) fn get(&mut self, id: &str, now: Timestamp) -> Option<Details> {
        self.gets += 1;
        self.details.iter().find(|d| d.row.deployment_id == id).filter(|d| self.shows(d, now)).cloned()
    }

    pub(crate) fn live(&self) -> Option<&Details> {
        self.details.iter().find(|d| d.row.status == RowStatus::Active)
    }

    fn shows(&self, details: &Details, now: Timestamp) -> bool {
        later(details.row.created_at, self.lag) <= now
    }
}
