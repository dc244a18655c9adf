//! The reconcile protocol against a small AWS that loses, delays and forgets: traces that break simpler protocols.

mod aws;
mod traces;
mod world;
