//! From manifests to what each asks for, as the operator would read it in a cluster that has just these. Pure.

use std::collections::BTreeMap;

use greengrass_operator_core::api::GreengrassDeploymentSpec;
use greengrass_operator_core::deployment::references::{ConfigMapFound, Grant, IdentityFound, ParentFound, References};
use greengrass_operator_core::deployment::subject::{Absent, Wanted};
use greengrass_operator_core::deployment::validate::{Lenient, Parent, Refused, Target, lenient, validate};
use greengrass_operator_core::identity::{Identity, IdentityReference, Namespace, Picked, pick};
use greengrass_operator_core::names::TargetKind;
use serde_json::Value;

use super::super::manifests::{Manifest, Manifests, unknown_fields};

/// Whose credentials are used where no role is assumed, and where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Own {
    pub(super) account: Option<String>,
    pub(super) partition: Option<String>,
    pub(super) region: Option<String>,
}

/// What a manifest asks for.
#[derive(Debug)]
pub(super) struct Resolved {
    pub(super) wanted: Wanted,
    /// The identity, where it is among the manifests.
    pub(super) identity: Option<Identity>,
    /// What the answer rests on.
    pub(super) notes: Vec<String>,
}

/// What a manifest asks for.
pub(super) fn resolve(manifest: &Manifest, all: &Manifests, own: &Own) -> Resolved {
    let raw = lenient(&manifest.spec);
    let mut notes = Vec::new();
    let (found, identity) = identity(&raw, &manifest.object.namespace, all, own, &mut notes);
    let spec = match serde_path_to_error::deserialize::<_, GreengrassDeploymentSpec>(&manifest.spec) {
        Ok(spec) => spec,
        Err(error) => return Resolved { wanted: Wanted::Invalid(unreadable(&error)), identity, notes },
    };
    if let Some(component) = null_in_merge(&manifest.spec) {
        notes.push(format!(
            "the merge of component {component} holds null, which kubectl's client-side apply drops: apply with --server-side, or write merge as a text"
        ));
    }
    let unknown = unknown_fields(&manifest.spec, &spec);
    if !unknown.is_empty() {
        let message =
            format!("spec has fields that there are not: {}: see kubectl explain ggd.spec", unknown.join(", "));
        return Resolved { wanted: Wanted::Invalid(message), identity, notes };
    }
    let references = References {
        identity: found,
        parent: parent(&raw, &manifest.object.namespace, all, own),
        config_maps: config_maps(&spec, &manifest.object.namespace, all),
    };
    let wanted = match validate(&manifest.object, &spec, &references) {
        Ok(desired) => Wanted::present(desired),
        Err(Refused::Invalid(invalid)) => Wanted::Invalid(invalid.to_string()),
        Err(Refused::Unread) => Wanted::Unread,
        Err(Refused::NoIdentity(message)) => Wanted::Missing(Absent::Identity, message),
        Err(Refused::NotAllowed(message)) => Wanted::NotAllowed(message),
        Err(Refused::Missing(missing)) => Wanted::Missing(
            Absent::Reference,
            format!("{missing} (only what the manifests hold counts: add the file that has it)"),
        ),
    };
    Resolved { wanted, identity, notes }
}

