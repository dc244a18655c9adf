//! System instances of Things Graph as clients see them: the AWS CLI, the wire format, roles, and what tests read in one process.

use axum::body::Body;
use greengrass_emulator::{
    Emulator, FaultAction, FaultRule, ManualClock, Operation, Role, Scope, Signatures, Switches, SystemInstanceFilters,
    SystemInstanceId, SystemInstanceMissing, SystemInstanceStatus, SystemInstanceTarget, SystemInstanceUndeployment,
    SystemInstanceWithoutDeployment,
};
use http::Request;
use http_body_util::BodyExt;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    admin::admin,
    cli::Cli,
    http::{json_of, send},
    support::{ACCOUNT, REGION},
};

const ROLE: &str = "arn:aws:iam::123456789012:role/ThingsGraphRole";

fn id(name: &str) -> String {
    format!("urn:tdm:{REGION}/{ACCOUNT}/default:deployment:{name}")
}

fn parsed(name: &str) -> SystemInstanceId {
    SystemInstanceId::parse(&id(name)).unwrap()
}

fn definition(name: &str) -> Value {
    json!({"language": "GRAPHQL", "text": format!("query {name} @deployment(id: \"{}\") {{}}", id(name))})
}

fn for_cloud(name: &str) -> Value {
    json!({"definition": definition(name), "target": "CLOUD", "flowActionsRoleArn": ROLE})
}

fn for_group(name: &str) -> Value {
    json!({"definition": definition(name), "target": "GREENGRASS", "greengrassGroupName": "Plant", "s3BucketName": "bucket"})
}

fn emulator() -> Emulator {
    let switches = Switches { signatures: Signatures::Anything, ..Switches::default() };
    let clock = ManualClock::starting_at(Timestamp::from_millisecond(1_559_249_315_208).unwrap());
    Emulator::builder().clock(clock).switches(switches).role(Role::new(ROLE).unwrap()).build()
}

/// A request that nobody signs.
fn request(target: &str, body: &Value) -> Request<Body> {
    let credential = format!("{ACCOUNT}/20260101/{REGION}/iotthingsgraph/aws4_request");
    Request::builder()
        .method("POST")
        .uri("/")
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amz-target", format!("IotThingsGraphFrontEndService.{target}"))
        .header("x-amz-date", "20260101T000000Z")
        .header("authorization", format!("AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=00"))
        .body(Body::from(body.to_string()))
        .unwrap()
}

