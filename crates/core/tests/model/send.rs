//! A `CreateDeployment`, and what becomes of it; and the neighbours of a resource. Pure.

use std::rc::Rc;
use std::time::Duration;

use greengrass_operator_core::deployment::knowledge::later;
use greengrass_operator_core::deployment::request::DeploymentRequest;
use greengrass_operator_core::deployment::subject::{Claimant, ParentPeer, Peers};
use greengrass_operator_core::failure::{Failure, FailureKind, Operation};

use crate::cloud::Late;
use crate::events::Outcome;
use crate::model::{Fate, Model};
use crate::rules;
use crate::turn::{Facts, created_at};
use crate::world::{Object, World};

/// A send takes so long; all other steps take no time, so that states come again.
const SEND_TAKES: Duration = Duration::from_secs(1);

impl World {
    pub(crate) fn send(
        &mut self,
        model: &Model,
        (process, resource): (usize, usize),
        facts: &Facts,
        (ordinal, token): (u64, &str),
        body: &DeploymentRequest,
        outcome: Outcome,
    ) {
        let now = self.now;
        let body = Rc::new(body.clone());
        let failure = |kind| Err(Failure::new(Operation::CreateDeployment, kind, "no"));
        let result = match outcome {
            Outcome::Fine | Outcome::Hidden => {
                self.cloud.commit(model.reuse, token, &body, outcome == Outcome::Hidden, now)
            }
            Outcome::Fate(Fate::ReplyLost) => {
                let _ = self.cloud.commit(model.reuse, token, &body, false, now);
                failure(FailureKind::TimedOut)
            }
            Outcome::HiddenAndReplyLost => {
                let _ = self.cloud.commit(model.reuse, token, &body, true, now);
                failure(FailureKind::TimedOut)
            }
            Outcome::Fate(Fate::Late) => {
                let arrives_by = later(now, rules::arrives_within(model.rule));
                self.cloud.late.push(Rc::new(Late { token: token.to_owned(), request: Rc::clone(&body), arrives_by }));
                failure(FailureKind::TimedOut)
            }
            Outcome::Fate(Fate::Lost) => failure(FailureKind::TimedOut),
            Outcome::Fate(Fate::Denied) => failure(FailureKind::AccessDenied),
            Outcome::Fate(Fate::Throttled) => failure(FailureKind::Throttled),
            Outcome::Fate(Fate::Invalid) => failure(FailureKind::Validation),
            Outcome::Fate(Fate::InProgress) => failure(FailureKind::InProgress),
            Outcome::ReadFails | Outcome::Stale => unreachable!("not a read"),
        };
        let knowledge = self.knowledge(process, resource);
        knowledge.sent(ordinal, now, &result);
        rules::reply_instead(model.rule, knowledge, &result, &body, now);
        if let Err(failure) = result {
            self.failed(process, resource, failure, &facts.subject(model, resource));
        }
        self.judge(model);
        self.advance(model, later(now, SEND_TAKES));
    }
}

/// The neighbours as a cache, or the API server itself, shows them.
pub(crate) fn peers(model: &Model, resource: usize, objects: &[&Object]) -> Peers {
    let mut peers = Peers::default();
    let key = &model.specs[resource].key;
    for (other, spec) in model.specs.iter().enumerate().filter(|(other, _)| *other != resource) {
        let object = objects[other];
        let deployment_id = object.memory.deployment.as_ref().map(|own| own.deployment_id.clone());
        if object.gone {
            continue;
        }
        if spec.key == *key {
            peers.claimants.push(Claimant {
                object: spec.name.clone(),
                created_at: created_at(object.created),
                has_deployment: deployment_id.is_some(),
                deleting: object.deleting,
            });
        } else if Some(&spec.key.target) == key.parent.as_ref() {
            peers.parent = Some(ParentPeer { object: spec.name.clone(), synced: object.synced, deployment_id });
        } else if spec.key.parent.as_ref() == Some(&key.target) {
            peers.subdeployments.extend(deployment_id);
        }
    }
    peers
}
