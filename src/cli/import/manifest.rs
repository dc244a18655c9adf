//! From a deployment in AWS to the manifest that takes it over as it is. Pure.

use std::collections::{BTreeMap, BTreeSet};

use greengrass_operator_core::api::GreengrassDeploymentSpec;
use greengrass_operator_core::deployment::knowledge::{DeployedContent, Details, RowStatus};
use greengrass_operator_core::deployment::references::{Grant, IdentityFound, References};
use greengrass_operator_core::deployment::request::ComponentRequest;
use greengrass_operator_core::deployment::revision::{digest, digest_of_deployed};
use greengrass_operator_core::deployment::tags::{OwnerTags, user_tags};
use greengrass_operator_core::deployment::validate::{Refused, validate};
use greengrass_operator_core::identity::DEFAULT;
use greengrass_operator_core::names::{ObjectName, TargetArn, TargetKind};
use serde_json::{Map, Value, json};
use thiserror::Error;

/// Names of resources are at most this long here: room for what people add.
const LONGEST_NAME: usize = 100;

/// A manifest.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Imported {
    /// The resource's name.
    pub(super) name: String,
    /// The whole manifest.
    pub(super) manifest: Value,
    /// What it was made of.
    pub(super) origin: String,
}

/// Why a deployment is left out.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{id} for {target}: {why}")]
pub(super) struct LeftOut {
    pub(super) id: String,
    pub(super) target: String,
    pub(super) why: String,
}

/// Makes manifests whose names differ.
pub(super) struct Importer {
    namespace: Option<String>,
    has_short_targets: bool,
    names: BTreeSet<String>,
}

impl Imported {
    /// With a line that says where it comes from.
    pub(super) fn yaml(&self) -> String {
        // Without blocks, whose first line kubectl's reader does not take where it begins with a tab.
        let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
        let manifest = serde_saphyr::to_string_with_options(&self.manifest, options).unwrap_or_default();
        format!("# {}\n{manifest}", self.origin)
    }
}

impl Importer {
    /// For manifests in this namespace.
    pub(super) fn new(namespace: Option<String>, has_short_targets: bool) -> Self {
        Self { namespace, has_short_targets, names: BTreeSet::new() }
    }

    /// The manifest that takes a deployment over as it is.
    pub(super) fn import(&mut self, details: &Details) -> Result<Imported, LeftOut> {
        let row = &details.row;
        let spec = self.spec(details).map_err(|why| LeftOut {
            id: format!("deployment {}", row.deployment_id),
            target: row.target_arn.clone(),
            why,
        })?;
        let name = self.name(row.target_arn.rsplit_once('/').map_or("", |(_, name)| name));
        let manifest = self.manifest("GreengrassDeployment", &name, &spec);
        let origin = format!("deployment {}, revision {}, of {}", row.deployment_id, row.revision_id, row.created_at);
        Ok(Imported { name, manifest, origin })
    }

    fn spec(&self, details: &Details) -> Result<Value, String> {
        if let Some(owner) = OwnerTags::read(&details.tags) {
            return Err(format!("it was made by GreengrassDeployment {} of cluster {}", owner.resource, owner.cluster));
        }
        match details.row.status {
            RowStatus::Active | RowStatus::Completed => {}
            status @ (RowStatus::Canceled | RowStatus::Failed | RowStatus::Inactive | RowStatus::Unknown) => {
                return Err(format!("it is {}, and only what is in force can be taken over as it is", status.as_str()));
            }
        }
        let content = details.content.as_deref().ok_or("it has settings that this version can't write")?;
        let written = Written::of(details, content, self.has_short_targets)?;
        let simplest = written.simplest(content)?;
        serde_json::to_value(simplest).map_err(|error| error.to_string())
    }

    pub(super) fn manifest(&self, kind: &str, name: &str, spec: &Value) -> Value {
        let mut metadata = BTreeMap::from([("name", name.to_owned())]);
        metadata.extend(self.namespace.clone().map(|namespace| ("namespace", namespace)));
        json!({
            "apiVersion": "greengrass-operator.dev/v1alpha1",
            "kind": kind,
            "metadata": metadata,
            "spec": spec,
        })
    }

