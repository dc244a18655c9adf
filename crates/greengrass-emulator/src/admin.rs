//! The admin interface under `/_emulator/`: operations, ledger, fleet and devices, roles, components, system instances, faults, switches, quotas,
//! state, clock. JSON in, JSON out; unsigned. No I/O of its own.

mod components;
mod overview;
mod roles;
mod system_instances;

use std::{collections::BTreeMap, str::FromStr, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    coverage,
    deployment::DeploymentStatus,
    emulator::Emulator,
    fault::FaultRule,
    fleet::Fleet,
    ledger::CallRecord,
    operation::{Operation, query_parameters, text_of},
    process::{LARGEST_BODY, json_response},
    scope::Scope,
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
    target: Option<String>,
    since: Option<Timestamp>,
    after: Option<u64>,
}

impl CallFilter {
    fn of(query: &str) -> Result<Self, (u16, String)> {
        let mut filter = Self::default();
        for (name, value) in query_pairs(query)? {
            match name.as_str() {
                "operation" => filter.operation = Some(value),
                "target" => filter.target = Some(value),
                "since" => filter.since = Some(parsed(&name, &value)?),
                "after" => filter.after = Some(parsed(&name, &value)?),
                _ => {
                    return Err(bad_request(format!("{name}: the filters are operation, target, since and after")));
                }
            }
        }
        Ok(filter)
    }

    fn passes(&self, call: &CallRecord) -> bool {
        self.operation.as_ref().is_none_or(|operation| *operation == call.operation)
            && self.target.as_deref().is_none_or(|target| call.target_arn.as_deref() == Some(target))
            && self.since.is_none_or(|since| call.time >= since)
            && self.after.is_none_or(|after| call.sequence > after)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "as map_err hands it over")]
fn bad_request<E: ToString>(problem: E) -> (u16, String) {
    (400, problem.to_string())
}

/// The value of a filter.
fn parsed<T: FromStr<Err: ToString>>(name: &str, value: &str) -> Result<T, (u16, String)> {
    value.parse().map_err(|error: T::Err| bad_request(format!("{name}: {}", error.to_string())))
}

fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, (u16, String)> {
    serde_json::from_slice(body).map_err(bad_request)
}

fn shown(value: &impl serde::Serialize) -> Shown {
    serde_json::to_value(value).map_err(|error| (500, error.to_string()))
}

fn query_pairs(query: &str) -> Result<Vec<(String, String)>, (u16, String)> {
    query_parameters(query).ok_or_else(|| bad_request("the query is no UTF-8"))
}

/// Whether a request of this part of the interface may have a query.
fn takes_filters(path: &[&str]) -> bool {
    matches!(
        path,
        ["calls" | "components" | "devices" | "roles" | "sessions" | "system-instances"]
            | ["devices", _]
            | ["overview", ..]
    )
}

/// The values of the filters in a query that has no others.
fn filters<const N: usize>(query: &str, names: [&str; N]) -> Result<[Option<String>; N], (u16, String)> {
    let mut values = names.map(|_| None);
    for (name, value) in query_pairs(query)? {
        let place = names.iter().zip(values.iter_mut()).find(|(known, _)| **known == name);
        let (_, place) = place.ok_or_else(|| bad_request(format!("{name}: the filters are {}", names.join(", "))))?;
        *place = Some(value);
    }
    Ok(values)
}

/// A name in a path.
fn named(segment: &str) -> Result<String, (u16, String)> {
    text_of(segment).ok_or_else(|| bad_request("the name is no UTF-8"))
}

fn no_device(name: &str) -> (u16, String) {
    (404, format!("there is no core device {name}"))
}

fn nowhere(method: &str, path: &[&str]) -> (u16, String) {
    (404, format!("{method} {PREFIX}{} is not part of the admin interface", path.join("/")))
}

