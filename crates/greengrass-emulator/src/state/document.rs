//! What a deployment tells devices to do, parsed once for all of them. Pure.

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::devices::Configuration;

/// The deployment document.
#[derive(Debug)]
pub(crate) struct Document {
    /// The number of the deployment's row.
    pub(crate) number: u64,
    pub(crate) deployment_id: String,
    pub(crate) name: Option<String>,
    pub(crate) job_id: Option<Arc<str>>,
    pub(crate) target_arn: Arc<str>,
    /// Target and revision as devices know them: `arn:…:configuration:thinggroup/NAME:REVISION`.
    pub(crate) configuration_arn: String,
    /// Where devices book its components: the target, or for a subdeployment the fleet at the root of its parents (`onBehalfOf`).
    pub(crate) root: Root,
    pub(crate) is_subdeployment: bool,
    pub(crate) created: Timestamp,
    pub(crate) components: BTreeMap<Arc<str>, ComponentSpecification>,
    pub(crate) rolls_back: bool,
}

/// A set of components that a device has, by whom they are asked for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Root {
    /// A deployment to the thing itself.
    Thing,
    /// Deployments to a thing group.
    Group(Arc<str>),
}

impl Root {
    /// As messages of the nucleus name it.
    pub(crate) fn label(&self, thing: &str) -> String {
        match self {
            Self::Thing => format!("thing/{thing}"),
            Self::Group(name) => format!("thinggroup/{name}"),
        }
    }
}

/// A component of a deployment.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct ComponentSpecification {
    pub(crate) version: String,
    pub(crate) merge: Option<Map<String, Value>>,
    pub(crate) reset: Vec<String>,
    pub(crate) run_with: Value,
    /// The configuration that the first device had with it: most others come to the same.
    pub(crate) applied: OnceLock<Configuration>,
}

/// The components of a request that was accepted.
pub(crate) fn components(request: &Value) -> BTreeMap<Arc<str>, ComponentSpecification> {
    let specification = |component: &Value| {
        let update = |name: &str| component.get("configurationUpdate").and_then(|update| update.get(name));
        let text = |value: &Value| value.as_str().map(ToOwned::to_owned);
        ComponentSpecification {
            version: component.get("componentVersion").and_then(text).unwrap_or_default(),
            merge: update("merge").and_then(Value::as_str).and_then(|merge| serde_json::from_str(merge).ok()),
            reset: update("reset").and_then(Value::as_array).into_iter().flatten().filter_map(text).collect(),
            run_with: component.get("runWith").cloned().unwrap_or_default(),
            applied: OnceLock::new(),
        }
    };
    let components = request.as_object().into_iter().flatten();
    components.map(|(name, component)| (Arc::from(name.as_str()), specification(component))).collect()
}

/// `failureHandlingPolicy`: ROLLBACK unless the request says otherwise.
pub(crate) fn rolls_back(policies: &Value) -> bool {
    policies.get("failureHandlingPolicy").and_then(Value::as_str) != Some("DO_NOTHING")
}

impl Document {
    /// The document as devices get it (aws-greengrass-component-common, `Configuration`).
    pub(crate) fn for_devices(&self) -> Value {
        let components: Map<String, Value> = self
            .components
            .iter()
            .map(|(name, component)| {
                let update = json!({"merge": component.merge, "reset": component.reset});
                let shown =
                    json!({"version": component.version, "configurationUpdate": update, "runWith": component.run_with});
                (name.to_string(), shown)
            })
            .collect();
        json!({
            "deploymentId": self.deployment_id,
            "deploymentName": self.name,
            "configurationArn": self.configuration_arn,
            "creationTimestamp": self.created.as_millisecond(),
            "components": components,
            "failureHandlingPolicy": if self.rolls_back { "ROLLBACK" } else { "DO_NOTHING" },
        })
    }
}
