//! What a `GreengrassDeployment` means and what is to be done about it. Pure.
//!
//! `validate` turns a spec into `desired`; `assess` compares it with `memory` and `knowledge`; `decide` names the one next
//! operation; `summarise` says it all on the resource.

pub mod assess;
pub mod configuration;
pub mod decide;
pub mod desired;
pub mod difference;
pub mod forecast;
pub mod hash;
pub mod knowledge;
pub mod memory;
pub mod references;
pub mod request;
pub mod revision;
pub mod rollout;
pub mod rows;
pub mod subject;
pub mod summarise;
pub mod tags;
pub mod validate;
