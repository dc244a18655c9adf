//! `suspend`, `resume`, `reconcile`, `redeploy`, `cancel`: what people ask of the operator. I/O: writes to the cluster, waits.

use std::collections::BTreeMap;
use std::time::Duration;

use clap::Args;
use greengrass_operator_core::api::{CANCEL_AT, RECONCILE_AT, REDEPLOY_AT};
use jiff::{SignedDuration, Timestamp};
use thiserror::Error;

use super::Ended;
use super::chain;
use super::kubernetes::{Cluster, ClusterArgs, ClusterError, Scope, Selector};
use super::output::{PrintError, note, print};
use super::resource::{Kind, NameError, Resource, of_one_kind};

/// Which resources.
#[derive(Args, Debug)]
pub(super) struct PickArgs {
    #[command(flatten)]
    cluster: ClusterArgs,

    /// The kind of resources that are named without it, and of --all and --selector.
    #[arg(long, value_name = "KIND", value_enum, default_value_t, ignore_case = true)]
    kind: Kind,

    /// Resources, as NAME, ggd/NAME or ggsi/NAME.
    #[arg(value_name = "NAME", required_unless_present_any = ["all", "selector"])]
    names: Vec<String>,

    /// All of the namespace.
    #[arg(long, conflicts_with_all = ["names", "selector"])]
    all: bool,

