//! A fleet: accounts, regions, thing groups and core devices, as a file or a request names them. Pure.

use serde::{Deserialize, Serialize};

use crate::{
    access_keys::is_account,
    behaviour::{Behaviour, OutcomeRule},
    model::is_name,
    role::Role,
    signature::is_region,
};

/// So many devices are one hundred times the largest fleet that the emulator is measured with.
const MOST_DEVICES: u32 = 10_000_000;

/// The nucleus that devices have when nothing else is said.
const DEFAULT_NUCLEUS: &str = "2.14.3";

/// Groups, devices and roles, in YAML or JSON. What exists already stays: devices get the new behaviour, and join groups that they were not in; roles
/// get their new conditions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fleet {
    /// One entry for each account and region.
    #[serde(default)]
    pub accounts: Vec<FleetAccount>,
    /// Roles, which are of an account and of no region.
    #[serde(default)]
    pub roles: Vec<Role>,
}

/// What one account has in one region.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FleetAccount {
    /// Twelve digits. In YAML, in quotes.
    pub account: String,
    /// The region's name.
    pub region: String,
    /// Thing groups, parents before their children.
    #[serde(default)]
    pub groups: Vec<FleetGroup>,
    /// Core devices.
    #[serde(default)]
    pub devices: Vec<FleetDevices>,
    /// Rules for all devices of this entry, after those of their own behaviour.
    #[serde(default)]
    pub rules: Vec<OutcomeRule>,
}

/// A thing group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FleetGroup {
    /// Its name.
    pub name: String,
    /// The group that it is a child of.
    #[serde(default)]
    pub parent: Option<String>,
}

/// Core devices of one kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FleetDevices {
    /// Their name; `#`s stand for the number, filled with zeros: `press-###` is press-001, press-002 and so on.
    pub name: String,
    /// How many there are. By default one.
    #[serde(default = "one")]
    pub count: u32,
    /// The first number. By default 1.
    #[serde(default = "one")]
    pub first: u32,
    /// The thing groups that they are in.
    #[serde(default)]
    pub groups: Vec<String>,
    /// Their nucleus: subdeployments need 2.9.0.
    #[serde(default = "nucleus")]
    pub nucleus: String,
    /// Whether they run the Greengrass nucleus lite, which takes no deployments to a thing.
    #[serde(default)]
    pub lite: bool,
    /// What they do with deployments.
    #[serde(default)]
    pub behaviour: Behaviour,
}

const fn one() -> u32 {
    1
}

fn nucleus() -> String {
    DEFAULT_NUCLEUS.to_owned()
}

/// Why a fleet was refused. Where a thing or group refuses what it asks for, what stands before has been made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FleetError {
    /// It is no YAML or JSON of the right form.
    #[error("{0}")]
    Unreadable(String),
    /// A field has a wrong value.
    #[error("{field}: {problem}")]
    Field {
        /// Where it stands: `accounts[0].devices[1].count`.
        field: String,
        /// What is wrong with it.
        problem: String,
    },
}

impl Fleet {
    /// Reads YAML, of which JSON is a part.
    pub fn from_yaml(text: &str) -> Result<Self, FleetError> {
        let fleet: Self = serde_saphyr::from_str(text).map_err(|error| FleetError::Unreadable(error.to_string()))?;
        fleet.check()?;
        Ok(fleet)
    }

    /// What is wrong with it, as far as it can be seen without the emulator's state.
    pub(crate) fn check(&self) -> Result<(), FleetError> {
        for (index, account) in self.accounts.iter().enumerate() {
            account.check().map_err(|(field, problem)| FleetError::Field {
                field: format!("accounts[{index}].{field}"),
                problem,
            })?;
        }
        Ok(())
    }
}

/// A field below an entry, and what is wrong with it.
type Problem = (String, String);

fn problem(field: &str, problem: impl Into<String>) -> Problem {
    (field.to_owned(), problem.into())
}

