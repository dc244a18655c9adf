//! The pure part of greengrass-operator: API types, canonical revisions, and the decisions of a reconcile.
//!
//! Nothing here does I/O, reads a clock or looks at the environment: time, identities and what is known of AWS are
//! arguments. So every rule of the operator can be read and tested without a cluster.

pub mod api;
pub mod conditions;
pub mod deployment;
pub mod failure;
pub mod identity;
pub mod names;
pub mod pace;
pub mod system_instance;
pub mod trouble;
