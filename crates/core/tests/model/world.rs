//! A state: objects in the API server, up to two processes with their caches and knowledge, AWS, and the time. Pure.

use std::rc::Rc;
use std::time::Duration;

use greengrass_operator_core::deployment::knowledge::{Knowledge, later};
use greengrass_operator_core::deployment::memory::Memory;
use greengrass_operator_core::deployment::subject::Wanted;
use jiff::Timestamp;

use crate::cloud::Cloud;
use crate::invariants::{Ghost, Violation};
use crate::model::{AtFirst, Budget, Model};

/// A process that has lost leadership without noticing may go on so long.
const ZOMBIE_FOR: Duration = Duration::from_secs(40);

/// Every resource is looked at this often, though nothing happens.
const LOOK_INTERVAL: Duration = Duration::from_mins(5);

/// The object, as the API server or a cache holds it.
#[derive(Clone)]
#[allow(clippy::struct_excessive_bools, reason = "an object has as many yes-or-no fields")]
pub(crate) struct Object {
    pub(crate) version: u32,
    pub(crate) generation: i64,
    pub(crate) uid: u8,
    /// The number of creations before it.
    pub(crate) created: u8,
    pub(crate) content: usize,
    pub(crate) redeploy: u8,
    pub(crate) deleting: bool,
    pub(crate) finalizer: bool,
    pub(crate) gone: bool,
    pub(crate) memory: Memory,
    /// The reason of the condition Ready.
    pub(crate) ready: String,
    /// Whether the condition Synced holds for this generation.
    pub(crate) synced: bool,
    /// How often the status was changed by somebody else.
    pub(crate) status_edits: u8,
}

/// What a process has of one resource.
#[derive(Clone)]
pub(crate) struct View {
    pub(crate) object: Rc<Object>,
    pub(crate) knowledge: Rc<Knowledge>,
    /// Between two turns.
    pub(crate) resting: bool,
    /// When the next turn is due by itself.
    pub(crate) wake_at: Option<Timestamp>,
}

#[derive(Clone)]
pub(crate) struct Process {
    pub(crate) since: Timestamp,
    pub(crate) views: Vec<View>,
}

#[derive(Clone)]
pub(crate) struct World {
    pub(crate) now: Timestamp,
    pub(crate) cloud: Cloud,
    pub(crate) objects: Vec<Rc<Object>>,
    /// What the status was before its last change.
    pub(crate) past: Vec<Rc<Memory>>,
    /// The one that leads, and one that led and goes on.
    pub(crate) processes: Vec<Process>,
    pub(crate) zombie_until: Timestamp,
    pub(crate) budget: Budget,
    pub(crate) ghosts: Vec<Rc<Ghost>>,
    pub(crate) creations: u8,
    pub(crate) wrong: Option<Violation>,
}

impl Object {
    fn new(created: u8, uid: u8) -> Self {
        Self {
            version: 1,
            generation: 1,
            uid,
            created,
            content: 0,
            redeploy: 0,
            deleting: false,
            finalizer: false,
            gone: false,
            memory: Memory::default(),
            ready: String::new(),
            synced: false,
            status_edits: 0,
        }
    }

    pub(crate) fn wanted<'a>(&self, model: &'a Model, resource: usize) -> &'a Wanted {
        let spec = &model.specs[resource];
        if self.deleting { &spec.absent } else { &spec.wanted[self.content] }
    }
}

impl World {
    pub(crate) fn new(model: &Model) -> Self {
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let mut world = Self {
            now,
            cloud: Cloud::new(),
            objects: Vec::new(),
            past: Vec::new(),
            processes: Vec::new(),
            zombie_until: now,
            budget: model.scenario.budget,
            ghosts: Vec::new(),
            creations: 0,
            wrong: None,
        };
        for resource in model.scenario.resources {
            let mut object = Object::new(world.creations, 0);
            world.creations += 1;
            object.gone = resource.at_first == AtFirst::Absent;
            let mut ghost = Ghost::default();
            if !object.gone {
                ghost.requested(&object);
            }
            world.objects.push(Rc::new(object));
            world.past.push(Rc::new(Memory::default()));
            world.ghosts.push(Rc::new(ghost));
        }
        world.processes.push(world.started());
        if model.scenario.resources.iter().any(|resource| resource.at_first == AtFirst::Made) {
            world.budget = Budget::default();
            while !(world.leader_rests() && world.cloud.deployments.len() == world.objects.len()) {
                world.go_on(model);
            }
            world.wait(model);
            world.budget = model.scenario.budget;
        }
        world
    }

    /// A process that knows nothing.
    fn started(&self) -> Process {
        let view = |object: &Rc<Object>| View {
            object: Rc::clone(object),
            knowledge: Rc::new(Knowledge::new(self.now)),
            resting: false,
            wake_at: None,
        };
        Process { since: self.now, views: self.objects.iter().map(view).collect() }
    }

    pub(crate) fn crash(&mut self) {
        self.processes[0] = self.started();
    }

