//! What the turns of a kind of resources work with. I/O: what it holds does it.

use std::sync::Arc;
use std::time::Duration;

use super::clock::Clock;
use super::events::Events;
use super::objects::Objects;
use super::queue::Queue;
use super::store::Store;
use super::turn::Site;
use crate::aws::{Aws, Leadership};
use crate::identity::Registry;
use crate::telemetry::metrics::Metrics;

/// What the turns of a kind of resources work with.
#[derive(Clone)]
pub struct Parts {
    /// The cluster's name in tags and tokens.
    pub cluster: String,
    /// The clock.
    pub clock: Clock,
    /// How often AWS is looked at for each resource when nothing happens.
    pub look_interval: Duration,
    /// The records.
    pub store: Arc<Store>,
    /// The identities through which AWS is reached.
    pub identities: Arc<Registry>,
    /// The queue of their turns.
    pub identity_queue: Queue,
    /// The objects in the API server.
    pub objects: Objects,
    /// The queue of turns.
    pub queue: Queue,
    /// The publisher of events.
    pub events: Events,
    /// AWS.
    pub aws: Aws,
    /// The metrics.
    pub metrics: Metrics,
    /// Whether this process may write.
    pub leadership: Arc<dyn Leadership>,
}

impl Parts {
    /// Where the turns take place.
    #[must_use]
    pub fn site(&self) -> Site<'_> {
        Site { store: &self.store, objects: &self.objects, events: &self.events }
    }
}
