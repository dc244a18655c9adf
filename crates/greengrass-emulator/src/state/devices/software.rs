//! The components on a device: who asks for which, what is installed, with which configuration. Pure.
//!
//! From aws-greengrass-nucleus: a deployment replaces the components that its own root asked for (`DefaultDeploymentTask`); what nobody asks for any more goes, with its configuration (`DeploymentConfigMerger`).

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;

use super::{
    configuration::{Configuration, NotAPointer},
    failure::DeviceReport,
    resolution::Plan,
};
use crate::{
    component::Recipe,
    state::document::{Document, Root},
    switches::RemovedConfiguration,
};

#[derive(Debug, Default)]
pub(crate) struct Software {
    /// The deployment that each root asks for.
    roots: BTreeMap<Root, Arc<Document>>,
    installed: BTreeMap<Arc<str>, Box<Installed>>,
    /// Configurations of components that are gone, where the device keeps them.
    left_over: BTreeMap<Arc<str>, Configuration>,
}

/// A component on the device.
#[derive(Debug, Clone)]
pub(crate) struct Installed {
    pub(crate) version: String,
    /// Absent where the service knows none.
    pub(crate) recipe: Option<Arc<Recipe>>,
    /// Whether a deployment asks for it, and not only another component.
    pub(crate) is_root: bool,
    pub(crate) configuration: Configuration,
    pub(crate) run_with: serde_json::Value,
    pub(crate) changed: Timestamp,
    /// The deployment that brought it last.
    pub(crate) source: String,
    pub(crate) broken: bool,
}

impl Software {
    pub(crate) const fn installed(&self) -> &BTreeMap<Arc<str>, Box<Installed>> {
        &self.installed
    }

    pub(crate) const fn roots(&self) -> &BTreeMap<Root, Arc<Document>> {
        &self.roots
    }

    pub(crate) fn is_broken(&self) -> bool {
        self.installed.values().any(|component| component.broken)
    }

    fn is_asked_for(&self, name: &str) -> bool {
        self.roots.values().any(|document| document.components.contains_key(name))
    }

    /// Forgets what groups ask for that the device has left: looked up at the beginning of each deployment.
    pub(crate) fn leave(&mut self, is_member: impl Fn(&Root) -> bool) {
        self.roots.retain(|root, _| is_member(root));
    }

    /// A newer deployment of the same root that is on the device already.
    pub(crate) fn newer_than(&self, document: &Document) -> Option<&Document> {
        self.roots.get(&document.root).map(AsRef::as_ref).filter(|booked| booked.created > document.created)
    }

    /// A `reset` that no device can follow.
    pub(crate) fn objection(document: &Document) -> Option<DeviceReport> {
        document.components.iter().find_map(|(name, component)| {
            let mut configuration = Configuration::default();
            let NotAPointer(pointer) = configuration.update(&component.reset, None, None, 0).err()?;
            Some(DeviceReport::bad_pointer(name, &pointer))
        })
    }

    /// Installs what is planned for the document and removes everything else.
    pub(crate) fn apply(
        &mut self,
        document: &Arc<Document>,
        plan: &Plan,
        at: Timestamp,
        removed: RemovedConfiguration,
    ) {
        self.roots.insert(document.root.clone(), Arc::clone(document));
        for (name, planned) in plan {
            let asked = document.components.get(name);
            // Nothing is new about what other deployments ask for and nobody has a recipe of.
            let is_root = self.is_asked_for(name);
            if asked.is_none() && planned.recipe.is_none() && is_root {
                continue;
            }
            let installed = self.installed.entry(Arc::clone(name)).or_insert_with(|| {
                let configuration = self.left_over.remove(name).unwrap_or_default();
                Box::new(Installed { configuration, ..Installed::new(at) })
            });
            let is_new = installed.version != planned.version;
            if is_new || (installed.broken && asked.is_some()) {
                installed.changed = at;
                installed.broken = false;
            }
            if is_new || asked.is_some() {
                installed.source.clone_from(&document.deployment_id);
            }
            installed.version.clone_from(&planned.version);
            installed.recipe.clone_from(&planned.recipe);
            installed.is_root = is_root;
            if let Some(asked) = asked {
                installed.run_with.clone_from(&asked.run_with);
            }
            let (reset, merge) = asked.map_or((&[][..], None), |asked| (&asked.reset[..], asked.merge.as_ref()));
            let defaults = planned.recipe.as_ref().map(|recipe| &recipe.default_configuration);
            // Pointers that can't be read were an objection before.
            let _ = installed.configuration.update(reset, defaults, merge, document.created.as_millisecond());
            if let Some(asked) = asked {
                installed.configuration.share(&asked.applied);
            }
        }
        let gone: Vec<Arc<str>> = self.installed.keys().filter(|name| !plan.contains_key(*name)).cloned().collect();
        for name in gone {
            if let Some(component) = self.installed.remove(&name)
                && removed == RemovedConfiguration::Kept
            {
                self.left_over.insert(name, component.configuration);
            }
        }
    }

    /// A component is left on the device in a state in which it doesn't run.
    pub(crate) fn leave_broken(&mut self, name: &Arc<str>, version: &str, at: Timestamp) {
        let component = self.installed.entry(Arc::clone(name)).or_insert_with(|| Box::new(Installed::new(at)));
        if component.version != version {
            version.clone_into(&mut component.version);
            // It is that of the version that was there.
            component.recipe = None;
        }
        component.broken = true;
        component.changed = at;
    }
}

