//! Puts the operator together and runs it. I/O.

use thiserror::Error;
use tokio_util::sync::CancellationToken;

use crate::config::Config;

/// Why the operator ended before it was told to.
#[derive(Debug, Error)]
#[error("the operator can't run yet")]
pub struct RunError;

/// Runs the operator until told to stop.
#[allow(clippy::unused_async, reason = "its parts are not put together yet")]
pub async fn run(_config: Config, _stop: CancellationToken) -> Result<(), RunError> {
    Err(RunError)
}
