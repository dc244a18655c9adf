//! From the operator's request to the SDK's. Pure.
//!
//! Everything is taken apart without `..`, so that a field added to the spec can't be forgotten here.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_greengrassv2::error::BuildError;
use aws_sdk_greengrassv2::operation::create_deployment::builders::CreateDeploymentFluentBuilder;
use aws_sdk_greengrassv2::types as sdk;
use greengrass_operator_core::api;
use greengrass_operator_core::deployment::request::{ComponentRequest, DeploymentRequest};

/// Fills in a request. What the SDK finds missing fails here, before anything is sent.
pub(super) fn fill_create(
    create: CreateDeploymentFluentBuilder,
    request: &DeploymentRequest,
    token: &str,
) -> Result<CreateDeploymentFluentBuilder, BuildError> {
    let DeploymentRequest {
        target_arn,
        parent_target_arn,
        deployment_name,
        components,
        deployment_policies,
        iot_job_configuration,
        tags,
    } = request;
    let components = components
        .iter()
        .map(|(name, component)| Ok((name.clone(), component_input(component)?)))
        .collect::<Result<HashMap<_, _>, BuildError>>()?;
    Ok(create
        .target_arn(target_arn)
        .set_parent_target_arn(parent_target_arn.clone())
        .deployment_name(deployment_name)
        // Sent even if empty: that is what uninstalls.
        .set_components(Some(components))
        .set_deployment_policies(deployment_policies.as_ref().map(policies_input))
        .set_iot_job_configuration(iot_job_configuration.as_ref().map(job_input).transpose()?)
        .set_tags(tags_input(tags))
        .client_token(token))
}

/// Tags; absent if there are none, because AWS refuses an empty map.
pub(super) fn tags_input(tags: &BTreeMap<String, String>) -> Option<HashMap<String, String>> {
    (!tags.is_empty()).then(|| tags.iter().map(|(key, value)| (key.clone(), value.clone())).collect())
}

fn component_input(component: &ComponentRequest) -> Result<sdk::ComponentDeploymentSpecification, BuildError> {
    let ComponentRequest { component_version, merge, reset, run_with } = component;
    let update = (merge.is_some() || !reset.is_empty()).then(|| {
        sdk::ComponentConfigurationUpdate::builder()
            .set_merge(merge.clone())
            .set_reset((!reset.is_empty()).then(|| reset.clone()))
            .build()
    });
    sdk::ComponentDeploymentSpecification::builder()
        .component_version(component_version)
        .set_configuration_update(update)
        .set_run_with(run_with.as_ref().map(run_with_input))
        .build()
}

fn run_with_input(run_with: &api::RunWith) -> sdk::ComponentRunWith {
    let api::RunWith { posix_user, windows_user, system_resource_limits } = run_with;
    sdk::ComponentRunWith::builder()
        .set_posix_user(posix_user.clone())
        .set_windows_user(windows_user.clone())
        .set_system_resource_limits(system_resource_limits.as_ref().map(|limits| {
            let api::SystemResourceLimits { cpus, memory } = limits;
            // The SDK leaves out a limit of 0, which AWS takes as "no limit" too.
            sdk::SystemResourceLimits::builder().set_cpus(*cpus).set_memory(*memory).build()
        }))
        .build()
}

fn policies_input(policies: &api::DeploymentPolicies) -> sdk::DeploymentPolicies {
    let api::DeploymentPolicies { failure_handling_policy, component_update_policy, configuration_validation_policy } =
        policies;
    sdk::DeploymentPolicies::builder()
        .set_failure_handling_policy(failure_handling_policy.map(|policy| match policy {
            api::FailureHandlingPolicy::Rollback => sdk::DeploymentFailureHandlingPolicy::Rollback,
            api::FailureHandlingPolicy::DoNothing => sdk::DeploymentFailureHandlingPolicy::DoNothing,
        }))
        .set_component_update_policy(component_update_policy.as_ref().map(|policy| {
            let api::ComponentUpdatePolicy { timeout_in_seconds, action } = policy;
            sdk::DeploymentComponentUpdatePolicy::builder()
                .set_timeout_in_seconds(*timeout_in_seconds)
                .set_action(action.map(|action| match action {
                    api::ComponentUpdateAction::NotifyComponents => {
                        sdk::DeploymentComponentUpdatePolicyAction::NotifyComponents
                    }
                    api::ComponentUpdateAction::SkipNotifyComponents => {
                        sdk::DeploymentComponentUpdatePolicyAction::SkipNotifyComponents
                    }
                }))
                .build()
        }))
        .set_configuration_validation_policy(configuration_validation_policy.as_ref().map(|policy| {
            let api::ConfigurationValidationPolicy { timeout_in_seconds } = policy;
            sdk::DeploymentConfigurationValidationPolicy::builder().set_timeout_in_seconds(*timeout_in_seconds).build()
        }))
        .build()
}

