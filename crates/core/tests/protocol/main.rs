//! The reconcile protocol against a small AWS that loses, delays and forgets: traces that break simpler protocols.

mod aws;
mod explore;
mod mended;
mod neighbours;
mod oracle;
mod settling;
mod step;
mod traces;
mod world;
