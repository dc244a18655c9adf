//! The chart's scripts in Argo CD's own interpreter, without a cluster (does I/O: starts argocd).

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::readers::argo_cd;

/// Written by the tests of the core, from the code that writes every status.
const STATUSES: &str = include_str!("../readers/statuses.jsonl");
const KIND: &str = "greengrass-operator.dev_GreengrassDeployment";

/// What `argocd admin settings resource-overrides` says about an object with the chart's scripts.
fn argocd(folder: &Path, command: &[&str], object: &Value) -> String {
    let script = |name: &str| {
        let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("charts/greengrass-operator/files/argocd");
        fs::read_to_string(scripts.join(name)).unwrap()
    };
    let settings = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "argocd-cm", "labels": {"app.kubernetes.io/part-of": "argocd"}},
        "data": {
            format!("resource.customizations.health.{KIND}"): script("health.lua"),
            format!("resource.customizations.actions.{KIND}"): script("actions.yaml"),
        },
    });
    let (settings_file, object_file) = (folder.join("argocd-cm.yaml"), folder.join("object.yaml"));
    fs::write(&settings_file, settings.to_string()).unwrap();
    fs::write(&object_file, object.to_string()).unwrap();
    let output = Command::new(testcluster::tools::gitops().unwrap().join("argocd"))
        .env_clear()
        .env("HOME", folder)
        // It shows changes with diff.
        .env("PATH", "/usr/bin:/bin")
        .args(["admin", "settings", "resource-overrides", command[0]])
        .arg(&object_file)
        .args(&command[1..])
        .arg("--argocd-cm-path")
        .arg(&settings_file)
        .output()
        .unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn object(spec: &Value, status: &Value) -> Value {
    json!({
        "apiVersion": "greengrass-operator.dev/v1alpha1",
        "kind": "GreengrassDeployment",
        "metadata": {"name": "presses", "generation": 1},
        "spec": spec,
        "status": status,
    })
}

#[test]
#[ignore = "needs Argo CD, which `make e2e-gitops` builds"]
fn argo_cds_interpreter_finds_the_health_that_the_other_one_finds() {
    let folder = tempfile::tempdir().unwrap();
    for line in STATUSES.lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        let mut status = row["status"].clone();
        status["observedGeneration"] = json!(1);
        let mut object = object(&row["spec"], &status);
        let (health, message) = argo_cd::health(&object);
        let said = argocd(folder.path(), &["health"], &object);
        assert_eq!(said, format!("STATUS: {health}\nMESSAGE: {message}\n"), "{}", row["situation"]);
        // It asks no script then.
        object["metadata"]["deletionTimestamp"] = json!("2026-11-23T12:00:00Z");
        let said = argocd(folder.path(), &["health"], &object);
        assert!(said.starts_with("STATUS: Progressing\n"), "{}: {said}", row["situation"]);
    }
}

#[test]
#[ignore = "needs Argo CD, which `make e2e-gitops` builds"]
fn argo_cds_interpreter_offers_no_action_that_would_take_something_out_of_the_spec() {
    let folder = tempfile::tempdir().unwrap();
    let with_merge = |merge: Value| {
        let component = json!({"componentVersion": "1.0.0", "configurationUpdate": {"merge": merge}});
        let spec = json!({"components": {"com.example.HelloWorld": component}});
        let mut object = object(&spec, &json!({"deploymentId": "d-1"}));
        let update = json!({".": {}, "f:merge": {"f:Port": {}}});
        let component = json!({"f:componentVersion": {}, "f:configurationUpdate": update});
        let fields = json!({"f:spec": {"f:components": {"f:com.example.HelloWorld": component}}});
        object["metadata"]["managedFields"] = json!([{"manager": "argocd-controller", "fieldsV1": fields}]);
        object
    };
    let offered = |object: &Value| argocd(folder.path(), &["list-actions"], object).matches("false").count();
    assert_eq!(offered(&with_merge(json!({"Port": 8080}))), 4);
    for lost in [json!(null), json!(9_007_199_254_740_993_i64)] {
        let object = with_merge(json!({"Port": lost}));
        assert_eq!(offered(&object), 0, "{lost}");
    }
    // That is what it would do.
    let lost = argocd(folder.path(), &["run-action", "suspend"], &with_merge(json!({"Port": null})));
    assert!(lost.contains('<') && lost.contains("Port: null"), "Argo CD can hold a null by now: {lost}");
}

#[test]
#[ignore = "needs Argo CD, which `make e2e-gitops` builds"]
fn argo_cds_interpreter_changes_one_field_with_each_action() {
    let folder = tempfile::tempdir().unwrap();
    let spec = json!({"components": {"com.example.HelloWorld": {"componentVersion": "1.0.0", "configurationUpdate": {"reset": [], "merge": {}}}}});
    let changes = [
        ("suspend", "suspend: true"),
        ("resume", "suspend: false"),
        ("reconcile", "greengrass-operator.dev/reconcile-at: "),
        ("redeploy", "greengrass-operator.dev/redeploy-at: "),
        ("cancel", "greengrass-operator.dev/cancel-at: "),
    ];
    for (action, change) in changes {
        let said = argocd(folder.path(), &["run-action", action], &object(&spec, &json!({"deploymentId": "d-1"})));
        let lines = |sign: char| said.lines().filter(|line| line.starts_with(sign)).collect::<Vec<_>>();
        let added: Vec<_> = lines('>').into_iter().filter(|line| !line.ends_with("annotations:")).collect();
        assert!(lines('<').is_empty() && added.len() == 1 && added[0].contains(change), "{action}: {said}");
    }
}
