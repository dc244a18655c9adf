//! The manifests of docs/identity.md are what the API server and the operator take. Pure.

use greengrass_operator_core::api::AwsIdentity;
use greengrass_operator_core::api::schema::Definition;
use greengrass_operator_core::identity::parse;
use serde_json::Value;

use crate::offline::Server;

fn manifests() -> Vec<Value> {
    let document = include_str!("../../../../docs/identity.md");
    let blocks = document.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    blocks.map(|block| serde_saphyr::from_str(block).unwrap()).collect()
}

#[test]
fn the_manifests_of_the_document_on_identities_are_accepted() {
    let manifests = manifests();
    assert_eq!(manifests.len(), 2);
    for manifest in manifests {
        let definition = match manifest["kind"].as_str().unwrap() {
            "AwsIdentity" => Definition::AwsIdentity,
            _ => Definition::GreengrassDeployment,
        };
        let server = Server::of(definition);
        assert_eq!(server.broken_keywords(&manifest), Vec::<String>::new(), "{manifest:#}");
        assert_eq!(server.sentences(&manifest, None), Vec::<String>::new(), "{manifest:#}");
        if definition == Definition::AwsIdentity {
            let identity: AwsIdentity = serde_json::from_value(manifest).unwrap();
            parse("factory-north", &identity.spec, false).identity.unwrap();
        }
    }
}

#[test]
fn the_schema_of_identities_refuses_what_the_operator_would() {
    let server = Server::of(Definition::AwsIdentity);
    for (spec, words) in [
        (
            serde_json::json!({"externalId": "ab"}),
            "externalId and sessionDuration are possible only where roleArn is set",
        ),
        (
            serde_json::json!({"sessionDuration": "1h"}),
            "externalId and sessionDuration are possible only where roleArn is set",
        ),
        (serde_json::json!({"roleArn": "arn:aws:iam::1:role/x"}), "roleArn must be the ARN of an IAM role"),
        (serde_json::json!({"tags": {"aws:x": "1"}}), "keys in tags must not begin with aws:"),
    ] {
        let object = serde_json::json!({
            "apiVersion": "greengrass-operator.dev/v1alpha1", "kind": "AwsIdentity", "metadata": {"name": "x"}, "spec": spec,
        });
        let sentences = server.sentences(&object, None);
        assert!(sentences.iter().any(|sentence| sentence.contains(words)), "{spec}: {sentences:?}");
    }
}
