//! What holds after any sequence of operations. Pure.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Call, Input, ReadAt, State};
use crate::{
    deployment::{DeploymentRecord, DeploymentStatus},
    error::ServiceError,
    operation::Operation,
    scope::Scope,
    signature::Principal,
    switches::Switches,
};

const GROUPS: [&str; 3] = ["a", "b", "c"];

/// One step; numbers choose among what there is.
#[derive(Debug, Clone)]
enum Step {
    Create { target: usize, parent: Option<usize>, token: Option<u8> },
    Cancel(usize),
    Delete(usize),
    Force(usize, DeploymentStatus),
    Wait(i64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let group = 0..GROUPS.len();
    let create = (group.clone(), proptest::option::of(group), proptest::option::of(0..3_u8));
    let status = prop_oneof![
        Just(DeploymentStatus::Completed),
        Just(DeploymentStatus::Failed),
        Just(DeploymentStatus::Canceled)
    ];
    let step = prop_oneof![
        4 => create.prop_map(|(target, parent, token)| Step::Create { target, parent, token }),
        2 => any::<usize>().prop_map(Step::Cancel),
        2 => any::<usize>().prop_map(Step::Delete),
        1 => (any::<usize>(), status).prop_map(|(index, status)| Step::Force(index, status)),
        1 => (0..20_000_i64).prop_map(Step::Wait),
    ];
    proptest::collection::vec(step, 0..40)
}

fn switches() -> impl Strategy<Value = Switches> {
    any::<[bool; 3]>().prop_map(|[ended, inactive, token]| {
        let change = json!({
            "endedSubdeployment": if ended { "canceled" } else { "inactive" },
            "cancelInactive": if inactive { "alreadyCanceled" } else { "accepted" },
            "tokenReuse": if token { "createAnew" } else { "cachedAnswer" },
        });
        Switches::default().with(&change).unwrap()
    })
}

struct Run {
    state: State,
    scope: Scope,
    now: Timestamp,
    ids: Vec<String>,
    deleted: BTreeSet<String>,
}

impl Run {
    #[expect(clippy::unwrap_in_result, reason = "a test's own request")]
    fn call(&mut self, operation: Operation, request: &Value) -> Result<Value, ServiceError> {
        let input = operation.input().read(request).unwrap();
        let call = Call {
            scope: self.scope.clone(),
            principal: Principal::User,
            operation,
            input: Input(input.as_object().unwrap().clone()),
        };
        let answer = self.state.execute(&call, self.now, ReadAt::Now)?;
        Ok(answer.body.into_value())
    }

    fn id(&self, index: usize) -> Option<String> {
        let index = index.checked_rem(self.ids.len())?;
        self.ids.get(index).cloned()
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Create { target, parent, token } => {
                let arn = |index: usize| self.scope.thing_group_arn(GROUPS[index]);
                let request = json!({
                    "targetArn": arn(*target),
                    "parentTargetArn": parent.map(arn),
                    "clientToken": token.map(|token| token.to_string()),
                });
                if let Ok(answer) = self.call(Operation::CreateDeployment, &request) {
                    if token.is_some() {
                        let again = self.call(Operation::CreateDeployment, &request);
                        assert_eq!(again, Ok(answer.clone()), "the same token, another answer");
                    }
                    self.ids.push(answer["deploymentId"].as_str().unwrap().to_owned());
                }
            }
            Step::Cancel(index) => {
                let Some(id) = self.id(*index) else { return };
                let done = self.call(Operation::CancelDeployment, &json!({"deploymentId": id}));
                if done.is_ok() {
                    let (_, record) = self.state.find_deployment(&id).unwrap();
                    assert_eq!(record.deployment_status, DeploymentStatus::Canceled);
                }
            }
            Step::Delete(index) => {
                let Some(id) = self.id(*index) else { return };
                let done = self.call(Operation::DeleteDeployment, &json!({"deploymentId": id}));
                if done.is_ok() {
                    assert!(self.deleted.insert(id), "deleted twice");
                }
            }
            Step::Force(index, status) => {
                let Some(id) = self.id(*index) else { return };
                self.state.force_status(&id, *status, self.now);
            }
            Step::Wait(seconds) => self.now += jiff::SignedDuration::from_secs(*seconds),
        }
    }

    fn check(&mut self) {
        let list = json!({"historyFilter": "ALL", "maxResults": 100});
        let listed = self.call(Operation::ListDeployments, &list).unwrap();
        let records = self.state.partition(&self.scope).unwrap().records();
        let mut newest: BTreeMap<_, &DeploymentRecord> = BTreeMap::new();
        let mut revisions = BTreeSet::new();
        for record in &records {
            let key = (&record.target_arn, &record.parent_target_arn);
            assert!(!self.deleted.contains(&record.deployment_id));
            assert!(revisions.insert((key, &record.revision_id)), "a revision id twice");
            newest.insert(key, record);
        }
        for record in &records {
            let is_newest = newest[&(&record.target_arn, &record.parent_target_arn)] == record;
            assert_eq!(record.is_latest_for_target, is_newest);
            let ended = [DeploymentStatus::Inactive, DeploymentStatus::Canceled];
            assert!(is_newest || ended.contains(&record.deployment_status), "two live revisions");
        }
        let rows = listed["deployments"].as_array().unwrap();
        assert!(rows.iter().all(|row| !self.deleted.contains(row["deploymentId"].as_str().unwrap())));
        assert_eq!(rows.len(), records.len());
    }
}

proptest! {
    #[test]
    fn at_most_one_revision_lives_per_key_and_a_deleted_one_is_never_listed(steps in steps(), switches in switches()) {
        let mut run = Run {
            state: State::new(0, switches),
            scope: Scope::new("123456789012", "eu-west-1"),
            now: Timestamp::UNIX_EPOCH,
            ids: Vec::new(),
            deleted: BTreeSet::new(),
        };
        for group in GROUPS {
            run.call(Operation::CreateThingGroup, &json!({"thingGroupName": group})).unwrap();
        }
        for step in &steps {
            // A forced status may revive an old revision; that is the test's own doing.
            if let Step::Force(index, _) = step
                && let Some(id) = run.id(*index)
                && run.state.find_deployment(&id).is_some_and(|(_, record)| !record.is_latest_for_target)
            {
                continue;
            }
            run.step(step);
            run.check();
        }
    }
}
