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

const PLANT: &str = "arn:aws:iot:eu-central-1:123456789012:thinggroup/Plant";

const CANARIES: &str = "arn:aws:iot:eu-central-1:123456789012:thinggroup/Canaries";

/// A parent and a subdeployment of it.
const FAMILY: &[Resource] = &[
    Resource { name: "a", target: PLANT, parent: None, at_first: AtFirst::New },
    Resource { name: "b", target: CANARIES, parent: Some(PLANT), at_first: AtFirst::New },
];

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

const LATE: &[Fate] = &[Fate::Late];

const REFUSED: &[Fate] = &[Fate::Denied, Fate::Throttled, Fate::Invalid, Fate::InProgress];

/// AWS's positions where a known token comes with other parameters.
const ALL: &[Reuse] = &[Reuse::Cached, Reuse::Refused, Reuse::CreatedAnew];

/// The one that forgives least, where the others lead to the same states.
const ANEW: &[Reuse] = &[Reuse::CreatedAnew];

const RETAIN: DeletionPolicy = DeletionPolicy::Retain;

const DELETE: DeletionPolicy = DeletionPolicy::Delete;

type Line = (&'static str, &'static [Resource], DeletionPolicy, &'static [Reuse], &'static [Fate], Budget);

/// What may happen in each: a line takes seconds.
const SCENARIOS: &[Line] = &[
    ("edits", ONE, RETAIN, ANEW, UNKNOWN, Budget { edits: 2, faults: 1, lags: 1, ..NONE }),
    ("refusals", ONE, RETAIN, ANEW, REFUSED, Budget { edits: 2, faults: 2, failing_reads: 1, ..NONE }),
    ("crash", ONE, RETAIN, ANEW, UNKNOWN, Budget { edits: 1, faults: 1, lags: 1, crashes: 1, ..NONE }),
    ("fail-over", ONE, RETAIN, ALL, LATE, Budget { faults: 1, fail_overs: 1, ..NONE }),
    ("fail-over and edit", ONE, RETAIN, ANEW, LATE, Budget { edits: 1, faults: 1, fail_overs: 1, ..NONE }),
    ("lost status", ONE, RETAIN, ALL, UNKNOWN, Budget { edits: 1, faults: 1, lags: 1, losses: 1, ..NONE }),
    ("restored status", ONE, RETAIN, ALL, UNKNOWN, Budget { edits: 1, faults: 1, lags: 1, restores: 1, ..NONE }),
    ("created again", ONE, RETAIN, ALL, UNKNOWN, Budget { edits: 1, faults: 1, lags: 1, creations: 1, ..NONE }),
    ("others deploy", ONE, RETAIN, ANEW, UNKNOWN, Budget { edits: 1, faults: 1, foreign: 1, redeploys: 1, ..NONE }),
    ("others delete", MADE, RETAIN, ANEW, UNKNOWN, Budget { edits: 1, faults: 1, removals: 1, foreign: 1, ..NONE }),
    ("others cancel", MADE, RETAIN, ANEW, UNKNOWN, Budget { edits: 1, cancellations: 1, redeploys: 1, ..NONE }),
    ("deletion", ONE, DELETE, ANEW, UNKNOWN, Budget { edits: 1, faults: 1, lags: 1, deletions: 1, ..NONE }),
    (
        "deletion and others",
        MADE,
        DELETE,
        ANEW,
        UNKNOWN,
        Budget { faults: 1, edits: 1, deletions: 1, foreign: 1, ..NONE },
    ),
    ("deletion and fail-over", ONE, DELETE, ANEW, LATE, Budget { faults: 1, deletions: 1, fail_overs: 1, ..NONE }),
    ("deleted and created", ONE, DELETE, ALL, UNKNOWN, Budget { faults: 1, deletions: 1, creations: 1, ..NONE }),
    ("stale reads", ONE, DELETE, ANEW, UNKNOWN, Budget { edits: 1, stale_reads: 2, deletions: 1, ..NONE }),
    ("eight hours", ONE, RETAIN, ALL, UNKNOWN, Budget { edits: 1, faults: 1, crashes: 1, eight_hours: 1, ..NONE }),
    ("pauses", ONE, RETAIN, ANEW, UNKNOWN, Budget { edits: 1, faults: 1, foreign: 1, pauses: 1, ..NONE }),
    ("twins", TWINS, RETAIN, ALL, UNKNOWN, Budget { creations: 2, faults: 1, lags: 1, deletions: 1, ..NONE }),
    ("parent and subdeployment", FAMILY, RETAIN, ANEW, UNKNOWN, Budget { edits: 1, faults: 1, ..NONE }),
];

const PAUSES: &[u64] = &[11, 61];

/// So many states at least: the sum over all scenarios.
const AT_LEAST: usize = 1_000_000;

/// So many states of one scenario, the nearest to its beginning; sixteen times as many for each more of what happens.
const AT_MOST: usize = 60_000;

#[test]
fn in_every_state_the_promises_hold() {
    let more = more();
    let mut total = 0;
    let mut broken = Vec::new();
    for (name, resources, policy, reuses, fates, budget) in SCENARIOS {
        for reuse in *reuses {
            let budget = budget.and_more(more);
            let scenario = Scenario { resources, policy: *policy, fates, pauses: PAUSES, budget };
            let model = Model::new(scenario, *reuse, None);
            let found = search(&model, AT_MOST << (4 * more));
            let (states, depth) = (found.states, found.depth);
            let all = if found.complete { "all" } else { "the first" };
            // Past the capture of the tests' output: the numbers say what the check is worth.
            writeln!(std::io::stderr(), "model check: {name}, token {reuse:?}: {all} {states} states, {depth} steps")
                .unwrap();
            if let Some((violation, story)) = &found.violation {
                broken.push(format!("{name}, token {reuse:?}: {}", tell(&model, violation, story)));
            }
            total += states;
        }
    }
    writeln!(std::io::stderr(), "model check: {total} states").unwrap();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    assert!(total >= AT_LEAST, "{total} states only");
}

/// How many more of each thing that happens in a scenario at all.
#[allow(clippy::disallowed_methods, reason = "the long form is for `make soak`")]
fn more() -> u8 {
    std::env::var("MODEL_CHECK_MORE").ok().and_then(|more| more.parse().ok()).unwrap_or(0)
}
