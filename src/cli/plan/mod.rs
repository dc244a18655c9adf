//! `plan`: what manifests would change in AWS, without a cluster and without changing anything. I/O: reads files and AWS.

mod describe;
mod foresee;
mod instances;
mod planned;
mod render;
mod resolve;

use std::path::PathBuf;

use clap::Args;
use greengrass_operator_core::names::TargetArn;
use greengrass_operator_core::system_instance::validate::read_leniently;
use jiff::Timestamp;
use thiserror::Error;

use super::Ended;
use super::cloud::{Cloud, told};
use super::kubernetes::context_namespace;
use super::manifests::{self, ManifestError, Manifests};
use super::output::{self, Format, PrintError, Screen};
use crate::aws::configured_region;
use crate::config::ClusterName;
use planned::{Plan, Summary};
use resolve::Own;

/// Shows what manifests would change in AWS, without a cluster and without changing anything.
///
/// AWS is read with your own credentials (AWS_PROFILE and so on): greengrass:ListDeployments and greengrass:GetDeployment are enough, and
/// for SystemInstances iotthingsgraph:GetSystemInstance and iotthingsgraph:ListTagsForResource. The answer is found by the operator's own rules, of what AWS has now. Exit codes: 0 nothing would change, 2 something would, 1 something is
/// wrong with a manifest, would be refused, or could not be read.
#[derive(Args, Debug)]
#[allow(clippy::doc_markdown, reason = "shown as help, where backticks would be in the way")]
pub(super) struct PlanArgs {
    /// A file or folder with manifests, or - for standard input. May be repeated. Besides GreengrassDeployments and SystemInstances,
    /// AwsIdentities, ConfigMaps and Namespaces count where they play a part.
    #[arg(short = 'f', long = "filename", value_name = "FILE", required_unless_present = "kustomize")]
    filename: Vec<PathBuf>,

    /// A folder that kustomize builds (kubectl or kustomize must be installed).
    #[arg(short = 'k', long, value_name = "FOLDER", conflicts_with = "filename")]
    kustomize: Option<PathBuf>,

    /// Looks into folders below the named ones as well.
    #[arg(short = 'R', long)]
    recursive: bool,

    /// The namespace of manifests that name none. Default: that of the kubeconfig's context, as kubectl applies them, else default. Nothing
    /// but the file is read for it.
    #[arg(short, long, value_name = "NAMESPACE")]
    namespace: Option<String>,

    /// The cluster's name in the tags of its deployments (the chart's clusterName). Default: the one that a deployment of the very resource
    /// names; without one, deployments of other clusters can't be told from this one's.
    #[arg(long, value_name = "NAME")]
    cluster_name: Option<ClusterName>,

    /// The region of targets that are named without their ARN, where no identity says it. Default: as the AWS CLI finds it.
    #[arg(long, value_name = "REGION")]
    region: Option<String>,

    /// Reads AWS through the roles of the AwsIdentities among the manifests, as the operator does. Needed where they lead to other accounts.
    #[arg(long)]
    assume_roles: bool,

    /// Names keys without their values: for logs that others read.
    #[arg(long)]
    hide_values: bool,

    /// How the plan is written.
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value_t)]
    output: Format,
}

/// Why there is no plan.
#[derive(Debug, Error)]
pub(super) enum PlanError {
    #[error(transparent)]
    Manifests(#[from] ManifestError),
    #[error("the manifests hold no GreengrassDeployment and no SystemInstance: name files that do")]
    Nothing,
    #[error(transparent)]
    Print(#[from] PrintError),
}

/// Prints the plan.
pub(super) async fn plan(args: PlanArgs, now: Timestamp) -> Result<Ended, PlanError> {
    let PlanArgs { filename, kustomize, recursive, namespace, cluster_name, region, assume_roles, hide_values, output } =
        args;
    let sources = match &kustomize {
        Some(folder) => manifests::kustomized(folder)?,
        None => manifests::read(&filename, recursive)?,
    };
    let all = manifests::parse(&sources, &namespace.unwrap_or_else(context_namespace))?;
    if all.deployments.is_empty() && all.instances.is_empty() {
        return Err(PlanError::Nothing);
    }
    let cloud = Cloud::of_process();
    let (own, problem) = own(&cloud, &all, region).await;
    let foreseer = foresee::Foreseer {
        cloud: &cloud,
        manifests: &all,
        own,
        own_problem: problem,
        cluster_name: cluster_name.map(|name| name.to_string()),
        assume_roles,
        now,
    };
    let mut resources = Box::pin(foreseer.all()).await;
    resources.extend(Box::pin(foreseer.instances()).await);
    if hide_values {
        resources.iter_mut().for_each(planned::Planned::hide_values);
    }
    let plan = Plan { summary: Summary::of(&resources), resources };
    let screen = Screen::of_process();
    let text = output::rendered(output, &plan).unwrap_or_else(|| render::text(&plan, screen));
    output::print(&text)?;
    Ok(plan.summary.ended())
}

/// Who the caller is; where that can't be said, why. Not known, it is told with each target that needs it.
async fn own(cloud: &Cloud, all: &Manifests, region: Option<String>) -> (Own, Option<String>) {
    let region = match region {
        Some(region) => Some(region),
        None => configured_region().await,
    };
    let mut targets =
        all.deployments.iter().filter_map(|manifest| TargetArn::parse(manifest.spec.get("targetArn")?.as_str()?).ok());
    let mut instances = all.instances.iter().filter_map(|manifest| read_leniently(&manifest.spec).id);
    let named = || {
        let target = targets.next().map(|target| target.region().to_owned());
        target.or_else(|| instances.next().map(|id| id.region().to_owned()))
    };
    let Some(asked_in) = region.clone().or_else(named) else {
        let own = Own { account: None, partition: None, region: None };
        return (own, Some("no region is known: name one with --region or AWS_REGION".to_owned()));
    };
    match cloud.caller(&asked_in).await {
        Ok(caller) => {
            let partition = caller.arn.split(':').nth(1).map(ToOwned::to_owned);
            (Own { account: Some(caller.account), partition, region }, None)
        }
        Err(failure) => (Own { account: None, partition: None, region }, Some(told(&failure))),
    }
}
