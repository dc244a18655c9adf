//! What a spec means as a `CreateDeployment` request, and the digest of that meaning. Pure.

use std::collections::BTreeMap;
use std::fmt;

use semver::Version;
use serde::Serialize;
use serde_json::{Map, Number, Value, json};

use super::desired::{Component, Content, Desired, Merge};
use super::hash::sha256_hex;
use super::request::{ComponentRequest, DeploymentRequest};
use super::rows::DeployedContent;
use super::tags::OwnerTags;
use crate::api::{ComponentUpdateAction, DeploymentPolicies, FailureHandlingPolicy, IotJobConfiguration, RunWith};
use crate::names::{Key, ObjectName};

/// The form of the digest. A new form gets a new number and the old one stays in the code: a digest is compared in the form
/// that it was made in, or an upgrade of the operator would redeploy every fleet.
const FORM: &str = "1:";

/// Whole numbers up to here survive the way through a double.
pub(super) const EXACT_IN_A_DOUBLE: f64 = 9_007_199_254_740_992.0;

/// SHA-256 of the canonical revision with its form in front.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(String);

impl Digest {
    /// A digest that was written before.
    #[must_use]
    pub fn recorded(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// As it stands in tags and status.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The digest of any other content, in the same form.
pub(crate) fn digest_of_value(value: &Value) -> Digest {
    Digest(format!("{FORM}{}", sha256_hex(canonical_text(value).as_bytes())))
}

/// The digest of what is wanted: a function of the spec alone.
#[must_use]
pub fn digest(desired: &Desired) -> Digest {
    digest_of(&desired.key, &desired.content)
}

fn digest_of(key: &Key, content: &Content) -> Digest {
    digest_of_value(&canonical(key, content))
}

/// The digest of what somebody else deployed, as if it were wanted; none where no spec could say it. Its name counts only where
/// the user names the deployment.
#[must_use]
pub fn digest_of_deployed(desired: &Desired, deployed: &DeployedContent) -> Option<Digest> {
    let DeployedContent { name, components, policies, job } = deployed.clone();
    let component = |(name, component): (String, ComponentRequest)| {
        let ComponentRequest { component_version, merge, reset, run_with } = component;
        let merge = match merge {
            Some(text) => Some(Merge { value: serde_json::from_str(&text).ok()?, text }),
            None => None,
        };
        Some((name, Component { version: Version::parse(&component_version).ok()?, merge, reset, run_with }))
    };
    let content = Content {
        name: name.filter(|_| desired.content.name.is_some()),
        components: components.into_iter().map(component).collect::<Option<_>>()?,
        policies,
        job,
    };
    Some(digest_of(&desired.key, &content))
}

/// Policies that AWS applies when a request names none (`DeploymentPolicies`, AWS IoT Greengrass V2 API reference): 60 seconds
/// for components to answer, 30 seconds to validate a configuration.
const DEFAULT_UPDATE_TIMEOUT_SECONDS: i32 = 60;
const DEFAULT_VALIDATION_TIMEOUT_SECONDS: i32 = 30;

/// What is wanted, in the one form in which revisions are compared.
pub(super) fn canonical(key: &Key, content: &Content) -> Value {
    let Content { name, components, policies, job } = content;
    let components = components.iter().map(|(name, component)| {
        let Component { version, merge, reset, run_with } = component;
        let merge = merge.as_ref().map(|merge| (Value::Object(merge.value.clone()), merge.text.as_str()));
        (name.clone(), canonical_component(&version.to_string(), merge, reset, run_with.as_ref()))
    });
    canonical_revision(key, name.as_deref(), &components.collect(), policies.as_ref(), job.as_ref())
}

/// The same of what somebody else deployed, also where no spec could say it. Its name counts only where the user names the
/// deployment.
pub(super) fn canonical_of_deployed(desired: &Desired, deployed: &DeployedContent) -> Value {
    let DeployedContent { name, components, policies, job } = deployed;
    let components = components.iter().map(|(name, component)| {
        let ComponentRequest { component_version, merge, reset, run_with } = component;
        // A text that is no JSON is compared as the text that it is.
        let read = |text| serde_json::from_str(text).unwrap_or_else(|_| json!(text));
        let merge = merge.as_deref().map(|text| (read(text), text));
        (name.clone(), canonical_component(component_version, merge, reset, run_with.as_ref()))
    });
    let name = name.as_deref().filter(|_| desired.content.name.is_some());
    canonical_revision(&desired.key, name, &components.collect(), policies.as_ref(), job.as_ref())
}

fn canonical_revision(
    key: &Key,
    name: Option<&str>,
    components: &Map<String, Value>,
    policies: Option<&DeploymentPolicies>,
    job: Option<&IotJobConfiguration>,
) -> Value {
    let mut revision = json!({
        "targetArn": key.target.as_str(),
        "components": components,
        "deploymentPolicies": canonical_policies(policies),
    });
    if let Some(fields) = revision.as_object_mut() {
        if let Some(parent) = &key.parent {
            fields.insert("parentTargetArn".into(), json!(parent.as_str()));
        }
        if let Some(name) = name {
            fields.insert("deploymentName".into(), json!(name));
        }
        if let Some(job) = job.and_then(said) {
            fields.insert("iotJobConfiguration".into(), job);
        }
    }
    normalised(&revision)
}

/// `merge` is what it means, and its text.
fn canonical_component(
    version: &str,
    merge: Option<(Value, &str)>,
    reset: &[String],
    run_with: Option<&RunWith>,
) -> Value {
    let mut fields = Map::new();
    fields.insert("componentVersion".into(), json!(version));
    // An empty merge changes nothing on a device, so it is the same revision as none.
    if let Some((value, text)) = merge.filter(|(value, _)| value.as_object().is_none_or(|value| !value.is_empty())) {
        fields.insert("merge".into(), value);
        if has_inexact_number(text) {
            // The parsed value has lost digits: two texts that differ only there must not be one revision.
            fields.insert("mergeText".into(), json!(text));
        }
    }
    if !reset.is_empty() {
        fields.insert("reset".into(), json!(reset));
    }
    if let Some(run_with) = run_with.and_then(said) {
        fields.insert("runWith".into(), run_with);
    }
    Value::Object(fields)
}

fn canonical_policies(policies: Option<&DeploymentPolicies>) -> Value {
    let failure = policies.and_then(|p| p.failure_handling_policy).unwrap_or(FailureHandlingPolicy::Rollback);
    let update = policies.and_then(|p| p.component_update_policy.as_ref());
    let validation = policies.and_then(|p| p.configuration_validation_policy.as_ref());
    json!({
        "failureHandlingPolicy": failure,
        "componentUpdatePolicy": {
            "action": update.and_then(|u| u.action).unwrap_or(ComponentUpdateAction::NotifyComponents),
            "timeoutInSeconds": update.and_then(|u| u.timeout_in_seconds).unwrap_or(DEFAULT_UPDATE_TIMEOUT_SECONDS),
        },
        "configurationValidationPolicy": {
            "timeoutInSeconds": validation.and_then(|v| v.timeout_in_seconds).unwrap_or(DEFAULT_VALIDATION_TIMEOUT_SECONDS),
        },
    })
}

/// The value with everything that says nothing left out: null and empty objects.
fn said<T: Serialize>(value: &T) -> Option<Value> {
    fn prune(value: Value) -> Option<Value> {
        match value {
            Value::Null => None,
            Value::Object(fields) => {
                let kept: Map<String, Value> =
                    fields.into_iter().filter_map(|(key, value)| prune(value).map(|value| (key, value))).collect();
                (!kept.is_empty()).then_some(Value::Object(kept))
            }
            other => Some(other),
        }
    }
    serde_json::to_value(value).ok().and_then(prune)
}

/// One form for numbers: the API server and devices turn `1.0` into `1` and back.
fn normalised(value: &Value) -> Value {
    match value {
        Value::Number(number) => Value::Number(whole(number).unwrap_or_else(|| number.clone())),
        Value::Array(items) => Value::Array(items.iter().map(normalised).collect()),
        Value::Object(fields) => {
            Value::Object(fields.iter().map(|(key, value)| (key.clone(), normalised(value))).collect())
        }
        Value::Null | Value::Bool(_) | Value::String(_) => value.clone(),
    }
}

fn whole(number: &Number) -> Option<Number> {
    if number.is_i64() || number.is_u64() {
        return None;
    }
    let float = number.as_f64()?;
    // Printed without a fraction, such a double is its own integer; larger ones keep their form.
    (float.fract() == 0.0 && float.abs() < EXACT_IN_A_DOUBLE)
        .then(|| format!("{float:.0}").parse::<i64>().ok().map(Number::from))
        .flatten()
}

/// Whether a JSON text holds a number that a 64-bit integer or a double can't carry digit by digit.
pub(super) fn has_inexact_number(text: &str) -> bool {
    let mut in_string = false;
    let mut escaped = false;
    let mut token = String::new();
    for c in text.chars().chain(std::iter::once(' ')) {
        if in_string {
            (in_string, escaped) = match (c, escaped) {
                ('\\', false) => (true, true),
                ('"', false) => (false, false),
                (_, true | false) => (true, false),
            };
            continue;
        }
        if c.is_ascii_digit() || (matches!(c, '-' | '+' | '.' | 'e' | 'E') && (!token.is_empty() || c == '-')) {
            token.push(c);
            continue;
        }
        if !token.is_empty() {
            let exact = token.parse::<i64>().is_ok() || token.parse::<u64>().is_ok();
            // A double carries fifteen significant decimal digits for certain.
            let mantissa = token.split(['e', 'E']).next().unwrap_or_default();
            let digits = mantissa.chars().filter(char::is_ascii_digit).count();
            if !exact && digits > 15 {
                return true;
            }
            token.clear();
        }
        in_string = c == '"';
    }
    false
}

/// JSON with sorted keys and no white space, whatever order the map type keeps.
fn canonical_text(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let sorted: BTreeMap<&String, &Value> = fields.iter().collect();
            let fields: Vec<String> =
                sorted.into_iter().map(|(key, value)| format!("{}:{}", json!(key), canonical_text(value))).collect();
            format!("{{{}}}", fields.join(","))
        }
        Value::Array(items) => {
            format!("[{}]", items.iter().map(canonical_text).collect::<Vec<_>>().join(","))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.to_string(),
    }
}

/// The whole request but its token. `resets` are the pointers that each component resets beside the user's.
#[must_use]
pub fn request(
    object: &ObjectName,
    desired: &Desired,
    resets: &BTreeMap<String, Vec<String>>,
    owner: &OwnerTags,
) -> DeploymentRequest {
    let Desired { key, content, tags, .. } = desired;
    let Content { name, components, policies, job } = content;
    let resets_of = |name: &str| resets.get(name).map(Vec::as_slice).unwrap_or_default();
    let mut all_tags = tags.clone();
    all_tags.extend(owner.to_map());
    DeploymentRequest {
        target_arn: key.target.to_string(),
        parent_target_arn: key.parent.as_ref().map(ToString::to_string),
        deployment_name: name.clone().unwrap_or_else(|| object.to_string()),
        components: components
            .iter()
            .map(|(name, component)| (name.clone(), component_request(component, resets_of(name))))
            .collect(),
        deployment_policies: policies.clone(),
        iot_job_configuration: job.clone(),
        tags: all_tags,
    }
}

fn component_request(component: &Component, resets: &[String]) -> ComponentRequest {
    let Component { version, merge, reset, run_with } = component;
    ComponentRequest {
        component_version: version.to_string(),
        merge: merge.as_ref().map(|merge| merge.text.clone()),
        reset: reset.iter().chain(resets).cloned().collect(),
        run_with: run_with.clone(),
    }
}

/// Digest of the user's tags, keys and values.
pub fn digest_of_tags<'a>(tags: impl Iterator<Item = (&'a String, &'a String)>) -> String {
    let tags: Map<String, Value> = tags.map(|(key, value)| (key.clone(), json!(value))).collect();
    format!("{FORM}{}", sha256_hex(canonical_text(&Value::Object(tags)).as_bytes()))
}

/// SHA-256 of the request: an attempt is always the same bytes.
#[must_use]
pub fn request_hash(request: &DeploymentRequest) -> String {
    // A struct of strings, numbers and maps with string keys always serialises.
    sha256_hex(&serde_json::to_vec(request).unwrap_or_default())
}

#[cfg(test)]
mod tests;
