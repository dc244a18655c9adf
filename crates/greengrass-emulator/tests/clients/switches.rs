//! Both positions of what AWS does but nobody documents.

use aws_sdk_greengrassv2::{
    error::ProvideErrorMetadata,
    types::{DeploymentIoTJobConfiguration, IoTJobTimeoutConfig},
};
use greengrass_emulator::{
    Acceptance, BoundToOtherParent, CancelInactive, Emulator, EndedSubdeployment, ErrorClass, LatestForTarget,
    ManualClock, MissingTarget, Operation, RevisionCounter, RevisionsAfterDelete, Scope, SupersededRevision, Switches,
    TokenReuse, VersionRanges,
};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::time::Duration;

use crate::support::{ACCOUNT, REGION, World, component};

const VALIDATION: Option<&str> = Some("ValidationException");
const CONFLICT: Option<&str> = Some("ConflictException");

fn code<E: ProvideErrorMetadata, T: std::fmt::Debug>(result: Result<T, E>) -> Option<String> {
    result.err().map(|error| error.code().unwrap().to_owned())
}

#[tokio::test]
async fn cancelling_an_inactive_revision() {
    for (cancel_inactive, expected, status) in
        [(CancelInactive::Accepted, None, "CANCELED"), (CancelInactive::AlreadyCanceled, VALIDATION, "INACTIVE")]
    {
        let world = World::with(Switches { cancel_inactive, ..Switches::default() });
        let first = world.deploy(&world.group);
        world.deploy(&world.group);
        let cancel = world.client.cancel_deployment().deployment_id(&first).send().await;
        assert_eq!(code(cancel).as_deref(), expected);
        assert_eq!(world.status(&first), status);
    }
}

#[tokio::test]
async fn deleting_before_cancelling() {
    for (delete_before_cancel, expected) in [(ErrorClass::Validation, VALIDATION), (ErrorClass::Conflict, CONFLICT)] {
        let world = World::with(Switches { delete_before_cancel, ..Switches::default() });
        let id = world.deploy(&world.group);
        let delete = world.client.delete_deployment().deployment_id(&id).send().await;
        assert_eq!(code(delete).as_deref(), expected);
    }
}

#[tokio::test]
async fn a_known_token_with_other_parameters() {
    for (token_reuse, expected) in [
        (TokenReuse::CachedAnswer, Some(false)),
        (TokenReuse::ValidationError, None),
        (TokenReuse::CreateAnew, Some(true)),
    ] {
        let world = World::with(Switches { token_reuse, ..Switches::default() });
        let create = |name: &str| {
            let create = world.client.create_deployment().target_arn(&world.group);
            create.deployment_name(name).client_token("t").send()
        };
        let first = create("a").await.unwrap();
        assert_eq!(create("a").await.unwrap().deployment_id(), first.deployment_id());
        let is_new = create("b").await.ok().map(|second| second.deployment_id() != first.deployment_id());
        assert_eq!(is_new, expected, "{token_reuse:?}");
    }
}

#[tokio::test]
async fn a_token_is_known_for_eight_hours() {
    let clock = ManualClock::starting_at(Timestamp::UNIX_EPOCH);
    let world = World::of(Emulator::builder().clock(clock).build());
    let create = async || {
        let create = world.client.create_deployment().target_arn(&world.group);
        let created = create.client_token("t").send().await.unwrap();
        created.deployment_id().unwrap().to_owned()
    };
    let first = create().await;
    world.emulator.advance(Duration::from_secs(8 * 3600 - 1)).unwrap();
    assert_eq!(create().await, first);
    world.emulator.advance(Duration::from_secs(1)).unwrap();
    assert_ne!(create().await, first);
}

