//! The `CustomResourceDefinitions` as they are installed. Pure.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;
use serde_json::{Map, Value};

use super::{AwsIdentity, GreengrassDeployment, SystemInstance, rules};

/// What a reader of the generated files needs to know.
const HEADER: &str = "# Generated from crates/core/src/api by `make crd`: change it there.\n";

/// A definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Definition {
    /// That of `GreengrassDeployment`.
    GreengrassDeployment,
    /// That of `AwsIdentity`.
    AwsIdentity,
    /// That of `SystemInstance`, which is installed where the legacy service is wanted.
    SystemInstance,
}

/// Every definition.
#[must_use]
pub fn definitions() -> [Definition; 3] {
    [Definition::GreengrassDeployment, Definition::AwsIdentity, Definition::SystemInstance]
}

impl Definition {
    /// As the API server takes it.
    ///
    /// # Panics
    ///
    /// Never: the definition is a constant of the program, and every test that uses it would show it.
    #[must_use]
    pub fn crd(self) -> CustomResourceDefinition {
        #[allow(clippy::expect_used, reason = "a value known at build time, covered by every test of this module")]
        serde_json::from_value(self.rendered()).expect("what was a definition is one after tidying")
    }

    /// As YAML: what is in `crds/` and what `greengrass-operator crd` prints.
    ///
    /// # Panics
    ///
    /// Never: see [`Definition::crd`].
    #[must_use]
    pub fn yaml(self) -> String {
        #[allow(clippy::expect_used, reason = "a value known at build time, covered by every test of this module")]
        let yaml = serde_saphyr::to_string(&self.rendered()).expect("a JSON value is YAML");
        format!("{HEADER}{yaml}")
    }

    /// Whether it belongs to the legacy service, which is off unless somebody wants it.
    #[must_use]
    pub fn is_legacy(self) -> bool {
        match self {
            Self::GreengrassDeployment | Self::AwsIdentity => false,
            Self::SystemInstance => true,
        }
    }

    /// Its file, from the folder of all of them.
    #[must_use]
    pub fn file_name(self) -> &'static str {
        match self {
            Self::GreengrassDeployment => "greengrass-operator.dev_greengrassdeployments.yaml",
            Self::AwsIdentity => "greengrass-operator.dev_awsidentities.yaml",
            // Not beside the others: `kubectl apply -f crds/` installs what everybody needs.
            Self::SystemInstance => "things-graph/greengrass-operator.dev_systeminstances.yaml",
        }
    }

    /// The derived definition, tidied: as JSON, because a typed schema renders integer bounds as `1.0`.
    fn rendered(self) -> Value {
        let derived = match self {
            Self::GreengrassDeployment => GreengrassDeployment::crd(),
            Self::AwsIdentity => AwsIdentity::crd(),
            Self::SystemInstance => SystemInstance::crd(),
        };
        #[allow(clippy::expect_used, reason = "a value known at build time, covered by every test of this module")]
        let mut crd = serde_json::to_value(derived).expect("a definition is JSON");
        if let Some(schema) = crd.pointer_mut("/spec/versions/0/schema/openAPIV3Schema").and_then(Value::as_object_mut)
        {
            match self {
                Self::GreengrassDeployment | Self::SystemInstance => {
                    schema.insert("x-kubernetes-validations".into(), rules::root());
                }
                Self::AwsIdentity => {}
            }
            tidy(schema);
        }
        crd
    }
}

/// Normalises a schema and those below it.
fn tidy(schema: &mut Map<String, Value>) {
    // An absent field and an explicit null would be two ways to say one thing, and rules see null as absent.
    schema.remove("nullable");
    if let Some(Value::Array(values)) = schema.get_mut("enum") {
        values.retain(|value| !value.is_null());
    }
    // The API server warns of formats that it doesn't know.
    if matches!(schema.get("format").and_then(Value::as_str), Some("uint" | "uint8" | "uint16" | "uint32" | "uint64")) {
        schema.remove("format");
    }
    // Its own words for a number beyond the format name no bound.
    if schema.get("format").is_some_and(|format| format == "int32") {
        schema.remove("format");
        schema.entry("maximum").or_insert_with(|| i32::MAX.into());
    }
    for bound in ["minimum", "maximum"] {
        if let Some(whole) = schema.get(bound).and_then(Value::as_f64).and_then(whole) {
            schema.insert(bound.into(), whole.into());
        }
    }
    // Where the source breaks a line is of no interest to a reader of `kubectl explain`.
    if let Some(Value::String(text)) = schema.get_mut("description") {
        *text = text.split('\n').map(str::trim).collect::<Vec<_>>().join(" ");
    }
    for below in schema.get_mut("properties").and_then(Value::as_object_mut).into_iter().flat_map(Map::values_mut) {
        if let Some(below) = below.as_object_mut() {
            tidy(below);
        }
    }
    for single in ["items", "additionalProperties", "not"] {
        if let Some(below) = schema.get_mut(single).and_then(Value::as_object_mut) {
            tidy(below);
        }
    }
}

/// The integer that a number stands for, if it is one that a double holds exactly.
fn whole(number: f64) -> Option<i64> {
    let text = (number.fract() == 0.0 && number.abs() < 9e15).then(|| format!("{number:.0}"))?;
    text.parse().ok()
}
