//! Attacks on the promise of one revision for each change: crashes at every write, lost answers and refusals, replicas that fail,
//! stale and missed news.

#![allow(clippy::print_stdout, reason = "what was covered is shown with --nocapture")]

mod everywhere;
mod failover;
mod load;
mod proxy;
mod relay;
mod replicas;
mod scenarios;
mod stale;

/// Whether `make soak` runs.
fn is_soak() -> bool {
    std::env::var_os("OPERATOR_TEST_SOAK").is_some()
}
