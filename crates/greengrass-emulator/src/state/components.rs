//! The components of one account and region: their versions, now and earlier, and which of them devices can get. Pure.

mod create;
#[cfg(test)]
mod properties;
mod reads;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use jiff::{SignedDuration, Timestamp};
use semver::Version;

use super::{ReadAt, history::History, tags::Tags, tokens::Tokens};
use crate::{
    component::{ComponentState, ComponentVersionRecord, Recipe, Requirement},
    scope::Scope,
    switches::{DependencyVersions, Switches},
};
pub(crate) use create::arn_of_request;

#[derive(Debug, Default)]
pub(crate) struct Components {
    versions: History<ComponentKey, ComponentVersion>,
    /// Every version that there ever was: a component whose versions are all deleted is not one that nobody knows.
    names: BTreeMap<Arc<str>, BTreeSet<Version>>,
    pub(crate) tokens: Tokens,
}

/// Which version of which component.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ComponentKey {
    pub(crate) name: Arc<str>,
    pub(crate) version: Version,
}

/// A version of a component.
#[derive(Debug, Clone)]
pub(crate) struct ComponentVersion {
    pub(crate) recipe: Arc<Recipe>,
    tags: Tags,
    created: Timestamp,
    /// The state that somebody has set, and what is wrong by the URIs of artifacts.
    told: Option<(ComponentState, BTreeMap<String, String>)>,
}

impl ComponentKey {
    /// What an ARN of this account and region names: `components:NAME:versions:VERSION`.
    pub(crate) fn within(scope: &Scope, arn: &str) -> Option<Self> {
        let (name, version) = arn.strip_prefix(&scope.component_arn(""))?.split_once(":versions:")?;
        Some(Self { name: Arc::from(name), version: Version::parse(version).ok()? })
    }

    pub(crate) fn arn(&self, scope: &Scope) -> String {
        scope.component_version_arn(&self.name, &self.version.to_string())
    }
}

impl ComponentVersion {
    /// The service works on a new version for a while. Nothing but the time decides when it is done.
    fn state(&self, now: Timestamp, switches: &Switches) -> ComponentState {
        let takes = SignedDuration::from_millis(i64::try_from(switches.component_creation_ms).unwrap_or(i64::MAX));
        match &self.told {
            Some((state, _)) => *state,
            None if now.duration_since(self.created) < takes => ComponentState::Requested,
            None => ComponentState::Deployable,
        }
    }

    /// Whether devices can get it.
    fn is_deployable(&self, now: Timestamp, switches: &Switches) -> bool {
        match self.state(now, switches) {
            ComponentState::Deployable | ComponentState::Deprecated => true,
            ComponentState::Requested | ComponentState::Initiated | ComponentState::Failed => false,
        }
    }

    fn errors(&self) -> BTreeMap<String, String> {
        self.told.as_ref().map(|(_, errors)| errors.clone()).unwrap_or_default()
    }
}

/// Why there is no version that would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lack {
    /// None satisfies the requirements.
    Version,
    /// Those that do are for other platforms.
    Platform,
}

impl Components {
    /// Whether there is, or was, a recipe of a component.
    pub(crate) fn knows(&self, name: &str) -> bool {
        self.names.contains_key(name)
    }

    /// The versions of a component that a read sees, greater ones first.
    fn versions_of(&self, name: &str, read_at: ReadAt) -> impl Iterator<Item = (&Version, &Arc<ComponentVersion>)> {
        let known = self.names.get_key_value(name);
        known.into_iter().flat_map(move |(name, versions)| {
            versions.iter().rev().filter_map(move |version| {
                let key = ComponentKey { name: Arc::clone(name), version: version.clone() };
                Some((version, self.versions.get(&key, read_at)?))
            })
        })
    }

    /// The version that the service gives to a device that has one already, or none.
    ///
    /// `allows` says which versions would do, `device` what platform it is; none is any.
    pub(crate) fn best(
        &self,
        name: &str,
        local: Option<&Version>,
        device: Option<&BTreeMap<String, String>>,
        allows: impl Fn(&Version) -> bool,
        now: Timestamp,
        switches: &Switches,
    ) -> Result<&Arc<ComponentVersion>, Lack> {
        let versions = self.versions_of(name, ReadAt::Now);
        let mut allowed =
            versions.filter(|(version, found)| allows(version) && found.is_deployable(now, switches)).peekable();
        if allowed.peek().is_none() {
            return Err(Lack::Version);
        }
        let is_for = |found: &ComponentVersion| device.is_none_or(|device| found.recipe.is_for(device));
        let fitting: Vec<_> = allowed.filter(|(_, found)| is_for(found)).collect();
        let at_hand = match switches.dependency_versions {
            DependencyVersions::Installed => fitting.iter().find(|(version, _)| Some(*version) == local),
            DependencyVersions::Newest => None,
        };
        at_hand.or_else(|| fitting.first()).map(|(_, found)| *found).ok_or(Lack::Platform)
    }

    /// The tags of a version.
    pub(super) fn tags(&self, key: &ComponentKey, read_at: ReadAt) -> Option<&Tags> {
        Some(&self.versions.get(key, read_at)?.tags)
    }

    pub(super) fn set_tags(&mut self, key: &ComponentKey, tags: Tags, now: Timestamp) {
        self.versions.change(key, now, |version| version.tags = tags);
    }

    /// Says in what state a version is, in place of the service. False when there is no such version.
    pub(crate) fn tell(
        &mut self,
        key: &ComponentKey,
        state: ComponentState,
        errors: BTreeMap<String, String>,
        now: Timestamp,
    ) -> bool {
        self.versions.change(key, now, |version| version.told = Some((state, errors))).is_some()
    }

    /// Every version, by names and versions.
    pub(crate) fn records(&self, scope: &Scope, now: Timestamp, switches: &Switches) -> Vec<ComponentVersionRecord> {
        let all = self.versions.all(ReadAt::Now);
        all.map(|(key, found)| ComponentVersionRecord {
            arn: key.arn(scope),
            component_name: key.name.to_string(),
            component_version: key.version.to_string(),
            state: found.state(now, switches),
            errors: found.errors(),
            recipe: found.recipe.text().to_owned(),
            tags: found.tags.clone(),
            created_at: found.created,
        })
        .collect()
    }
}

/// Whether a version satisfies everybody.
pub(crate) fn all_allow<'a>(requirements: impl IntoIterator<Item = &'a Requirement>, version: &Version) -> bool {
    requirements.into_iter().all(|requirement| requirement.allows(version))
}
