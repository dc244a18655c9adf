//! Whole-operator tests: a real API server, the chart's rights, the operator as a process, an emulated AWS.

#![allow(missing_docs, unreachable_pub, reason = "tests have no users")]

mod chart;
mod deletion;
mod idle;
mod kill;
mod lifecycle;
mod trouble;
mod world;
