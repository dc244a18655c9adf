//! `import`: manifests for deployments that exist. I/O: reads AWS, prints or writes files.

mod instance;
mod manifest;

use std::collections::BTreeSet;
use std::io::Write;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use futures::{StreamExt, TryStreamExt, stream};
use greengrass_operator_core::deployment::knowledge::{Details, Row, RowFilter};
use greengrass_operator_core::failure::Failure;
use greengrass_operator_core::names::{TargetArn, TargetKind};
use serde_json::json;
use thiserror::Error;

use super::Ended;
use super::cloud::{AT_ONCE, Cloud, own_scope, told};
use super::output::{self, PrintError, Progress, note};
use crate::aws::{Scope, configured_region};
use manifest::{Imported, Importer};

/// Writes manifests for deployments that exist in AWS, so that applying them changes nothing there but tags.
///
/// AWS is read with your own credentials (AWS_PROFILE and so on): greengrass:ListDeployments and greengrass:GetDeployment are enough, with
/// --things-graph iotthingsgraph:SearchSystemInstances, iotthingsgraph:GetSystemInstance and iotthingsgraph:ListTagsForResource. Each manifest is checked: it is written only if the operator would take the deployment over as it is. What can't be is told, with the reason, on
/// standard error. Deployments that an operator has made are left out.
#[derive(Args, Debug)]
#[allow(clippy::doc_markdown, reason = "shown as help, where backticks would be in the way")]
pub(super) struct ImportArgs {
    /// Only deployments for these thing groups, by name. May be repeated.
    #[arg(long, value_name = "NAME")]
    thing_group: Vec<String>,

    /// Only deployments for these things, by name. May be repeated.
    #[arg(long, value_name = "NAME")]
    thing: Vec<String>,

    /// Writes SystemInstances for the system instances of the legacy service AWS IoT Things Graph instead.
    #[arg(long, conflicts_with_all = ["thing_group", "thing", "short_targets"])]
    things_graph: bool,

    /// The region. Default: as the AWS CLI finds it.
    #[arg(long, value_name = "REGION")]
    region: Option<String>,

    /// The namespace in the manifests. Default: none, and they go where they are applied.
    #[arg(short, long, value_name = "NAMESPACE")]
    namespace: Option<String>,

    /// Names targets without their ARN, so that one manifest serves several accounts; account and region come from the AwsIdentity.
    #[arg(long)]
    short_targets: bool,

    /// Writes a file for each into this directory, which must be there, instead of printing all. Files that are there stay.
    #[arg(short, long, value_name = "DIRECTORY")]
    directory: Option<PathBuf>,

    /// How manifests are written.
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value_t)]
    output: ManifestFormat,
}

/// How manifests are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum ManifestFormat {
    /// As Git likes them.
    #[default]
    Yaml,
    /// A list, for programs.
    Json,
}

