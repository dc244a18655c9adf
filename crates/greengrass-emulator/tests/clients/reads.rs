//! ListDeployments: filters, pages; and reads that lag behind.

use std::time::Duration;

use aws_sdk_greengrassv2::{error::ProvideErrorMetadata, types::DeploymentHistoryFilter};
use greengrass_emulator::{FaultAction, FaultRule, ListOrder, ManualClock, PlainList, Staleness, Switches};
use jiff::Timestamp;

use crate::support::{ACCOUNT, REGION, World};

/// What a list shows of each row: id, status, whether it is the latest.
type Row = (String, String, bool);

async fn list(world: &World, target: Option<&str>, parent: Option<&str>, all: bool) -> Vec<Row> {
    let filter = all.then_some(DeploymentHistoryFilter::All);
    let list = world
        .client
        .list_deployments()
        .set_target_arn(target.map(ToOwned::to_owned))
        .set_parent_target_arn(parent.map(ToOwned::to_owned))
        .set_history_filter(filter);
    let answer = list.send().await.unwrap();
    answer
        .deployments()
        .iter()
        .map(|row| {
            let status = row.deployment_status().unwrap().as_str().to_owned();
            (row.deployment_id().unwrap().to_owned(), status, row.is_latest_for_target())
        })
        .collect()
}

fn row(id: &str, status: &str, latest: bool) -> Row {
    (id.to_owned(), status.to_owned(), latest)
}

#[tokio::test]
async fn the_newest_of_each_key_is_listed_unless_history_is_asked_for() {
    let world = World::new();
    let canary = world.group("canary");
    let first = world.deploy(&world.group);
    let second = world.deploy(&world.group);
    let sub = world.deploy_sub(&canary, &world.group);
    let group = Some(world.group.as_str());

    assert_eq!(list(&world, None, None, false).await, [row(&sub, "ACTIVE", true), row(&second, "ACTIVE", true)]);
    assert_eq!(list(&world, group, None, true).await, [row(&second, "ACTIVE", true), row(&first, "INACTIVE", false)]);
    assert_eq!(list(&world, Some(&canary), None, false).await, [row(&sub, "ACTIVE", true)]);
    assert_eq!(list(&world, None, group, false).await, [row(&sub, "ACTIVE", true)]);
    assert_eq!(list(&world, group, group, true).await, []);
}

#[tokio::test]
async fn after_the_latest_is_deleted_an_earlier_one_is_the_latest() {
    let world = World::new();
    let first = world.deploy(&world.group);
    let second = world.deploy(&world.group);
    world.client.cancel_deployment().deployment_id(&second).send().await.unwrap();
    world.client.delete_deployment().deployment_id(&second).send().await.unwrap();
    assert_eq!(list(&world, None, None, false).await, [row(&first, "INACTIVE", true)]);
}

#[tokio::test]
async fn pages_follow_each_other_without_gaps_or_repeats() {
    let world = World::new();
    let mut expected: Vec<String> = (0..7).map(|_| world.deploy(&world.group)).collect();
    expected.reverse();
    let pages = world
        .client
        .list_deployments()
        .history_filter(DeploymentHistoryFilter::All)
        .max_results(3)
        .into_paginator()
        .items()
        .send();
    let listed = pages.collect::<Result<Vec<_>, _>>().await.unwrap();
    let listed: Vec<_> = listed.iter().map(|row| row.deployment_id().unwrap()).collect();
    assert_eq!(listed, expected);
    assert_eq!(world.emulator.calls_of("ListDeployments").len(), 3);
}

#[tokio::test]
async fn a_token_is_good_only_for_the_list_that_gave_it() {
    let world = World::new();
    for _ in 0..3 {
        world.deploy(&world.group);
    }
    let all = || world.client.list_deployments().history_filter(DeploymentHistoryFilter::All).max_results(1);
    let token = all().send().await.unwrap().next_token().unwrap().to_owned();
    all().next_token(&token).send().await.unwrap();
    let other_list = world.client.list_deployments().next_token(&token).send().await.unwrap_err();
    assert_eq!(other_list.code(), Some("ValidationException"));
    let nonsense = all().next_token("nonsense").send().await.unwrap_err();
    assert_eq!(nonsense.code(), Some("ValidationException"));
}

