//! What a person sees with kubectl: a list that fits the screen, and a story.

use serde_json::Value;

use crate::world::fleet::{add_device, failing, taking};
use crate::world::{Manifest, World, condition};

fn rolled_out(object: &Value, reason: &str) -> bool {
    condition(object, "RolledOut").is_some_and(|rolled_out| rolled_out["reason"] == reason)
}

#[test]
fn the_list_fits_the_screen_and_says_whether_it_is_out_and_if_not_why() {
    let world = World::new("list");
    let [fine, bad] = ["PressesOfTheNorthernHall", "PressesOfTheSouthernHall"].map(|name| world.group(name));
    add_device(&world.emulator, "north", &["PressesOfTheNorthernHall"], &taking(1));
    add_device(&world.emulator, "south", &["PressesOfTheSouthernHall"], &failing(1.0, 1));
    world.apply(&Manifest::new("presses-of-the-northern-hall", &fine));
    world.apply(&Manifest::new("presses-of-the-southern-hall", &bad));
    world.wait_until("presses-of-the-northern-hall", "rolled out", |object| rolled_out(object, "Completed"));
    world.wait_for("presses-of-the-southern-hall", "False", "RolloutFailed");
    let list = world.kubectl(&["get", "ggd"]).success().unwrap();
    let widest = list.lines().map(str::len).max().unwrap();
    assert!(widest <= 120, "{widest} columns:\n{list}");
    let row = |name: &str| {
        let line = list.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().take(6).map(ToOwned::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(row("presses-of-the-northern-hall")[1..], ["True", "Deployed", "PressesOfTheNorthernHall", "1", "1/1"]);
    assert_eq!(
        row("presses-of-the-southern-hall")[1..],
        ["False", "RolloutFailed", "PressesOfTheSouthernHall", "1", "0/1"]
    );
}

#[test]
fn describe_reads_as_a_story_with_counts_in_words() {
    let world = World::new("story-of-devices");
    let group = world.group("Presses");
    for number in 1..=3 {
        add_device(&world.emulator, &format!("press-{number}"), &["Presses"], &taking(1));
    }
    add_device(&world.emulator, "press-4", &["Presses"], &failing(1.0, 1));
    world.apply(&Manifest::new("presses", &group));
    world.wait_until("presses", "rolled out", |object| rolled_out(object, "Completed"));
    let mut story = String::new();
    world.wait("the events", || {
        story = world.kubectl(&["describe", "ggd", "presses"]).success().unwrap();
        story.contains("is rolled out to 3 of 4 devices, 1 failed: S3_HEAD_OBJECT_ACCESS_DENIED")
            && story.contains("Normal  Completed")
    });
    let events = story.split_once("\nEvents:").unwrap().1;
    let told: Vec<&str> = events.lines().skip(3).filter_map(|line| line.split_whitespace().nth(1)).collect();
    assert_eq!(told, ["Progressing", "Deployed", "Completed"], "{events}");
    for (name, value) in [("Devices Summary:", "3/4"), ("Verdict:", "Completed"), ("Thing:", "press-4")] {
        assert!(
            story.lines().any(|line| line.contains(name) && line.trim_end().ends_with(value)),
            "{name} {value}\n{story}"
        );
    }
}
