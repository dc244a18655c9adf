//! How devices say that a deployment failed: the nucleus's own error stacks, types and words. Pure.
//!
//! From aws-greengrass-nucleus: `DeploymentErrorCode`, `DeploymentErrorType`, `DeploymentErrorCodeUtils`, `DeploymentResult`.

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
};

use crate::job::ExecutionStatus;

/// IoT Jobs lets a value of the status details have so many characters; the nucleus cuts what is longer.
const LONGEST_DETAIL: usize = 1024;

/// What a device reports when it is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DeviceReport {
    pub(crate) status: ExecutionStatus,
    /// `detailed-deployment-status`.
    pub(crate) detailed: &'static str,
    /// What a person reads; empty after a success.
    pub(crate) cause: String,
    pub(crate) stack: Vec<&'static str>,
    pub(crate) types: Vec<&'static str>,
}

impl DeviceReport {
    /// The one report of all devices that succeed: a hundred thousand of their own would be the larger part of what they take.
    pub(crate) fn success() -> Arc<Self> {
        static SUCCESS: LazyLock<Arc<DeviceReport>> = LazyLock::new(|| {
            Arc::new(DeviceReport {
                status: ExecutionStatus::Succeeded,
                detailed: "SUCCESSFUL",
                cause: String::new(),
                stack: Vec::new(),
                types: Vec::new(),
            })
        });
        Arc::clone(&SUCCESS)
    }

