//! Argo CD's actions, which the chart ships, in an interpreter of the language that Argo CD runs (does I/O: reads the
//! scripts).

use std::collections::BTreeSet;
use std::fs;

use mlua::{Lua, LuaOptions, StdLib, Table, Value as LuaValue};
use serde::Deserialize;
use serde_json::{Map, Number, Value, json};

use super::argo_cd::to_lua;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/charts/greengrass-operator/files/argocd/actions.yaml");
const EVERY: [&str; 5] = ["cancel", "reconcile", "redeploy", "resume", "suspend"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Actions {
    #[serde(rename = "discovery.lua")]
    discovery: String,
    definitions: Vec<Definition>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Definition {
    name: String,
    #[serde(rename = "action.lua")]
    script: String,
}

fn shipped() -> Actions {
    serde_saphyr::from_str(&fs::read_to_string(FILE).unwrap()).unwrap()
}

/// What a script returns, with what Argo CD lets it use: base, table, package, and of os the time
/// (argo-cd `util/lua/lua.go`, `util/lua/oslib_safe.go`).
fn run(script: &str, object: &Value) -> Value {
    let lua = Lua::new_with(StdLib::TABLE | StdLib::PACKAGE | StdLib::OS, LuaOptions::default()).unwrap();
    let whole: Table = lua.globals().get("os").unwrap();
    let safe = lua.create_table().unwrap();
    for name in ["time", "date"] {
        safe.set(name, whole.get::<LuaValue>(name).unwrap()).unwrap();
    }
    lua.globals().set("os", &safe).unwrap();
    let loaded: Table = lua.globals().get::<Table>("package").unwrap().get("loaded").unwrap();
    loaded.set("os", safe).unwrap();
    lua.globals().set("obj", to_lua(&lua, object)).unwrap();
    from_lua(&lua.load(script).eval().unwrap())
}

fn from_lua(value: &LuaValue) -> Value {
    match value {
        LuaValue::Boolean(value) => json!(value),
        LuaValue::Integer(value) => json!(value),
        LuaValue::Number(value) => Value::Number(Number::from_f64(*value).unwrap()),
        LuaValue::String(value) => json!(value.to_str().unwrap().to_owned()),
        LuaValue::Table(table) if table.raw_len() > 0 => {
            table.sequence_values().map(|item| from_lua(&item.unwrap())).collect()
        }
        LuaValue::Table(table) => {
            let field = |pair: mlua::Result<(String, LuaValue)>| {
                let (name, value) = pair.unwrap();
                (name, from_lua(&value))
            };
            Value::Object(table.pairs().map(field).collect::<Map<_, _>>())
        }
        other => panic!("{other:?} is nothing that a script may return"),
    }
}

/// The actions that Argo CD offers.
fn offered(object: &Value) -> BTreeSet<String> {
    let found = run(&shipped().discovery, object);
    let found = found.as_object().unwrap();
    assert_eq!(found.keys().collect::<Vec<_>>(), EVERY, "those that can't be are shown, and disabled");
    found.iter().filter(|(_, action)| action["disabled"] == false).map(|(name, _)| name.clone()).collect()
}

fn act(name: &str, object: &Value) -> Value {
    let shipped = shipped();
    let definition = shipped.definitions.iter().find(|definition| definition.name == name).unwrap();
    run(&definition.script, object)
}

fn deployed() -> Value {
    json!({
        "metadata": {"name": "presses"},
        "spec": {"components": {"com.example.HelloWorld": {"componentVersion": "1.0.0"}}},
        "status": {"deploymentId": "d-1", "conditions": [{"type": "RolledOut", "status": "False", "reason": "InProgress"}]},
    })
}

/// A deployed resource with something else in it.
fn with(pointer: &str, field: &str, value: Value) -> Value {
    let mut object = deployed();
    object.pointer_mut(pointer).unwrap()[field] = value;
    object
}

fn names(these: &[&str]) -> BTreeSet<String> {
    these.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn every_action_that_is_offered_is_defined() {
    let defined: BTreeSet<String> = shipped().definitions.into_iter().map(|definition| definition.name).collect();
    assert_eq!(defined, names(&EVERY));
}

#[test]
fn what_can_do_nothing_is_not_offered() {
    let rolled_out = |status: &str, reason: &str| {
        with("/status", "conditions", json!([{"type": "RolledOut", "status": status, "reason": reason}]))
    };
    let cases = [
        (deployed(), &["cancel", "reconcile", "redeploy", "suspend"][..]),
        (rolled_out("False", "DevicesFailed"), &["cancel", "reconcile", "redeploy", "suspend"]),
        (rolled_out("True", "Completed"), &["reconcile", "redeploy", "suspend"]),
        (rolled_out("False", "Canceled"), &["reconcile", "redeploy", "suspend"]),
        (with("", "status", json!({"observedGeneration": -1})), &["reconcile", "suspend"]),
        (with("", "status", Value::Null), &["reconcile", "suspend"]),
        (with("/spec", "suspend", json!(true)), &["reconcile", "resume"]),
        (with("/spec", "suspend", json!(false)), &["cancel", "reconcile", "redeploy", "suspend"]),
    ];
    for (object, expected) in cases {
        assert_eq!(offered(&object), names(expected), "{object}");
    }
}

#[test]
fn what_lua_cannot_hold_is_not_touched() {
    let merge = |merge: Value| {
        let component = json!({"componentVersion": "1.0.0", "configurationUpdate": {"merge": merge}});
        with("/spec", "components", json!({"com.example.HelloWorld": component}))
    };
    assert!(!offered(&merge(json!({"Port": 9_007_199_254_740_991_i64, "Deep": [{"Ratio": -0.5}]}))).is_empty());
    for number in [9_007_199_254_740_992_i64, i64::MIN] {
        assert!(offered(&merge(json!({"Deep": [{"Serial": number}]}))).is_empty(), "{number}");
    }
    let managed = |mut object: Value| {
        let update = json!({".": {}, "f:merge": {"f:Message": {}, "f:Port": {}}});
        let component = json!({"f:componentVersion": {}, "f:configurationUpdate": update});
        let fields = json!({"f:spec": {"f:components": {"f:com.example.HelloWorld": component}}});
        object["metadata"]["managedFields"] = json!([
            {"manager": "argocd-controller", "operation": "Apply", "fieldsV1": fields},
            {"manager": "greengrass-operator", "operation": "Update", "subresource": "status", "fieldsV1": {"f:status": {"f:gone": {}}}},
        ]);
        object
    };
    assert!(!offered(&managed(merge(json!({"Message": "hello", "Port": 1})))).is_empty());
    assert!(offered(&managed(merge(json!({"Message": "hello", "Port": null})))).is_empty(), "a null would be lost");
}

#[test]
fn suspend_and_resume_set_the_field_and_nothing_else() {
    let suspended = act("suspend", &deployed());
    assert_eq!(suspended, with("/spec", "suspend", json!(true)));
    assert_eq!(act("resume", &suspended), with("/spec", "suspend", json!(false)));
}

#[test]
fn requests_are_annotations_with_the_time_of_day() {
    let annotated = with("/metadata", "annotations", json!({"example.com/kept": "yes"}));
    for (action, object) in ["reconcile", "redeploy", "cancel"].map(|action| (action, [deployed(), annotated.clone()]))
    {
        for before in object {
            let mut after = act(action, &before);
            let annotations = after["metadata"]["annotations"].as_object_mut().unwrap();
            let value = annotations.remove(&format!("greengrass-operator.dev/{action}-at")).unwrap();
            let value: jiff::Timestamp = value.as_str().unwrap().parse().expect("a time in RFC 3339");
            let age = jiff::Timestamp::now().duration_since(value).as_secs();
            assert!((0..60).contains(&age), "{value}");
            if annotations.is_empty() {
                after["metadata"].as_object_mut().unwrap().remove("annotations");
            }
            assert_eq!(after, before, "nothing else is touched");
        }
    }
}
