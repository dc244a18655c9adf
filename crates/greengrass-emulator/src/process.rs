//! A call from its arrival to its answer: ledger, faults, state. Waits on tokio's clock where a fault says so; no other I/O.

use std::{any::Any, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tracing::{debug, info};

use crate::{
    aws_json,
    clock::machine_time,
    emulator::{Core, Emulator},
    error::ServiceError,
    fault::{DelayAt, FaultAction, Staleness},
    fault_rules::Subject,
    ids::IdKind,
    ledger::CallRecord,
    operation::{Protocol, Service},
    page::page,
    principal::CallerRecord,
    query,
    request::Request,
    signature::Gate,
    state::{Answer, Body, Call, ReadAt, components},
    xml::Element,
};

/// What a client gets.
#[derive(Debug)]
pub(crate) enum Reply {
    Response(Response<Bytes>),
    /// The connection is reset.
    Dropped,
    /// The connection ends in the middle of the body.
    Truncated(Response<Bytes>),
    /// Nothing, ever.
    Never,
    /// The emulator itself has failed: what it panicked with.
    Defect(Box<dyn Any + Send>),
}

/// A deployment's configuration may have 10 MiB; more than that and its surroundings is refused.
pub(crate) const LARGEST_BODY: usize = 12 * 1024 * 1024;

/// Marks a response of [`Emulator::router`] in whose place the connection would be reset: in [`Response::extensions`], for those who call the router
/// without a connection.
#[derive(Debug, Clone, Copy)]
pub struct ConnectionDropped;

/// A call that has been entered in the ledger.
#[derive(Debug)]
struct Entered {
    sequence: u64,
    request_id: String,
    service: Service,
    call: Result<Call, ServiceError>,
    fault: Option<FaultAction>,
}

impl Emulator {
    /// Answers a request. What it asks for happens even when the caller stops waiting, as it would on a server far away.
    pub(crate) async fn answer(&self, request: http::Request<Bytes>) -> Reply {
        let reply = self.answer_kept(request).await;
        // What isn't in the state file must not be known to anybody.
        match self.state_file_problem() {
            Some(message) => Reply::Response(json_response(500, Some(&json!({"message": message})))),
            None => reply,
        }
    }

    async fn answer_kept(&self, request: http::Request<Bytes>) -> Reply {
        if let Some(response) = page(&request) {
            return Reply::Response(response);
        }
        if let Some(response) = self.administer(&request) {
            return Reply::Response(response);
        }
        if let Some(response) = self.hand_out(&request) {
            return Reply::Response(response);
        }
        let emulator = self.clone();
        let processing = tokio::spawn(async move {
            let entered = emulator.enter(request);
            emulator.process(entered).await
        });
        match processing.await {
            Ok(reply) => reply,
            // A panic must not look like a connection that a rule has reset.
            Err(ended) => ended.try_into_panic().map_or(Reply::Dropped, Reply::Defect),
        }
    }

    /// Notes the arrival of a call and what befalls it.
    fn enter(&self, request: http::Request<Bytes>) -> Entered {
        let (parts, body) = request.into_parts();
        let size = parts.uri.path().len() + body.len();
        let request = {
            let core = self.core();
            let (access_keys, signatures) = (core.state.identities.access_keys(), core.state.switches.signatures);
            drop(core);
            let gate = Gate {
                signatures,
                access_keys: &access_keys,
                default_account: &self.inner.default_account,
                now: self.now(),
                machine_time: machine_time(),
            };
            if body.len() > LARGEST_BODY {
                Request { call: Err(ServiceError::RequestTooLarge), ..Request::read(&parts, b"", &gate) }
            } else {
                Request::read(&parts, &body, &gate)
            }
        };
        let mut core = self.core();
        // Read under the lock: times in the ledger never go back.
        let time = self.now();
        let request_id = core.state.ids.next(IdKind::Request).to_string();
        let target_arn = core.target_of(&request);
        let fault = core.befall(&request, target_arn.clone(), time);
        let Request { caller, service, operation: _, name, parameters, mut call } = request;
        if fault.as_ref().is_none_or(FaultAction::reaches_the_service) {
            call = call.and_then(|call| core.within_quota(call, time));
        }
        let text = |name: &str| parameters.get(name).and_then(Value::as_str).map(ToOwned::to_owned);
        let called_by = caller.as_ref().and_then(|caller| CallerRecord::of(&caller.principal, &caller.scope));
        let (account, region) = caller.map(|caller| (caller.scope.account, caller.scope.region)).unzip();
        debug!(operation = name, account, region, request_id, ?fault, "call");
        let entered = CallRecord {
            sequence: 0,
            time,
            account,
            region,
            caller: called_by,
            service,
            operation: name,
            target_arn,
            deployment_id: text("deploymentId"),
            request: if service == Some(Service::Sts) { query::without_secrets(parameters) } else { parameters },
            status: None,
            error_code: None,
            request_id: request_id.clone(),
            fault: fault.as_ref().map(FaultAction::kind),
        };
        let sequence = core.ledger.enter(entered, size);
        drop(core);
        self.inner.ledger_changed.notify_waiters();
        Entered { sequence, request_id, service: service.unwrap_or(Service::Greengrass), call, fault }
    }

    async fn process(&self, entered: Entered) -> Reply {
        let Some(fault) = &entered.fault else {
            return self.finish(&entered, ReadAt::Now);
        };
        match fault {
            FaultAction::Delay { milliseconds, at } => {
                let delay = tokio::time::sleep(Duration::from_millis(*milliseconds));
                match at {
                    DelayAt::Arrival => delay.await,
                    DelayAt::Processing => {
                        let begun = self.begin(&entered);
                        delay.await;
                        self.end(&entered, begun);
                    }
                    DelayAt::Reply => {
                        let reply = self.finish(&entered, ReadAt::Now);
                        delay.await;
                        return reply;
                    }
                }
                self.finish(&entered, ReadAt::Now)
            }
            FaultAction::Throttle { retry_after_seconds } => self.refuse(
                &entered,
                ServiceError::Throttling { service: entered.service, retry_after_seconds: *retry_after_seconds },
            ),
            FaultAction::Error { status, code, message } => self.refuse(
                &entered,
                ServiceError::Scripted { status: *status, code: code.clone(), message: message.clone() },
            ),
            FaultAction::AccessDenied => self.refuse(
                &entered,
                ServiceError::AccessDenied { message: "User is not authorized to perform this action".to_owned() },
            ),
            FaultAction::ExpiredCredentials => self.refuse(&entered, ServiceError::ExpiredToken),
            FaultAction::ResetBefore => Reply::Dropped,
            FaultAction::ResetAfter => {
                self.finish(&entered, ReadAt::Now);
                Reply::Dropped
            }
            FaultAction::HangBefore => Reply::Never,
            FaultAction::HangAfter => {
                self.finish(&entered, ReadAt::Now);
                Reply::Never
            }
            FaultAction::TruncatedBody => match self.finish(&entered, ReadAt::Now) {
                Reply::Response(response) => Reply::Truncated(response),
                other => other,
            },
            FaultAction::Stale(staleness) => {
                let read_at = match staleness {
                    Staleness::WritesAgo(writes) => ReadAt::WritesAgo(*writes),
                    Staleness::MillisecondsAgo(milliseconds) => {
                        let ago = SignedDuration::from_millis(i64::try_from(*milliseconds).unwrap_or(i64::MAX));
                        let time = self.now().checked_sub(ago);
                        ReadAt::Time(time.unwrap_or(Timestamp::MIN))
                    }
                };
                self.finish(&entered, read_at)
            }
        }
    }

    /// The client token of a creation that is now being processed; `None` when there is none, or its answer is known.
    fn begin<'a>(&self, entered: &'a Entered) -> Option<&'a str> {
        let call = entered.call.as_ref().ok()?;
        let token = call.input.text("clientToken")?;
        let now = self.now();
        let begun = self.core().state.partition_mut(&call.scope).tokens_of(call.operation).begin(token, now);
        begun.then_some(token)
    }

    fn end(&self, entered: &Entered, begun: Option<&str>) {
        if let (Some(token), Ok(call)) = (begun, &entered.call) {
            self.core().state.partition_mut(&call.scope).tokens_of(call.operation).finish(token);
        }
    }

    /// Does what a call asks for.
    fn finish(&self, entered: &Entered, read_at: ReadAt) -> Reply {
        let result = match &entered.call {
            Err(error) => Err(error.clone()),
            Ok(call) => {
                let mut core = self.core();
                // Read under the lock: what happens later has a later time.
                let now = self.now();
                core.execute(call, now, read_at)
            }
        };
        self.reply(entered, result)
    }

    fn refuse(&self, entered: &Entered, error: ServiceError) -> Reply {
        self.reply(entered, Err(error))
    }

    fn reply(&self, entered: &Entered, result: Result<Answer, ServiceError>) -> Reply {
        let result = result.map_err(|error| error.of_service(entered.service));
        let (status, error_code) = match &result {
            Ok(answer) => (answer.status, None),
            Err(error) => (error.status(), Some(error.code().to_owned())),
        };
        let created = match &result {
            Ok(Answer { body: Body::Json(body), .. }) => {
                body.get("deploymentId").and_then(Value::as_str).map(ToOwned::to_owned)
            }
            Ok(Answer { body: Body::Empty | Body::Xml(_), .. }) | Err(_) => None,
        };
        info!(request_id = entered.request_id, status, error_code, "answer");
        self.core().ledger.complete(entered.sequence, |call| {
            call.status = Some(status);
            call.error_code = error_code;
            if created.is_some() {
                call.deployment_id = created;
            }
        });
        self.inner.ledger_changed.notify_waiters();
        Reply::Response(rendered(entered.service, result, &entered.request_id))
    }
}

