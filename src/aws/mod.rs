//! Adapters to AWS: clients, quota, error classification. I/O. The SDK is named only here.
//!
//! A call is made in two steps, because only one place may know what goes out:
//!
//! ```ignore
//! match aws.try_permit(&scope, Class::Change, ApiFamily::Greengrass, &fence) {
//!     Ok(permit) => aws.greengrass().create_deployment(permit, &request, &token).await,
//!     Err(wait) => queue.put_back(key, wait.until),
//! }
//! ```
//!
//! `permit` waits for a while, in an order that is fair; `try_permit` never waits.

mod body;
mod bucket;
mod calls;
mod classify;
mod clients;
mod connection;
mod content;
mod credentials;
mod deletions;
mod fence;
mod greengrass;
mod iot;
mod iot_reply;
mod kept;
mod line;
mod observe;
mod quota;
mod reply;
mod request;
mod scope;
mod shares;
mod speed;
mod sts;
#[cfg(test)]
mod tests;
mod things_graph;
mod transmit;

use std::sync::Arc;
use std::time::Duration;

use calls::Calls;
pub use clients::{ClientSettings, Clients, configured_region};
pub use connection::{Connection, Session};
pub use fence::{BootClock, BootTime, Fence, Leadership, SingleReplica, SystemBootClock};
pub use greengrass::Greengrass;
pub use iot::{Execution, ExecutionPage, Iot};
pub use line::Caller;
pub use observe::{CallObserver, CallOutcome, NoObserver};
pub use quota::{CallRequest, Permit, QuotaKeeper, Quotas, Rate, Standing, Wait, WaitReason};
pub use scope::{ApiFamily, Class, Scope};
pub use shares::Shares;
pub use sts::Sts;
pub use things_graph::ThingsGraph;

/// All of AWS that the operator uses. Clones share everything.
#[derive(Clone)]
pub struct Aws {
    quota: Arc<QuotaKeeper>,
    greengrass: Greengrass,
    iot: Iot,
    sts: Sts,
    things_graph: ThingsGraph,
}

impl Aws {
    /// With these clients, quotas and somebody who counts calls.
    #[must_use]
    pub fn new(settings: ClientSettings, quotas: Quotas, observer: Arc<dyn CallObserver>) -> Self {
        let quota = Arc::new(QuotaKeeper::new(quotas));
        let calls = Calls::new(Arc::new(Clients::new(settings)), Arc::clone(&quota), observer);
        Self {
            quota,
            greengrass: Greengrass::new(calls.clone()),
            iot: Iot::new(calls.clone()),
            sts: Sts::new(calls.clone()),
            things_graph: ThingsGraph::new(calls),
        }
    }

    /// Permission for one call, or when to ask again. Never waits.
    pub fn try_permit(&self, scope: &Scope, class: Class, family: ApiFamily, fence: &Fence) -> Result<Permit, Wait> {
        self.quota.try_permit(scope, class, family, fence)
    }

    /// Permission for one call, waited for at most so long; see [`QuotaKeeper::permit`].
    pub async fn permit(
        &self,
        request: CallRequest<'_>,
        longest: Duration,
        leadership: &dyn Leadership,
    ) -> Result<Permit, Wait> {
        self.quota.permit(request, longest, leadership).await
    }

    /// Calls to Greengrass.
    #[must_use]
    pub const fn greengrass(&self) -> &Greengrass {
        &self.greengrass
    }

    /// Calls to `IoT` Core.
    #[must_use]
    pub const fn iot(&self) -> &Iot {
        &self.iot
    }

    /// Calls to the security token service.
    #[must_use]
    pub const fn sts(&self) -> &Sts {
        &self.sts
    }

    /// Calls to Things Graph.
    #[must_use]
    pub const fn things_graph(&self) -> &ThingsGraph {
        &self.things_graph
    }

    /// The keeper of quotas, for metrics.
    #[must_use]
    pub const fn quota(&self) -> &Arc<QuotaKeeper> {
        &self.quota
    }
}
