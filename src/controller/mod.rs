//! What every kind shares: records, the queue, the driver, and the writers of status, finalizers and events.

pub mod clock;
pub mod config_maps;
pub mod driver;
pub mod events;
pub mod failures;
pub mod finalizer;
pub mod heartbeat;
pub mod json;
#[cfg(test)]
pub(crate) mod mock;
mod neighbours;
pub mod object;
pub mod objects;
pub mod parts;
pub mod permits;
pub mod predecessors;
pub mod publish;
pub mod queue;
pub mod record;
pub mod report;
pub mod store;
pub mod tally;
pub mod terms;
pub mod trace;
pub mod turn;
pub mod wakes;
pub mod watch;
