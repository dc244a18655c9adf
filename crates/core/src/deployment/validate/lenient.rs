//! What can be read of a spec that as a whole can't. Pure.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::Value;

use crate::api::{AdoptionPolicy, DeletionPolicy};
use crate::identity::{IdentityReference, Place};
use crate::names::{Key, TargetArn, TargetKind};

/// The little of a spec that the operator needs even where the rest makes no sense: to let go of a deleted object, and to
/// keep from writing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lenient {
    /// The deletion policy, where it is one that this version knows.
    pub deletion_policy: Option<DeletionPolicy>,
    /// The target, where the key as a whole can be read: with a parent that can't, the target alone would be the key of
    /// another deployment.
    pub target: Option<Target>,
    /// The parent.
    pub parent: Option<Parent>,
    /// The identity.
    pub identity: IdentityReference,
    /// How long `Remove` may take, where that can be read.
    pub remove_timeout: Option<SignedDuration>,
    /// What to do with deployments of others, where it is one that this version knows.
    pub adoption_policy: Option<AdoptionPolicy>,
    /// The user's tags that are texts.
    pub tags: BTreeMap<String, String>,
    /// Whether nothing may be written: anything but an absent, null or false `suspend` counts as true.
    pub suspend: bool,
}

/// A thing or thing group, as a spec names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// By its ARN.
    Arn(TargetArn),
    /// By its name, in the account and region of the identity.
    Named(TargetKind, String),
}

/// A parent, as a spec names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parent {
    /// By the ARN of its thing group.
    Arn(TargetArn),
    /// By the name of its thing group.
    Group(String),
    /// By its resource.
    Resource(String),
}

impl Target {
    /// What it is.
    #[must_use]
    pub fn kind(&self) -> TargetKind {
        match self {
            Self::Arn(arn) => arn.kind(),
            Self::Named(kind, _) => *kind,
        }
    }

    /// Its ARN; `place` is that of the identity, where it is known.
    #[must_use]
    pub fn arn(&self, place: Option<&Place>) -> Option<TargetArn> {
        match self {
            Self::Arn(arn) => Some(arn.clone()),
            Self::Named(kind, name) => place?.target(*kind, name),
        }
    }
}

impl Lenient {
    /// What the deployment is for. `place` is that of the identity, where it is known; `target_of` knows the targets of the resources
    /// in the namespace.
    #[must_use]
    pub fn key(&self, place: Option<&Place>, target_of: impl FnOnce(&str) -> Option<TargetArn>) -> Option<Key> {
        let target = self.target.as_ref()?;
        let arn = target.arn(place)?;
        let parent = match &self.parent {
            None => None,
            Some(Parent::Arn(arn)) => Some(arn.clone()),
            Some(Parent::Resource(name)) => Some(target_of(name)?),
            Some(Parent::Group(name)) => {
                let beside = Place {
                    partition: arn.partition().to_owned(),
                    region: arn.region().to_owned(),
                    account: arn.account().to_owned(),
                };
                Some(beside.target(TargetKind::ThingGroup, name)?)
            }
        };
        Some(Key { target: arn, parent })
    }
}