impl Core {
    fn within_quota(&mut self, call: Call, now: Timestamp) -> Result<Call, ServiceError> {
        self.meter.take(&call.scope, call.operation, now).map_err(|seconds| ServiceError::Throttling {
            service: call.operation.service(),
            retry_after_seconds: Some(seconds),
        })?;
        Ok(call)
    }

    /// The target, the role, the component or the system instance that a request names, by itself, by a deployment or job of its, or as a core device.
    fn target_of(&self, request: &Request) -> Option<String> {
        let parameter = |name: &str| request.parameters.get(name).and_then(Value::as_str);
        let partition = request.caller.as_ref().and_then(|caller| self.state.partition(&caller.scope));
        let of_deployment = || partition?.target_of_deployment(parameter("deploymentId")?);
        let of_job = || partition?.target_of_job(parameter("jobId")?);
        let of_device = || Some(partition?.scope.thing_arn(parameter("coreDeviceThingName")?));
        let own = parameter("targetArn").or_else(|| parameter("RoleArn")).or_else(|| parameter("arn"));
        let own = own.map(ToOwned::to_owned);
        let of_recipe = || components::arn_of_request(&request.caller.as_ref()?.scope, &request.parameters);
        if request.service == Some(Service::ThingsGraph) {
            return aws_json::system_instance_of(&request.parameters);
        }
        own.or_else(of_deployment).or_else(of_job).or_else(of_device).or_else(of_recipe)
    }

