//! Create, get, list, cancel, delete and tags.

use aws_sdk_greengrassv2::{
    error::ProvideErrorMetadata,
    types::{ComponentDeploymentSpecification, DeploymentHistoryFilter, DeploymentStatus},
};

use crate::support::{ACCOUNT, REGION, client_of, with_group};

fn component(version: &str) -> ComponentDeploymentSpecification {
    ComponentDeploymentSpecification::builder()
        .component_version(version)
        .build()
        .unwrap()
}

#[tokio::test]
async fn a_group_goes_through_revisions_and_is_cancelled_and_deleted() {
    let (emulator, client, group) = with_group();
    let create = |version: &'static str| {
        client
            .create_deployment()
            .target_arn(&group)
            .deployment_name("fleet")
            .components("com.example.Hello", component(version))
            .tags("team", "edge")
            .send()
    };
    let first = create("1.0.0").await.unwrap();
    let second = create("1.1.0").await.unwrap();
    assert_ne!(first.deployment_id(), first.iot_job_id());
    let job = first.iot_job_id().unwrap();
    assert_eq!(
        first.iot_job_arn().unwrap(),
        format!("arn:aws:iot:{REGION}:{ACCOUNT}:job/{job}")
    );

    let id = second.deployment_id().unwrap();
    let got = client
        .get_deployment()
        .deployment_id(id)
        .send()
        .await
        .unwrap();
    assert_eq!(got.revision_id(), Some("2"));
    assert_eq!(got.deployment_status(), Some(&DeploymentStatus::Active));
    assert!(got.is_latest_for_target());
    assert_eq!(got.tags().unwrap()["team"], "edge");
    assert_eq!(
        got.components().unwrap()["com.example.Hello"],
        component("1.1.0")
    );

    let old = first.deployment_id().unwrap();
    let list = |filter| {
        client
            .list_deployments()
            .target_arn(&group)
            .history_filter(filter)
            .send()
    };
    let all = list(DeploymentHistoryFilter::All).await.unwrap();
    let rows: Vec<_> = all
        .deployments()
        .iter()
        .map(|row| {
            (
                row.deployment_id().unwrap(),
                row.deployment_status().unwrap().as_str(),
                row.is_latest_for_target(),
            )
        })
        .collect();
    assert_eq!(rows, [(id, "ACTIVE", true), (old, "INACTIVE", false)]);
    let latest = list(DeploymentHistoryFilter::LatestOnly).await.unwrap();
    assert_eq!(latest.deployments().len(), 1);

    let too_early = client
        .delete_deployment()
        .deployment_id(id)
        .send()
        .await
        .unwrap_err();
    let too_early = too_early.into_service_error();
    assert!(too_early.is_validation_exception());
    assert!(
        too_early
            .message()
            .unwrap()
            .contains("must be canceled before deletion")
    );
    let cancelled = client
        .cancel_deployment()
        .deployment_id(id)
        .send()
        .await
        .unwrap();
    assert_eq!(cancelled.message(), Some("SUCCESS"));
    let again = client
        .cancel_deployment()
        .deployment_id(id)
        .send()
        .await
        .unwrap_err();
    assert!(again.message().unwrap().contains("already canceled"));
    client
        .delete_deployment()
        .deployment_id(id)
        .send()
        .await
        .unwrap();
    let gone = client
        .get_deployment()
        .deployment_id(id)
        .send()
        .await
        .unwrap_err();
    let gone = gone.into_service_error();
    assert!(gone.is_resource_not_found_exception());

    let latest = list(DeploymentHistoryFilter::LatestOnly).await.unwrap();
    assert_eq!(latest.deployments()[0].deployment_id(), Some(old));
    assert!(latest.deployments()[0].is_latest_for_target());
    assert_eq!(create("1.2.0").await.map(|_| ()).unwrap(), ());
    assert_eq!(
        emulator
            .deployments(ACCOUNT, REGION)
            .last()
            .unwrap()
            .revision_id,
        "3"
    );
    assert_eq!(emulator.calls_of("CreateDeployment").len(), 3);
}

#[tokio::test]
async fn tags_are_added_replaced_and_removed() {
    let (emulator, client, group) = with_group();
    let id = emulator
        .create_deployment(ACCOUNT, REGION, &serde_json::json!({"targetArn": group}))
        .unwrap();
    let arn = emulator.deployment(&id).unwrap().deployment_arn;
    let tag = client
        .tag_resource()
        .resource_arn(&arn)
        .tags("a", "1")
        .tags("b", "2");
    tag.send().await.unwrap();
    client
        .tag_resource()
        .resource_arn(&arn)
        .tags("a", "3")
        .send()
        .await
        .unwrap();
    client
        .untag_resource()
        .resource_arn(&arn)
        .tag_keys("b")
        .send()
        .await
        .unwrap();
    let tags = client
        .list_tags_for_resource()
        .resource_arn(&arn)
        .send()
        .await
        .unwrap();
    let tags = tags.tags().unwrap();
    assert_eq!((tags.len(), tags["a"].as_str()), (1, "3"));
    let elsewhere = client_of(&emulator, ACCOUNT, "eu-west-2");
    let error = elsewhere
        .list_tags_for_resource()
        .resource_arn(&arn)
        .send()
        .await
        .unwrap_err();
    assert_eq!(error.code(), Some("ResourceNotFoundException"));
}
