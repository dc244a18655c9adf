//! Stories of minutes and hours, told in seconds: time is moved by the test.

#![allow(clippy::print_stdout, reason = "what was measured is shown with --nocapture")]

mod account_view;
mod adoption;
mod chains;
mod churn;
mod configuration;
mod drift;
mod history;
mod identities;
mod pace;
mod quotas;
mod removal;
mod rollout;
mod rollout_faults;
mod rules;
mod stories;
mod unknown;
