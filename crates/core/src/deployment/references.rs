//! What a spec refers to, as far as it was read. Pure.

use std::collections::BTreeMap;

use crate::identity::{Place, TargetRule};
use crate::names::{Key, TargetArn};

/// What a spec refers to, as far as it was read.
#[derive(Clone, Debug, PartialEq)]
pub struct References {
    /// The identity through which AWS is reached.
    pub identity: IdentityFound,
    /// The target of the resource that `parent` names.
    pub parent: ParentFound,
    /// `ConfigMaps` by name; one that is not among them was not read yet.
    pub config_maps: BTreeMap<String, ConfigMapFound>,
}

impl References {
    /// For those who have no cluster: an identity that may be used for everything, and nothing else.
    #[must_use]
    pub fn unrestricted() -> Self {
        Self::through(IdentityFound::Granted(Grant::of_everything(crate::identity::DEFAULT)))
    }

    /// Only this identity was read.
    #[must_use]
    pub fn through(identity: IdentityFound) -> Self {
        Self { identity, parent: ParentFound::default(), config_maps: BTreeMap::new() }
    }
}

/// The identity through which a resource reaches AWS.
#[derive(Clone, Debug, PartialEq)]
pub enum IdentityFound {
    /// There is none, or it can't be used yet: it may be on its way. What is wrong and what to do.
    Missing(String),
    /// It does not allow this.
    NotAllowed(String),
    /// This one, within these bounds.
    Granted(Grant),
}

impl IdentityFound {
    /// Why AWS must not be asked about this key for the resource; none where it may be.
    #[must_use]
    pub fn refuses(&self, key: &Key) -> Option<String> {
        match self {
            Self::Missing(message) | Self::NotAllowed(message) => Some(message.clone()),
            Self::Granted(grant) => grant.refuses(key),
        }
    }

    /// The tags of every deployment that is made through it.
    #[must_use]
    pub fn tags(&self) -> BTreeMap<String, String> {
        match self {
            Self::Missing(_) | Self::NotAllowed(_) => BTreeMap::new(),
            Self::Granted(grant) => grant.tags.clone(),
        }
    }

    /// Where targets are that are named without their ARN.
    #[must_use]
    pub fn place(&self) -> Option<Place> {
        match self {
            Self::Missing(_) | Self::NotAllowed(_) => None,
            Self::Granted(grant) => grant.place().ok(),
        }
    }
}

/// What an identity gives a resource.
#[derive(Clone, Debug, PartialEq)]
pub struct Grant {
    /// The identity's name.
    pub identity: String,
    /// The account of its credentials, twelve digits, where it is known.
    pub account: Option<String>,
    /// The partition of that account.
    pub partition: String,
    /// The region of targets that are named without their ARN, where there is one.
    pub region: Option<String>,
    /// What it may be used for.
    pub targets: TargetRule,
    /// Tags of every deployment that is made through it.
    pub tags: BTreeMap<String, String>,
}

impl Grant {
    /// An identity that may be used for everything and knows no account.
    #[must_use]
    pub fn of_everything(identity: &str) -> Self {
        Self {
            identity: identity.to_owned(),
            account: None,
            partition: "aws".to_owned(),
            region: None,
            targets: TargetRule::of(&["*".to_owned()]),
            tags: BTreeMap::new(),
        }
    }

    /// Where targets are that are named without their ARN, or what is missing for that.
    pub fn place(&self) -> Result<Place, String> {
        let Self { identity, account, partition, region, targets: _, tags: _ } = self;
        let Some(region) = region else {
            return Err(format!(
                "AwsIdentity {identity} says no region for a target that is named without its ARN: set the identity's region, or AWS_REGION for the operator, or write targetArn"
            ));
        };
        let Some(account) = account else {
            return Err(format!(
                "the AWS account of AwsIdentity {identity} is not known, because AWS has not accepted its credentials: see the identity's condition Ready, or write targetArn"
            ));
        };
        Ok(Place { partition: partition.clone(), region: region.clone(), account: account.clone() })
    }

    /// Why AWS must not be asked about this key; none where it may be.
    #[must_use]
    pub fn refuses(&self, key: &Key) -> Option<String> {
        self.refuses_arns(key.arns(), key.target.account())
    }

    /// Why AWS must not be asked about these things of that account; none where it may be.
    pub fn refuses_arns<'a>(&self, arns: impl IntoIterator<Item = &'a str>, owner: &str) -> Option<String> {
        let Self { identity, account, targets, .. } = self;
        if let Some(target) = arns.into_iter().find(|arn| !targets.matches(arn)) {
            return Some(format!(
                "AwsIdentity {identity} does not allow {target}: add a pattern for it to the identity's allowedTargets, or name another identity in spec.identityRef"
            ));
        }
        match account {
            Some(account) if account != owner => Some(format!(
                "AwsIdentity {identity} is for account {account}, and the target is in account {owner}: name an identity for that account in spec.identityRef"
            )),
            Some(_) | None => None,
        }
    }
}

/// The resource that `parent` names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ParentFound {
    /// There is none.
    #[default]
    Missing,
    /// There is one, and it can't be a parent: its target is a thing, it is a subdeployment, or it can't be read.
    Unfit,
    /// This is its target.
    Target(TargetArn),
}

/// A `ConfigMap`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigMapFound {
    /// There is none.
    Missing,
    /// The API server does not hand it out; its words.
    Denied(String),
    /// Its `data`.
    Data(BTreeMap<String, String>),
}
