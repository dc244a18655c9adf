//! Adapters to AWS: clients, quota, error classification. I/O. The SDK is named only here.
//!
//! A call is made in two steps, because waiting for quota happens in the queue and not in tasks:
//!
//! ```ignore
//! match aws.try_permit(&scope, Class::Change, ApiFamily::Greengrass, &fence) {
//!     Ok(permit) => aws.greengrass().create_deployment(permit, &request, &token).await,
//!     Err(wait) => queue.put_back(key, wait.until),
//! }
//! ```

mod body;
mod bucket;
mod calls;
mod classify;
mod clients;
mod content;
mod fence;
mod greengrass;
mod iot;
mod iot_reply;
mod observe;
mod quota;
mod reply;
mod request;
mod scope;
#[cfg(test)]
mod tests;
mod transmit;

use std::sync::Arc;

use calls::Calls;
pub use clients::{ClientSettings, Clients};
pub use fence::{BootClock, BootTime, Fence, Leadership, SingleReplica, SystemBootClock};
pub use greengrass::Greengrass;
pub use iot::Iot;
pub use observe::{CallObserver, CallOutcome, NoObserver};
pub use quota::{Permit, QuotaKeeper, Quotas, Rate, Wait, WaitReason};
pub use scope::{ApiFamily, Class, IdentityName, Scope};

/// All of AWS that the operator uses. Clones share everything.
#[derive(Clone)]
pub struct Aws {
    quota: Arc<QuotaKeeper>,
    greengrass: Greengrass,
    iot: Iot,
}

impl Aws {
    /// With these clients, quotas and somebody who counts calls.
    #[must_use]
    pub fn new(settings: ClientSettings, quotas: Quotas, observer: Arc<dyn CallObserver>) -> Self {
        let quota = Arc::new(QuotaKeeper::new(quotas));
        let calls = Calls::new(Arc::new(Clients::new(settings)), Arc::clone(&quota), observer);
        Self { quota, greengrass: Greengrass::new(calls.clone()), iot: Iot::new(calls) }
    }

    /// Permission for one call, or when to ask again. Never waits.
    pub fn try_permit(&self, scope: &Scope, class: Class, family: ApiFamily, fence: &Fence) -> Result<Permit, Wait> {
        self.quota.try_permit(scope, class, family, fence)
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

    /// The keeper of quotas, for metrics and flags.
    #[must_use]
    pub fn quota(&self) -> &QuotaKeeper {
        &self.quota
    }
}
