//! One resource in one situation: what it asks for, what its status remembers and what is known of AWS. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use greengrass_operator_core::api::devices::{DeviceCounts, DeviceFailure, RevisionRecord};
use greengrass_operator_core::api::{
    AdoptionPolicy, DeletionPolicy, GreengrassDeploymentSpec, GreengrassDeploymentStatus,
};
use greengrass_operator_core::deployment::assess::{NextReading, assess};
use greengrass_operator_core::deployment::decide::{Step, decide};
use greengrass_operator_core::deployment::desired::Desired;
use greengrass_operator_core::deployment::knowledge::{
    Details, Job, JobState, Knowledge, Look, Reading, Row, RowStatus,
};
use greengrass_operator_core::deployment::memory::{Intent, Memory, OwnDeployment};
use greengrass_operator_core::deployment::references::References;
use greengrass_operator_core::deployment::revision::digest;
use greengrass_operator_core::deployment::rollout::BadEnd;
use greengrass_operator_core::deployment::subject::{Access, Peers, Removal, Subject, Wanted};
use greengrass_operator_core::deployment::summarise::{request, summarise};
use greengrass_operator_core::deployment::tags::{Cause, OwnerTags};
use greengrass_operator_core::deployment::validate::{Refused, validate};
use greengrass_operator_core::failure::{Failure, FailureKind, Operation};
use greengrass_operator_core::names::{Key, ObjectName, TargetArn};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

pub(crate) const GROUP: &str = "arn:aws:iot:eu-central-1:123456789012:thinggroup/Presses";
pub(crate) const THING: &str = "arn:aws:iot:eu-central-1:123456789012:thing/Press1";
pub(crate) const PARENT: &str = "arn:aws:iot:eu-central-1:123456789012:thinggroup/Machines";
const CLUSTER: &str = "test";

pub(crate) struct Stage {
    pub(crate) now: Timestamp,
    pub(crate) spec: Value,
    pub(crate) generation: i64,
    /// Instead of what the spec asks for.
    pub(crate) wanted: Option<Wanted>,
    pub(crate) finalizer: bool,
    pub(crate) reconcile_at: Option<String>,
    pub(crate) redeploy_at: Option<String>,
    pub(crate) cancel_at: Option<String>,
    /// Through what AWS may be called.
    pub(crate) access: Access,
    pub(crate) peers: Peers,
    pub(crate) memory: Memory,
    pub(crate) knowledge: Knowledge,
    pub(crate) status: GreengrassDeploymentStatus,
}

impl Stage {
    /// A resource that nobody has looked at yet, in a process that has just started.
    pub(crate) fn new() -> Self {
        let now = "2026-11-23T12:00:00.25Z".parse().unwrap();
        Self {
            now,
            spec: json!({"targetArn": GROUP, "components": {"com.example.Press": {"componentVersion": "1.0.0"}}}),
            generation: 1,
            wanted: None,
            finalizer: false,
            reconcile_at: None,
            redeploy_at: None,
            cancel_at: None,
            access: Access::unrestricted().clone(),
            peers: Peers::default(),
            memory: Memory::default(),
            knowledge: Knowledge { definition: Some(Reading { at: now, value: false }), ..Knowledge::new(now) },
            status: GreengrassDeploymentStatus::default(),
        }
    }

    /// Its deployment is in AWS, and its status says so.
    pub(crate) fn applied() -> Self {
        Self::new().with_deployment()
    }

    /// A subdeployment that is in AWS.
    pub(crate) fn subdeployment() -> Self {
        let mut stage = Self::new();
        stage.spec["parentTargetArn"] = json!(PARENT);
        stage
    }

    pub(crate) fn of_thing() -> Self {
        let mut stage = Self::new();
        stage.spec["targetArn"] = json!(THING);
        stage.with_deployment()
    }

    pub(crate) fn with_deployment(mut self) -> Self {
        let desired = self.desired();
        self.memory = Memory {
            ordinal: 1,
            deployment: Some(OwnDeployment {
                deployment_id: "d-1".into(),
                revision_id: Some("1".into()),
                iot_job_id: None,
                iot_job_arn: None,
                digest: Some(digest(&desired)),
                generation: Some(self.generation),
                status: Some("ACTIVE".into()),
            }),
            ..Memory::default()
        };
        self.aws_shows(&[("d-1", 1, RowStatus::Active)]);
        self.said();
        self
    }

