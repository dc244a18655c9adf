//! greengrass-operator
pub mod controller;
pub mod telemetry;
