//! What is shown of a system instance: for programs, and below its name in a tree. Pure.

use greengrass_operator_core::api::SystemInstanceStatus;
use serde::Serialize;

use super::super::output::Node;

/// What a system instance has in place of a revision and devices, for programs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct InstanceView {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    arn: Option<String>,
    /// AWS's word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) status: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    greengrass_group_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    greengrass_group_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    greengrass_group_version_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    greengrass_deployment_id: Option<String>,
}

impl InstanceView {
    pub(super) fn of(status: &SystemInstanceStatus) -> Self {
        Self {
            id: status.id.clone(),
            arn: status.arn.clone(),
            status: status.status.clone(),
            greengrass_group_name: status.greengrass_group_name.clone(),
            greengrass_group_id: status.greengrass_group_id.clone(),
            greengrass_group_version_id: status.greengrass_group_version_id.clone(),
            greengrass_deployment_id: status.greengrass_deployment_id.clone(),
        }
    }
}

/// The lines of a tree.
pub(super) fn lines(status: &SystemInstanceStatus, target: Option<&str>) -> Vec<Node> {
    let instance = status.id.as_ref().map(|id| {
        let word = status.status.as_deref().unwrap_or("not read yet");
        let settled = status.updated_at.map(|at| format!(" since {at}")).unwrap_or_default();
        format!("system instance {id}: {word}{settled}")
    });
    let group = status.greengrass_group_name.as_ref().map(|name| {
        let part = |words: &str, value: &Option<String>| {
            value.as_ref().map(|value| format!(", {words} {value}")).unwrap_or_default()
        };
        format!(
            "Greengrass group {name}{}{}{}",
            part("id", &status.greengrass_group_id),
            part("version", &status.greengrass_group_version_id),
            part("deployment", &status.greengrass_deployment_id)
        )
    });
    let step = status.intent.as_ref().map(|intent| format!("being made: {} of {}", intent.operation, intent.id));
    let replaced = status.replaced.as_ref().map(|old| format!("takes the place of {}", old.id));
    let identity = status.identity.as_ref().map(|it| format!(", through AwsIdentity {it}")).unwrap_or_default();
    let target = target.map(|target| format!("target {target}{identity}"));
    [target, instance, group, step, replaced].into_iter().flatten().map(Node::line).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_tree_says_where_it_runs_and_what_is_being_made() {
        let status: SystemInstanceStatus = serde_json::from_value(json!({
            "id": "urn:tdm:us-west-2/123456789012/default:deployment:Room218", "status": "DEPLOYED_IN_TARGET",
            "greengrassGroupName": "Room218Group", "greengrassGroupVersionId": "v-1", "identity": "north",
            "intent": {"operation": "Deploy", "id": "urn:x", "startedAt": "2026-11-23T12:00:00Z"},
        }))
        .unwrap();
        let lines: Vec<String> = lines(&status, Some("GREENGRASS")).into_iter().map(|node| node.line).collect();
        assert_eq!(
            lines,
            [
                "target GREENGRASS, through AwsIdentity north",
                "system instance urn:tdm:us-west-2/123456789012/default:deployment:Room218: DEPLOYED_IN_TARGET",
                "Greengrass group Room218Group, version v-1",
                "being made: Deploy of urn:x",
            ]
        );
    }
}
