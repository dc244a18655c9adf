//! The components of an emulator: read, made, their states told from outside. Pure.

use std::collections::BTreeMap;

use data_encoding::BASE64;
use serde_json::{Value, json};

use super::Emulator;
use crate::{
    component::{ComponentState, ComponentVersionRecord},
    error::ServiceError,
    operation::Operation,
    scope::Scope,
    state_file::Change,
};

impl Emulator {
    /// All component versions of an account and region, by names and versions.
    #[must_use]
    pub fn components(&self, account: &str, region: &str) -> Vec<ComponentVersionRecord> {
        let scope = Scope::new(account, region);
        self.all_components().into_iter().filter(|(of, _)| *of == scope).map(|(_, record)| record).collect()
    }

    /// All component versions of every account and region.
    pub(crate) fn all_components(&self) -> Vec<(Scope, ComponentVersionRecord)> {
        let core = self.current();
        core.state.components(self.now())
    }

    /// Makes a component version from a recipe in YAML or JSON, as somebody else would, and returns its ARN. Like [`Emulator::perform`], no call in the
    /// ledger.
    pub fn create_component(&self, account: &str, region: &str, recipe: &str) -> Result<String, ServiceError> {
        let request = json!({"inlineRecipe": BASE64.encode(recipe.as_bytes())});
        let answer = self.perform(&Scope::new(account, region), Operation::CreateComponentVersion, &request)?;
        Ok(answer.get("arn").and_then(Value::as_str).unwrap_or_default().to_owned())
    }

    /// Says in what state a component version is, with what is wrong by the URIs of artifacts. It stays so. False when there is no such version.
    #[must_use = "false means that there is no such component version"]
    pub fn set_component_state(&self, arn: &str, state: ComponentState, errors: &BTreeMap<String, String>) -> bool {
        let mut core = self.core();
        let now = self.now();
        let told = core.state.tell_component(arn, state, errors, now);
        if told {
            let (arn, errors) = (arn.to_owned(), errors.clone());
            core.note(now, || Change::ComponentState { arn, state, errors });
        }
        told
    }
}
