//! What the conditions of a resource say, situation by situation.

#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

mod deletion;
mod document;
mod documented_statuses;
mod hold;
#[path = "../../../../tests/world/oracle.rs"]
#[allow(dead_code, unreachable_pub, reason = "whole-operator tests use the rest")]
mod oracle;
mod people;
mod progress;
mod removal;
mod rollout;
mod rules;
mod stage;
mod suspended;
mod trouble;
