//! The named shadow by which a deployment reaches a thing. Pure.
//!
//! Which members it has comes from aws-greengrass-nucleus, `ShadowDeploymentListener`.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{
    Answer, Input,
    devices::failure::DeviceReport,
    document::Document,
    things::{invalid, not_found},
};
use crate::{error::ServiceError, job::ExecutionStatus};

/// The name of the shadow.
const NAME: &str = "AWSManagedGreengrassV2Deployment";

/// The shadows of one account and region, by the thing's name.
#[derive(Debug, Default)]
pub(crate) struct Shadows(BTreeMap<Arc<str>, Shadow>);

#[derive(Debug)]
struct Shadow {
    version: u64,
    desired: Member,
    reported: Option<Member>,
    changed: Timestamp,
}

/// What one side has written, and when.
#[derive(Debug)]
struct Member {
    content: Map<String, Value>,
    written: Timestamp,
}

fn members(content: Value) -> Map<String, Value> {
    match content {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

impl Shadows {
    /// A deployment to the thing: the device is asked to become as the document says.
    pub(crate) fn ask(&mut self, thing: &Arc<str>, document: &Document, at: Timestamp) {
        let content = members(json!({
            "fleetConfig": document.for_devices().to_string(),
            "fleetConfigurationArn": document.configuration_arn,
            // A nucleus ignores a document without one. Which one the service writes is not public.
            "desiredStatus": "SUCCEEDED",
            "version": 1,
        }));
        let desired = Member { content, written: at };
        match self.0.get_mut(thing) {
            Some(shadow) => {
                shadow.desired = desired;
                shadow.version += 1;
                shadow.changed = at;
            }
            None => {
                self.0.insert(Arc::clone(thing), Shadow { version: 1, desired, reported: None, changed: at });
            }
        }
    }

    /// Whether a document is the one that the device is asked to become.
    pub(crate) fn asks_for(&self, thing: &str, document: &Document) -> bool {
        let asked = self.0.get(thing).and_then(|shadow| shadow.desired.content.get("fleetConfigurationArn")?.as_str());
        asked == Some(&document.configuration_arn)
    }

    /// The deployment was cancelled. Nothing when a newer one is asked for already.
    pub(crate) fn cancel(&mut self, thing: &str, document: &Document, at: Timestamp) {
        let is_asked_for = self.asks_for(thing, document);
        if let Some(shadow) = self.0.get_mut(thing).filter(|_| is_asked_for) {
            shadow.desired.content.insert("desiredStatus".to_owned(), json!("CANCELED"));
            shadow.desired.written = at;
            shadow.version += 1;
            shadow.changed = at;
        }
    }

    /// What the device says of the deployment.
    pub(crate) fn report(
        &mut self,
        thing: &str,
        document: &Document,
        status: ExecutionStatus,
        report: Option<&DeviceReport>,
        core_version: &str,
        at: Timestamp,
    ) {
        if let Some(shadow) = self.0.get_mut(thing) {
            let details = report.map(|report| {
                json!({
                    "detailedStatus": report.detailed,
                    "failureCause": report.cause,
                    "errorStack": report.stack,
                    "errorTypes": report.types,
                })
            });
            let content = members(json!({
                "fleetConfigurationArnForStatus": document.configuration_arn,
                "status": status,
                "statusDetails": details.unwrap_or_else(|| json!({})),
                "ggcVersion": core_version,
            }));
            shadow.reported = Some(Member { content, written: at });
            shadow.version += 1;
            shadow.changed = at;
        }
    }

    pub(crate) fn remove(&mut self, thing: &str) {
        self.0.remove(thing);
    }

    /// `GetThingShadow`. The unnamed shadow is never written here.
    pub(in crate::state) fn get(&self, input: &Input) -> Result<Answer, ServiceError> {
        let thing = input.required("thingName");
        let name = input.text("name");
        let found = self.0.get(thing).filter(|_| name == Some(NAME));
        let shadow = found.ok_or_else(|| match name {
            Some(name) => not_found("shadow", &format!("{thing}~{name}")),
            None => not_found("shadow", thing),
        })?;
        let metadata = |member: &Member| -> Map<String, Value> {
            let written = json!({"timestamp": member.written.as_second()});
            member.content.keys().map(|name| (name.clone(), written.clone())).collect()
        };
        let mut state = Map::new();
        let mut all_metadata = Map::new();
        state.insert("desired".to_owned(), json!(shadow.desired.content));
        all_metadata.insert("desired".to_owned(), json!(metadata(&shadow.desired)));
        if let Some(reported) = &shadow.reported {
            state.insert("reported".to_owned(), json!(reported.content));
            all_metadata.insert("reported".to_owned(), json!(metadata(reported)));
        }
        Ok(Answer::ok(json!({
            "state": state,
            "metadata": all_metadata,
            "version": shadow.version,
            "timestamp": shadow.changed.as_second(),
        })))
    }

    /// `ListNamedShadowsForThing`.
    pub(in crate::state) fn list(&self, input: &Input, now: Timestamp) -> Result<Answer, ServiceError> {
        // There is one shadow at the most, so that no page has a next one.
        if input.text("nextToken").is_some() {
            return Err(invalid("invalid nextToken"));
        }
        let names: Vec<&str> = self.0.get(input.required("thingName")).map(|_| NAME).into_iter().collect();
        Ok(Answer::ok(json!({"results": names, "timestamp": now.as_second()})))
    }
}