/// The identity that the operator would use, where the manifests hold it; else one that may do everything.
pub(super) fn identity(
    raw: &Lenient,
    namespace: &str,
    all: &Manifests,
    own: &Own,
    notes: &mut Vec<String>,
) -> (IdentityFound, Option<Identity>) {
    let named = match &raw.identity {
        IdentityReference::Named(name) if !all.identities.contains_key(name) => Some(name),
        IdentityReference::Named(_) | IdentityReference::Absent | IdentityReference::Unreadable => None,
    };
    if let Some(name) = named {
        notes.push(format!(
            "AwsIdentity {name} is not among the manifests: whom it serves, its region and its tags are not known"
        ));
        return (IdentityFound::Granted(unrestricted(name, raw, own)), None);
    }
    let place = Namespace { name: namespace, labels: all.namespaces.get(namespace) };
    match pick(&raw.identity, place, &all.identities) {
        Picked::Usable(identity) => {
            let mut grant = unrestricted(&identity.name, raw, own);
            if let Some(role) = &identity.role {
                grant.account = Some(role.arn.account().to_owned());
                role.arn.partition().clone_into(&mut grant.partition);
            }
            grant.region = identity.region.clone().or_else(|| own.region.clone());
            grant.targets = identity.allowed_targets.clone();
            grant.tags.clone_from(&identity.tags);
            (IdentityFound::Granted(grant), Some(identity.clone()))
        }
        Picked::Missing(_) if raw.identity == IdentityReference::Absent => {
            (IdentityFound::Granted(unrestricted(greengrass_operator_core::identity::DEFAULT, raw, own)), None)
        }
        Picked::Missing(message) => (IdentityFound::Missing(message), None),
        Picked::NotAllowed(message) => (IdentityFound::NotAllowed(message), None),
    }
}

/// Without a role the operator's own credentials lead to an account that is not known here. The caller's stands in for it where a target is
/// named without its ARN; whether the caller may read a target is seen where AWS is asked.
fn unrestricted(name: &str, raw: &Lenient, own: &Own) -> Grant {
    let mut grant = Grant::of_everything(name);
    if matches!(raw.target, Some(Target::Named(..))) {
        grant.account.clone_from(&own.account);
    }
    if let Some(partition) = &own.partition {
        grant.partition.clone_from(partition);
    }
    grant.region.clone_from(&own.region);
    grant
}

/// The target of the resource that `parent` names, where the manifests hold it.
fn parent(raw: &Lenient, namespace: &str, all: &Manifests, own: &Own) -> ParentFound {
    let Some(Parent::Resource(name)) = &raw.parent else { return ParentFound::Missing };
    let is_it = |other: &&Manifest| *other.object.namespace == *namespace && *other.object.name == **name;
    let Some(found) = all.deployments.iter().find(is_it) else { return ParentFound::Missing };
    let raw = lenient(&found.spec);
    let (identity, _) = identity(&raw, namespace, all, own, &mut Vec::new());
    let target = raw.target.as_ref().filter(|target| target.kind() == TargetKind::ThingGroup && raw.parent.is_none());
    target.and_then(|target| target.arn(identity.place().as_ref())).map_or(ParentFound::Unfit, ParentFound::Target)
}

fn config_maps(spec: &GreengrassDeploymentSpec, namespace: &str, all: &Manifests) -> BTreeMap<String, ConfigMapFound> {
    let updates = spec.components.values().filter_map(|component| component.configuration_update.as_ref());
    let sources = updates.filter_map(|update| update.merge_from.as_ref()).flatten();
    sources
        .map(|source| {
            let name = source.config_map_key_ref.name.clone();
            let found = all.config_maps.get(&(namespace.to_owned(), name.clone()));
            (name, found.map_or(ConfigMapFound::Missing, |data| ConfigMapFound::Data(data.clone())))
        })
        .collect()
}

/// Where in a spec a null is that client-side apply would drop from a merge.
fn null_in_merge(spec: &Value) -> Option<&str> {
    fn has_null(value: &Value) -> bool {
        match value {
            Value::Null => true,
            Value::Array(items) => items.iter().any(has_null),
            Value::Object(fields) => fields.values().any(has_null),
            Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
        }
    }
    let components = spec.get("components")?.as_object()?;
    let merges = components
        .iter()
        .filter_map(|(name, component)| Some((name, component.pointer("/configurationUpdate/merge")?)));
    merges.filter(|(_, merge)| merge.is_object()).find(|(_, merge)| has_null(merge)).map(|(name, _)| name.as_str())
}

