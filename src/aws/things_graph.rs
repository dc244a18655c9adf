//! Calls to AWS `IoT` Things Graph, the legacy service. I/O. Each takes a permit by value, is measured, and never repeats itself.
//!
//! AWS has deprecated every operation since 2022-08-30 (service model `iotthingsgraph` 2018-09-06), and the SDK says so at each.
#![allow(deprecated, reason = "the whole service is; whoever switches it on knows")]

use std::collections::BTreeMap;

use aws_sdk_iotthingsgraph::error::SdkError;
use aws_sdk_iotthingsgraph::primitives::DateTime;
use aws_sdk_iotthingsgraph::types::{
    DefinitionDocument, DefinitionLanguage, DeploymentTarget, MetricsConfiguration as Metrics,
    SystemInstanceDescription, SystemInstanceSummary, Tag,
};
use greengrass_operator_core::api::{MetricsConfiguration, SystemInstanceTarget};
use greengrass_operator_core::failure::{Failure, FailureKind, Operation};
use greengrass_operator_core::system_instance::content::{Content, effective_metrics};
use greengrass_operator_core::system_instance::knowledge::{Deployed, DeploymentStatus, Instance};
use greengrass_operator_core::system_instance::{Definition, SystemInstanceId};
use jiff::Timestamp;

use super::calls::Calls;
use super::clients::ServiceClients;
use super::quota::Permit;
use super::reply::{Missing, milliseconds};

/// As many as `SearchSystemInstances` gives at once (`MaxResults` of the Things Graph API).
const INSTANCES_A_PAGE: i32 = 200;
/// Tags of a page: more than AWS takes on a resource.
const TAGS_A_PAGE: i32 = 50;
/// Pages of tags: AWS takes 50 on a resource.
const PAGES_AT_MOST: usize = 10;

/// Calls Things Graph. Clones share everything.
#[derive(Clone)]
pub struct ThingsGraph {
    calls: Calls,
}

impl ThingsGraph {
    pub(super) const fn new(calls: Calls) -> Self {
        Self { calls }
    }

    /// Creates a system instance: it is there and not deployed.
    pub async fn create_system_instance(
        &self,
        permit: Permit,
        content: &Content,
        tags: &BTreeMap<String, String>,
    ) -> Result<Instance, Failure> {
        self.calls
            .call(
                permit,
                Operation::CreateSystemInstance,
                async |clients: ServiceClients| {
                    let Content { definition, target, group_name, bucket_name, flow_actions_role_arn, metrics } =
                        content;
                    let document = DefinitionDocument::builder()
                        .language(DefinitionLanguage::Graphql)
                        .text(&definition.text)
                        .build()
                        .map_err(SdkError::construction_failure)?;
                    let tags = tag_list(tags).map_err(SdkError::construction_failure)?;
                    clients
                        .things_graph()
                        .create_system_instance()
                        .definition(document)
                        .target(match target {
                            SystemInstanceTarget::Greengrass => DeploymentTarget::Greengrass,
                            SystemInstanceTarget::Cloud => DeploymentTarget::Cloud,
                        })
                        .set_greengrass_group_name(group_name.clone())
                        .set_s3_bucket_name(bucket_name.clone())
                        .set_flow_actions_role_arn(flow_actions_role_arn.clone())
                        .set_metrics_configuration(metrics.as_ref().map(metrics_input))
                        .set_tags(Some(tags))
                        .send()
                        .await
                },
                |output| instance(output.summary),
            )
            .await
    }

    /// Reads one system instance; none where AWS says that there is none.
    pub async fn get_system_instance(
        &self,
        permit: Permit,
        id: &SystemInstanceId,
    ) -> Result<Option<Instance>, Failure> {
        let read = self
            .calls
            .call(
                permit,
                Operation::GetSystemInstance,
                async |clients: ServiceClients| {
                    clients.things_graph().get_system_instance().id(id.as_str()).send().await
                },
                |output| described(output.description.ok_or(Missing("description"))?),
            )
            .await;
        match read {
            Err(failure) if failure.kind == FailureKind::NotFound => Ok(None),
            read => read.map(Some),
        }
    }

