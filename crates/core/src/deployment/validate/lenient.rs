//! What can be read of a spec that as a whole can't. Pure.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::Value;

use crate::api::{AdoptionPolicy, DeletionPolicy};
use crate::names::{Key, TargetArn, TargetKind};

/// The little of a spec that the operator needs even where the rest makes no sense: to let go of a deleted object, and to
/// keep from writing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lenient {
    /// The deletion policy, where it is one that this version knows.
    pub deletion_policy: Option<DeletionPolicy>,
    /// The target, where the key as a whole can be read: with a parent that can't, the target alone would be the key of
    /// another deployment.
    pub target_arn: Option<TargetArn>,
    /// The parent's thing group.
    pub parent_target_arn: Option<TargetArn>,
    /// The parent's resource, where it is named in place of its thing group.
    pub parent_name: Option<String>,
    /// How long `Remove` may take, where that can be read.
    pub remove_timeout: Option<SignedDuration>,
    /// What to do with deployments of others, where it is one that this version knows.
    pub adoption_policy: Option<AdoptionPolicy>,
    /// The user's tags that are texts.
    pub tags: BTreeMap<String, String>,
    /// Whether nothing may be written: anything but an absent, null or false `suspend` counts as true.
    pub suspend: bool,
}

impl Lenient {
    /// What the deployment is for. `target_of` knows the targets of the resources in the namespace.
    #[must_use]
    pub fn key(&self, target_of: impl FnOnce(&str) -> Option<TargetArn>) -> Option<Key> {
        let parent = match &self.parent_name {
            Some(name) => Some(target_of(name)?),
            None => self.parent_target_arn.clone(),
        };
        Some(Key { target: self.target_arn.clone()?, parent })
    }
}

/// Reads what it can of a spec, given as the value of the object's `spec`.
#[must_use]
pub fn lenient(spec: &Value) -> Lenient {
    let present = |field: &str| spec.get(field).filter(|value| !value.is_null());
    let arn = |field: &str| present(field).map(|value| TargetArn::parse(value.as_str().unwrap_or_default()).ok());
    let target = arn("targetArn").flatten();
    let parent_name = present("parent").map(|parent| parent.get("name").and_then(Value::as_str).map(ToOwned::to_owned));
    let (target_arn, parent_target_arn) = match arn("parentTargetArn") {
        None if parent_name == Some(None) => (None, None),
        None => (target, None),
        Some(Some(parent)) if parent.kind() == TargetKind::ThingGroup && target.is_some() => (target, Some(parent)),
        Some(_) => (None, None),
    };
    Lenient {
        deletion_policy: present("deletionPolicy")
            .filter(|value| value.is_string())
            .and_then(|value| DeletionPolicy::deserialize(value).ok()),
        target_arn,
        parent_target_arn,
        parent_name: parent_name.flatten(),
        remove_timeout: present("removeTimeout").and_then(Value::as_str).and_then(super::rollout::parse),
        adoption_policy: present("adoptionPolicy")
            .filter(|value| value.is_string())
            .and_then(|value| AdoptionPolicy::deserialize(value).ok()),
        tags: present("tags")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
            .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
            .collect(),
        suspend: present("suspend").is_some_and(|value| *value != Value::Bool(false)),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    const GROUP: &str = "arn:aws:iot:us-west-2:123456789012:thinggroup/MyThingGroup";
    const PARENT: &str = "arn:aws:iot:us-west-2:123456789012:thinggroup/MyParent";

    #[test]
    fn policy_key_and_suspend_are_read_beside_nonsense() {
        let spec = json!({
            "targetArn": GROUP, "parentTargetArn": PARENT, "deletionPolicy": "Cancel", "suspend": true, "components": 7
        });
        let read = lenient(&spec);
        assert_eq!(read.deletion_policy, Some(DeletionPolicy::Cancel));
        assert_eq!(read.key(|_| None).map(|key| key.target.to_string()).as_deref(), Some(GROUP));
        assert_eq!(read.parent_target_arn.map(|arn| arn.to_string()).as_deref(), Some(PARENT));
        assert!(read.suspend);
    }

    #[rstest]
    #[case::unknown_policy(json!({"deletionPolicy": "Burn"}))]
    #[case::policy_of_another_type(json!({"deletionPolicy": {"Cancel": null}}))]
    #[case::no_object(json!("spec"))]
    #[case::nothing(Value::Null)]
    fn a_policy_that_is_none_is_not_made_up(#[case] spec: Value) {
        let read = lenient(&spec);
        assert_eq!((read.deletion_policy, read.key(|_| None), read.suspend), (None, None, false));
    }

    #[rstest]
    #[case::no_arn(json!("MyParent"))]
    #[case::a_thing(json!("arn:aws:iot:us-west-2:123456789012:thing/MyParent"))]
    #[case::no_text(json!(7))]
    fn a_parent_that_cannot_be_read_leaves_no_key(#[case] parent: Value) {
        assert_eq!(lenient(&json!({"targetArn": GROUP, "parentTargetArn": parent})).key(|_| None), None);
    }

    #[test]
    fn a_parent_that_is_named_by_its_resource_is_looked_up() {
        let read = lenient(&json!({"targetArn": GROUP, "parent": {"name": "presses"}}));
        assert_eq!(read.key(|_| None), None);
        let key = read.key(|name| (name == "presses").then(|| TargetArn::parse(PARENT).unwrap())).unwrap();
        assert_eq!(key.parent.map(|arn| arn.to_string()).as_deref(), Some(PARENT));
        assert_eq!(lenient(&json!({"targetArn": GROUP, "parent": "presses"})).key(|_| None), None);
    }

    #[rstest]
    #[case::absent(json!({}), false)]
    #[case::null(json!({"suspend": null}), false)]
    #[case::no(json!({"suspend": false}), false)]
    #[case::text(json!({"suspend": "yes"}), true)]
    #[case::number(json!({"suspend": 1}), true)]
    fn an_unclear_suspend_writes_nothing(#[case] spec: Value, #[case] suspend: bool) {
        assert_eq!(lenient(&spec).suspend, suspend);
    }
}
