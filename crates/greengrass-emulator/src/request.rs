//! What a request asks for: operation, parameters and caller, or the error that it gets. Pure.

use http::request::Parts;
use serde_json::{Map, Value};

use crate::{
    aws_json,
    error::{ServiceError, ValidationReason},
    operation::{Operation, Route, Service, query_parameters},
    principal::Principal,
    query,
    role::RoleArn,
    scope::Scope,
    shape::Shape,
    signature::{Caller, Gate, Signature, host_region},
    state::{Call, Input},
};

/// A request as it was understood.
#[derive(Debug)]
pub(crate) struct Request {
    /// Whose access key it names, whether or not it is signed with it.
    pub(crate) caller: Option<Caller>,
    pub(crate) service: Option<Service>,
    pub(crate) operation: Option<Operation>,
    /// The operation's name, or method and path.
    pub(crate) name: String,
    /// The parameters from path, query and body.
    pub(crate) parameters: Value,
    pub(crate) call: Result<Call, ServiceError>,
}

/// What a request asks for, whoever sent it.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) service: Option<Service>,
    pub(crate) operation: Result<Operation, ServiceError>,
    /// The operation's name, or method and path.
    pub(crate) name: String,
    pub(crate) parameters: Value,
    /// Why the parameters can't all be read.
    pub(crate) problem: Option<ServiceError>,
}

impl Request {
    pub(crate) fn read(parts: &Parts, body: &[u8], gate: &Gate<'_>) -> Self {
        let signature = Signature::of(&parts.headers);
        let caller = signature.as_ref().ok().and_then(|signature| gate.claimed(signature));
        let by_name = aws_json::asked(parts, body).or_else(|| query::asked(parts, body));
        let asked = by_name.unwrap_or_else(|| asked(parts, body));
        let Asked { service, operation, name, parameters, problem } = asked;
        let known = operation.as_ref().ok().copied();
        let admitted = if known.is_some_and(Operation::is_unsigned) || is_unsigned_elsewhere(&operation) {
            Ok(anonymous(parts, &parameters, gate))
        } else {
            signature.and_then(|signature| gate.admit(&signature, service, parts, body))
        };
        // Who isn't signed learns nothing about operations.
        let call = admitted.and_then(|Caller { scope, principal }| {
            let operation = operation?;
            problem.map_or(Ok(()), Err)?;
            let Value::Object(input) = operation.input().read(&parameters)? else {
                return Err(cannot_parse("the request is no JSON object".to_owned()));
            };
            Ok(Call { scope, principal, operation, input: Input(input) })
        });
        Self { caller, service, operation: known, name, parameters, call }
    }
}

/// An operation that is not implemented here, which clients of AWS don't sign either.
fn is_unsigned_elsewhere(operation: &Result<Operation, ServiceError>) -> bool {
    matches!(operation, Err(ServiceError::NotImplemented { operation: "AssumeRoleWithSAML" }))
}

/// Who calls without a signature, in the account of the role that is asked for.
fn anonymous(parts: &Parts, parameters: &Value, gate: &Gate<'_>) -> Caller {
    let role = parameters.get("RoleArn").and_then(Value::as_str).and_then(|arn| RoleArn::parse(arn).ok());
    let account = role.as_ref().map_or(gate.default_account, RoleArn::account);
    Caller { scope: Scope::new(account, host_region(parts).unwrap_or(GLOBAL)), principal: Principal::Anonymous }
}

/// Where the endpoint of STS without a region in its name is.
const GLOBAL: &str = "us-east-1";

/// What a request of the REST protocol asks for.
fn asked(parts: &Parts, body: &[u8]) -> Asked {
    let path = parts.uri.path();
    match Route::find(parts.method.as_str(), path) {
        Ok(route) => {
            let operation = route.operation;
            let (parameters, problem) = parameters(route, parts.uri.query().unwrap_or_default(), body);
            let name = operation.name().to_owned();
            Asked { service: Some(operation.service()), operation: Ok(operation), name, parameters, problem }
        }
        Err(error) => {
            let name = match &error {
                ServiceError::NotImplemented { operation } => (*operation).to_owned(),
                _ => format!("{} {path}", parts.method),
            };
            let parameters = Value::Object(Map::new());
            Asked { service: None, operation: Err(error), name, parameters, problem: None }
        }
    }
}

fn cannot_parse(message: String) -> ServiceError {
    ServiceError::Validation { message, reason: ValidationReason::CannotParse, fields: Vec::new() }
}

