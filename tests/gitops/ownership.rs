//! Who owns which field of a resource that an engine applies and the operator serves (pure).

use serde_json::Value;

/// A manifest with whatever an API server might store otherwise than it is written; `further` is one more field to merge.
pub fn intricate(group: &str, further: &str) -> String {
    format!(
        r#"
apiVersion: greengrass-operator.dev/v1alpha1
kind: GreengrassDeployment
metadata:
  name: presses
  annotations:
    greengrass-operator.dev/redeploy-at: "2026-01-01"
spec:
  targetArn: {group}
  components:
    com.example.HelloWorld:
      componentVersion: "1.0.0"
      configurationUpdate:
        merge: {{Port: 8080.0, Ratio: 1.50, Empty: {{}}, Items: [], "yes": true, Deep: {{List: [{{a: 1}}, {{}}]}}{further}}}
        reset: []
      runWith:
        posixUser: "1000:1000"
        systemResourceLimits: {{cpus: 1.0, memory: 524288}}
    com.example.Empty: {{componentVersion: 1.0.0}}
  deploymentPolicies:
    failureHandlingPolicy: ROLLBACK
    componentUpdatePolicy: {{action: NOTIFY_COMPONENTS, timeoutInSeconds: 60}}
  iotJobConfiguration:
    jobExecutionsRolloutConfig: {{maximumPerMinute: 1000}}
    timeoutConfig: {{inProgressTimeoutInMinutes: 60}}
  tags: {{}}
  rollout: {{deadline: 90m, readyWhen: RolledOut}}
  deletionPolicy: Delete
  removeTimeout: 1.5h
  suspend: false
"#
    )
}

/// Spec and metadata are the engine's alone, but for the finalizer; the status is the operator's.
pub fn owns_what_is_its_own(object: &Value, engine: &str) {
    let entries = object["metadata"]["managedFields"].as_array().unwrap();
    let managers: Vec<_> = entries.iter().map(|entry| entry["manager"].as_str().unwrap()).collect();
    assert!(managers.iter().any(|manager| manager.starts_with(engine)), "{managers:?}");
    for entry in entries {
        let fields = &entry["fieldsV1"];
        if entry["manager"].as_str().unwrap().starts_with(engine) {
            assert!(fields["f:status"].is_null(), "{entry:#}");
        } else if entry["subresource"] == "status" {
            assert_eq!(fields.as_object().unwrap().keys().collect::<Vec<_>>(), ["f:status"], "{entry:#}");
        } else {
            assert!(fields["f:spec"].is_null(), "{entry:#}");
            let metadata = fields["f:metadata"].as_object().unwrap();
            assert_eq!(metadata.keys().collect::<Vec<_>>(), ["f:finalizers"], "{entry:#}");
        }
    }
}
