//! Quotas on calls, per account and region, and who has used them up. Pure.

use std::{collections::BTreeMap, num::NonZeroU32};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    operation::{Operation, Service},
    scope::Scope,
};

/// So many calls a second are let through, with bursts of as many; or all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "a rate is a number above 0 or \"unlimited\"")]
pub enum Rate {
    /// No limit.
    Unlimited,
    /// A limit. In JSON, and in `--quota NAME=RATE`, the number alone.
    #[serde(untagged)]
    PerSecond(NonZeroU32),
}

/// The quotas of every account and region. By default AWS's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Quotas {
    /// All operations of Greengrass together but `CreateComponentVersion`. Absent: 30 a second, 10 in cn-north-1 and AWS `GovCloud`
    /// (<https://docs.aws.amazon.com/general/latest/gr/greengrassv2.html>).
    pub greengrass: Option<Rate>,
    /// `CreateComponentVersion`, which doesn't count among the others. Absent: 1 a second
    /// (<https://docs.aws.amazon.com/general/latest/gr/greengrassv2.html>).
    pub create_component_version: Option<Rate>,
    /// Each operation of `IoT` Jobs for itself. Absent: 10 a second
    /// (<https://docs.aws.amazon.com/general/latest/gr/iot_device_management.html>).
    pub jobs: Option<Rate>,
    /// All operations of Things Graph together. Absent: no limit, for those of AWS are no longer published.
    pub things_graph: Option<Rate>,
}

const GREENGRASS: Rate = per_second(30);
const GREENGRASS_IN_SMALL_REGIONS: Rate = per_second(10);
const CREATE_COMPONENT_VERSION: Rate = per_second(1);
const JOBS: Rate = per_second(10);

const fn per_second(number: u32) -> Rate {
    match NonZeroU32::new(number) {
        Some(number) => Rate::PerSecond(number),
        None => Rate::Unlimited,
    }
}

/// Why a change of quotas was refused.
#[derive(Debug, thiserror::Error)]
pub enum QuotaError {
    /// A flag without `=`.
    #[error("{0:?} is not of the form NAME=RATE")]
    NoRate(String),
    /// There is no such quota, or it is neither a number above 0 nor `unlimited`.
    #[error(transparent)]
    Unknown(#[from] serde_json::Error),
}

impl Quotas {
    /// No limits at all.
    #[must_use]
    pub const fn unlimited() -> Self {
        let unlimited = Some(Rate::Unlimited);
        Self { greengrass: unlimited, create_component_version: unlimited, jobs: unlimited, things_graph: unlimited }
    }

    /// These quotas after one `NAME=RATE`, as the command line has it.
    pub fn with_flag(self, flag: &str) -> Result<Self, QuotaError> {
        let (name, rate) = flag.split_once('=').ok_or_else(|| QuotaError::NoRate(flag.to_owned()))?;
        let rate = rate.parse::<u32>().map_or_else(|_| serde_json::json!(rate), |number| serde_json::json!(number));
        let mut all = serde_json::to_value(self)?;
        if let Some(members) = all.as_object_mut() {
            members.insert(name.to_owned(), rate);
        }
        Ok(serde_json::from_value(all)?)
    }

    fn of(&self, family: Family, region: &str) -> Rate {
        match family {
            Family::Greengrass => self.greengrass.unwrap_or_else(|| {
                let small = region == "cn-north-1" || region.starts_with("us-gov-");
                if small { GREENGRASS_IN_SMALL_REGIONS } else { GREENGRASS }
            }),
            Family::CreateComponentVersion => self.create_component_version.unwrap_or(CREATE_COMPONENT_VERSION),
            Family::Job(_) => self.jobs.unwrap_or(JOBS),
            Family::ThingsGraph => self.things_graph.unwrap_or(Rate::Unlimited),
        }
    }
}

/// Operations that share a quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Family {
    Greengrass,
    CreateComponentVersion,
    Job(Operation),
    ThingsGraph,
}

impl Family {
    /// `None` for operations whose quota is far above what a test reaches, or not public.
    fn of(operation: Operation) -> Option<Self> {
        match operation.service() {
            Service::Greengrass if operation == Operation::CreateComponentVersion => Some(Self::CreateComponentVersion),
            Service::Greengrass => Some(Self::Greengrass),
            Service::Iot => operation.is_about_jobs().then_some(Self::Job(operation)),
            Service::ThingsGraph => Some(Self::ThingsGraph),
            Service::IotData | Service::Sts => None,
        }
    }
}

