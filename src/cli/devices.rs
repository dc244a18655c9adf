//! `devices`: what each device did with a resource's revision. I/O: asks the cluster and AWS, prints.

use clap::{Args, ValueEnum};
use futures::{StreamExt, TryStreamExt, stream};
use greengrass_operator_core::api::devices::DeviceFailure;
use greengrass_operator_core::deployment::knowledge::Details;
use greengrass_operator_core::deployment::rollout::BadEnd;
use greengrass_operator_core::failure::Failure;
use jiff::Timestamp;
use serde::Serialize;
use thiserror::Error;

use super::Ended;
use super::cloud::{AT_ONCE, Cloud, own_scope, told};
use super::kubernetes::{Cluster, ClusterArgs, ClusterError};
use super::output::{self, Cell, Format, Meaning, PrintError, Progress, Screen, age, table};
use super::resource::{Kind, NameError, named};
use crate::aws::{Execution, Scope};
use crate::controller::clock::Clock;

/// Lists what each device did with a resource's revision, the troubled ones first.
///
/// The resource is read from the cluster, its devices from AWS with your own credentials (AWS_PROFILE and so on): iot:ListJobExecutionsForJob
/// and iot:DescribeJobExecution for thing groups; greengrass:GetDeployment and iot:GetThingShadow for things. Without them, the command status
/// shows counts and up to ten failures.
#[derive(Args, Debug)]
#[allow(clippy::doc_markdown, reason = "shown as help, where backticks would be in the way")]
pub(super) struct DevicesArgs {
    #[command(flatten)]
    cluster: ClusterArgs,

    /// The resource, as NAME or ggd/NAME.
    #[arg(value_name = "NAME")]
    name: String,

    /// Only devices in these states, separated by commas.
    #[arg(short, long, value_name = "STATE,…", value_enum, value_delimiter = ',')]
    state: Vec<State>,

    /// Of so many devices that don't run the revision AWS is asked why; AWS allows ten such questions a second.
    #[arg(long, value_name = "COUNT", default_value_t = 20)]
    reasons: usize,

    /// How it is written.
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value_t)]
    output: Format,
}

/// How far a device is: AWS's words for a job's execution, the troubled ones first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
enum State {
    /// The deployment failed.
    Failed,
    /// The device refused it.
    Rejected,
    /// It took too long.
    TimedOut,
    /// It is at it.
    InProgress,
    /// It has not begun.
    Queued,
    /// It has the revision.
    Succeeded,
    /// It was cancelled before the device had it.
    Canceled,
    /// The device left the group.
    Removed,
}

/// Why devices can't be listed.
#[derive(Debug, Error)]
pub(super) enum DevicesError {
    #[error(transparent)]
    Name(#[from] NameError),
    #[error("AWS tells nothing of the devices of a SystemInstance: see its Greengrass group (version 1)")]
    NoDevices,
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    #[error("{0}")]
    Aws(String),
    #[error("{0} has no deployment in AWS yet: see the command status")]
    NoDeployment(String),
    #[error(
        "your credentials are for account {own}, and the deployment is in account {wanted}: use credentials for that account"
    )]
    OtherAccount { own: String, wanted: String },
    #[error(transparent)]
    Print(#[from] PrintError),
}

impl From<Failure> for DevicesError {
    fn from(failure: Failure) -> Self {
        Self::Aws(told(&failure))
    }
}

/// A device, for programs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Device {
    thing: String,
    /// AWS's word.
    state: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    changed_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    error_codes: Vec<String>,
}

#[derive(Serialize)]
struct Devices {
    items: Vec<Device>,
}

/// Lists what each device did.
pub(super) async fn devices(args: DevicesArgs, clock: Clock) -> Result<Ended, DevicesError> {
    let DevicesArgs { cluster, name, state, reasons, output: format } = args;
    let (kind, bare) = named(&name)?;
    if kind == Some(Kind::SystemInstance) {
        return Err(DevicesError::NoDevices);
    }
    let cluster = Cluster::of(cluster, Kind::GreengrassDeployment).await?;
    let resource = cluster.get(bare).await?;
    let no_deployment = || DevicesError::NoDeployment(format!("{}/{}", resource.namespace, resource.name));
    let resolved = resource.status.resolved.as_ref().ok_or_else(no_deployment)?;
    let id = resource.status.deployment_id.as_ref().ok_or_else(no_deployment)?;
    let cloud = Cloud::of_process();
    let caller = cloud.caller(&resolved.region).await?;
    if caller.account != resolved.account_id {
        return Err(DevicesError::OtherAccount { own: caller.account, wanted: resolved.account_id.clone() });
    }
    let scope = own_scope(&resolved.account_id, &resolved.region);
    let mut states = state;
    states.sort_unstable();
    states.dedup();
    let is_thing = !resolved.target_arn.contains(":thinggroup/");
    let mut devices = if is_thing {
        let details = cloud.deployment(&scope, id).await?.ok_or_else(no_deployment)?;
        of_thing(&cloud, &scope, &details).await?
    } else {
        let job = if let Some(job) = resource.status.iot_job_id.clone() {
            job
        } else {
            // The id is recorded before the rest is known.
            let details = cloud.deployment(&scope, id).await?;
            details.and_then(|details| details.iot_job_id).ok_or_else(no_deployment)?
        };
        of_job(&cloud, &scope, &job, &states, reasons).await?
    };
    devices.retain(|device| states.is_empty() || states.iter().any(|state| state.word() == device.state));
    let devices = Devices { items: devices };
    let screen = Screen::of_process();
    let text = output::rendered(format, &devices).unwrap_or_else(|| shown(&devices.items, format, screen, clock.now()));
    if devices.items.is_empty() && matches!(format, Format::Text | Format::Wide) {
        output::note("no devices");
    } else {
        output::print(&text)?;
    }
    Ok(Ended::Well)
}