    /// The ids of one page of system instances, and where the next one begins.
    pub async fn search_system_instances(
        &self,
        permit: Permit,
        page: Option<&str>,
    ) -> Result<(Vec<SystemInstanceId>, Option<String>), Failure> {
        self.calls
            .call(
                permit,
                Operation::SearchSystemInstances,
                async |clients: ServiceClients| {
                    let search = clients.things_graph().search_system_instances().max_results(INSTANCES_A_PAGE);
                    search.set_next_token(page.map(str::to_owned)).send().await
                },
                |output| {
                    let ids = output.summaries.unwrap_or_default().into_iter().filter_map(|summary| summary.id);
                    // What has another kind of id is no system instance.
                    let ids = ids.filter_map(|id| SystemInstanceId::parse(&id).ok()).collect();
                    Ok((ids, output.next_token.filter(|token| !token.is_empty())))
                },
            )
            .await
    }

    /// Begins a deployment of what there is, also where it runs already.
    pub async fn deploy_system_instance(&self, permit: Permit, id: &SystemInstanceId) -> Result<Deployed, Failure> {
        self.calls
            .call(
                permit,
                Operation::DeploySystemInstance,
                async |clients: ServiceClients| {
                    clients.things_graph().deploy_system_instance().id(id.as_str()).send().await
                },
                |output| {
                    let greengrass_deployment_id = output.greengrass_deployment_id.filter(|id| !id.is_empty());
                    Ok(Deployed { instance: instance(output.summary)?, greengrass_deployment_id })
                },
            )
            .await
    }

    /// Begins to take it away.
    pub async fn undeploy_system_instance(&self, permit: Permit, id: &SystemInstanceId) -> Result<Instance, Failure> {
        self.calls
            .call(
                permit,
                Operation::UndeploySystemInstance,
                async |clients: ServiceClients| {
                    clients.things_graph().undeploy_system_instance().id(id.as_str()).send().await
                },
                |output| instance(output.summary),
            )
            .await
    }

    /// Deletes one that is not deployed; its id is free then.
    pub async fn delete_system_instance(&self, permit: Permit, id: &SystemInstanceId) -> Result<(), Failure> {
        self.calls
            .call(
                permit,
                Operation::DeleteSystemInstance,
                async |clients: ServiceClients| {
                    clients.things_graph().delete_system_instance().id(id.as_str()).send().await
                },
                |_| Ok(()),
            )
            .await
    }

    /// One page of a system instance's tags, and where the next one begins.
    pub async fn list_tags(
        &self,
        permit: Permit,
        arn: &str,
        page: Option<&str>,
    ) -> Result<(BTreeMap<String, String>, Option<String>), Failure> {
        self.calls
            .call(
                permit,
                Operation::ListTagsForResource,
                async |clients: ServiceClients| {
                    let list = clients.things_graph().list_tags_for_resource().resource_arn(arn);
                    list.max_results(TAGS_A_PAGE).set_next_token(page.map(str::to_owned)).send().await
                },
                |output| {
                    let tags = output.tags.unwrap_or_default().into_iter().map(|tag| (tag.key, tag.value));
                    Ok((tags.collect(), output.next_token.filter(|token| !token.is_empty())))
                },
            )
            .await
    }

    /// Pages of tags that are worth reading.
    #[must_use]
    pub const fn pages_of_tags() -> usize {
        PAGES_AT_MOST
    }

