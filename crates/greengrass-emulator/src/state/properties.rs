//! What holds after any sequence of operations, with devices at work. Pure.

use std::collections::{BTreeMap, BTreeSet};

use data_encoding::BASE64;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Call, DeviceChange, Input, Plug, ReadAt, State};
use crate::{
    deployment::{DeploymentRecord, DeploymentStatus},
    error::ServiceError,
    fleet::Fleet,
    job::{ExecutionCounts, ExecutionStatus, JobStatus},
    operation::Operation,
    principal::Principal,
    scope::Scope,
    switches::Switches,
};

const GROUPS: [&str; 4] = ["a", "b", "c", "below-c"];
const THINGS: [&str; 6] = ["core-1", "core-2", "core-3", "core-4", "away", "plain"];
const FLEET: &str = "
accounts:
- account: '123456789012'
  region: eu-west-1
  groups: [{name: a}, {name: b}, {name: c}, {name: below-c, parent: c}]
  rules:
  - {component: bad, share: 0.5, outcome: componentBroken}
  - {component: stuck, outcome: hang}
  devices:
  - {name: 'core-#', count: 4, groups: [a], behaviour: {takes: {medianSeconds: 60, sigma: 1}}}
  - name: away
    groups: [a, b]
    nucleus: 2.8.0
    behaviour: {availability: {turns: {onlineSeconds: 100, offlineSeconds: 1000}}}
";

/// One step; numbers choose among what there is.
#[derive(Debug, Clone)]
enum Step {
    Create { target: usize, parent: Option<usize>, token: Option<u8>, component: usize, job: usize },
    CreateForThing { thing: usize, component: usize },
    Cancel(usize),
    Delete(usize),
    CancelJob { deployment: usize, force: bool },
    DeleteJob { deployment: usize, force: bool },
    Join { thing: usize, group: usize },
    Leave { thing: usize, group: usize },
    DeleteThing(usize),
    Device { thing: usize, online: Option<bool>, restart: bool },
    Publish { component: usize, dependency: usize, requirement: usize },
    DeleteComponent(usize),
    Force(usize, DeploymentStatus),
    Wait(i64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let group = || 0..GROUPS.len();
    let thing = || 0..THINGS.len();
    let create = (group(), proptest::option::of(group()), proptest::option::of(0..3_u8), 0..4_usize, 0..4_usize);
    let status = prop_oneof![
        Just(DeploymentStatus::Completed),
        Just(DeploymentStatus::Failed),
        Just(DeploymentStatus::Canceled)
    ];
    let step = prop_oneof![
        8 => create.prop_map(|(target, parent, token, component, job)| Step::Create { target, parent, token, component, job }),
        2 => (thing(), 0..4_usize).prop_map(|(thing, component)| Step::CreateForThing { thing, component }),
        4 => any::<usize>().prop_map(Step::Cancel),
        4 => any::<usize>().prop_map(Step::Delete),
        1 => (any::<usize>(), any::<bool>()).prop_map(|(deployment, force)| Step::CancelJob { deployment, force }),
        1 => (any::<usize>(), any::<bool>()).prop_map(|(deployment, force)| Step::DeleteJob { deployment, force }),
        3 => (thing(), group()).prop_map(|(thing, group)| Step::Join { thing, group }),
        3 => (thing(), group()).prop_map(|(thing, group)| Step::Leave { thing, group }),
        1 => thing().prop_map(Step::DeleteThing),
        2 => (thing(), any::<Option<bool>>(), any::<bool>())
            .prop_map(|(thing, online, restart)| Step::Device { thing, online, restart }),
        2 => (0..3_usize, 0..3_usize, 0..3_usize)
            .prop_map(|(component, dependency, requirement)| Step::Publish { component, dependency, requirement }),
        1 => (0..3_usize).prop_map(Step::DeleteComponent),
        1 => (any::<usize>(), status).prop_map(|(index, status)| Step::Force(index, status)),
        6 => (0..3000_i64).prop_map(Step::Wait),
        1 => (0..100_000_i64).prop_map(Step::Wait),
    ];
    proptest::collection::vec(step, 0..60)
}

fn switches() -> impl Strategy<Value = Switches> {
    any::<[bool; 5]>().prop_map(|[ended, inactive, token, at_once, failed]| {
        let change = json!({
            "endedSubdeployment": if ended { "canceled" } else { "inactive" },
            "cancelInactive": if inactive { "alreadyCanceled" } else { "accepted" },
            "tokenReuse": if token { "createAnew" } else { "cachedAnswer" },
            "rolloutQueues": if at_once { "atOnce" } else { "asItGoes" },
            "abortedDeployment": if failed { "failed" } else { "canceled" },
        });
        Switches::default().with(&change).unwrap()
    })
}

const COMPONENTS: [&str; 4] = ["good", "bad", "stuck", ""];

fn components(index: usize) -> Value {
    let name = COMPONENTS[index];
    if name.is_empty() { json!({}) } else { json!({name: {"componentVersion": "1.0.0"}}) }
}

fn job_configuration(index: usize) -> Value {
    match index {
        0 => Value::Null,
        1 => json!({"jobExecutionsRolloutConfig": {"maximumPerMinute": 1}}),
        2 => json!({"timeoutConfig": {"inProgressTimeoutInMinutes": 1}}),
        _ => json!({"abortConfig": {"criteriaList": [{
            "failureType": "ALL", "action": "CANCEL", "thresholdPercentage": 30, "minNumberOfExecutedThings": 2,
        }]}}),
    }
}

struct Run {
    state: State,
    scope: Scope,
    now: Timestamp,
    ids: Vec<String>,
    deleted: BTreeSet<String>,
    /// The row that a test has revived by force is live beside another one.
    forced: bool,
}

impl Run {
    fn new(switches: Switches) -> Self {
        let mut run = Self {
            state: State::new(0, switches),
            scope: Scope::new("123456789012", "eu-west-1"),
            now: Timestamp::UNIX_EPOCH,
            ids: Vec::new(),
            deleted: BTreeSet::new(),
            forced: false,
        };
        run.state.add_fleet(&Fleet::from_yaml(FLEET).unwrap(), 1, run.now).unwrap();
        run.call(Operation::CreateThing, &json!({"thingName": "plain"})).unwrap();
        run
    }