/// The members of a body, which is empty or a JSON object; or what is wrong with it.
pub(crate) fn of_body(body: &[u8]) -> (Map<String, Value>, Option<ServiceError>) {
    if body.iter().all(u8::is_ascii_whitespace) {
        return (Map::new(), None);
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(members)) => (members, None),
        Ok(_) => (Map::new(), Some(cannot_parse("the body is no JSON object".to_owned()))),
        Err(error) => (Map::new(), Some(cannot_parse(format!("the body is no JSON: {error}")))),
    }
}

/// The parameters, as far as they can be read, and what prevents more.
fn parameters(route: Route, query: &str, body: &[u8]) -> (Value, Option<ServiceError>) {
    let (mut parameters, mut problem) = of_body(body);
    match query_parameters(query) {
        None => problem = Some(cannot_parse("the query is no UTF-8".to_owned())),
        Some(pairs) => {
            for (name, value) in pairs {
                let shape = route.operation.input().member(&name);
                if matches!(shape, Some(Shape::List { .. })) {
                    if let Value::Array(items) = parameters.entry(name).or_insert_with(|| Value::Array(Vec::new())) {
                        items.push(Value::from(value));
                    }
                    continue;
                }
                parameters.insert(name, of_text(shape, value));
            }
        }
    }
    for (name, value) in route.path_parameters {
        parameters.insert(name.to_owned(), Value::from(value));
    }
    (Value::Object(parameters), problem)
}

/// What is no number or boolean where the model wants one stays text, which the shape then refuses.
pub(crate) fn of_text(shape: Option<&Shape>, text: String) -> Value {
    let typed = match shape {
        Some(Shape::Integer { .. }) => text.parse().ok().map(Value::Number),
        Some(Shape::Boolean) => text.parse().ok().map(Value::Bool),
        _ => None,
    };
    typed.unwrap_or(Value::String(text))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::json;

    use super::*;
    use crate::{access_keys::AccessKeys, switches::Signatures};

    fn read(method: &str, uri: &str, body: &str) -> Request {
        let (parts, ()) = http::Request::builder()
            .method(method)
            .uri(uri)
            .header("x-amz-date", "20260101T000000Z")
            .header(
                "authorization",
                "AWS4-HMAC-SHA256 Credential=A/20260101/eu-west-1/greengrass/aws4_request, SignedHeaders=host, Signature=a",
            )
            .body(())
            .unwrap()
            .into_parts();
        let gate = Gate {
            signatures: Signatures::Anything,
            access_keys: &AccessKeys::default(),
            default_account: "123456789012",
            now: Timestamp::UNIX_EPOCH,
            machine_time: Timestamp::UNIX_EPOCH,
        };
        Request::read(&parts, body.as_bytes(), &gate)
    }

    #[test]
    fn parameters_come_from_path_query_and_body() {
        let arn = "arn%3Aaws%3Agreengrass%3Aeu-west-1%3A1%3Adeployments%3Ax";
        let request = read("DELETE", &format!("/tags/{arn}?tagKeys=a&tagKeys=b%20c"), "");
        assert_eq!(
            request.parameters,
            json!({"resourceArn": "arn:aws:greengrass:eu-west-1:1:deployments:x", "tagKeys": ["a", "b c"]})
        );
        let request = read("GET", "/greengrass/v2/deployments?maxResults=3&nextToken=7", "");
        assert_eq!(request.parameters, json!({"maxResults": 3, "nextToken": "7"}));
        let request = read("GET", "/thing-groups?recursive=false&parentGroup=true", "");
        assert_eq!(request.parameters, json!({"recursive": false, "parentGroup": "true"}));
    }

    #[test]
    fn a_body_that_is_no_json_object_is_a_validation_exception() {
        for body in ["{", "[]", "\"x\"", "{\"targetArn\": 1}", "\u{1}"] {
            let error = read("POST", "/greengrass/v2/deployments", body).call.unwrap_err();
            assert_eq!((error.code(), error.status()), ("ValidationException", 400), "{body}");
        }
    }

    #[test]
    fn a_page_size_that_is_no_number_is_a_validation_exception() {
        for size in ["x", "0", "101", "1.5", ""] {
            let error = read("GET", &format!("/greengrass/v2/deployments?maxResults={size}"), "").call.unwrap_err();
            assert_eq!(error.code(), "ValidationException", "{size}");
        }
    }
}
