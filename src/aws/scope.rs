//! On whose behalf, where and how urgently AWS is called. Pure.

use greengrass_operator_core::names::TargetArn;

use super::connection::Connection;

/// Which AWS: calls of one scope share credentials, and an account and region share quotas.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope {
    /// Through which credentials.
    pub connection: Connection,
    /// The account, twelve digits.
    pub account: String,
    /// The region, for example `eu-central-1`.
    pub region: String,
}

impl Scope {
    /// Where this target lives.
    #[must_use]
    pub fn of(connection: Connection, target: &TargetArn) -> Self {
        Self { connection, account: target.account().to_owned(), region: target.region().to_owned() }
    }
}

/// How urgent a call is; the first is the most urgent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// A person changed something and waits.
    Change,
    /// An open intent after a failure or a start.
    Recovery,
    /// Reading how a rollout goes.
    Rollout,
    /// Looking at everything from time to time.
    Sweep,
    /// Pruning old revisions.
    History,
    /// Deleting what a resource leaves behind: bounded by the account's ten deletions at a time anyway.
    Deletion,
}

impl Class {
    /// Every class, the most urgent first.
    pub const ALL: [Self; 6] =
        [Self::Change, Self::Recovery, Self::Rollout, Self::Sweep, Self::History, Self::Deletion];

    /// The label of metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Change => "change",
            Self::Recovery => "recovery",
            Self::Rollout => "rollout",
            Self::Sweep => "sweep",
            Self::History => "history",
            Self::Deletion => "deletion",
        }
    }
}

/// APIs that share a quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ApiFamily {
    /// AWS IoT Greengrass V2: all control-plane operations together.
    Greengrass,
    /// AWS IoT jobs: each operation alone; counted together here, which is on the safe side.
    IotJobs,
    /// AWS STS: who the credentials are. AWS allows 600 calls a second and region (IAM User Guide, "IAM and AWS STS quotas").
    Sts,
    /// AWS IoT Things Graph: all operations together. AWS tells no quota of it.
    ThingsGraph,
}

impl ApiFamily {
    /// The label of metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Greengrass => "greengrass",
            Self::IotJobs => "iot-jobs",
            Self::Sts => "sts",
            Self::ThingsGraph => "things-graph",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn account_and_region_come_from_the_target() {
        let target = TargetArn::parse("arn:aws-cn:iot:cn-north-1:123456789012:thinggroup/Presses").unwrap();
        let scope = Scope::of(Connection::own(), &target);
        assert_eq!((scope.account.as_str(), scope.region.as_str()), ("123456789012", "cn-north-1"));
    }

    #[test]
    fn a_persons_change_is_the_most_urgent() {
        assert_eq!(Class::ALL.iter().min(), Some(&Class::Change));
        assert!(Class::ALL.is_sorted());
    }
}
