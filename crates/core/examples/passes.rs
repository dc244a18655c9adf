//! Runs one pass of the pure core again and again, for bench/, which counts its instructions: `passes SITUATION COUNT`.
//!
//! A pass is assess, decide and summarise for one resource; `validate` is what turns its spec into what is wanted, with the
//! digest. Pure but for arguments and the exit code.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "what is staged here is known to be valid")]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::process::ExitCode;

use greengrass_operator_core::api::{GreengrassDeploymentSpec, GreengrassDeploymentStatus};
use greengrass_operator_core::deployment::assess::assess;
use greengrass_operator_core::deployment::decide::{Change, Query, Step, decide};
use greengrass_operator_core::deployment::knowledge::{Details, Knowledge, Look, Reading, Row, RowStatus};
use greengrass_operator_core::deployment::memory::{Memory, OwnDeployment};
use greengrass_operator_core::deployment::references::References;
use greengrass_operator_core::deployment::subject::{Access, Peers, Subject, Wanted};
use greengrass_operator_core::deployment::summarise::summarise;
use greengrass_operator_core::deployment::tags::{Cause, OwnerTags};
use greengrass_operator_core::deployment::validate::validate;
use greengrass_operator_core::names::ObjectName;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

const DEPLOYMENT: &str = "11111111-2222-3333-4444-555555555555";

/// A resource and what is known of it.
struct Case {
    now: Timestamp,
    object: ObjectName,
    spec: GreengrassDeploymentSpec,
    wanted: Wanted,
    generation: i64,
    memory: Memory,
    knowledge: Knowledge,
    status: GreengrassDeploymentStatus,
}

/// Three components with some configuration: what bench/ deploys.
fn spec(version: &str) -> Value {
    json!({
        "targetArn": "arn:aws:iot:eu-west-1:123456789012:thinggroup/bench-00000",
        "components": {
            "aws.greengrass.Nucleus": {
                "componentVersion": "2.14.3",
                "configurationUpdate": {"merge": {"interpolateComponentConfiguration": true}},
            },
            "com.example.Collector": {
                "componentVersion": version,
                "configurationUpdate": {
                    "merge": {
                        "logging": {"level": "INFO", "fileSizeKB": 1024, "totalLogsSizeKB": 10240},
                        "sampling": {"intervalSeconds": 30, "batch": 100, "sensors": ["temperature", "humidity", "vibration"]},
                        "upload": {"topic": "site/0/telemetry", "qos": 1, "compress": true},
                    },
                    "reset": ["/legacy"],
                },
            },
            "com.example.Uploader": {
                "componentVersion": "3.1.0",
                "configurationUpdate": {"merge": {"bucket": "telemetry", "prefix": "group-0/"}},
            },
        },
        "tags": {"team": "edge", "cost-center": "4711"},
        "deletionPolicy": "Delete",
        "driftPolicy": "Correct",
    })
}

impl Case {
    /// AWS was asked just now, and has nothing for the target.
    fn first() -> Self {
        let now: Timestamp = "2026-11-23T12:00:00Z".parse().unwrap();
        let object = ObjectName { namespace: "bench".into(), name: "r00000".into() };
        let spec: GreengrassDeploymentSpec = serde_json::from_value(spec("1.0.0")).unwrap();
        let wanted = Wanted::present(validate(&object, &spec, &References::unrestricted()).unwrap());
        let mut case = Self {
            now,
            object,
            spec,
            wanted,
            generation: 1,
            memory: Memory::default(),
            knowledge: Knowledge { definition: Some(Reading { at: now, value: false }), ..Knowledge::new(now) },
            status: GreengrassDeploymentStatus::default(),
        };
        case.looked(Vec::new());
        case
    }

