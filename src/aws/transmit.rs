//! Asks for the right to send once more when a request is signed and ready. Pure, but for the SDK's hooks.
//!
//! Between the caller's own question and the first byte the SDK fetches credentials, which can take ten seconds or, where the
//! machine sleeps meanwhile, a night.

use std::error::Error;
use std::future::Future;

use aws_sdk_greengrassv2::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::BeforeTransmitInterceptorContextRef;
use thiserror::Error;

use super::classify::causes;
use super::fence::Fence;

tokio::task_local! {
    /// The right that the call under way was given.
    static RIGHT: Fence;
}

/// The right to send has ended.
#[derive(Clone, Copy, Debug, Error)]
#[error("this replica does not lead any more")]
struct Ended;

/// Makes a call that goes out only while the right holds.
pub(super) async fn while_valid<T>(right: Fence, call: impl Future<Output = T>) -> T {
    RIGHT.scope(right, call).await
}

/// Whether a call was not sent because the right had ended.
pub(super) fn was_stopped(error: &(dyn Error + 'static)) -> bool {
    causes(error).any(<dyn Error>::is::<Ended>)
}

/// Hook that stops a request whose right has ended.
#[derive(Debug)]
pub(super) struct LastQuestion;

impl Intercept for LastQuestion {
    fn name(&self) -> &'static str {
        "LastQuestion"
    }

    fn read_before_transmit(
        &self,
        _context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        match RIGHT.try_with(Fence::valid) {
            Ok(false) => Err(Ended.into()),
            // Outside of a call there is no right to be asked for.
            Ok(true) | Err(_) => Ok(()),
        }
    }
}