async fn of_job(
    cloud: &Cloud,
    scope: &Scope,
    job: &str,
    states: &[State],
    reasons: usize,
) -> Result<Vec<Device>, Failure> {
    let mut executions: Vec<Execution> = Vec::new();
    if states.is_empty() {
        executions = cloud.executions(scope, job, None).await?;
    }
    for state in states {
        executions.extend(cloud.executions(scope, job, Some(state.word())).await?);
    }
    executions.sort_by(|a, b| (rank(&a.state), &a.thing).cmp(&(rank(&b.state), &b.thing)));
    // The troubled ones stand first, so those who are asked about are those whom a reader sees first.
    let end = |execution: &Execution| BadEnd::ALL.into_iter().find(|end| end.as_str() == execution.state);
    let asked = executions.iter().filter(|execution| end(execution).is_some()).count().min(reasons);
    let progress = Progress::of("asking why devices failed", asked);
    let described = stream::iter(executions.into_iter().enumerate()).map(async |(at, execution)| {
        let why = match end(&execution).filter(|_| at < asked) {
            Some(end) => {
                let why = cloud.failure(scope, job, &execution.thing, end).await?;
                progress.step();
                why
            }
            None => None,
        };
        let Execution { thing, state, changed_at } = execution;
        let (reason, error_codes) = why.map(|why| (why.reason, why.error_codes)).unwrap_or_default();
        Ok(Device { thing, state, changed_at, reason, error_codes })
    });
    described.buffered(AT_ONCE).try_collect().await
}

/// A thing has no job: its deployment says how far it is, and its shadow why.
async fn of_thing(cloud: &Cloud, scope: &Scope, details: &Details) -> Result<Vec<Device>, Failure> {
    let thing = details.row.target_arn.rsplit_once('/').map_or("", |(_, thing)| thing).to_owned();
    let revision = details.row.revision_id.to_string();
    let state = match details.row.status.as_str() {
        "COMPLETED" => State::Succeeded.word(),
        // Cancelled by somebody, or superseded: what the device did before is not known any more.
        "CANCELED" | "INACTIVE" => State::Canceled.word(),
        "FAILED" => State::Failed.word(),
        _ => State::Queued.word(),
    };
    let why =
        if state == State::Failed.word() { cloud.failure_of_thing(scope, &thing, &revision).await? } else { None };
    let (state, reason, error_codes) = match why {
        Some(DeviceFailure { thing: _, status, reason, error_codes }) => (status, reason, error_codes),
        None => (state.to_owned(), None, Vec::new()),
    };
    Ok(vec![Device { thing, state, changed_at: None, reason, error_codes }])
}

impl State {
    const fn word(self) -> &'static str {
        match self {
            Self::Failed => "FAILED",
            Self::Rejected => "REJECTED",
            Self::TimedOut => "TIMED_OUT",
            Self::InProgress => "IN_PROGRESS",
            Self::Queued => "QUEUED",
            Self::Succeeded => "SUCCEEDED",
            Self::Canceled => "CANCELED",
            Self::Removed => "REMOVED",
        }
    }

    const fn meaning(self) -> Meaning {
        match self {
            Self::Failed | Self::Rejected | Self::TimedOut => Meaning::Bad,
            Self::InProgress => Meaning::Moving,
            Self::Succeeded => Meaning::Good,
            Self::Queued | Self::Canceled | Self::Removed => Meaning::Aside,
        }
    }

    fn of(word: &str) -> Option<Self> {
        Self::value_variants().iter().copied().find(|state| state.word() == word)
    }
}

/// The troubled ones first; states that AWS may add last.
fn rank(word: &str) -> (bool, Option<State>) {
    let state = State::of(word);
    (state.is_none(), state)
}

fn shown(devices: &[Device], format: Format, screen: Screen, now: Timestamp) -> String {
    let is_wide = format == Format::Wide;
    let row = |device: &Device| {
        let Device { thing, state, changed_at, reason, error_codes } = device;
        let meaning = State::of(state).map_or(Meaning::Plain, State::meaning);
        let codes = if is_wide { error_codes.join(",") } else { error_codes.last().cloned().unwrap_or_default() };
        let since = changed_at.map_or_else(|| "-".to_owned(), |at| age(at, now));
        vec![
            Cell::from(thing.clone()),
            Cell::of(meaning, state.clone()),
            Cell::from(since),
            Cell::from(if codes.is_empty() { "-".to_owned() } else { codes }),
            Cell::from(reason.clone().unwrap_or_default()),
        ]
    };
    let rows: Vec<Vec<Cell>> = devices.iter().map(row).collect();
    let screen = if is_wide { Screen { width: None, ..screen } } else { screen };
    table(&["THING", "STATE", "SINCE", "CODE", "REASON"], &rows, screen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_troubled_come_first_and_unknown_states_last() {
        let mut words = ["SUCCEEDED", "FAILED", "QUEUED", "NEW_ONE", "TIMED_OUT"];
        words.sort_by_key(|word| rank(word));
        assert_eq!(words, ["FAILED", "TIMED_OUT", "QUEUED", "SUCCEEDED", "NEW_ONE"]);
    }
}
