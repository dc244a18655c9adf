//! The definition itself: committed as rendered, described to the leaf, and free of what the API server warns of. Pure.

use greengrass_operator_core::api::schema::{Definition, definitions};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::{Value, json};

use crate::offline::schema_of;

/// The kinds whose fields are those of a request to AWS.
const OF_TEAMS: [Definition; 2] = [Definition::GreengrassDeployment, Definition::SystemInstance];

#[test]
fn the_committed_definitions_are_the_rendered_ones() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../crds");
    for definition in definitions() {
        let path = format!("{folder}/{}", definition.file_name());
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::create_dir_all(std::path::Path::new(&path).parent().unwrap()).unwrap();
            std::fs::write(&path, definition.yaml()).unwrap();
        }
        #[allow(clippy::disallowed_methods, reason = "what is committed is a file")]
        let committed = std::fs::read_to_string(path).unwrap_or_default();
        assert!(committed == definition.yaml(), "crds/ is stale: run `make crd`");
    }
}

#[test]
fn the_yaml_says_what_the_definition_says() {
    for definition in definitions() {
        let from_yaml: Value = serde_saphyr::from_str(&definition.yaml()).unwrap();
        let typed: CustomResourceDefinition = serde_json::from_value(from_yaml).unwrap();
        assert!(typed == definition.crd(), "{definition:?}");
    }
}

#[test]
fn the_definitions_fit_the_annotation_of_client_side_apply() {
    for definition in definitions() {
        assert!(definition.yaml().len() < 256 * 1024, "{definition:?}");
    }
}

/// Names of columns, and whether they are shown only in wide tables.
fn columns(version: &Value) -> Vec<(&str, bool)> {
    let columns = version["additionalPrinterColumns"].as_array().unwrap().iter();
    columns.map(|column| (column["name"].as_str().unwrap(), column.get("priority").is_some())).collect()
}

#[test]
fn names_and_columns_of_system_instances_are_those_that_users_know() {
    let crd = serde_json::to_value(Definition::SystemInstance.crd()).unwrap();
    assert_eq!(crd["metadata"]["name"], "systeminstances.greengrass-operator.dev");
    assert_eq!(crd["spec"]["scope"], "Namespaced");
    assert_eq!(crd["spec"]["names"]["shortNames"], json!(["ggsi"]));
    assert_eq!(crd["spec"]["names"]["categories"], json!(["greengrass", "aws"]));
    assert_eq!(
        columns(&crd["spec"]["versions"][0]),
        [
            ("ID", false),
            ("Status", false),
            ("Target", false),
            ("Ready", false),
            ("Reason", false),
            ("Age", false),
            ("Group", true),
            ("Message", true),
        ]
    );
}

#[test]
fn whoever_explains_a_system_instance_reads_that_aws_has_deprecated_it() {
    let schema = schema_of(Definition::SystemInstance);
    let description = schema["description"].as_str().unwrap();
    assert!(
        description.contains("AWS has deprecated every operation of that service since 2022-08-30"),
        "{description}"
    );
}

#[test]
fn names_columns_and_selectable_fields_are_those_that_users_know() {
    let crd = serde_json::to_value(Definition::GreengrassDeployment.crd()).unwrap();
    assert_eq!(crd["metadata"]["name"], "greengrassdeployments.greengrass-operator.dev");
    assert_eq!(crd["spec"]["scope"], "Namespaced");
    assert_eq!(crd["spec"]["names"]["shortNames"], json!(["ggd"]));
    assert_eq!(crd["spec"]["names"]["categories"], json!(["greengrass", "aws"]));
    let version = &crd["spec"]["versions"][0];
    assert_eq!(
        version["selectableFields"],
        json!([{"jsonPath": ".status.deploymentId"}, {"jsonPath": ".status.resolved.targetArn"}])
    );
    assert_eq!(
        columns(version),
        [
            ("Ready", false),
            ("Reason", false),
            ("Target", false),
            ("Revision", false),
            ("Devices", false),
            ("Age", false),
            ("Deployment-ID", true),
            ("Synced", true),
            ("Account", true),
            ("Region", true),
            ("Message", true),
        ]
    );
}

