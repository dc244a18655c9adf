//! Which identity a resource uses, and what it may.

use crate::deployment::references::Grant;
use crate::names::Key;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use rstest::rstest;
use serde_json::{Value, json};

use super::*;
use crate::api::AwsIdentitySpec;

fn spec(spec: Value) -> AwsIdentitySpec {
    serde_json::from_value(spec).unwrap()
}

fn identities(all: &[(&str, Value)]) -> BTreeMap<String, Parsed> {
    all.iter().map(|(name, it)| ((*name).to_owned(), parse(name, &spec(it.clone()), false))).collect()
}

fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn picked(reference: &IdentityReference, namespace: Namespace<'_>, all: &BTreeMap<String, Parsed>) -> String {
    match pick(reference, namespace, all) {
        Picked::Usable(identity) => identity.name.clone(),
        Picked::Missing(message) => format!("missing: {message}"),
        Picked::NotAllowed(message) => format!("not allowed: {message}"),
    }
}

fn named(name: &str) -> IdentityReference {
    IdentityReference::Named(name.to_owned())
}

const EVERYWHERE: &str = "*";

#[test]
fn who_names_none_gets_the_default_of_its_namespace_and_else_the_one_called_default() {
    let all = identities(&[
        ("default", json!({"allowedNamespaces": {"names": [EVERYWHERE]}})),
        (
            "north",
            json!({
                "allowedNamespaces": {"names": [EVERYWHERE]},
                "defaultFor": {"namespaceSelector": {"matchLabels": {"factory": "north"}}},
            }),
        ),
    ]);
    let (north, none) = (labels(&[("factory", "north")]), labels(&[]));
    let absent = IdentityReference::Absent;
    assert_eq!(picked(&absent, Namespace { name: "line", labels: Some(&north) }, &all), "north");
    assert_eq!(picked(&absent, Namespace { name: "line", labels: Some(&none) }, &all), "default");
    // Taking another one would send the deployment into the wrong account.
    let unread = picked(&absent, Namespace { name: "line", labels: None }, &all);
    assert!(unread.starts_with("not allowed: ") && unread.contains("labels can't be read"), "{unread}");
    assert_eq!(picked(&named("north"), Namespace { name: "line", labels: None }, &all), "north");
}

#[test]
fn two_defaults_of_one_namespace_are_an_error() {
    let both = json!({"allowedNamespaces": {"names": [EVERYWHERE]}, "defaultFor": {"namespaceSelector": {}}});
    let all = identities(&[("a", both.clone()), ("b", both)]);
    let message = picked(&IdentityReference::Absent, Namespace { name: "line", labels: None }, &all);
    assert!(message.contains("AwsIdentities a, b are all the default for namespace line"), "{message}");
}

#[test]
fn a_default_that_cant_be_used_is_not_replaced_by_another_one() {
    let all = identities(&[
        ("default", json!({"allowedNamespaces": {"names": [EVERYWHERE]}})),
        ("broken", json!({"roleArn": "nonsense", "defaultFor": {"namespaceSelector": {}}})),
    ]);
    let message = picked(&IdentityReference::Absent, Namespace { name: "line", labels: None }, &all);
    assert!(message.starts_with("missing: AwsIdentity broken can't be used: spec.roleArn"), "{message}");
}

#[test]
fn a_default_for_nobody_knows_whom_is_not_replaced_by_another_one_either() {
    let unreadable = json!({"namespaceSelector": {"matchExpressions": [{"key": "factory", "operator": "In"}]}});
    let all = identities(&[
        ("default", json!({"allowedNamespaces": {"names": [EVERYWHERE]}})),
        ("north", json!({"allowedNamespaces": {"names": [EVERYWHERE]}, "defaultFor": unreadable})),
    ]);
    let message = picked(&IdentityReference::Absent, Namespace { name: "line", labels: None }, &all);
    assert!(message.contains("whether AwsIdentity north is the default for namespace line can't be said"), "{message}");
}