#[tokio::test]
async fn a_job_configuration_on_a_thing() {
    for (thing_job_configuration, expected) in [(Acceptance::Accepted, None), (Acceptance::Rejected, VALIDATION)] {
        let world = World::with(Switches { thing_job_configuration, ..Switches::default() });
        let thing = world.thing("core");
        let create = |job: DeploymentIoTJobConfiguration| {
            let create = world.client.create_deployment().target_arn(&thing);
            create.iot_job_configuration(job).send()
        };
        let timeout = IoTJobTimeoutConfig::builder().in_progress_timeout_in_minutes(5).build();
        let job = DeploymentIoTJobConfiguration::builder().timeout_config(timeout).build();
        assert_eq!(code(create(job).await).as_deref(), expected);
        let empty = DeploymentIoTJobConfiguration::builder().build();
        assert_eq!(code(create(empty).await), None);
    }
}

#[tokio::test]
async fn a_version_that_is_a_range() {
    for (version_ranges, expected) in [(VersionRanges::Rejected, VALIDATION), (VersionRanges::Accepted, None)] {
        let world = World::with(Switches { version_ranges, ..Switches::default() });
        for range in ["1.x", ">=1.0.0", "1.0", "LATEST", "^1.2.3"] {
            let create = world.client.create_deployment().target_arn(&world.group);
            let created = create.components("com.example.Hello", component(range)).send().await;
            assert_eq!(code(created).as_deref(), expected, "{range}");
        }
    }
}

#[tokio::test]
async fn a_group_that_is_bound_to_another_parent() {
    for (bound_to_other_parent, expected) in
        [(BoundToOtherParent::Conflict, CONFLICT), (BoundToOtherParent::Validation, VALIDATION)]
    {
        let world = World::with(Switches { bound_to_other_parent, ..Switches::default() });
        let (canary, other) = (world.group("canary"), world.group("other"));
        world.deploy_sub(&canary, &world.group);
        let create = |parent: &str| {
            let create = world.client.create_deployment().target_arn(&canary);
            create.parent_target_arn(parent).send()
        };
        assert_eq!(code(create(&other).await).as_deref(), expected);
        assert_eq!(code(create(&world.group).await), None);
    }
}

#[tokio::test]
async fn subdeployments_after_a_new_revision_of_their_parent() {
    for (ended_subdeployment, expected) in
        [(EndedSubdeployment::Inactive, "INACTIVE"), (EndedSubdeployment::Canceled, "CANCELED")]
    {
        let world = World::with(Switches { ended_subdeployment, ..Switches::default() });
        let canary = world.group("canary");
        let sub = world.deploy_sub(&canary, &world.group);
        world.deploy(&world.group);
        assert_eq!(world.status(&sub), expected);
    }
}

#[tokio::test]
async fn a_parent_without_deployment() {
    for (parent_without_deployment, expected) in [(Acceptance::Accepted, None), (Acceptance::Rejected, VALIDATION)] {
        let world = World::with(Switches { parent_without_deployment, ..Switches::default() });
        let canary = world.group("canary");
        let create = || {
            let create = world.client.create_deployment().target_arn(&canary);
            create.parent_target_arn(&world.group).send()
        };
        assert_eq!(code(create().await).as_deref(), expected);
        world.deploy(&world.group);
        assert_eq!(code(create().await), None);
    }
}

#[tokio::test]
async fn revisions_after_all_were_deleted() {
    for (revisions_after_delete, expected) in
        [(RevisionsAfterDelete::Continue, "2"), (RevisionsAfterDelete::Restart, "1")]
    {
        let world = World::with(Switches { revisions_after_delete, ..Switches::default() });
        let id = world.deploy(&world.group);
        world.client.cancel_deployment().deployment_id(&id).send().await.unwrap();
        world.client.delete_deployment().deployment_id(&id).send().await.unwrap();
        let id = world.deploy(&world.group);
        assert_eq!(world.emulator.deployment(&id).unwrap().revision_id, expected);
    }
}

