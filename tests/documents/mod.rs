//! What is written for people: links that lead somewhere, and blocks that hold what they show.
//!
//! How a block is tested stands in a comment before it, which readers don't see:
//!
//! | comment | the block |
//! |---|---|
//! | `<!-- test: run -->` | is run, after those of its page before it, in the page's world ([`stories`]) |
//! | `<!-- test: run, fails -->` | is run so too, and is refused |
//! | `<!-- test: output -->` | is what the block before it prints |
//! | `<!-- test: parsed: WHY -->` | can't be run here: each of its commands is given to its program as far as it goes without doing it |
//! | `<!-- test: values -->` | holds values of the chart, which helm renders |
//! | `<!-- test: within /JSON/POINTER -->` | is a part of a `GreengrassDeployment`, which is put there and applied |
//! | `<!-- test: in FILE -->` | is tested by that file; commands are parsed too, of other blocks the file names the page |
//! | `<!-- test: shown: WHY -->` | only shows something |
//!
//! A manifest needs none: the API server is asked. JSON needs none either: it is read, and a policy's actions are
//! looked up.

#![allow(clippy::unwrap_in_result, reason = "what a test can't do ends it; a result is what it judges")]

mod blocks;
mod commands;
mod links;
mod manifests;
pub mod markdown;
mod runbook;
mod stories;