/// Why nothing was imported.
#[derive(Debug, Error)]
pub(super) enum ImportError {
    #[error("no region is known: name one with --region or AWS_REGION")]
    NoRegion,
    #[error("{0}")]
    Aws(String),
    #[error("no {0} was found that could be imported")]
    Nothing(&'static str),
    #[error("there is no directory {0}: make it first")]
    NoDirectory(PathBuf),
    #[error("{0} is there already: move it away, or choose another directory")]
    Exists(PathBuf),
    #[error("{0} can't be written")]
    Write(PathBuf, #[source] std::io::Error),
    #[error(transparent)]
    Print(#[from] PrintError),
}

impl From<Failure> for ImportError {
    fn from(failure: Failure) -> Self {
        Self::Aws(told(&failure))
    }
}

/// Writes the manifests.
pub(super) async fn import(args: ImportArgs) -> Result<Ended, ImportError> {
    let ImportArgs { thing_group, thing, things_graph, region, namespace, short_targets, directory, output } = args;
    let region = match region {
        Some(region) => region,
        None => configured_region().await.ok_or(ImportError::NoRegion)?,
    };
    let cloud = Cloud::of_process();
    let account = cloud.caller(&region).await?.account;
    let scope = own_scope(&account, &region);
    if let Some(directory) = directory.as_ref().filter(|directory| !directory.is_dir()) {
        return Err(ImportError::NoDirectory(directory.clone()));
    }
    let mut importer = Importer::new(namespace, short_targets);
    if things_graph {
        let all = instances(&cloud, &scope, &mut importer).await?;
        delivered(&all, "system instance", directory, output)?;
        return Ok(Ended::Well);
    }
    let wanted = Wanted { groups: thing_group.into_iter().collect(), things: thing.into_iter().collect() };
    let mut all = Vec::new();
    let rows = rows(&cloud, &scope, &wanted).await?;
    let missing = wanted.without(&rows);
    for name in &missing {
        note(&format!("{name} has no deployment in {account} {region}"));
    }
    let progress = Progress::of("reading deployments", rows.len());
    let read = stream::iter(&rows).map(async |row| {
        let details = cloud.deployment(&scope, &row.deployment_id).await;
        progress.step();
        details
    });
    // In the order of the list, so that the same fleet gives the same manifests.
    let read: Vec<Option<Details>> = read.buffered(AT_ONCE).try_collect().await?;
    drop(progress);
    for details in read.into_iter().flatten() {
        match importer.import(&details) {
            Ok(imported) => all.push(imported),
            Err(left_out) => note(&format!("left out: {left_out}")),
        }
    }
    delivered(&all, "deployment", directory, output)?;
    Ok(if missing.is_empty() { Ended::Well } else { Ended::Badly })
}

/// Manifests for all system instances of the account and region.
async fn instances(cloud: &Cloud, scope: &Scope, importer: &mut Importer) -> Result<Vec<Imported>, ImportError> {
    let ids = cloud.system_instances(scope).await?;
    let progress = Progress::of("reading system instances", ids.len());
    let mut all = Vec::new();
    for id in &ids {
        progress.step();
        let Some(found) = cloud.system_instance(scope, id).await? else { continue };
        let tags = cloud.instance_tags(scope, &found).await?;
        match importer.import_instance(&found, &tags) {
            Ok(imported) => all.push(imported),
            Err(left_out) => note(&format!("left out: {left_out}")),
        }
    }
    Ok(all)
}

fn delivered(
    all: &[Imported],
    what: &'static str,
    directory: Option<PathBuf>,
    format: ManifestFormat,
) -> Result<(), ImportError> {
    if all.is_empty() {
        return Err(ImportError::Nothing(what));
    }
    match directory {
        Some(directory) => write(all, &directory, format),
        None => Ok(output::print(&together(all, format))?),
    }
}

/// Of whom deployments are imported; where nobody is named, of all.
struct Wanted {
    groups: BTreeSet<String>,
    things: BTreeSet<String>,
}

impl Wanted {
    /// Those who have no deployment.
    fn without(&self, rows: &[Row]) -> Vec<String> {
        let targets: Vec<TargetArn> = rows.iter().filter_map(|row| TargetArn::parse(&row.target_arn).ok()).collect();
        let has = |kind: TargetKind, name: &String| targets.iter().any(|it| it.kind() == kind && it.name() == name);
        let groups = self.groups.iter().filter(|name| !has(TargetKind::ThingGroup, name));
        let things = self.things.iter().filter(|name| !has(TargetKind::Thing, name));
        let groups = groups.map(|name| format!("thing group {name}"));
        groups.chain(things.map(|name| format!("thing {name}"))).collect()
    }

    fn has(&self, target: &TargetArn) -> bool {
        let Self { groups, things } = self;
        let named = match target.kind() {
            TargetKind::ThingGroup => groups,
            TargetKind::Thing => things,
        };
        groups.is_empty() && things.is_empty() || named.contains(target.name())
    }
}

/// The newest deployment of every key, parents before their subdeployments. Whether the plain list shows subdeployments is not
/// documented: those of each thing group are asked for as well.
async fn rows(cloud: &Cloud, scope: &Scope, wanted: &Wanted) -> Result<Vec<Row>, Failure> {
    let mut all =
        cloud.rows(scope, &RowFilter { target_arn: None, parent_target_arn: None, latest_only: true }).await?;
    let groups: BTreeSet<TargetArn> = all.iter().filter_map(|row| TargetArn::parse(&row.target_arn).ok()).collect();
    for group in groups.iter().filter(|target| target.kind() == TargetKind::ThingGroup) {
        all.extend(cloud.rows(scope, &RowFilter::newest_beneath(group)).await?);
    }
    all.retain(|row| TargetArn::parse(&row.target_arn).is_ok_and(|target| wanted.has(&target)));
    // One for each key, whichever list has shown it, and however many "newest" ones a list shows.
    all.sort_by(|a, b| {
        let key = |row: &Row| (row.parent_target_arn.is_some(), row.target_arn.clone(), row.parent_target_arn.clone());
        (key(a), b.revision_id, b.created_at).cmp(&(key(b), a.revision_id, a.created_at))
    });
    all.dedup_by(|a, b| a.target_arn == b.target_arn && a.parent_target_arn == b.parent_target_arn);
    Ok(all)
}

fn together(all: &[Imported], format: ManifestFormat) -> String {
    match format {
        ManifestFormat::Yaml => all.iter().map(Imported::yaml).collect::<Vec<_>>().join("---\n"),
        ManifestFormat::Json => {
            let items: Vec<_> = all.iter().map(|imported| &imported.manifest).collect();
            format!("{:#}\n", json!({"apiVersion": "v1", "kind": "List", "items": items}))
        }
    }
}

fn write(all: &[Imported], directory: &std::path::Path, format: ManifestFormat) -> Result<(), ImportError> {
    let end = match format {
        ManifestFormat::Yaml => "yaml",
        ManifestFormat::Json => "json",
    };
    let path = |imported: &Imported| directory.join(format!("{}.{end}", imported.name));
    // All or none: what a first attempt has left would keep a second one from going on.
    if let Some(there) = all.iter().map(path).find(|path| path.exists()) {
        return Err(ImportError::Exists(there));
    }
    for imported in all {
        let text = match format {
            ManifestFormat::Yaml => imported.yaml(),
            ManifestFormat::Json => format!("{:#}\n", imported.manifest),
        };
        let path = path(imported);
        let written = std::fs::File::create_new(&path).and_then(|mut file| file.write_all(text.as_bytes()));
        written.map_err(|error| ImportError::Write(path.clone(), error))?;
        output::print(&format!("{}\n", path.display()))?;
    }
    Ok(())
}
