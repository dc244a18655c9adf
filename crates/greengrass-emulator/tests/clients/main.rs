//! The emulator as others' clients see it: the Rust SDK in one process, raw HTTP, the AWS CLI and boto3 against the program.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that can't go on says where"
)]

mod aws_cli;
mod boto3;
mod faults;
mod http;
mod lifecycle;
mod program;
mod reads;
mod support;
mod switches;
mod validation;
