//! System instances of AWS IoT Things Graph, the legacy service: what is wanted, what is known, what is next. Pure.
//!
//! The service has no update and no idempotency token. What makes each change happen once is that an id is known before the
//! system instance is, that each step is recorded before its request goes out, and that AWS is looked at before it is repeated.

pub mod assess;
pub mod content;
pub mod decide;
mod definition;
pub mod forecast;
mod id;
pub mod intent;
pub mod knowledge;
pub mod memory;
pub mod subject;
pub mod summarise;
pub mod tags;
pub mod validate;

pub use definition::{Definition, InvalidDefinition};
pub use id::{InvalidId, SystemInstanceId};