    /// Its deployment is rolled out by a job, and devices of the group did this: queued, in progress, succeeded, failed.
    pub(crate) fn rolling(numbers: [i64; 4]) -> Self {
        let mut stage = Self::applied();
        stage.counted(numbers);
        stage
    }

    /// Nothing may be ready before devices have it.
    pub(crate) fn waiting_for_devices(numbers: [i64; 4]) -> Self {
        let mut stage = Self::new();
        stage.spec["rollout"] = json!({"readyWhen": "RolledOut", "deadline": "24h"});
        stage = stage.with_deployment();
        stage.counted(numbers);
        stage
    }

    /// AWS has just counted the job's devices.
    pub(crate) fn counted(&mut self, [queued, in_progress, succeeded, failed]: [i64; 4]) {
        let own = self.memory.deployment.as_mut().unwrap();
        own.iot_job_id = Some("job-1".into());
        if self.memory.history.is_empty() {
            self.memory.history = vec![RevisionRecord {
                revision_id: Some("1".into()),
                deployment_id: "d-1".into(),
                digest: None,
                generation: Some(self.generation),
                created_at: Some(self.now),
                outcome: "InProgress".into(),
            }];
        }
        let counts = DeviceCounts { queued, in_progress, succeeded, failed, ..DeviceCounts::default() }.totalled();
        let job = Job { state: JobState::Running, counts, is_spreading: false };
        self.knowledge.read_job(&self.memory, self.now, Some(&job));
    }

    /// AWS has just answered so instead of counting the job's devices.
    pub(crate) fn not_counted(&mut self, kind: FailureKind, code: &str, message: &str) {
        let failure = Failure { code: Some(code.into()), ..Failure::new(Operation::DescribeJob, kind, message) };
        self.knowledge.rollout_failed(&self.memory, self.now, failure, |_, _| Duration::from_secs(5));
    }

    pub(crate) fn may_not_be_counted(&mut self) {
        let (code, message) = ("AccessDeniedException", "User is not authorized to perform this action");
        self.not_counted(FailureKind::AccessDenied, code, message);
    }

    /// What devices that failed say.
    pub(crate) fn sampled(&mut self, failures: &[(&str, &str, &str)]) {
        let things = failures.iter().map(|(thing, ..)| (*thing).to_owned()).collect();
        self.knowledge.read_bad_devices(&self.memory, self.now, BadEnd::Failed, things);
        for (thing, reason, code) in failures {
            let said = DeviceFailure {
                thing: (*thing).into(),
                status: "FAILED".into(),
                reason: Some((*reason).into()),
                error_codes: vec!["DEPLOYMENT_FAILURE".into(), (*code).into()],
            };
            self.knowledge.read_bad_device(&self.memory, self.now, thing, Some(said));
        }
    }

    /// What the validation says of the spec.
    pub(crate) fn invalid(&self) -> String {
        let spec: GreengrassDeploymentSpec = serde_json::from_value(self.spec.clone()).unwrap();
        match validate(&object(), &spec, &References::unrestricted()).unwrap_err() {
            Refused::Invalid(invalid) | Refused::Missing(invalid) => invalid.to_string(),
            Refused::NoIdentity(message) | Refused::NotAllowed(message) => message,
            Refused::Unread => unreachable!("nothing is referred to"),
        }
    }

    pub(crate) fn desired(&self) -> Desired {
        let spec: GreengrassDeploymentSpec = serde_json::from_value(self.spec.clone()).unwrap();
        validate(&object(), &spec, &References::unrestricted()).unwrap()
    }