impl Installed {
    fn new(at: Timestamp) -> Self {
        Self {
            version: String::new(),
            recipe: None,
            is_root: true,
            configuration: Configuration::default(),
            run_with: serde_json::Value::Null,
            changed: at,
            source: String::new(),
            broken: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        state::{
            components::Components,
            devices::resolution::{Catalogue, Place, Resolution},
            document::components,
        },
        switches::Switches,
    };

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// A deployment of a root that was created at a second.
    fn document(root: &Root, second: i64, request: &Value) -> Arc<Document> {
        Arc::new(Document {
            number: 1,
            deployment_id: format!("d{second}"),
            name: None,
            job_id: None,
            target_arn: Arc::from("arn"),
            configuration_arn: "arn:1".to_owned(),
            root: root.clone(),
            is_subdeployment: false,
            created: at(second),
            components: components(request),
            rolls_back: true,
        })
    }

    fn plan(software: &Software, document: &Document) -> Result<Plan, DeviceReport> {
        let (components, switches) = (Components::default(), Switches::default());
        let catalogue = Catalogue { components: &components, switches: &switches, now: document.created };
        let nucleus_version = "2.14.3".to_owned();
        let nucleus = "aws.greengrass.Nucleus";
        let place = Place { thing: "core", nucleus, nucleus_version, platform: BTreeMap::new() };
        Resolution { software, document, place, catalogue }.plan()
    }

    fn apply(software: &mut Software, document: &Arc<Document>, removed: RemovedConfiguration) {
        let plan = plan(software, document).unwrap();
        software.apply(document, &plan, document.created, removed);
    }

    fn group(name: &str) -> Root {
        Root::Group(Arc::from(name))
    }

    fn names(software: &Software) -> Vec<&str> {
        software.installed().keys().map(AsRef::as_ref).collect()
    }

    #[test]
    fn a_component_stays_while_another_root_asks_for_it() {
        let mut software = Software::default();
        let component = |names: &[&str]| -> Value {
            names.iter().map(|name| ((*name).to_owned(), json!({"componentVersion": "1.0.0"}))).collect()
        };
        apply(&mut software, &document(&group("a"), 1, &component(&["x", "y"])), RemovedConfiguration::Forgotten);
        apply(&mut software, &document(&Root::Thing, 2, &component(&["y"])), RemovedConfiguration::Forgotten);
        apply(&mut software, &document(&group("a"), 3, &component(&["z"])), RemovedConfiguration::Forgotten);
        assert_eq!(names(&software), ["y", "z"]);
        software.leave(|root| *root == group("a"));
        assert_eq!(names(&software), ["y", "z"], "leaving a group removes nothing by itself");
        apply(&mut software, &document(&group("a"), 4, &component(&["z"])), RemovedConfiguration::Forgotten);
        assert_eq!(names(&software), ["z"]);
    }

    #[test]
    fn versions_of_all_roots_must_agree() {
        let mut software = Software::default();
        let version = |version: &str| json!({"x": {"componentVersion": version}});
        apply(&mut software, &document(&group("a"), 1, &version("1.0.0")), RemovedConfiguration::Forgotten);
        let other = document(&group("b"), 2, &version("2.0.0"));
        let report = plan(&software, &other).unwrap_err();
        assert!(
            report.cause.ends_with(
                "Component x version constraints: thinggroup/a requires =1.0.0, thinggroup/b requires =2.0.0."
            ),
            "{}",
            report.cause
        );
        assert!(plan(&software, &document(&group("a"), 2, &version("2.0.0"))).is_ok());
        assert!(plan(&software, &document(&group("b"), 2, &version("1.0.0"))).is_ok());
    }

    #[test]
    fn the_configuration_of_a_removed_component_is_forgotten_or_kept() {
        let with = json!({"x": {"componentVersion": "1.0.0", "configurationUpdate": {"merge": "{\"a\":1}"}}});
        let again = json!({"x": {"componentVersion": "1.0.0"}});
        for (removed, expected) in
            [(RemovedConfiguration::Forgotten, json!({})), (RemovedConfiguration::Kept, json!({"a": 1}))]
        {
            let mut software = Software::default();
            for (second, request) in [(1, &with), (2, &json!({})), (3, &again)] {
                apply(&mut software, &document(&group("a"), second, request), removed);
            }
            assert_eq!(software.installed()["x"].configuration.to_json(), expected);
        }
    }

    #[test]
    fn an_older_deployment_of_the_same_root_finds_a_newer_one() {
        let mut software = Software::default();
        apply(&mut software, &document(&group("a"), 2, &json!({})), RemovedConfiguration::Forgotten);
        assert!(software.newer_than(&document(&group("a"), 1, &json!({}))).is_some());
        assert!(software.newer_than(&document(&group("a"), 2, &json!({}))).is_none());
        assert!(software.newer_than(&document(&group("b"), 1, &json!({}))).is_none());
    }

    #[test]
    fn a_reset_that_is_no_pointer_is_an_objection() {
        let request = json!({"x": {"componentVersion": "1.0.0", "configurationUpdate": {"reset": ["/a", "b"]}}});
        let report = Software::objection(&document(&Root::Thing, 1, &request)).unwrap();
        assert!(report.cause.contains("\"b\""), "{}", report.cause);
    }
}