#[test]
fn the_aws_cli_deploys_a_system_instance_to_a_group_and_removes_it() {
    let cli = Cli::start(&["--seed", "1", "--manual-clock", "2026-01-01T00:00:00Z"]);
    let id = id("Room218");
    let text = format!("{{\r\nquery Room218 @deployment(id: \"{id}\") {{}} }}");
    let input = json!({
        "definition": {"language": "GRAPHQL", "text": text},
        "target": "GREENGRASS", "greengrassGroupName": "ThingsGraphGrnGr", "s3BucketName": "bucket",
        "tags": [{"key": "team", "value": "edge"}],
    });
    let created = cli.ok(&["iotthingsgraph", "create-system-instance", "--cli-input-json", &input.to_string()]);
    assert_eq!(created["summary"]["status"], "NOT_DEPLOYED");
    let one = |operation: &str| cli.aws(&format!("iotthingsgraph {operation} --id {id}"));
    let deployed = one("deploy-system-instance");
    assert_eq!(deployed["summary"]["status"], "BOOTSTRAP");
    assert!(deployed["greengrassDeploymentId"].is_string());
    let busy = cli.refused(&format!("iotthingsgraph undeploy-system-instance --id {id}"));
    assert!(busy.contains("(ResourceInUseException)") && busy.contains("is BOOTSTRAP"), "{busy}");
    cli.pass(30);
    let got = one("get-system-instance");
    assert_eq!(got["description"]["definition"]["text"], text);
    assert_eq!(got["description"]["summary"]["status"], "DEPLOYED_IN_TARGET");
    let arn = created["summary"]["arn"].as_str().unwrap();
    let tags = |operation: &str| cli.aws(&format!("iotthingsgraph {operation} --resource-arn {arn}"));
    assert_eq!(tags("list-tags-for-resource"), json!({"tags": [{"key": "team", "value": "edge"}]}));
    tags("tag-resource --tags key=site,value=1");
    tags("untag-resource --tag-keys team");
    assert_eq!(tags("list-tags-for-resource"), json!({"tags": [{"key": "site", "value": "1"}]}));
    let unknown = cli.refused(&format!("iotthingsgraph untag-resource --tag-keys team --resource-arn {arn}X"));
    assert!(unknown.contains("(InvalidRequestException)") && unknown.contains("resourceArn"), "{unknown}");
    let search = "iotthingsgraph search-system-instances --filters name=GREENGRASS_GROUP_NAME,value=ThingsGraphGrnGr";
    assert_eq!(cli.aws(search)["summaries"], json!([got["description"]["summary"]]));
    assert_eq!(one("undeploy-system-instance")["summary"]["status"], "UNDEPLOY_IN_PROGRESS");
    cli.pass(10);
    assert_eq!(one("delete-system-instance"), Value::Null);
    let gone = cli.refused(&format!("iotthingsgraph get-system-instance --id {id}"));
    assert!(gone.contains("(ResourceNotFoundException)"), "{gone}");
}

#[tokio::test]
async fn answers_and_errors_are_json_of_the_protocol() {
    let emulator = emulator();
    let created = send(&emulator, request("CreateSystemInstance", &for_cloud("Room218"))).await;
    assert_eq!(created.status(), 200);
    assert_eq!(created.headers()["content-type"], "application/x-amz-json-1.1");
    assert_eq!(created.headers()["x-amzn-requestid"].len(), 36);
    let expected = json!({"summary": {
        "id": id("Room218"), "arn": format!("arn:aws:iotthingsgraph:{REGION}:{ACCOUNT}:Deployment/default/Room218"),
        "status": "NOT_DEPLOYED", "target": "CLOUD", "createdAt": 1_559_249_315.208, "updatedAt": 1_559_249_315.208,
    }});
    assert_eq!(json_of(created).await, expected);
    let deleted = send(&emulator, request("DeleteSystemInstance", &json!({"id": id("Room218")}))).await;
    assert_eq!(
        (deleted.status().as_u16(), deleted.into_body().collect().await.unwrap().to_bytes().as_ref()),
        (200, &b"{}"[..])
    );

    for (target, body, status, code) in [
        ("GetSystemInstance", json!({"id": id("Room218")}), 400, "ResourceNotFoundException"),
        ("GetSystemInstance", json!({"id": "x"}), 400, "InvalidRequestException"),
        ("GetSystemInstance", json!([]), 400, "InvalidRequestException"),
        ("GetEntities", json!({}), 501, "NotImplementedException"),
        ("Dance", json!({}), 400, "UnknownOperationException"),
    ] {
        let refused = send(&emulator, request(target, &body)).await;
        assert_eq!(
            (refused.status().as_u16(), refused.headers()["content-type"].as_bytes()),
            (status, &b"application/x-amz-json-1.1"[..])
        );
        let refused = json_of(refused).await;
        assert_eq!(refused["__type"], code, "{target}");
        assert!(!refused["message"].as_str().unwrap().is_empty());
        assert_eq!(emulator.calls().last().unwrap().error_code.as_deref(), Some(code));
        assert_eq!(emulator.calls().last().unwrap().operation, target);
    }
    let mut unsigned = request("GetSystemInstance", &json!({"id": id("Room218")}));
    unsigned.headers_mut().remove("authorization");
    let refused = send(&emulator, unsigned).await;
    assert_eq!(refused.status(), 400);
    assert_eq!(json_of(refused).await["__type"], "MissingAuthenticationTokenException");
    emulator.faults().add(FaultRule::new(FaultAction::Error {
        status: 500,
        code: "InternalFailureException".to_owned(),
        message: "m".to_owned(),
    }));
    let failed = send(&emulator, request("SearchSystemInstances", &json!({}))).await;
    assert_eq!(failed.status(), 500);
    assert_eq!(json_of(failed).await, json!({"__type": "InternalFailureException", "message": "m"}));
}

