//! Leave for one call to AWS, waited for within a turn and measured. I/O.

use std::time::Duration;

use tokio::time::Instant;

use super::turn::Done;
use crate::aws::{Aws, CallRequest, Leadership, Permit};
use crate::telemetry::metrics::Metrics;

/// The longest wait for quota within a turn: half of what a look is good for, so that it still serves the send after it.
pub const WAIT_IN_PLACE: Duration = Duration::from_secs(5);

/// Gives leave for calls.
#[derive(Clone, Copy)]
pub struct Permits<'a> {
    /// AWS.
    pub aws: &'a Aws,
    /// The metrics.
    pub metrics: &'a Metrics,
    /// Whether this process may write.
    pub leadership: &'a dyn Leadership,
}

impl Permits<'_> {
    /// Leave for one call. A turn keeps its place in its lane while its next call's turn comes: were it put back into the queue
    /// between its calls, others would begin, and what it has read would be too old to act on when it went on. What AWS says
    /// will take longer is waited for in the queue. `is_still_allowed` is asked again once the wait is over: meanwhile the
    /// identity may have been narrowed, changed or deleted.
    pub async fn permit(
        self,
        request: CallRequest<'_>,
        longest: Duration,
        is_still_allowed: impl Fn() -> bool,
    ) -> Result<Permit, Done> {
        let Self { aws, metrics, leadership } = self;
        let (scope, family) = (request.scope, request.family);
        let place = (scope.account.as_str(), scope.region.as_str());
        let begun = Instant::now();
        match aws.permit(request, longest, leadership).await {
            Ok(_) if !is_still_allowed() => Err(Done::Learnt),
            Ok(permit) => {
                metrics.limiter_waited(family, place, begun.elapsed().as_secs_f64());
                Ok(permit)
            }
            Err(wait) => {
                metrics.limiter_postponed(wait.reason, place);
                Err(Done::Wait(wait.until))
            }
        }
    }
}