impl Emulator {
    /// The name and the place of a device. The same name may stand in several accounts and regions, which the filters tell apart.
    fn device_of(&self, segment: &str, query: &str) -> Result<(Scope, String), (u16, String)> {
        let name = named(segment)?;
        let [account, region] = filters(query, ["account", "region"])?;
        let mut scopes = self.scopes_of_device(&name).into_iter().filter(|scope| {
            account.as_ref().is_none_or(|account| *account == scope.account)
                && region.as_ref().is_none_or(|region| *region == scope.region)
        });
        let scope = scopes.next().ok_or_else(|| no_device(&name))?;
        if scopes.next().is_some() {
            return Err((409, format!("{name} is in several accounts or regions: add ?account= and &region=")));
        }
        Ok((scope, name))
    }

    fn shown_device(&self, scope: &Scope, name: &str) -> Shown {
        self.device(&scope.account, &scope.region, name).ok_or_else(|| no_device(name))
    }

    /// Answers a request of the admin interface; `None` when it is for a service.
    pub(crate) fn administer(&self, request: &Request<Bytes>) -> Option<Response<Bytes>> {
        let path = request.uri().path().strip_prefix(PREFIX)?;
        if request.body().len() > LARGEST_BODY {
            let message = format!("the body has more than {LARGEST_BODY} bytes");
            return Some(json_response(413, Some(&json!({"message": message}))));
        }
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
        if let Some((name, _)) = query_pairs(query)?.first().filter(|_| !takes_filters(path)) {
            return Err(bad_request(format!("{name}: there is no filter here")));
        }
        match (method, path) {
            ("GET", ["health"]) => {
                Ok(json!({"status": "ok", "time": self.now(), "forgottenCalls": self.forgotten_calls()}))
            }
            ("GET", ["operations"]) => {
                let mut operations: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
                for operation in Operation::all() {
                    operations.entry(operation.service().signing_name()).or_default().push(operation.name());
                }
                shown(&operations)
            }
            ("GET", ["operations", "missing"]) => Ok(coverage::report()),
            ("GET", ["calls"]) => {
                let filter = CallFilter::of(query)?;
                let core = self.core();
                let calls: Vec<_> = core.ledger.calls().iter().filter(|call| filter.passes(call)).collect();
                shown(&calls)
            }
            ("DELETE", ["calls"]) => {
                let filter = CallFilter::of(query)?;
                self.forget_calls(|call| filter.passes(call));
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
            ("POST", ["fleet"]) => {
                let text = std::str::from_utf8(body).map_err(bad_request)?;
                let fleet = Fleet::from_yaml(text).map_err(bad_request)?;
                self.add_fleet(&fleet).map(|devices| json!({"devices": devices})).map_err(bad_request)
            }
            ("GET", ["devices"]) => {
                let [group] = filters(query, ["thingGroup"])?;
                shown(&self.devices(group.as_deref()))
            }
            ("GET", ["devices", name]) => {
                let (scope, name) = self.device_of(name, query)?;
                self.shown_device(&scope, &name)
            }
            ("POST", ["devices", name]) => {
                let (scope, name) = self.device_of(name, query)?;
                if !self.change_device(&scope, &name, read(body)?) {
                    return Err(no_device(&name));
                }
                self.shown_device(&scope, &name)
            }
            (_, ["components"]) => self.administer_components(method, path, query, body),
            (_, ["system-instances"]) => self.administer_system_instances(method, path, query, body),
            (_, ["overview", ..]) => self.administer_overview(method, path, query),
            (_, ["roles" | "sessions" | "instance-role"]) => self.administer_roles(method, path, query, body),
            ("GET", ["quotas"]) => shown(&self.quotas()),
            ("PUT", ["quotas"]) => {
                self.set_quotas(read(body)?);
                shown(&self.quotas())
            }
            ("GET", ["switches"]) => shown(&self.switches()),
            ("PUT", ["switches"]) => shown(&self.change_switches(&read(body)?).map_err(bad_request)?),
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
                    .ok_or_else(|| (409, "this clock can't be moved".to_owned()))
            }
            ("POST", ["deployments", id, "status"]) => {
                let change: StatusChange = read(body)?;
                if !self.set_deployment_status(id, change.status) {
                    return Err((404, format!("there is no deployment {id}")));
                }
                shown(&self.deployment(id))
            }
            _ => Err(nowhere(method, path)),
        }
    }
}