    #[expect(clippy::unwrap_in_result, reason = "a test's own request")]
    fn call(&mut self, operation: Operation, request: &Value) -> Result<Value, ServiceError> {
        let input = Input(operation.input().read(request).unwrap().as_object().unwrap().clone());
        let call = Call { scope: self.scope.clone(), principal: Principal::User, operation, input };
        let answer = self.state.execute(&call, self.now, ReadAt::Now)?;
        Ok(answer.body.into_value())
    }

    fn id(&self, index: usize) -> Option<String> {
        let index = index.checked_rem(self.ids.len())?;
        self.ids.get(index).cloned()
    }

    fn job(&self, index: usize) -> Option<String> {
        self.state.find_deployment(&self.id(index)?)?.1.iot_job_id
    }

    fn created(&mut self, request: &Value, has_token: bool) {
        if let Ok(answer) = self.call(Operation::CreateDeployment, request) {
            if has_token {
                let again = self.call(Operation::CreateDeployment, request);
                assert_eq!(again, Ok(answer.clone()), "the same token, another answer");
            }
            self.ids.push(answer["deploymentId"].as_str().unwrap().to_owned());
        }
    }

    fn step(&mut self, step: &Step) {
        let member = |thing: usize, group: usize| json!({"thingName": THINGS[thing], "thingGroupName": GROUPS[group]});
        match step {
            Step::Create { target, parent, token, component, job } => {
                let arn = |index: usize| self.scope.thing_group_arn(GROUPS[index]);
                let request = json!({
                    "targetArn": arn(*target),
                    "parentTargetArn": parent.map(arn),
                    "clientToken": token.map(|token| token.to_string()),
                    "components": components(*component),
                    "iotJobConfiguration": job_configuration(*job),
                });
                self.created(&request, token.is_some());
            }
            Step::CreateForThing { thing, component } => {
                let target = self.scope.thing_arn(THINGS[*thing]);
                self.created(&json!({"targetArn": target, "components": components(*component)}), false);
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
                if self.call(Operation::DeleteDeployment, &json!({"deploymentId": id})).is_ok() {
                    assert!(self.deleted.insert(id), "deleted twice");
                }
            }
            Step::CancelJob { deployment, force } | Step::DeleteJob { deployment, force } => {
                let Some(job) = self.job(*deployment) else { return };
                let cancels = matches!(step, Step::CancelJob { .. });
                let operation = if cancels { Operation::CancelJob } else { Operation::DeleteJob };
                let _ = self.call(operation, &json!({"jobId": job, "force": force}));
            }
            Step::Join { thing, group } => {
                let _ = self.call(Operation::AddThingToThingGroup, &member(*thing, *group));
            }
            Step::Leave { thing, group } => {
                let _ = self.call(Operation::RemoveThingFromThingGroup, &member(*thing, *group));
            }
            Step::DeleteThing(thing) => {
                self.call(Operation::DeleteThing, &json!({"thingName": THINGS[*thing]})).unwrap();
                self.call(Operation::CreateThing, &json!({"thingName": THINGS[*thing]})).unwrap();
            }
            Step::Device { thing, online, restart } => {
                let change = DeviceChange { online: Some(Plug(*online)), restart: *restart };
                self.state.change_device(&self.scope, THINGS[*thing], change, self.now);
            }
            Step::Publish { component, dependency, requirement } => {
                let requirement = ["1.0.0", ">=1.0.0", "2.x"][*requirement];
                let recipe = json!({
                    "RecipeFormatVersion": "2020-01-25", "ComponentName": COMPONENTS[*component], "ComponentVersion": "1.0.0",
                    "ComponentDependencies": {COMPONENTS[*dependency]: {"VersionRequirement": requirement}},
                    "Manifests": [{}],
                });
                let recipe = BASE64.encode(recipe.to_string().as_bytes());
                let _ = self.call(Operation::CreateComponentVersion, &json!({"inlineRecipe": recipe}));
            }
            Step::DeleteComponent(component) => {
                let arn = self.scope.component_version_arn(COMPONENTS[*component], "1.0.0");
                let _ = self.call(Operation::DeleteComponent, &json!({"arn": arn}));
            }
            Step::Force(index, status) => {
                let Some(id) = self.id(*index) else { return };
                self.forced |= self.state.find_deployment(&id).is_some_and(|(_, row)| !row.is_latest_for_target);
                self.state.force_status(&id, *status, self.now);
            }
            Step::Wait(seconds) => self.now += SignedDuration::from_secs(*seconds),
        }
    }

