//! Builds the manifests that tests apply (pure).

use serde_json::{Value, json};

/// A `GreengrassDeployment` to apply.
#[derive(Clone)]
pub struct Manifest {
    name: String,
    spec: Value,
}

impl Manifest {
    /// One component in version 1.0.0.
    pub fn new(name: &str, target_arn: &str) -> Self {
        let spec = json!({
            "targetArn": target_arn,
            "components": {"com.example.HelloWorld": {"componentVersion": "1.0.0"}},
        });
        Self { name: name.to_owned(), spec }
    }

    pub fn version(self, version: &str) -> Self {
        self.with("components", json!({"com.example.HelloWorld": {"componentVersion": version}}))
    }

    pub fn parent(self, arn: &str) -> Self {
        self.with("parentTargetArn", json!(arn))
    }

    pub fn without(mut self, field: &str) -> Self {
        self.spec.as_object_mut().unwrap().remove(field);
        self
    }

    pub fn with(mut self, field: &str, value: Value) -> Self {
        self.spec[field] = value;
        self
    }

    pub fn to_json(&self) -> Value {
        json!({
            "apiVersion": "greengrass-operator.dev/v1alpha1",
            "kind": "GreengrassDeployment",
            "metadata": {"name": self.name},
            "spec": self.spec,
        })
    }
}
