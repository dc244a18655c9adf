//! What the operator says about itself: metrics and logs.

pub mod log;
pub mod metrics;
