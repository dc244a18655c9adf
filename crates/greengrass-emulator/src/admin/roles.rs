//! The part of the admin interface about roles and their sessions. No I/O of its own.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Shown, bad_request, filters, nowhere, read, shown};
use crate::emulator::Emulator;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct InstanceRole {
    /// Null takes the role off.
    arn: Option<String>,
}

impl Emulator {
    pub(super) fn administer_roles(&self, method: &str, path: &[&str], query: &str, body: &[u8]) -> Shown {
        match (method, path) {
            ("GET", ["roles"]) => {
                let [] = filters(query, [])?;
                shown(&self.roles())
            }
            ("POST", ["roles"]) => {
                let [] = filters(query, [])?;
                self.add_role(read(body)?);
                Ok(Value::Null)
            }
            ("DELETE", ["roles"]) => about_role(query, "arn", |arn| self.remove_role(arn)),
            ("DELETE", ["sessions"]) => about_role(query, "roleArn", |arn| self.revoke_sessions(arn)),
            ("GET", ["instance-role"]) => Ok(json!({"arn": self.instance_role()})),
            ("PUT", ["instance-role"]) => {
                let InstanceRole { arn } = read(body)?;
                if !self.set_instance_role(arn.as_deref()) {
                    return Err(no_role(&arn.unwrap_or_default()));
                }
                Ok(json!({"arn": arn}))
            }
            _ => Err(nowhere(method, path)),
        }
    }
}

/// Does something with the role that a filter names, as it must.
fn about_role(query: &str, name: &str, act: impl FnOnce(&str) -> bool) -> Shown {
    let [arn] = filters(query, [name])?;
    let arn = arn.ok_or_else(|| bad_request(format!("{name} is missing: the ARN of a role")))?;
    act(&arn).then_some(Value::Null).ok_or_else(|| no_role(&arn))
}

fn no_role(arn: &str) -> (u16, String) {
    (404, format!("there is no role {arn}"))
}
