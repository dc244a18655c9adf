//! The rules that every status keeps, whatever the operator is doing (pure).

use serde_json::Value;

/// Panics where an object's status breaks a rule.
pub fn judge(object: &Value) {
    let broken = broken_rules(object);
    assert!(broken.is_empty(), "{broken:?}\n{object:#}");
}

/// The rules that an object's status breaks.
pub fn broken_rules(object: &Value) -> Vec<&'static str> {
    let status = &object["status"];
    let observed = status["observedGeneration"].as_i64();
    // What no operator has touched yet holds only the default.
    if observed == Some(-1) {
        return Vec::new();
    }
    let generation = object["metadata"]["generation"].as_i64();
    let conditions = status["conditions"].as_array().cloned().unwrap_or_default();
    let find = |name: &str| conditions.iter().find(|condition| condition["type"] == name);
    let is_true = |name: &str| find(name).is_some_and(|condition| condition["status"] == "True");
    let ready = find("Ready");
    let ready_is = |text: &str| ready.is_some_and(|ready| ready["status"] == text);
    let order: Vec<usize> = conditions.iter().filter_map(|condition| position(&condition["type"])).collect();
    let rules = [
        ("Ready is present", ready.is_some()),
        ("Synced is present", find("Synced").is_some()),
        ("Reconciling and Stalled are never both there", !(is_true("Reconciling") && is_true("Stalled"))),
        ("Ready is not True beside Reconciling or Stalled", !(ready_is("True") && (is_true("Reconciling") || is_true("Stalled")))),
        (
            "Ready is Unknown only beside Reconciling, or as Unverified",
            !ready_is("Unknown") || is_true("Reconciling") || ready.is_some_and(|ready| ready["reason"] == "Unverified"),
        ),
        (
            "Reconciling, Stalled and Suspended are there only when True",
            ["Reconciling", "Stalled", "Suspended"].iter().all(|name| find(name).is_none() || is_true(name)),
        ),
        ("the observed generation is not ahead", observed <= generation),
        (
            "every condition speaks of the observed generation",
            conditions.iter().all(|condition| condition["observedGeneration"].as_i64() == observed),
        ),
        ("the order of conditions is fixed", order.is_sorted()),
        (
            "every condition says why",
            conditions.iter().all(|c| c["reason"].as_str().is_some_and(|reason| !reason.is_empty()) && c["message"].is_string()),
        ),
    ];
    rules.into_iter().filter(|(_, kept)| !kept).map(|(rule, _)| rule).collect()
}

fn position(name: &Value) -> Option<usize> {
    ["Ready", "Reconciling", "Stalled", "Synced", "Suspended"].iter().position(|known| name == known)
}
