//! The alert rules, judged by promtool.

use std::path::{Path, PathBuf};

use super::prometheus::promtool;

pub(super) fn rules() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("charts/greengrass-operator/files/prometheus/rules.yaml")
}

#[test]
fn promtool_finds_nothing_to_complain_about() {
    let said = promtool(&["check", "rules", "--lint=all", "--lint-fatal", rules().to_str().unwrap()], "");
    assert!(said.contains("SUCCESS: 15 rules found"), "{said}");
}

#[test]
fn each_alert_fires_when_it_should_and_not_before() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/watching/rules.test.yaml");
    let text = std::fs::read_to_string(&tests).unwrap();
    let rules = std::fs::read_to_string(rules()).unwrap();
    for name in rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")) {
        let firing = text.matches(&format!("labels: 'ALERTS{{alertname=\"{name}\"")).count();
        let tried = text.matches(&format!("expr: ALERTS{{alertname=\"{name}\"")).count();
        assert!(firing >= 1 && tried > firing, "{name} must be seen firing and not firing");
    }
    promtool(&["test", "rules", tests.to_str().unwrap()], "");
}
