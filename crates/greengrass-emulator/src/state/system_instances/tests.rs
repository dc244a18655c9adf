//! The life of system instances for both targets, and what each status allows. Pure.

mod tags;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::super::{Call, Input, ReadAt, State};
use crate::{
    operation::Operation,
    principal::Principal,
    scope::Scope,
    switches::{
        Switches, SystemInstanceFilters, SystemInstanceMissing, SystemInstanceUndeployment,
        SystemInstanceWithoutDeployment,
    },
    system_instance::{SystemInstanceId, SystemInstanceStatus},
};

pub(super) const PREFIX: &str = "urn:tdm:eu-west-1/123456789012/default:deployment:";

const ALL: [SystemInstanceStatus; 8] = [
    SystemInstanceStatus::NotDeployed,
    SystemInstanceStatus::Bootstrap,
    SystemInstanceStatus::DeployInProgress,
    SystemInstanceStatus::DeployedInTarget,
    SystemInstanceStatus::UndeployInProgress,
    SystemInstanceStatus::Failed,
    SystemInstanceStatus::PendingDelete,
    SystemInstanceStatus::DeletedInTarget,
];

/// An account whose clock moves when it is told.
pub(super) struct World {
    pub(super) state: State,
    pub(super) now: Timestamp,
    read_at: ReadAt,
}

/// The answer, or the error's code.
type Answered = Result<Value, String>;

impl World {
    pub(super) fn new(switches: Switches) -> Self {
        Self { state: State::new(1, switches), now: Timestamp::from_second(1000).unwrap(), read_at: ReadAt::Now }
    }

    fn call(&mut self, operation: Operation, request: &Value) -> Answered {
        let refused = |error: crate::ServiceError| error.of_service(operation.service()).code().to_owned();
        let Value::Object(input) = operation.input().read(request).map_err(refused)? else {
            panic!("no object");
        };
        let scope = Scope::new("123456789012", "eu-west-1");
        let call = Call { scope, principal: Principal::User, operation, input: Input(input) };
        let answer = self.state.execute(&call, self.now, self.read_at);
        answer.map(|answer| answer.body.into_value()).map_err(refused)
    }

    pub(super) fn create(&mut self, name: &str, target: &str) -> Answered {
        let system = "urn:tdm:eu-west-1/123456789012/default:System:S";
        let text = format!("query Q @deployment(id: \"{PREFIX}{name}\", systemId: \"{system}\") {{}}");
        let mut request = json!({"definition": {"language": "GRAPHQL", "text": text}, "target": target});
        let rest = match target {
            "CLOUD" => json!({"flowActionsRoleArn": "arn:aws:iam::123456789012:role/flow"}),
            _ => json!({"greengrassGroupName": "G", "s3BucketName": "bucket"}),
        };
        request.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        self.call(Operation::CreateSystemInstance, &request)
    }

    pub(super) fn about(&mut self, operation: Operation, name: &str) -> Answered {
        self.call(operation, &json!({"id": format!("{PREFIX}{name}")}))
    }

    pub(super) fn status(&mut self, name: &str) -> String {
        match self.about(Operation::GetSystemInstance, name) {
            Ok(answer) => answer["description"]["summary"]["status"].as_str().unwrap().to_owned(),
            Err(code) => code,
        }
    }

    pub(super) fn pass(&mut self, milliseconds: i64) {
        self.now += SignedDuration::from_millis(milliseconds);
    }

    pub(super) fn force(&mut self, name: &str, status: SystemInstanceStatus) -> bool {
        self.state.force_system_instance(&id(name), status, self.now)
    }

    fn search(&mut self, filters: &Value) -> Vec<String> {
        let answer = self.call(Operation::SearchSystemInstances, &json!({"filters": filters})).unwrap();
        let ids = answer["summaries"].as_array().unwrap().iter().map(|summary| summary["id"].as_str().unwrap());
        ids.map(|id| id.strip_prefix(PREFIX).unwrap().to_owned()).collect()
    }
}

pub(super) fn id(name: &str) -> SystemInstanceId {
    SystemInstanceId::parse(&format!("{PREFIX}{name}")).unwrap()
}

