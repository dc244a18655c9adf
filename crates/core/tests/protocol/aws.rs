//! A small AWS: deployments of a few targets, a token cache, requests that are lost or late and reads that lag. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use greengrass_operator_core::deployment::knowledge::{Created, Details, Row, RowStatus, later};
use greengrass_operator_core::deployment::request::DeploymentRequest;
use greengrass_operator_core::failure::{Failure, FailureKind, Operation};
use jiff::Timestamp;

use crate::world::TARGET;

/// A late request arrives within this: with the longest lag it shows before a minute is over, which is what the protocol takes
/// for certain.
pub(crate) const ARRIVES_WITHIN: Duration = Duration::from_secs(40);

/// Reads lag behind writes by so much at most.
pub(crate) const LONGEST_LAG: Duration = Duration::from_secs(15);

/// What happens to the next `CreateDeployment`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It works and its answer arrives.
    Answered,
    /// It works and its answer is lost.
    ReplyLost,
    /// It is still on its way when the sender gives up.
    Late,
    /// It never arrives, and the sender can't know.
    Lost,
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
    /// Another deployment, as if the token were new.
    CreateAnew,
}

#[derive(Clone, Debug)]
struct Late {
    token: String,
    request: DeploymentRequest,
    arrives_by: Timestamp,
}

/// A deployment that a request made.
#[derive(Clone, Debug)]
pub(crate) struct Commit {
    pub(crate) deployment_id: String,
    pub(crate) tags: BTreeMap<String, String>,
}