    /// A look has just shown these; `d-…` are ours.
    pub(crate) fn aws_shows(&mut self, rows: &[(&str, u64, RowStatus)]) {
        let rows: Vec<Row> = rows.iter().map(|(id, revision, status)| self.row(id, *revision, *status)).collect();
        for row in &rows {
            let tags = if row.deployment_id.starts_with("d-") { self.tags() } else { BTreeMap::new() };
            let details = Details { row: row.clone(), tags, iot_job_id: None, iot_job_arn: None, content: None };
            self.knowledge.read(&row.deployment_id, self.now, Some(details));
        }
        let own = self.memory.deployment.as_ref().map(|own| own.deployment_id.clone());
        let look = Look { began_at: self.now, resource_version: "1".into(), rows };
        self.knowledge.looked(look, own.as_deref());
        self.knowledge.verified_at = Some(self.now);
    }

    fn row(&self, id: &str, revision_id: u64, status: RowStatus) -> Row {
        Row {
            deployment_id: id.into(),
            revision_id,
            created_at: self.now,
            status,
            target_arn: self.spec["targetArn"].as_str().unwrap().into(),
            parent_target_arn: self.spec["parentTargetArn"].as_str().map(ToOwned::to_owned),
        }
    }

    fn tags(&self) -> BTreeMap<String, String> {
        OwnerTags {
            cluster: CLUSTER.into(),
            resource: object(),
            uid: "uid".into(),
            ordinal: 1,
            attempt: 0,
            digest: self
                .memory
                .deployment
                .as_ref()
                .and_then(|own| own.digest.clone())
                .unwrap_or_else(|| digest(&self.desired())),
            redeploy: None,
            cancel: None,
            parent: None,
            cause: Cause::Create,
        }
        .to_map()
    }

    /// A change is recorded now and its first request has not gone out.
    pub(crate) fn begin(&mut self, cause: Cause) {
        self.memory.intent = Some(Intent {
            ordinal: self.memory.ordinal + 1,
            attempt: 0,
            digest: digest(&self.desired()),
            redeploy: None,
            cancel: None,
            parent: None,
            cause,
            request: String::new(),
            base: self.knowledge.look.as_ref().and_then(|look| look.rows.first()).map(|row| row.deployment_id.clone()),
            started_at: self.now,
        });
        self.knowledge.intent_recorded(self.memory.ordinal + 1);
    }

    pub(crate) fn edit(&mut self, change: impl FnOnce(&mut Value)) {
        change(&mut self.spec);
        self.generation += 1;
    }

    pub(crate) fn edit_version(&mut self) {
        self.edit(|spec| spec["components"]["com.example.Press"]["componentVersion"] = json!("2.0.0"));
    }

    pub(crate) fn delete(&mut self, policy: DeletionPolicy) {
        self.generation += 1;
        self.finalizer = true;
        let key = Key { target: TargetArn::parse(GROUP).unwrap(), parent: None };
        let day = SignedDuration::from_hours(24);
        let removal = (policy == DeletionPolicy::Remove)
            .then(|| Removal::of(&key, BTreeMap::new(), AdoptionPolicy::Never, self.now + day))
            .flatten()
            .map(Box::new);
        self.wanted = Some(Wanted::Absent { policy, key: Some(key), suspended: false, removal });
    }

    pub(crate) fn wait(&mut self, time: SignedDuration) {
        self.now += time;
        self.knowledge.definition = Some(Reading { at: self.now, value: false });
    }

    /// What the process knew is gone; the object stays.
    pub(crate) fn restart(&mut self) {
        let definition = Some(Reading { at: self.now, value: false });
        self.knowledge = Knowledge { definition, ..Knowledge::new(self.now) };
    }

    pub(crate) fn fails(&mut self, operation: Operation, kind: FailureKind) {
        let (code, words) = match kind {
            FailureKind::AccessDenied => ("AccessDeniedException", "User is not authorized to perform this action"),
            FailureKind::NotFound => ("ResourceNotFoundException", "Thing group does not exist"),
            FailureKind::Validation => ("ValidationException", "The request contains an invalid value"),
            FailureKind::QuotaExceeded => ("LimitExceededException", "Too many jobs"),
            FailureKind::Throttled | FailureKind::DeletionLimit => ("ThrottlingException", "Rate exceeded"),
            FailureKind::Service => ("InternalServerException", ""),
            _ => ("", ""),
        };
        let code = (!code.is_empty()).then_some(code);
        let failure = Failure { code: code.map(ToOwned::to_owned), ..Failure::new(operation, kind, words) };
        let (now, wanted) = (self.now, self.wanted());
        let request = self.with_subject(&wanted, request);
        self.knowledge.failed(failure, now, |_, _| Duration::from_secs(1), request);
    }

