//! Which components a device has after a deployment, and in which versions: what is asked for, and what that depends on. Pure.
//!
//! From aws-greengrass-nucleus, `DependencyResolver`: requirements of all roots and of all dependencies hold together; a version that was chosen is not
//! taken back because another choice would have been possible.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use jiff::Timestamp;
use semver::Version;

use super::{failure::DeviceReport, software::Software};
use crate::{
    component::{Recipe, Requirement},
    state::{
        components::{Components, Lack, all_allow},
        document::Document,
    },
    switches::{DependencyVersions, Switches, UnknownComponents},
};

/// So many times versions are chosen anew before requirements that contradict each other in turns count as a conflict.
const MOST_ROUNDS: usize = 100;

/// The components that the service has, at a time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Catalogue<'a> {
    pub(crate) components: &'a Components,
    pub(crate) switches: &'a Switches,
    pub(crate) now: Timestamp,
}

/// What a device brings along.
#[derive(Debug)]
pub(crate) struct Place<'a> {
    pub(crate) thing: &'a str,
    pub(crate) nucleus: &'static str,
    pub(crate) nucleus_version: String,
    pub(crate) platform: BTreeMap<String, String>,
}

/// What will be on a device.
pub(crate) type Plan = BTreeMap<Arc<str>, Planned>;

#[derive(Debug, Clone)]
pub(crate) struct Planned {
    /// A text, because nobody looks at versions that a deployment asks for by themselves.
    pub(crate) version: String,
    pub(crate) recipe: Option<Arc<Recipe>>,
}

/// A demand for a component: by whom, and for what.
struct Demand<'a> {
    by: String,
    wants: Wants<'a>,
}

enum Wants<'a> {
    /// A deployment asks for one version.
    Exactly(&'a str),
    /// A component depends on one of several.
    OneOf(&'a Requirement),
}

type Demands<'a> = BTreeMap<Arc<str>, Vec<Demand<'a>>>;

impl Demand<'_> {
    fn allows(&self, text: &str, version: Option<&Version>) -> bool {
        match self.wants {
            Wants::Exactly(wanted) => wanted == text,
            Wants::OneOf(requirement) => version.is_some_and(|version| requirement.allows(version)),
        }
    }

    /// As the nucleus writes it: `thinggroup/G requires =1.0.1`.
    fn in_words(&self) -> String {
        match self.wants {
            Wants::Exactly(version) => format!("{} requires ={version}", self.by),
            Wants::OneOf(requirement) => format!("{} requires {requirement}", self.by),
        }
    }
}

/// One resolution: a device, what it has, and a document that comes to it.
pub(crate) struct Resolution<'a> {
    pub(crate) software: &'a Software,
    pub(crate) document: &'a Document,
    pub(crate) place: Place<'a>,
    pub(crate) catalogue: Catalogue<'a>,
}

