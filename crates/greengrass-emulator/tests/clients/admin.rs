//! The admin interface.

use axum::body::Body;
use greengrass_emulator::{Emulator, ManualClock};
use http::Request;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    http::{json_of, send},
    support::{ACCOUNT, REGION, World},
};

pub(crate) async fn admin(emulator: &Emulator, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let request = Request::builder().method(method).uri(path).body(Body::from(body)).unwrap();
    let response = send(emulator, request).await;
    (response.status().as_u16(), json_of(response).await)
}

#[tokio::test]
async fn the_operations_are_listed_by_service() {
    let (status, operations) = admin(&Emulator::default(), "GET", "/_emulator/operations", &Value::Null).await;
    assert_eq!(status, 200);
    for (service, operation) in [("greengrass", "CreateDeployment"), ("iot", "ListThingsInThingGroup")] {
        assert!(operations[service].as_array().unwrap().contains(&json!(operation)), "{operations}");
    }
}

#[tokio::test]
async fn the_ledger_is_read_filtered_and_cleared_over_http() {
    let world = World::new();
    let advance = json!({"advanceMilliseconds": 1});
    let before = world.emulator.now();
    let (status, _) = admin(&world.emulator, "POST", "/_emulator/clock", &advance).await;
    assert!(status == 200 && world.emulator.now() > before);
    world.client.list_deployments().send().await.unwrap();
    let create = world.client.create_deployment().target_arn(&world.group).send();
    let created = create.await.unwrap();
    let get = |query: &'static str| admin(&world.emulator, "GET", query, &Value::Null);
    let (status, calls) = get("/_emulator/calls").await;
    assert_eq!((status, calls.as_array().unwrap().len()), (200, 2));
    let (_, filtered) = get("/_emulator/calls?operation=CreateDeployment&after=1&since=2020-01-01T00:00:00Z").await;
    let id = created.deployment_id().unwrap();
    let call = &filtered[0];
    let expected = json!({
        "sequence": 2, "time": call["time"], "account": ACCOUNT, "region": REGION, "service": "greengrass", "caller": call["caller"],
        "operation": "CreateDeployment", "status": 201, "errorCode": null, "fault": null, "deploymentId": id, "targetArn": world.group,
        "requestId": call["requestId"],
        "request": {"targetArn": world.group, "clientToken": call["request"]["clientToken"]},
    });
    assert_eq!(filtered, json!([expected]));
    assert_eq!(get("/_emulator/calls?since=2999-01-01T00:00:00Z").await.1, json!([]));
    assert_eq!(get("/_emulator/calls?nonsense=1").await.0, 400);
    assert_eq!(get("/_emulator/state?nonsense=1").await.0, 400);
    let delete = |path: &'static str| admin(&world.emulator, "DELETE", path, &Value::Null);
    assert_eq!(delete("/_emulator/calls?operation=ListDeployments").await.0, 204);
    assert_eq!(get("/_emulator/calls").await.1, json!([expected]));
    assert_eq!(get("/_emulator/calls?target=arn:of:nobody").await.1, json!([]));
    assert_eq!(delete("/_emulator/calls").await.0, 204);
    assert_eq!(get("/_emulator/calls").await.1, json!([]));
}

#[tokio::test]
async fn faults_are_added_and_removed_over_http() {
    let world = World::new();
    let emulator = &world.emulator;
    let id = world.deploy(&world.group);

    let rule = json!({"match": {"operation": "GetDeployment"}, "action": {"type": "accessDenied"}});
    assert_eq!(admin(emulator, "POST", "/_emulator/faults", &rule).await, (200, json!({"id": 1})));
    world.client.get_deployment().deployment_id(&id).send().await.unwrap_err();
    let (_, faults) = admin(emulator, "GET", "/_emulator/faults", &Value::Null).await;
    assert_eq!((&faults[0]["fired"], &faults[0]["rule"]["action"]["type"]), (&json!(1), &json!("accessDenied")));
    assert_eq!(admin(emulator, "DELETE", "/_emulator/faults/1", &Value::Null).await.0, 204);
    assert_eq!(admin(emulator, "DELETE", "/_emulator/faults/1", &Value::Null).await.0, 404);
    assert_eq!(admin(emulator, "DELETE", "/_emulator/faults", &Value::Null).await.0, 204);
    for wrong in [
        json!({"action": {"type": "error", "status": 200, "code": "X"}}),
        json!({"action": {"type": "explode"}}),
        json!({"action": {"type": "resetAfter", "times": 2}}),
        json!({"action": {"type": "stale", "writesAgo": 1, "millisecondsAgo": 1}}),
        json!({"match": {"operation": "Nonsense"}, "action": {"type": "accessDenied"}}),
    ] {
        assert_eq!(admin(emulator, "POST", "/_emulator/faults", &wrong).await.0, 400, "{wrong}");
    }
}

