//! What calls and the admin interface show of core devices. Pure.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{Device, Devices, Effective, software::Installed, standing::Standing};
use crate::{
    error::ServiceError,
    job::ExecutionStatus,
    scope::{Scope, Target},
    state::{
        Answer, Input, jobs::Jobs, operations::PAGE_SIZE as DEPLOYMENTS_PAGE_SIZE, operations::epoch_seconds,
        paging::Paging,
    },
};

const PLATFORM: &str = "linux";
const ARCHITECTURE: &str = "amd64";

impl Devices {
    /// The core device that a call names.
    fn named(&self, input: &Input) -> Result<&Device, ServiceError> {
        let name = input.required("coreDeviceThingName");
        self.get(name)
            .ok_or_else(|| ServiceError::ResourceNotFound { resource_id: name.to_owned(), resource_type: "coreDevice" })
    }

    pub(in crate::state) fn describe(&self, input: &Input) -> Result<Answer, ServiceError> {
        let device = self.named(input)?;
        Ok(Answer::ok(json!({
            "coreDeviceThingName": &*device.name,
            "coreVersion": device.core_version(),
            "platform": PLATFORM,
            "architecture": ARCHITECTURE,
            "runtime": device.runtime(),
            "status": device.status(),
            "lastStatusUpdateTimestamp": epoch_seconds(device.status_changed),
            // The model wants at least one tag, or none at all.
            "tags": null,
        })))
    }

    pub(in crate::state) fn list(&self, input: &Input) -> Result<Answer, ServiceError> {
        let group = input.text("thingGroupArn");
        let status = input.text("status");
        let runtime = input.text("runtime");
        let passes = |device: &&Device| {
            group.is_none_or(|group| device.served.contains(group))
                && status.is_none_or(|status| device.status() == status)
                && runtime.is_none_or(|runtime| device.runtime() == runtime)
        };
        let description = [group, status, runtime].map(Option::unwrap_or_default);
        let devices = self.all().filter(passes).map(|device| (&device.name, device));
        page(&[&["core devices"], &description[..]].concat(), devices, "coreDevices", input, |device| {
            json!({
                "coreDeviceThingName": &*device.name,
                "status": device.status(),
                "lastStatusUpdateTimestamp": epoch_seconds(device.status_changed),
                "platform": PLATFORM,
                "architecture": ARCHITECTURE,
                "runtime": device.runtime(),
            })
        })
    }

    pub(in crate::state) fn list_effective(
        &self,
        scope: &Scope,
        jobs: &Jobs,
        input: &Input,
    ) -> Result<Answer, ServiceError> {
        let device = self.named(input)?;
        let list = ["effective deployments", &*device.name];
        page(&list, device.effective.iter(), "effectiveDeployments", input, |effective| {
            effective.shown(scope, &device.name, jobs)
        })
    }

    pub(in crate::state) fn list_installed(&self, input: &Input) -> Result<Answer, ServiceError> {
        let device = self.named(input)?;
        let topology = input.text("topologyFilter").unwrap_or("ROOT");
        let list = ["installed components", &*device.name, topology];
        let components = device.components();
        // "Default: ROOT", says the model's text.
        let is_listed = |shown: &Value| topology == "ALL" || shown["isRoot"] == true;
        let components = components.iter().filter(|(_, shown)| is_listed(shown)).map(|(name, shown)| (name, shown));
        page(&list, components, "installedComponents", input, Clone::clone)
    }
}

/// A page of items in the order of their names.
fn page<'a, T: 'a>(
    list: &[&str],
    items: impl Iterator<Item = (&'a Arc<str>, &'a T)>,
    member: &str,
    input: &Input,
    show: impl Fn(&T) -> Value,
) -> Result<Answer, ServiceError> {
    let page = Paging::of(list).page(
        items,
        input.page_size(DEPLOYMENTS_PAGE_SIZE),
        input.text("nextToken"),
        |(name, _)| name.to_string(),
        |(name, _), after| ***name > *after,
    );
    let (page, next) = page.map_err(|_| ServiceError::field("nextToken", "is not a token of this list"))?;
    let page: Vec<Value> = page.into_iter().map(|(_, item)| show(item)).collect();
    Ok(Answer::ok(json!({member: page, "nextToken": next})))
}

