//! The digest of a content is what it always was: an upgrade of the operator must replace nothing.

use greengrass_operator_core::api::{MetricsConfiguration, SystemInstanceTarget};
use greengrass_operator_core::system_instance::Definition;
use greengrass_operator_core::system_instance::content::{Content, effective_metrics};

fn content() -> Content {
    Content {
        definition: Definition::parse(
            "query Room218 @deployment(id: \"urn:tdm:us-west-2/123456789012/default:deployment:Room218\", systemId: \
             \"urn:tdm:us-west-2/123456789012/default:System:SecurityFlow\") { camera(deviceId: \"Camera218\") }",
        )
        .unwrap(),
        target: SystemInstanceTarget::Greengrass,
        group_name: Some("Room218Group".into()),
        bucket_name: Some("room-218-artifacts".into()),
        flow_actions_role_arn: None,
        metrics: None,
    }
}

#[test]
fn a_digest_never_changes() {
    assert_eq!(content().digest().as_str(), "1:cefec7c7dc24f02170c943f566b1e2cdf1a9fd20373727e0650d41428e06deab");
}

#[test]
fn everything_that_the_service_keeps_is_in_it_and_nothing_else() {
    let role = || Some("arn:aws:iam::123456789012:role/Flow".to_owned());
    let metrics = |enabled: Option<bool>| {
        effective_metrics(Some(MetricsConfiguration { cloud_metric_enabled: enabled, metric_rule_role_arn: None }))
    };
    let changed = [
        Content { target: SystemInstanceTarget::Cloud, ..content() },
        Content { group_name: Some("Another".into()), ..content() },
        Content { bucket_name: None, ..content() },
        Content { flow_actions_role_arn: role(), ..content() },
        Content { metrics: metrics(Some(true)), ..content() },
    ];
    let mut digests: Vec<String> = changed.iter().map(|content| content.digest().to_string()).collect();
    digests.push(content().digest().to_string());
    digests.sort();
    digests.dedup();
    assert_eq!(digests.len(), 6);
    for same in [metrics(None), metrics(Some(false))] {
        assert_eq!(Content { metrics: same, ..content() }.digest(), content().digest());
    }
}