    /// A name that Kubernetes takes, and that no other one has.
    pub(super) fn name(&mut self, target: &str) -> String {
        let fitting: String =
            target.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        let base: String = fitting.trim_matches('-').chars().take(LONGEST_NAME).collect();
        let base = if base.is_empty() { "deployment".to_owned() } else { base.trim_end_matches('-').to_owned() };
        let numbered = (2..).map(|number| format!("{base}-{number}"));
        let name =
            std::iter::once(base.clone()).chain(numbered).find(|name| !self.names.contains(name)).unwrap_or(base);
        self.names.insert(name.clone());
        name
    }
}

/// A spec that says everything, before it is made shorter.
struct Written {
    spec: Value,
    place: Grant,
}

impl Written {
    fn of(details: &Details, content: &DeployedContent, has_short_targets: bool) -> Result<Self, String> {
        let target = TargetArn::parse(&details.row.target_arn).map_err(|error| error.to_string())?;
        let parent = details.row.parent_target_arn.as_deref().map(TargetArn::parse).transpose();
        let parent = parent.map_err(|error| error.to_string())?;
        let DeployedContent { name, components, policies, job } = content;
        let mut spec = Map::new();
        if has_short_targets {
            let kind = if target.kind() == TargetKind::ThingGroup { "thingGroup" } else { "thing" };
            spec.insert("target".into(), json!({kind: target.name()}));
            if let Some(parent) = &parent {
                spec.insert("parent".into(), json!({"thingGroup": parent.name()}));
            }
        } else {
            spec.insert("targetArn".into(), json!(target.as_str()));
            if let Some(parent) = &parent {
                spec.insert("parentTargetArn".into(), json!(parent.as_str()));
            }
        }
        if let Some(name) = name {
            spec.insert("deploymentName".into(), json!(name));
        }
        if components.is_empty() {
            spec.insert("allowEmpty".into(), json!(true));
        }
        let written: BTreeMap<_, _> = components.iter().map(|(name, component)| (name, written(component))).collect();
        spec.insert("components".into(), json!(written));
        if let Some(policies) = policies {
            spec.insert("deploymentPolicies".into(), json!(policies));
        }
        if let Some(job) = job {
            spec.insert("iotJobConfiguration".into(), json!(job));
        }
        let tags: BTreeMap<_, _> = user_tags(&details.tags).filter(|(key, _)| !key.starts_with("aws:")).collect();
        if !tags.is_empty() {
            spec.insert("tags".into(), json!(tags));
        }
        let mut place = Grant::of_everything(DEFAULT);
        place.account = Some(target.account().to_owned());
        target.partition().clone_into(&mut place.partition);
        place.region = Some(target.region().to_owned());
        Ok(Self { spec: Value::Object(spec), place })
    }

    /// The shortest spec that means exactly what is deployed.
    fn simplest(&self, content: &DeployedContent) -> Result<GreengrassDeploymentSpec, String> {
        let mut simplest = self.checked(&self.spec, content)?;
        let mut spec = self.spec.clone();
        // What AWS fills in by default need not be said.
        for pointer in [
            "/deploymentPolicies/failureHandlingPolicy",
            "/deploymentPolicies/componentUpdatePolicy/timeoutInSeconds",
            "/deploymentPolicies/componentUpdatePolicy/action",
            "/deploymentPolicies/componentUpdatePolicy",
            "/deploymentPolicies/configurationValidationPolicy",
            "/deploymentPolicies",
            "/iotJobConfiguration/jobExecutionsRolloutConfig",
            "/iotJobConfiguration/timeoutConfig",
            "/iotJobConfiguration/abortConfig",
            "/iotJobConfiguration",
        ] {
            let mut shorter = spec.clone();
            if !remove(&mut shorter, pointer) {
                continue;
            }
            if let Ok(checked) = self.checked(&shorter, content) {
                (spec, simplest) = (shorter, checked);
            }
        }
        // Objects read better than texts; where one would not mean the same on every way to the API server, the text stays.
        let names: Vec<String> = content.components.keys().cloned().collect();
        for name in names {
            let pointer =
                format!("/components/{}/configurationUpdate/merge", name.replace('~', "~0").replace('/', "~1"));
            let Some(text) = spec.pointer(&pointer).and_then(Value::as_str) else { continue };
            let Ok(object) = serde_json::from_str::<Value>(text) else { continue };
            if !survives_every_way(&object) {
                continue;
            }
            let mut nicer = spec.clone();
            if let Some(place) = nicer.pointer_mut(&pointer) {
                *place = object;
            }
            if let Ok(checked) = self.checked(&nicer, content) {
                (spec, simplest) = (nicer, checked);
            }
        }
        Ok(simplest)
    }