    /// Those of the namespace with these labels, as kubectl takes them.
    #[arg(short = 'l', long, value_name = "LABELS", conflicts_with = "names")]
    selector: Option<String>,
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
    Name(#[from] NameError),
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    #[error(transparent)]
    Print(#[from] PrintError),
    #[error("there is no such {0} in namespace {1}")]
    None(Kind, String),
    #[error("a SystemInstance has no rollout that could be stopped: set spec.deployed to false to have it undeployed")]
    NoRollout,
}

/// Holds writes to AWS back.
pub(super) async fn suspend(args: PickArgs) -> Result<Ended, RequestError> {
    let (cluster, names) = pick(args).await?;
    let words = "suspended: nothing is written to AWS for it any more";
    let (_, ended) = each(&names, words, async |name| cluster.set_suspend(name, Some(true)).await).await?;
    Ok(ended)
}

/// Lets writes to AWS go on.
pub(super) async fn resume(args: RequestArgs) -> Result<Ended, RequestError> {
    let RequestArgs { pick: picked, patience } = args;
    let (cluster, names) = pick(picked).await?;
    // Taken off, not set to false: the default is what a manifest without the field says.
    let (changed, ended) = each(&names, "resumed", async |name| cluster.set_suspend(name, None).await).await?;
    let waited = wait(&cluster, &changed, &patience, None, |resource, changed| {
        (resource.generation >= changed.generation && has_settled(resource)).then_some(Answer::Done)
    });
    Ok(worse(ended, waited.await?))
}

/// Asks the operator for something.
pub(super) async fn ask(request: Request, args: RequestArgs, now: Timestamp) -> Result<Ended, RequestError> {
    let RequestArgs { pick: picked, patience } = args;
    let (cluster, names) = pick(picked).await?;
    if request == Request::Cancel && cluster.kind() == Kind::SystemInstance {
        return Err(RequestError::NoRollout);
    }
    // To the nanosecond: asked twice in a second it is two requests.
    let value = now.to_string();
    // Beside each request a look is asked for, whose answer tells when the operator has come to its conclusion: also where it is that
    // the request can't be granted.
    let annotations = match request {
        Request::Reconcile => vec![RECONCILE_AT],
        Request::Redeploy | Request::Cancel => vec![request.annotation(), RECONCILE_AT],
    };
    let (asked, ended) =
        each(&names, request.words(), async |name| cluster.annotate(name, &annotations, &value).await).await?;
    let mut waiting = BTreeMap::new();
    for (name, resource) in asked {
        if resource.is_suspended && request != Request::Reconcile {
            print(&format!("{}/{name} is suspended: it is done when it is resumed\n", resource.namespace))?;
        } else {
            waiting.insert(name, resource);
        }
    }
    let asked_for = (request == Request::Cancel).then_some("RolloutCanceled");
    let waited = wait(&cluster, &waiting, &patience, asked_for, |resource, _| request.answer(resource, &value));
    Ok(worse(ended, waited.await?))
}

fn worse(one: Ended, other: Ended) -> Ended {
    if one == Ended::Badly || other == Ended::Badly { Ended::Badly } else { Ended::Well }
}

/// Does it to each, whatever became of those before; those to whom it was done.
async fn each(
    names: &[String],
    words: &str,
    act: impl AsyncFn(&str) -> Result<Resource, ClusterError>,
) -> Result<(BTreeMap<String, Resource>, Ended), RequestError> {
    let mut done = BTreeMap::new();
    let mut ended = Ended::Well;
    for name in names {
        match act(name).await {
            Ok(resource) => {
                print(&format!("{}/{name} {words}\n", resource.namespace))?;
                done.insert(name.clone(), resource);
            }
            Err(error) => {
                note(&format!("{name}: {}", chain(&error)));
                ended = Ended::Badly;
            }
        }
    }
    Ok((done, ended))
}

/// What the operator has said to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    /// It is done.
    Done,
    /// It was looked at, and something else must be done first.
    Refused,
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

    /// What the operator has said to it; nothing yet where it is at work.
    fn answer(self, resource: &Resource, value: &str) -> Option<Answer> {
        let status = &resource.status;
        let handled = match self {
            Self::Reconcile => &status.last_handled_reconcile_at,
            Self::Redeploy => &status.last_handled_redeploy_at,
            Self::Cancel => &status.last_handled_cancel_at,
        };
        if !has_settled(resource) {
            return None;
        }
        if handled.as_deref() == Some(value) {
            return Some(Answer::Done);
        }
        let has_looked = status.last_handled_reconcile_at.as_deref() == Some(value);
        (has_looked && resource.condition("Stalled").is_some()).then_some(Answer::Refused)
    }
}

/// The operator has looked at the present spec and has nothing under way but what devices do.
fn has_settled(resource: &Resource) -> bool {
    let reconciling = resource.condition("Reconciling").map(|condition| condition.reason.as_str());
    resource.is_observed() && matches!(reconciling, None | Some("RollingOut" | "WaitingForParent"))
}

/// Waits until there is an answer for each, and says how each stands then. Badly: one has none, or was refused, or a person must act,
/// unless for the reason that was asked for.
async fn wait(
    cluster: &Cluster,
    waiting: &BTreeMap<String, Resource>,
    patience: &WaitArgs,
    asked_for: Option<&str>,
    answer: impl Fn(&Resource, &Resource) -> Option<Answer>,
) -> Result<Ended, RequestError> {
    if patience.no_wait || waiting.is_empty() {
        return Ok(Ended::Well);
    }
    let selector = match waiting.keys().next() {
        Some(name) if waiting.len() == 1 => Selector::Name(name),
        Some(_) | None => Selector::Labels(None),
    };
    let namespace = cluster.namespace();
    let mut open: BTreeMap<&String, String> = waiting.keys().map(|name| (name, String::new())).collect();
    let mut ended = Ended::Well;
    let watching = cluster.watch(Scope::Namespace, selector, async |known| {
        let mut still = BTreeMap::new();
        for (name, told) in std::mem::take(&mut open) {
            let resource = known.get(&(namespace.to_owned(), name.clone()));
            let (Some(resource), Some(asked)) = (resource, waiting.get(name)) else {
                print(&format!("{namespace}/{name} is gone\n"))?;
                ended = Ended::Badly;
                continue;
            };
            let said = said(resource);
            let Some(answer) = answer(resource, asked) else {
                if said != told {
                    note(&format!("waiting for {namespace}/{name}: {said}"));
                }
                still.insert(name, said);
                continue;
            };
            print(&format!("{namespace}/{name} {said}\n"))?;
            let stalled = resource.condition("Stalled").map(|stalled| stalled.reason.as_str());
            if answer == Answer::Refused || (stalled.is_some() && stalled != asked_for) {
                ended = Ended::Badly;
            }
        }
        open = still;
        Ok(!open.is_empty())
    });
    // Bound to a name, so that what it borrows is free again.
    let watched = tokio::time::timeout(patience.timeout, watching).await;
    let Ok(watched) = watched else {
        for (name, said) in &open {
            print(&format!("{namespace}/{name} not handled within {} s; {said}\n", patience.timeout.as_secs()))?;
        }
        return Ok(Ended::Badly);
    };
    watched?;
    Ok(ended)
}

fn said(resource: &Resource) -> String {
    resource.condition("Ready").map_or_else(
        || "the operator has not looked at it: is it running, and does it watch this namespace?".to_owned(),
        |ready| format!("Ready={} {}: {}", ready.status, ready.reason, ready.message),
    )
}

async fn pick(args: PickArgs) -> Result<(Cluster, Vec<String>), RequestError> {
    let PickArgs { cluster, kind, names, all, selector } = args;
    let (kind, names) = of_one_kind(&names, kind)?;
    let cluster = Cluster::of(cluster, kind).await?;
    if !all && selector.is_none() {
        return Ok((cluster, names));
    }
    let found = cluster.list(Scope::Namespace, selector.as_deref()).await?;
    if found.is_empty() {
        return Err(RequestError::None(kind, cluster.namespace().to_owned()));
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
    fn a_request_is_answered_when_nothing_is_under_way_and_the_status_repeats_it_or_a_look() {
        let resource = |status: serde_json::Value| Resource {
            generation: 1,
            status: serde_json::from_value(status).unwrap(),
            ..Resource::default()
        };
        let condition = |name: &str, reason: &str| json!([{"type": name, "status": "True", "reason": reason, "message": "", "lastTransitionTime": "2026-09-21T00:00:00Z"}]);
        let answer = |mut status: serde_json::Value, generation: i64| {
            status["observedGeneration"] = generation.into();
            Request::Redeploy.answer(&resource(status), "now")
        };
        let handled = json!({"lastHandledRedeployAt": "now"});
        assert_eq!(answer(handled.clone(), 1), Some(Answer::Done));
        assert_eq!(answer(handled, 0), None);
        let rolling = json!({"lastHandledRedeployAt": "now", "conditions": condition("Reconciling", "RollingOut")});
        assert_eq!(answer(rolling, 1), Some(Answer::Done));
        let working = json!({"lastHandledRedeployAt": "now", "conditions": condition("Reconciling", "Progressing")});
        assert_eq!(answer(working, 1), None);
        assert_eq!(answer(json!({"lastHandledRedeployAt": "then", "lastHandledReconcileAt": "now"}), 1), None);
        let refused = json!({"lastHandledReconcileAt": "now", "conditions": condition("Stalled", "ForeignRevision")});
        assert_eq!(answer(refused, 1), Some(Answer::Refused));
    }

    #[test]
    fn a_time_needs_its_unit() {
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        for text in ["90", "-5s", "0s", "soon"] {
            assert!(duration(text).unwrap_err().contains("for example 90s"), "{text}");
        }
    }
}
