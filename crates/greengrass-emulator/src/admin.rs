//! The admin interface under `/_emulator/`: operations, ledger, faults, switches, state, clock. JSON in, JSON out; unsigned. No I/O of its own.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    deployment::DeploymentStatus,
    emulator::Emulator,
    fault::FaultRule,
    ledger::CallRecord,
    operation::{Operation, query_parameters},
    process::json_response,
};

const PREFIX: &str = "/_emulator/";

/// An answer: what it shows, or the status and the words of a refusal.
type Shown = Result<Value, (u16, String)>;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct StatusChange {
    status: DeploymentStatus,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ClockChange {
    advance_milliseconds: u64,
}

/// Which calls are asked for.
#[derive(Default)]
struct CallFilter {
    operation: Option<String>,
    since: Option<Timestamp>,
    after: Option<u64>,
}

impl CallFilter {
    fn of(query: &str) -> Result<Self, (u16, String)> {
        let mut filter = Self::default();
        for (name, value) in query_parameters(query).unwrap_or_default() {
            match name.as_str() {
                "operation" => filter.operation = Some(value),
                "since" => filter.since = Some(value.parse().map_err(bad_request)?),
                "after" => filter.after = Some(value.parse().map_err(bad_request)?),
                _ => {
                    return Err(bad_request(format!("{name}: the filters are operation, since and after")));
                }
            }
        }
        Ok(filter)
    }

    fn passes(&self, call: &CallRecord) -> bool {
        self.operation.as_ref().is_none_or(|operation| *operation == call.operation)
            && self.since.is_none_or(|since| call.time >= since)
            && self.after.is_none_or(|after| call.sequence > after)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "as map_err hands it over")]
fn bad_request<E: ToString>(problem: E) -> (u16, String) {
    (400, problem.to_string())
}

fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, (u16, String)> {
    serde_json::from_slice(body).map_err(bad_request)
}

fn shown(value: &impl serde::Serialize) -> Shown {
    serde_json::to_value(value).map_err(|error| (500, error.to_string()))
}

impl Emulator {
    /// Answers a request of the admin interface; `None` when it is for a service.
    pub(crate) fn administer(&self, request: &Request<Bytes>) -> Option<Response<Bytes>> {
        let path = request.uri().path().strip_prefix(PREFIX)?;
        let query = request.uri().query().unwrap_or_default();
        let segments: Vec<&str> = path.split('/').collect();
        let result = self.administered(request.method().as_str(), &segments, query, request.body());
        Some(match result {
            Ok(Value::Null) => json_response(204, None),
            Ok(shown) => json_response(200, Some(&shown)),
            Err((status, message)) => json_response(status, Some(&json!({"message": message}))),
        })
    }

    fn administered(&self, method: &str, path: &[&str], query: &str, body: &[u8]) -> Shown {
        match (method, path) {
            ("GET", ["health"]) => Ok(json!({"status": "ok", "time": self.now()})),
            ("GET", ["operations"]) => {
                let mut operations: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
                for operation in Operation::all() {
                    operations.entry(operation.service().signing_name()).or_default().push(operation.name());
                }
                shown(&operations)
            }
            ("GET", ["calls"]) => {
                let filter = CallFilter::of(query)?;
                let core = self.core();
                let calls: Vec<_> = core.ledger.calls().iter().filter(|call| filter.passes(call)).collect();
                shown(&calls)
            }
            ("DELETE", ["calls"]) => {
                self.clear_calls();
                Ok(Value::Null)
            }
            ("GET", ["faults"]) => shown(&self.faults().list()),
            ("POST", ["faults"]) => {
                let rule: FaultRule = read(body)?;
                rule.problem().map_or(Ok(()), |problem| Err(bad_request(problem)))?;
                Ok(json!({"id": self.faults().add(rule)}))
            }
            ("DELETE", ["faults"]) => {
                self.faults().clear();
                Ok(Value::Null)
            }
            ("DELETE", ["faults", id]) => {
                let removed = id.parse().is_ok_and(|id| self.faults().remove(id));
                removed.then_some(Value::Null).ok_or_else(|| (404, format!("there is no fault {id}")))
            }
            ("GET", ["switches"]) => shown(&self.switches()),
            ("PUT", ["switches"]) => {
                let switches = self.switches().with(&read(body)?).map_err(bad_request)?;
                self.set_switches(switches);
                shown(&self.switches())
            }
            ("GET", ["state"]) => Ok(self.report()),
            ("POST", ["reset"]) => {
                self.reset();
                Ok(Value::Null)
            }
            ("GET", ["clock"]) => Ok(json!({"now": self.now()})),
            ("POST", ["clock"]) => {
                let change: ClockChange = read(body)?;
                self.advance(Duration::from_millis(change.advance_milliseconds))
                    .map(|now| json!({"now": now}))
                    .ok_or_else(|| (409, "the clock runs by itself: start with --manual-clock to move it".to_owned()))
            }
            ("POST", ["deployments", id, "status"]) => {
                let change: StatusChange = read(body)?;
                if !self.set_deployment_status(id, change.status) {
                    return Err((404, format!("there is no deployment {id}")));
                }
                shown(&self.deployment(id))
            }
            _ => Err((404, format!("{method} {PREFIX}{} is not part of the admin interface", path.join("/")))),
        }
    }
}