#[derive(Clone)]
pub(crate) struct Aws {
    pub(crate) details: Vec<Details>,
    pub(crate) fates: Vec<Fate>,
    late: Vec<Late>,
    pub(crate) other_parameters: OtherParameters,
    /// Deployments show so long after their create.
    pub(crate) lag: Duration,
    /// What becomes of a parent's subdeployments when it gets a new revision: nobody documents it.
    pub(crate) ended_by_parent: RowStatus,
    /// So many of the next reads fail.
    pub(crate) failing_reads: Vec<FailureKind>,
    pub(crate) creates: u32,
    pub(crate) lists: u32,
    pub(crate) gets: u32,
    pub(crate) commits: Vec<Commit>,
    /// Tokens of all requests, in their order.
    pub(crate) sent_tokens: Vec<String>,
    revisions: u64,
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
            ended_by_parent: RowStatus::Inactive,
            failing_reads: Vec::new(),
            creates: 0,
            lists: 0,
            gets: 0,
            commits: Vec::new(),
            sent_tokens: Vec::new(),
            revisions: 0,
            tokens: BTreeMap::new(),
        }
    }

    pub(crate) fn calls(&self) -> u32 {
        self.lists + self.creates + self.gets
    }

    pub(crate) fn create(
        &mut self,
        token: &str,
        request: &DeploymentRequest,
        now: Timestamp,
    ) -> Result<Created, Failure> {
        self.creates += 1;
        self.sent_tokens.push(token.to_owned());
        let fate = if self.fates.is_empty() { Fate::Answered } else { self.fates.remove(0) };
        let no_answer = Err(Failure::new(Operation::CreateDeployment, FailureKind::TimedOut, "no answer"));
        match fate {
            Fate::Answered => self.commit(token, request, now),
            Fate::ReplyLost => {
                let _ = self.commit(token, request, now);
                no_answer
            }
            Fate::Late => {
                let arrives_by = later(now, ARRIVES_WITHIN);
                self.late.push(Late { token: token.to_owned(), request: request.clone(), arrives_by });
                no_answer
            }
            Fate::Lost => no_answer,
            Fate::Refused(kind) => Err(Failure::new(Operation::CreateDeployment, kind, "refused")),
        }
    }

    /// The requests that were on their way arrive.
    pub(crate) fn late_arrive(&mut self, now: Timestamp) {
        for Late { token, request, .. } in std::mem::take(&mut self.late) {
            let _ = self.commit(&token, &request, now);
        }
    }

    /// The time at which the first of those that are late arrives at the latest.
    pub(crate) fn late_by(&self) -> Option<Timestamp> {
        self.late.iter().map(|late| late.arrives_by).min()
    }

    /// Those arrive that are due.
    pub(crate) fn due_arrive(&mut self, now: Timestamp) {
        let (due, rest) = std::mem::take(&mut self.late).into_iter().partition(|late| late.arrives_by <= now);
        self.late = due;
        self.late_arrive(now);
        self.late = rest;
    }

    fn commit(&mut self, token: &str, request: &DeploymentRequest, now: Timestamp) -> Result<Created, Failure> {
        let known = self.tokens.get(token).filter(|(_, _, at)| now.duration_since(*at).as_hours() < 8).cloned();
        if let Some((deployment_id, before, _)) = known {
            match self.other_parameters {
                _ if before == *request => return Ok(Created { deployment_id }),
                OtherParameters::Cached => return Ok(Created { deployment_id }),
                OtherParameters::Refused => {
                    return Err(Failure::new(Operation::CreateDeployment, FailureKind::Validation, "token reused"));
                }
                OtherParameters::CreateAnew => {}
            }
        }
        let parent = request.parent_target_arn.as_deref();
        let deployment_id = self.add(&request.target_arn, parent, request.tags.clone(), now);
        self.tokens.insert(token.to_owned(), (deployment_id.clone(), request.clone(), now));
        self.commits.push(Commit { deployment_id: deployment_id.clone(), tags: request.tags.clone() });
        Ok(Created { deployment_id })
    }

    /// Somebody creates a deployment, the operator or another.
    pub(crate) fn add(
        &mut self,
        target: &str,
        parent: Option<&str>,
        tags: BTreeMap<String, String>,
        now: Timestamp,
    ) -> String {
        for row in self.details.iter_mut().map(|details| &mut details.row) {
            let same_key = row.target_arn == target && row.parent_target_arn.as_deref() == parent;
            let its_sub = parent.is_none() && row.parent_target_arn.as_deref() == Some(target);
            if row.status == RowStatus::Active && (same_key || its_sub) {
                row.status = if same_key { RowStatus::Inactive } else { self.ended_by_parent };
            }
        }
        self.revisions += 1;
        let deployment_id = format!("d{}", self.revisions);
        self.details.push(Details {
            row: Row {
                deployment_id: deployment_id.clone(),
                revision_id: self.revisions,
                created_at: now,
                status: RowStatus::Active,
                target_arn: target.to_owned(),
                parent_target_arn: parent.map(ToOwned::to_owned),
            },
            tags,
            iot_job_id: None,
            iot_job_arn: None,
            content: None,
        });
        deployment_id
    }

    /// `ListDeployments`: of all keys, in no order, because the list's own is not relied on.
    pub(crate) fn rows(&mut self, now: Timestamp) -> Result<Vec<Row>, Failure> {
        self.lists += 1;
        self.read_fate(Operation::ListDeployments)?;
        Ok(self
            .details
            .iter()
            .rev()
            .filter(|details| self.shows(details, now))
            .map(|details| details.row.clone())
            .collect())
    }

    pub(crate) fn get(&mut self, id: &str, now: Timestamp) -> Result<Option<Details>, Failure> {
        self.gets += 1;
        self.read_fate(Operation::GetDeployment)?;
        Ok(self.details.iter().find(|d| d.row.deployment_id == id).filter(|d| self.shows(d, now)).cloned())
    }

    fn read_fate(&mut self, operation: Operation) -> Result<(), Failure> {
        if self.failing_reads.is_empty() {
            return Ok(());
        }
        Err(Failure::new(operation, self.failing_reads.remove(0), "no"))
    }

    /// What is in force for the one target that most tests are about.
    pub(crate) fn live(&self) -> Option<&Details> {
        self.live_of(TARGET, None)
    }

    pub(crate) fn live_of(&self, target: &str, parent: Option<&str>) -> Option<&Details> {
        let of_key = |row: &Row| row.target_arn == target && row.parent_target_arn.as_deref() == parent;
        self.details.iter().find(|d| d.row.status == RowStatus::Active && of_key(&d.row))
    }

    /// The newest of the one target, whether it shows or not.
    pub(crate) fn newest(&self) -> Option<&Details> {
        self.details.iter().filter(|d| d.row.target_arn == TARGET).max_by_key(|d| d.row.revision_id)
    }

    pub(crate) fn tag(&mut self, id: &str, tags: &BTreeMap<String, String>) {
        for details in self.details.iter_mut().filter(|details| details.row.deployment_id == id) {
            details.tags.extend(tags.clone());
        }
    }

    pub(crate) fn remove(&mut self, id: &str) {
        self.details.retain(|details| details.row.deployment_id != id);
    }

    pub(crate) fn set_status(&mut self, id: &str, status: RowStatus) {
        for details in self.details.iter_mut().filter(|details| details.row.deployment_id == id) {
            details.row.status = status;
        }
    }

    fn shows(&self, details: &Details, now: Timestamp) -> bool {
        later(details.row.created_at, self.lag) <= now
    }
}