    fn check(&mut self) {
        let list = json!({"historyFilter": "ALL", "maxResults": 100});
        let listed = self.call(Operation::ListDeployments, &list).unwrap();
        let records = self.state.partition(&self.scope).unwrap().records();
        self.check_revisions(&records, &listed);
        self.check_jobs(&records);
        for thing in THINGS {
            self.check_device(thing);
        }
    }

    /// A device that could work does; and what it shows of a deployment is what the deployment's job says.
    fn check_device(&mut self, thing: &str) {
        let answer = self.call(Operation::ListEffectiveDeployments, &json!({"coreDeviceThingName": thing}));
        let Ok(listed) = answer else {
            assert_eq!(thing, "plain");
            return;
        };
        let device = self.state.device(&self.scope, thing, self.now).unwrap();
        let is_idle = device["online"] == true && device["working"].is_null();
        for row in listed["effectiveDeployments"].as_array().unwrap() {
            let status = row["coreDeviceExecutionStatus"].as_str().unwrap();
            assert!(!is_idle || status != "QUEUED" || self.forced, "idle beside {row}");
            let Some(job) = row["iotJobId"].as_str() else { continue };
            let request = json!({"jobId": job, "thingName": thing});
            if let Ok(described) = self.call(Operation::DescribeJobExecution, &request) {
                let told = described["execution"]["status"].as_str().unwrap();
                assert!(told == status || (told == "REMOVED" && status == "CANCELED"), "{told} is shown as {status}");
            }
        }
    }

