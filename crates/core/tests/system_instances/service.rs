//! A service of one id: what it holds, how that looked earlier, and requests that arrive late.

use std::collections::BTreeMap;

use greengrass_operator_core::system_instance::SystemInstanceId;
use greengrass_operator_core::system_instance::knowledge::{DeploymentStatus, Instance};
use greengrass_operator_core::system_instance::memory::Operation;
use jiff::{SignedDuration, Timestamp};

/// A deployment, or its opposite, takes so long.
const TAKES: SignedDuration = SignedDuration::from_secs(20);

/// The service does not do that to what it holds.
pub struct Refused;

/// A write on its way.
#[derive(Clone, Debug)]
pub struct Write {
    pub operation: Operation,
    pub digest: String,
    pub tags: BTreeMap<String, String>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Held {
    pub digest: String,
    pub tags: BTreeMap<String, String>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub status: DeploymentStatus,
}

pub struct Service {
    pub id: SystemInstanceId,
    /// Since when it was so; the last is now.
    history: Vec<(Timestamp, Option<Held>)>,
    late: Vec<(Timestamp, Write)>,
    /// What was carried out, in order.
    pub done: Vec<(Operation, String)>,
}

impl Service {
    pub fn new(id: SystemInstanceId) -> Self {
        Self { id, history: vec![(Timestamp::MIN, None)], late: Vec::new(), done: Vec::new() }
    }

    pub fn held(&self) -> Option<&Held> {
        self.history.last().and_then(|(_, held)| held.as_ref())
    }

    fn becomes(&mut self, now: Timestamp, held: Option<Held>) {
        self.history.push((now, held));
    }

    /// It will arrive at that time.
    pub fn arrives(&mut self, at: Timestamp, write: Write) {
        self.late.push((at, write));
    }

    /// Lets happen what is due.
    pub fn at(&mut self, now: Timestamp) {
        let due: Vec<_> = self.late.iter().filter(|(at, _)| *at <= now).cloned().collect();
        self.late.retain(|(at, _)| *at > now);
        for (at, write) in due {
            let _ = self.perform(at, &write);
        }
        let next = self.held().cloned().and_then(|held| {
            let ended = held.updated_at + TAKES;
            let status = match held.status {
                DeploymentStatus::DeployInProgress => DeploymentStatus::DeployedInTarget,
                DeploymentStatus::UndeployInProgress => DeploymentStatus::DeletedInTarget,
                _ => return None,
            };
            (ended <= now).then_some((ended, Held { status, updated_at: ended, ..held }))
        });
        if let Some((ended, held)) = next {
            self.becomes(ended, Some(held));
        }
    }

    /// Carries a write out; what is there then.
    pub fn perform(&mut self, now: Timestamp, write: &Write) -> Result<Option<Instance>, Refused> {
        let held = self.held().cloned();
        let next = match (write.operation, held) {
            (Operation::Create, None) => Some(Held {
                digest: write.digest.clone(),
                tags: write.tags.clone(),
                created_at: now,
                updated_at: now,
                status: DeploymentStatus::NotDeployed,
            }),
            (Operation::Deploy, Some(held)) if !is_busy(held.status) => {
                Some(Held { status: DeploymentStatus::DeployInProgress, updated_at: now, ..held })
            }
            (Operation::Undeploy, Some(held)) if held.status == DeploymentStatus::DeployedInTarget => {
                Some(Held { status: DeploymentStatus::UndeployInProgress, updated_at: now, ..held })
            }
            (Operation::Delete, Some(held))
                if [DeploymentStatus::NotDeployed, DeploymentStatus::DeletedInTarget].contains(&held.status) =>
            {
                None
            }
            (Operation::Create | Operation::Deploy | Operation::Undeploy | Operation::Delete, _) => {
                return Err(Refused);
            }
        };
        let digest = next.as_ref().or_else(|| self.held()).map(|held| held.digest.clone()).unwrap_or_default();
        self.done.push((write.operation, digest));
        self.becomes(now, next);
        Ok(self.shown(now))
    }

    /// How it was at that time.
    pub fn shown(&self, at: Timestamp) -> Option<Instance> {
        let (_, held) = self.history.iter().rev().find(|(since, _)| *since <= at)?;
        held.as_ref().map(|held| Instance {
            id: self.id.clone(),
            arn: self.id.arn(),
            status: held.status,
            target: None,
            group_name: None,
            group_id: None,
            group_version_id: None,
            created_at: held.created_at,
            updated_at: held.updated_at,
            content: None,
        })
    }
}

fn is_busy(status: DeploymentStatus) -> bool {
    [DeploymentStatus::DeployInProgress, DeploymentStatus::UndeployInProgress].contains(&status)
}
