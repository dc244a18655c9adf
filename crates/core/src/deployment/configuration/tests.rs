//! Tests of the algebra. Pure.

use rstest::rstest;
use semver::Version;
use serde_json::json;

use super::super::desired::Merge;
use super::*;

mod devices;

const NAME: &str = "com.example.Press";

fn component(merge: &Value, reset: &[&str]) -> Component {
    let Value::Object(value) = merge.clone() else { panic!("no object") };
    Component {
        version: Version::new(1, 0, 0),
        merge: Some(Merge { text: merge.to_string(), value }),
        reset: reset.iter().map(ToString::to_string).collect(),
        run_with: None,
    }
}

fn content(merge: &Value, reset: &[&str]) -> Content {
    let components = BTreeMap::from([(NAME.to_owned(), component(merge, reset))]);
    Content { name: None, components, policies: None, job: None }
}

fn set(merge: &Value) -> Vec<String> {
    set_by(merge.as_object().unwrap()).iter().map(ToOwned::to_owned).collect()
}

/// What a revision resets that follows another on devices.
fn resets_after(before: &Value, after: &Value) -> Vec<String> {
    let dropped = Keys(BTreeMap::from([(NAME.to_owned(), set_by(before.as_object().unwrap()))]));
    resets(&dropped, &content(after, &[])).remove(NAME).unwrap_or_default()
}

#[test]
fn keys_are_pointers_with_their_signs_escaped() {
    assert_eq!(set(&json!({"a/b": {"m~n": 1}, "": 2})), ["/", "/a~1b/m~0n"]);
    assert_eq!(set(&json!({"list": [{"a": 1}], "none": null, "empty": {}})), ["/empty", "/list", "/none"]);
}

#[rstest]
#[case::a_key(json!({"a": 1, "b": 2}), json!({"a": 1}), &["/b"])]
#[case::below(json!({"a": {"b": 1, "c": 2}}), json!({"a": {"b": 1}}), &["/a/c"])]
#[case::all_below(json!({"a": {"b": 1, "c": 2}}), json!({"d": 1}), &["/a/b", "/a/c"])]
#[case::an_object_by_a_value(json!({"a": {"b": 1}}), json!({"a": 5}), &[])]
#[case::a_value_by_an_object(json!({"a": 5}), json!({"a": {"b": 1}}), &["/a"])]
#[case::an_empty_object_covers_nothing(json!({"a": {"b": 1}}), json!({"a": {}}), &["/a/b"])]
#[case::an_empty_object_is_no_value(json!({"a": 5}), json!({"a": {}}), &["/a"])]
#[case::a_list_is_one_value(json!({"a": [1, 2]}), json!({"a": [3]}), &[])]
#[case::null_is_a_value(json!({"a": null}), json!({}), &["/a"])]
#[case::another_case_is_the_same_key(json!({"Port": 1}), json!({"pORT": 2}), &[])]
#[case::what_looks_like_an_index_cannot_be_reset(json!({"ports": {"8080": 1, "http": 2, "08": 3}}), json!({}), &["/ports/08", "/ports/http"])]
fn what_the_new_revision_does_not_set_is_reset(#[case] before: Value, #[case] after: Value, #[case] expected: &[&str]) {
    assert_eq!(resets_after(&before, &after), expected);
}

#[test]
fn what_the_user_resets_or_what_lies_below_another_is_not_named_twice() {
    let dropped = Keys::recorded(&BTreeMap::from([(NAME.into(), vec!["/a".into(), "/a/b".into(), "/c".into()])]));
    assert_eq!(resets(&dropped, &content(&json!({}), &["/C"]))[NAME], ["/a"]);
    assert_eq!(resets(&dropped, &content(&json!({}), &[""])), BTreeMap::new());
}

#[test]
fn a_component_that_is_not_deployed_has_nothing_reset() {
    let dropped = Keys::recorded(&BTreeMap::from([("com.example.Gone".into(), vec!["/a".into()])]));
    assert_eq!(resets(&dropped, &content(&json!({}), &[])), BTreeMap::new());
}

#[test]
fn what_cannot_be_reset_is_told_unless_something_above_is() {
    let dropped = Keys::recorded(&BTreeMap::from([(NAME.into(), vec!["/ports/8080".into()])]));
    assert_eq!(stuck(&dropped, &content(&json!({}), &[])), [(NAME, "/ports/8080")]);
    assert!(stuck(&dropped, &content(&json!({}), &["/ports"])).is_empty());
    assert!(stuck(&dropped, &content(&json!({"ports": 1}), &[])).is_empty());
    assert!(stuck(&dropped, &content(&json!({"ports": {"8080": 2}}), &[])).is_empty());
}

#[test]
fn beyond_the_bound_the_deepest_pointers_collapse_to_what_is_above_them() {
    let mut keys = Keys::recorded(&BTreeMap::from([(NAME.into(), vec!["/top".into()])]));
    let deep = (0..MAX_POINTERS).map(|n| format!("/a/b/k{n}")).collect();
    keys.add(&Keys::recorded(&BTreeMap::from([(NAME.into(), deep)])));
    assert_eq!(keys.to_status()[NAME], ["/a/b", "/top"]);
}

#[test]
fn a_pointer_longer_than_aws_takes_stands_for_what_is_above_it() {
    let set = set_by(json!({"a": {"k".repeat(300): 1}}).as_object().unwrap());
    let mut keys = Keys::default();
    keys.add(&Keys(BTreeMap::from([(NAME.to_owned(), set)])));
    assert_eq!(keys.to_status()[NAME], ["/a"]);
    // Another long key beneath it does not make it one that is set.
    let after = json!({"a": {"l".repeat(300): 1}});
    assert_eq!(resets(&keys, &content(&after, &[]))[NAME], ["/a"]);
}

#[test]
fn a_bound_holds_for_all_together_too() {
    let each = |n: usize| (format!("c{n}"), (0..MAX_POINTERS).map(|k| format!("/k{k}")).collect());
    let mut keys = Keys::default();
    keys.add(&Keys::recorded(&(0..30).map(each).collect()));
    assert!(keys.iter().count() <= MAX_TOTAL);
    assert_eq!(keys.to_status().len(), 30, "no component is forgotten");
}

#[test]
fn a_bound_holds_for_components_too() {
    let many = (0..=MAX_COMPONENTS).map(|n| (format!("c{n}"), vec!["/a".to_owned()])).collect();
    let mut keys = Keys::default();
    keys.add(&Keys::recorded(&many));
    assert_eq!(keys.to_status().len(), MAX_COMPONENTS);
}
