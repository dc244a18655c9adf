//! AWS: deployments, a token cache, requests under way, and reads that don't show everything yet. Pure.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use greengrass_operator_core::deployment::knowledge::{Created, Details, Row, RowStatus, later};
use greengrass_operator_core::deployment::request::DeploymentRequest;
use greengrass_operator_core::failure::{Failure, FailureKind, Operation};
use greengrass_operator_core::names::{Key, TargetArn};
use jiff::Timestamp;

/// A request arrives so long after it was sent at the latest: the client gives up before.
pub(crate) const ARRIVES_WITHIN: Duration = Duration::from_secs(40);

/// Reads lag behind writes by so much at most.
pub(crate) const LONGEST_LAG: Duration = Duration::from_secs(15);

/// AWS knows a token for so long.
const TOKEN_KNOWN_FOR_HOURS: i64 = 8;

pub(crate) const RESOURCE: &str = "greengrass-operator.dev/resource";

/// What AWS does when a known token comes with other parameters: nobody documents it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reuse {
    /// The answer to the first request.
    Cached,
    /// An error.
    Refused,
    /// Another deployment, as if the token were new.
    CreatedAnew,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Read {
    List,
    Get,
}

#[derive(Clone)]
pub(crate) struct Deployment {
    pub(crate) details: Details,
    pub(crate) listed: bool,
    pub(crate) readable: bool,
    /// When both reads showed it for the first time.
    pub(crate) shown_at: Option<Timestamp>,
    /// Somebody else's: how many redeploys had been asked for when it appeared.
    pub(crate) redeploys_before: u8,
}

impl Deployment {
    pub(crate) fn id(&self) -> &str {
        &self.details.row.deployment_id
    }

    pub(crate) fn is_of(&self, key: &Key) -> bool {
        let row = &self.details.row;
        row.target_arn == key.target.as_str()
            && row.parent_target_arn.as_deref() == key.parent.as_ref().map(TargetArn::as_str)
    }

    /// The resource that made it; none for somebody else's.
    pub(crate) fn maker(&self) -> Option<&str> {
        self.details.tags.get(RESOURCE).map(String::as_str)
    }

    pub(crate) fn is_hidden(&self) -> bool {
        !self.listed || !self.readable
    }

    pub(crate) fn shows_by(&self) -> Timestamp {
        later(self.details.row.created_at, LONGEST_LAG)
    }
}

/// A request under way.
#[derive(Clone)]
pub(crate) struct Late {
    pub(crate) token: String,
    pub(crate) request: Rc<DeploymentRequest>,
    pub(crate) arrives_by: Timestamp,
}

#[derive(Clone)]
pub(crate) struct Token {
    pub(crate) text: String,
    pub(crate) request: Rc<DeploymentRequest>,
    pub(crate) deployment_id: String,
    pub(crate) at: Timestamp,
}

#[derive(Clone)]
pub(crate) struct Cloud {
    pub(crate) deployments: Vec<Rc<Deployment>>,
    pub(crate) late: Vec<Rc<Late>>,
    pub(crate) tokens: Vec<Rc<Token>>,
    /// Made by a request and not yet judged.
    pub(crate) fresh: Vec<Rc<Deployment>>,
    revisions: u64,
}

impl Cloud {
    pub(crate) fn new() -> Self {
        Self { deployments: Vec::new(), late: Vec::new(), tokens: Vec::new(), fresh: Vec::new(), revisions: 0 }
    }

    /// `CreateDeployment` arrives.
    pub(crate) fn commit(
        &mut self,
        reuse: Reuse,
        token: &str,
        request: &Rc<DeploymentRequest>,
        hidden: bool,
        now: Timestamp,
    ) -> Result<Created, Failure> {
        self.tokens.retain(|known| now.duration_since(known.at).as_hours() < TOKEN_KNOWN_FOR_HOURS);
        if let Some(known) = self.tokens.iter().find(|known| known.text == token) {
            let cached = Ok(Created { deployment_id: known.deployment_id.clone() });
            match reuse {
                _ if known.request == *request => return cached,
                Reuse::Cached => return cached,
                Reuse::Refused => {
                    return Err(Failure::new(Operation::CreateDeployment, FailureKind::Validation, "token reused"));
                }
                Reuse::CreatedAnew => {}
            }
        }
        let made = self.add(
            &request.target_arn,
            request.parent_target_arn.as_deref(),
            request.tags.clone(),
            (!hidden).then_some(now),
            now,
        );
        let deployment_id = made.id().to_owned();
        self.fresh.push(made);
        self.tokens.retain(|known| known.text != token);
        self.tokens.push(Rc::new(Token {
            text: token.to_owned(),
            request: Rc::clone(request),
            deployment_id: deployment_id.clone(),
            at: now,
        }));
        Ok(Created { deployment_id })
    }

