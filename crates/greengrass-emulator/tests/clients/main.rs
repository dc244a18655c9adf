//! The emulator as others' clients see it: the Rust SDK in one process, raw HTTP, the AWS CLI and boto3 against the program.
#![allow(
    clippy::unwrap_used,
    clippy::unwrap_in_result,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::too_many_lines,
    reason = "a test that can't go on says where, and a table of cases is as long as it is"
)]

mod access_keys;
mod admin;
mod aws_cli;
mod boto3;
mod bounds;
mod cli;
mod cli_examples;
mod components;
mod contract;
mod corpus;
mod coverage;
mod document;
mod faults;
mod fleet;
mod hosts;
mod http;
mod in_process;
mod iot_sdk;
mod lifecycle;
mod nonsense;
mod page;
mod program;
mod reads;
mod registry;
mod roles;
mod state_file;
mod sts;
mod support;
mod switches;
mod things_graph;
mod tls;
mod validation;
mod verify;
mod walkthrough;