#[tokio::test]
async fn a_signature_for_another_service_is_refused() {
    let emulator = emulator();
    let mut wrong = request("SearchSystemInstances", &json!({}));
    let authorization = wrong.headers()["authorization"].to_str().unwrap().replace("iotthingsgraph", "iot");
    wrong.headers_mut().insert("authorization", authorization.parse().unwrap());
    let refused = json_of(send(&emulator, wrong).await).await;
    assert_eq!(refused["__type"], "InvalidSignatureException");
    assert!(refused["message"].as_str().unwrap().contains("'iotthingsgraph'"), "{refused}");
}

#[test]
fn a_test_reads_what_became_of_a_system_instance() {
    let emulator = emulator();
    let own = emulator.create_system_instance(ACCOUNT, REGION, &for_group("Room218")).unwrap();
    assert_eq!(own, id("Room218"));
    let (room, other) = (parsed("Room218"), parsed("Other"));
    emulator.deploy_system_instance(&room).unwrap();
    let passes = |seconds| emulator.advance(std::time::Duration::from_secs(seconds)).unwrap();
    passes(30);
    let record = emulator.system_instance(&room).unwrap();
    assert_eq!(
        (record.status, record.target),
        (SystemInstanceStatus::DeployedInTarget, SystemInstanceTarget::Greengrass)
    );
    assert_eq!((record.greengrass_group_name.as_deref(), record.deployments.len()), (Some("Plant"), 1));
    assert_eq!(json!(record.definition), definition("Room218")["text"]);
    let history: Vec<_> =
        record.history.iter().map(|change| change.at.duration_since(record.created_at).as_secs()).collect();
    assert_eq!(history, [0, 0, 10, 30]);
    assert_eq!(emulator.system_instances(ACCOUNT, REGION), [record]);
    assert_eq!(emulator.system_instances(ACCOUNT, "us-east-1"), []);

    emulator.fail_system_instance_deployments(&room, 1);
    emulator.deploy_system_instance(&room).unwrap();
    passes(30);
    assert_eq!(emulator.system_instance(&room).unwrap().status, SystemInstanceStatus::Failed);
    emulator.fail_system_instance_deployments(&room, 5);
    emulator.fail_system_instance_deployments(&room, 0);
    emulator.deploy_system_instance(&room).unwrap();
    passes(30);
    assert_eq!(emulator.system_instance(&room).unwrap().status, SystemInstanceStatus::DeployedInTarget);
    assert!(emulator.set_system_instance_status(&room, SystemInstanceStatus::PendingDelete));
    assert_eq!(emulator.system_instance(&room).unwrap().status, SystemInstanceStatus::PendingDelete);
    assert!(!emulator.set_system_instance_status(&other, SystemInstanceStatus::Failed));
    assert!(emulator.system_instance(&other).is_none());
    // What was made without a call stands in no ledger.
    assert!(emulator.calls_about(&room.arn()).is_empty());
    emulator.reset();
    assert!(emulator.system_instances(ACCOUNT, REGION).is_empty());
}

