//! The reconcile protocol against a small AWS that loses, delays and forgets: traces that break simpler protocols.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what should not be stops the test"
)]

mod aws;
mod explore;
mod mended;
mod neighbours;
mod oracle;
mod settling;
mod step;
mod traces;
mod world;