impl Resolution<'_> {
    /// The plan, or what speaks against it.
    pub(crate) fn plan(&self) -> Result<Plan, DeviceReport> {
        let mut chosen = Plan::new();
        for _ in 0..MOST_ROUNDS {
            let demands = self.demands(&chosen);
            let next: Result<Plan, DeviceReport> =
                demands.iter().map(|(name, demands)| Ok((Arc::clone(name), self.choose(name, demands)?))).collect();
            let next = next?;
            let same = next.len() == chosen.len()
                && next.iter().zip(&chosen).all(|((name, new), (old_name, old))| {
                    name == old_name && new.version == old.version && new.recipe == old.recipe
                });
            let is_final = same || next.values().all(|planned| dependencies(planned).next().is_none());
            chosen = next;
            if is_final {
                return self.without_circles(chosen);
            }
        }
        let names: Vec<&str> = chosen.keys().map(AsRef::as_ref).collect();
        Err(DeviceReport::no_version(&names.join(", "), &["their requirements change with each other".to_owned()]))
    }

    /// Who demands what, when these versions are chosen. What is out of reach of the deployments demands nothing.
    fn demands<'b>(&'b self, chosen: &'b Plan) -> Demands<'b> {
        let mut demands = Demands::new();
        let others = self.software.roots().iter().filter(|(root, _)| **root != self.document.root);
        let others = others.map(|(root, document)| (root, document.as_ref()));
        let mut roots: Vec<_> = others.chain([(&self.document.root, self.document)]).collect();
        roots.sort_by_key(|(root, _)| *root);
        let mut reached = VecDeque::new();
        for (root, document) in roots {
            for (name, component) in &document.components {
                let demand = Demand { by: root.label(self.place.thing), wants: Wants::Exactly(&component.version) };
                demands.entry(Arc::clone(name)).or_default().push(demand);
                reached.push_back(Arc::clone(name));
            }
        }
        let mut seen: BTreeSet<Arc<str>> = reached.iter().cloned().collect();
        while let Some(name) = reached.pop_front() {
            for (dependency, requirement) in chosen.get(&name).into_iter().flat_map(dependencies) {
                let demand = Demand { by: name.to_string(), wants: Wants::OneOf(requirement) };
                demands.entry(Arc::clone(dependency)).or_default().push(demand);
                if seen.insert(Arc::clone(dependency)) {
                    reached.push_back(Arc::clone(dependency));
                }
            }
        }
        demands
    }

    fn choose(&self, name: &str, demands: &[Demand<'_>]) -> Result<Planned, DeviceReport> {
        let Catalogue { components, switches, now } = self.catalogue;
        let words = || demands.iter().map(Demand::in_words).collect::<Vec<_>>();
        let allows = |version: &Version| {
            let text = version.to_string();
            demands.iter().all(|demand| demand.allows(&text, Some(version)))
        };
        let local = self.at_hand(name).filter(|planned| {
            let version = Version::parse(&planned.version).ok();
            demands.iter().all(|demand| demand.allows(&planned.version, version.as_ref()))
        });
        let local_version = local.as_ref().and_then(|planned| Version::parse(&planned.version).ok());
        let of_service =
            components.best(name, local_version.as_ref(), Some(&self.place.platform), allows, now, switches);
        match (of_service, local) {
            // The service's recipe counts where it has the version.
            (Ok(found), local) => {
                let found =
                    Planned { version: found.recipe.version.to_string(), recipe: Some(Arc::clone(&found.recipe)) };
                let keeps = switches.dependency_versions == DependencyVersions::Installed;
                Ok(local.filter(|local| keeps && local.version != found.version).unwrap_or(found))
            }
            // What is on the device is there, whatever the service says.
            (Err(_), Some(local)) => Ok(local),
            (Err(Lack::Platform), None) => Err(DeviceReport::other_platform(name, &self.place.platform)),
            (Err(Lack::Version), None) => {
                let exists = switches.unknown_components == UnknownComponents::Accepted || name == self.place.nucleus;
                let any = (exists && !components.knows(name)).then(|| of_unknown(demands)).flatten();
                any.ok_or_else(|| DeviceReport::no_version(name, &words()))
            }
        }
    }

    /// What the device has of a component.
    fn at_hand(&self, name: &str) -> Option<Planned> {
        let installed = self.software.installed().get(name).filter(|installed| !installed.version.is_empty());
        let installed =
            installed.map(|installed| Planned { version: installed.version.clone(), recipe: installed.recipe.clone() });
        let own = || (name == self.place.nucleus).then(|| self.place.nucleus_version.clone());
        installed.or_else(|| own().map(|version| Planned { version, recipe: None }))
    }

    fn without_circles(&self, plan: Plan) -> Result<Plan, DeviceReport> {
        // Whatever depends on nothing that is left goes, until nothing does: what stays is in a circle, or depends on one.
        let mut left: BTreeMap<&str, BTreeSet<&str>> = plan
            .iter()
            .map(|(name, planned)| (&**name, dependencies(planned).map(|(dependency, _)| &**dependency).collect()))
            .collect();
        loop {
            let free: Vec<&str> = left
                .iter()
                .filter(|(_, dependencies)| !dependencies.iter().any(|dependency| left.contains_key(dependency)))
                .map(|(name, _)| *name)
                .collect();
            if free.is_empty() {
                break;
            }
            left.retain(|name, _| !free.contains(name));
        }
        if let Some(name) = left.keys().next() {
            return Err(DeviceReport::circular_dependency(name));
        }
        self.without_own_nucleus(plan)
    }

    /// A dependency must not bring another minor version of the nucleus, and the one that the device came with is no component of a deployment.
    fn without_own_nucleus(&self, mut plan: Plan) -> Result<Plan, DeviceReport> {
        let Place { nucleus, nucleus_version: own, .. } = &self.place;
        let Some(planned) = plan.get(*nucleus).filter(|_| !self.document.components.contains_key(*nucleus)) else {
            return Ok(plan);
        };
        let minor = |text: &str| Version::parse(text).ok().map(|version| (version.major, version.minor));
        if minor(&planned.version) != minor(own) {
            return Err(DeviceReport::nucleus_update(nucleus, own, &planned.version));
        }
        // One that a deployment has brought stays as long as something depends on it.
        if !self.software.installed().contains_key(*nucleus) && planned.version == *own {
            plan.remove(*nucleus);
        }
        Ok(plan)
    }
}

fn dependencies(planned: &Planned) -> impl Iterator<Item = (&Arc<str>, &Requirement)> {
    planned.recipe.iter().flat_map(|recipe| &recipe.dependencies)
}

/// A version of a component that nobody knows, and of which every version exists: the one that is asked for, or the lowest that will do.
fn of_unknown(demands: &[Demand<'_>]) -> Option<Planned> {
    let exact = demands.iter().find_map(|demand| match demand.wants {
        Wants::Exactly(text) => Some(text),
        Wants::OneOf(_) => None,
    });
    if let Some(text) = exact {
        let version = Version::parse(text).ok();
        let allowed = demands.iter().all(|demand| demand.allows(text, version.as_ref()));
        return allowed.then(|| Planned { version: text.to_owned(), recipe: None });
    }
    let requirements = || {
        demands.iter().filter_map(|demand| match demand.wants {
            Wants::OneOf(requirement) => Some(requirement),
            Wants::Exactly(_) => None,
        })
    };
    let mut versions: Vec<Version> = requirements().flat_map(Requirement::lower_bounds).collect();
    versions.sort();
    versions.extend([Version::new(1, 0, 0), Version::new(0, 0, 0)]);
    let lowest = versions.into_iter().find(|version| all_allow(requirements(), version))?;
    Some(Planned { version: lowest.to_string(), recipe: None })
}