#[tokio::test]
async fn a_target_that_does_not_exist() {
    for (missing_target, expected) in [
        (MissingTarget::ResourceNotFound, "ResourceNotFoundException"),
        (MissingTarget::Validation, "ValidationException"),
    ] {
        let world = World::with(Switches { missing_target, ..Switches::default() });
        let nobody = world.group.replace("fleet", "nobody");
        for (target, parent) in [(&nobody, None), (&world.group, Some(&nobody))] {
            let create = world.client.create_deployment().target_arn(target);
            let create = create.set_parent_target_arn(parent.cloned()).send().await;
            assert_eq!(code(create).as_deref(), Some(expected));
        }
    }
}

#[test]
fn a_revision_that_a_newer_one_has_replaced() {
    for (superseded_revision, status) in
        [(SupersededRevision::Inactive, "INACTIVE"), (SupersededRevision::Canceled, "CANCELED")]
    {
        let world = World::with(Switches { superseded_revision, ..Switches::default() });
        let first = world.deploy(&world.group);
        world.deploy(&world.group);
        assert_eq!(world.status(&first), status);
    }
}

#[test]
fn what_revisions_are_counted_by() {
    for (revision_counter, expected) in [(RevisionCounter::TargetAndParent, "1"), (RevisionCounter::Target, "3")] {
        let world = World::with(Switches { revision_counter, ..Switches::default() });
        let target = world.group("canary");
        world.deploy(&target);
        world.deploy(&target);
        let sub = world.deploy_sub(&target, &world.group);
        assert_eq!(world.emulator.deployment(&sub).unwrap().revision_id, expected);
    }
}

#[test]
fn a_target_that_is_counted_as_one_goes_on_while_one_of_its_deployments_is_there() {
    let switches = Switches {
        revision_counter: RevisionCounter::Target,
        revisions_after_delete: RevisionsAfterDelete::Restart,
        ..Switches::default()
    };
    let world = World::with(switches);
    let target = world.group("canary");
    let delete = |id: &str| {
        let call = |operation| {
            let scope = Scope::new(ACCOUNT, REGION);
            world.emulator.perform(&scope, operation, &json!({"deploymentId": id})).unwrap();
        };
        call(Operation::CancelDeployment);
        call(Operation::DeleteDeployment);
    };
    let sub = world.deploy_sub(&target, &world.group);
    let plain = world.deploy(&target);
    delete(&plain);
    let revision = |id: &str| world.emulator.deployment(id).unwrap().revision_id;
    let next = world.deploy(&target);
    assert_eq!((revision(&sub), revision(&next)), ("1".to_owned(), "3".to_owned()));
    delete(&next);
    delete(&sub);
    assert_eq!(revision(&world.deploy(&target)), "1");
}

#[tokio::test]
async fn the_newest_revision_says_whether_it_is_the_newest() {
    for (latest_for_target, expected) in [(LatestForTarget::Truth, true), (LatestForTarget::AlwaysFalse, false)] {
        let world = World::with(Switches { latest_for_target, ..Switches::default() });
        let id = world.deploy(&world.group);
        let got = world.client.get_deployment().deployment_id(&id).send().await.unwrap();
        let listed = world.client.list_deployments().send().await.unwrap();
        assert_eq!((got.is_latest_for_target(), listed.deployments()[0].is_latest_for_target()), (expected, expected));
    }
}

#[test]
fn no_switch_goes_unmentioned_in_the_tests() {
    let sources = [
        include_str!("switches.rs"),
        include_str!("reads.rs"),
        include_str!("access_keys.rs"),
        include_str!("walkthrough.rs"),
        include_str!("fleet/aborts.rs"),
        include_str!("fleet/devices.rs"),
        include_str!("fleet/rollouts.rs"),
        include_str!("things_graph.rs"),
        include_str!("components.rs"),
    ];
    let Value::Object(switches) = json!(Switches::default()) else {
        panic!("switches are an object");
    };
    for name in switches.keys() {
        // The field of the library's type.
        let field: String = name
            .chars()
            .flat_map(|character| {
                let separator = character.is_ascii_uppercase().then_some('_');
                separator.into_iter().chain([character.to_ascii_lowercase()])
            })
            .collect();
        assert!(sources.iter().any(|source| source.contains(&field)), "{field}");
    }
}
