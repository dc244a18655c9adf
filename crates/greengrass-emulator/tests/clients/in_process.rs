//! The Rust example of docs/emulator.md, letter by letter.

use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_greengrassv2::{
    Client,
    config::{BehaviorVersion, Config, Region},
    types::ComponentDeploymentSpecification,
};
use greengrass_emulator::{Emulator, Fleet};

const FLEET: &str = "
accounts:
  - account: '123456789012'
    region: eu-west-1
    groups: [{name: Canary}]
    devices: [{name: core-#, count: 3, groups: [Canary]}]
";

#[tokio::test(start_paused = true)]
async fn three_devices_take_a_deployment() {
    let emulator = Emulator::default();
    emulator.add_fleet(&Fleet::from_yaml(FLEET).unwrap()).unwrap();
    let config = Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new("eu-west-1"))
        .credentials_provider(Credentials::new("123456789012", "secret", None, None, "test"))
        .http_client(emulator.http_client())
        .build();
    let hello = ComponentDeploymentSpecification::builder().component_version("1.0.0").build().unwrap();
    let created = Client::from_conf(config)
        .create_deployment()
        .target_arn("arn:aws:iot:eu-west-1:123456789012:thinggroup/Canary")
        .components("com.example.Hello", hello)
        .send()
        .await
        .unwrap();

    // Devices take ten seconds, which pass at once.
    tokio::time::sleep(Duration::from_secs(15)).await;
    assert_eq!(emulator.execution_counts(created.iot_job_id().unwrap()).unwrap().succeeded, 3);
    let device = emulator.device("123456789012", "eu-west-1", "core-1").unwrap();
    assert_eq!(device["components"]["com.example.Hello"]["version"], "1.0.0");
    assert_eq!(emulator.calls_of("CreateDeployment").len(), 1);
}
