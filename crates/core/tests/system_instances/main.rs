//! System instances by their rules alone: a simulated service that loses answers, delays requests and lags, an operator that is
//! killed at any moment, and what must hold all the same. Pure.

#![allow(missing_docs, unreachable_pub, reason = "tests have no users")]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test ends where something is not as it should be"
)]

mod chance;
mod digest;
mod operator;
mod service;
mod stories;
