//! Requests that nobody would send: whatever comes, there is an answer, and it is never the emulator's own failure.

use axum::body::Body;
use greengrass_emulator::{Emulator, Fleet, Quotas, Signatures, Switches};
use http::{Request, StatusCode};
use proptest::prelude::*;
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
    "executionNumber",
    "greengrass",
    "Action",
    "Version",
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

fn request() -> impl Strategy<Value = Request<Body>> {
    let method = proptest::sample::select(&["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"][..]);
    let path = proptest::collection::vec(word(), 0..5);
    let query = proptest::collection::vec((proptest::sample::select(MEMBERS), word()), 0..3);
    let body = prop_oneof![
        value().prop_map(|value| value.to_string().into_bytes()),
        proptest::collection::vec(any::<u8>(), 0..64),
        Just(Vec::new()),
    ];
    let service = proptest::sample::select(&["greengrass", "iot", "iotdata", "sts", "s3"][..]);
    (method, path, query, body, service).prop_filter_map("is no URI", |(method, path, query, body, service)| {
        let query: Vec<String> = query.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
        let credential = format!("{ACCOUNT}/20260101/{REGION}/{service}/aws4_request");
        Request::builder()
            .method(method)
            .uri(format!("/{}?{}", path.join("/"), query.join("&")))
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

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn nothing_that_is_sent_is_the_emulator_s_own_failure(requests in proptest::collection::vec(request(), 1..12)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
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
        // The state is whole: everything can still be shown.
        let report = emulator.report();
        prop_assert!(report.is_object());
        prop_assert!(emulator.devices(None).len() < 1000);
    }
}