    /// Its deployment is in force and was looked at just now, and the status says so.
    fn rest() -> Self {
        let mut case = Self::first();
        let Wanted::Present(desired, digest) = &case.wanted else { unreachable!("it was just made") };
        let row = Row {
            deployment_id: DEPLOYMENT.to_owned(),
            revision_id: 1,
            created_at: case.now - SignedDuration::from_hours(1),
            status: RowStatus::Active,
            target_arn: desired.key.target.to_string(),
            parent_target_arn: None,
        };
        let owner = OwnerTags {
            cluster: "bench".to_owned(),
            resource: case.object.clone(),
            uid: "uid".to_owned(),
            ordinal: 1,
            attempt: 0,
            digest: digest.clone(),
            redeploy: None,
            cancel: None,
            parent: None,
            cause: Cause::Create,
        };
        let mut tags: BTreeMap<String, String> = desired.tags.clone();
        tags.extend(owner.to_map());
        case.memory = Memory {
            ordinal: 1,
            deployment: Some(OwnDeployment {
                deployment_id: DEPLOYMENT.to_owned(),
                revision_id: Some("1".to_owned()),
                iot_job_id: None,
                iot_job_arn: None,
                digest: Some(digest.clone()),
                generation: Some(1),
                status: Some("ACTIVE".to_owned()),
            }),
            ..Memory::default()
        };
        let details = Details { row: row.clone(), tags, iot_job_id: None, iot_job_arn: None, content: None };
        case.knowledge.read(DEPLOYMENT, case.now, Some(details));
        case.looked(vec![row]);
        let (_, status) = case.pass();
        case.memory = Memory::recall(&status);
        case.status = status;
        case
    }

    /// The version of a component was changed.
    fn changed() -> Self {
        let mut case = Self::rest();
        case.spec = serde_json::from_value(spec("1.0.1")).unwrap();
        case.generation = 2;
        case.wanted = case.validated();
        case
    }

    fn looked(&mut self, rows: Vec<Row>) {
        let own = self.memory.deployment.as_ref().map(|own| own.deployment_id.clone());
        self.knowledge.looked(Look { began_at: self.now, resource_version: "1".to_owned(), rows }, own.as_deref());
        self.knowledge.subdeployments = Some(Reading { at: self.now, value: Vec::new() });
        self.knowledge.verified_at = Some(self.now);
    }

    fn validated(&self) -> Wanted {
        Wanted::present(validate(&self.object, &self.spec, &References::unrestricted()).unwrap())
    }

    fn pass(&self) -> (Step, GreengrassDeploymentStatus) {
        let peers = Peers::default();
        let subject = Subject {
            cluster: "bench",
            object: &self.object,
            uid: "uid",
            resource_version: "1",
            generation: self.generation,
            created_at: Timestamp::UNIX_EPOCH,
            has_finalizer: true,
            reconcile_at: None,
            redeploy_at: None,
            cancel_at: None,
            access: Access::unrestricted(),
            wanted: &self.wanted,
            peers: &peers,
        };
        let assessment = assess(&subject, &self.memory, &self.knowledge, self.now);
        let step = decide(&subject, &self.memory, &self.knowledge, &assessment);
        let status = summarise(&subject, &self.memory, &assessment, &self.status.conditions);
        (step, status)
    }
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (Some(situation), Some(count)) =
        (arguments.next(), arguments.next().and_then(|count| count.parse::<u32>().ok()))
    else {
        return ExitCode::from(2);
    };
    let case = match situation.as_str() {
        "first" => Case::first(),
        "rest" => Case::rest(),
        "changed" | "validate" => Case::changed(),
        _ => return ExitCode::from(2),
    };
    // A situation that is not the one it is called would be counted as well as any other.
    let step = case.pass().0;
    let as_called = match situation.as_str() {
        "rest" => matches!(step, Step::Rest(_) | Step::Ask(Query::Rollout(_))),
        _ => matches!(step, Step::Write(Change::Remember(..))),
    };
    if !as_called {
        eprintln!("passes: {situation} leads to {step:?}");
        return ExitCode::FAILURE;
    }
    for _ in 0..count {
        if situation == "validate" {
            black_box(black_box(&case).validated());
        } else {
            black_box(black_box(&case).pass());
        }
    }
    ExitCode::SUCCESS
}
