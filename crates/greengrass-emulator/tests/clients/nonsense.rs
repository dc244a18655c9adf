//! Requests that nobody would send: whatever comes, there is an answer, and it is never the emulator's own failure.

use std::cell::Cell;

use axum::body::Body;
use greengrass_emulator::{Emulator, Fleet, Quotas, Signatures, Switches};
use http::{Request, StatusCode};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::support::{ACCOUNT, REGION};

/// Parts of paths and values of members: some that mean something, and some that don't.
const WORDS: &[&str] = &[
    "greengrass",
    "v2",
    "deployments",
    "coreDevices",
    "tags",
    "components",
    "versions",
    "metadata",
    "createComponentVersion",
    "arn%3Aaws%3Agreengrass%3Aeu-west-1%3A123456789012%3Acomponents%3Ax%3Aversions%3A1.0.0",
    "Q29tcG9uZW50TmFtZTogeA==",
    "jobs",
    "things",
    "thing-groups",
    "cancel",
    "shadow",
    "core",
    "line",
    "effectiveDeployments",
    "installedComponents",
    "api",
    "_emulator",
    "calls",
    "faults",
    "fleet",
    "devices",
    "clock",
    "switches",
    "quotas",
    "state",
    "health",
    "%zz",
    "%00",
    "ü",
    "..",
    ".",
    "a%2Fb",
    "arn:aws:iot:eu-west-1:123456789012:thinggroup/line",
    "urn:tdm:eu-west-1/123456789012/default:deployment:room",
    "SearchSystemInstances",
    "STATUS",
    "arn%3Aaws%3Agreengrass%3Aeu-west-1%3A123456789012%3Adeployments%3Ax",
    "99999999999999999999",
    "-1",
    "true",
    "null",
    "",
];

const MEMBERS: &[&str] = &[
    "targetArn",
    "parentTargetArn",
    "components",
    "componentVersion",
    "configurationUpdate",
    "merge",
    "reset",
    "clientToken",
    "tags",
    "iotJobConfiguration",
    "deploymentPolicies",
    "maxResults",
    "nextToken",
    "thingName",
    "thingGroupName",
    "jobId",
    "force",
    "status",
    "namespaceId",
    "accounts",
    "account",
    "region",
    "devices",
    "name",
    "count",
    "behaviour",
    "advanceMilliseconds",
    "action",
    "type",
    "online",
    "historyFilter",
    "inlineRecipe",
    "componentCandidates",
    "componentName",
    "versionRequirements",
    "platform",
    "attributes",
    "scope",
    "executionNumber",
    "greengrass",
    "Action",
    "Version",
    "id",
    "definition",
    "text",
    "target",
    "filters",
    "value",
    "failingDeployments",
];

fn word() -> impl Strategy<Value = String> {
    prop_oneof![8 => proptest::sample::select(WORDS).prop_map(ToOwned::to_owned), 1 => "[ -~]{0,12}"]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        word().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let member = proptest::sample::select(MEMBERS).prop_map(ToOwned::to_owned);
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(member, inner, 0..6).prop_map(|members| json!(members)),
        ]
    })
}

/// Method, path and signing service of what there is; `{}` is anything.
const ROUTES: &[(&str, &str, &str)] = &[
    ("POST", "/greengrass/v2/deployments", "greengrass"),
    ("GET", "/greengrass/v2/deployments", "greengrass"),
    ("GET", "/greengrass/v2/deployments/{}", "greengrass"),
    ("DELETE", "/greengrass/v2/deployments/{}", "greengrass"),
    ("POST", "/greengrass/v2/deployments/{}/cancel", "greengrass"),
    ("GET", "/greengrass/v2/coreDevices", "greengrass"),
    ("GET", "/greengrass/v2/coreDevices/{}", "greengrass"),
    ("GET", "/greengrass/v2/coreDevices/{}/effectiveDeployments", "greengrass"),
    ("GET", "/greengrass/v2/coreDevices/{}/installedComponents", "greengrass"),
    ("POST", "/tags/{}", "greengrass"),
    ("DELETE", "/tags/{}", "greengrass"),
    ("GET", "/tags/{}", "greengrass"),
    ("GET", "/jobs", "iot"),
    ("GET", "/jobs/{}", "iot"),
    ("DELETE", "/jobs/{}", "iot"),
    ("PUT", "/jobs/{}/cancel", "iot"),
    ("GET", "/jobs/{}/things", "iot"),
    ("GET", "/things/{}/jobs", "iot"),
    ("GET", "/things/{}/jobs/{}", "iot"),
    ("POST", "/things/{}", "iot"),
    ("DELETE", "/things/{}", "iot"),
    ("PUT", "/thing-groups/addThingToThingGroup", "iot"),
    ("PUT", "/thing-groups/removeThingFromThingGroup", "iot"),
    ("PUT", "/thing-groups/updateThingGroupsForThing", "iot"),
    ("POST", "/thing-groups/{}", "iot"),
    ("DELETE", "/thing-groups/{}", "iot"),
    ("GET", "/thing-groups/{}/things", "iot"),
    ("GET", "/things/{}/shadow", "iotdata"),
    ("GET", "/api/things/shadow/ListNamedShadowsForThing/{}", "iotdata"),
    ("POST", "/", "sts"),
    ("POST", "/", "iotthingsgraph"),
    ("POST", "/_emulator/fleet", ""),
    ("POST", "/_emulator/faults", ""),
    ("POST", "/_emulator/clock", ""),
    ("POST", "/_emulator/devices/{}", ""),
    ("POST", "/_emulator/system-instances", ""),
    ("GET", "/_emulator/system-instances", ""),
    ("GET", "/_emulator/calls", ""),
    ("PUT", "/_emulator/switches", ""),
    ("PUT", "/_emulator/quotas", ""),
];

