//! The scenarios, each with how many things may happen in it, and the search of them all.

use std::io::Write as _;

use greengrass_operator_core::api::DeletionPolicy;

use crate::cloud::Reuse;
use crate::model::{AtFirst, Budget, Fate, Model, Resource, Scenario};
use crate::search::search;
use crate::story::tell;

const DEVICE: &str = "arn:aws:iot:eu-central-1:123456789012:thing/press-1";

const fn resource(name: &'static str, at_first: AtFirst) -> Resource {
    Resource { name, target: DEVICE, parent: None, at_first }
}

pub(crate) const ONE: &[Resource] = &[resource("a", AtFirst::New)];

pub(crate) const MADE: &[Resource] = &[resource("a", AtFirst::Made)];

/// Two resources for one device.
pub(crate) const TWINS: &[Resource] = &[resource("a", AtFirst::Absent), resource("b", AtFirst::Absent)];

pub(crate) const NONE: Budget = Budget {
    edits: 0,
    redeploys: 0,
    faults: 0,
    failing_reads: 0,
    lags: 0,
    stale_reads: 0,
    crashes: 0,
    fail_overs: 0,
    losses: 0,
    restores: 0,
    deletions: 0,
    creations: 0,
    foreign: 0,
    removals: 0,
    cancellations: 0,
    pauses: 0,
    eight_hours: 0,
};

const UNKNOWN: &[Fate] = &[Fate::ReplyLost, Fate::Late, Fate::Lost];

const SCENARIOS: &[Scenario] = &[Scenario {
    name: "edits",
    resources: ONE,
    policy: DeletionPolicy::Retain,
    fates: UNKNOWN,
    pauses: &[],
    budget: Budget { edits: 2, faults: 1, lags: 1, crashes: 1, ..NONE },
}];

#[test]
fn in_every_state_the_promises_hold() {
    let began = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
    for scenario in SCENARIOS {
        for reuse in [Reuse::Cached, Reuse::Refused, Reuse::CreatedAnew] {
            let model = Model::new(*scenario, reuse, None);
            let found = search(&model, 20_000_000);
            let took = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap() - began;
            writeln!(
                std::io::stderr(),
                "{} {reuse:?}: {} states, depth {}, {took:?}",
                scenario.name,
                found.states,
                found.depth
            )
            .unwrap();
            if let Some((violation, story)) = &found.violation {
                panic!("{} {reuse:?}: {}", scenario.name, tell(&model, violation, story));
            }
        }
    }
}