#[test]
fn a_group_gets_it_after_a_bootstrap_and_each_deployment_has_ids_of_its_own() {
    let mut world = World::new(Switches::default());
    let created = world.create("a", "GREENGRASS").unwrap();
    let expected = json!({"summary": {
        "id": format!("{PREFIX}a"),
        "arn": "arn:aws:iotthingsgraph:eu-west-1:123456789012:Deployment/default/a",
        "status": "NOT_DEPLOYED", "target": "GREENGRASS", "greengrassGroupName": "G", "createdAt": 1000.0, "updatedAt": 1000.0,
    }});
    assert_eq!(created, expected);
    world.pass(500);
    let first = world.about(Operation::DeploySystemInstance, "a").unwrap();
    assert_eq!((&first["summary"]["status"], &first["summary"]["updatedAt"]), (&json!("BOOTSTRAP"), &json!(1000.5)));
    for (wait, status) in [(9_999, "BOOTSTRAP"), (1, "DEPLOY_IN_PROGRESS"), (19_999, "DEPLOY_IN_PROGRESS")] {
        world.pass(wait);
        assert_eq!(world.status("a"), status);
    }
    world.pass(1);
    assert_eq!(world.status("a"), "DEPLOYED_IN_TARGET");

    world.create("b", "GREENGRASS").unwrap();
    let other = world.about(Operation::DeploySystemInstance, "b").unwrap();
    let second = world.about(Operation::DeploySystemInstance, "a").unwrap();
    for id in ["/greengrassDeploymentId", "/summary/greengrassGroupVersionId"] {
        assert!(first.pointer(id).unwrap().is_string() && first.pointer(id) != second.pointer(id), "{id}");
    }
    // One group, whatever is deployed to it.
    for answer in [&second, &other] {
        assert_eq!(answer["summary"]["greengrassGroupId"], first["summary"]["greengrassGroupId"]);
    }
    let record = world.state.system_instances().remove(0);
    assert_eq!(record.deployments.len(), 2);
    assert_eq!(record.greengrass_group_version_id, record.deployments[1].greengrass_group_version_id);

    world.pass(30_000);
    let undeploying = world.about(Operation::UndeploySystemInstance, "a").unwrap();
    assert_eq!(undeploying["summary"]["status"], "UNDEPLOY_IN_PROGRESS");
    world.pass(9_999);
    assert_eq!(world.status("a"), "UNDEPLOY_IN_PROGRESS");
    world.pass(1);
    assert_eq!(world.status("a"), "DELETED_IN_TARGET");
    assert_eq!(world.about(Operation::DeleteSystemInstance, "a"), Ok(json!({})));
    assert_eq!(world.status("a"), "ResourceNotFoundException");
    // The id can be used again, and nothing of the old one is left.
    assert_eq!(world.create("b", "GREENGRASS"), Err("ResourceAlreadyExistsException".to_owned()));
    assert_eq!(world.create("a", "CLOUD").unwrap()["summary"]["target"], "CLOUD");
    assert!(world.state.system_instances()[0].deployments.is_empty());
}

#[test]
fn the_cloud_has_it_at_once_unless_it_is_told_how_long_it_takes() {
    let mut world = World::new(Switches::default());
    world.create("a", "CLOUD").unwrap();
    let deployed = world.about(Operation::DeploySystemInstance, "a").unwrap();
    assert_eq!(deployed["summary"]["status"], "DEPLOYED_IN_TARGET");
    for absent in ["/greengrassDeploymentId", "/summary/greengrassGroupId", "/summary/greengrassGroupVersionId"] {
        assert_eq!(deployed.pointer(absent), None);
    }
    let removed = world.about(Operation::UndeploySystemInstance, "a").unwrap();
    assert_eq!(removed["summary"]["status"], "DELETED_IN_TARGET");

    let mut slow = World::new(Switches { system_instance_cloud_ms: 5, ..Switches::default() });
    slow.create("a", "CLOUD").unwrap();
    let seen = |answer: Answered| answer.unwrap()["summary"]["status"].as_str().unwrap().to_owned();
    assert_eq!(seen(slow.about(Operation::DeploySystemInstance, "a")), "DEPLOY_IN_PROGRESS");
    slow.pass(5);
    assert_eq!(slow.status("a"), "DEPLOYED_IN_TARGET");
    assert_eq!(seen(slow.about(Operation::UndeploySystemInstance, "a")), "UNDEPLOY_IN_PROGRESS");
    slow.pass(5);
    assert_eq!(slow.status("a"), "DELETED_IN_TARGET");
}

