//! What the operator says about itself: metrics and logs.

pub mod exposition;
mod labels;
pub mod log;
pub mod metrics;