    fn befall(&mut self, request: &Request, target_arn: Option<String>, now: Timestamp) -> Option<FaultAction> {
        let scope = request.caller.as_ref().map(|caller| &caller.scope);
        let subject = Subject {
            service: request.service,
            operation: request.operation,
            account: scope.map(|scope| scope.account.as_str()),
            region: scope.map(|scope| scope.region.as_str()),
            target_arn,
            request: &request.parameters,
        };
        let counted = self.faults.counted();
        let action = self.faults.befall(&subject, now);
        if self.faults.counted() != counted {
            self.note_faults(now);
        }
        action
    }
}

fn rendered(service: Service, result: Result<Answer, ServiceError>, request_id: &str) -> Response<Bytes> {
    let protocol = service.protocol();
    let mut response = match (&result, protocol) {
        (Ok(Answer { status, body: Body::Empty }), _) => json_response(*status, None),
        (Ok(Answer { status, body: Body::Json(body) }), Protocol::AwsJson) => aws_json_response(*status, body),
        (Ok(Answer { status, body: Body::Json(body) }), _) => json_response(*status, Some(body)),
        (Ok(Answer { status, body: Body::Xml(root) }), _) => {
            xml_response(*status, &query::answered(root.clone(), request_id))
        }
        (Err(error), Protocol::RestJson) => json_response(error.status(), Some(&error.body())),
        (Err(error), Protocol::Query) => xml_response(error.status(), &query::refused(error, request_id)),
        (Err(error), Protocol::AwsJson) => aws_json_response(error.status(), &aws_json::refused(error)),
    };
    let headers = response.headers_mut();
    let mut set = |name: &'static str, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    set("x-amzn-requestid", request_id);
    if let Err(error) = result {
        if protocol == Protocol::RestJson {
            set("x-amzn-errortype", error.code());
        }
        if let Some(seconds) = error.retry_after_seconds() {
            set("retry-after", &seconds.to_string());
        }
    }
    response
}

/// A response with a JSON body, or with none.
pub(crate) fn json_response(status: u16, body: Option<&Value>) -> Response<Bytes> {
    body.map_or_else(
        || of_status(status, Bytes::new()),
        |body| of_type("application/json", of_status(status, Bytes::from(body.to_string()))),
    )
}

fn aws_json_response(status: u16, body: &Value) -> Response<Bytes> {
    of_type(aws_json::CONTENT_TYPE, of_status(status, Bytes::from(body.to_string())))
}

fn xml_response(status: u16, root: &Element) -> Response<Bytes> {
    of_type("text/xml", of_status(status, Bytes::from(root.to_string())))
}

fn of_status(status: u16, body: Bytes) -> Response<Bytes> {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response
}

fn of_type(content_type: &'static str, mut response: Response<Bytes>) -> Response<Bytes> {
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
