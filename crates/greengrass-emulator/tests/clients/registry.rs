//! The lists of the registry of IoT Core and their filters, through the library.

use greengrass_emulator::{Emulator, Operation, Scope};
use serde_json::{Value, json};

use crate::support::{ACCOUNT, REGION};

/// A tree of groups, root above middle above leaf and another root beside it, with a thing in each.
fn tree() -> Emulator {
    let emulator = Emulator::default();
    for (group, parent) in
        [("root", Value::Null), ("middle", json!("root")), ("leaf", json!("middle")), ("other", Value::Null)]
    {
        perform(&emulator, Operation::CreateThingGroup, &json!({"thingGroupName": group, "parentGroupName": parent}));
        let thing = format!("in-{group}");
        let attributes = json!({"attributes": {"place": group, "kind": "core"}});
        perform(&emulator, Operation::CreateThing, &json!({"thingName": thing, "attributePayload": attributes}));
        perform(&emulator, Operation::AddThingToThingGroup, &json!({"thingName": thing, "thingGroupName": group}));
    }
    emulator
}

fn perform(emulator: &Emulator, operation: Operation, request: &Value) -> Value {
    emulator.perform(&Scope::new(ACCOUNT, REGION), operation, request).unwrap()
}

fn names(items: &Value, member: &str) -> Vec<String> {
    items.as_array().unwrap().iter().map(|item| item[member].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_recursive_list_goes_below_the_children() {
    let emulator = tree();
    let groups =
        |request: Value| names(&perform(&emulator, Operation::ListThingGroups, &request)["thingGroups"], "groupName");
    assert_eq!(groups(json!({})), ["leaf", "middle", "other", "root"]);
    assert_eq!(groups(json!({"recursive": true})), ["leaf", "middle", "other", "root"]);
    assert_eq!(groups(json!({"recursive": false})), ["other", "root"]);
    assert_eq!(groups(json!({"parentGroup": "root"})), ["middle"]);
    assert_eq!(groups(json!({"parentGroup": "root", "recursive": true})), ["leaf", "middle"]);
    assert_eq!(groups(json!({"parentGroup": "root", "recursive": true, "namePrefixFilter": "l"})), ["leaf"]);

    let things = |request: Value| perform(&emulator, Operation::ListThingsInThingGroup, &request)["things"].clone();
    assert_eq!(things(json!({"thingGroupName": "middle"})), json!(["in-middle"]));
    assert_eq!(things(json!({"thingGroupName": "middle", "recursive": false})), json!(["in-middle"]));
    let all = json!({"thingGroupName": "root", "recursive": true});
    assert_eq!(things(all), json!(["in-leaf", "in-middle", "in-root"]));
}

#[test]
fn things_are_found_by_an_attribute_its_value_or_the_start_of_it() {
    let emulator = tree();
    let things = |request: Value| names(&perform(&emulator, Operation::ListThings, &request)["things"], "thingName");
    assert_eq!(things(json!({"attributeName": "kind"})).len(), 4);
    assert_eq!(things(json!({"attributeName": "color"})).len(), 0);
    assert_eq!(things(json!({"attributeName": "place", "attributeValue": "root"})), ["in-root"]);
    assert_eq!(things(json!({"attributeName": "place", "attributeValue": "ro"})).len(), 0);
    let start = json!({"attributeName": "place", "attributeValue": "ro", "usePrefixAttributeValue": true});
    assert_eq!(things(start), ["in-root"]);
}
