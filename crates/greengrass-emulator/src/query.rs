//! The query protocol, which AWS STS speaks: a form with the operation's name comes in, XML goes out. Pure.
//!
//! <https://docs.aws.amazon.com/STS/latest/APIReference/CommonParameters.html>

use std::collections::BTreeMap;

use http::{Method, request::Parts};
use serde_json::{Map, Value};

use crate::{
    error::{ServiceError, StsErrorCode, ValidationReason},
    operation::{Operation, Service, query_parameters},
    request::{Asked, of_text},
    shape::Shape,
    xml::Element,
};

const VERSION: &str = "2011-06-15";
const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

/// Known by name only, so that the answer can say which operation is missing.
pub(crate) const UNIMPLEMENTED: &[&str] = &[
    "AssumeRoleWithSAML",
    "AssumeRoot",
    "DecodeAuthorizationMessage",
    "GetAccessKeyInfo",
    "GetDelegatedAccessToken",
    "GetFederationToken",
    "GetSessionToken",
    "GetWebIdentityToken",
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
    let entries: Vec<_> = pairs.iter().flatten().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    // The last one decides, as it does in a map.
    let text = |wanted: &str| entries.iter().rfind(|(name, _)| *name == wanted).map(|(_, value)| *value);
    let (action, version) = (text("Action"), text("Version"));
    let name = action.map_or_else(|| format!("{} /", parts.method), ToOwned::to_owned);
    let operation = pairs.as_ref().map_err(Clone::clone).and_then(|_| operation(action, version));
    let shape = operation.as_ref().map_or(&NOTHING, |operation| operation.input());
    let parameters = nested(shape, &entries);
    Some(Asked { service: Some(Service::Sts), operation, name, parameters, problem: None })
}

/// The input of what is no operation.
const NOTHING: Shape = Shape::Structure(&[]);

/// The value that a form has for a shape, by names below the value's own: `Tags.member.1.Key` is the key of the first tag. What the shape doesn't know
/// stays as it is, and what is no such value too, which the shape then refuses.
fn nested(shape: &Shape, entries: &[(&str, &str)]) -> Value {
    match shape {
        Shape::Structure(_) => {
            let mut members = Map::new();
            let mut known: BTreeMap<&str, Vec<(&str, &str)>> = BTreeMap::new();
            for (name, value) in entries {
                let (head, rest) = name.split_once('.').unwrap_or((name, ""));
                if shape.member(head).is_some() {
                    known.entry(head).or_default().push((rest, value));
                } else {
                    members.insert((*name).to_owned(), Value::from(*value));
                }
            }
            let known = known.into_iter().filter_map(|(name, entries)| Some((name, shape.member(name)?, entries)));
            members.extend(known.map(|(name, shape, entries)| (name.to_owned(), nested(shape, &entries))));
            Value::Object(members)
        }
        Shape::List { member, .. } => {
            let mut items: BTreeMap<u32, Vec<(&str, &str)>> = BTreeMap::new();
            for (name, value) in entries {
                let item = name.strip_prefix("member.").and_then(|name| {
                    let (number, rest) = name.split_once('.').unwrap_or((name, ""));
                    Some((number.parse().ok()?, rest))
                });
                match item {
                    Some((number, rest)) => items.entry(number).or_default().push((rest, value)),
                    // How an empty list is written.
                    None if name.is_empty() && value.is_empty() => {}
                    None => return Value::from(*value),
                }
            }
            items.values().map(|entries| nested(member, entries)).collect()
        }
        Shape::String { .. }
        | Shape::Enum(_)
        | Shape::Blob
        | Shape::Boolean
        | Shape::Integer { .. }
        | Shape::Double { .. }
        | Shape::Map { .. } => match entries.iter().rfind(|(name, _)| name.is_empty()) {
            Some((_, value)) => of_text(Some(shape), (*value).to_owned()),
            None => Value::Null,
        },
    }
}

/// What nobody should read in a ledger, under the text that `CloudTrail` has in its place.
pub(crate) fn without_secrets(mut parameters: Value) -> Value {
    for name in ["ExternalId", "WebIdentityToken", "TokenCode"] {
        if let Some(value) = parameters.get_mut(name).filter(|value| !value.is_null()) {
            *value = Value::from("HIDDEN_DUE_TO_SECURITY_REASONS");
        }
    }
    parameters
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
        if let Some(operation) = Operation::named(Service::Sts, action) {
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
    fn lists_and_structures_are_read_from_the_names_of_the_form() {
        let form = "Action=AssumeRole&Version=2011-06-15&RoleArn=a&DurationSeconds=900&Tags.member.10.Key=j\
                    &Tags.member.2.Value=%C3%BC+%2B&Tags.member.2.Key=b&TransitiveTagKeys=&PolicyArns.member.1.arn=p\
                    &Nonsense.member.1=n&RoleSessionName.x=y&RoleSessionName=first&RoleSessionName=last";
        let asked = asked_with("POST", "/", form.as_bytes()).unwrap();
        let expected = json!({
            "Action": "AssumeRole", "Version": "2011-06-15", "RoleArn": "a", "RoleSessionName": "last",
            "DurationSeconds": 900, "Tags": [{"Key": "b", "Value": "ü +"}, {"Key": "j"}], "TransitiveTagKeys": [],
            "PolicyArns": [{"arn": "p"}], "Nonsense.member.1": "n",
        });
        assert_eq!(asked.parameters, expected);
        for (wrong, shown) in [
            ("DurationSeconds=long", json!({"DurationSeconds": "long"})),
            ("Tags=x", json!({"Tags": "x"})),
            ("Tags.member.x.Key=a", json!({"Tags": "a"})),
            ("Tags.member.1=a", json!({"Tags": [{"": "a"}]})),
        ] {
            let form = format!("Action=AssumeRole&Version=2011-06-15&{wrong}");
            let mut parameters = asked_with("POST", "/", form.as_bytes()).unwrap().parameters;
            parameters.as_object_mut().unwrap().retain(|name, _| !["Action", "Version"].contains(&name.as_str()));
            assert_eq!(parameters, shown, "{wrong}");
        }
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
                "Action=GetSessionToken&Version=2011-06-15",
                "NotImplemented",
                "greengrass-emulator does not implement GetSessionToken",
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
