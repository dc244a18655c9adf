//! Every story with AWS in every position of what nobody documents, one switch at a time.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::time::Duration;

use greengrass_emulator::Switches;

use super::stories::STORIES;
use crate::world::VirtualWorld;

/// Worlds at a time: each has a thread of its own beside the operator's, and both wait for the API server most of the time.
const WORKERS: usize = 3;

/// A switch in a position other than the default; none: all as they are.
type Position = Option<(String, String)>;

/// Each position of each switch once, the defaults together.
fn positions() -> Vec<Position> {
    let mut all = vec![None];
    // The stories are about deployments, which the switches of Things Graph don't touch, and they register no components.
    let of_components = ["unknownComponents", "dependencyVersions", "componentCreationMs"];
    let of_deployments = |name: &str| !name.starts_with("systemInstance") && !of_components.contains(&name);
    for switch in Switches::descriptions().into_iter().filter(|switch| of_deployments(&switch.name)) {
        let others = switch.positions.iter().skip(1).map(|(position, _)| position.clone());
        let times: &[u64] = match (switch.name.as_str(), switch.milliseconds) {
            (_, None) => &[],
            // Reads that lag: about as long as users have seen, and longer than what a look is good for.
            ("getVisibilityDelayMs" | "listVisibilityDelayMs", Some(_)) => &[3_000, 20_000],
            ("jobDeletionMs" | "jobCountsDelayMs", Some(_)) => &[0, 90_000],
            (name, Some(_)) => panic!("which times are interesting for {name}?"),
        };
        let positions = others.chain(times.iter().map(ToString::to_string));
        all.extend(positions.map(|position| Some((switch.name.clone(), position))));
    }
    all
}

/// Tells every story in one world. What went wrong, by story.
fn tell_all(position: &Position) -> Vec<String> {
    let (switches, title) = match position {
        None => (Switches::default(), "default".to_owned()),
        Some((name, value)) => {
            let flag = format!("{name}={value}");
            (Switches::default().with_flag(&flag).unwrap(), flag)
        }
    };
    let mut world = VirtualWorld::with_switches("unknown", switches);
    let mut wrong = Vec::new();
    for story in STORIES {
        let told = catch_unwind(AssertUnwindSafe(|| (story.tell)(&mut world, story.name)));
        if told.is_err() {
            wrong.push(format!("{title}: {}", story.name));
            // The next one begins with an operator that runs.
            world = VirtualWorld::with_switches("unknown", world.emulator.switches());
        }
    }
    // All is in force: what is quiet now stays quiet.
    let before = world.deployments();
    world.pass_in(Duration::from_mins(20), Duration::from_secs(5));
    if world.deployments() != before {
        wrong.push(format!("{title}: something was made, cancelled or deleted at rest"));
    }
    wrong
}

#[test]
fn every_story_ends_the_same_whatever_aws_does_where_nobody_documents_it() {
    let begun = std::time::Instant::now();
    let positions = positions();
    let combinations = positions.len() * STORIES.len();
    let queue = Mutex::new(VecDeque::from(positions));
    let wrong = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                loop {
                    let Some(position) = queue.lock().unwrap().pop_front() else { return };
                    let found = tell_all(&position);
                    wrong.lock().unwrap().extend(found);
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    println!("{combinations} combinations of stories and switches in {} s", begun.elapsed().as_secs());
    assert!(wrong.is_empty(), "{} of {combinations} went wrong:\n{}", wrong.len(), wrong.join("\n"));
}
