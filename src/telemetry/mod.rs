//! What the operator says about itself: metrics, logs and traces.

pub mod exposition;
mod labels;
pub mod log;
pub mod metrics;
pub mod traces;