impl FleetAccount {
    fn check(&self) -> Result<(), Problem> {
        if !is_account(&self.account) {
            return Err(problem("account", "must be twelve digits; in YAML, in quotes"));
        }
        if !is_region(&self.region) {
            return Err(problem("region", "must be the name of a region, such as eu-west-1"));
        }
        for (index, group) in self.groups.iter().enumerate() {
            if !is_name(&group.name) {
                return Err((format!("groups[{index}].name"), "must match [a-zA-Z0-9:_-]+".to_owned()));
            }
        }
        for (index, devices) in self.devices.iter().enumerate() {
            let below = |(field, problem)| (format!("devices[{index}].{field}"), problem);
            devices.check().map_err(below)?;
        }
        for (index, rule) in self.rules.iter().enumerate() {
            if let Some(problem) = rule.problem() {
                return Err((format!("rules[{index}]"), problem.to_owned()));
            }
        }
        Ok(())
    }
}

impl FleetDevices {
    fn check(&self) -> Result<(), Problem> {
        if self.count > MOST_DEVICES {
            return Err(problem("count", format!("must be at most {MOST_DEVICES}")));
        }
        let last = self
            .first
            .checked_add(self.count)
            .ok_or_else(|| problem("first", "must leave room for the last number"))?
            .saturating_sub(1);
        match self.number_digits() {
            None => return Err(problem("name", "must have the #s of its number in one place")),
            Some(0) if self.count > 1 => {
                return Err(problem("name", "needs #s for the number of more than one device"));
            }
            Some(0) => {}
            Some(digits) if last.to_string().len() > digits => {
                return Err(problem("name", format!("has too few #s for the number {last}")));
            }
            Some(_) => {}
        }
        if !is_name(&self.name_of(last)) {
            return Err(problem("name", "must match [a-zA-Z0-9:_-]+ and have at most 128 characters"));
        }
        if semver::Version::parse(&self.nucleus).is_err() {
            return Err(problem("nucleus", format!("{:?} is no exact version", self.nucleus)));
        }
        self.behaviour.problem().map_or(Ok(()), |wrong| Err(problem("behaviour", wrong)))
    }

    /// The digits of the number; `None` when they stand in two places.
    fn number_digits(&self) -> Option<usize> {
        let digits = self.name.matches('#').count();
        (digits == 0 || self.name.contains(&"#".repeat(digits))).then_some(digits)
    }

    fn name_of(&self, number: u32) -> String {
        let digits = self.name.matches('#').count();
        if digits == 0 {
            return self.name.clone();
        }
        self.name.replacen(&"#".repeat(digits), &format!("{number:0digits$}"), 1)
    }

    /// The names of the devices.
    pub(crate) fn names(&self) -> impl Iterator<Item = String> {
        (0..self.count).map(|offset| self.name_of(self.first.saturating_add(offset)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn devices(name: &str, count: u32) -> String {
        format!(
            "accounts: [{{account: '123456789012', region: eu-west-1, devices: [{{name: '{name}', count: {count}}}]}}]"
        )
    }

    #[test]
    fn names_are_numbered_where_the_signs_stand() {
        let names =
            |text: &str| -> Vec<String> { Fleet::from_yaml(text).unwrap().accounts[0].devices[0].names().collect() };
        assert_eq!(names(&devices("press-##-a", 3)), ["press-01-a", "press-02-a", "press-03-a"]);
        assert_eq!(names(&devices("core", 1)), ["core"]);
        assert_eq!(names(&devices("core-#", 0)), Vec::<String>::new());
    }

    #[test]
    fn a_wrong_field_is_named_with_its_place() {
        for (text, field) in [
            (devices("core", 2), "accounts[0].devices[0].name"),
            (devices("core-#", 10), "accounts[0].devices[0].name"),
            (devices("#-core-#", 2), "accounts[0].devices[0].name"),
            (devices("core #", 2), "accounts[0].devices[0].name"),
            (devices("core-########", 100_000_000), "accounts[0].devices[0].count"),
            ("accounts: [{account: '1', region: eu-west-1}]".to_owned(), "accounts[0].account"),
            ("accounts: [{account: '123456789012', region: ''}]".to_owned(), "accounts[0].region"),
            (devices("core", 1).replace("count: 1", "nucleus: '2'"), "accounts[0].devices[0].nucleus"),
            (
                devices("core", 1).replace("count: 1", "behaviour: {takes: {seconds: -1}}"),
                "accounts[0].devices[0].behaviour",
            ),
        ] {
            let error = Fleet::from_yaml(&text).unwrap_err();
            assert!(matches!(&error, FleetError::Field { field: named, .. } if named == field), "{error}");
        }
        assert!(Fleet::from_yaml("accounts: [{nonsense: 1}]").unwrap_err().to_string().contains("nonsense"));
    }
}
