//! The AWS JSON 1.1 protocol, which Things Graph speaks: a header names the operation, JSON comes in and goes out. Pure.
//!
//! <https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html>

use http::{Method, request::Parts};
use serde_json::{Value, json};

use crate::{
    error::ServiceError,
    operation::{Operation, Service},
    request::{Asked, of_body},
    system_instance::{Definition, SystemInstanceId},
};

pub(crate) const CONTENT_TYPE: &str = "application/x-amz-json-1.1";

const TARGET: &str = "x-amz-target";

/// The `targetPrefix` of the service model.
const THINGS_GRAPH: &str = "IotThingsGraphFrontEndService.";

/// Known by name only, so that the answer can say which operation is missing.
const UNIMPLEMENTED: &[&str] = &[
    "AssociateEntityToThing",
    "CreateFlowTemplate",
    "CreateSystemTemplate",
    "DeleteFlowTemplate",
    "DeleteNamespace",
    "DeleteSystemTemplate",
    "DeprecateFlowTemplate",
    "DeprecateSystemTemplate",
    "DescribeNamespace",
    "DissociateEntityFromThing",
    "GetEntities",
    "GetFlowTemplate",
    "GetFlowTemplateRevisions",
    "GetNamespaceDeletionStatus",
    "GetSystemTemplate",
    "GetSystemTemplateRevisions",
    "GetUploadStatus",
    "ListFlowExecutionMessages",
    "SearchEntities",
    "SearchFlowExecutions",
    "SearchFlowTemplates",
    "SearchSystemTemplates",
    "SearchThings",
    "UpdateFlowTemplate",
    "UpdateSystemTemplate",
    "UploadEntityDefinitions",
];

/// What a request of this protocol asks for; `None` when it is none, or for a service that speaks it and isn't emulated.
pub(crate) fn asked(parts: &Parts, body: &[u8]) -> Option<Asked> {
    if parts.method != Method::POST || parts.uri.path() != "/" {
        return None;
    }
    let name = parts.headers.get(TARGET)?.to_str().ok()?.strip_prefix(THINGS_GRAPH)?;
    let (parameters, problem) = of_body(body);
    Some(Asked {
        service: Some(Service::ThingsGraph),
        operation: operation(name),
        name: name.to_owned(),
        parameters: Value::Object(parameters),
        problem,
    })
}

fn operation(name: &str) -> Result<Operation, ServiceError> {
    if let Some(operation) = Operation::named(Service::ThingsGraph, name) {
        return Ok(operation);
    }
    Err(UNIMPLEMENTED.iter().find(|known| **known == name).map_or_else(
        || ServiceError::UnknownOperation { what: format!("{THINGS_GRAPH}{name}") },
        |operation| ServiceError::NotImplemented { operation },
    ))
}

/// The operations of Things Graph that are known by name only.
pub(crate) const fn unimplemented() -> &'static [&'static str] {
    UNIMPLEMENTED
}

/// The ARN of the system instance that a request of Things Graph names: by its id, in a definition, or as it is.
pub(crate) fn system_instance_of(parameters: &Value) -> Option<String> {
    let text = |path: &str| parameters.pointer(path).and_then(Value::as_str);
    let id = text("/id").and_then(SystemInstanceId::parse);
    let id = id.or_else(|| Some(Definition::parse(text("/definition/text")?).ok()?.id));
    id.map(|id| id.arn()).or_else(|| text("/resourceArn").map(ToOwned::to_owned))
}

/// A refusal as it goes out.
pub(crate) fn refused(error: &ServiceError) -> Value {
    json!({"__type": error.code(), "message": error.message()})
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn asked_with(method: &str, uri: &str, target: Option<&str>, body: &str) -> Option<Asked> {
        let mut request = Request::builder().method(method).uri(uri);
        if let Some(target) = target {
            request = request.header("X-Amz-Target", target);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        asked(&parts, body.as_bytes())
    }

    #[test]
    fn the_operation_is_named_in_the_header() {
        let target = Some("IotThingsGraphFrontEndService.GetSystemInstance");
        let asked = asked_with("POST", "/", target, r#"{"id": "x"}"#).unwrap();
        assert_eq!(asked.operation, Ok(Operation::GetSystemInstance));
        assert_eq!((asked.service, asked.name.as_str()), (Some(Service::ThingsGraph), "GetSystemInstance"));
        assert_eq!(asked.parameters, json!({"id": "x"}));
        assert_eq!(asked_with("POST", "/", target, "").unwrap().parameters, json!({}));
        for broken in ["{", "[]", "1"] {
            assert!(asked_with("POST", "/", target, broken).unwrap().problem.is_some(), "{broken}");
        }
        // What was for another protocol before still is.
        for (method, uri, target) in [
            ("POST", "/", None),
            ("POST", "/", Some("DynamoDB_20120810.ListTables")),
            ("GET", "/", target),
            ("POST", "/greengrass/v2/deployments", target),
        ] {
            assert!(asked_with(method, uri, target, "").is_none(), "{method} {uri} {target:?}");
        }
    }

    #[test]
    fn an_operation_that_is_missing_is_named() {
        let refusal = |name: &str| operation(name).unwrap_err();
        assert_eq!(refusal("GetEntities"), ServiceError::NotImplemented { operation: "GetEntities" });
        // Of another service, which speaks another protocol.
        for name in ["CreateDeployment", "GetCallerIdentity", "Dance", ""] {
            let error = refusal(name).of_service(Service::ThingsGraph);
            assert_eq!((error.code(), error.status()), ("UnknownOperationException", 400), "{name}");
            let shown = refused(&error);
            assert_eq!(shown["__type"], "UnknownOperationException");
            assert!(shown["message"].as_str().unwrap().contains(&format!("{THINGS_GRAPH}{name}")), "{shown}");
        }
    }
}