/// Reads what it can of a spec, given as the value of the object's `spec`.
#[must_use]
pub fn lenient(spec: &Value) -> Lenient {
    let present = |field: &str| spec.get(field).filter(|value| !value.is_null());
    let parent = parent(present("parentTargetArn"), present("parent"));
    // A parent that can't be read leaves no key.
    let target = parent.as_ref().ok().and_then(|_| target(present("targetArn"), present("target")));
    Lenient {
        deletion_policy: present("deletionPolicy")
            .filter(|value| value.is_string())
            .and_then(|value| DeletionPolicy::deserialize(value).ok()),
        parent: parent.ok().flatten().filter(|_| target.is_some()),
        target,
        identity: identity(present("identityRef")),
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

fn target(arn: Option<&Value>, reference: Option<&Value>) -> Option<Target> {
    match (arn, reference) {
        (Some(arn), None) => TargetArn::parse(arn.as_str()?).ok().map(Target::Arn),
        (None, Some(reference)) => {
            let named = |field: &str| reference.get(field).filter(|value| !value.is_null());
            match (named("thing"), named("thingGroup")) {
                (Some(name), None) => Some(Target::Named(TargetKind::Thing, name.as_str()?.to_owned())),
                (None, Some(name)) => Some(Target::Named(TargetKind::ThingGroup, name.as_str()?.to_owned())),
                (Some(_), Some(_)) | (None, None) => None,
            }
        }
        (Some(_), Some(_)) | (None, None) => None,
    }
}

/// There is none, there is one that can't be read.
struct Unreadable;

fn parent(arn: Option<&Value>, reference: Option<&Value>) -> Result<Option<Parent>, Unreadable> {
    let text = |value: &Value| value.as_str().map(ToOwned::to_owned).ok_or(Unreadable);
    match (arn, reference) {
        (None, None) => Ok(None),
        (Some(arn), _) => TargetArn::parse(arn.as_str().ok_or(Unreadable)?)
            .ok()
            .filter(|arn| arn.kind() == TargetKind::ThingGroup)
            .map(|arn| Some(Parent::Arn(arn)))
            .ok_or(Unreadable),
        (None, Some(reference)) => {
            let named = |field: &str| reference.get(field).filter(|value| !value.is_null());
            match (named("name"), named("thingGroup")) {
                (Some(name), None) => Ok(Some(Parent::Resource(text(name)?))),
                (None, Some(name)) => Ok(Some(Parent::Group(text(name)?))),
                (Some(_), Some(_)) | (None, None) => Err(Unreadable),
            }
        }
    }
}

fn identity(reference: Option<&Value>) -> IdentityReference {
    match reference {
        None => IdentityReference::Absent,
        Some(reference) => reference
            .get("name")
            .and_then(Value::as_str)
            .map_or(IdentityReference::Unreadable, |name| IdentityReference::Named(name.to_owned())),
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
        assert_eq!(read.key(None, |_| None).map(|key| key.target.to_string()).as_deref(), Some(GROUP));
        assert_eq!(read.parent, Some(Parent::Arn(TargetArn::parse(PARENT).unwrap())));
        assert!(read.suspend);
    }

    #[rstest]
    #[case::unknown_policy(json!({"deletionPolicy": "Burn"}))]
    #[case::policy_of_another_type(json!({"deletionPolicy": {"Cancel": null}}))]
    #[case::no_object(json!("spec"))]
    #[case::nothing(Value::Null)]
    fn a_policy_that_is_none_is_not_made_up(#[case] spec: Value) {
        let read = lenient(&spec);
        assert_eq!((read.deletion_policy, read.key(None, |_| None), read.suspend), (None, None, false));
    }

    #[rstest]
    #[case::no_arn(json!("MyParent"))]
    #[case::a_thing(json!("arn:aws:iot:us-west-2:123456789012:thing/MyParent"))]
    #[case::no_text(json!(7))]
    fn a_parent_that_cannot_be_read_leaves_no_key(#[case] parent: Value) {
        assert_eq!(lenient(&json!({"targetArn": GROUP, "parentTargetArn": parent})).key(None, |_| None), None);
    }

    #[test]
    fn a_parent_that_is_named_by_its_resource_is_looked_up() {
        let read = lenient(&json!({"targetArn": GROUP, "parent": {"name": "presses"}}));
        assert_eq!(read.key(None, |_| None), None);
        let key = read.key(None, |name| (name == "presses").then(|| TargetArn::parse(PARENT).unwrap())).unwrap();
        assert_eq!(key.parent.map(|arn| arn.to_string()).as_deref(), Some(PARENT));
        assert_eq!(lenient(&json!({"targetArn": GROUP, "parent": "presses"})).key(None, |_| None), None);
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
