//! An emulator with a thing group, and an SDK client for it.

use aws_credential_types::Credentials;
use aws_sdk_greengrassv2::{
    Client,
    config::{BehaviorVersion, Builder, Config, Region, retry::RetryConfig},
    types::{ComponentConfigurationUpdate, ComponentDeploymentSpecification},
};
use greengrass_emulator::{Emulator, Switches};
use serde_json::{Value, json};

pub(crate) const ACCOUNT: &str = "123456789012";
pub(crate) const REGION: &str = "eu-west-1";

/// The settings of an SDK client of an account and region. It doesn't retry: a test says what happens to each call.
pub(crate) fn config(emulator: &Emulator, account: &str, region: &'static str) -> Builder {
    Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new(region))
        .credentials_provider(Credentials::new(account, "secret", None, None, "test"))
        .retry_config(RetryConfig::disabled())
        .http_client(emulator.http_client())
}

/// An SDK client of IoT Core, which doesn't retry either.
pub(crate) fn iot_client(emulator: &Emulator) -> aws_sdk_iot::Client {
    let config = aws_sdk_iot::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new(REGION))
        .credentials_provider(Credentials::new(ACCOUNT, "secret", None, None, "test"))
        .retry_config(RetryConfig::disabled())
        .http_client(emulator.http_client())
        .build();
    aws_sdk_iot::Client::from_conf(config)
}

/// An emulator with one thing group, and a client.
pub(crate) struct World {
    pub(crate) emulator: Emulator,
    pub(crate) client: Client,
    /// The group's ARN.
    pub(crate) group: String,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::of(Emulator::default())
    }

    pub(crate) fn with(switches: Switches) -> Self {
        Self::of(Emulator::builder().switches(switches).build())
    }

    pub(crate) fn of(emulator: Emulator) -> Self {
        let client = Client::from_conf(config(&emulator, ACCOUNT, REGION).build());
        let group = emulator.create_thing_group(ACCOUNT, REGION, "fleet").unwrap();
        Self { emulator, client, group }
    }

    pub(crate) fn client_of(&self, account: &str, region: &'static str) -> Client {
        Client::from_conf(config(&self.emulator, account, region).build())
    }

    pub(crate) fn group(&self, name: &str) -> String {
        self.emulator.create_thing_group(ACCOUNT, REGION, name).unwrap()
    }

    pub(crate) fn thing(&self, name: &str) -> String {
        self.emulator.create_thing(ACCOUNT, REGION, name).unwrap()
    }

    /// A deployment that isn't in the ledger; its id.
    pub(crate) fn deploy(&self, target: &str) -> String {
        self.deploy_with(&json!({"targetArn": target}))
    }

    pub(crate) fn deploy_sub(&self, target: &str, parent: &str) -> String {
        self.deploy_with(&json!({"targetArn": target, "parentTargetArn": parent}))
    }

    pub(crate) fn deploy_with(&self, request: &Value) -> String {
        self.emulator.create_deployment(ACCOUNT, REGION, request).unwrap()
    }

    /// The status of a deployment as the service's own words.
    pub(crate) fn status(&self, id: &str) -> Value {
        json!(self.emulator.deployment(id).unwrap().deployment_status)
    }
}

pub(crate) fn component(version: &str) -> ComponentDeploymentSpecification {
    ComponentDeploymentSpecification::builder().component_version(version).build().unwrap()
}

pub(crate) fn merging(merge: &str) -> ComponentDeploymentSpecification {
    ComponentDeploymentSpecification::builder()
        .component_version("1.0.0")
        .configuration_update(ComponentConfigurationUpdate::builder().merge(merge).build())
        .build()
        .unwrap()
}
