//! Traces with neighbours: parents, subdeployments, and other resources with the same key.

use std::collections::BTreeMap;

use greengrass_operator_core::deployment::knowledge::RowStatus;
use greengrass_operator_core::deployment::subject::{Claimant, ParentPeer};
use greengrass_operator_core::names::ObjectName;
use rstest::rstest;

use crate::world::{TARGET, World};

const PARENT: &str = "arn:aws:iot:eu-central-1:123456789012:thinggroup/Plant";
const CANARIES: &str = "arn:aws:iot:eu-central-1:123456789012:thinggroup/Canaries";

fn subdeployment() -> World {
    let mut world = World::new("A");
    world.change(|object| object.parent = Some(PARENT));
    world
}

impl World {
    fn parent_deploys(&mut self, is_managed: bool) -> String {
        let id = self.aws.add(PARENT, None, BTreeMap::new(), self.now);
        if is_managed {
            let object = ObjectName { namespace: "plant".into(), name: "all".into() };
            self.peers.parent = Some(ParentPeer { object, synced: true, deployment_id: Some(id.clone()) });
        }
        id
    }

    fn live_tag(&self, tag: &str) -> Option<String> {
        let live = self.aws.live_of(self.object.target, self.object.parent)?;
        live.tags.get(&format!("greengrass-operator.dev/{tag}")).cloned()
    }
}

#[rstest]
fn a_parents_new_revision_is_followed_by_one_of_the_subdeployment_after_two_minutes(
    #[values(RowStatus::Inactive, RowStatus::Canceled)] ended: RowStatus,
    #[values(true, false)] is_managed: bool,
) {
    let mut world = subdeployment();
    world.aws.ended_by_parent = ended;
    let first = world.parent_deploys(is_managed);
    world.settle();
    world.assert_live("A");
    assert_eq!(world.live_tag("parent"), Some(first));
    let second = world.parent_deploys(is_managed);
    world.oracle.requested(&world.object.clone());
    world.look_now();
    let until = world.turn(0);
    assert_eq!((world.reason().as_str(), world.made()), ("WaitingForParent", 1), "neither drift nor a cancellation");
    assert!(until.unwrap().duration_since(world.now).as_secs() > 100);
    world.settle();
    world.assert_live("A");
    assert_eq!((world.live_tag("parent"), world.live_tag("cause")), (Some(second), Some("parent".into())));
    assert_eq!(world.made(), 2);
}

#[test]
fn a_cancelled_subdeployment_of_the_same_parent_is_an_outcome() {
    let mut world = subdeployment();
    world.parent_deploys(false);
    world.settle();
    let id = world.object.status.deployment_id.clone().unwrap();
    world.set_status(&id, RowStatus::Canceled);
    world.look_now();
    world.settle();
    assert_eq!((world.reason().as_str(), world.made()), ("RolloutCanceled", 1));
}

#[test]
fn a_parent_that_is_not_synced_comes_first() {
    let mut world = subdeployment();
    world.parent_deploys(true);
    world.peers.parent.as_mut().unwrap().synced = false;
    world.settle();
    assert_eq!((world.reason().as_str(), world.aws.creates), ("WaitingForParent", 0));
    world.peers.parent.as_mut().unwrap().synced = true;
    world.settle();
    world.assert_live("A");
}

#[test]
fn a_parent_whose_resource_is_removed_changes_nothing_and_its_deployment_is_still_named() {
    let mut world = subdeployment();
    let parent = world.parent_deploys(true);
    world.settle();
    world.peers.parent = None;
    world.look_now();
    world.settle();
    world.assert_live("A");
    assert_eq!(world.made(), 1);
    world.edit("B");
    world.settle();
    world.assert_live("B");
    assert_eq!(world.live_tag("parent"), Some(parent));
}

#[test]
fn somebody_elses_subdeployments_of_a_parent_are_named_and_not_ended() {
    let mut world = World::new("A");
    let foreign = world.aws.add(CANARIES, Some(TARGET), BTreeMap::new(), world.now);
    world.settle();
    let (_, reason, message) = world.condition("Ready").unwrap();
    assert_eq!((reason.as_str(), world.aws.creates), ("ForeignRevision", 0));
    assert!(message.contains(&foreign), "{message}");
    world.aws.remove(&foreign);
    world.wait(300);
    world.settle();
    world.assert_live("A");
}

fn older() -> Claimant {
    Claimant {
        object: ObjectName { namespace: "plant".into(), name: "elder".into() },
        created_at: "2025-01-01T00:00:00Z".parse().unwrap(),
        has_deployment: false,
        deleting: false,
    }
}

#[test]
fn of_two_resources_the_older_wins_and_the_other_takes_over_when_it_is_gone() {
    let mut world = World::new("A");
    world.peers.claimants = vec![older()];
    world.settle();
    assert_eq!((world.reason().as_str(), world.aws.creates), ("TargetConflict", 0));
    world.peers.claimants = vec![Claimant { deleting: true, ..older() }];
    world.settle();
    world.assert_live("A");
}

#[test]
fn an_older_resource_that_the_cache_does_not_show_yet_wins_until_it_is_gone() {
    let mut world = World::new("A");
    world.claimants = vec![older()];
    world.settle();
    assert_eq!((world.reason().as_str(), world.aws.creates), ("TargetConflict", 0));
    assert!(world.object.status.intent.is_none());
    world.claimants.clear();
    world.wait(300);
    world.settle();
    world.assert_live("A");
}

#[test]
fn who_has_a_deployment_wins_over_an_older_resource_without_one() {
    let mut world = World::new("A");
    world.settle();
    world.peers.claimants = vec![older()];
    world.look_now();
    world.settle();
    world.assert_live("A");
}
