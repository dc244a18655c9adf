//! Core devices for the emulated AWS (pure).

use greengrass_emulator::{Emulator, Fleet};
use serde_json::{Value, json};

use super::{ACCOUNT, REGION};

/// Makes devices in a group, `press-00001` and so on; `behaviour` is as in a fleet file.
pub fn add_devices(emulator: &Emulator, group: &str, count: usize, behaviour: &Value) {
    add(emulator, &json!({"name": "press-#####", "count": count, "groups": [group], "behaviour": behaviour}));
}

/// Makes one device in groups.
pub fn add_device(emulator: &Emulator, name: &str, groups: &[&str], behaviour: &Value) {
    add(emulator, &json!({"name": name, "groups": groups, "behaviour": behaviour}));
}

fn add(emulator: &Emulator, devices: &Value) {
    let groups: Vec<Value> = devices["groups"].as_array().unwrap().iter().map(|name| json!({"name": name})).collect();
    let account = json!({"account": ACCOUNT, "region": REGION, "groups": groups, "devices": [devices]});
    let fleet = Fleet::from_yaml(&json!({"accounts": [account]}).to_string()).unwrap();
    emulator.add_fleet(&fleet).unwrap();
}

/// Devices that carry everything out in so many seconds.
pub fn taking(seconds: u32) -> Value {
    json!({"takes": {"seconds": seconds}})
}

/// Devices of which a share fails with what S3 says, the rest takes so many seconds.
pub fn failing(share: f64, seconds: u32) -> Value {
    json!({"takes": {"seconds": seconds}, "rules": [{"share": share, "component": "com.example.HelloWorld", "outcome": "artifactDenied"}]})
}

/// Devices that are offline until somebody connects them.
pub fn offline() -> Value {
    json!({"availability": "never"})
}