#[test]
fn what_each_status_allows() {
    const IN_USE: &str = "ResourceInUseException";
    const INVALID: &str = "InvalidRequestException";
    for status in ALL {
        let (deploy, undeploy, delete) = match status {
            SystemInstanceStatus::NotDeployed | SystemInstanceStatus::DeletedInTarget => (None, Some(INVALID), None),
            SystemInstanceStatus::DeployedInTarget | SystemInstanceStatus::Failed => (None, None, Some(IN_USE)),
            SystemInstanceStatus::Bootstrap
            | SystemInstanceStatus::DeployInProgress
            | SystemInstanceStatus::UndeployInProgress
            | SystemInstanceStatus::PendingDelete => (Some(IN_USE), Some(IN_USE), Some(IN_USE)),
        };
        for (operation, expected) in [
            (Operation::DeploySystemInstance, deploy),
            (Operation::UndeploySystemInstance, undeploy),
            (Operation::DeleteSystemInstance, delete),
        ] {
            let mut world = World::new(Switches::default());
            world.create("a", "GREENGRASS").unwrap();
            assert!(world.force("a", status) && !world.force("b", status));
            let before = world.state.system_instances();
            let answer = world.about(operation, "a");
            assert_eq!(answer.as_ref().err().map(String::as_str), expected, "{operation:?} {status:?}");
            if expected.is_some() {
                assert_eq!(world.state.system_instances(), before, "{operation:?} {status:?}");
            }
        }
    }
}

#[test]
fn a_deployment_that_is_told_to_fail_does_and_the_next_one_does_not() {
    let mut world = World::new(Switches::default());
    // Before there is one.
    world.state.partition_mut(id("a").scope()).system_instances.fail("a", 1);
    world.create("a", "GREENGRASS").unwrap();
    for expected in ["FAILED", "DEPLOYED_IN_TARGET"] {
        world.about(Operation::DeploySystemInstance, "a").unwrap();
        world.pass(30_000);
        assert_eq!(world.status("a"), expected);
    }
    let history: Vec<_> = world.state.system_instances()[0].history.iter().map(|change| json!(change.status)).collect();
    let deployment = ["BOOTSTRAP", "DEPLOY_IN_PROGRESS"];
    assert_eq!(
        json!(history),
        json!([["NOT_DEPLOYED"].as_slice(), &deployment, &["FAILED"], &deployment, &["DEPLOYED_IN_TARGET"]].concat())
    );
}

#[test]
fn what_nobody_documents_is_switched() {
    let pending = SystemInstanceUndeployment::PendingDelete;
    let mut world = World::new(Switches {
        system_instance_undeployment: pending,
        system_instance_without_deployment: SystemInstanceWithoutDeployment::Accepted,
        system_instance_missing: SystemInstanceMissing::Rejected,
        ..Switches::default()
    });
    assert_eq!(world.about(Operation::DeleteSystemInstance, "a"), Err("InvalidRequestException".to_owned()));
    world.create("a", "GREENGRASS").unwrap();
    let unchanged = world.about(Operation::UndeploySystemInstance, "a").unwrap();
    assert_eq!(unchanged["summary"]["status"], "NOT_DEPLOYED");
    assert!(world.force("a", SystemInstanceStatus::DeployedInTarget));
    let undeploying = world.about(Operation::UndeploySystemInstance, "a").unwrap();
    assert_eq!(undeploying["summary"]["status"], "PENDING_DELETE");
    world.pass(10_000);
    assert_eq!(world.status("a"), "DELETED_IN_TARGET");
    let mut defaults = World::new(Switches::default());
    assert_eq!(defaults.about(Operation::DeleteSystemInstance, "a"), Ok(json!({})));
}

#[test]
fn a_status_that_was_set_by_hand_stays() {
    let mut world = World::new(Switches::default());
    world.create("a", "GREENGRASS").unwrap();
    world.about(Operation::DeploySystemInstance, "a").unwrap();
    world.pass(5_000);
    assert!(world.force("a", SystemInstanceStatus::DeployInProgress));
    world.pass(1_000_000);
    assert_eq!(world.status("a"), "DEPLOY_IN_PROGRESS");
}

#[test]
fn a_stale_read_shows_what_was() {
    let mut world = World::new(Switches::default());
    world.create("a", "GREENGRASS").unwrap();
    world.pass(10);
    world.about(Operation::DeploySystemInstance, "a").unwrap();
    world.pass(10);
    let everything = json!([]);
    for (read_at, status, found) in [
        (ReadAt::Now, "BOOTSTRAP", 1),
        (ReadAt::WritesAgo(1), "NOT_DEPLOYED", 1),
        (ReadAt::WritesAgo(2), "ResourceNotFoundException", 0),
        (ReadAt::WritesAgo(u64::MAX), "ResourceNotFoundException", 0),
        (ReadAt::Time(world.now - SignedDuration::from_millis(10)), "BOOTSTRAP", 1),
        (ReadAt::Time(world.now - SignedDuration::from_millis(11)), "NOT_DEPLOYED", 1),
        (ReadAt::Time(world.now - SignedDuration::from_millis(21)), "ResourceNotFoundException", 0),
    ] {
        world.read_at = read_at;
        assert_eq!(world.status("a"), status, "{read_at:?}");
        assert_eq!(world.search(&everything).len(), found, "{read_at:?}");
    }
    // A write works on what is.
    world.read_at = ReadAt::WritesAgo(1);
    assert_eq!(world.about(Operation::DeploySystemInstance, "a"), Err("ResourceInUseException".to_owned()));
    world.read_at = ReadAt::Now;
    assert!(world.force("a", SystemInstanceStatus::DeletedInTarget));
    world.about(Operation::DeleteSystemInstance, "a").unwrap();
    world.read_at = ReadAt::WritesAgo(1);
    assert_eq!(world.status("a"), "DELETED_IN_TARGET");
}