    /// Fails again and again until it has lasted so long.
    pub(crate) fn fails_for(&mut self, lasting: SignedDuration, operation: Operation, kind: FailureKind) {
        self.fails(operation, kind);
        self.now += lasting;
        self.fails(operation, kind);
    }

    fn wanted(&self) -> Wanted {
        self.wanted.clone().unwrap_or_else(|| Wanted::present(self.desired()))
    }

    fn with_subject<T>(&self, wanted: &Wanted, look_at: impl FnOnce(&Subject<'_>) -> T) -> T {
        look_at(&Subject {
            cluster: CLUSTER,
            object: &object(),
            uid: "uid",
            resource_version: "1",
            generation: self.generation,
            created_at: Timestamp::UNIX_EPOCH,
            has_finalizer: self.finalizer,
            reconcile_at: self.reconcile_at.clone(),
            redeploy_at: self.redeploy_at.clone(),
            cancel_at: self.cancel_at.clone(),
            wanted,
            access: &self.access,
            peers: &self.peers,
        })
    }

    /// Writes the status, as a turn does, and says in short what the conditions are; `RolledOut` has a word of its own.
    pub(crate) fn said(&mut self) -> String {
        let wanted = self.wanted();
        let before = self.status.clone();
        self.status = self.with_subject(&wanted, |subject| {
            let assessment = assess(subject, &self.memory, &self.knowledge, self.now);
            summarise(subject, &self.memory, &assessment, &self.status.conditions)
        });
        self.memory = Memory::recall(&self.status);
        crate::rules::assert_kept(&before, self);
        let ready_reason = &self.status.conditions[0].reason;
        let short = |name: &str, status: &str, reason: &str| match name {
            "Ready" | "Synced" => format!("{name}={status}/{reason}"),
            "Suspended" => name.to_owned(),
            other if reason == ready_reason => other.to_owned(),
            other => format!("{other}/{reason}"),
        };
        let all = self.status.conditions.iter().filter(|c| c.type_ != "RolledOut");
        let all = all.map(|c| short(&c.type_, &c.status, &c.reason));
        all.collect::<Vec<_>>().join(" ")
    }

    /// The one next operation.
    pub(crate) fn next_step(&self) -> Step {
        let wanted = self.wanted();
        self.with_subject(&wanted, |subject| {
            let assessment = assess(subject, &self.memory, &self.knowledge, self.now);
            decide(subject, &self.memory, &self.knowledge, &assessment)
        })
    }

    /// How long until what devices did is read again.
    pub(crate) fn next_reading_in(&self) -> SignedDuration {
        let wanted = self.wanted();
        let assessment = self.with_subject(&wanted, |subject| assess(subject, &self.memory, &self.knowledge, self.now));
        match assessment.rollout.next {
            NextReading::Rest(at) => at.unwrap().duration_since(self.now),
            NextReading::Due(_) => SignedDuration::ZERO,
        }
    }

    /// What the condition says that follows the devices.
    pub(crate) fn rolled_out(&self) -> String {
        let rolled_out = self.status.conditions.iter().find(|condition| condition.type_ == "RolledOut").unwrap();
        format!("{}/{}", rolled_out.status, rolled_out.reason)
    }

    pub(crate) fn message(&self, name: &str) -> &str {
        &self.status.conditions.iter().find(|condition| condition.type_ == name).unwrap().message
    }

    pub(crate) fn since(&self, name: &str) -> Timestamp {
        self.status.conditions.iter().find(|condition| condition.type_ == name).unwrap().last_transition_time.0
    }
}

pub(crate) fn object() -> ObjectName {
    named("plant", "presses")
}

pub(crate) fn named(namespace: &str, name: &str) -> ObjectName {
    ObjectName { namespace: namespace.into(), name: name.into() }
}
