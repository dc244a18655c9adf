//! Calls to AWS IoT Greengrass V2. I/O. Each takes a permit by value, is measured, and never repeats itself.

use std::collections::BTreeMap;

use aws_sdk_greengrassv2::error::SdkError;
use aws_sdk_greengrassv2::types::DeploymentHistoryFilter;
use greengrass_operator_core::deployment::knowledge::{Created, Details, RowFilter, RowPage};
use greengrass_operator_core::deployment::request::DeploymentRequest;
use greengrass_operator_core::failure::{Failure, FailureKind, Operation};

use super::calls::Calls;
use super::clients::{ServiceClients, for_create};
use super::quota::Permit;
use super::{reply, request};

/// Rows of a page: the most that the service gives.
const PAGE: u8 = 100;

/// Calls Greengrass. Clones share everything.
#[derive(Clone)]
pub struct Greengrass {
    calls: Calls,
}

impl Greengrass {
    pub(super) const fn new(calls: Calls) -> Self {
        Self { calls }
    }

    /// Makes a revision. The same token with the same request makes one revision, however often it is sent.
    pub async fn create_deployment(
        &self,
        permit: Permit,
        request: &DeploymentRequest,
        token: &str,
    ) -> Result<Created, Failure> {
        self.calls
            .call(
                permit,
                Operation::CreateDeployment,
                async |clients: ServiceClients| {
                    let create = request::fill_create(clients.greengrass.create_deployment(), request, token)
                        .map_err(SdkError::construction_failure)?;
                    create.customize().config_override(for_create()).send().await
                },
                reply::created,
            )
            .await
    }

    /// Reads one deployment.
    pub async fn get_deployment(&self, permit: Permit, deployment_id: &str) -> Result<Details, Failure> {
        self.calls
            .call(
                permit,
                Operation::GetDeployment,
                async |clients: ServiceClients| {
                    clients.greengrass.get_deployment().deployment_id(deployment_id).send().await
                },
                reply::details,
            )
            .await
    }

    /// Reads one page of deployments, 100 at most.
    pub async fn list_deployments(
        &self,
        permit: Permit,
        filter: &RowFilter,
        page: Option<&str>,
    ) -> Result<RowPage, Failure> {
        self.list_some_deployments(permit, filter, page, PAGE).await
    }

    /// Reads one page of deployments, so many at most, 1 to 100. Where an account has very many the service throttles large
    /// pages (Developer Guide, "Troubleshooting").
    pub async fn list_some_deployments(
        &self,
        permit: Permit,
        filter: &RowFilter,
        page: Option<&str>,
        size: u8,
    ) -> Result<RowPage, Failure> {
        let RowFilter { target_arn, parent_target_arn, latest_only } = filter;
        // Always said, because the service's default hides superseded rows.
        let history = if *latest_only { DeploymentHistoryFilter::LatestOnly } else { DeploymentHistoryFilter::All };
        self.calls
            .call(
                permit,
                Operation::ListDeployments,
                async |clients: ServiceClients| {
                    clients
                        .greengrass
                        .list_deployments()
                        .set_target_arn(target_arn.clone())
                        .set_parent_target_arn(parent_target_arn.clone())
                        .history_filter(history)
                        .max_results(i32::from(size))
                        .set_next_token(page.map(str::to_owned))
                        .send()
                        .await
                },
                reply::page,
            )
            .await
    }

    /// Cancels a deployment: devices that have not got it will not. One that is cancelled already is a success.
    pub async fn cancel_deployment(&self, permit: Permit, deployment_id: &str) -> Result<(), Failure> {
        let result = self
            .calls
            .call(
                permit,
                Operation::CancelDeployment,
                async |clients: ServiceClients| {
                    clients.greengrass.cancel_deployment().deployment_id(deployment_id).send().await
                },
                |_| Ok(()),
            )
            .await;
        match result {
            Err(failure) if is_canceled_already(&failure) => Ok(()),
            result => result,
        }
    }

    /// Deletes a deployment that is not active.
    pub async fn delete_deployment(&self, permit: Permit, deployment_id: &str) -> Result<(), Failure> {
        self.calls
            .call(
                permit,
                Operation::DeleteDeployment,
                async |clients: ServiceClients| {
                    clients.greengrass.delete_deployment().deployment_id(deployment_id).send().await
                },
                |_| Ok(()),
            )
            .await
    }

    /// Sets tags; others stay.
    pub async fn tag_resource(
        &self,
        permit: Permit,
        arn: &str,
        tags: &BTreeMap<String, String>,
    ) -> Result<(), Failure> {
        self.calls
            .call(
                permit,
                Operation::TagResource,
                async |clients: ServiceClients| {
                    clients.greengrass.tag_resource().resource_arn(arn).set_tags(request::tags_input(tags)).send().await
                },
                |_| Ok(()),
            )
            .await
    }

    /// Removes tags by key; a key that isn't there is no failure.
    pub async fn untag_resource(&self, permit: Permit, arn: &str, keys: &[String]) -> Result<(), Failure> {
        self.calls
            .call(
                permit,
                Operation::UntagResource,
                async |clients: ServiceClients| {
                    clients.greengrass.untag_resource().resource_arn(arn).set_tag_keys(Some(keys.to_vec())).send().await
                },
                |_| Ok(()),
            )
            .await
    }
}

/// The service refuses to cancel twice with a validation error that only its words tell from others.
fn is_canceled_already(failure: &Failure) -> bool {
    let words = failure.message.to_ascii_lowercase();
    failure.kind == FailureKind::Validation
        && (words.contains("already canceled") || words.contains("already cancelled"))
}
