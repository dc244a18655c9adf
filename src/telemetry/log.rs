//! Sets up logging to standard error. I/O.

use std::fmt;
use std::io::IsTerminal;

use clap::ValueEnum;
use thiserror::Error;
use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use super::traces::Traces;

/// What traces are made of, whatever is logged: the operator's own spans, none of its libraries.
const TRACED: &str = "greengrass_operator";

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line, for log collectors.
    Json,
}

impl fmt::Display for LogFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text => "text",
            Self::Json => "json",
        })
    }
}

/// Why logging can't be set up.
#[derive(Debug, Error)]
pub enum LogError {
    /// The filter is none.
    #[error("'{filter}' is no log filter: write a level (error, warn, info, debug, trace) or TARGET=LEVEL,…: {source}")]
    Filter {
        /// What was given.
        filter: String,
        /// What is wrong with it.
        source: tracing_subscriber::filter::ParseError,
    },
    /// This process logs already.
    #[error("logging is set up already")]
    Twice,
}

/// Sends all that passes the filter to standard error, and spans to a collector where there is one.
pub fn set_up(filter: &str, format: LogFormat, traces: Option<&Traces>) -> Result<(), LogError> {
    let filter = parse(filter)?;
    // No escape sequences in files and collectors. (NO_COLOR is the subscriber's own to honour, where they would be.)
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines = if std::io::stderr().is_terminal() { lines } else { lines.with_ansi(false) };
    let lines = match format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_current_span(true).boxed(),
    };
    let spans = traces.map(|traces| traces.layer().with_filter(Targets::new().with_target(TRACED, Level::INFO)));
    tracing_subscriber::registry()
        .with(lines.with_filter(filter))
        .with(spans)
        .try_init()
        .map_err(|_| LogError::Twice)?;
    // A panic belongs in the log like any other failure. Its message is the panic's own, its place a line of source.
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let message = panic.payload_as_str().unwrap_or("no message");
        tracing::error!(place, message, "panicked");
    }));
    Ok(())
}

fn parse(filter: &str) -> Result<EnvFilter, LogError> {
    EnvFilter::builder().parse(filter).map_err(|source| LogError::Filter { filter: filter.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_or_a_list_of_targets_is_a_filter() {
        assert!(parse("info").is_ok());
        assert!(parse("warn,greengrass_operator=debug").is_ok());
    }

    #[test]
    fn what_is_no_filter_is_named() {
        let error = parse("greengrass_operator=loud").unwrap_err().to_string();
        assert!(error.starts_with("'greengrass_operator=loud' is no log filter"), "{error}");
    }
}
