//! `suspend`, `resume`, `reconcile`, `redeploy`, `cancel`: what people ask of the operator. I/O: writes to the cluster, waits.

use std::time::Duration;

use clap::Args;
use greengrass_operator_core::api::{CANCEL_AT, RECONCILE_AT, REDEPLOY_AT};
use jiff::{SignedDuration, Timestamp};
use thiserror::Error;

use super::Ended;
use super::kubernetes::{Cluster, ClusterArgs, ClusterError, Resource, Scope, bare_name};
use super::output::{PrintError, note, print};

/// Which resources.
#[derive(Args, Debug)]
pub(super) struct PickArgs {
    #[command(flatten)]
    cluster: ClusterArgs,

    /// Resources, as NAME or ggd/NAME.
    #[arg(value_name = "NAME", required_unless_present_any = ["all", "selector"])]
    names: Vec<String>,

    /// All of the namespace.
    #[arg(long, conflicts_with_all = ["names", "selector"])]
    all: bool,

    /// Those of the namespace with these labels, as kubectl takes them.
    #[arg(short = 'l', long, value_name = "LABELS", conflicts_with = "names")]
    selector: Option<String>,
}

/// What `resume` takes.
#[derive(Args, Debug)]
pub(super) struct ResumeArgs {
    #[command(flatten)]
    pick: PickArgs,

    #[command(flatten)]
    patience: WaitArgs,
}

/// What a request takes.
#[derive(Args, Debug)]
pub(super) struct RequestArgs {
    #[command(flatten)]
    pick: PickArgs,

    #[command(flatten)]
    patience: WaitArgs,
}

/// How long is waited.
#[derive(Args, Debug)]
struct WaitArgs {
    /// Doesn't wait for the operator.
    #[arg(long)]
    no_wait: bool,

    /// How long the operator is waited for, for example 90s or 5m.
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = duration)]
    timeout: Duration,
}

/// What the operator is asked by an annotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Request {
    /// Look now.
    Reconcile,
    /// A new revision of the same content.
    Redeploy,
    /// Stop the rollout.
    Cancel,
}

/// Why it was not done.
#[derive(Debug, Error)]
pub(super) enum RequestError {
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    #[error(transparent)]
    Print(#[from] PrintError),
    #[error("there is no such GreengrassDeployment in namespace {0}")]
    None(String),
}

/// Holds writes to AWS back.
pub(super) async fn suspend(args: PickArgs) -> Result<Ended, RequestError> {
    let (cluster, names) = pick(args).await?;
    for name in names {
        let changed = cluster.set_suspend(&name, Some(true)).await?;
        print(&format!("{}/{name} suspended: nothing is written to AWS for it any more\n", changed.namespace))?;
    }
    Ok(Ended::Well)
}

/// Lets writes to AWS go on.
pub(super) async fn resume(args: ResumeArgs) -> Result<Ended, RequestError> {
    let ResumeArgs { pick: picked, patience } = args;
    let (cluster, names) = pick(picked).await?;
    let mut ended = Ended::Well;
    for name in names {
        // Taken off, not set to false: the default is what a manifest without the field says.
        let changed = cluster.set_suspend(&name, None).await?;
        print(&format!("{}/{name} resumed\n", changed.namespace))?;
        let holds = |resource: &Resource| resource.generation >= changed.generation && has_settled(resource);
        if !wait(&cluster, &name, &patience, None, holds).await? {
            ended = Ended::Badly;
        }
    }
    Ok(ended)
}

/// Asks the operator for something.
pub(super) async fn ask(request: Request, args: RequestArgs, now: Timestamp) -> Result<Ended, RequestError> {
    let RequestArgs { pick: picked, patience } = args;
    let (cluster, names) = pick(picked).await?;
    let mut ended = Ended::Well;
    // To the nanosecond: asked twice in a second it is two requests.
    let value = now.to_string();
    for name in names {
        let asked = cluster.annotate(&name, request.annotation(), &value).await?;
        print(&format!("{}/{name} {}\n", asked.namespace, request.words()))?;
        if asked.is_suspended && request != Request::Reconcile {
            print(&format!("{}/{name} is suspended: it is done when it is resumed\n", asked.namespace))?;
            continue;
        }
        let asked_for = (request == Request::Cancel).then_some("RolloutCanceled");
        if !wait(&cluster, &name, &patience, asked_for, |resource| request.is_handled(resource, &value)).await? {
            ended = Ended::Badly;
        }
    }
    Ok(ended)
}

impl Request {
    const fn annotation(self) -> &'static str {
        match self {
            Self::Reconcile => RECONCILE_AT,
            Self::Redeploy => REDEPLOY_AT,
            Self::Cancel => CANCEL_AT,
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::Reconcile => "to be looked at now",
            Self::Redeploy => "to be deployed anew",
            Self::Cancel => "to be cancelled",
        }
    }