#[tokio::test]
async fn the_admin_interface_shows_system_instances_and_changes_them() {
    let emulator = emulator();
    for name in ["a", "b"] {
        emulator.create_system_instance(ACCOUNT, REGION, &for_group(name)).unwrap();
    }
    let list = |filters: &'static str| {
        let emulator = &emulator;
        async move { admin(emulator, "GET", &format!("/_emulator/system-instances{filters}"), &Value::Null).await }
    };
    let (status, all) = list("").await;
    assert_eq!((status, all.as_array().unwrap().len()), (200, 2));
    assert_eq!(all[0], json!(emulator.system_instance(&parsed("a")).unwrap()));
    assert_eq!(list("?account=123456789012&region=eu-west-1").await.1, all);
    assert_eq!(list("?region=us-east-1").await.1, json!([]));
    assert_eq!(list("?name=a").await.0, 400);
    let change = |name: &str, body: Value| {
        let path = format!("/_emulator/system-instances?id={}", id(name));
        let emulator = &emulator;
        async move { admin(emulator, "POST", &path, &body).await }
    };
    let (status, changed) = change("a", json!({"status": "PENDING_DELETE"})).await;
    assert_eq!((status, &changed["status"]), (200, &json!("PENDING_DELETE")));
    assert_eq!(change("b", json!({"failingDeployments": 1})).await.1["status"], "NOT_DEPLOYED");
    assert_eq!(change("c", json!({"failingDeployments": 1})).await, (204, Value::Null));
    assert_eq!(change("c", json!({"status": "FAILED"})).await.0, 404);
    assert_eq!(change("a", json!({"status": "GONE"})).await.0, 400);
    assert_eq!(change("a", json!({"nonsense": 1})).await.0, 400);
    assert_eq!(change("a-b", json!({})).await.0, 400);
    assert_eq!(admin(&emulator, "POST", "/_emulator/system-instances", &json!({})).await.0, 400);
    emulator.deploy_system_instance(&parsed("b")).unwrap();
    emulator.advance(std::time::Duration::from_mins(1)).unwrap();
    assert_eq!(list("").await.1[1]["status"], "FAILED");
}

#[test]
fn every_switch_of_system_instances_makes_the_difference_that_it_is_for() {
    let scope = Scope::new(ACCOUNT, REGION);
    // What somebody does to `a` (for a group), `b` (for the cloud) and `c`, which isn't there; as statuses and errors.
    let told = |switches: Switches| {
        let emulator = emulator();
        emulator.set_switches(Switches { signatures: Signatures::Anything, ..switches });
        for request in [for_group("a"), for_cloud("b")] {
            emulator.create_system_instance(ACCOUNT, REGION, &request).unwrap();
        }
        let act = |operation: Operation, name: &str| {
            let answer = emulator.perform(&scope, operation, &json!({"id": id(name)}));
            answer.map_or_else(
                |error| error.code().to_owned(),
                |answer| answer.pointer("/summary/status").and_then(Value::as_str).unwrap_or_default().to_owned(),
            )
        };
        let filters = [("STATUS", "NOT_DEPLOYED"), ("GREENGRASS_GROUP_NAME", "Plant")]
            .map(|(name, value)| json!({"name": name, "value": [value]}));
        let found = emulator.perform(&scope, Operation::SearchSystemInstances, &json!({"filters": filters})).unwrap();
        let mut told = vec![
            found["summaries"].as_array().unwrap().len().to_string(),
            act(Operation::UndeploySystemInstance, "a"),
            act(Operation::DeleteSystemInstance, "c"),
            act(Operation::DeploySystemInstance, "a"),
            act(Operation::DeploySystemInstance, "b"),
        ];
        emulator.advance(std::time::Duration::from_secs(10)).unwrap();
        told.push(json!(emulator.system_instance(&parsed("a")).unwrap().status).as_str().unwrap().to_owned());
        emulator.advance(std::time::Duration::from_secs(20)).unwrap();
        told.push(act(Operation::UndeploySystemInstance, "a"));
        emulator.advance(std::time::Duration::from_secs(10)).unwrap();
        told.push(json!(emulator.system_instance(&parsed("a")).unwrap().status).as_str().unwrap().to_owned());
        told
    };
    let default = [
        "2",
        "InvalidRequestException",
        "",
        "BOOTSTRAP",
        "DEPLOYED_IN_TARGET",
        "DEPLOY_IN_PROGRESS",
        "UNDEPLOY_IN_PROGRESS",
        "DELETED_IN_TARGET",
    ];
    let plain = Switches::default();
    assert_eq!(told(plain.clone()), default);
    for (switches, place, other) in [
        (Switches { system_instance_filters: SystemInstanceFilters::All, ..plain.clone() }, 0, "1"),
        (
            Switches { system_instance_without_deployment: SystemInstanceWithoutDeployment::Accepted, ..plain.clone() },
            1,
            "NOT_DEPLOYED",
        ),
        (
            Switches { system_instance_missing: SystemInstanceMissing::Rejected, ..plain.clone() },
            2,
            "InvalidRequestException",
        ),
        (Switches { system_instance_bootstrap_ms: 0, ..plain.clone() }, 3, "DEPLOY_IN_PROGRESS"),
        (Switches { system_instance_cloud_ms: 1, ..plain.clone() }, 4, "DEPLOY_IN_PROGRESS"),
        (Switches { system_instance_deployment_ms: 0, ..plain.clone() }, 5, "DEPLOYED_IN_TARGET"),
        (
            Switches { system_instance_undeployment: SystemInstanceUndeployment::PendingDelete, ..plain.clone() },
            6,
            "PENDING_DELETE",
        ),
        (Switches { system_instance_undeployment_ms: 10_001, ..plain.clone() }, 7, "UNDEPLOY_IN_PROGRESS"),
    ] {
        let mut expected = default;
        expected[place] = other;
        assert_eq!(told(switches), expected);
    }
}