    fn failure(detailed: &'static str, stack: &[&'static str], cause: String) -> Self {
        let mut types = Vec::new();
        for code in stack {
            if let Some(kind) = error_type(code)
                && !types.contains(&kind)
            {
                types.push(kind);
            }
        }
        Self { status: ExecutionStatus::Failed, detailed, cause, stack: stack.to_vec(), types }
    }

    /// The component doesn't start, and the device goes back to what it had, or leaves it as it is.
    pub(crate) fn component_broken(component: &str, rolls_back: bool) -> Self {
        let detailed = if rolls_back { "FAILED_ROLLBACK_COMPLETE" } else { "FAILED_ROLLBACK_NOT_REQUESTED" };
        Self::broken(component, detailed)
    }

    /// Going back failed as well.
    pub(crate) fn unable_to_roll_back(component: &str) -> Self {
        Self::broken(component, "FAILED_UNABLE_TO_ROLLBACK")
    }

    fn broken(component: &str, detailed: &'static str) -> Self {
        let stack = ["DEPLOYMENT_FAILURE", "COMPONENT_UPDATE_ERROR", "COMPONENT_BROKEN"];
        let mut report =
            Self::failure(detailed, &stack, format!("Service {component} in broken state after deployment"));
        // These codes have no type of their own: whose component it is decides.
        report.types.push(if component.starts_with("aws.") { "AWS_COMPONENT_ERROR" } else { "USER_COMPONENT_ERROR" });
        report
    }

    /// No version of a component satisfies everybody who asks for one, or the version doesn't exist. The constraints read `thinggroup/G requires =1.0.1`.
    pub(crate) fn no_version(component: &str, constraints: &[String]) -> Self {
        let stack = ["DEPLOYMENT_FAILURE", "NO_AVAILABLE_COMPONENT_VERSION", "COMPONENT_VERSION_REQUIREMENTS_NOT_MET"];
        let cause = format!(
            "No local or cloud component version satisfies the requirements. Check whether the version constraints conflict and that the component \
             exists in your AWS account with a version that matches the version constraints. If the version constraints conflict, revise deployments \
             to resolve the conflict. Component {component} version constraints: {}.",
            constraints.join(", ")
        );
        Self::failure("FAILED_NO_STATE_CHANGE", &stack, cause)
    }

    /// No manifest of the component is for the device's platform (`IncompatiblePlatformClaimByComponentException`).
    pub(crate) fn other_platform(component: &str, platform: &BTreeMap<String, String>) -> Self {
        let stack = ["DEPLOYMENT_FAILURE", "NO_AVAILABLE_COMPONENT_VERSION", "COMPONENT_VERSION_REQUIREMENTS_NOT_MET"];
        let claimed: Vec<String> = platform.iter().map(|(key, value)| format!("{key} {value}")).collect();
        let cause = format!(
            "The latest version of Component {component} doesn't claim platform {platform:?} compatibility. Check whether the platform constraints \
             conflict and that the component platform mentioned in the recipe matches the platform constraints. If the platform constraints conflict, \
             revise deployments to resolve the conflict. Component {component} claimed platform: {}.",
            claimed.join(", ")
        );
        Self::failure("FAILED_NO_STATE_CHANGE", &stack, cause)
    }

    /// A dependency wants another minor version of the nucleus than the device runs, in the words of `DependencyResolver`.
    pub(crate) fn nucleus_update(nucleus: &str, own: &str, wanted: &str) -> Self {
        let stack = ["DEPLOYMENT_FAILURE", "UNAUTHORIZED_NUCLEUS_MINOR_VERSION_UPDATE"];
        let cause = format!(
            "The deployment attempts to update the nucleus from {nucleus}-{own} to {nucleus}-{wanted} but no component of type nucleus was included as \
             target component, please add the desired nucleus version as top level component if you wish to update the nucleus to a different minor/major \
             version"
        );
        Self::failure("FAILED_NO_STATE_CHANGE", &stack, cause)
    }

    /// Components depend on each other in a circle (`DependencyResolver`).
    pub(crate) fn circular_dependency(component: &str) -> Self {
        let stack = ["DEPLOYMENT_FAILURE", "COMPONENT_CIRCULAR_DEPENDENCY_ERROR"];
        Self::failure(
            "FAILED_NO_STATE_CHANGE",
            &stack,
            format!("Circular dependency detected for component {component}"),
        )
    }

    /// S3 refuses the component's artifact.
    pub(crate) fn artifact_denied(component: &str, version: &str) -> Self {
        let stack = [
            "DEPLOYMENT_FAILURE",
            "ARTIFACT_DOWNLOAD_ERROR",
            "S3_ERROR",
            "S3_ACCESS_DENIED",
            "S3_HEAD_OBJECT_ACCESS_DENIED",
        ];
        let cause = format!(
            "Failed to download artifact of component {component}-{version}: S3 HeadObject returns 403 Access Denied. Ensure the token exchange role \
             allows s3:GetObject"
        );
        Self::failure("FAILED_NO_STATE_CHANGE", &stack, cause)
    }

    /// The nucleus is too old for what the document asks of it.
    pub(crate) fn missing_capabilities(capabilities: &str) -> Self {
        let stack = ["DEPLOYMENT_FAILURE", "NUCLEUS_MISSING_REQUIRED_CAPABILITIES"];
        let cause = format!(
            "The current nucleus version doesn't support one or more capabilities that are required by this deployment: {capabilities}"
        );
        Self::failure("FAILED_NO_STATE_CHANGE", &stack, cause)
    }

    /// A `reset` entry that is no JSON pointer.
    pub(crate) fn bad_pointer(component: &str, pointer: &str) -> Self {
        let cause = format!(
            "Invalid input: JSON Pointer expression must start with '/': \"{pointer}\" in the configuration update of {component}"
        );
        Self::failure("FAILED_NO_STATE_CHANGE", &["DEPLOYMENT_FAILURE"], cause)
    }

    /// A newer deployment of the same fleet is on the device already.
    pub(crate) fn stale(root: &str, newer: &str, this: &str) -> Self {
        let cause = format!(
            "Nucleus has a newer deployment for '{root}' target deployed by '{newer}'. Rejecting the deployment from '{this}'"
        );
        let stack = vec!["DEPLOYMENT_REJECTED", "REJECTED_STALE_DEPLOYMENT"];
        Self { status: ExecutionStatus::Rejected, detailed: "REJECTED", cause, stack, types: Vec::new() }
    }

    /// It refuses because it was told to.
    pub(crate) fn rejected() -> Self {
        let cause = "The device rejects the deployment".to_owned();
        let stack = vec!["DEPLOYMENT_REJECTED"];
        Self { status: ExecutionStatus::Rejected, detailed: "REJECTED", cause, stack, types: Vec::new() }
    }

    /// `reason` of `ListEffectiveDeployments`.
    pub(crate) fn reason(&self) -> String {
        self.stack
            .last()
            .map_or_else(|| self.detailed.to_owned(), |code| format!("{code}: {}: {}", self.detailed, self.cause))
    }

    /// The `detailsMap` of the job execution.
    pub(crate) fn details(&self) -> BTreeMap<&'static str, String> {
        let mut details = BTreeMap::from([("detailed-deployment-status", self.detailed.to_owned())]);
        if !self.stack.is_empty() {
            let list = |codes: &[&str]| serde_json::json!(codes).to_string();
            details.insert("deployment-failure-cause", cut(&self.cause));
            details.insert("deployment-error-stack", cut(&list(&self.stack)));
            details.insert("deployment-error-types", cut(&list(&self.types)));
        }
        details
    }
}

