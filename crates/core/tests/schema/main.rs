//! The definitions of the kinds and the rules of their specs, without a cluster. Pure.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may panic")]

mod accepted;
mod compatible;
mod definition;
mod documents;
mod fields;
mod mistakes;
mod offline;
#[path = "../../../../tests/rules/mod.rs"]
mod rules;
