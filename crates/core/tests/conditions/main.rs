//! What the conditions of a resource say, situation by situation.

mod deletion;
mod hold;
mod people;
mod progress;
mod rules;
mod stage;
mod suspended;
mod trouble;
