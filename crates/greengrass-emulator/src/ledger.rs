//! The ledger: every call that arrived, refused ones included, and what became of it. Pure.

use std::collections::VecDeque;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    fault::FaultKind,
    limits::{Limits, many},
    operation::Service,
    principal::CallerRecord,
};

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

/// The calls, oldest first. They are kept until they are cleared, or there are more than the limits allow.
#[derive(Debug)]
pub(crate) struct Ledger {
    calls: VecDeque<CallRecord>,
    /// How much text the request of each call has.
    sizes: VecDeque<usize>,
    size: usize,
    last_sequence: u64,
    forgotten: u64,
    most_calls: usize,
    largest: usize,
}

impl Ledger {
    pub(crate) fn within(limits: &Limits) -> Self {
        Self {
            calls: VecDeque::new(),
            sizes: VecDeque::new(),
            size: 0,
            last_sequence: 0,
            forgotten: 0,
            most_calls: many(limits.ledger_calls),
            largest: many(limits.ledger_mebibytes).saturating_mul(1024 * 1024),
        }
    }

    /// Enters a call; its sequence number is set here and returned. `size` is how much text its request has.
    pub(crate) fn enter(&mut self, call: CallRecord, size: usize) -> u64 {
        self.last_sequence += 1;
        self.calls.push_back(CallRecord { sequence: self.last_sequence, ..call });
        self.sizes.push_back(size);
        self.size += size;
        self.make_room();
        self.last_sequence
    }

    /// Forgets the oldest calls when there are too many: one or two with each that comes, so that none has to wait while many go.
    fn make_room(&mut self) {
        while self.calls.len() > self.most_calls || self.size > self.largest {
            let Some(size) = self.sizes.pop_front() else {
                break;
            };
            self.calls.pop_front();
            self.size -= size;
            self.forgotten += 1;
        }
    }

    pub(crate) const fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// Enters what became of a call; nothing when it was cleared away meanwhile.
    pub(crate) fn complete(&mut self, sequence: u64, complete: impl FnOnce(&mut CallRecord)) {
        let found = self.calls.binary_search_by_key(&sequence, |call| call.sequence);
        if let Some(call) = found.ok().and_then(|index| self.calls.get_mut(index)) {
            complete(call);
        }
    }

    pub(crate) fn calls(&self) -> &VecDeque<CallRecord> {
        &self.calls
    }

    /// The same as a slice, for which they may have to be moved.
    pub(crate) fn as_slice(&mut self) -> &[CallRecord] {
        self.calls.make_contiguous()
    }

    pub(crate) fn retain(&mut self, kept: impl Fn(&CallRecord) -> bool) {
        let mut calls = self.calls.iter();
        self.sizes.retain(|_| calls.next().is_some_and(&kept));
        self.size = self.sizes.iter().sum();
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
        let mut ledger = Ledger::within(&Limits::default());
        let first = ledger.enter(call(), 0);
        ledger.retain(|_| false);
        let second = ledger.enter(call(), 0);
        ledger.complete(first, |call| call.status = Some(500));
        ledger.complete(second, |call| call.status = Some(200));
        let statuses: Vec<_> = ledger.calls().iter().map(|call| call.status).collect();
        assert_eq!(statuses, [Some(200)]);
    }

    #[test]
    fn the_oldest_calls_are_forgotten_and_counted_when_there_are_too_many() {
        let mut ledger = Ledger::within(&Limits { ledger_calls: 100, ..Limits::default() });
        for _ in 0..1000 {
            ledger.enter(call(), 10);
            assert!(ledger.calls().len() <= 100);
        }
        assert_eq!(ledger.calls().len(), 100);
        assert_eq!(ledger.calls().back().unwrap().sequence, 1000);
        assert_eq!(usize::try_from(ledger.forgotten()).unwrap() + ledger.calls().len(), 1000);
    }

    #[test]
    fn large_requests_leave_room_for_fewer_calls_and_what_is_cleared_for_more() {
        let mut ledger = Ledger::within(&Limits { ledger_mebibytes: 8, ..Limits::default() });
        let large = 1024 * 1024;
        for _ in 0..8 {
            ledger.enter(call(), large);
        }
        ledger.retain(|call| call.sequence > 4);
        for _ in 0..4 {
            ledger.enter(call(), large);
        }
        assert_eq!((ledger.calls().len(), ledger.forgotten()), (8, 0));
        ledger.enter(call(), large);
        assert_eq!((ledger.calls().len(), ledger.forgotten()), (8, 1));
        // One that is larger than all that may be kept isn't kept.
        ledger.enter(call(), 9 * large);
        assert_eq!(ledger.calls().len(), 0);
        ledger.enter(call(), 1);
        assert_eq!(ledger.calls().len(), 1);
    }
}
