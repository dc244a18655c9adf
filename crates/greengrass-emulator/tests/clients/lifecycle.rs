//! Create, revise, cancel, delete, tags, subdeployments: through the Rust SDK.

use aws_sdk_greengrassv2::{error::ProvideErrorMetadata, types::DeploymentStatus};
use greengrass_emulator::{AccessKey, Emulator, ManualClock};
use jiff::Timestamp;
use serde_json::json;

use crate::support::{ACCOUNT, REGION, World, component};

#[tokio::test]
async fn a_created_deployment_comes_back_as_it_was_sent() {
    let created_at: Timestamp = "2026-03-04T05:06:07.891Z".parse().unwrap();
    let clock = ManualClock::starting_at(created_at);
    let world = World::of(Emulator::builder().clock(clock).build());
    let created = world
        .client
        .create_deployment()
        .target_arn(&world.group)
        .deployment_name("fleet")
        .components("com.example.Hello", component("1.0.0"))
        .tags("team", "edge")
        .send()
        .await
        .unwrap();
    let job = created.iot_job_id().unwrap();
    assert_ne!(created.deployment_id().unwrap(), job);
    assert_eq!(created.iot_job_arn().unwrap(), format!("arn:aws:iot:{REGION}:{ACCOUNT}:job/{job}"));

    let id = created.deployment_id().unwrap();
    let got = world.client.get_deployment().deployment_id(id).send().await.unwrap();
    assert_eq!(got.target_arn(), Some(world.group.as_str()));
    assert_eq!(got.revision_id(), Some("1"));
    assert_eq!(got.deployment_status(), Some(&DeploymentStatus::Active));
    assert_eq!(got.iot_job_id(), Some(job));
    assert!(got.is_latest_for_target());
    assert_eq!(got.tags().unwrap()["team"], "edge");
    assert_eq!(got.components().unwrap()["com.example.Hello"], component("1.0.0"));
    assert!(got.deployment_policies().is_none());
    assert_eq!(
        i128::from(got.creation_timestamp().unwrap().to_millis().unwrap()),
        created_at.as_nanosecond() / 1_000_000
    );
}

#[tokio::test]
async fn a_new_revision_replaces_the_one_before_and_counts_on_after_deletion() {
    let world = World::new();
    let first = world.deploy(&world.group);
    let second = world.deploy(&world.group);
    assert_eq!(world.status(&first), "INACTIVE");
    assert_eq!(world.status(&second), "ACTIVE");
    let cancel = world.client.cancel_deployment().deployment_id(&second);
    assert_eq!(cancel.send().await.unwrap().message(), Some("SUCCESS"));
    for id in [&second, &first] {
        world.client.delete_deployment().deployment_id(id).send().await.unwrap();
    }
    let third = world.deploy(&world.group);
    assert_eq!(world.emulator.deployment(&third).unwrap().revision_id, "3");
}

#[tokio::test]
async fn a_cancelled_deployment_stays_cancelled_when_it_is_replaced() {
    let world = World::new();
    let first = world.deploy(&world.group);
    world.client.cancel_deployment().deployment_id(&first).send().await.unwrap();
    world.deploy(&world.group);
    assert_eq!(world.status(&first), "CANCELED");
}

#[tokio::test]
async fn cancelling_twice_and_deleting_too_early_are_validation_exceptions() {
    let world = World::new();
    let id = world.deploy(&world.group);
    let delete = || world.client.delete_deployment().deployment_id(&id).send();
    let cancel = || world.client.cancel_deployment().deployment_id(&id).send();

    let too_early = delete().await.unwrap_err().into_service_error();
    assert!(too_early.is_validation_exception());
    assert!(too_early.message().unwrap().contains("must be canceled before deletion"));
    cancel().await.unwrap();
    let again = cancel().await.unwrap_err().into_service_error();
    assert!(again.is_validation_exception());
    assert!(again.message().unwrap().contains("already canceled"));
    delete().await.unwrap();
    let gone = delete().await.unwrap_err().into_service_error();
    assert!(gone.is_resource_not_found_exception());
}

#[tokio::test]
async fn a_thing_has_no_job_and_completes() {
    let world = World::new();
    let thing = world.thing("core");
    let created = world.client.create_deployment().target_arn(&thing).send().await.unwrap();
    assert_eq!((created.iot_job_id(), created.iot_job_arn()), (None, None));
    let id = created.deployment_id().unwrap();
    let done = greengrass_emulator::DeploymentStatus::Completed;
    assert!(world.emulator.set_deployment_status(id, done));
    let got = world.client.get_deployment().deployment_id(id).send().await.unwrap();
    assert_eq!(got.deployment_status(), Some(&DeploymentStatus::Completed));
    // It must be cancelled before it can go, as the public clean-up scripts do.
    assert!(world.client.delete_deployment().deployment_id(id).send().await.is_err());
    world.client.cancel_deployment().deployment_id(id).send().await.unwrap();
    world.client.delete_deployment().deployment_id(id).send().await.unwrap();
}

