//! What the operator says about itself: metrics and logs.

mod labels;
pub mod log;
pub mod metrics;
