//! Random schedules of three processes, an API server and people: never do two act at once, and when all is well again one leads.
//!
//! Clocks differ in what they show and by up to a tenth in how fast they go; processes are stopped and go on, crash, and are
//! released; calls are lost before or after the server has them, and abandoned ones arrive late.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use proptest::prelude::*;

use super::super::candidate::{Answer, Candidate, Step};
use super::{Server, candidate, leads};
use crate::aws::BootTime;

const NODES: usize = 3;
/// By how many percent each clock goes faster than time.
const RATES: [u32; NODES] = [100, 90, 110];

#[derive(Clone, Debug)]
enum Event {
    /// Time passes.
    Pass(u64),
    /// A process begins a round, or its next call.
    Go(usize),
    /// The server carries out its call.
    Serve(usize),
    /// It gets the answer.
    Answer(usize),
    /// It gives up waiting.
    GiveUp(usize),
    /// A call that was given up arrives after all.
    Arrive(usize),
    /// All of a round, without accidents.
    Round(usize),
    Stop(usize),
    Continue(usize),
    Crash(usize),
    /// It is told to end, and begins anew; what it says may get lost.
    Release(usize, bool),
    /// A person's hand.
    Delete,
    Empty,
    Name(usize),
    Shorten,
    Touch,
    Restore(usize),
}

fn event() -> impl Strategy<Value = Event> {
    let node = 0..NODES;
    prop_oneof![
        6 => (1_u64..4_000).prop_map(Event::Pass),
        1 => (4_000_u64..20_000).prop_map(Event::Pass),
        6 => node.clone().prop_map(Event::Go),
        6 => node.clone().prop_map(Event::Serve),
        6 => node.clone().prop_map(Event::Answer),
        2 => node.clone().prop_map(Event::GiveUp),
        1 => (0_usize..8).prop_map(Event::Arrive),
        8 => node.clone().prop_map(Event::Round),
        1 => node.clone().prop_map(Event::Stop),
        2 => node.clone().prop_map(Event::Continue),
        1 => node.clone().prop_map(Event::Crash),
        1 => (node.clone(), any::<bool>()).prop_map(|(node, lost)| Event::Release(node, lost)),
        1 => Just(Event::Delete),
        1 => Just(Event::Empty),
        1 => node.prop_map(Event::Name),
        1 => Just(Event::Shorten),
        1 => Just(Event::Touch),
        1 => (0_usize..50).prop_map(Event::Restore),
    ]
}

struct Call {
    asked: BootTime,
    /// None: a look.
    write: Option<Lease>,
    served: Option<Served>,
}

enum Served {
    Looked(Box<Option<Lease>>),
    Wrote(Answer),
}

struct Node {
    candidate: Candidate,
    is_stopped: bool,
    call: Option<Call>,
}

struct World {
    time: u64,
    server: Server,
    nodes: Vec<Node>,
    abandoned: Vec<Lease>,
    past: Vec<LeaseSpec>,
    incarnations: usize,
}

impl World {
    fn new() -> Self {
        let nodes = (0..NODES).map(|_| Node { candidate: candidate(""), is_stopped: false, call: None }).collect();
        let mut world = Self {
            time: 0,
            server: Server::default(),
            nodes,
            abandoned: Vec::new(),
            past: Vec::new(),
            incarnations: 0,
        };
        (0..NODES).for_each(|node| world.restart(node));
        world
    }

    fn restart(&mut self, node: usize) {
        self.incarnations += 1;
        self.give_up(node);
        let candidate = candidate(&format!("{node}_{}", self.incarnations));
        self.nodes[node] = Node { candidate, is_stopped: false, call: None };
    }

    /// What the clock of a process shows.
    fn now(&self, node: usize) -> BootTime {
        let milliseconds = self.time * u64::from(RATES[node]) / 100;
        BootTime::since_boot(Duration::from_millis(milliseconds + 1_000_000 * u64::try_from(node).unwrap()))
    }

