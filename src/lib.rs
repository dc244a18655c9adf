//! greengrass-operator
pub mod controller;
pub mod telemetry;

pub mod aws;
pub mod deployment;
pub mod admin;
pub mod cli;
pub mod config;
pub mod operator;
