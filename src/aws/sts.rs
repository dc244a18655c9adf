//! Who the operator is to AWS. I/O.

use greengrass_operator_core::failure::{Failure, Operation};
use greengrass_operator_core::identity::status::Caller;

use super::calls::Calls;
use super::quota::Permit;
use super::reply::Missing;

/// Calls to the security token service.
#[derive(Clone)]
pub struct Sts {
    calls: Calls,
}

impl Sts {
    pub(super) const fn new(calls: Calls) -> Self {
        Self { calls }
    }

    /// Whose credentials they are; AWS answers whoever has valid ones (API reference, `GetCallerIdentity`).
    pub async fn get_caller_identity(&self, permit: Permit) -> Result<Caller, Failure> {
        self.calls
            .call(
                permit,
                Operation::GetCallerIdentity,
                |clients| async move { clients.sts.get_caller_identity().send().await },
                |answer| {
                    let account = answer.account.ok_or(Missing("account"))?;
                    let arn = answer.arn.ok_or(Missing("arn"))?;
                    Ok(Caller { account, arn })
                },
            )
            .await
    }
}
