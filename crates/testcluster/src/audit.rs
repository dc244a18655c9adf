//! What the API server's audit log says (pure).

use serde::Deserialize;

use crate::Error;

/// One request, as the API server saw it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditEvent {
    /// The same in every stage of one request.
    #[serde(rename = "auditID")]
    pub audit_id: String,
    /// `ResponseComplete`, for a watch `ResponseStarted` first, or `Panic`.
    pub stage: String,
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`.
    pub verb: String,
    /// The path with its query.
    #[serde(rename = "requestURI")]
    pub request_uri: String,
    /// Who asked.
    pub user: AuditUser,
    /// With which program.
    #[serde(default)]
    pub user_agent: String,
    /// About which object; nothing for paths such as `/readyz`.
    pub object_ref: Option<AuditObject>,
    /// The answer; nothing while it is still being sent.
    pub response_status: Option<AuditStatus>,
    /// When the request came, RFC 3339 with microseconds.
    pub request_received_timestamp: String,
    /// When this stage was reached, RFC 3339 with microseconds.
    pub stage_timestamp: String,
}

/// Who made a request.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditUser {
    /// The user's name, such as `system:serviceaccount:NAMESPACE:NAME`.
    pub username: String,
    /// The groups it belongs to.
    #[serde(default)]
    pub groups: Vec<String>,
}

/// What a request was about.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AuditObject {
    /// The plural, such as `leases`.
    pub resource: String,
    /// Empty for what belongs to no namespace.
    pub namespace: String,
    /// Empty for lists and for names that the server generates.
    pub name: String,
    /// Empty for the core group.
    pub api_group: String,
    /// The version of the API.
    pub api_version: String,
    /// Such as `status`; empty for the object itself.
    pub subresource: String,
}

/// How a request was answered.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditStatus {
    /// The HTTP status.
    #[serde(default)]
    pub code: u16,
    /// Such as `Forbidden`; empty after success.
    #[serde(default)]
    pub reason: String,
}

impl AuditEvent {
    /// Whether the request changed, or tried to change, something that is stored.
    #[must_use]
    pub fn is_write(&self) -> bool {
        matches!(self.verb.as_str(), "create" | "update" | "patch" | "delete" | "deletecollection")
    }
}

/// The events of a log, oldest first. A last line without an end is still being written and is left out.
pub(crate) fn parse(log: &str) -> Result<Vec<AuditEvent>, Error> {
    log.split_inclusive('\n')
        .filter(|line| line.ends_with('\n'))
        .map(|line| {
            serde_json::from_str(line)
                .map_err(|source| Error::Unreadable { what: format!("the audit log's line {}", line.trim()), source })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"a1","stage":"ResponseComplete","requestURI":"/api/v1/namespaces/default/configmaps?limit=1","verb":"create","user":{"username":"system:serviceaccount:default:op","groups":["system:authenticated"]},"sourceIPs":["127.0.0.1"],"userAgent":"kubectl/v1.37.1","objectRef":{"resource":"configmaps","namespace":"default","apiVersion":"v1"},"responseStatus":{"metadata":{},"status":"Failure","reason":"Forbidden","code":403},"requestReceivedTimestamp":"2026-09-01T10:00:00.000001Z","stageTimestamp":"2026-09-01T10:00:00.000002Z"}"#;

    #[test]
    fn a_line_says_who_did_what_and_how_it_ended() {
        let events = parse(&format!("{LINE}\n")).unwrap();
        let event = &events[0];
        assert_eq!(event.user.username, "system:serviceaccount:default:op");
        assert_eq!(event.object_ref.as_ref().unwrap().resource, "configmaps");
        assert_eq!(event.response_status.as_ref().unwrap().code, 403);
        assert!(event.is_write());
    }

    #[test]
    fn a_line_that_is_still_being_written_is_left_for_the_next_look() {
        let half = LINE.split_at(100).0;
        assert_eq!(parse(&format!("{LINE}\n{half}")).unwrap().len(), 1);
    }

    #[test]
    fn a_broken_line_is_named() {
        let message = parse("{broken}\n").unwrap_err().to_string();
        assert!(message.contains("{broken}"), "{message}");
    }
}
