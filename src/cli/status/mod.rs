//! `status`: where resources stand, from the resource to its devices. I/O: asks the cluster, prints.

mod instance;
mod tree;
mod view;

use std::collections::BTreeMap;

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;

use super::kubernetes::{Cluster, ClusterArgs, ClusterError, Scope, Selector};
use super::output::{self, Cell, Format, Screen, table, tree as drawn};
use super::resource::{Kind, Resource, of_one_kind};
use super::{CommandError, Ended};
use crate::controller::clock::Clock;
use view::View;

/// Shows where resources stand: all of a namespace in a table, named ones as a tree down to their devices.
///
/// Everything is read from the resources in the cluster; AWS is not asked.
#[derive(Args, Debug)]
pub(super) struct StatusArgs {
    #[command(flatten)]
    cluster: ClusterArgs,

    /// The kind of resources that are named without it, and of all where none is named.
    #[arg(long, value_name = "KIND", value_enum, default_value_t, ignore_case = true)]
    kind: Kind,

    /// Resources to show as trees, as NAME, ggd/NAME or ggsi/NAME. Default: a table of all.
    #[arg(value_name = "NAME")]
    names: Vec<String>,

    /// Shows those of all namespaces.
    #[arg(short = 'A', long, conflicts_with_all = ["namespace", "names"])]
    all_namespaces: bool,

    /// Shows those with these labels, as kubectl takes them.
    #[arg(short = 'l', long, value_name = "LABELS", conflicts_with = "names")]
    selector: Option<String>,

    /// Goes on and shows every change: in a terminal on the same page, else a line (with -o json an object) for each resource that changes.
    /// Ends with Ctrl-C.
    #[arg(short = 'w', long)]
    watch: bool,

    /// How it is written.
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value_t)]
    output: Format,
}

/// What is shown, and how.
struct Shown {
    kind: Kind,
    names: Vec<String>,
    has_namespaces: bool,
    format: Format,
    screen: Screen,
}

#[derive(Serialize)]
struct Items {
    items: Vec<View>,
}

/// Shows where resources stand.
pub(super) async fn status(args: StatusArgs, clock: Clock) -> Result<Ended, CommandError> {
    let StatusArgs { cluster, kind, names, all_namespaces, selector, watch, output: format } = args;
    let (kind, names) = of_one_kind(&names, kind)?;
    let cluster = Cluster::of(cluster, kind).await?;
    let scope = if all_namespaces { Scope::All } else { Scope::Namespace };
    let shown = Shown { kind, names, has_namespaces: all_namespaces, format, screen: Screen::of_process() };
    if watch {
        shown.follow(&cluster, scope, selector.as_deref(), clock).await?;
        return Ok(Ended::Well);
    }
    // With names all are read as well: a tree shows the subdeployments too.
    let all = cluster.list(scope, selector.as_deref()).await?;
    for name in &shown.names {
        if !all.iter().any(|resource| resource.name == *name) {
            // Says that there is none, in the words for it.
            cluster.get(name).await?;
        }
    }
    if all.is_empty() && format != Format::Json && format != Format::Yaml {
        let place =
            if all_namespaces { "any namespace".to_owned() } else { format!("namespace {}", cluster.namespace()) };
        output::note(&format!("no {kind} in {place}"));
        return Ok(Ended::Well);
    }
    output::print(&shown.text(&all.iter().collect::<Vec<_>>(), clock.now()))?;
    Ok(Ended::Well)
}

impl Shown {
    fn text(&self, all: &[&Resource], now: Timestamp) -> String {
        let picked: Vec<&Resource> =
            all.iter().copied().filter(|it| self.names.is_empty() || self.names.contains(&it.name)).collect();
        let items = || Items { items: picked.iter().map(|resource| View::of(resource, all)).collect() };
        if let Some(text) = output::rendered(self.format, &items()) {
            return text;
        }
        if self.names.is_empty() {
            return self.table(&picked, now);
        }
        let trees = picked.iter().map(|resource| drawn(&tree::of(resource, all, self.screen, now), self.screen));
        trees.collect::<Vec<_>>().join("\n")
    }

    fn table(&self, resources: &[&Resource], now: Timestamp) -> String {
        let is_wide = self.format == Format::Wide;
        let mut header = vec!["NAME", "READY", "REASON", "TARGET"];
        header.extend(match self.kind {
            Kind::GreengrassDeployment => ["REVISION", "DEVICES"],
            Kind::SystemInstance => ["STATUS", "ID"],
        });
        header.push("AGE");
        if self.has_namespaces {
            header.insert(0, "NAMESPACE");
        }
        if is_wide {
            header.extend(match self.kind {
                Kind::GreengrassDeployment => ["DEPLOYMENT-ID", "SYNCED", "ROLLED-OUT", "ACCOUNT", "REGION"],
                Kind::SystemInstance => ["DEPLOYMENT-ID", "SYNCED", "ROLLED-OUT", "GROUP", "GROUP-VERSION-ID"],
            });
        }
        header.push("MESSAGE");
        let row = |resource: &&Resource| {
            let mut cells = view::cells(resource, now, is_wide);
            if self.has_namespaces {
                cells.insert(0, Cell::from(resource.namespace.clone()));
            }
            cells
        };
        let rows: Vec<Vec<Cell>> = resources.iter().map(row).collect();
        let screen = if is_wide { Screen { width: None, ..self.screen } } else { self.screen };
        table(&header, &rows, screen)
    }

    /// Shows every change, until the reader has enough.
    async fn follow(
        &self,
        cluster: &Cluster,
        scope: Scope,
        selector: Option<&str>,
        clock: Clock,
    ) -> Result<(), ClusterError> {
        let mut before: BTreeMap<(String, String), View> = BTreeMap::new();
        let mut awaited = self.names.clone();
        let is_page = self.screen.is_terminal && matches!(self.format, Format::Text | Format::Wide);
        cluster
            .watch(scope, Selector::Labels(selector), async |known| {
                let all: Vec<&Resource> = known.values().collect();
                for name in std::mem::take(&mut awaited) {
                    if !all.iter().any(|resource| resource.name == name) {
                        output::note(&format!("there is no {name} yet: waiting for it"));
                    }
                }
                if is_page {
                    // Clears the page and begins at its top (ECMA-48: ED, CUP).
                    let page = self.text(&all, clock.now());
                    output::print(&format!("\u{1b}[2J\u{1b}[H{page}"))?;
                    return Ok(true);
                }
                let views: BTreeMap<(String, String), View> = known
                    .iter()
                    .filter(|((_, name), _)| self.names.is_empty() || self.names.contains(name))
                    .map(|(key, resource)| (key.clone(), View::of(resource, &all)))
                    .collect();
                for (key, view) in &views {
                    if before.get(key) != Some(view) {
                        output::print(&view.change(self.format))?;
                    }
                }
                for key in before.keys().filter(|key| !views.contains_key(*key)) {
                    output::print(&view::gone(key, self.format))?;
                }
                before = views;
                Ok(true)
            })
            .await
    }
}
