//! `AwsIdentity`: who it is to AWS, and whom its changes concern. I/O.

mod namespaces;
mod registry;
mod selector;
#[cfg(test)]
mod tests;
mod turn;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use greengrass_operator_core::identity::{Identity, IdentityReference};
use greengrass_operator_core::names::ObjectName;
use jiff::{SignedDuration, Timestamp};
use kube::api::ApiResource;

pub use namespaces::NamespaceLabels;
pub use registry::{Given, Registry, Surroundings};
pub use selector::IdentitySelector;

use crate::aws::{Aws, Class, Leadership};
use crate::controller::clock::Clock;
use crate::controller::driver::Kind;
use crate::controller::events::Events;
use crate::controller::objects::Objects;
use crate::controller::queue::{Lane, Queue, Reason, Rest, Turn, Wake};
use crate::controller::record::Record;
use crate::controller::store::{Reference, Store};
use crate::controller::wakes::{Change, default_wake};
use crate::leadership::Predecessor;

/// The kind as the API server knows it.
#[must_use]
pub fn resource() -> ApiResource {
    ApiResource::erase::<greengrass_operator_core::api::AwsIdentity>(&())
}

/// Resources that reach AWS through identities, by kind.
#[derive(Clone)]
pub struct Dependants(pub Vec<DependantKind>);

/// Resources of one kind.
#[derive(Clone)]
pub struct DependantKind {
    /// Their records, and who refers to which identity.
    pub store: Arc<Store>,
    /// The queue of their turns.
    pub queue: Queue,
}

impl Dependants {
    /// Wakes those that use this identity.
    fn wake_users(&self, identity: &str) {
        self.wake(&Reference::Identity(identity.into()), |_| true);
    }

    /// Changes what is known of identities or of namespaces, and wakes those whom another identity serves now, or none, or one again:
    /// those that name none, and those whose identity looks at labels. The others stay asleep: in a cluster in which somebody makes
    /// namespaces and identities all day, thousands of turns for each would stand before those that have something to do.
    fn change(&self, registry: &Registry, change: impl FnOnce(&Registry)) {
        let before = self.served(registry);
        change(registry);
        let after = self.served(registry);
        for (reference, namespaces) in &before {
            let differs = |namespace: &str| {
                namespaces.get(namespace) != after.get(reference).and_then(|namespaces| namespaces.get(namespace))
            };
            self.wake(reference, differs);
        }
    }

    /// Which identity serves whom, by what they refer to and by namespace.
    fn served(&self, registry: &Registry) -> BTreeMap<Reference, BTreeMap<Arc<str>, Result<Identity, String>>> {
        let named = registry
            .names_that_select()
            .into_iter()
            .map(|name| (Reference::Identity(name.as_str().into()), IdentityReference::Named(name)));
        let nameless = (Reference::DefaultIdentity, IdentityReference::Absent);
        let served = |(reference, says): (Reference, IdentityReference)| {
            let names = self.0.iter().flat_map(|kind| kind.store.referrers(&reference));
            let namespaces: BTreeSet<Arc<str>> = names.map(|name| name.namespace).collect();
            let serving = |namespace: Arc<str>| {
                let serving = registry.serving(&says, &namespace);
                (namespace, serving)
            };
            (reference, namespaces.into_iter().map(serving).collect())
        };
        named.chain([nameless]).map(served).collect()
    }

    /// Their turns cost no call to AWS unless there is something to do.
    fn wake(&self, reference: &Reference, is_concerned: impl Fn(&str) -> bool) {
        for DependantKind { store, queue } in &self.0 {
            for name in store.referrers(reference).into_iter().filter(|name| is_concerned(&name.namespace)) {
                queue.wake(name, Wake::now(Class::Recovery, Reason::Reference));
            }
        }
    }
}

/// AWS is asked who an identity is at most so often because calls through it fail: a thousand resources fail together.
const CHECKED_WITHIN: SignedDuration = SignedDuration::from_secs(10);

/// Calls through an identity find that its credentials don't work. It says so itself, looks again at a pace of its own, and wakes
/// everybody once they do.
pub fn doubt(registry: &Registry, queue: &Queue, name: &str, now: Timestamp) {
    let is_settled = |at: Timestamp| now.duration_since(at) < CHECKED_WITHIN;
    // While it fails it has a turn of its own already.
    if registry.accepted_at(name).is_some_and(|at| !is_settled(at)) {
        let name = ObjectName { namespace: "".into(), name: name.into() };
        queue.wake(name, Wake::now(Class::Recovery, Reason::Reference));
    }
}

/// What the turns of all identities share.
pub struct Identities {
    registry: Arc<Registry>,
    dependants: Dependants,
    clock: Clock,
    check_interval: Duration,
    store: Arc<Store>,
    objects: Objects,
    events: Events,
    aws: Aws,
    leadership: Arc<dyn Leadership>,
}

/// What the turns are given.
pub struct Parts {
    /// All identities.
    pub registry: Arc<Registry>,
    /// Those who use them.
    pub dependants: Dependants,
    /// The clock.
    pub clock: Clock,
    /// How often AWS is asked who an identity is when nothing happens.
    pub check_interval: Duration,
    /// The records.
    pub store: Arc<Store>,
    /// The objects in the API server.
    pub objects: Objects,
    /// The publisher of events.
    pub events: Events,
    /// AWS.
    pub aws: Aws,
    /// Whether this process may write.
    pub leadership: Arc<dyn Leadership>,
}

impl Identities {
    /// The kind.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let Parts { registry, dependants, clock, check_interval, store, objects, events, aws, leadership } = parts;
        Self { registry, dependants, clock, check_interval, store, objects, events, aws, leadership }
    }

    /// A change takes effect at once, and not with a turn.
    fn note(&self, record: &Record) {
        self.dependants.change(&self.registry, |registry| {
            if record.is_deleting() {
                registry.remove(&record.name.name);
            } else {
                registry.set(record);
            }
        });
        self.dependants.wake_users(&record.name.name);
    }
}

impl Kind for Identities {
    const NAME: &'static str = "AwsIdentity";

    async fn run(&self, turn: Turn) -> Rest {
        Box::pin(turn::run(self, turn)).await
    }

    /// Each has its own: one whose credentials can't be had must not hold up another.
    fn lane(&self, record: &Record) -> Lane {
        Lane::named(&record.name.name)
    }

    fn look_interval(&self) -> Duration {
        self.check_interval
    }

    /// What AWS said of an identity is true whoever leads.
    fn begin(&self, _predecessor: Predecessor) {}

    fn end(&self) {}

    fn wake(&self, change: &Change<'_>) -> Option<Wake> {
        match change {
            Change::Listed(record) => {
                self.note(record);
                // Whose account the operator's own credentials are, this process must hear from AWS itself.
                return Some(Wake::now(Class::Change, Reason::Listed).of_version(record.resource_version));
            }
            Change::Changed { before, after } => {
                if before.generation != after.generation
                    || before.uid != after.uid
                    || before.labels != after.labels
                    || after.is_deleting()
                {
                    self.note(after);
                }
                // It may be this process's from now on: whose account it is has not been asked then.
                if before.labels != after.labels {
                    return Some(Wake::now(Class::Change, Reason::Metadata).of_version(after.resource_version));
                }
            }
            Change::Gone(record) => {
                self.dependants.change(&self.registry, |registry| registry.remove(&record.name.name));
                self.dependants.wake_users(&record.name.name);
            }
        }
        default_wake(change, self.check_interval)
    }
}
