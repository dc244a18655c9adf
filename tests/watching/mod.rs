//! What watches the operator: metrics, alert rules and logs, as Prometheus and log collectors read them.

mod document;
mod log;
mod prometheus;
mod rules;
mod scrape;
mod traces;