#[tokio::test]
async fn a_parents_new_revision_ends_its_subdeployments_down_to_the_last() {
    let world = World::new();
    let (canary, nested) = (world.group("canary"), world.group("nested"));
    world.deploy(&world.group);
    let sub = world.deploy_sub(&canary, &world.group);
    let nested_sub = world.deploy_sub(&nested, &canary);
    let own = world.deploy(&canary);
    assert_eq!(world.status(&sub), "ACTIVE");
    assert_eq!(world.emulator.deployment(&own).unwrap().revision_id, "1", "counts for itself");
    assert_eq!(world.status(&nested_sub), "INACTIVE", "its parent has a new revision");

    let nested_sub = world.deploy_sub(&nested, &canary);
    world.deploy(&world.group);
    assert_eq!(world.status(&sub), "INACTIVE");
    assert_eq!(world.status(&nested_sub), "INACTIVE");
    assert_eq!(world.status(&own), "ACTIVE");
}

#[tokio::test]
async fn tags_are_added_replaced_and_removed() {
    let world = World::new();
    let id = world.deploy(&world.group);
    let arn = world.emulator.deployment(&id).unwrap().deployment_arn;
    let client = &world.client;
    let tag = client.tag_resource().resource_arn(&arn).tags("a", "1").tags("b", "2");
    tag.send().await.unwrap();
    client.tag_resource().resource_arn(&arn).tags("a", "3").send().await.unwrap();
    client.untag_resource().resource_arn(&arn).tag_keys("b").send().await.unwrap();
    let tags = client.list_tags_for_resource().resource_arn(&arn).send().await.unwrap();
    let tags = tags.tags().unwrap();
    assert_eq!((tags.len(), tags["a"].as_str()), (1, "3"));
}

#[tokio::test]
async fn accounts_and_regions_are_strangers_to_each_other() {
    let world = World::new();
    let id = world.deploy(&world.group);
    let arn = world.emulator.deployment(&id).unwrap().deployment_arn;
    for client in [world.client_of("210987654321", REGION), world.client_of(ACCOUNT, "eu-west-2")] {
        let get = client.get_deployment().deployment_id(&id).send().await.unwrap_err();
        assert_eq!(get.code(), Some("ResourceNotFoundException"));
        let tags = client.list_tags_for_resource().resource_arn(&arn).send().await.unwrap_err();
        assert_eq!(tags.code(), Some("ResourceNotFoundException"));
        let create = client.create_deployment().target_arn(&world.group).send().await.unwrap_err();
        assert_eq!(create.code(), Some("ResourceNotFoundException"));
        assert!(client.list_deployments().send().await.unwrap().deployments().is_empty());
    }
    world.emulator.add_access_key(AccessKey::new("AKIDEXAMPLE", "secret", ACCOUNT).unwrap());
    let same_account = world.client_of("AKIDEXAMPLE", REGION);
    same_account.get_deployment().deployment_id(&id).send().await.unwrap();
}

#[tokio::test]
async fn the_ledger_has_every_call_and_what_became_of_it() {
    let world = World::new();
    let create = world.client.create_deployment().target_arn(&world.group).client_token("t-1");
    let created = create.send().await.unwrap();
    let missing = world.client.get_deployment().deployment_id("none").send().await.unwrap_err();
    let calls = world.emulator.calls();
    let [create, get] = calls.as_slice() else {
        panic!("{calls:?}");
    };
    assert_eq!(create.request, json!({"targetArn": world.group, "clientToken": "t-1"}));
    assert_eq!((create.account.as_deref(), create.region.as_deref()), (Some(ACCOUNT), Some(REGION)));
    assert_eq!((create.status, create.error_code.as_deref()), (Some(201), None));
    assert_eq!(create.deployment_id.as_deref(), created.deployment_id());
    assert_eq!((get.status, get.error_code.as_deref()), (Some(404), Some("ResourceNotFoundException")));
    assert_eq!(missing.meta().extra("aws_request_id"), Some(get.request_id.as_str()));
    assert!(create.time <= get.time && create.sequence < get.sequence);
    world.emulator.clear_calls();
    assert!(world.emulator.calls().is_empty());
}

#[tokio::test]
async fn the_same_seed_gives_the_same_ids() {
    let id = |seed| {
        let world = World::of(Emulator::builder().seed(seed).build());
        world.deploy(&world.group)
    };
    assert_eq!(id(1), id(1));
    assert_ne!(id(1), id(2));
}
