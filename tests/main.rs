//! Whole-operator tests: a real API server, the chart's rights, the operator as a process, an emulated AWS.

#![allow(missing_docs, unreachable_pub, reason = "tests have no users")]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test ends where something is not as it should be"
)]
#![allow(clippy::disallowed_methods, reason = "tests wait for real processes in real time")]

mod attacks;
mod chart;
mod commands;
mod compatibility;
mod crd;
mod deletion;
mod documents;
mod gitops;
mod hours;
mod identities;
mod idle;
mod image;
mod kill;
mod lifecycle;
mod people;
mod readers;
mod references;
mod things_graph;
mod trouble;
mod watching;
mod world;