    /// Sets tags; others stay.
    pub async fn tag(&self, permit: Permit, arn: &str, tags: &BTreeMap<String, String>) -> Result<(), Failure> {
        self.calls
            .call(
                permit,
                Operation::TagSystemInstance,
                async |clients: ServiceClients| {
                    let tags = tag_list(tags).map_err(SdkError::construction_failure)?;
                    clients.things_graph().tag_resource().resource_arn(arn).set_tags(Some(tags)).send().await
                },
                |_| Ok(()),
            )
            .await
    }

    /// Removes tags by key.
    pub async fn untag(&self, permit: Permit, arn: &str, keys: &[String]) -> Result<(), Failure> {
        self.calls
            .call(
                permit,
                Operation::UntagSystemInstance,
                async |clients: ServiceClients| {
                    let untag = clients.things_graph().untag_resource().resource_arn(arn);
                    untag.set_tag_keys(Some(keys.to_vec())).send().await
                },
                |_| Ok(()),
            )
            .await
    }
}

fn tag_list(tags: &BTreeMap<String, String>) -> Result<Vec<Tag>, aws_sdk_iotthingsgraph::error::BuildError> {
    tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

fn metrics_input(metrics: &MetricsConfiguration) -> Metrics {
    let MetricsConfiguration { cloud_metric_enabled, metric_rule_role_arn } = metrics;
    Metrics::builder()
        .cloud_metric_enabled(cloud_metric_enabled.unwrap_or_default())
        .set_metric_rule_role_arn(metric_rule_role_arn.clone())
        .build()
}

fn instance(summary: Option<SystemInstanceSummary>) -> Result<Instance, Missing> {
    let summary = summary.ok_or(Missing("summary"))?;
    let id = summary.id.as_deref().and_then(|id| SystemInstanceId::parse(id).ok()).ok_or(Missing("summary.id"))?;
    let created_at = time(summary.created_at, "summary.createdAt")?;
    Ok(Instance {
        arn: summary.arn.filter(|arn| !arn.is_empty()).unwrap_or_else(|| id.arn()),
        status: summary.status.map_or(DeploymentStatus::Unknown, |status| DeploymentStatus::of(status.as_str())),
        target: summary.target.as_ref().and_then(target),
        group_name: summary.greengrass_group_name,
        group_id: summary.greengrass_group_id,
        group_version_id: summary.greengrass_group_version_id,
        created_at,
        // One that never changed may lack it.
        updated_at: time(summary.updated_at, "summary.updatedAt").unwrap_or(created_at),
        content: None,
        id,
    })
}

fn described(description: SystemInstanceDescription) -> Result<Instance, Missing> {
    let SystemInstanceDescription {
        summary,
        definition,
        s3_bucket_name,
        metrics_configuration,
        flow_actions_role_arn,
        ..
    } = description;
    let found = instance(summary)?;
    let text = definition.as_ref().map(|definition| definition.text.as_str());
    let content = text.and_then(|text| Definition::parse(text).ok()).zip(found.target).map(|(definition, target)| {
        Box::new(Content {
            definition,
            target,
            group_name: found.group_name.clone(),
            bucket_name: s3_bucket_name.clone(),
            flow_actions_role_arn: flow_actions_role_arn.clone(),
            metrics: effective_metrics(metrics_configuration.as_ref().map(|metrics| MetricsConfiguration {
                cloud_metric_enabled: Some(metrics.cloud_metric_enabled),
                metric_rule_role_arn: metrics.metric_rule_role_arn.clone(),
            })),
        })
    });
    Ok(Instance { content, ..found })
}

fn target(target: &DeploymentTarget) -> Option<SystemInstanceTarget> {
    match target {
        DeploymentTarget::Greengrass => Some(SystemInstanceTarget::Greengrass),
        DeploymentTarget::Cloud => Some(SystemInstanceTarget::Cloud),
        // The enum is open.
        _ => None,
    }
}

fn time(at: Option<DateTime>, name: &'static str) -> Result<Timestamp, Missing> {
    at.and_then(|at| milliseconds(&at)).ok_or(Missing(name))
}
