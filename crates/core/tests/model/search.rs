//! The search: breadth first, so that the first story that breaks a promise is a shortest one. Pure.

#![allow(clippy::disallowed_types, reason = "millions of hashes that nobody renders or orders")]

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};

use crate::events::{Action, Outcome};
use crate::invariants::Violation;
use crate::model::Model;
use crate::world::World;

/// A 128-bit hash is a hash already.
#[derive(Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        let mut word = [0; 8];
        word.copy_from_slice(&bytes[..8]);
        self.0 = u64::from_ne_bytes(word);
    }

    fn write_u128(&mut self, hash: u128) {
        self.write(&hash.to_ne_bytes());
    }
}

type Seen = HashSet<u128, BuildHasherDefault<AsItIs>>;

/// How one state was reached first.
struct Reached {
    from: usize,
    by: Action,
}

/// What a search came to.
pub(crate) struct Found {
    pub(crate) states: usize,
    /// The longest story.
    pub(crate) depth: usize,
    /// Whether every state within the budget was seen.
    pub(crate) complete: bool,
    pub(crate) violation: Option<(Violation, Vec<Action>)>,
}

/// Looks at every state, at most so many.
pub(crate) fn search(model: &Model, at_most: usize) -> Found {
    let mut search = Search { model, seen: Seen::default(), peaceful: Seen::default(), reached: Vec::new() };
    let start = World::new(model);
    search.seen.insert(start.canonical());
    search.reached.push(Reached { from: 0, by: Action::Wait });
    let mut frontier = vec![(0, start)];
    let mut depth = 0;
    while !frontier.is_empty() {
        let mut next = Vec::new();
        for (index, world) in frontier {
            if let Some(violation) = search.at_peace(&world) {
                return search.found(depth, Some((violation, index)));
            }
            let mut broken = None;
            world.successors(model, &mut |by, after| {
                if broken.is_none() && search.seen.insert(after.canonical()) {
                    let wrong = after.wrong.clone();
                    search.reached.push(Reached { from: index, by });
                    broken = wrong.map(|wrong| (wrong, search.reached.len() - 1));
                    next.push((search.reached.len() - 1, after));
                }
            });
            if broken.is_some() {
                return search.found(depth, broken);
            }
            if search.reached.len() >= at_most {
                return Found { complete: false, ..search.found(depth, None) };
            }
        }
        frontier = next;
        depth += 1;
    }
    search.found(depth, None)
}

struct Search<'a> {
    model: &'a Model,
    seen: Seen,
    /// States without anything more happening from which all comes well.
    peaceful: Seen,
    reached: Vec<Reached>,
}

impl Search<'_> {
    fn found(&self, depth: usize, violation: Option<(Violation, usize)>) -> Found {
        let violation = violation.map(|(violation, index)| (violation, self.story(index)));
        Found { states: self.reached.len(), depth, complete: violation.is_none(), violation }
    }

    fn story(&self, mut index: usize) -> Vec<Action> {
        let mut story = Vec::new();
        while index > 0 {
            story.push(self.reached[index].by);
            index = self.reached[index].from;
        }
        story.reverse();
        story
    }

    /// The faults stop, and everything goes its fair way until nothing changes any more.
    fn at_peace(&mut self, world: &World) -> Option<Violation> {
        let mut world = world.clone().at_peace();
        let mut way = Vec::new();
        let mut on_way = Seen::default();
        loop {
            let hash = world.canonical_at_peace();
            if self.peaceful.contains(&hash) {
                break;
            }
            if !on_way.insert(hash) {
                if let Some(violation) = comes_well(self.model, world) {
                    return Some(violation);
                }
                break;
            }
            way.push(hash);
            world.go_on(self.model);
            if world.wrong.is_some() {
                return world.wrong;
            }
        }
        self.peaceful.extend(way);
        None
    }
}

/// All that comes from here on comes again and again: somewhere in it the leader has to rest, and nothing more is done.
fn comes_well(model: &Model, mut world: World) -> Option<Violation> {
    let start = world.canonical_at_peace();
    let (objects, rows) = (world.objects.clone(), world.cloud.deployments.len());
    loop {
        if world.leader_rests() && world.processes.len() == 1 {
            world.wrong = None;
            world.judge_rest(model);
            return world.wrong;
        }
        world.go_on(model);
        if world.canonical_at_peace() == start {
            let what = format!("it never rests: {} deployments, {:?}", rows, objects[0].memory);
            return Some(Violation { invariant: crate::invariants::Invariant::ComesLiveOrSaysWhyNot, what });
        }
    }
}

impl World {
    fn at_peace(mut self) -> Self {
        self.budget = crate::model::Budget::default();
        self.processes.truncate(1);
        self.zombie_until = self.now;
        self
    }

    /// The one next thing of a fair way.
    pub(crate) fn go_on(&mut self, model: &Model) {
        for (process, resource) in self.views() {
            if self.is_behind(process, resource) {
                self.watch(process, resource);
                return;
            }
        }
        for (process, resource) in self.views() {
            if self.processes[process].views[resource].resting {
                continue;
            }
            if let Some(decided) = self.decide(model, process, resource) {
                self.perform(model, (process, resource), &decided, Outcome::Fine);
                return;
            }
        }
        self.wait(model);
    }
}
