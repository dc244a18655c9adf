//! What a spec refers to in its namespace, as far as it was read. Pure.

use std::collections::BTreeMap;

use crate::names::TargetArn;

/// What a spec refers to in its namespace, as far as it was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct References {
    /// The target of the resource that `parent` names.
    pub parent: ParentFound,
    /// `ConfigMaps` by name; one that is not among them was not read yet.
    pub config_maps: BTreeMap<String, ConfigMapFound>,
}

/// The resource that `parent` names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ParentFound {
    /// There is none.
    #[default]
    Missing,
    /// There is one, and it can't be a parent: its target is a thing, it is a subdeployment, or it can't be read.
    Unfit,
    /// This is its target.
    Target(TargetArn),
}

/// A `ConfigMap`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigMapFound {
    /// There is none.
    Missing,
    /// The API server does not hand it out; its words.
    Denied(String),
    /// Its `data`.
    Data(BTreeMap<String, String>),
}
