//! From a system instance in AWS to the manifest that takes it over as it is. Pure.

use std::collections::BTreeMap;

use greengrass_operator_core::api::{SystemInstanceDefinition, SystemInstanceSpec};
use greengrass_operator_core::deployment::references::References;
use greengrass_operator_core::deployment::tags::user_tags;
use greengrass_operator_core::deployment::validate::Refused;
use greengrass_operator_core::names::ObjectName;
use greengrass_operator_core::system_instance::knowledge::{DeploymentStatus, Instance};
use greengrass_operator_core::system_instance::tags::OwnerTags;
use greengrass_operator_core::system_instance::validate::validate;

use super::manifest::{Imported, Importer, LeftOut};

impl Importer {
    /// The manifest that takes a system instance over as it is.
    pub(super) fn import_instance(
        &mut self,
        found: &Instance,
        tags: &BTreeMap<String, String>,
    ) -> Result<Imported, LeftOut> {
        let name = self.name(found.id.name());
        let spec = spec(&name, found, tags).map_err(|why| LeftOut {
            id: "the system instance".to_owned(),
            target: found.id.to_string(),
            why,
        })?;
        let spec = serde_json::to_value(spec).unwrap_or_default();
        let manifest = self.manifest("SystemInstance", &name, &spec);
        let origin = format!("system instance {}, {}, of {}", found.id, found.status.as_str(), found.created_at);
        Ok(Imported { name, manifest, origin })
    }
}

fn spec(name: &str, found: &Instance, tags: &BTreeMap<String, String>) -> Result<SystemInstanceSpec, String> {
    if let Some(owner) = OwnerTags::read(tags) {
        return Err(format!("it was made by SystemInstance {} of cluster {}", owner.resource, owner.cluster));
    }
    let content = found.content.as_deref().ok_or("its definition can't be read by this version")?;
    let tags: BTreeMap<String, String> = user_tags(tags).map(|(key, value)| (key.clone(), value.clone())).collect();
    let spec = SystemInstanceSpec {
        definition: SystemInstanceDefinition {
            language: None,
            text: Some(content.definition.text.clone()),
            config_map_key_ref: None,
        },
        target: content.target,
        greengrass_group_name: content.group_name.clone(),
        s3_bucket_name: content.bucket_name.clone(),
        flow_actions_role_arn: content.flow_actions_role_arn.clone(),
        metrics_configuration: content.metrics.clone(),
        tags: (!tags.is_empty()).then_some(tags),
        deployed: if runs(found.status) { None } else { Some(false) },
        identity_ref: None,
        deletion_policy: None,
        suspend: None,
    };
    // Only what the operator would take over as it is.
    let object = ObjectName { namespace: "default".into(), name: name.into() };
    match validate(&object, &spec, &References::unrestricted()) {
        Ok(desired) if desired.content.digest() == content.digest() => Ok(spec),
        Ok(_) => Err("its content can't be written so that it stays the same".to_owned()),
        Err(Refused::Invalid(problem) | Refused::Missing(problem)) => Err(problem.to_string()),
        Err(Refused::NoIdentity(problem) | Refused::NotAllowed(problem)) => Err(problem),
        Err(Refused::Unread) => Err("it refers to what can't be read".to_owned()),
    }
}

/// Whether it runs or is to: what rests is to go on resting.
fn runs(status: DeploymentStatus) -> bool {
    match status {
        DeploymentStatus::Bootstrap
        | DeploymentStatus::DeployInProgress
        | DeploymentStatus::DeployedInTarget
        | DeploymentStatus::Failed
        | DeploymentStatus::Unknown => true,
        DeploymentStatus::NotDeployed
        | DeploymentStatus::UndeployInProgress
        | DeploymentStatus::PendingDelete
        | DeploymentStatus::DeletedInTarget => false,
    }
}
