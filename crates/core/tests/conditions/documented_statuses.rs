//! tests/readers/statuses.jsonl holds the status of each situation of docs/conditions.md, for the programs that read it.

use greengrass_operator_core::deployment::subject::Wanted;
use serde_json::{Value, json};

use crate::document::{SITUATIONS, Situation};

fn statuses() -> Vec<Value> {
    let status = |(situation, made): Situation| {
        let mut stage = made();
        stage.said();
        let deleting = matches!(stage.wanted, Some(Wanted::Absent { .. }));
        json!({"situation": situation, "deleting": deleting, "spec": stage.spec, "status": stage.status})
    };
    SITUATIONS.into_iter().map(status).collect()
}

#[test]
fn the_statuses_that_other_programs_read_are_what_the_code_writes() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/readers/statuses.jsonl");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        let lines: Vec<String> = statuses().iter().map(Value::to_string).collect();
        std::fs::write(path, lines.join("\n") + "\n").unwrap();
        return;
    }
    // Not as text: the order of fields depends on the features that the rest of the workspace switches on.
    let written: Vec<Value> = include_str!("../../../../tests/readers/statuses.jsonl")
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(
        written == statuses(),
        "stale: run `UPDATE_DOCS=1 cargo test -p greengrass-operator-core --test conditions document`"
    );
}