    fn check_revisions(&self, records: &[DeploymentRecord], listed: &Value) {
        let mut newest: BTreeMap<_, &DeploymentRecord> = BTreeMap::new();
        let mut revisions = BTreeSet::new();
        for record in records {
            let key = (&record.target_arn, &record.parent_target_arn);
            assert!(!self.deleted.contains(&record.deployment_id));
            assert!(revisions.insert((key, &record.revision_id)), "a revision id twice");
            newest.insert(key, record);
        }
        for record in records {
            let is_newest = newest[&(&record.target_arn, &record.parent_target_arn)] == record;
            assert_eq!(record.is_latest_for_target, is_newest);
            let ended = [DeploymentStatus::Inactive, DeploymentStatus::Canceled];
            // What an abort criterion stopped is INACTIVE or CANCELED once it is superseded.
            assert!(is_newest || self.forced || ended.contains(&record.deployment_status), "two live revisions");
        }
        let rows = listed["deployments"].as_array().unwrap();
        assert!(rows.iter().all(|row| !self.deleted.contains(row["deploymentId"].as_str().unwrap())));
        assert_eq!(rows.len(), records.len());
    }

    /// Counts are those of the executions; a job that has ended has nothing queued; a live deployment's job is in progress.
    fn check_jobs(&self, records: &[DeploymentRecord]) {
        let partition = self.state.partition(&self.scope).unwrap();
        for job in partition.jobs.all() {
            let mut counted = ExecutionCounts::default();
            for (_, execution) in job.executions() {
                *counted.of(execution.status) += 1;
                assert!(job.status == JobStatus::InProgress || execution.status != ExecutionStatus::Queued);
            }
            assert_eq!(*job.counts(), counted);
        }
        for record in records.iter().filter(|record| record.deployment_status == DeploymentStatus::Active) {
            let job = record.iot_job_id.as_ref().and_then(|id| partition.jobs.get(id));
            let is_rolled_out = job.is_some_and(|job| job.status == JobStatus::InProgress);
            assert!(record.iot_job_id.is_none() || is_rolled_out || self.forced, "live without a job");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_the_books_agree(steps in steps(), switches in switches()) {
        let mut run = Run::new(switches);
        for step in &steps {
            run.step(step);
            run.check();
        }
    }

    /// Two ways through the same hours: at one go, and looking every minute.
    #[test]
    fn it_makes_no_difference_when_somebody_looks(steps in steps(), waits in proptest::collection::vec(1..400_i64, 1..20)) {
        let mut at_once = Run::new(Switches::default());
        let mut step_by_step = Run::new(Switches::default());
        for step in &steps {
            at_once.step(step);
            step_by_step.step(step);
        }
        let total: i64 = waits.iter().sum();
        at_once.now += SignedDuration::from_secs(total);
        for wait in waits {
            step_by_step.now += SignedDuration::from_secs(wait);
            step_by_step.check();
        }
        for run in [&mut at_once, &mut step_by_step] {
            run.state.run_until(run.now);
        }
        let (one, other) = (at_once.state.report(), step_by_step.state.report());
        prop_assert_eq!(one, other);
        let devices = |run: &Run| THINGS.map(|thing| run.state.device(&run.scope, thing, run.now));
        prop_assert_eq!(devices(&at_once), devices(&step_by_step));
    }
}