#[rstest]
#[case::in_nothing(json!({"key": "a", "operator": "In", "values": []}))]
#[case::in_without_values(json!({"key": "a", "operator": "In"}))]
// It would select every namespace.
#[case::not_in_nothing(json!({"key": "a", "operator": "NotIn", "values": []}))]
#[case::exists_with_values(json!({"key": "a", "operator": "Exists", "values": ["b"]}))]
fn half_a_selector_allows_nobody(#[case] expression: Value) {
    let problem =
        parse("it", &spec(json!({"allowedNamespaces": {"selector": {"matchExpressions": [expression]}}})), false);
    let problem = problem.identity.unwrap_err().to_string();
    assert!(problem.starts_with("spec.allowedNamespaces.selector: it is no label selector"), "{problem}");
}

#[rstest]
#[case::absent(json!({}), false)]
#[case::empty(json!({"allowedNamespaces": {}}), false)]
#[case::no_names(json!({"allowedNamespaces": {"names": []}}), false)]
#[case::another_name(json!({"allowedNamespaces": {"names": ["other"]}}), false)]
#[case::a_part_of_the_name(json!({"allowedNamespaces": {"names": ["lin*"]}}), false)]
#[case::the_name(json!({"allowedNamespaces": {"names": ["line"]}}), true)]
#[case::all(json!({"allowedNamespaces": {"names": ["*"]}}), true)]
#[case::by_label(json!({"allowedNamespaces": {"selector": {"matchLabels": {"factory": "north"}}}}), true)]
#[case::by_another_label(json!({"allowedNamespaces": {"selector": {"matchLabels": {"factory": "south"}}}}), false)]
#[case::all_labels(json!({"allowedNamespaces": {"selector": {}}}), true)]
#[case::by_expression(
    json!({"allowedNamespaces": {"selector": {"matchExpressions": [{"key": "factory", "operator": "In", "values": ["north"]}]}}}),
    true
)]
fn only_namespaces_that_are_allowed_may_use_it(#[case] it: Value, #[case] allowed: bool) {
    let all = identities(&[("x", it)]);
    let north = labels(&[("factory", "north")]);
    let picked = picked(&named("x"), Namespace { name: "line", labels: Some(&north) }, &all);
    assert_eq!(picked == "x", allowed, "{picked}");
}

fn target(name: &str) -> TargetArn {
    TargetArn::parse(&format!("arn:aws:iot:eu-central-1:123456789012:thinggroup/{name}")).unwrap()
}

#[rstest]
#[case::none(&[], false)]
#[case::all(&["*"], true)]
#[case::exactly(&["arn:aws:iot:eu-central-1:123456789012:thinggroup/line-1-presses"], true)]
#[case::a_prefix(&["arn:aws:iot:eu-central-1:123456789012:thinggroup/line-1-*"], true)]
#[case::one_character(&["arn:aws:iot:eu-central-1:123456789012:thinggroup/line-?-presses"], true)]
#[case::another_region(&["arn:aws:iot:us-*:123456789012:thinggroup/*"], false)]
#[case::the_middle_is_no_match(&["thinggroup/line-1-presses"], false)]
#[case::the_beginning_is_no_match(&["arn:aws:iot:eu-central-1:123456789012:thinggroup/line-1"], false)]
#[case::no_regular_expression(&["arn:aws:iot:.*"], false)]
#[case::the_second_pattern(&["x", "*:thinggroup/line-1-presses"], true)]
fn patterns_match_whole_arns(#[case] patterns: &[&str], #[case] allowed: bool) {
    let patterns: Vec<String> = patterns.iter().map(|&pattern| pattern.to_owned()).collect();
    assert_eq!(TargetRule::of(&patterns).matches(target("line-1-presses").as_str()), allowed);
}

