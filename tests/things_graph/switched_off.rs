//! With the switch off nothing of the legacy service is there.

use serde_json::json;

use crate::world::VirtualWorld;

fn rendered(settings: &[&str]) -> String {
    let mut arguments =
        vec!["template", "greengrass-operator", concat!(env!("CARGO_MANIFEST_DIR"), "/charts/greengrass-operator")];
    arguments.extend(settings);
    let helm = testcluster::tools::clients().unwrap().join("helm");
    let output = std::process::Command::new(helm).args(arguments).env("KUBECONFIG", "/dev/null").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn off_the_chart_has_no_definition_no_right_and_no_flag_of_it() {
    let off = rendered(&[]);
    assert!(
        !off.contains("systeminstances") && !off.contains("SystemInstance") && !off.contains("things-graph"),
        "{off}"
    );
    let on = rendered(&["--set=thingsGraph.enabled=true"]);
    for words in ["name: systeminstances.greengrass-operator.dev", "systeminstances/status", "- --enable-things-graph"]
    {
        assert!(on.contains(words), "{words} is not in\n{on}");
    }
}

#[test]
fn off_no_resource_is_watched_and_no_call_made() {
    let world = VirtualWorld::new("tg-off");
    let group = world.group("Presses");
    world.apply(&crate::world::Manifest::new("presses", &group));
    world.wait_ready("presses");
    let tasks = world.alive_tasks();
    let legacy = VirtualWorld::of_things_graph("tg-on");
    assert!(legacy.alive_tasks() > tasks, "watch, queue and driver of the kind are there only where it is switched on");
    let is_legacy = |call: &greengrass_emulator::CallRecord| json!(call)["service"] == "iotthingsgraph";
    assert!(!world.calls().iter().any(is_legacy));
}