    /// A deployment comes to be: it supersedes the one before and ends the subdeployments of its target.
    pub(crate) fn add(
        &mut self,
        target: &str,
        parent: Option<&str>,
        tags: BTreeMap<String, String>,
        shown_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Rc<Deployment> {
        for other in &mut self.deployments {
            let row = &other.details.row;
            let same_key = row.target_arn == target && row.parent_target_arn.as_deref() == parent;
            let its_sub = parent.is_none() && row.parent_target_arn.as_deref() == Some(target);
            if row.status == RowStatus::Active && (same_key || its_sub) {
                Rc::make_mut(other).details.row.status = RowStatus::Inactive;
            }
        }
        self.revisions += 1;
        let made = Rc::new(Deployment {
            details: Details {
                row: Row {
                    deployment_id: format!("d{}", self.revisions),
                    revision_id: self.revisions,
                    created_at: now,
                    status: RowStatus::Active,
                    target_arn: target.to_owned(),
                    parent_target_arn: parent.map(ToOwned::to_owned),
                },
                tags,
                iot_job_id: None,
                iot_job_arn: None,
                content: Some(Box::default()),
            },
            listed: shown_at.is_some(),
            readable: shown_at.is_some(),
            shown_at,
            redeploys_before: 0,
        });
        self.deployments.push(Rc::clone(&made));
        made
    }

    pub(crate) fn newest(&self, key: &Key) -> Option<&Rc<Deployment>> {
        self.deployments.iter().rev().find(|deployment| deployment.is_of(key))
    }

    /// `ListDeployments`, all pages, in no order, because the list's own is not relied on.
    pub(crate) fn list(&self, of: impl Fn(&Row) -> bool) -> Vec<Row> {
        let listed = self.deployments.iter().rev().filter(|deployment| deployment.listed);
        listed.map(|deployment| &deployment.details.row).filter(|row| of(row)).cloned().collect()
    }

    pub(crate) fn get(&self, id: &str) -> Option<Details> {
        let found = self.deployments.iter().find(|deployment| deployment.id() == id);
        found.filter(|deployment| deployment.readable).map(|deployment| deployment.details.clone())
    }

    pub(crate) fn show(&mut self, index: usize, read: Read, now: Timestamp) {
        let deployment = Rc::make_mut(&mut self.deployments[index]);
        match read {
            Read::List => deployment.listed = true,
            Read::Get => deployment.readable = true,
        }
        if !deployment.is_hidden() {
            deployment.shown_at = Some(now);
        }
    }

    pub(crate) fn set_status(&mut self, id: &str, status: RowStatus) {
        for deployment in self.deployments.iter_mut().filter(|deployment| deployment.id() == id) {
            Rc::make_mut(deployment).details.row.status = status;
        }
    }

    pub(crate) fn remove(&mut self, id: &str) {
        self.deployments.retain(|deployment| deployment.id() != id);
    }

    /// When something must have happened that may happen before.
    pub(crate) fn next_deadline(&self) -> Option<Timestamp> {
        let late = self.late.iter().map(|late| late.arrives_by);
        let hidden = self.deployments.iter().filter(|deployment| deployment.is_hidden());
        late.chain(hidden.map(|deployment| deployment.shows_by())).min()
    }

    /// What must have happened by now happens.
    pub(crate) fn keep_deadlines(&mut self, reuse: Reuse, now: Timestamp) {
        for index in 0..self.deployments.len() {
            let deployment = &self.deployments[index];
            if deployment.is_hidden() && deployment.shows_by() <= now {
                self.show(index, Read::List, now);
                self.show(index, Read::Get, now);
            }
        }
        while let Some(index) = self.late.iter().position(|late| late.arrives_by <= now) {
            self.arrive(index, reuse, false, now);
        }
    }

    /// Whether a request would make a deployment if it arrived now.
    pub(crate) fn would_make(&self, reuse: Reuse, late: &Late) -> bool {
        let known = self.tokens.iter().find(|known| known.text == late.token);
        known.is_none_or(|known| reuse == Reuse::CreatedAnew && known.request != late.request)
    }

    pub(crate) fn arrive(&mut self, index: usize, reuse: Reuse, hidden: bool, now: Timestamp) {
        let late = self.late.remove(index);
        let _ = self.commit(reuse, &late.token, &late.request, hidden, now);
    }
}