    /// The spec, if the operator would take the deployment over as it is.
    fn checked(&self, spec: &Value, content: &DeployedContent) -> Result<GreengrassDeploymentSpec, String> {
        let spec: GreengrassDeploymentSpec = serde_json::from_value(spec.clone()).map_err(|error| error.to_string())?;
        let anybody = ObjectName { namespace: "default".into(), name: "imported".into() };
        let references = References::through(IdentityFound::Granted(self.place.clone()));
        let desired = validate(&anybody, &spec, &references).map_err(|refused| match refused {
            Refused::Invalid(invalid) | Refused::Missing(invalid) => format!("the operator would refuse it: {invalid}"),
            Refused::NoIdentity(message) | Refused::NotAllowed(message) => message,
            Refused::Unread => "it refers to something".to_owned(),
        })?;
        if digest_of_deployed(&desired, content).as_ref() == Some(&digest(&desired)) {
            Ok(spec)
        } else {
            Err("no manifest says exactly what it contains".to_owned())
        }
    }
}

fn written(component: &ComponentRequest) -> Value {
    let ComponentRequest { component_version, merge, reset, run_with } = component;
    let mut fields = Map::from_iter([("componentVersion".to_owned(), json!(component_version))]);
    let mut update = Map::new();
    if let Some(merge) = merge {
        update.insert("merge".into(), json!(merge));
    }
    if !reset.is_empty() {
        update.insert("reset".into(), json!(reset));
    }
    if !update.is_empty() {
        fields.insert("configurationUpdate".into(), Value::Object(update));
    }
    if let Some(run_with) = run_with {
        fields.insert("runWith".into(), json!(run_with));
    }
    Value::Object(fields)
}

/// kubectl's client-side apply drops nulls, numbers may change their form, and some words are no text to every reader of YAML.
fn survives_every_way(value: &Value) -> bool {
    let is_word = |text: &str| {
        // YAML 1.1, "Boolean Language-Independent Type": kubectl reads these as booleans where they are not quoted.
        let words = ["y", "n", "yes", "no", "on", "off", "true", "false", "null", "~"];
        words.contains(&text.to_lowercase().as_str())
    };
    match value {
        Value::Null => false,
        Value::Number(number) => number.is_i64(),
        Value::Bool(_) => true,
        Value::String(text) => !is_word(text),
        Value::Array(items) => items.iter().all(survives_every_way),
        Value::Object(fields) => fields.iter().all(|(key, value)| !is_word(key) && survives_every_way(value)),
    }
}

fn remove(spec: &mut Value, pointer: &str) -> bool {
    let Some((above, key)) = pointer.rsplit_once('/') else { return false };
    spec.pointer_mut(above).and_then(Value::as_object_mut).is_some_and(|fields| fields.remove(key).is_some())
}

#[cfg(test)]
mod tests {
    use greengrass_operator_core::api::{DeploymentPolicies, FailureHandlingPolicy};
    use greengrass_operator_core::deployment::knowledge::Row;
    use jiff::Timestamp;

    use super::*;

