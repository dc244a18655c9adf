//! What the chart brings for Prometheus and Grafana (does I/O: starts helm).

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use super::release::{HOME, NAME, Release, Version};
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
    let dashboard: Value = serde_json::from_str(&text).unwrap();
    let documented = fs::read_to_string(repository().join("docs/watching.md")).unwrap();
    let mut asked = BTreeSet::new();
    let mut rules = Vec::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().unwrap() {
            let expression = target["expr"].as_str().unwrap();
            let metrics = expression.matches("greengrass_operator_").count();
            assert_eq!(expression.matches("{job=~\"$job\"").count(), metrics, "of one installation: {expression}");
            let expression = expression.replace("$__rate_interval", "5m").replace("$job", ".*");
            rules.push(json!({"record": format!("panel:{}", rules.len()), "expr": expression}));
            let words = expression.split(|character: char| character != '_' && !character.is_ascii_alphanumeric());
            asked.extend(words.filter(|word| word.starts_with("greengrass_operator_")).map(ToOwned::to_owned));
        }
    }
    assert!(asked.len() >= 12, "{asked:?}");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("queries.yaml");
    fs::write(&file, json!({"groups": [{"name": "queries", "rules": rules}]}).to_string()).unwrap();
    let promtool = testcluster::tools::prometheus().unwrap().join("promtool");
    success(&Command::new(promtool).args(["check", "rules"]).arg(file).output().unwrap());
    for metric in asked {
        let metric = metric.trim_end_matches("_bucket");
        assert!(documented.contains(&format!("| `{metric}` |")), "{metric} is in no table of docs/watching.md");
    }
    assert!(rendered(&["metrics.dashboard.enabled=true"]).contains("grafana_dashboard: \"1\""));
}

/// Whether all that was asked for is in what is stored: the definitions add defaults, and drop what they don't know.
fn holds(stored: &Value, asked: &Value) -> bool {
    match (stored, asked) {
        (Value::Object(stored), Value::Object(asked)) => {
            asked.iter().all(|(name, asked)| stored.get(name).is_some_and(|stored| holds(stored, asked)))
        }
        (Value::Array(stored), Value::Array(asked)) => {
            stored.len() == asked.len() && stored.iter().zip(asked).all(|(stored, asked)| holds(stored, asked))
        }
        _ => stored == asked,
    }
}

#[test]
fn the_prometheus_operators_own_definitions_take_the_monitors_and_alerts_as_they_are() {
    let release = Release::of_nothing();
    let definitions = testcluster::tools::prometheus_operator().unwrap();
    release.kubectl(&["apply", "--server-side", "--filename", definitions.to_str().unwrap()]);
    release.wait_established();
    let monitors =
        ["serviceMonitor", "podMonitor", "prometheusRule"].map(|name| format!("--set=metrics.{name}.enabled=true"));
    let labels = "--set=metrics.serviceMonitor.labels.release=prometheus,metrics.podMonitor.interval=1m";
    let flags: Vec<&str> = monitors.iter().map(String::as_str).chain([labels, "--wait", "--timeout=60s"]).collect();
    release.upgrade(Version::Today, &flags);

    let manifest = release.helm(&["get", "manifest", NAME]).unwrap();
    let strict =
        ["apply", "--server-side", "--force-conflicts", "--validate=strict", "--dry-run=server", "--filename=-"];
    let asked: Vec<&str> = manifest.split("\n---\n").filter(|text| text.contains("monitoring.coreos.com/v1")).collect();
    assert_eq!(asked.len(), 3);
    for text in asked {
        let output = release.cluster.kubectl_with_input(&strict, text).unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{}", output.stderr);
        let asked: Value = serde_saphyr::from_str(text).unwrap();
        let kind = asked["kind"].as_str().unwrap();
        let stored = release.object(&format!("{kind}/{NAME}"));
        assert!(holds(&stored["spec"], &asked["spec"]), "{kind}: {stored:#}");
    }

    // What the monitors select is there: a Service with the port, and pods behind it.
    let object = |kind: &str, name: &str| release.object(&format!("{kind}/{name}"));
    let (service_monitor, service) = (object("servicemonitor", NAME), object("service", &format!("{NAME}-metrics")));
    assert!(holds(&service["metadata"]["labels"], &service_monitor["spec"]["selector"]["matchLabels"]));
    assert_eq!(service_monitor["spec"]["endpoints"][0]["port"], service["spec"]["ports"][0]["name"]);
    let (pod_monitor, pods) = (object("podmonitor", NAME), object("deployment", NAME));
    let template = &pods["spec"]["template"];
    assert!(holds(&template["metadata"]["labels"], &pod_monitor["spec"]["selector"]["matchLabels"]));
    let port = &template["spec"]["containers"][0]["ports"][0]["name"];
    assert_eq!(&pod_monitor["spec"]["podMetricsEndpoints"][0]["port"], port);
    let selector = format!("--selector=kubernetes.io/service-name={NAME}-metrics");
    let path = "--output=jsonpath={.items[*].endpoints[*].conditions.ready} {.items[*].ports[*].port}";
    assert_eq!(release.kubectl(&["get", "endpointslices", "--namespace", HOME, &selector, path]), "true true 8080");
}
