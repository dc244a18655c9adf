//! Sorts the members of request bodies. Pure, but for the SDK's hooks.
//!
//! The SDK keeps components and tags in hash maps, so that one request is other bytes each time. A resend must be the
//! same bytes: nobody documents how AWS compares a request with the one it remembers for a token.

use aws_sdk_greengrassv2::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::BeforeTransmitInterceptorContextMut;
use aws_smithy_types::body::SdkBody;
use serde_json::Value;

/// Hook that sorts a JSON body.
#[derive(Debug)]
pub(super) struct SortedBody;

impl Intercept for SortedBody {
    fn name(&self) -> &'static str {
        "SortedBody"
    }

    fn modify_before_signing(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request_mut();
        let Some(bytes) = request.body().bytes().filter(|bytes| !bytes.is_empty()) else {
            return Ok(());
        };
        // What is not JSON is left alone: no operation of today has such a body.
        let Ok(body) = serde_json::from_slice::<Value>(bytes) else {
            return Ok(());
        };
        let sorted = sorted(body).to_string();
        // Set when the body was made; a number may be written in another length.
        request.headers_mut().insert("content-length", sorted.len().to_string());
        *request.body_mut() = SdkBody::from(sorted);
        Ok(())
    }
}

/// The same value with the members of every object in the order of their names, whichever map `serde_json` uses.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let mut members: Vec<(String, Value)> =
                members.into_iter().map(|(name, value)| (name, sorted(value))).collect();
            members.sort_by(|(one, _), (other, _)| one.cmp(other));
            Value::Object(members.into_iter().collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        scalar @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => scalar,
    }
}
