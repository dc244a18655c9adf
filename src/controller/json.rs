//! JSON as it is kept for thousands of objects: compressed. Pure.
//!
//! Spec and status of a deployment of three components are 2.7 KB of JSON, most of it names of fields, ARNs and sentences that all of
//! them share. LZ4 with a dictionary of those leaves 0.8 to 1.0 KB, at 1.5 µs to compress and 0.3 µs to read again (measured; deflate: 1.2 KB,
//! 40 and 14 µs); turns and walks read them all the time.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use thiserror::Error;

/// What the JSON of many objects has in common. It may be changed at any time: nothing compressed leaves the process.
const DICTIONARY: &[u8] = include_bytes!("json/dictionary.json");

/// JSON, compressed, the keys of its objects sorted: equal content is equal. Clones share it.
#[derive(Clone, PartialEq, Eq)]
pub struct Json {
    compressed: Arc<[u8]>,
    /// Bytes of the text.
    length: u32,
}

impl Json {
    /// Anything that can be written as JSON.
    pub fn of(content: &impl Serialize) -> Result<Self, DecodeError> {
        // By way of `Value`, which sorts keys.
        let value = serde_json::to_value(content).map_err(|error| DecodeError::new(&error))?;
        Self::of_value(&value)
    }

    /// A value.
    pub fn of_value(value: &Value) -> Result<Self, DecodeError> {
        let text = serde_json::to_vec(value).map_err(|error| DecodeError::new(&error))?;
        let length = u32::try_from(text.len()).map_err(|_| DecodeError("it is too large".to_owned()))?;
        Ok(Self { compressed: lz4_flex::block::compress_with_dict(&text, DICTIONARY).into(), length })
    }

    /// Reads it as a type.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, DecodeError> {
        let length = usize::try_from(self.length).unwrap_or(usize::MAX);
        let text = lz4_flex::block::decompress_with_dict(&self.compressed, length, DICTIONARY)
            .map_err(|error| DecodeError(error.to_string()))?;
        serde_json::from_slice(&text).map_err(|error| DecodeError::new(&error))
    }

    /// Whether the two take the room of one.
    #[cfg(test)]
    #[must_use]
    pub fn is_shared_with(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.compressed, &other.compressed)
    }

    /// The bytes that it takes.
    #[cfg(test)]
    #[must_use]
    pub fn kept_bytes(&self) -> usize {
        self.compressed.len()
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the content: a component's configuration has no place in a log.
        write!(f, "Json({} bytes)", self.length)
    }
}

/// Why JSON can't be read as a type.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct DecodeError(String);

impl DecodeError {
    fn new(error: &serde_json::Error) -> Self {
        let text = error.to_string();
        // Line and column count in bytes that nobody but this file has seen.
        let end = text.rfind(" at line ").unwrap_or(text.len());
        Self(text.get(..end).unwrap_or_default().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn equal_content_is_equal_in_whatever_order_it_comes() {
        let one: Value = serde_json::from_str(r#"{"b": {"y": 1, "x": 2}, "a": []}"#).unwrap();
        let other: Value = serde_json::from_str(r#"{"a": [], "b": {"x": 2, "y": 1}}"#).unwrap();
        assert_eq!(Json::of(&one).unwrap(), Json::of(&other).unwrap());
        assert_ne!(Json::of(&one).unwrap(), Json::of(&json!({"a": []})).unwrap());
    }

    proptest! {
        #[test]
        fn whatever_is_kept_is_read_again(text in ".{0,300}", number: i64, times in 0_usize..40) {
            let value = json!({"text": text, "number": number, "deploymentStatus": vec![text.clone(); times]});
            prop_assert_eq!(Json::of(&value).unwrap().decode::<Value>().unwrap(), value);
        }
    }

    #[test]
    fn the_words_that_statuses_share_are_not_kept_with_each() {
        let id = "1c783039-b11c-4f6d-aded-3c67ce6e3fe5";
        let condition = |kind: &str, reason: &str, message: &str| {
            json!({
                "type": kind, "status": "True", "reason": reason, "observedGeneration": 4,
                "lastTransitionTime": "2026-11-23T10:00:05Z", "message": message,
            })
        };
        let status = json!({
            "conditions": [
                condition("Ready", "Deployed", &format!("AWS has what the spec says: revision 7 (deployment {id})")),
                condition("Synced", "UpToDate", &format!("AWS has what the spec says: revision 7 (deployment {id})")),
                condition("RolledOut", "Completed", &format!("revision 7 (deployment {id}) is rolled out to 12 of 12 devices")),
            ],
            "deploymentArn": format!("arn:aws:greengrass:us-east-1:210987654321:deployments:{id}"),
            "deploymentId": id, "deploymentStatus": "ACTIVE", "observedGeneration": 4, "ordinal": 7, "revisionId": "7",
            "devices": {"canceled": 0, "failed": 0, "inProgress": 0, "queued": 0, "rejected": 0, "removed": 0,
                        "succeeded": 12, "timedOut": 0, "total": 12},
        });
        let text = status.to_string().len();
        let kept = Json::of(&status).unwrap().kept_bytes();
        assert!(kept * 3 < text, "{kept} of {text}: is the dictionary up to date?");
    }
}
