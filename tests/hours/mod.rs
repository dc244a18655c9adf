//! Stories of minutes and hours, told in seconds: time is moved by the test.

mod chains;
mod pace;
mod rules;
mod stories;
mod unknown;
