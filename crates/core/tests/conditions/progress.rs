//! A change on its way to AWS, and what is in order.

use greengrass_operator_core::api::REDEPLOY_AT;
use greengrass_operator_core::deployment::subject::ParentPeer;
use greengrass_operator_core::deployment::tags::Cause;
use jiff::SignedDuration;
use serde_json::json;

use crate::stage::{Stage, named};

#[test]
fn a_new_resource_is_progressing_while_aws_is_asked() {
    let mut stage = Stage::new();
    assert_eq!(stage.said(), "Ready=Unknown/Progressing Reconciling Synced=Unknown/Unknown");
    assert_eq!(stage.message("Ready"), "AWS is being asked what is deployed to the target");
}

#[test]
fn the_first_write_of_new_content_is_progressing_with_the_new_generation() {
    let mut stage = Stage::applied();
    stage.edit_version();
    stage.begin(Cause::Change);
    assert_eq!(stage.said(), "Ready=Unknown/Progressing Reconciling Synced=Unknown/Unknown");
    assert_eq!(stage.status.observed_generation, Some(2));
    assert_eq!(stage.status.applied_generation, Some(1));
    assert_eq!(stage.message("Ready"), "a revision with the changed content is being created");
}

#[test]
fn every_cause_of_a_revision_is_told() {
    let mut told = Vec::new();
    for cause in [Cause::Create, Cause::Change, Cause::Redeploy, Cause::Parent] {
        let mut stage = Stage::applied();
        stage.begin(cause);
        assert_eq!(stage.said(), "Ready=Unknown/Progressing Reconciling Synced=Unknown/Unknown");
        told.push(stage.message("Ready").to_owned());
    }
    let redeploy = format!("a revision of the same content is being created, as the annotation {REDEPLOY_AT} asks");
    assert_eq!(
        told,
        [
            "the deployment is being created",
            "a revision with the changed content is being created",
            &redeploy,
            "a revision is being created, because the parent's new one ended the last",
        ]
    );
}

#[test]
fn where_only_policies_changed_ready_stays_and_the_generation_is_applied_in_the_same_write() {
    let mut stage = Stage::applied();
    let since = stage.since("Ready");
    stage.wait(SignedDuration::from_mins(5));
    stage.edit(|spec| spec["deletionPolicy"] = json!("Cancel"));
    assert_eq!(stage.said(), "Ready=True/Deployed Synced=True/UpToDate");
    assert_eq!((stage.status.observed_generation, stage.status.applied_generation), (Some(2), Some(2)));
    assert_eq!(stage.status.deletion_policy.as_deref(), Some("Cancel"));
    assert_eq!(stage.since("Ready"), since);
}

#[test]
fn where_only_tags_differ_it_is_done() {
    let mut stage = Stage::applied();
    stage.edit(|spec| spec["tags"] = json!({"team": "robotics"}));
    assert_eq!(stage.said(), "Ready=True/Deployed Synced=True/UpToDate");
}

#[test]
fn done_names_revision_and_deployment() {
    let mut stage = Stage::applied();
    assert_eq!(stage.said(), "Ready=True/Deployed Synced=True/UpToDate");
    assert_eq!(stage.message("Ready"), "AWS has what the spec says: revision 1 (deployment d-1)");
    assert_eq!(stage.message("Synced"), stage.message("Ready"));
}

#[test]
fn a_deployment_whose_content_is_not_known_yet_is_not_called_deployed() {
    let mut stage = Stage::applied();
    stage.restart();
    stage.memory.deployment.as_mut().unwrap().digest = None;
    assert_eq!(stage.said(), "Ready=Unknown/Progressing Reconciling Synced=Unknown/Unknown");
}

fn waiting(namespace: &str) -> Stage {
    let mut stage = Stage::subdeployment();
    stage.aws_shows(&[]);
    stage.peers.parent = Some(ParentPeer { object: named(namespace, "machines"), synced: false, deployment_id: None });
    assert_eq!(stage.said(), "Ready=False/WaitingForParent Reconciling Synced=False/OutOfDate");
    stage
}

#[test]
fn a_subdeployment_waits_for_its_parent_and_names_it() {
    let stage = waiting("plant");
    assert_eq!(
        stage.message("Ready"),
        "waits until GreengrassDeployment machines, which makes the parent's deployment, is in AWS; see its conditions"
    );
    assert_eq!(stage.message("Synced"), "the target has no deployment in AWS: one is due");
}

#[test]
fn a_parent_in_another_namespace_is_not_named() {
    let stage = waiting("secret");
    assert!(!stage.message("Ready").contains("machines") && !stage.message("Ready").contains("secret"));
}

#[test]
fn a_subdeployment_that_the_parent_ended_says_when_its_new_revision_comes() {
    let mut stage = Stage::subdeployment().with_deployment();
    let parent =
        ParentPeer { object: named("plant", "machines"), synced: true, deployment_id: Some("parent-2".into()) };
    stage.peers.parent = Some(parent);
    stage.knowledge.parent_since = Some(("parent-2".into(), stage.now));
    assert_eq!(stage.said(), "Ready=False/WaitingForParent Reconciling Synced=False/OutOfDate");
    assert_eq!(
        stage.message("Ready"),
        "the parent's new revision has ended this subdeployment; a new one is made at 12:02:00 UTC, if the resource is still \
         there then"
    );
}
