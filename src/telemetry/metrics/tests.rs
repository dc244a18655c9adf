//! What is counted comes out in the text.

use greengrass_operator_core::names::TargetArn;

use super::*;
use crate::aws::Connection;

#[test]
fn metrics_read_as_openmetrics() {
    let metrics = Metrics::new();
    metrics.reconciled("GreengrassDeployment", ReconcileOutcome::BackOff, 0.4);
    let target = TargetArn::parse("arn:aws:iot:eu-central-1:123456789012:thing/Press").unwrap();
    let scope = Scope::of(Connection::own(), &target);
    let throttled = CallOutcome::Failed(FailureKind::Throttled);
    metrics.observed(Operation::CreateDeployment, throttled, &scope, 0.2);
    metrics.kubernetes_call(Verb::UpdateStatus, KubernetesOutcome::Ok);
    metrics.before_scrape(|metrics| {
        metrics.resources("GreengrassDeployment", Readiness::True, ReadyReason::Deployed, 3);
    });
    let text = metrics.encode(Format::OpenMetrics).unwrap();
    for line in [
        r#"greengrass_operator_reconciles_total{kind="GreengrassDeployment",outcome="back-off"} 1"#,
        r#"greengrass_operator_reconcile_duration_seconds_count{kind="GreengrassDeployment"} 1"#,
        r#"greengrass_operator_aws_calls_total{operation="CreateDeployment",outcome="Throttled",account="123456789012",region="eu-central-1"} 1"#,
        r#"greengrass_operator_aws_throttles_total{account="123456789012",region="eu-central-1"} 1"#,
        r#"greengrass_operator_kubernetes_calls_total{verb="update-status",outcome="ok"} 1"#,
        r#"greengrass_operator_resources{kind="GreengrassDeployment",ready="true",reason="Deployed"} 3"#,
        "greengrass_operator_build_info{version=",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    assert!(text.ends_with("# EOF\n"));
}

#[test]
fn what_an_alert_counts_is_there_before_it_happens() {
    let metrics = Metrics::new();
    metrics.knows_kind("GreengrassDeployment");
    metrics.knows_place(("123456789012", "eu-central-1"));
    let text = metrics.encode(Format::OpenMetrics).unwrap();
    for line in [
        r#"greengrass_operator_reconciles_total{kind="GreengrassDeployment",outcome="panic"} 0"#,
        r#"greengrass_operator_rollouts_total{verdict="Failed",account="123456789012",region="eu-central-1"} 0"#,
        r#"greengrass_operator_drift_corrections_total{account="123456789012",region="eu-central-1"} 0"#,
        r#"greengrass_operator_aws_throttles_total{account="123456789012",region="eu-central-1"} 0"#,
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
}
