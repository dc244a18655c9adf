//! What a deployment contains, from the SDK's answer to the core's words. Pure.
//!
//! Where AWS says something that this version has no word for, the whole content has none: half of it would compare as equal
//! to something that it isn't.

use std::collections::BTreeMap;

use aws_sdk_greengrassv2::operation::get_deployment::GetDeploymentOutput;
use aws_sdk_greengrassv2::types as sdk;
use greengrass_operator_core::api;
use greengrass_operator_core::deployment::knowledge::DeployedContent;
use greengrass_operator_core::deployment::request::ComponentRequest;

/// What a deployment contains.
pub(super) fn content(output: &GetDeploymentOutput) -> Option<DeployedContent> {
    read(output).ok()
}

fn read(output: &GetDeploymentOutput) -> Result<DeployedContent, NoWord> {
    Ok(DeployedContent {
        name: output.deployment_name().filter(|name| !name.is_empty()).map(ToOwned::to_owned),
        components: output
            .components()
            .into_iter()
            .flatten()
            .map(|(name, component)| (name.clone(), component_of(component)))
            .collect::<BTreeMap<_, _>>(),
        policies: output.deployment_policies().map(policies).transpose()?,
        job: output.iot_job_configuration().map(job).transpose()?,
    })
}

/// AWS says something that this version has no word for.
struct NoWord;

fn component_of(component: &sdk::ComponentDeploymentSpecification) -> ComponentRequest {
    let update = component.configuration_update();
    ComponentRequest {
        component_version: component.component_version().to_owned(),
        merge: update.and_then(|update| update.merge()).map(ToOwned::to_owned),
        reset: update.map(|update| update.reset().to_vec()).unwrap_or_default(),
        run_with: component.run_with().map(|run_with| api::RunWith {
            posix_user: run_with.posix_user().map(ToOwned::to_owned),
            windows_user: run_with.windows_user().map(ToOwned::to_owned),
            system_resource_limits: run_with.system_resource_limits().map(|limits| api::SystemResourceLimits {
                // 0 is the service's word for none.
                cpus: Some(limits.cpus()).filter(|cpus| *cpus > 0.0),
                memory: Some(limits.memory()).filter(|memory| *memory > 0),
            }),
        }),
    }
}

fn policies(policies: &sdk::DeploymentPolicies) -> Result<api::DeploymentPolicies, NoWord> {
    use sdk::{DeploymentComponentUpdatePolicyAction as Action, DeploymentFailureHandlingPolicy as Handling};
    let failure_handling_policy = match policies.failure_handling_policy() {
        None => None,
        Some(Handling::Rollback) => Some(api::FailureHandlingPolicy::Rollback),
        Some(Handling::DoNothing) => Some(api::FailureHandlingPolicy::DoNothing),
        Some(_) => return Err(NoWord),
    };
    let component_update_policy = match policies.component_update_policy() {
        None => None,
        Some(policy) => Some(api::ComponentUpdatePolicy {
            timeout_in_seconds: policy.timeout_in_seconds(),
            action: match policy.action() {
                None => None,
                Some(Action::NotifyComponents) => Some(api::ComponentUpdateAction::NotifyComponents),
                Some(Action::SkipNotifyComponents) => Some(api::ComponentUpdateAction::SkipNotifyComponents),
                Some(_) => return Err(NoWord),
            },
        }),
    };
    let configuration_validation_policy = policies
        .configuration_validation_policy()
        .map(|policy| api::ConfigurationValidationPolicy { timeout_in_seconds: policy.timeout_in_seconds() });
    Ok(api::DeploymentPolicies { failure_handling_policy, component_update_policy, configuration_validation_policy })
}

fn job(job: &sdk::DeploymentIoTJobConfiguration) -> Result<api::IotJobConfiguration, NoWord> {
    let abort_config = match job.abort_config() {
        None => None,
        Some(abort) => {
            let criteria_list = abort.criteria_list().iter().map(criteria).collect::<Result<Vec<_>, NoWord>>()?;
            Some(api::AbortConfig { criteria_list })
        }
    };
    Ok(api::IotJobConfiguration {
        job_executions_rollout_config: job.job_executions_rollout_config().map(|rollout| {
            api::JobExecutionsRolloutConfig {
                exponential_rate: rollout.exponential_rate().and_then(rate),
                maximum_per_minute: rollout.maximum_per_minute(),
            }
        }),
        abort_config,
        timeout_config: job.timeout_config().map(|timeout| api::TimeoutConfig {
            in_progress_timeout_in_minutes: timeout.in_progress_timeout_in_minutes(),
        }),
    })
}

fn rate(rate: &sdk::IoTJobExponentialRolloutRate) -> Option<api::ExponentialRate> {
    let criteria = rate.rate_increase_criteria()?;
    Some(api::ExponentialRate {
        base_rate_per_minute: rate.base_rate_per_minute(),
        increment_factor: rate.increment_factor(),
        rate_increase_criteria: api::RateIncreaseCriteria {
            number_of_notified_things: criteria.number_of_notified_things(),
            number_of_succeeded_things: criteria.number_of_succeeded_things(),
        },
    })
}

fn criteria(criteria: &sdk::IoTJobAbortCriteria) -> Result<api::AbortCriteria, NoWord> {
    use sdk::IoTJobExecutionFailureType as Failure;
    Ok(api::AbortCriteria {
        failure_type: match criteria.failure_type() {
            Failure::Failed => api::FailureType::Failed,
            Failure::Rejected => api::FailureType::Rejected,
            Failure::TimedOut => api::FailureType::TimedOut,
            Failure::All => api::FailureType::All,
            _ => return Err(NoWord),
        },
        action: match criteria.action() {
            sdk::IoTJobAbortAction::Cancel => api::AbortAction::Cancel,
            _ => return Err(NoWord),
        },
        threshold_percentage: criteria.threshold_percentage(),
        min_number_of_executed_things: criteria.min_number_of_executed_things(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_this_version_does_not_know_leaves_no_content() {
        let with = |policy: &str| {
            let policies = sdk::DeploymentPolicies::builder()
                .failure_handling_policy(sdk::DeploymentFailureHandlingPolicy::from(policy))
                .build();
            content(&GetDeploymentOutput::builder().deployment_policies(policies).build())
        };
        assert!(with("ROLLBACK").is_some());
        assert_eq!(with("EXPLODE"), None);
    }

    #[test]
    fn what_is_not_said_is_absent() {
        assert_eq!(content(&GetDeploymentOutput::builder().build()), Some(DeployedContent::default()));
    }
}