/// What is wrong, by the field and without its value, which may be nobody's business.
pub(super) fn unreadable(error: &serde_path_to_error::Error<serde_json::Error>) -> String {
    let said = error.inner().to_string();
    let path = error.path().to_string();
    let field = if path == "." { "spec".to_owned() } else { format!("spec.{path}") };
    if let Some(rest) = said.strip_prefix("missing field ") {
        return format!("{field}: field {rest} is missing");
    }
    match said.split_once(", expected ") {
        Some((_, expected)) if expected.starts_with("struct ") => format!("{field} must be an object"),
        Some((_, expected)) => format!("{field} must be {expected}"),
        None => format!("{field} can't be read: see kubectl explain ggd.{field}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::super::manifests::parse;
    use super::*;

    const GROUP: &str = "arn:aws:iot:eu-central-1:123456789012:thinggroup/Presses";

    fn all(documents: &[Value]) -> Manifests {
        let text = documents.iter().map(Value::to_string).collect::<Vec<_>>().join("\n---\n");
        parse(&[("file".to_owned(), text)], "plant").unwrap()
    }

    fn deployment(name: &str, spec: &Value) -> Value {
        json!({"apiVersion": "greengrass-operator.dev/v1alpha1", "kind": "GreengrassDeployment", "metadata": {"name": name}, "spec": spec})
    }

    fn identity(name: &str, spec: &Value) -> Value {
        json!({"apiVersion": "greengrass-operator.dev/v1alpha1", "kind": "AwsIdentity", "metadata": {"name": name}, "spec": spec})
    }

    fn first(manifests: &Manifests) -> Resolved {
        let own = Own {
            account: Some("123456789012".into()),
            partition: Some("aws".into()),
            region: Some("eu-central-1".into()),
        };
        resolve(&manifests.deployments[0], manifests, &own)
    }

    fn said(wanted: &Wanted) -> &str {
        match wanted {
            Wanted::Invalid(message) | Wanted::Missing(_, message) | Wanted::NotAllowed(message) => message,
            Wanted::Present(..) | Wanted::Unread | Wanted::Absent { .. } => panic!("{wanted:?}"),
        }
    }

    #[test]
    fn a_short_target_is_where_the_callers_credentials_are() {
        let resolved = first(&all(&[deployment(
            "a",
            &json!({"target": {"thingGroup": "Presses"}, "components": {"c": {"componentVersion": "1.0.0"}}}),
        )]));
        let Wanted::Present(desired, _) = resolved.wanted else { panic!("{resolved:?}") };
        assert_eq!(desired.key.target.as_str(), GROUP);
    }

    #[test]
    fn an_identity_among_the_manifests_counts_with_all_that_it_says() {
        let spec = json!({"target": {"thingGroup": "Presses"}, "identityRef": {"name": "north"}, "components": {"c": {"componentVersion": "1.0.0"}}});
        let north = |targets: &str| {
            identity(
                "north",
                &json!({
                    "roleArn": "arn:aws:iam::210987654321:role/deployer", "region": "eu-north-1", "allowedNamespaces": {"names": ["plant"]},
                    "allowedTargets": [targets], "tags": {"team": "north"},
                }),
            )
        };
        let resolved = first(&all(&[deployment("a", &spec), north("*")]));
        let Wanted::Present(desired, _) = &resolved.wanted else { panic!("{resolved:?}") };
        assert_eq!(desired.key.target.as_str(), "arn:aws:iot:eu-north-1:210987654321:thinggroup/Presses");
        assert_eq!(desired.tags["team"], "north");
        let refused = first(&all(&[deployment("a", &spec), north("*:thinggroup/Paint")]));
        assert!(said(&refused.wanted).starts_with("AwsIdentity north does not allow"), "{refused:?}");
    }

    #[test]
    fn an_identity_that_is_elsewhere_is_taken_on_trust_and_told() {
        let spec = json!({"targetArn": GROUP, "identityRef": {"name": "north"}, "components": {"c": {"componentVersion": "1.0.0"}}});
        let resolved = first(&all(&[deployment("a", &spec)]));
        assert!(matches!(resolved.wanted, Wanted::Present(..)));
        assert_eq!(resolved.notes.len(), 1);
    }

    #[test]
    fn a_parent_and_a_config_map_are_found_among_the_manifests() {
        let sub = json!({
            "targetArn": "arn:aws:iot:eu-central-1:123456789012:thinggroup/Canaries", "parent": {"name": "b"},
            "components": {"c": {"componentVersion": "1.0.0", "configurationUpdate": {"mergeFrom": [{"configMapKeyRef": {"name": "m", "key": "k"}}]}}},
        });
        let parent = json!({"target": {"thingGroup": "Presses"}, "components": {"c": {"componentVersion": "1.0.0"}}});
        let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m"}, "data": {"k": "a: 1"}});
        let resolved = first(&all(&[deployment("a", &sub), deployment("b", &parent), map]));
        let Wanted::Present(desired, _) = &resolved.wanted else { panic!("{resolved:?}") };
        assert_eq!(desired.key.parent.as_ref().unwrap().as_str(), GROUP);
        assert_eq!(desired.content.components["c"].merge.as_ref().unwrap().text, r#"{"a":1}"#);
        let without = first(&all(&[deployment("a", &sub)]));
        assert!(said(&without.wanted).ends_with("add the file that has it)"), "{without:?}");
    }

    #[test]
    fn a_value_of_the_wrong_type_is_told_by_its_field_and_not_shown() {
        let wrong = |update: Value, version: Value| {
            let spec = json!({"targetArn": GROUP, "components": {"com.example.Press": {"componentVersion": version, "configurationUpdate": update}}});
            said(&first(&all(&[deployment("a", &spec)])).wanted).to_owned()
        };
        let field = "spec.components.com.example.Press.";
        assert_eq!(
            wrong(json!("hunter2secret"), json!("1.0.0")),
            format!("{field}configurationUpdate must be an object")
        );
        assert_eq!(wrong(json!({}), json!(1.5)), format!("{field}componentVersion must be a string"));
    }

    #[test]
    fn a_null_that_may_get_lost_on_the_way_is_noted() {
        let spec = json!({"targetArn": GROUP, "components": {"c": {"componentVersion": "1.0.0", "configurationUpdate": {"merge": {"a": null}}}}});
        let notes = first(&all(&[deployment("a", &spec)])).notes;
        assert!(notes[0].starts_with("the merge of component c holds null"), "{notes:?}");
    }

    #[test]
    fn a_misspelled_field_of_an_identity_keeps_it_from_being_used() {
        let spec = json!({"targetArn": GROUP, "identityRef": {"name": "north"}, "components": {"c": {"componentVersion": "1.0.0"}}});
        let north = identity(
            "north",
            &json!({"roleArn2": "arn:aws:iam::210987654321:role/deployer", "allowedNamespaces": {"names": ["*"]}, "allowedTargets": ["*"]}),
        );
        let refused = first(&all(&[deployment("a", &spec), north]));
        assert!(said(&refused.wanted).contains("fields that there are not: spec.roleArn2"), "{refused:?}");
    }

    #[test]
    fn a_field_that_there_is_not_is_named_and_configurations_are_free() {
        let spec = json!({"targetArn": GROUP, "components": {"c": {"componentVersion": "1.0.0", "configUpdate": {}, "configurationUpdate": {"merge": {"free": {"to": "say"}}}}}, "suspended": true});
        let resolved = first(&all(&[deployment("a", &spec)]));
        assert_eq!(
            said(&resolved.wanted),
            "spec has fields that there are not: spec.components.c.configUpdate, spec.suspended: see kubectl explain ggd.spec"
        );
    }
}