fn cut(text: &str) -> String {
    text.chars().take(LONGEST_DETAIL).collect()
}

/// The type that the nucleus gives a code; `None` for NONE, which it drops.
fn error_type(code: &str) -> Option<&'static str> {
    match code {
        "COMPONENT_VERSION_REQUIREMENTS_NOT_MET"
        | "COMPONENT_CIRCULAR_DEPENDENCY_ERROR"
        | "UNAUTHORIZED_NUCLEUS_MINOR_VERSION_UPDATE"
        | "NUCLEUS_MISSING_REQUIRED_CAPABILITIES" => Some("REQUEST_ERROR"),
        "S3_ERROR" => Some("DEPENDENCY_ERROR"),
        "S3_ACCESS_DENIED" | "S3_HEAD_OBJECT_ACCESS_DENIED" => Some("PERMISSION_ERROR"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_follow_from_the_stack_each_once_and_in_its_order() {
        assert_eq!(DeviceReport::artifact_denied("c", "1.0.0").types, ["DEPENDENCY_ERROR", "PERMISSION_ERROR"]);
        assert_eq!(DeviceReport::no_version("c", &[]).types, ["REQUEST_ERROR"]);
        assert_eq!(DeviceReport::component_broken("com.example.C", true).types, ["USER_COMPONENT_ERROR"]);
        assert_eq!(DeviceReport::component_broken("aws.greengrass.Cli", true).types, ["AWS_COMPONENT_ERROR"]);
        assert_eq!(DeviceReport::missing_capabilities("SUB_DEPLOYMENTS").types, ["REQUEST_ERROR"]);
    }

    #[test]
    fn details_are_cut_to_what_a_job_execution_can_hold() {
        let constraints = vec!["thinggroup/G requires =1.0.0".to_owned(); 100];
        let details = DeviceReport::no_version("c", &constraints).details();
        assert_eq!(details["deployment-failure-cause"].len(), LONGEST_DETAIL);
        assert_eq!(
            details["deployment-error-stack"],
            r#"["DEPLOYMENT_FAILURE","NO_AVAILABLE_COMPONENT_VERSION","COMPONENT_VERSION_REQUIREMENTS_NOT_MET"]"#
        );
        let success = DeviceReport::success();
        assert_eq!((success.reason(), success.details().len()), ("SUCCESSFUL".to_owned(), 1));
    }

    #[test]
    fn the_reason_names_the_innermost_code_and_what_became_of_the_device() {
        let reason = DeviceReport::artifact_denied("c", "1.0.0").reason();
        assert!(reason.starts_with("S3_HEAD_OBJECT_ACCESS_DENIED: FAILED_NO_STATE_CHANGE: Failed"), "{reason}");
    }
}