impl Effective {
    /// The shape `EffectiveDeployment`. The status is read from the job where there is one.
    fn shown(&self, scope: &Scope, thing: &str, jobs: &Jobs) -> Value {
        let document = &self.document;
        let Standing { status, report, modified } = self.standing(thing, jobs);
        let is_thing = matches!(Target::of(&document.target_arn), Some(Target::Thing(_)));
        let shown = match status {
            // The device says SUCCEEDED; for a thing the service's own examples show COMPLETED.
            ExecutionStatus::Succeeded if is_thing => json!("COMPLETED"),
            // The enum of this operation has no REMOVED.
            ExecutionStatus::Removed => json!("CANCELED"),
            status => json!(status),
        };
        let details = report.filter(|report| !report.stack.is_empty());
        json!({
            "deploymentId": document.deployment_id,
            "deploymentName": document.name.as_deref().unwrap_or_default(),
            "iotJobId": document.job_id.as_deref(),
            "iotJobArn": document.job_id.as_ref().map(|id| scope.job_arn(id)),
            "description": null,
            "targetArn": &*document.target_arn,
            "coreDeviceExecutionStatus": shown,
            "reason": report.map(|report| report.reason()),
            "creationTimestamp": epoch_seconds(document.created),
            "modifiedTimestamp": epoch_seconds(modified),
            "statusDetails": details.map(|report| json!({"errorStack": report.stack, "errorTypes": report.types})),
        })
    }
}

impl Device {
    /// What recipes may ask of its platform.
    pub(in crate::state) fn platform(&self) -> BTreeMap<String, String> {
        let attributes = [("os", PLATFORM), ("architecture", ARCHITECTURE), ("runtime", self.runtime())];
        attributes.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
    }

    pub(in crate::state) fn nucleus_name(&self) -> &'static str {
        if self.profile.lite { "aws.greengrass.NucleusLite" } else { "aws.greengrass.Nucleus" }
    }

    /// The version that a deployment of the nucleus has installed, or the one that it came with.
    pub(in crate::state) fn core_version(&self) -> String {
        let deployed = self.software.installed().get(self.nucleus_name());
        deployed.map_or_else(|| self.profile.nucleus.to_string(), |component| component.version.clone())
    }

    fn runtime(&self) -> &'static str {
        if self.profile.lite { "aws_nucleus_lite" } else { "aws_nucleus_classic" }
    }

    pub(super) const fn status(&self) -> &'static str {
        if self.unhealthy { "UNHEALTHY" } else { "HEALTHY" }
    }

    fn components(&self) -> Vec<(Arc<str>, Value)> {
        let shown =
            |name: &str, version: &str, state: &str, is_root: bool, changed: Timestamp, source: Option<&str>| {
                json!({
                    "componentName": name,
                    "componentVersion": version,
                    "lifecycleState": state,
                    "lifecycleStateDetails": null,
                    "isRoot": is_root,
                    "lastStatusChangeTimestamp": epoch_seconds(changed),
                    "lastReportedTimestamp": epoch_seconds(self.status_changed),
                    "lastInstallationSource": source,
                    "lifecycleStatusCodes": [],
                })
            };
        let mut components: Vec<(Arc<str>, Value)> = self
            .software
            .installed()
            .iter()
            .map(|(name, component)| {
                let state = if component.broken { "BROKEN" } else { "RUNNING" };
                let Installed { version, is_root, changed, source, .. } = component.as_ref();
                (Arc::clone(name), shown(name, version, state, *is_root, *changed, Some(source)))
            })
            .collect();
        let nucleus = self.nucleus_name();
        if !self.software.installed().contains_key(nucleus) {
            components
                .push((Arc::from(nucleus), shown(nucleus, &self.core_version(), "FINISHED", true, self.since, None)));
        }
        components.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        components
    }

    /// A device in the list of the admin interface.
    pub(in crate::state) fn summary(&self, scope: &Scope, now: Timestamp) -> Value {
        json!({
            "name": &*self.name,
            "account": scope.account,
            "region": scope.region,
            "online": self.is_online(now),
            "status": self.status(),
            "nucleus": self.core_version(),
            "working": self.running.as_ref().map(|run| &run.document.deployment_id),
            "waiting": self.waiting.len(),
        })
    }

    /// A device with everything that it has: the admin interface shows it whole.
    pub(in crate::state) fn report(&self, scope: &Scope, jobs: &Jobs, now: Timestamp) -> Value {
        let components: Map<String, Value> = self
            .software
            .installed()
            .iter()
            .map(|(name, component)| {
                let shown = json!({
                    "version": component.version,
                    "isRoot": component.is_root,
                    "configuration": component.configuration.to_json(),
                    "runWith": component.run_with,
                    "broken": component.broken,
                    "deploymentId": component.source,
                });
                (name.to_string(), shown)
            })
            .collect();
        let roots: Map<String, Value> = self
            .software
            .roots()
            .iter()
            .map(|(root, document)| (root.label(&self.name), json!(document.deployment_id)))
            .collect();
        let deployments: Vec<Value> =
            self.effective.values().map(|effective| effective.shown(scope, &self.name, jobs)).collect();
        let mut report = self.summary(scope, now);
        if let Some(members) = report.as_object_mut() {
            members.insert("components".to_owned(), Value::Object(components));
            members.insert("roots".to_owned(), Value::Object(roots));
            members.insert("deployments".to_owned(), Value::Array(deployments));
        }
        report
    }
}