#[tokio::test]
async fn order_and_subdeployments_of_a_plain_list_are_switches() {
    let world = World::with(Switches {
        list_order: ListOrder::OldestFirst,
        plain_list: PlainList::HidesSubdeployments,
        ..Switches::default()
    });
    let canary = world.group("canary");
    let first = world.deploy(&world.group);
    let second = world.deploy(&world.group);
    let sub = world.deploy_sub(&canary, &world.group);
    assert_eq!(list(&world, None, None, true).await, [row(&first, "INACTIVE", false), row(&second, "ACTIVE", true)]);
    assert_eq!(list(&world, None, Some(&world.group), true).await, [row(&sub, "ACTIVE", true)]);
    let token = world.client.list_deployments().history_filter(DeploymentHistoryFilter::All).max_results(1);
    let page = token.clone().send().await.unwrap();
    let page = token.set_next_token(page.next_token().map(ToOwned::to_owned)).send().await.unwrap();
    assert_eq!(page.deployments()[0].deployment_id(), Some(second.as_str()));
}

#[tokio::test]
async fn a_new_deployment_shows_only_after_the_visibility_delay() {
    let clock = ManualClock::starting_at(Timestamp::UNIX_EPOCH);
    let emulator = greengrass_emulator::Emulator::builder()
        .clock(clock)
        .switches(Switches { get_visibility_delay_ms: 2000, list_visibility_delay_ms: 5000, ..Switches::default() })
        .build();
    let world = World::of(emulator);
    let id = world.deploy(&world.group);
    let get = || world.client.get_deployment().deployment_id(&id).send();
    assert_eq!(get().await.unwrap_err().code(), Some("ResourceNotFoundException"));
    world.emulator.advance(Duration::from_secs(2)).unwrap();
    get().await.unwrap();
    assert_eq!(list(&world, None, None, true).await, []);
    world.emulator.advance(Duration::from_secs(3)).unwrap();
    assert_eq!(list(&world, None, None, true).await, [row(&id, "ACTIVE", true)]);
    // What a new one does to the others shows at once, while it is hidden itself.
    world.deploy(&world.group);
    assert_eq!(list(&world, None, None, false).await, [row(&id, "INACTIVE", true)]);
}

#[tokio::test]
async fn a_stale_read_shows_everything_as_it_was() {
    let clock = ManualClock::starting_at(Timestamp::UNIX_EPOCH);
    let world = World::of(greengrass_emulator::Emulator::builder().clock(clock).build());
    let stale = |staleness| {
        world.emulator.faults().add(FaultRule::new(FaultAction::Stale(staleness)));
    };
    let first = world.deploy(&world.group);
    world.emulator.advance(Duration::from_secs(10)).unwrap();
    let second = world.deploy(&world.group);
    world.client.cancel_deployment().deployment_id(&second).send().await.unwrap();

    stale(Staleness::WritesAgo(1));
    let before_cancel = [row(&second, "ACTIVE", true), row(&first, "INACTIVE", false)];
    assert_eq!(list(&world, None, None, true).await, before_cancel);
    stale(Staleness::WritesAgo(2));
    assert_eq!(list(&world, None, None, true).await, [row(&first, "ACTIVE", true)]);
    stale(Staleness::MillisecondsAgo(5000));
    assert_eq!(list(&world, None, None, true).await, [row(&first, "ACTIVE", true)]);
    stale(Staleness::WritesAgo(2));
    assert!(world.client.get_deployment().deployment_id(&second).send().await.is_err());
    // A deleted one is still there for a stale read.
    world.client.delete_deployment().deployment_id(&second).send().await.unwrap();
    stale(Staleness::WritesAgo(1));
    world.client.get_deployment().deployment_id(&second).send().await.unwrap();
    assert_eq!(world.emulator.deployments(ACCOUNT, REGION).len(), 1);
}