    pub(crate) fn fail_over(&mut self) {
        self.processes.truncate(1);
        self.processes.insert(0, self.started());
        self.zombie_until = later(self.now, ZOMBIE_FOR);
        for view in &mut self.processes[0].views {
            Rc::make_mut(&mut view.knowledge).predecessor_until = Some(self.zombie_until);
        }
    }

    /// The object is changed by a person; what follows for the changes that are owed is the caller's.
    pub(crate) fn change(&mut self, resource: usize, change: impl FnOnce(&mut Object)) {
        let object = Rc::make_mut(&mut self.objects[resource]);
        change(object);
        object.version += 1;
    }

    /// The object changes as its owner wants.
    pub(crate) fn request(&mut self, resource: usize, change: impl FnOnce(&mut Object)) {
        self.change(resource, change);
        Rc::make_mut(&mut self.ghosts[resource]).requested(&self.objects[resource]);
    }

    pub(crate) fn set_memory(&mut self, model: &Model, resource: usize, memory: Memory) {
        self.forget(model, resource);
        self.change(resource, |object| {
            object.memory = memory;
            object.status_edits += 1;
            object.ready.clear();
            object.synced = false;
        });
    }

    fn forget(&mut self, model: &Model, resource: usize) {
        let recorded = self.objects[resource].memory.deployment.as_ref().map(|own| own.deployment_id.as_str());
        Rc::make_mut(&mut self.ghosts[resource]).forgotten(recorded, &self.cloud, model.reuse, self.now);
    }

    /// The object is created, with nothing but its spec.
    pub(crate) fn create(&mut self, model: &Model, resource: usize) {
        let (created, now_gone) = (self.creations, self.objects[resource].gone);
        self.creations += 1;
        for (other, spec) in model.specs.iter().enumerate() {
            // Another resource for the same target knows as little of what is on its way.
            if spec.key == model.specs[resource].key {
                self.forget(model, other);
            }
        }
        self.change(resource, |object| {
            let version = object.version;
            let (content, redeploy, status_edits) = (object.content, object.redeploy, object.status_edits + 1);
            *object = Object { version, content, redeploy, status_edits, ..Object::new(created, object.uid + 1) };
        });
        self.past[resource] = Rc::new(Memory::default());
        if now_gone {
            Rc::make_mut(&mut self.ghosts[resource]).requested(&self.objects[resource]);
        }
    }

    /// The cache of a process gets what the API server has.
    pub(crate) fn watch(&mut self, process: usize, resource: usize) {
        let now = self.now;
        let process = &mut self.processes[process];
        let view = &mut process.views[resource];
        let before = std::mem::replace(&mut view.object, Rc::clone(&self.objects[resource]));
        let after = &view.object;
        if before.uid != after.uid {
            let predecessor_until = view.knowledge.predecessor_until;
            view.knowledge = Rc::new(Knowledge { predecessor_until, ..Knowledge::new(process.since) });
        }
        let looks = before.uid != after.uid
            || before.deleting != after.deleting
            || before.finalizer != after.finalizer
            || before.status_edits != after.status_edits;
        if looks {
            Rc::make_mut(&mut view.knowledge).look_wanted_at = Some(now);
        }
        // Neighbours are looked at too.
        for view in &mut process.views {
            view.resting = false;
            view.wake_at = None;
        }
    }

    /// Time passes; what must happen in it happens.
    pub(crate) fn advance(&mut self, model: &Model, until: Timestamp) {
        while let Some(at) = self.cloud.next_deadline().filter(|at| *at <= until) {
            self.now = at.max(self.now);
            self.cloud.keep_deadlines(model.reuse, self.now);
            self.judge(model);
        }
        self.now = until;
        if self.now >= self.zombie_until {
            self.processes.truncate(1);
        }
        for view in self.processes.iter_mut().flat_map(|process| &mut process.views) {
            if view.wake_at.is_some_and(|at| at <= until) {
                view.resting = false;
                view.wake_at = None;
            }
        }
    }

    /// Whether nothing goes on until something happens or time passes.
    pub(crate) fn leader_rests(&self) -> bool {
        self.processes[0].views.iter().all(|view| view.resting || view.object.gone)
    }

    /// Time passes until the next thing is due, or the next look that comes by time.
    pub(crate) fn wait(&mut self, model: &Model) {
        let wakes = self.processes.iter().flat_map(|process| &process.views).filter_map(|view| view.wake_at);
        let zombie = (self.processes.len() > 1).then_some(self.zombie_until);
        let next = wakes.chain(self.cloud.next_deadline()).chain(zombie).min();
        if let Some(at) = next {
            self.advance(model, at.max(later(self.now, Duration::from_secs(1))));
            return;
        }
        self.advance(model, later(self.now, LOOK_INTERVAL));
        let now = self.now;
        for view in &mut self.processes[0].views {
            Rc::make_mut(&mut view.knowledge).look_wanted_at = Some(now);
            view.resting = false;
        }
    }
}