#[tokio::test]
async fn switches_state_and_clock_are_driven_over_http() {
    let clock = ManualClock::starting_at(Timestamp::UNIX_EPOCH);
    let world = World::of(Emulator::builder().clock(clock).build());
    let emulator = &world.emulator;
    let id = world.deploy(&world.group);

    let change = json!({"tokenReuse": "createAnew"});
    let (_, switches) = admin(emulator, "PUT", "/_emulator/switches", &change).await;
    assert_eq!(switches["tokenReuse"], "createAnew");
    assert_eq!(admin(emulator, "GET", "/_emulator/switches", &Value::Null).await.1, switches);
    assert_eq!(admin(emulator, "PUT", "/_emulator/switches", &json!({"tokenReuse": 1})).await.0, 400);

    let path = format!("/_emulator/deployments/{id}/status");
    let (_, forced) = admin(emulator, "POST", &path, &json!({"status": "FAILED"})).await;
    assert_eq!(forced["deploymentStatus"], "FAILED");
    let (_, state) = admin(emulator, "GET", "/_emulator/state", &Value::Null).await;
    let here = &state["accounts"][ACCOUNT][REGION];
    assert_eq!(here["targets"][&world.group][0]["deploymentStatus"], "FAILED");
    assert_eq!(here["thingGroups"], json!({"fleet": []}));
    let nobody = "/_emulator/deployments/none/status";
    assert_eq!(admin(emulator, "POST", nobody, &json!({"status": "FAILED"})).await.0, 404);

    let advance = json!({"advanceMilliseconds": 1500});
    let (_, now) = admin(emulator, "POST", "/_emulator/clock", &advance).await;
    assert_eq!(now, json!({"now": "1970-01-01T00:00:01.5Z"}));
    assert_eq!(admin(emulator, "GET", "/_emulator/health", &Value::Null).await.1["status"], "ok");
    assert_eq!(admin(emulator, "POST", "/_emulator/reset", &Value::Null).await.0, 204);
    assert!(emulator.deployments(ACCOUNT, REGION).is_empty());
    assert_eq!(admin(emulator, "GET", "/_emulator/nonsense", &Value::Null).await.0, 404);
}

#[tokio::test]
async fn a_mistake_is_named_with_its_place_and_what_would_be_right() {
    let emulator = Emulator::default();
    let device = |takes: Value| {
        json!({"accounts": [{
            "account": ACCOUNT, "region": REGION, "devices": [{"name": "core", "behaviour": {"takes": takes}}],
        }]})
    };
    for (method, path, body, expected) in [
        ("PUT", "/_emulator/quotas", json!({"jobs": "much"}), "a rate is a number above 0"),
        ("PUT", "/_emulator/quotas", json!({"jobs": 0}), "a rate is a number above 0"),
        ("PUT", "/_emulator/quotas", json!({"things": 1}), "expected one of `greengrass`, `createComponentVersion`"),
        ("PUT", "/_emulator/switches", json!({"plainList": "x"}), "plainList: unknown variant `x`"),
        ("POST", "/_emulator/fleet", device(json!({"second": 1})), "takes is {seconds: "),
        ("POST", "/_emulator/faults", json!({"action": {"type": "hangAfter", "skip": 1}}), "this action has no skip"),
        ("GET", "/_emulator/calls?since=yesterday", Value::Null, "since: "),
        ("GET", "/_emulator/calls?after=x", Value::Null, "after: "),
    ] {
        let (status, answer) = admin(&emulator, method, path, &body).await;
        let message = answer["message"].as_str().unwrap_or_default();
        assert!(status == 400 && message.contains(expected), "{path}: {answer}");
    }
}

#[tokio::test]
async fn devices_are_listed_by_their_group_and_found_by_their_account() {
    let emulator = Emulator::default();
    let account = |account: &str, groups: Value| {
        let names = groups.as_array().unwrap().clone();
        let groups: Vec<_> = names.iter().map(|name| json!({"name": name})).collect();
        json!({"account": account, "region": REGION, "groups": groups, "devices": [{"name": "core", "groups": names}]})
    };
    let fleet = json!({"accounts": [account(ACCOUNT, json!(["line"])), account("210987654321", json!([]))]});
    assert_eq!(admin(&emulator, "POST", "/_emulator/fleet", &fleet).await.0, 200);
    let get = |path: &'static str| admin(&emulator, "GET", path, &Value::Null);
    assert_eq!(get("/_emulator/devices").await.1.as_array().unwrap().len(), 2);
    let (_, of_group) = get("/_emulator/devices?thingGroup=line").await;
    assert_eq!((of_group.as_array().unwrap().len(), &of_group[0]["account"]), (1, &json!(ACCOUNT)));
    assert_eq!(get("/_emulator/devices/core?account=210987654321").await.1["account"], "210987654321");
}

#[tokio::test]
async fn devices_of_one_name_in_several_regions_are_told_apart() {
    let emulator = Emulator::default();
    let account = |region: &str| json!({"account": ACCOUNT, "region": region, "devices": [{"name": "core"}]});
    let fleet = json!({"accounts": [account(REGION), account("us-west-2")]});
    assert_eq!(admin(&emulator, "POST", "/_emulator/fleet", &fleet).await, (200, json!({"devices": 2})));
    let device = |path: &'static str| admin(&emulator, "GET", path, &Value::Null);
    assert_eq!(device("/_emulator/devices/core").await.0, 409);
    let offline = json!({"online": false});
    let (_, changed) = admin(&emulator, "POST", "/_emulator/devices/core?region=us-west-2", &offline).await;
    assert_eq!(changed["online"], false);
    assert_eq!(admin(&emulator, "POST", "/_emulator/devices/core", &offline).await.0, 409);
    assert_eq!(device("/_emulator/devices/core?region=eu-west-1").await.1["online"], true);
    assert_eq!(device("/_emulator/devices/core?region=us-west-2").await.1["online"], false);
    for (path, status) in [("/_emulator/devices/core?region=x", 404), ("/_emulator/devices/core?zone=x", 400)] {
        assert_eq!(admin(&emulator, "POST", path, &offline).await.0, status);
    }
}