#[test]
fn a_search_has_filters() {
    let status = |status: &str| json!({"name": "STATUS", "value": [status]});
    let group = |name: &str| json!({"name": "GREENGRASS_GROUP_NAME", "value": [name]});
    let both = json!([status("NOT_DEPLOYED"), group("G")]);
    for (filters, any, all) in [
        (json!(null), vec!["a", "b", "c"], vec!["a", "b", "c"]),
        (json!([{}]), vec!["a", "b", "c"], vec!["a", "b", "c"]),
        (json!([status("NOT_DEPLOYED")]), vec!["a", "c"], vec!["a", "c"]),
        (json!([group("G")]), vec!["a", "b"], vec!["a", "b"]),
        (both, vec!["a", "b", "c"], vec!["a"]),
        (json!([{"name": "STATUS", "value": ["NOT_DEPLOYED", "BOOTSTRAP"]}]), vec![], vec![]),
        (json!([{"name": "SYSTEM_TEMPLATE_ID", "value": ["urn:tdm:a:System:b"]}]), vec![], vec![]),
        (
            json!([{"name": "SYSTEM_TEMPLATE_ID", "value": ["urn:tdm:eu-west-1/123456789012/default:System:S"]}]),
            vec!["a", "b", "c"],
            vec!["a", "b", "c"],
        ),
    ] {
        for (position, expected) in [(SystemInstanceFilters::Any, any), (SystemInstanceFilters::All, all)] {
            let mut world = World::new(Switches { system_instance_filters: position, ..Switches::default() });
            for (name, target) in [("c", "CLOUD"), ("b", "GREENGRASS"), ("a", "GREENGRASS")] {
                world.create(name, target).unwrap();
            }
            world.about(Operation::DeploySystemInstance, "b").unwrap();
            assert_eq!(world.search(&filters), expected, "{position:?} {filters}");
        }
    }
}

#[test]
fn what_a_request_lacks_is_named() {
    let mut world = World::new(Switches::default());
    let text = format!("@deployment(id: \"{PREFIX}a\")");
    let role = "arn:aws:iam::123456789012:role/flow";
    let mut refused = |rest: Value| {
        let mut request = json!({"definition": {"language": "GRAPHQL", "text": text}});
        request.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        world.call(Operation::CreateSystemInstance, &request).err()
    };
    for rest in [
        json!({"target": "CLOUD", "greengrassGroupName": "g", "s3BucketName": "b"}),
        json!({"target": "GREENGRASS", "greengrassGroupName": "g"}),
        json!({"target": "GREENGRASS", "greengrassGroupName": "", "s3BucketName": "b"}),
        json!({"target": "GREENGRASS", "s3BucketName": "b", "flowActionsRoleArn": role}),
        json!({"target": "CLOUD", "flowActionsRoleArn": role, "tags": [{"key": "aws:a", "value": "b"}]}),
        json!({"target": "CLOUD", "flowActionsRoleArn": role, "definition": {"language": "GRAPHQL", "text": "x"}}),
        json!({"target": "CLOUD", "flowActionsRoleArn": role, "definition": {"language": "GRAPHQL", "text":
            "@deployment(id: \"urn:tdm:eu-west-1/1/default:deployment:a\")"}}),
    ] {
        assert_eq!(refused(rest.clone()).as_deref(), Some("InvalidRequestException"), "{rest}");
    }
    assert_eq!(refused(json!({"target": "CLOUD", "flowActionsRoleArn": role})), None);
    for id in ["urn:tdm:eu-west-1/1/default:deployment:a", "urn:tdm:eu-west-1/123456789012/default:System:a"] {
        let answer = world.call(Operation::GetSystemInstance, &json!({"id": id}));
        assert_eq!(answer, Err("ResourceNotFoundException".to_owned()), "{id}");
    }
}
