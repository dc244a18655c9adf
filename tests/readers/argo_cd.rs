//! Argo CD's health script, which the chart ships, in an interpreter of the language that Argo CD runs (does I/O: reads the
//! script).

use std::fs;

use mlua::{Lua, LuaOptions, StdLib, Table, Value as LuaValue};
use serde_json::{Value, json};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/charts/greengrass-operator/files/argocd/health.lua");

/// Status and message, as Argo CD would show them.
pub fn health(object: &Value) -> (String, String) {
    // Argo CD opens base and table, and of os what can do no harm, unless resource.customizations.useOpenLibs says more
    // (argo-cd util/lua/lua.go).
    let lua = Lua::new_with(StdLib::TABLE, LuaOptions::default()).unwrap();
    lua.globals().set("obj", to_lua(&lua, object)).unwrap();
    let answer: Table = lua.load(fs::read_to_string(SCRIPT).unwrap()).eval().unwrap();
    (answer.get("status").unwrap(), answer.get("message").unwrap())
}

pub fn to_lua(lua: &Lua, value: &Value) -> LuaValue {
    match value {
        Value::Null => LuaValue::Nil,
        Value::Bool(value) => LuaValue::Boolean(*value),
        Value::Number(value) => LuaValue::Number(value.as_f64().unwrap()),
        Value::String(value) => LuaValue::String(lua.create_string(value).unwrap()),
        Value::Array(values) => {
            let items = values.iter().map(|value| to_lua(lua, value));
            LuaValue::Table(lua.create_sequence_from(items).unwrap())
        }
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| (name.as_str(), to_lua(lua, value)));
            LuaValue::Table(lua.create_table_from(fields).unwrap())
        }
    }
}

#[test]
fn a_resource_that_nobody_has_looked_at_is_not_healthy() {
    let statuses = [
        Value::Null,
        json!({}),
        json!({"observedGeneration": -1}),
        json!({"observedGeneration": 1, "conditions": null}),
    ];
    for status in statuses {
        let object = json!({"metadata": {"generation": 1}, "status": status});
        assert_eq!(health(&object).0, "Progressing", "{object}");
    }
}

#[test]
fn argo_cd_shows_what_ready_says() {
    let condition =
        |name: &str, status: &str, message: &str| json!({"type": name, "status": status, "message": message});
    let conditions = [condition("Ready", "True", "AWS has it"), condition("RolledOut", "False", "devices are at it")];
    let object = json!({"metadata": {"generation": 3}, "status": {"observedGeneration": 3, "conditions": conditions}});
    assert_eq!(health(&object), ("Healthy".to_owned(), "AWS has it".to_owned()));
}

#[test]
fn the_document_shows_the_script_as_it_is() {
    let document = include_str!("../../docs/waiting.md");
    let key = "  resource.customizations.health.greengrass-operator.dev_GreengrassDeployment: |\n";
    let shown = document.split_once(key).unwrap().1.split_once("```").unwrap().0;
    let shown: Vec<&str> = shown.lines().map(|line| line.strip_prefix("    ").unwrap_or(line)).collect();
    assert!(
        shown.join("\n") == fs::read_to_string(SCRIPT).unwrap().trim_end(),
        "docs/waiting.md is stale: copy {SCRIPT} into it"
    );
}