fn job_input(job: &api::IotJobConfiguration) -> Result<sdk::DeploymentIoTJobConfiguration, BuildError> {
    let api::IotJobConfiguration { job_executions_rollout_config, abort_config, timeout_config } = job;
    Ok(sdk::DeploymentIoTJobConfiguration::builder()
        .set_job_executions_rollout_config(job_executions_rollout_config.as_ref().map(rollout_input).transpose()?)
        .set_abort_config(abort_config.as_ref().map(abort_input).transpose()?)
        .set_timeout_config(timeout_config.as_ref().map(|timeout| {
            let api::TimeoutConfig { in_progress_timeout_in_minutes } = timeout;
            sdk::IoTJobTimeoutConfig::builder()
                .set_in_progress_timeout_in_minutes(*in_progress_timeout_in_minutes)
                .build()
        }))
        .build())
}

fn rollout_input(rollout: &api::JobExecutionsRolloutConfig) -> Result<sdk::IoTJobExecutionsRolloutConfig, BuildError> {
    let api::JobExecutionsRolloutConfig { exponential_rate, maximum_per_minute } = rollout;
    let rate = exponential_rate
        .as_ref()
        .map(|rate| {
            let api::ExponentialRate { base_rate_per_minute, increment_factor, rate_increase_criteria } = rate;
            let api::RateIncreaseCriteria { number_of_notified_things, number_of_succeeded_things } =
                rate_increase_criteria;
            let criteria = sdk::IoTJobRateIncreaseCriteria::builder()
                .set_number_of_notified_things(*number_of_notified_things)
                .set_number_of_succeeded_things(*number_of_succeeded_things)
                .build();
            sdk::IoTJobExponentialRolloutRate::builder()
                .base_rate_per_minute(*base_rate_per_minute)
                .increment_factor(*increment_factor)
                .rate_increase_criteria(criteria)
                .build()
        })
        .transpose()?;
    Ok(sdk::IoTJobExecutionsRolloutConfig::builder()
        .set_exponential_rate(rate)
        .set_maximum_per_minute(*maximum_per_minute)
        .build())
}

fn abort_input(abort: &api::AbortConfig) -> Result<sdk::IoTJobAbortConfig, BuildError> {
    let api::AbortConfig { criteria_list } = abort;
    let criteria = criteria_list
        .iter()
        .map(|criteria| {
            let api::AbortCriteria { failure_type, action, threshold_percentage, min_number_of_executed_things } =
                criteria;
            sdk::IoTJobAbortCriteria::builder()
                .failure_type(match failure_type {
                    api::FailureType::Failed => sdk::IoTJobExecutionFailureType::Failed,
                    api::FailureType::Rejected => sdk::IoTJobExecutionFailureType::Rejected,
                    api::FailureType::TimedOut => sdk::IoTJobExecutionFailureType::TimedOut,
                    api::FailureType::All => sdk::IoTJobExecutionFailureType::All,
                })
                .action(match action {
                    api::AbortAction::Cancel => sdk::IoTJobAbortAction::Cancel,
                })
                .threshold_percentage(*threshold_percentage)
                .min_number_of_executed_things(*min_number_of_executed_things)
                .build()
        })
        .collect::<Result<Vec<_>, BuildError>>()?;
    sdk::IoTJobAbortConfig::builder().set_criteria_list(Some(criteria)).build()
}
