//! The emulator as others' clients see it: the Rust SDK in one process, the AWS CLI and boto3 over HTTP.

mod lifecycle;
mod support;
