//! greengrass-operator
pub mod controller;
pub mod telemetry;

pub mod admin;
pub mod aws;
pub mod cli;
pub mod config;
pub mod deployment;
pub mod identity;
pub mod leadership;
pub mod operator;
pub mod system_instance;
