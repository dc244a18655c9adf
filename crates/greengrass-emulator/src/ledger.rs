//! The ledger: every call that arrived, refused ones included, and what became of it. Pure.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{fault::FaultKind, operation::Service, principal::CallerRecord};

/// A call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CallRecord {
    /// Its number, from 1, in the order of arrival.
    pub sequence: u64,
    /// When it arrived.
    pub time: Timestamp,
    /// The caller's account; null when the request wasn't signed with an access key that the emulator knows.
    pub account: Option<String>,
    /// The region of the signature; null when the account is.
    pub region: Option<String>,
    /// On whose behalf it was made; null when the account is. Without external id, which isn't the caller's.
    pub caller: Option<CallerRecord>,
    /// The service; null when no operation fits.
    pub service: Option<Service>,
    /// The operation's name; method and path when no operation fits.
    pub operation: String,
    /// The parameters from path, query and body in one JSON object. External ids and tokens are hidden.
    pub request: Value,
    /// The status of the answer; null while it is being processed, and when a fault let it get nowhere. With a fault that loses the answer, it is
    /// what the service decided and the client never saw.
    pub status: Option<u16>,
    /// The error's name, when the answer is an error.
    pub error_code: Option<String>,
    /// As in the `x-amzn-RequestId` header.
    pub request_id: String,
    /// The fault that befell it.
    pub fault: Option<FaultKind>,
    /// The thing or thing group that the call is about: named by it, or by the deployment or job that it names. Or the role that it assumes, or the system
    /// instance that it names.
    pub target_arn: Option<String>,
    /// The deployment that it named or created.
    pub deployment_id: Option<String>,
}

/// The calls, oldest first. All are kept until they are cleared.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    calls: Vec<CallRecord>,
    last_sequence: u64,
}

impl Ledger {
    /// Enters a call; its sequence number is set here and returned.
    pub(crate) fn enter(&mut self, call: CallRecord) -> u64 {
        self.last_sequence += 1;
        self.calls.push(CallRecord { sequence: self.last_sequence, ..call });
        self.last_sequence
    }

    /// Enters what became of a call; nothing when it was cleared away meanwhile.
    pub(crate) fn complete(&mut self, sequence: u64, complete: impl FnOnce(&mut CallRecord)) {
        let found = self.calls.binary_search_by_key(&sequence, |call| call.sequence);
        if let Some(call) = found.ok().and_then(|index| self.calls.get_mut(index)) {
            complete(call);
        }
    }

    pub(crate) fn calls(&self) -> &[CallRecord] {
        &self.calls
    }

    pub(crate) fn retain(&mut self, kept: impl Fn(&CallRecord) -> bool) {
        self.calls.retain(kept);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call() -> CallRecord {
        CallRecord {
            sequence: 0,
            time: Timestamp::UNIX_EPOCH,
            account: None,
            region: None,
            caller: None,
            service: None,
            operation: "GET /".to_owned(),
            request: Value::Null,
            status: None,
            error_code: None,
            request_id: String::new(),
            fault: None,
            target_arn: None,
            deployment_id: None,
        }
    }

    #[test]
    fn a_call_that_was_cleared_away_is_not_completed_in_another_s_place() {
        let mut ledger = Ledger::default();
        let first = ledger.enter(call());
        ledger.retain(|_| false);
        let second = ledger.enter(call());
        ledger.complete(first, |call| call.status = Some(500));
        ledger.complete(second, |call| call.status = Some(200));
        let statuses: Vec<_> = ledger.calls().iter().map(|call| call.status).collect();
        assert_eq!(statuses, [Some(200)]);
    }
}
