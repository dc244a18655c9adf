//! Components of Greengrass: recipes, version requirements, and a component version as tests and the admin interface see it. Pure.

mod platform;
mod recipe;
mod requirement;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub(crate) use platform::Platform;
pub(crate) use recipe::{Recipe, RecipeFormat};
pub(crate) use requirement::Requirement;

/// Enum `CloudComponentState` of the service model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ComponentState {
    /// It was created, and the service works on it.
    Requested,
    /// The service works on it.
    Initiated,
    /// Devices can get it.
    Deployable,
    /// The service couldn't make it.
    Failed,
    /// Devices can get it, and shouldn't.
    Deprecated,
}

/// A version of a component, as the service has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ComponentVersionRecord {
    /// Its ARN.
    pub arn: String,
    /// The component's name.
    pub component_name: String,
    /// The version.
    pub component_version: String,
    /// Its state.
    pub state: ComponentState,
    /// Why it is in this state: what is wrong, by the URIs of artifacts.
    pub errors: BTreeMap<String, String>,
    /// The recipe as it was sent.
    pub recipe: String,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// When it was created.
    pub created_at: Timestamp,
}