#[test]
fn a_parent_must_be_allowed_as_well() {
    let grant =
        Grant { targets: TargetRule::of(&["*:thinggroup/line-1*".to_owned()]), ..Grant::of_everything("north") };
    let key = |parent: &str| Key { target: target("line-1"), parent: Some(target(parent)) };
    assert_eq!(grant.refuses(&key("line-1-all")), None);
    assert!(grant.refuses(&key("factory")).unwrap().contains(target("factory").as_str()));
}

#[rstest]
#[case::no_role(json!({"roleArn": "arn:aws:iam::123:role/x"}), "spec.roleArn")]
#[case::a_user(json!({"roleArn": "arn:aws:iam::123456789012:user/x"}), "spec.roleArn")]
#[case::external_id_alone(json!({"externalId": "ab"}), "spec.externalId")]
#[case::duration_alone(json!({"sessionDuration": "1h"}), "spec.sessionDuration")]
#[case::short_session(json!({"roleArn": "arn:aws:iam::123456789012:role/x", "sessionDuration": "10m"}), "spec.sessionDuration")]
#[case::long_session(json!({"roleArn": "arn:aws:iam::123456789012:role/x", "sessionDuration": "13h"}), "spec.sessionDuration")]
#[case::external_id(json!({"roleArn": "arn:aws:iam::123456789012:role/x", "externalId": "a b"}), "spec.externalId")]
#[case::region(json!({"region": "Frankfurt!"}), "spec.region")]
#[case::plain_http(json!({"endpointUrl": "http://aws.example"}), "--allow-insecure-endpoints")]
#[case::a_user_in_the_url(json!({"endpointUrl": "https://user@aws.example"}), "spec.endpointUrl")]
#[case::no_url(json!({"endpointUrl": "aws.example"}), "spec.endpointUrl")]
#[case::interval(json!({"driftInterval": "1s"}), "spec.driftInterval")]
#[case::own_tags(json!({"tags": {"greengrass-operator.dev/uid": "1"}}), "spec.tags")]
#[case::selector(
    json!({"allowedNamespaces": {"selector": {"matchExpressions": [{"key": "a", "operator": "In"}]}}}),
    "spec.allowedNamespaces.selector"
)]
fn what_makes_no_sense_is_refused_with_its_field(#[case] it: Value, #[case] words: &str) {
    let error = parse("x", &spec(it), false).identity.unwrap_err().to_string();
    assert!(error.contains(words), "{error}");
}

#[test]
fn a_whole_identity_is_read() {
    let it = spec(json!({
        "roleArn": "arn:aws-cn:iam::123456789012:role/greengrass/Deployer",
        "externalId": "factory-7",
        "sessionDuration": "30m",
        "region": "cn-north-1",
        "endpointUrl": "http://127.0.0.1:4566",
        "driftInterval": "15m",
        "tags": {"cost-center": "4711"},
    }));
    let identity = parse("x", &it, true).identity.unwrap();
    let role = identity.role.unwrap();
    assert_eq!((role.arn.partition(), role.arn.account()), ("aws-cn", "123456789012"));
    assert_eq!(role.session_duration, SignedDuration::from_mins(30));
    assert_eq!(identity.drift_interval, Some(SignedDuration::from_mins(15)));
    assert_eq!(identity.endpoint_url.as_deref(), Some("http://127.0.0.1:4566"));
}

#[test]
fn short_names_are_in_the_place_of_the_identity() {
    let place = Place { partition: "aws".into(), region: "eu-central-1".into(), account: "123456789012".into() };
    assert_eq!(place.target(TargetKind::ThingGroup, "Presses"), Some(target("Presses")));
    assert_eq!(place.target(TargetKind::ThingGroup, "a b"), None);
}

#[test]
fn a_selector_that_selects_nothing_is_no_selector_of_everything() {
    let selector = Selector::try_from(LabelSelector::default()).unwrap();
    assert!(selector.selects_all(), "as Kubernetes has it: empty selects all, absent none");
}
