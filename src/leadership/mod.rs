//! Leader election: of several processes that run, one works.
//!
//! The protocol is that of client-go on a `coordination.k8s.io/v1` Lease, with every time measured on `CLOCK_BOOTTIME` of the
//! machine that measures it. `candidate` decides (pure), `elector` reads and writes the Lease (I/O), `standing` is what the
//! rest of the process sees of it.
//!
//! Why no two processes ever act at once, whatever their clocks say: a leader may act until its renew deadline, counted from
//! before it sent the write that prolonged its lease. Another one takes over when the Lease has not changed for a whole lease
//! duration, counted from after it was seen. So the write came before the sight of it, the renew deadline is at most four
//! fifths of the lease duration, and clocks would have to differ in rate by a quarter.

mod candidate;
mod elector;
mod settings;
mod standing;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use kube::{Api, Client};

use crate::aws::{Leadership, SystemBootClock};
use crate::controller::clock::Clock;
use crate::controller::heartbeat::Heartbeat;
use crate::telemetry::metrics::Metrics;
use candidate::Candidate;
pub use candidate::Predecessor;
pub use elector::Elector;
pub use settings::{
    ElectionDuration, InvalidDuration, InvalidLeaseName, InvalidTimings, LeaderElection, LeaseName, Timings,
};
pub(crate) use standing::Standing;
pub use standing::{Term, Terms};

/// An election that this process takes part in.
pub struct Election {
    /// Whether this process may write.
    pub leadership: Arc<dyn Leadership>,
    /// The times in which it leads.
    pub terms: Terms,
    /// To be run; nothing is asked for before.
    pub elector: Elector,
}

impl Election {
    /// Takes part in an election. `instance` is what the process is called, in a Pod the Pod's name; with a random part it tells
    /// this process from all others, those of the same Pod included.
    #[must_use]
    pub fn new(
        client: Client,
        settings: &LeaderElection,
        instance: &str,
        clock: Clock,
        metrics: Metrics,
        heartbeat: Heartbeat,
    ) -> Self {
        let LeaderElection { namespace, lease, timings } = settings;
        let namespace = namespace.as_ref().map_or_else(|| client.default_namespace().to_owned(), |name| name.0.clone());
        let identity = format!("{instance}_{}", uuid::Uuid::new_v4());
        let candidate = Candidate::new(identity, lease.clone(), *timings);
        let (standing, terms) = Standing::new(Arc::new(SystemBootClock));
        let leadership = standing.leadership();
        let elector = Elector::new(Api::namespaced(client, &namespace), candidate, standing, clock, metrics, heartbeat);
        Self { leadership, terms, elector }
    }
}
