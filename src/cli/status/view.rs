//! What is shown of a resource: for programs, as cells of a table, as a line for each change. Pure.

use greengrass_operator_core::api::devices::{DeviceCounts, DeviceFailure, RevisionRecord};
use jiff::Timestamp;
use serde::Serialize;

use super::super::output::{Cell, Format, Meaning, age};
use super::super::resource::Resource;
use super::instance::InstanceView;

/// Where a resource stands, for programs.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct View {
    namespace: String,
    name: String,
    /// Whether the status speaks of the present spec.
    observed: bool,
    suspended: bool,
    deleting: bool,
    conditions: Vec<Said>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target_arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_target_arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    identity: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revision_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deployment_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deployment_status: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    iot_job_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    devices_summary: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    devices: Option<DeviceCounts>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    failures: Vec<DeviceFailure>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pending_change: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    history: Vec<RevisionRecord>,
    /// What a SystemInstance has in place of a revision and devices.
    #[serde(skip_serializing_if = "Option::is_none")]
    system_instance: Option<InstanceView>,
    /// Names of the resources that make subdeployments of the target, in the same namespace.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    subdeployments: Vec<String>,
}

/// A condition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Said {
    #[serde(rename = "type")]
    name: String,
    status: String,
    reason: String,
    message: String,
}

impl View {
    /// Of a resource among all that were read.
    pub(super) fn of(resource: &Resource, all: &[&Resource]) -> Self {
        let status = &resource.status;
        let resolved = status.resolved.as_ref();
        let conditions = status.conditions.iter().map(|condition| Said {
            name: condition.type_.clone(),
            status: condition.status.clone(),
            reason: condition.reason.clone(),
            message: condition.message.clone(),
        });
        Self {
            namespace: resource.namespace.clone(),
            name: resource.name.clone(),
            observed: resource.is_observed(),
            suspended: resource.is_suspended,
            deleting: resource.is_deleting,
            conditions: conditions.collect(),
            target_arn: resolved.map(|resolved| resolved.target_arn.clone()).or_else(|| resource.target.clone()),
            parent_target_arn: resolved.and_then(|resolved| resolved.parent_target_arn.clone()),
            identity: resolved.and_then(|resolved| resolved.identity.clone()),
            revision_id: status.revision_id.clone(),
            deployment_id: status.deployment_id.clone(),
            deployment_status: status.deployment_status.clone(),
            iot_job_id: status.iot_job_id.clone(),
            devices_summary: status.devices_summary.clone(),
            devices: status.devices,
            failures: status.failures.clone(),
            pending_change: status.pending_change.clone(),
            history: status.history.clone(),
            system_instance: resource.instance.as_deref().map(InstanceView::of),
            subdeployments: subdeployments(resource, all).map(|sub| sub.name.clone()).collect(),
        }
    }

    /// A line that tells of a change; for programs an object in a line.
    pub(super) fn change(&self, format: Format) -> String {
        match format {
            Format::Json => format!("{}\n", serde_json::json!(self)),
            Format::Yaml => format!("---\n{}", serde_saphyr::to_string(self).unwrap_or_default()),
            Format::Text | Format::Wide => {
                let Self { namespace, name, .. } = self;
                let ready = self.conditions.iter().find(|condition| condition.name == "Ready");
                let said = ready.map_or_else(
                    || "Ready=Unknown".to_owned(),
                    |ready| format!("Ready={} {}: {}", ready.status, ready.reason, ready.message),
                );
                let revision = self.revision_id.as_ref().map(|id| format!(" revision {id}")).unwrap_or_default();
                let devices = self.devices_summary.as_ref().map(|it| format!(" devices {it}")).unwrap_or_default();
                let instance = self.system_instance.as_ref().and_then(|instance| instance.status.as_ref());
                let revision = instance.map_or(revision, |status| format!(" {status}"));
                format!("{namespace}/{name}{revision}{devices} {said}\n")
            }
        }
    }
}

/// A line that tells that a resource is gone.
pub(super) fn gone((namespace, name): &(String, String), format: Format) -> String {
    let gone = serde_json::json!({"namespace": namespace, "name": name, "gone": true});
    match format {
        Format::Json => format!("{gone}\n"),
        Format::Yaml => format!("---\n{}", serde_saphyr::to_string(&gone).unwrap_or_default()),
        Format::Text | Format::Wide => format!("{namespace}/{name} is gone\n"),
    }
}

/// Those among the resources that make subdeployments of this one's target.
pub(super) fn subdeployments<'a>(resource: &Resource, all: &[&'a Resource]) -> impl Iterator<Item = &'a Resource> {
    let target = resource.status.resolved.as_ref().map(|resolved| resolved.target_arn.clone());
    let is_sub = resource.status.resolved.as_ref().is_some_and(|resolved| resolved.parent_target_arn.is_some());
    let namespace = resource.namespace.clone();
    all.iter().copied().filter(move |other| {
        let parent = other.status.resolved.as_ref().and_then(|resolved| resolved.parent_target_arn.as_ref());
        !is_sub && other.namespace == namespace && parent.is_some() && parent == target.as_ref()
    })
}

/// How the resource as a whole is doing.
pub(super) fn meaning(resource: &Resource) -> Meaning {
    let ready = resource.condition("Ready").map(|condition| condition.status.as_str());
    match (ready, resource.condition("Stalled").is_some()) {
        (_, true) => Meaning::Bad,
        (Some("True"), false) if resource.is_observed() => Meaning::Good,
        (Some(_) | None, false) => Meaning::Moving,
    }
}

/// The cells of a table, without the namespace.
pub(super) fn cells(resource: &Resource, now: Timestamp, is_wide: bool) -> Vec<Cell> {
    let status = &resource.status;
    let resolved = status.resolved.as_ref();
    let ready = resource.condition("Ready");
    let text = |value: Option<&String>| Cell::from(value.cloned().unwrap_or_else(|| "-".to_owned()));
    let said = |name: &str| text(resource.condition(name).map(|condition| &condition.status));
    let meaning = meaning(resource);
    let mut cells = vec![
        Cell::from(resource.name.clone()),
        Cell::of(meaning, ready.map_or("Unknown", |ready| &ready.status)),
        Cell::of(meaning, reason(resource)),
    ];
    let instance = resource.instance.as_deref();
    cells.extend(match instance {
        None => [&status.target_name, &status.revision_id, &status.devices_summary].map(|value| text(value.as_ref())),
        Some(instance) => [&resource.target, &instance.status, &instance.id].map(|value| text(value.as_ref())),
    });
    cells.push(Cell::from(resource.created_at.map_or_else(|| "-".to_owned(), |at| age(at, now))));
    if is_wide {
        let (id, last) = match instance {
            None => (
                status.deployment_id.as_ref(),
                [resolved.map(|resolved| &resolved.account_id), resolved.map(|resolved| &resolved.region)],
            ),
            Some(instance) => (
                instance.greengrass_deployment_id.as_ref(),
                [instance.greengrass_group_name.as_ref(), instance.greengrass_group_version_id.as_ref()],
            ),
        };
        cells.extend([text(id), said("Synced"), said("RolledOut")]);
        cells.extend(last.map(text));
    }
    cells.push(Cell::from(ready.map_or_else(String::new, |ready| ready.message.clone())));
    cells
}

/// The reason of Ready; a status that speaks of an older spec is marked as such.
pub(super) fn reason(resource: &Resource) -> String {
    let reason = resource.condition("Ready").map_or("-", |ready| &ready.reason);
    if resource.is_observed() || reason == "-" { reason.to_owned() } else { format!("{reason} (of an older spec)") }
}
