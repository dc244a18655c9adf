//! Every mistake of the table, against the schema read offline and against the operator's own check. Pure.

use std::fmt::Write;

use greengrass_operator_core::api::schema::Definition;
use serde_json::{Value, json};

use crate::offline::{Server, decoded, judged, said_of_system_instance, schema_of};
use crate::rules::{self, KINDS, Kind};

/// A field that the schema doesn't have: the API server's strict decoding refuses it, no keyword does.
const UNKNOWN_FIELD: &str = "unknown";

fn definition(kind: Kind) -> Definition {
    match kind {
        Kind::GreengrassDeployment => Definition::GreengrassDeployment,
        Kind::SystemInstance => Definition::SystemInstance,
    }
}

/// What the operator says to an object; none, where it can't be decoded.
fn said(kind: Kind, object: &Value) -> Option<String> {
    match kind {
        Kind::GreengrassDeployment => decoded(object).ok().map(|spec| match judged(object, &spec) {
            Ok(_) => "nothing".to_owned(),
            Err(invalid) => invalid.to_string(),
        }),
        Kind::SystemInstance => said_of_system_instance(object),
    }
}

#[test]
fn the_schema_answers_each_mistake_with_its_keyword_or_its_sentence() {
    for kind in KINDS {
        each_mistake_is_answered(kind);
    }
}

fn each_mistake_is_answered(kind: Kind) {
    let server = Server::of(definition(kind));
    let mut wrong = String::new();
    for case in rules::mistakes_of(kind) {
        let keywords = server.broken_keywords(&case.object);
        let sentences = server.sentences(&case.object, case.before.as_ref());
        let expected_keywords: Vec<_> = case.keyword.iter().filter(|keyword| *keyword != UNKNOWN_FIELD).collect();
        if keywords.iter().collect::<Vec<_>>() != expected_keywords {
            writeln!(wrong, "{}: keywords {keywords:?} in place of {expected_keywords:?}", case.what).unwrap();
        }
        // Where a keyword is broken, the API server checks only some rules: their words beside it don't count.
        if case.keyword.is_none() && sentences != case.sentence.iter().map(String::as_str).collect::<Vec<_>>() {
            writeln!(wrong, "{}: sentences {sentences:?} in place of {:?}", case.what, case.sentence).unwrap();
        }
    }
    assert!(wrong.is_empty(), "{kind:?}: {wrong}");
}

#[test]
fn the_operator_answers_each_mistake_that_gets_past_an_older_schema() {
    for kind in KINDS {
        let mut wrong = String::new();
        for case in rules::mistakes_of(kind) {
            // A change is judged against the status, not here; a field that is unknown has vanished before.
            if case.before.is_some() || case.keyword.as_deref() == Some(UNKNOWN_FIELD) {
                continue;
            }
            let said = said(kind, &case.object);
            if said != case.operator {
                writeln!(wrong, "{}: {said:?} in place of {:?}", case.what, case.operator).unwrap();
            }
        }
        assert!(wrong.is_empty(), "{kind:?}: {wrong}");
    }
}

#[test]
fn every_sentence_of_a_rule_is_in_the_table() {
    for kind in KINDS {
        let tested: Vec<_> = rules::mistakes_of(kind).into_iter().filter_map(|case| case.sentence).collect();
        let mut untested = Vec::new();
        each_rule(&schema_of(definition(kind)), &mut |sentence| {
            if !tested.contains(&sentence) {
                untested.push(sentence);
            }
        });
        assert!(untested.is_empty(), "{kind:?}: {untested:#?}");
    }
}

fn each_rule(schema: &Value, see: &mut impl FnMut(String)) {
    match schema {
        Value::Object(fields) => {
            for rule in fields.get("x-kubernetes-validations").and_then(Value::as_array).into_iter().flatten() {
                see(rule["message"].as_str().unwrap().to_owned());
            }
            fields.values().for_each(|below| each_rule(below, see));
        }
        Value::Array(items) => items.iter().for_each(|below| each_rule(below, see)),
        _ => {}
    }
}

#[test]
fn the_bases_of_the_tables_have_no_mistake() {
    for kind in KINDS {
        let base = rules::base_of(kind);
        assert!(Server::of(definition(kind)).accepts(&base), "{kind:?}");
        assert_eq!(said(kind, &base).as_deref(), Some("nothing"), "{kind:?}");
    }
}

#[test]
fn several_problems_are_named_together_but_not_endlessly() {
    let mut object = rules::base();
    object["spec"]["targetArn"] = json!("MyThingGroup");
    object["spec"]["deploymentName"] = json!("");
    object["spec"]["components"]["com.example.Other"] = json!({"componentVersion": "LATEST"});
    object["spec"]["tags"] = json!({"#": "x", "##": "x", "###": "x"});
    let problems = judged(&object, &decoded(&object).unwrap()).unwrap_err().problems;
    let fields: Vec<_> = problems.iter().map(|problem| problem.field.as_str()).collect();
    assert_eq!(
        fields,
        [
            "spec.targetArn",
            "spec.deploymentName",
            "spec.components[com.example.Other].componentVersion",
            "spec.tags[#]",
            "spec.tags[##]",
        ]
    );
}