    fn happen(&mut self, event: &Event) {
        match *event {
            Event::Pass(milliseconds) => self.time += milliseconds,
            Event::Go(node) => self.go(node),
            Event::Serve(node) => self.serve(node),
            Event::Answer(node) => self.answer(node),
            Event::GiveUp(node) if !self.nodes[node].is_stopped => self.give_up(node),
            Event::GiveUp(_) => {}
            Event::Arrive(number) => {
                if number < self.abandoned.len() {
                    let lease = self.abandoned.remove(number);
                    self.server.put(&lease);
                }
            }
            Event::Round(node) => self.round(node),
            Event::Stop(node) => self.nodes[node].is_stopped = true,
            Event::Continue(node) => self.nodes[node].is_stopped = false,
            Event::Crash(node) => self.restart(node),
            Event::Release(node, is_lost) => self.release(node, is_lost),
            Event::Delete => self.server.delete(),
            // What a leader leaves that has ended says more than that nobody holds it.
            Event::Empty => self.server.edit(|spec| {
                spec.holder_identity = None;
                spec.lease_duration_seconds = Some(15);
            }),
            Event::Name(node) => {
                let name = self.nodes[node].candidate.identity().to_owned();
                self.server.edit(|spec| spec.holder_identity = Some(name));
            }
            Event::Shorten => self.server.edit(|spec| {
                if spec.holder_identity.is_some() {
                    spec.lease_duration_seconds = Some(1);
                }
            }),
            Event::Touch => self.server.edit(|_| ()),
            Event::Restore(number) => {
                if let Some(old) = self.past.get(number).cloned() {
                    self.server.edit(|spec| *spec = old);
                }
            }
        }
        let spec = self.server.spec();
        if spec.holder_identity.is_some() && self.past.last() != Some(&spec) {
            self.past.push(spec);
        }
    }

    fn go(&mut self, node: usize) {
        let now = self.now(node);
        let running = &mut self.nodes[node];
        if running.is_stopped || running.call.is_some() {
            return;
        }
        let mut step = running.candidate.step(now, super::day(now));
        if step == Step::Done {
            running.candidate.begin_round();
            step = running.candidate.step(now, super::day(now));
        }
        running.call = match step {
            Step::Done => None,
            Step::Look => Some(Call { asked: now, write: None, served: None }),
            Step::Write(lease) => Some(Call { asked: now, write: Some(*lease), served: None }),
        };
    }

    fn serve(&mut self, node: usize) {
        if let Some(call) = self.nodes[node].call.as_mut().filter(|call| call.served.is_none()) {
            call.served = Some(match &call.write {
                None => Served::Looked(Box::new(self.server.lease.clone())),
                Some(lease) => Served::Wrote(self.server.put(lease)),
            });
        }
    }

    fn answer(&mut self, node: usize) {
        let now = self.now(node);
        let running = &mut self.nodes[node];
        if running.is_stopped || running.call.as_ref().is_none_or(|call| call.served.is_none()) {
            return;
        }
        if let Some(Call { asked, served: Some(served), .. }) = running.call.take() {
            match served {
                Served::Looked(lease) => running.candidate.looked(*lease, now),
                Served::Wrote(answer) => running.candidate.wrote(asked, answer, now),
            }
        }
    }

    fn give_up(&mut self, node: usize) {
        let now = self.now(node);
        let running = &mut self.nodes[node];
        let Some(Call { asked, write, served }) = running.call.take() else { return };
        if let Some(lease) = write {
            if served.is_none() {
                self.abandoned.push(lease);
            }
            running.candidate.wrote(asked, Answer::Unknown, now);
        } else {
            running.candidate.begin_round();
        }
    }

    fn round(&mut self, node: usize) {
        for _ in 0..6 {
            self.go(node);
            self.serve(node);
            self.answer(node);
        }
    }

    fn release(&mut self, node: usize, is_lost: bool) {
        let now = self.now(node);
        if self.nodes[node].is_stopped {
            return;
        }
        if let Some(lease) = self.nodes[node].candidate.release(now, super::day(now))
            && !is_lost
        {
            self.server.put(&lease);
        }
        self.restart(node);
    }

    fn leaders(&self) -> Vec<usize> {
        (0..NODES).filter(|node| leads(&self.nodes[*node].candidate, self.now(*node))).collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, max_shrink_iters: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn never_do_two_act_at_once_and_when_all_is_well_one_leads(events in prop::collection::vec(event(), 1..250)) {
        let mut world = World::new();
        for event in &events {
            world.happen(event);
            let leaders = world.leaders();
            prop_assert!(leaders.len() <= 1, "{leaders:?} lead after {event:?} at {} ms", world.time);
        }
        for node in 0..NODES {
            world.happen(&Event::Continue(node));
            world.happen(&Event::GiveUp(node));
        }
        world.abandoned.clear();
        // A lease duration on the slowest clock, and two rounds.
        for _ in 0..12 {
            world.happen(&Event::Pass(2_000));
            (0..NODES).for_each(|node| world.happen(&Event::Round(node)));
            prop_assert!(world.leaders().len() <= 1);
        }
        prop_assert_eq!(world.leaders().len(), 1);
    }
}