    fn is_handled(self, resource: &Resource, value: &str) -> bool {
        let handled = match self {
            Self::Reconcile => &resource.status.last_handled_reconcile_at,
            Self::Redeploy => &resource.status.last_handled_redeploy_at,
            Self::Cancel => &resource.status.last_handled_cancel_at,
        };
        handled.as_deref() == Some(value) && has_settled(resource)
    }
}

/// The operator has looked at the present spec and has nothing under way but what devices do.
fn has_settled(resource: &Resource) -> bool {
    let reconciling = resource.condition("Reconciling").map(|condition| condition.reason.as_str());
    resource.is_observed() && matches!(reconciling, None | Some("RollingOut" | "WaitingForParent"))
}

/// Waits until it holds, and says how the resource stands then. False: it does not hold, or a person must act, unless for the reason
/// that was asked for.
async fn wait(
    cluster: &Cluster,
    name: &str,
    patience: &WaitArgs,
    asked_for: Option<&str>,
    holds: impl Fn(&Resource) -> bool,
) -> Result<bool, RequestError> {
    if patience.no_wait {
        return Ok(true);
    }
    let key = (cluster.namespace().to_owned(), name.to_owned());
    let mut last: Option<Resource> = None;
    let mut told = String::new();
    let waiting = cluster.watch(Scope::Namespace, None, async |known| {
        last = known.get(&key).cloned();
        // Gone: there is nothing to wait for.
        let goes_on = last.as_ref().is_some_and(|resource| !holds(resource));
        if let Some(resource) = last.as_ref().filter(|_| goes_on) {
            let said = said(resource);
            if said != told {
                note(&format!("waiting for {}/{name}: {said}", resource.namespace));
                told = said;
            }
        }
        Ok(goes_on)
    });
    let in_time = match tokio::time::timeout(patience.timeout, waiting).await {
        Ok(ended) => {
            ended?;
            true
        }
        Err(_) => false,
    };
    let Some(resource) = last else {
        print(&format!("{}/{name} is gone\n", cluster.namespace()))?;
        return Ok(false);
    };
    let said = said(&resource);
    if !in_time {
        let seconds = patience.timeout.as_secs();
        print(&format!("{}/{name} not handled within {seconds} s; {said}\n", resource.namespace))?;
        return Ok(false);
    }
    print(&format!("{}/{name} {said}\n", resource.namespace))?;
    Ok(resource.condition("Stalled").is_none_or(|stalled| Some(stalled.reason.as_str()) == asked_for))
}

fn said(resource: &Resource) -> String {
    resource.condition("Ready").map_or_else(
        || "the operator has not looked at it: is it running, and does it watch this namespace?".to_owned(),
        |ready| format!("Ready={} {}: {}", ready.status, ready.reason, ready.message),
    )
}

async fn pick(args: PickArgs) -> Result<(Cluster, Vec<String>), RequestError> {
    let PickArgs { cluster, names, all, selector } = args;
    let names = names.iter().map(|name| bare_name(name).map(ToOwned::to_owned)).collect::<Result<Vec<_>, _>>()?;
    let cluster = Cluster::of(cluster).await?;
    if !all && selector.is_none() {
        return Ok((cluster, names));
    }
    let found = cluster.list(Scope::Namespace, selector.as_deref()).await?;
    if found.is_empty() {
        return Err(RequestError::None(cluster.namespace().to_owned()));
    }
    Ok((cluster, found.into_iter().map(|resource| resource.name).collect()))
}

fn duration(text: &str) -> Result<Duration, String> {
    let parsed: Option<SignedDuration> = text.parse().ok();
    parsed
        .and_then(|duration| Duration::try_from(duration).ok())
        .filter(|duration| !duration.is_zero())
        .ok_or_else(|| "a time with its unit is wanted, for example 90s or 5m".to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_request_is_handled_when_the_status_repeats_it_and_nothing_is_under_way() {
        let resource = |status: serde_json::Value| Resource {
            generation: 1,
            status: serde_json::from_value(status).unwrap(),
            ..Resource::default()
        };
        let reconciling = |reason: &str| json!([{"type": "Reconciling", "status": "True", "reason": reason, "message": "", "lastTransitionTime": "2026-09-21T00:00:00Z"}]);
        let handled = |status| Request::Redeploy.is_handled(&resource(status), "now");
        assert!(handled(json!({"observedGeneration": 1, "lastHandledRedeployAt": "now"})));
        assert!(handled(
            json!({"observedGeneration": 1, "lastHandledRedeployAt": "now", "conditions": reconciling("RollingOut")})
        ));
        assert!(!handled(
            json!({"observedGeneration": 1, "lastHandledRedeployAt": "now", "conditions": reconciling("Progressing")})
        ));
        assert!(!handled(json!({"observedGeneration": 1, "lastHandledRedeployAt": "then"})));
        assert!(!handled(json!({"observedGeneration": 0, "lastHandledRedeployAt": "now"})));
    }

    #[test]
    fn a_time_needs_its_unit() {
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        for text in ["90", "-5s", "0s", "soon"] {
            assert!(duration(text).unwrap_err().contains("for example 90s"), "{text}");
        }
    }
}