    fn details(merge: Option<&str>) -> Details {
        let component = ComponentRequest {
            component_version: "1.0.0".into(),
            merge: merge.map(Into::into),
            reset: Vec::new(),
            run_with: None,
        };
        Details {
            row: Row {
                deployment_id: "d1".into(),
                revision_id: 4,
                created_at: Timestamp::constant(1_790_000_000, 0),
                status: RowStatus::Active,
                target_arn: "arn:aws:iot:eu-central-1:123456789012:thinggroup/My_Presses".into(),
                parent_target_arn: None,
            },
            tags: BTreeMap::from([("team".into(), "press".into()), ("aws:cloudformation:stack".into(), "s".into())]),
            iot_job_id: None,
            iot_job_arn: None,
            content: Some(Box::new(DeployedContent {
                name: Some("By hand".into()),
                components: BTreeMap::from([("com.example.Press".into(), component)]),
                policies: Some(DeploymentPolicies {
                    failure_handling_policy: Some(FailureHandlingPolicy::Rollback),
                    component_update_policy: None,
                    configuration_validation_policy: None,
                }),
                job: None,
            })),
        }
    }

    fn imported(details: &Details) -> Result<Imported, LeftOut> {
        Importer::new(Some("plant".into()), false).import(details)
    }

    #[test]
    fn a_deployment_is_written_as_short_as_it_can_be() {
        assert_eq!(
            imported(&details(Some(r#"{"a": {"b": 1}}"#))).unwrap().yaml(),
            "# deployment d1, revision 4, of 2026-09-21T14:13:20Z
apiVersion: greengrass-operator.dev/v1alpha1
kind: GreengrassDeployment
metadata:
  name: my-presses
  namespace: plant
spec:
  components:
    com.example.Press:
      componentVersion: \"1.0.0\"
      configurationUpdate:
        merge:
          a:
            b: 1
  deploymentName: By hand
  tags:
    team: press
  targetArn: arn:aws:iot:eu-central-1:123456789012:thinggroup/My_Presses
"
        );
    }

    #[test]
    fn a_configuration_that_would_change_on_its_way_stays_the_text_that_it_is() {
        for text in [r#"{"a": null}"#, r#"{"a": 1.50}"#, r#"{"on": 1}"#, r#"{"a": 12345678901234567890123}"#] {
            let manifest = imported(&details(Some(text))).unwrap().manifest;
            assert_eq!(manifest["spec"]["components"]["com.example.Press"]["configurationUpdate"]["merge"], text);
        }
    }

    #[test]
    fn what_cannot_be_taken_over_as_it_is_is_left_out_with_the_reason() {
        let mut canceled = details(None);
        canceled.row.status = RowStatus::Canceled;
        assert_eq!(
            imported(&canceled).unwrap_err().to_string(),
            "deployment d1 for arn:aws:iot:eu-central-1:123456789012:thinggroup/My_Presses: it is CANCELED, and only what is in force can be taken over as it is"
        );
        let mut foreign = details(None);
        foreign.content = None;
        assert!(imported(&foreign).unwrap_err().to_string().ends_with("it has settings that this version can't write"));
        let mut latest = details(None);
        let components = &mut latest.content.as_mut().unwrap().components;
        components.get_mut("com.example.Press").unwrap().component_version = "latest".into();
        assert!(imported(&latest).unwrap_err().to_string().contains("the operator would refuse it"), "{latest:?}");
    }

    #[test]
    fn names_differ_and_are_names() {
        let mut importer = Importer::new(None, true);
        let names: Vec<String> = ["A_b", "a:B", "--", "日本"].map(|name| importer.name(name)).into();
        assert_eq!(names, ["a-b", "a-b-2", "deployment", "deployment-2"]);
    }

    #[test]
    fn short_targets_say_nothing_of_an_account() {
        let manifest = Importer::new(None, true).import(&details(None)).unwrap().manifest;
        assert_eq!(manifest["spec"]["target"], json!({"thingGroup": "My_Presses"}));
        assert_eq!(manifest["metadata"], json!({"name": "my-presses"}));
    }
}