/// Calls `see` for each schema with its path and whether it describes a field.
fn each_schema(path: &str, schema: &Value, see: &mut impl FnMut(&str, &Value)) {
    see(path, schema);
    for (name, below) in schema["properties"].as_object().into_iter().flatten() {
        each_schema(&format!("{path}.{name}"), below, see);
    }
    for (key, suffix) in [("items", "[]"), ("additionalProperties", "{}")] {
        if schema[key].is_object() {
            each_schema(&format!("{path}{suffix}"), &schema[key], see);
        }
    }
}

/// The schemas of every kind.
fn each_of_all(see: &mut impl FnMut(&str, &Value)) {
    for definition in definitions() {
        each_schema(&format!("{definition:?}"), &schema_of(definition), see);
    }
}

#[test]
fn every_field_is_described_to_the_leaf() {
    let mut undescribed = Vec::new();
    each_of_all(&mut |path, schema| {
        let described = schema["description"].as_str().is_some_and(|text| text.len() > 20 && text.ends_with('.'));
        // What every object has, and the items of lists and maps, whose field says what they are.
        if !described && !path.ends_with(['{', '}', '[', ']']) {
            undescribed.push(path.to_owned());
        }
    });
    assert!(undescribed.is_empty(), "{undescribed:?}");
}

#[test]
fn every_field_of_the_spec_says_if_it_may_change_what_aws_calls_it_and_gives_an_example() {
    for kind in OF_TEAMS {
        let mut lacking = Vec::new();
        each_schema("spec", &schema_of(kind)["properties"]["spec"], &mut |path, schema| {
            if path == "spec" || path.ends_with(['}', ']']) {
                return;
            }
            let text = schema["description"].as_str().unwrap_or_default();
            let changes = text.contains("May change") || text.contains("Can't");
            let named = text.contains("In AWS: ") || text.contains("Not part of AWS");
            if !(changes && named && text.contains("Example: ")) {
                lacking.push(path.to_owned());
            }
        });
        assert!(lacking.is_empty(), "{kind:?}: {lacking:?}");
    }
}

#[test]
fn every_value_of_an_enumeration_is_explained() {
    for kind in OF_TEAMS {
        each_schema("", &schema_of(kind), &mut |path, schema| {
            for value in schema["enum"].as_array().into_iter().flatten() {
                let quoted = format!("`{}`", value.as_str().unwrap());
                assert!(schema["description"].as_str().unwrap().contains(&quoted), "{path} explains no {quoted}");
            }
        });
    }
}

#[test]
fn the_only_default_is_that_nobody_has_looked_at_the_object_yet() {
    for kind in OF_TEAMS {
        let mut defaults = Vec::new();
        each_schema("", &schema_of(kind), &mut |path, schema| {
            if let Some(default) = schema.get("default") {
                defaults.push((path.to_owned(), default.clone()));
            }
        });
        assert_eq!(defaults, [(".status".to_owned(), json!({"observedGeneration": -1}))], "{kind:?}");
    }
}

#[test]
fn nothing_is_nullable_unbounded_or_of_a_format_that_api_servers_do_not_know() {
    each_of_all(&mut |path, schema| {
        assert!(schema.get("nullable").is_none(), "{path} is nullable");
        let format = schema["format"].as_str();
        assert!(matches!(format, None | Some("int64" | "double" | "date-time")), "{path} has the format {format:?}");
        for bound in ["minimum", "maximum"] {
            assert!(!schema[bound].to_string().contains(".0"), "{path} has a {bound} with a point");
        }
        assert!(schema["type"] != "array" || schema.get("maxItems").is_some(), "{path} has no end");
        let is_map = schema.get("additionalProperties").is_some();
        assert!(!is_map || schema.get("maxProperties").is_some(), "{path} has no end");
        assert!(schema["type"] != "array" || schema.get("x-kubernetes-list-type").is_some(), "{path} merges how?");
    });
}