#[test]
fn a_role_may_be_kept_from_an_operation() {
    let role: Role = serde_json::from_value(json!({
        "arn": "arn:aws:iam::123456789012:role/reader", "deniedOperations": ["DeploySystemInstance"],
    }))
    .unwrap();
    assert_eq!(json!(role)["deniedOperations"], json!(["DeploySystemInstance"]));
    let cli = Cli::start(&["--seed", "1"]);
    cli.program().admin("POST", "roles", &json!(role));
    let assumed =
        cli.aws("sts assume-role --role-arn arn:aws:iam::123456789012:role/reader --role-session-name reader");
    let session = |operation: &str| {
        let mut command = cli.program().client("aws");
        for (name, member) in [
            ("AWS_ACCESS_KEY_ID", "AccessKeyId"),
            ("AWS_SECRET_ACCESS_KEY", "SecretAccessKey"),
            ("AWS_SESSION_TOKEN", "SessionToken"),
        ] {
            command.env(name, assumed["Credentials"][member].as_str().unwrap());
        }
        let output = command.args(["iotthingsgraph", operation, "--id", &id("Room218")]).output().unwrap();
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    };
    let denied = session("deploy-system-instance");
    assert!(denied.contains("(AccessDeniedException)"), "{denied}");
    assert!(denied.contains("perform: iotthingsgraph:DeploySystemInstance"), "{denied}");
    let missing = session("get-system-instance");
    assert!(missing.contains("(ResourceNotFoundException)"), "{missing}");
}

#[test]
fn what_is_done_directly_is_validated_as_a_call_is() {
    let emulator = emulator();
    let scope = Scope::new(ACCOUNT, REGION);
    let mut request = for_cloud("Room218");
    request.as_object_mut().unwrap().remove("flowActionsRoleArn");
    let error = emulator.perform(&scope, Operation::CreateSystemInstance, &request).unwrap_err();
    assert_eq!(error.code(), "InvalidRequestException");
    assert!(error.to_string().contains("flowActionsRoleArn"), "{error}");
    let error = emulator.create_system_instance(ACCOUNT, "us-east-1", &for_cloud("Room218")).unwrap_err();
    assert!(error.to_string().contains("another account or region"), "{error}");
}
