//! The query protocol, which AWS STS speaks: a form with the operation's name comes in, XML goes out. Pure.
//!
//! <https://docs.aws.amazon.com/STS/latest/APIReference/CommonParameters.html>

use http::{Method, request::Parts};
use serde_json::{Map, Value};

use crate::{
    error::{ServiceError, StsErrorCode, ValidationReason},
    operation::{Operation, Service, query_parameters},
    request::Asked,
    xml::Element,
};

const VERSION: &str = "2011-06-15";
const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

/// Known by name only, so that the answer can say which operation is missing.
const UNIMPLEMENTED: &[&str] = &[
    "AssumeRole",
    "AssumeRoleWithSAML",
    "AssumeRoleWithWebIdentity",
    "AssumeRoot",
    "DecodeAuthorizationMessage",
    "GetAccessKeyInfo",
    "GetFederationToken",
    "GetSessionToken",
];

/// What a request of this protocol asks for; `None` when it is none.
pub(crate) fn asked(parts: &Parts, body: &[u8]) -> Option<Asked> {
    let is_post = parts.method == Method::POST;
    if parts.uri.path() != "/" || !(is_post || parts.method == Method::GET) {
        return None;
    }
    let query = parts.uri.query().unwrap_or_default();
    let form = if is_post { body } else { b"" };
    let pairs = std::str::from_utf8(form)
        .ok()
        .and_then(|form| Some([query_parameters(query)?, query_parameters(form)?].concat()))
        .ok_or_else(not_text);
    let parameters: Map<_, _> =
        pairs.iter().flatten().map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect();
    let text = |name: &str| parameters.get(name).and_then(Value::as_str);
    let operation = pairs.and_then(|_| operation(text("Action"), text("Version")));
    let name = text("Action").map_or_else(|| format!("{} /", parts.method), ToOwned::to_owned);
    let service = Some(Service::Sts);
    Some(Asked { service, operation, name, parameters: Value::Object(parameters), problem: None })
}

fn not_text() -> ServiceError {
    let message = "the form is no UTF-8".to_owned();
    ServiceError::Validation { message, reason: ValidationReason::CannotParse, fields: Vec::new() }
}

fn operation(action: Option<&str>, version: Option<&str>) -> Result<Operation, ServiceError> {
    let refused = |code, message: String| Err(ServiceError::Sts { code, message });
    let Some(action) = action else {
        return refused(StsErrorCode::MissingAction, "The request is missing an action.".to_owned());
    };
    if version == Some(VERSION) {
        if let Some(operation) = Operation::of_action(action) {
            return Ok(operation);
        }
        if let Some(operation) = UNIMPLEMENTED.iter().find(|name| **name == action) {
            return Err(ServiceError::NotImplemented { operation });
        }
    }
    let version = version.unwrap_or("NO_VERSION_SPECIFIED");
    refused(StsErrorCode::InvalidAction, format!("Could not find operation {action} for version {version}"))
}

/// The root element of an answer.
pub(crate) fn response(name: &'static str, result: Element) -> Element {
    Element::of(name, [result]).within(NAMESPACE)
}

/// An answer as it goes out.
pub(crate) fn answered(response: Element, request_id: &str) -> Element {
    response.and(Element::of("ResponseMetadata", [Element::text("RequestId", request_id)]))
}

/// A refusal as it goes out.
pub(crate) fn refused(error: &ServiceError, request_id: &str) -> Element {
    let whose_mistake = if error.status() < 500 { "Sender" } else { "Receiver" };
    let members = [
        Element::text("Type", whose_mistake),
        Element::text("Code", error.code()),
        Element::text("Message", error.message()),
    ];
    Element::of("ErrorResponse", [Element::of("Error", members), Element::text("RequestId", request_id)])
        .within(NAMESPACE)
}

#[cfg(test)]
mod tests {
    use http::Request;
    use serde_json::json;

    use super::*;

    fn asked_with(method: &str, uri: &str, body: &[u8]) -> Option<Asked> {
        let (parts, ()) = Request::builder().method(method).uri(uri).body(()).unwrap().into_parts();
        asked(&parts, body)
    }

    fn refusal(method: &str, uri: &str, body: &[u8]) -> (String, String) {
        let asked = asked_with(method, uri, body).unwrap();
        let error = asked.operation.unwrap_err().of_service(Service::Sts);
        (error.code().to_owned(), error.message())
    }

    #[test]
    fn the_operation_is_named_in_the_form_or_in_the_query() {
        let form = "Action=GetCallerIdentity&Version=2011-06-15";
        let parameters = json!({"Action": "GetCallerIdentity", "Version": "2011-06-15"});
        for (method, uri, body) in [
            ("POST", "/".to_owned(), form.as_bytes()),
            ("GET", format!("/?{form}"), b""),
            ("POST", format!("/?{form}"), b""),
            ("POST", "/?Version=2011-06-15".to_owned(), b"Action=GetCallerIdentity"),
        ] {
            let asked = asked_with(method, &uri, body).unwrap();
            assert_eq!(asked.operation, Ok(Operation::GetCallerIdentity), "{method} {uri}");
            assert_eq!((asked.service, asked.name.as_str()), (Some(Service::Sts), "GetCallerIdentity"));
            assert_eq!(asked.parameters, parameters);
        }
        assert!(asked_with("PUT", "/", form.as_bytes()).is_none());
        assert!(asked_with("GET", "/tags/x", b"").is_none());
    }

    #[test]
    fn another_operation_or_version_is_an_invalid_action() {
        for (form, code, message) in [
            (
                "Action=Dance&Version=2011-06-15",
                "InvalidAction",
                "Could not find operation Dance for version 2011-06-15",
            ),
            (
                "Action=GetCallerIdentity&Version=2010-01-01",
                "InvalidAction",
                "Could not find operation GetCallerIdentity for version 2010-01-01",
            ),
            ("Action=A", "InvalidAction", "Could not find operation A for version NO_VERSION_SPECIFIED"),
            // Of another service, which speaks another protocol.
            (
                "Action=ListThings&Version=2011-06-15",
                "InvalidAction",
                "Could not find operation ListThings for version 2011-06-15",
            ),
            ("", "MissingAction", "The request is missing an action."),
            (
                "Action=AssumeRole&Version=2011-06-15",
                "NotImplemented",
                "greengrass-emulator does not implement AssumeRole",
            ),
        ] {
            assert_eq!(refusal("POST", "/", form.as_bytes()), (code.to_owned(), message.to_owned()), "{form}");
        }
        for (uri, body) in [("/", &b"Action=\xff"[..]), ("/?Action=%ff", b""), ("/", b"Action=%ff")] {
            assert_eq!(refusal("POST", uri, body).0, "ValidationError");
        }
    }

    #[test]
    fn an_error_says_whose_mistake_it_is_and_is_escaped() {
        let error = |status| ServiceError::Scripted { status, code: "A&B".to_owned(), message: "<x>".to_owned() };
        assert_eq!(
            refused(&error(400), "id").to_string(),
            "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type>\
             <Code>A&amp;B</Code><Message>&lt;x&gt;</Message></Error><RequestId>id</RequestId></ErrorResponse>"
        );
        assert!(refused(&error(500), "id").to_string().contains("<Type>Receiver</Type>"));
    }
}
