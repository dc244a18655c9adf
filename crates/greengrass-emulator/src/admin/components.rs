//! The part of the admin interface about component versions. No I/O of its own.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Shown, bad_request, filters, nowhere, read, shown};
use crate::{component::ComponentState, emulator::Emulator};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Change {
    state: ComponentState,
    #[serde(default)]
    errors: BTreeMap<String, String>,
}

impl Emulator {
    pub(super) fn administer_components(&self, method: &str, path: &[&str], query: &str, body: &[u8]) -> Shown {
        let of = |arn: &str| self.all_components().into_iter().find(|(_, record)| record.arn == arn);
        match method {
            "GET" => {
                let [account, region] = filters(query, ["account", "region"])?;
                let records = self.all_components().into_iter().filter(|(scope, _)| {
                    account.as_ref().is_none_or(|account| *account == scope.account)
                        && region.as_ref().is_none_or(|region| *region == scope.region)
                });
                shown(&records.map(|(_, record)| record).collect::<Vec<_>>())
            }
            "POST" => {
                let [arn] = filters(query, ["arn"])?;
                let arn = arn.ok_or_else(|| bad_request("arn is missing: that of a component version"))?;
                let Change { state, errors } = read(body)?;
                if errors.iter().any(|(uri, message)| uri.is_empty() || message.is_empty()) {
                    return Err(bad_request("errors: neither a URI nor its message may be empty"));
                }
                if !self.set_component_state(&arn, state, &errors) {
                    return Err((404, format!("there is no component version {arn}")));
                }
                shown(&of(&arn).map(|(_, record)| record))
            }
            _ => Err(nowhere(method, path)),
        }
    }
}
