//! The definition of `GreengrassDeployment` and the rules of its spec, without a cluster. Pure.

mod accepted;
mod definition;
mod mistakes;
mod offline;
#[path = "../../../../tests/rules/mod.rs"]
mod rules;
