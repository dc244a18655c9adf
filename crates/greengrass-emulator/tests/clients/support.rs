//! An emulator with a thing group, and an SDK client for it.

use aws_credential_types::Credentials;
use aws_sdk_greengrassv2::{
    Client,
    config::{BehaviorVersion, Config, Region, retry::RetryConfig},
};
use greengrass_emulator::Emulator;

pub(crate) const ACCOUNT: &str = "123456789012";
pub(crate) const REGION: &str = "eu-west-1";

/// An SDK client of an account and region. It doesn't retry: a test says what happens to each call.
pub(crate) fn client_of(emulator: &Emulator, account: &str, region: &'static str) -> Client {
    Client::from_conf(config(emulator, account, region).build())
}

pub(crate) fn config(
    emulator: &Emulator,
    account: &str,
    region: &'static str,
) -> aws_sdk_greengrassv2::config::Builder {
    Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new(region))
        .credentials_provider(Credentials::new(account, "secret", None, None, "test"))
        .retry_config(RetryConfig::disabled())
        .http_client(emulator.http_client())
}

/// An emulator, a client of the usual account and region, and the ARN of a thing group there.
pub(crate) fn with_group() -> (Emulator, Client, String) {
    let emulator = Emulator::default();
    let client = client_of(&emulator, ACCOUNT, REGION);
    let group = emulator
        .create_thing_group(ACCOUNT, REGION, "fleet")
        .unwrap();
    (emulator, client, group)
}
