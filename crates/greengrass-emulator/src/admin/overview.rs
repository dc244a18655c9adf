//! The part of the admin interface that the page reads: portions of lists. No I/O of its own.

use serde_json::json;

use super::{Shown, bad_request, filters, nowhere, parsed};
use crate::{
    emulator::Emulator,
    scope::Scope,
    state::overview::{DeviceFilter, Portion},
};

/// What every list takes.
struct Asked {
    scope: Scope,
    portion: Portion,
    /// The one filter that the list has besides.
    own: Option<String>,
}

impl Asked {
    fn of(query: &str, own: Option<&str>) -> Result<Self, (u16, String)> {
        let (common, own) = match own {
            Some(own) => {
                let [account, region, search, offset, own] =
                    filters(query, ["account", "region", "search", "offset", own])?;
                ([account, region, search, offset], own)
            }
            None => (filters(query, ["account", "region", "search", "offset"])?, None),
        };
        let [account, region, search, offset] = common;
        let needed = |name: &str, value: Option<String>| {
            value.ok_or_else(|| bad_request(format!("{name} is missing: a list is one of an account and region")))
        };
        let offset = offset.map_or(Ok(0), |offset| parsed("offset", &offset))?;
        Ok(Self {
            scope: Scope::new(needed("account", account)?, needed("region", region)?),
            portion: Portion { search: search.unwrap_or_default(), offset },
            own,
        })
    }
}

impl Emulator {
    pub(super) fn administer_overview(&self, method: &str, path: &[&str], query: &str) -> Shown {
        let found = match (method, path) {
            ("GET", ["overview"]) => {
                let [] = filters(query, [])?;
                return Ok(self.overview());
            }
            ("GET", ["overview", "targets"]) => {
                let Asked { scope, portion, own: _ } = Asked::of(query, None)?;
                self.current().state.targets(&scope, &portion)
            }
            ("GET", ["overview", "revisions"]) => {
                let Asked { scope, portion, own: target } = Asked::of(query, Some("target"))?;
                let target = target.ok_or_else(|| bad_request("target is missing: the ARN of one"))?;
                self.current().state.revisions(&scope, &target, &portion)
            }
            ("GET", ["overview", "devices"]) => {
                let Asked { scope, portion, own: state } = Asked::of(query, Some("state"))?;
                let state = state.map(|state| serde_json::from_value(json!(state)));
                let state = state.transpose().map_err(|error| bad_request(format!("state: {error}")))?;
                let mut core = self.core();
                let now = self.now();
                core.state.run_until(now);
                core.state.filtered_devices(&scope, &DeviceFilter { state, portion }, now)
            }
            ("GET", ["overview", "failures"]) => {
                let Asked { scope, portion, own: _ } = Asked::of(query, None)?;
                self.current().state.failures(&scope, &portion)
            }
            _ => return Err(nowhere(method, path)),
        };
        found.ok_or_else(|| (404, "nothing was ever in this account and region".to_owned()))
    }
}
