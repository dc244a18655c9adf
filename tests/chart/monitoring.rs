//! What the chart brings for Prometheus and Grafana (does I/O: starts helm).

use std::collections::BTreeSet;
use std::fs;

use super::{chart, complaint, rendered, repository, success, template_with};

/// The chart as it is rendered in a cluster with the Prometheus Operator.
fn rendered_for_prometheus(values: &[&str]) -> String {
    let kinds =
        ["ServiceMonitor", "PodMonitor", "PrometheusRule"].map(|kind| format!("monitoring.coreos.com/v1/{kind}"));
    let mut options = Vec::new();
    for kind in &kinds {
        options.extend(["--api-versions", kind]);
    }
    for value in values {
        options.extend(["--set", value]);
    }
    success(&template_with(&options))
}

#[test]
fn monitors_and_alerts_are_made_where_their_apis_are() {
    let values = ["serviceMonitor", "podMonitor", "prometheusRule"].map(|name| format!("metrics.{name}.enabled=true"));
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    assert!(!rendered(&values).contains("monitoring.coreos.com"), "they would be refused");
    assert!(!rendered_for_prometheus(&[]).contains("monitoring.coreos.com"), "nobody has asked");
    let all = rendered_for_prometheus(&values);
    for kind in ["ServiceMonitor", "PodMonitor", "PrometheusRule"] {
        assert_eq!(all.matches(&format!("\nkind: {kind}\n")).count(), 1, "{kind}");
    }
    let rules = fs::read_to_string(chart().join("files/prometheus/rules.yaml")).unwrap();
    let groups: Vec<&str> = rules.lines().skip_while(|line| *line != "groups:").collect();
    assert!(!groups.is_empty());
    for line in groups {
        assert!(all.contains(&format!("  {line}")), "the alerts come out of helm as they went in: {line}");
    }
    let without_service = template_with(&[
        "--set=metrics.service.enabled=false,metrics.serviceMonitor.enabled=true",
        "--api-versions=monitoring.coreos.com/v1/ServiceMonitor",
    ]);
    assert!(complaint(&without_service).contains("metrics.service.enabled"));
}

#[test]
fn the_dashboard_asks_for_metrics_that_there_are() {
    let text = fs::read_to_string(chart().join("files/grafana/dashboard.json")).unwrap();
    let dashboard: serde_json::Value = serde_json::from_str(&text).unwrap();
    let documented = fs::read_to_string(repository().join("docs/watching.md")).unwrap();
    let mut asked = BTreeSet::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().unwrap() {
            let expression = target["expr"].as_str().unwrap();
            let words = expression.split(|character: char| character != '_' && !character.is_ascii_alphanumeric());
            asked.extend(words.filter(|word| word.starts_with("greengrass_operator_")).map(ToOwned::to_owned));
        }
    }
    assert!(asked.len() >= 12, "{asked:?}");
    for metric in asked {
        let metric = metric.trim_end_matches("_bucket");
        assert!(documented.contains(&format!("| `{metric}` |")), "{metric} is in no table of docs/watching.md");
    }
    assert!(rendered(&["metrics.dashboard.enabled=true"]).contains("grafana_dashboard: \"1\""));
}
