//! What a plan says, for people and for programs. Pure.

use std::collections::BTreeMap;

use greengrass_operator_core::deployment::difference::{ComponentDifference, Difference, KeyDifference};
use serde::Serialize;

use super::super::Ended;
use super::super::manifests::Manifest;

/// What a set of manifests would change.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Plan {
    pub(super) resources: Vec<Planned>,
    pub(super) summary: Summary,
}

impl Planned {
    /// What is known of a resource before anything was read.
    pub(super) fn of(kind: &'static str, manifest: &Manifest, notes: &[String]) -> Self {
        Self {
            namespace: manifest.object.namespace.to_string(),
            name: manifest.object.name.to_string(),
            source: manifest.source.clone(),
            kind,
            action: Action::Invalid,
            target_arn: None,
            parent_target_arn: None,
            cause: None,
            reason: None,
            message: None,
            current: None,
            difference: None,
            resets: BTreeMap::new(),
            tags: Vec::new(),
            notes: notes.to_vec(),
        }
    }

    /// It comes to this, for that reason.
    pub(super) fn stopped(mut self, action: Action, reason: &str, message: String) -> Self {
        (self.action, self.reason, self.message) = (action, Some(reason.to_owned()), Some(message));
        self
    }
}

/// What one manifest would change.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Planned {
    pub(super) namespace: String,
    pub(super) name: String,
    /// The file.
    pub(super) source: String,
    pub(super) kind: &'static str,
    pub(super) action: Action,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) target_arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) parent_target_arn: Option<String>,
    /// Why a revision would be made, as its tag `greengrass-operator.dev/cause` would say it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cause: Option<&'static str>,
    /// The reason that condition Ready would have, where nothing is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) message: Option<String>,
    /// The newest deployment of the target.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) current: Option<Current>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) difference: Option<Difference>,
    /// What devices reset because earlier revisions have set it and this one does not, by component.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) resets: BTreeMap<String, Vec<String>>,
    /// The user's tags that change in place, where no revision is made.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) tags: Vec<KeyDifference>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) notes: Vec<String>,
}

/// The newest deployment of a target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Current {
    pub(super) deployment_id: String,
    pub(super) revision_id: u64,
    pub(super) deployment_status: &'static str,
}

/// What would happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Action {
    /// A first revision, or a system instance.
    Create,
    /// A revision above the newest one.
    Revise,
    /// The newest deployment, which has the very content, is taken over: its tags change.
    Adopt,
    /// The user's tags change.
    Retag,
    /// A revision, once the parent has its own.
    Wait,
    /// Nothing.
    None,
    /// Nothing as long as `spec.suspend` is true.
    Hold,
    /// Nothing: a person must act first.
    Blocked,
    /// Nothing: the manifest can't be used.
    Invalid,
    /// It is not known: AWS could not be read.
    Unknown,
}

/// How many resources come to what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Summary {
    pub(super) create: usize,
    pub(super) revise: usize,
    pub(super) adopt: usize,
    pub(super) retag: usize,
    pub(super) wait: usize,
    pub(super) none: usize,
    pub(super) hold: usize,
    pub(super) blocked: usize,
    pub(super) invalid: usize,
    pub(super) unknown: usize,
}

impl Summary {
    /// Counted.
    pub(super) fn of(resources: &[Planned]) -> Self {
        let mut summary = Self::default();
        for resource in resources {
            *match resource.action {
                Action::Create => &mut summary.create,
                Action::Revise => &mut summary.revise,
                Action::Adopt => &mut summary.adopt,
                Action::Retag => &mut summary.retag,
                Action::Wait => &mut summary.wait,
                Action::None => &mut summary.none,
                Action::Hold => &mut summary.hold,
                Action::Blocked => &mut summary.blocked,
                Action::Invalid => &mut summary.invalid,
                Action::Unknown => &mut summary.unknown,
            } += 1;
        }
        summary
    }

    /// What a pipeline is told.
    pub(super) const fn ended(self) -> Ended {
        let Self { create, revise, adopt, retag, wait, none: _, hold: _, blocked, invalid, unknown } = self;
        if blocked + invalid + unknown > 0 {
            Ended::Badly
        } else if create + revise + adopt + retag + wait > 0 {
            Ended::WithChanges
        } else {
            Ended::Well
        }
    }
}

impl Planned {
    /// Keys stay, and what they are set to goes: configurations, tags and the deployment's name, which people write freely.
    pub(super) fn hide_values(&mut self) {
        let hide = |keys: &mut Vec<KeyDifference>| {
            let is_free = |key: &&mut KeyDifference| {
                ["configurationUpdate", "deploymentName", "tags"].iter().any(|field| key.field.starts_with(field))
            };
            for key in keys.iter_mut().filter(is_free) {
                for value in [&mut key.before, &mut key.after].into_iter().flatten() {
                    *value = "(hidden)".into();
                }
            }
        };
        hide(&mut self.tags);
        let Some(Difference { components, settings }) = &mut self.difference else { return };
        for component in components.values_mut() {
            match component {
                ComponentDifference::Added(keys)
                | ComponentDifference::Removed(keys)
                | ComponentDifference::Changed(keys) => hide(keys),
            }
        }
        hide(settings);
    }
}
