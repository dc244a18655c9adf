//! Account and region, and the ARNs that follow from them. Pure.

use serde::{Deserialize, Serialize};

/// What state belongs to: nothing of one account and region is visible in another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Scope {
    /// Twelve digits.
    pub account: String,
    /// A region's name, as it stands in the credential scope of a signature.
    pub region: String,
}

impl Scope {
    /// The scope of an account and a region.
    pub fn new(account: impl Into<String>, region: impl Into<String>) -> Self {
        Self { account: account.into(), region: region.into() }
    }

    /// The partition that a region belongs to: <https://docs.aws.amazon.com/general/latest/gr/aws-arns-and-namespaces.html>.
    fn partition(&self) -> &'static str {
        if self.region.starts_with("cn-") {
            "aws-cn"
        } else if self.region.starts_with("us-gov-") {
            "aws-us-gov"
        } else {
            "aws"
        }
    }

    fn iot_arn(&self, resource: &str) -> String {
        format!("arn:{}:iot:{}:{}:{resource}", self.partition(), self.region, self.account)
    }

    /// The ARN of a thing.
    #[must_use]
    pub fn thing_arn(&self, name: &str) -> String {
        self.iot_arn(&format!("thing/{name}"))
    }

    /// The ARN of a thing group.
    #[must_use]
    pub fn thing_group_arn(&self, name: &str) -> String {
        self.iot_arn(&format!("thinggroup/{name}"))
    }

    /// The ARN of an `IoT` job.
    #[must_use]
    pub fn job_arn(&self, id: &str) -> String {
        self.iot_arn(&format!("job/{id}"))
    }

    /// A revision of a target as devices name it: aws-greengrass-component-common, `configurationArn`.
    pub(crate) fn configuration_arn(&self, target_arn: &str, revision: u64) -> String {
        let target = target_arn.splitn(6, ':').nth(5).unwrap_or_default();
        format!(
            "arn:{}:greengrass:{}:{}:configuration:{target}:{revision}",
            self.partition(),
            self.region,
            self.account
        )
    }

    /// The ARN of an IAM user.
    pub(crate) fn user_arn(&self, name: &str) -> String {
        format!("arn:{}:iam::{}:user/{name}", self.partition(), self.account)
    }

    /// The ARN of the session of a role.
    pub(crate) fn session_arn(&self, role: &str, session: &str) -> String {
        format!("arn:{}:sts::{}:assumed-role/{role}/{session}", self.partition(), self.account)
    }

    /// The ARN of a component of this account, from the AWS CLI's example of list-components.
    #[must_use]
    pub fn component_arn(&self, name: &str) -> String {
        format!("arn:{}:greengrass:{}:{}:components:{name}", self.partition(), self.region, self.account)
    }

    /// The ARN of a version of a component.
    #[must_use]
    pub fn component_version_arn(&self, name: &str, version: &str) -> String {
        format!("{}:versions:{version}", self.component_arn(name))
    }

    /// The ARN of a system instance of Things Graph, from the AWS CLI's example of create-system-instance.
    #[must_use]
    pub fn system_instance_arn(&self, name: &str) -> String {
        format!("arn:{}:iotthingsgraph:{}:{}:Deployment/default/{name}", self.partition(), self.region, self.account)
    }

    /// The ARN by which a deployment is tagged, from the Service Authorization Reference of `greengrassv2`: `deployments:ID`, with a colon.
    #[must_use]
    pub fn deployment_arn(&self, id: &str) -> String {
        format!("arn:{}:greengrass:{}:{}:deployments:{id}", self.partition(), self.region, self.account)
    }
}

/// What a deployment is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target<'a> {
    Thing(&'a str),
    ThingGroup(&'a str),
}

impl<'a> Target<'a> {
    /// The thing or thing group that an ARN names within a scope; `None` when the ARN is of another account, region or partition.
    pub(crate) fn within(scope: &Scope, arn: &'a str) -> Option<Self> {
        let target = Self::of(arn)?;
        let own = match target {
            Target::Thing(name) => scope.thing_arn(name),
            Target::ThingGroup(name) => scope.thing_group_arn(name),
        };
        (own == arn).then_some(target)
    }

    /// The kind and name in a target ARN, wherever it belongs.
    pub(crate) fn of(arn: &'a str) -> Option<Self> {
        let resource = arn.splitn(6, ':').nth(5)?;
        match resource.split_once('/')? {
            ("thing", name) => Some(Self::Thing(name)),
            ("thinggroup", name) => Some(Self::ThingGroup(name)),
            _ => None,
        }
    }

    pub(crate) const fn is_thing_group(self) -> bool {
        matches!(self, Self::ThingGroup(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arns_carry_the_partition_of_the_region() {
        let arn = |region| Scope::new("123456789012", region).thing_group_arn("g");
        assert_eq!(arn("eu-west-1"), "arn:aws:iot:eu-west-1:123456789012:thinggroup/g");
        assert_eq!(arn("cn-north-1"), "arn:aws-cn:iot:cn-north-1:123456789012:thinggroup/g");
        assert_eq!(arn("us-gov-west-1"), "arn:aws-us-gov:iot:us-gov-west-1:123456789012:thinggroup/g");
    }

    #[test]
    fn a_target_of_another_account_or_region_is_not_within_the_scope() {
        let here = Scope::new("123456789012", "eu-west-1");
        let thing = here.thing_arn("core:1");
        assert_eq!(Target::within(&here, &thing), Some(Target::Thing("core:1")));
        assert_eq!(Target::within(&Scope::new("123456789012", "eu-west-2"), &thing), None);
        assert_eq!(Target::within(&Scope::new("210987654321", "eu-west-1"), &thing), None);
        assert_eq!(Target::of("arn:aws:iot:eu-west-1:1:job/x"), None);
    }
}
