//! greengrass-operator
pub mod controller;
pub mod telemetry;

pub mod aws;
pub mod deployment;
