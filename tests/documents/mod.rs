//! What is written for people: links that lead somewhere, and blocks that hold what they show.

mod links;
pub mod markdown;
