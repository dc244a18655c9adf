//! The components on a device: who asks for which, what is installed, with which configuration. Pure.
//!
//! From aws-greengrass-nucleus: a deployment replaces the components that its own root asked for (`DefaultDeploymentTask`); versions of all roots must
//! agree (`DependencyResolver`); what nobody asks for any more goes, with its configuration (`DeploymentConfigMerger`).

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use jiff::Timestamp;

use super::{
    configuration::{Configuration, NotAPointer},
    failure::DeviceReport,
};
use crate::{
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

    /// Forgets what groups ask for that the device has left: looked up at the beginning of each deployment.
    pub(crate) fn leave(&mut self, is_member: impl Fn(&Root) -> bool) {
        self.roots.retain(|root, _| is_member(root));
    }

    /// A newer deployment of the same root that is on the device already.
    pub(crate) fn newer_than(&self, document: &Document) -> Option<&Document> {
        self.roots.get(&document.root).map(AsRef::as_ref).filter(|booked| booked.created > document.created)
    }

    /// What speaks against the document, before anything changes.
    pub(crate) fn objection(&self, document: &Document, thing: &str) -> Option<DeviceReport> {
        let others = self.roots.iter().filter(|(root, _)| **root != document.root);
        let asked: Vec<(&Root, &Document)> =
            others.map(|(root, document)| (root, document.as_ref())).chain([(&document.root, document)]).collect();
        for name in document.components.keys() {
            let constraints: BTreeSet<(&Root, &str)> = asked
                .iter()
                .filter_map(|(root, document)| Some((*root, document.components.get(name)?.version.as_str())))
                .collect();
            let versions: BTreeSet<&str> = constraints.iter().map(|(_, version)| *version).collect();
            if versions.len() > 1 {
                let constraints: Vec<String> = constraints
                    .iter()
                    .map(|(root, version)| format!("{} requires ={version}", root.label(thing)))
                    .collect();
                return Some(DeviceReport::no_version(name, &constraints));
            }
        }
        document.components.iter().find_map(|(name, component)| {
            let mut configuration = Configuration::default();
            let NotAPointer(pointer) = configuration.update(&component.reset, None, 0).err()?;
            Some(DeviceReport::bad_pointer(name, &pointer))
        })
    }

    /// Installs what the document asks for and removes what nobody asks for any more.
    pub(crate) fn apply(&mut self, document: &Arc<Document>, at: Timestamp, removed: RemovedConfiguration) {
        self.roots.insert(document.root.clone(), Arc::clone(document));
        for (name, component) in &document.components {
            let installed = self.installed.entry(Arc::clone(name)).or_insert_with(|| {
                let configuration = self.left_over.remove(name).unwrap_or_default();
                Box::new(Installed { configuration, ..Installed::new(at) })
            });
            if installed.version != component.version || installed.broken {
                installed.changed = at;
            }
            installed.version.clone_from(&component.version);
            installed.run_with.clone_from(&component.run_with);
            installed.source.clone_from(&document.deployment_id);
            installed.broken = false;
            // Pointers that can't be read were an objection before.
            let time = document.created.as_millisecond();
            let _ = installed.configuration.update(&component.reset, component.merge.as_ref(), time);
        }
        let wanted: BTreeSet<&Arc<str>> = self.roots.values().flat_map(|document| document.components.keys()).collect();
        let gone: Vec<Arc<str>> = self.installed.keys().filter(|name| !wanted.contains(name)).cloned().collect();
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
        version.clone_into(&mut component.version);
        component.broken = true;
        component.changed = at;
    }
}

impl Installed {
    fn new(at: Timestamp) -> Self {
        Self {
            version: String::new(),
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
    use crate::state::document::components;

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
        software.apply(&document(&group("a"), 1, &component(&["x", "y"])), at(1), RemovedConfiguration::Forgotten);
        software.apply(&document(&Root::Thing, 2, &component(&["y"])), at(2), RemovedConfiguration::Forgotten);
        software.apply(&document(&group("a"), 3, &component(&["z"])), at(3), RemovedConfiguration::Forgotten);
        assert_eq!(names(&software), ["y", "z"]);
        software.leave(|root| *root == group("a"));
        assert_eq!(names(&software), ["y", "z"], "leaving a group removes nothing by itself");
        software.apply(&document(&group("a"), 4, &component(&["z"])), at(4), RemovedConfiguration::Forgotten);
        assert_eq!(names(&software), ["z"]);
    }

    #[test]
    fn versions_of_all_roots_must_agree() {
        let mut software = Software::default();
        let version = |version: &str| json!({"x": {"componentVersion": version}});
        software.apply(&document(&group("a"), 1, &version("1.0.0")), at(1), RemovedConfiguration::Forgotten);
        let other = document(&group("b"), 2, &version("2.0.0"));
        let report = software.objection(&other, "core").unwrap();
        assert!(
            report.cause.ends_with(
                "Component x version constraints: thinggroup/a requires =1.0.0, thinggroup/b requires =2.0.0."
            ),
            "{}",
            report.cause
        );
        assert_eq!(software.objection(&document(&group("a"), 2, &version("2.0.0")), "core"), None);
        assert_eq!(software.objection(&document(&group("b"), 2, &version("1.0.0")), "core"), None);
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
                software.apply(&document(&group("a"), second, request), at(second), removed);
            }
            assert_eq!(software.installed()["x"].configuration.to_json(), expected);
        }
    }

    #[test]
    fn an_older_deployment_of_the_same_root_finds_a_newer_one() {
        let mut software = Software::default();
        software.apply(&document(&group("a"), 2, &json!({})), at(2), RemovedConfiguration::Forgotten);
        assert!(software.newer_than(&document(&group("a"), 1, &json!({}))).is_some());
        assert!(software.newer_than(&document(&group("a"), 2, &json!({}))).is_none());
        assert!(software.newer_than(&document(&group("b"), 1, &json!({}))).is_none());
    }

    #[test]
    fn a_reset_that_is_no_pointer_is_an_objection() {
        let request = json!({"x": {"componentVersion": "1.0.0", "configurationUpdate": {"reset": ["/a", "b"]}}});
        let report = Software::default().objection(&document(&Root::Thing, 1, &request), "core").unwrap();
        assert!(report.cause.contains("\"b\""), "{}", report.cause);
    }
}