/// What is left of the quotas.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    pub(crate) quotas: Quotas,
    /// For each bucket the time at which it will be full again.
    full_at: BTreeMap<(Scope, Family), Timestamp>,
}

impl Meter {
    pub(crate) const fn new(quotas: Quotas) -> Self {
        Self { quotas, full_at: BTreeMap::new() }
    }

    /// Takes one call from its quota; or after how many seconds to come again.
    pub(crate) fn take(&mut self, scope: &Scope, operation: Operation, now: Timestamp) -> Result<(), u32> {
        let Some(family) = Family::of(operation) else {
            return Ok(());
        };
        let Rate::PerSecond(rate) = self.quotas.of(family, &scope.region) else {
            return Ok(());
        };
        let each = SignedDuration::from_nanos(1_000_000_000 / i64::from(rate.get()));
        let full_at = self.full_at.entry((scope.clone(), family)).or_insert(now);
        let next = (*full_at).max(now).checked_add(each).unwrap_or(Timestamp::MAX);
        if next.duration_since(now) > SignedDuration::from_secs(1) {
            return Err(1);
        }
        *full_at = next;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(region: &str) -> Scope {
        Scope::new("123456789012", region)
    }

    /// How many of a hundred calls at a time pass.
    fn passed(meter: &mut Meter, region: &str, operation: Operation, milliseconds: i64) -> usize {
        let now = Timestamp::from_millisecond(milliseconds).unwrap();
        (0..100).filter(|_| meter.take(&scope(region), operation, now).is_ok()).count()
    }

    #[test]
    fn greengrass_has_thirty_calls_a_second_together_and_each_job_operation_ten() {
        let mut meter = Meter::default();
        assert_eq!(passed(&mut meter, "eu-west-1", Operation::GetDeployment, 0), 30);
        assert_eq!(passed(&mut meter, "eu-west-1", Operation::ListDeployments, 0), 0);
        assert_eq!(passed(&mut meter, "eu-west-1", Operation::ListDeployments, 500), 15);
        assert_eq!(passed(&mut meter, "eu-west-2", Operation::ListDeployments, 500), 30);
        assert_eq!(passed(&mut meter, "cn-north-1", Operation::ListDeployments, 500), 10);
        assert_eq!(passed(&mut meter, "eu-west-1", Operation::DescribeJob, 500), 10);
        assert_eq!(passed(&mut meter, "eu-west-1", Operation::ListJobs, 500), 10);
        assert_eq!(passed(&mut meter, "eu-west-1", Operation::CreateThing, 500), 100);
    }

    #[test]
    fn one_component_version_a_second_is_created_and_does_not_count_among_the_others() {
        let mut meter = Meter::default();
        assert_eq!(passed(&mut meter, "eu-west-1", Operation::CreateComponentVersion, 0), 1);
        assert_eq!(passed(&mut meter, "eu-west-1", Operation::GetComponent, 0), 30);
        assert_eq!(passed(&mut meter, "eu-west-1", Operation::CreateComponentVersion, 999), 0);
        assert_eq!(passed(&mut meter, "eu-west-1", Operation::CreateComponentVersion, 1000), 1);
    }

    #[test]
    fn things_graph_has_no_limit_until_it_is_given_one() {
        let mut meter = Meter::default();
        assert_eq!(passed(&mut meter, "eu-west-1", Operation::GetSystemInstance, 0), 100);
        meter.quotas = Quotas::default().with_flag("thingsGraph=7").unwrap();
        assert_eq!(passed(&mut meter, "eu-west-1", Operation::GetSystemInstance, 0), 7);
        assert_eq!(passed(&mut meter, "eu-west-1", Operation::SearchSystemInstances, 0), 0);
        assert_eq!(passed(&mut meter, "eu-west-1", Operation::GetDeployment, 0), 30);
    }

    #[test]
    fn a_quota_is_a_number_or_unlimited() {
        let quotas = Quotas::default().with_flag("greengrass=5").unwrap().with_flag("jobs=unlimited").unwrap();
        let mut meter = Meter::new(quotas);
        assert_eq!(passed(&mut meter, "eu-west-1", Operation::GetDeployment, 0), 5);
        assert_eq!(passed(&mut meter, "eu-west-1", Operation::DescribeJob, 0), 100);
        for wrong in ["greengrass", "greengrass=0", "greengrass=much", "things=1"] {
            assert!(Quotas::default().with_flag(wrong).is_err(), "{wrong}");
        }
    }
}
