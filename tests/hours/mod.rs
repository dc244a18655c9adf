//! Stories of minutes and hours, told in seconds: time is moved by the test.

#![allow(clippy::print_stdout, reason = "what was measured is shown with --nocapture")]

mod chains;
mod pace;
mod rules;
mod stories;
mod unknown;
