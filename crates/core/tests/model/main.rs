//! A search of every state that the protocol can get into, up to a number of things that happen, with the real `assess` and
//! `decide`: two processes, requests that are lost or late, reads that lag, and everything that others do in between.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what should not be stops the test"
)]

mod canonical;
mod cloud;
mod events;
mod fold;
mod invariants;
mod known;
mod left_out;
mod model;
mod rules;
mod scenarios;
mod search;
mod send;
mod story;
mod turn;
mod world;