/// What is there mostly, with anything in its places; and sometimes what isn't.
fn route() -> impl Strategy<Value = (String, String, String)> {
    let owned = |(method, path, service): (&str, &str, &str)| (method.to_owned(), path.to_owned(), service.to_owned());
    let known = (proptest::sample::select(ROUTES).prop_map(owned), proptest::collection::vec(word(), 2)).prop_map(
        |((method, path, service), words)| {
            let path = words.iter().fold(path, |path, word| path.replacen("{}", word, 1));
            (method, path, service)
        },
    );
    let methods = proptest::sample::select(&["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"][..]);
    let services = proptest::sample::select(&["greengrass", "iot", "iotdata", "sts", "iotthingsgraph", "s3"][..]);
    let unknown = (methods, proptest::collection::vec(word(), 0..5), services)
        .prop_map(|(method, path, service)| (method.to_owned(), format!("/{}", path.join("/")), service.to_owned()));
    prop_oneof![6 => known, 1 => unknown]
}

/// A CreateDeployment that may even be right.
fn deployment() -> impl Strategy<Value = Value> {
    let target = proptest::sample::select(&["thinggroup/line", "thing/core", "thinggroup/nobody", "job/x"][..]);
    (target, value(), value()).prop_map(|(target, components, configuration)| {
        json!({
            "targetArn": format!("arn:aws:iot:{REGION}:{ACCOUNT}:{target}"),
            "components": {"app": {"componentVersion": "1.0.0", "configurationUpdate": components}},
            "iotJobConfiguration": configuration,
        })
    })
}

/// Operations of Things Graph, which a header names: those that there are, one that isn't implemented, and none.
const TARGETS: &[&str] = &[
    "CreateSystemInstance",
    "GetSystemInstance",
    "DeploySystemInstance",
    "UndeploySystemInstance",
    "DeleteSystemInstance",
    "SearchSystemInstances",
    "GetEntities",
    "Dance",
];

/// A `CreateSystemInstance` that may even be right, which is a request about its id too.
fn system_instance() -> impl Strategy<Value = Value> {
    let target = proptest::sample::select(&["CLOUD", "GREENGRASS", "MOON"][..]);
    (target, word(), value()).prop_map(|(target, word, value)| {
        let id = format!("urn:tdm:{REGION}/{ACCOUNT}/default:deployment:room");
        json!({
            "id": id,
            "definition": {"language": "GRAPHQL", "text": format!("query R @deployment(id: \"{id}\") {{{word}}}")},
            "target": target,
            "flowActionsRoleArn": "arn:aws:iam::123456789012:role/flow",
            "greengrassGroupName": "line",
            "s3BucketName": word,
            "filters": value,
        })
    })
}

fn request() -> impl Strategy<Value = Request<Body>> {
    let query = proptest::collection::vec((proptest::sample::select(MEMBERS), word()), 0..3);
    let body = prop_oneof![
        4 => value().prop_map(|value| value.to_string().into_bytes()),
        4 => deployment().prop_map(|value| value.to_string().into_bytes()),
        2 => system_instance().prop_map(|value| value.to_string().into_bytes()),
        1 => proptest::collection::vec(any::<u8>(), 0..64),
        2 => Just(Vec::new()),
    ];
    let target = proptest::sample::select(TARGETS);
    (route(), query, body, target).prop_filter_map("is no URI", |((method, path, service), query, body, target)| {
        let query: Vec<String> = query.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
        let query = query.join("&");
        let credential = format!("{ACCOUNT}/20260101/{REGION}/{service}/aws4_request");
        let mut request = Request::builder().method(&*method).uri(format!("{path}?{query}"));
        if service == "iotthingsgraph" {
            request = request.header("x-amz-target", format!("IotThingsGraphFrontEndService.{target}"));
        }
        request
            .header("x-amz-date", "20260101T000000Z")
            .header(
                "authorization",
                format!("AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host;x-amz-date, Signature=00"),
            )
            .body(Body::from(body))
            .ok()
    })
}

fn emulator() -> Emulator {
    let switches = Switches { signatures: Signatures::Anything, ..Switches::default() };
    let emulator = Emulator::builder().switches(switches).quotas(Quotas::unlimited()).build();
    let fleet = format!(
        "accounts: [{{account: '{ACCOUNT}', region: {REGION}, groups: [{{name: line}}], devices: [{{name: core, groups: [line]}}]}}]"
    );
    emulator.add_fleet(&Fleet::from_yaml(&fleet).unwrap()).unwrap();
    emulator
}

#[test]
fn nothing_that_is_sent_is_the_emulator_s_own_failure() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let (reached, refused) = (Cell::new(0), Cell::new(0));
    let mut runner = TestRunner::new(Config { cases: 300, failure_persistence: None, ..Config::default() });
    let run = runner.run(&proptest::collection::vec(request(), 1..12), |requests| {
        let emulator = emulator();
        runtime.block_on(async {
            for request in requests {
                let what = format!("{request:?}");
                let response = emulator.router().oneshot(request).await.unwrap();
                let status = response.status();
                let own = status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED;
                // A fault that a request has set up may ask for any error; those are taken out again.
                emulator.faults().clear();
                assert!(!own, "{status} {what}");
            }
        });
        for call in emulator.calls() {
            let counter = if call.status.is_some_and(|status| status < 300) { &reached } else { &refused };
            counter.set(counter.get() + 1);
        }
        // The state is whole: everything can still be shown.
        let _ = (emulator.report(), emulator.devices(None));
        Ok(())
    });
    run.unwrap();
    // Nonsense that is all turned away at the door would show nothing.
    assert!(reached.get() > 100 && refused.get() > 100, "{reached:?} {refused:?}");
}
