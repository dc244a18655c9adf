//! From an `AwsIdentity` as written to an [`Identity`] that holds no wrong value. Pure.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::core::Selector;
use thiserror::Error;

use super::{Identity, NamespaceRule, Role, RoleArn, TargetRule};
use crate::api::identity::{AllowedNamespaces, AwsIdentitySpec, DefaultFor};
use crate::api::rules;
use crate::deployment::validate::{parse_duration, tag_problems};

/// How long a session lasts unless the identity says otherwise: AWS's own default.
const SESSION: SignedDuration = SignedDuration::from_hours(1);
/// What `DurationSeconds` of `AssumeRole` takes.
const SHORTEST_SESSION: SignedDuration = SignedDuration::from_mins(15);
const LONGEST_SESSION: SignedDuration = SignedDuration::from_hours(12);
/// More often would be against the account's quota, more seldom no comparison.
const SHORTEST_INTERVAL: SignedDuration = SignedDuration::from_secs(10);
const LONGEST_INTERVAL: SignedDuration = SignedDuration::from_hours(24);

/// Why an `AwsIdentity` can't be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{}", .0.join("; "))]
pub struct InvalidIdentity(pub Vec<String>);

/// Who uses an identity without naming it.
#[derive(Clone, Debug, PartialEq)]
pub enum Defaults {
    /// Nobody.
    Nobody,
    /// Resources in these namespaces.
    In(Selector),
    /// That can't be read.
    Unreadable,
}

/// What was read of an `AwsIdentity`.
#[derive(Clone, Debug, PartialEq)]
pub struct Parsed {
    /// Who uses it without naming it, also where it can't be used: another identity in its place could be one of another account.
    pub default_for: Defaults,
    /// It, or what is wrong with it.
    pub identity: Result<Identity, InvalidIdentity>,
}

impl Parsed {
    /// An identity of which nothing can be read.
    #[must_use]
    pub fn unreadable(problem: String) -> Self {
        Self { default_for: Defaults::Unreadable, identity: Err(InvalidIdentity(vec![problem])) }
    }
}

/// Checks the spec of the identity with that name. What the schema refuses is checked again, because the installed one can be
/// older or younger than the operator. `allow_insecure` admits endpoints without TLS.
#[must_use]
pub fn parse(name: &str, spec: &AwsIdentitySpec, allow_insecure: bool) -> Parsed {
    // Named one by one: a new field must not be forgotten here.
    let AwsIdentitySpec {
        role_arn,
        external_id,
        session_duration,
        region,
        endpoint_url,
        allowed_namespaces,
        allowed_targets,
        default_for,
        drift_interval,
        tags,
    } = spec;
    let mut problems = Vec::new();
    let role = role(role_arn.as_deref(), external_id.as_deref(), session_duration.as_deref(), &mut problems);
    if let Some(region) = region
        && !is_region(region)
    {
        problems.push(format!("spec.region: {}", rules::REGION_WORDS));
    }
    if let Some(url) = endpoint_url {
        endpoint(url, allow_insecure, &mut problems);
    }
    let drift_interval = drift_interval.as_deref().and_then(|text| {
        let interval = parse_duration(text).filter(|it| (SHORTEST_INTERVAL..=LONGEST_INTERVAL).contains(it));
        if interval.is_none() {
            problems
                .push("spec.driftInterval: driftInterval must be from 10s to 24h: write for example 15m".to_owned());
        }
        interval
    });
    let AllowedNamespaces { names, selector } = allowed_namespaces.clone().unwrap_or_default();
    let names = names.unwrap_or_default();
    let selector = selector.and_then(|it| self::selector(it, "spec.allowedNamespaces.selector", &mut problems));
    let default_for = match default_for.clone() {
        None => Defaults::Nobody,
        Some(DefaultFor { namespace_selector }) => {
            self::selector(namespace_selector, "spec.defaultFor.namespaceSelector", &mut problems)
                .map_or(Defaults::Unreadable, Defaults::In)
        }
    };
    let tags: BTreeMap<String, String> = tags.clone().unwrap_or_default();
    if tags.len() > rules::MAX_IDENTITY_TAGS {
        problems.push("spec.tags: tags must have at most 20 entries: remove some".to_owned());
    }
    problems.extend(tag_problems(&tags));
    if !problems.is_empty() {
        return Parsed { default_for, identity: Err(InvalidIdentity(problems)) };
    }
    let identity = Identity {
        name: name.to_owned(),
        role,
        region: region.clone(),
        endpoint_url: endpoint_url.clone(),
        allowed_namespaces: NamespaceRule { names, selector },
        allowed_targets: TargetRule::of(allowed_targets.as_deref().unwrap_or_default()),
        drift_interval,
        tags,
    };
    Parsed { default_for, identity: Ok(identity) }
}

fn role(
    arn: Option<&str>,
    external_id: Option<&str>,
    session_duration: Option<&str>,
    problems: &mut Vec<String>,
) -> Option<Role> {
    let Some(text) = arn else {
        for (field, value) in [("externalId", external_id), ("sessionDuration", session_duration)] {
            if value.is_some() {
                problems.push(format!("spec.{field}: {}", rules::WITHOUT_ROLE));
            }
        }
        return None;
    };
    let arn = RoleArn::parse(text).filter(|_| text.len() <= rules::MAX_ROLE_ARN);
    if arn.is_none() {
        problems.push(format!("spec.roleArn: {}", rules::ROLE_ARN));
    }
    if let Some(id) = external_id {
        let fits = (2..=rules::MAX_EXTERNAL_ID).contains(&id.chars().count())
            && id.chars().all(|c| c.is_ascii_alphanumeric() || "_+=,.@:/-".contains(c));
        if !fits {
            problems.push(
                "spec.externalId: externalId must have 2 to 1224 characters, only letters, digits and _ + = , . @ : / -: write the one that the role's trust policy asks for"
                    .to_owned(),
            );
        }
    }
    let duration = session_duration.map_or(Some(SESSION), |text| {
        parse_duration(text).filter(|it| (SHORTEST_SESSION..=LONGEST_SESSION).contains(it))
    });
    if duration.is_none() {
        problems.push("spec.sessionDuration: sessionDuration must be from 15m to 12h: write for example 1h".to_owned());
    }
    Some(Role { arn: arn?, external_id: external_id.map(str::to_owned), session_duration: duration? })
}

fn is_region(region: &str) -> bool {
    region.starts_with(|c: char| c.is_ascii_lowercase())
        && region.len() <= 64
        && region.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

/// An address that carries a user or a query would be signed and sent elsewhere than it seems.
fn endpoint(url: &str, allow_insecure: bool, problems: &mut Vec<String>) {
    let (is_secure, rest) = match (url.strip_prefix("https://"), url.strip_prefix("http://")) {
        (Some(rest), _) => (true, rest),
        (None, Some(rest)) => (false, rest),
        (None, None) => (true, ""),
    };
    let is_fine = |c: char| c.is_ascii_alphanumeric() || "-._~:/[]".contains(c);
    if rest.is_empty() || rest.starts_with('/') || !rest.chars().all(is_fine) {
        problems.push(format!("spec.endpointUrl: {}", rules::ENDPOINT_URL_WORDS));
    } else if !is_secure && !allow_insecure {
        problems.push(
            "spec.endpointUrl: endpointUrl must begin with https://, because calls carry a session token: use TLS, or run the operator with --allow-insecure-endpoints"
                .to_owned(),
        );
    }
}

/// A selector that can't be read selects nothing, and the identity can't be used. kube takes some that Kubernetes refuses, and
/// `NotIn` without values would select every namespace.
fn selector(selector: LabelSelector, field: &str, problems: &mut Vec<String>) -> Option<Selector> {
    let is_whole = selector.match_expressions.iter().flatten().all(|it| {
        let has_values = it.values.as_ref().is_some_and(|values| !values.is_empty());
        has_values == matches!(&*it.operator, "In" | "NotIn")
    });
    let selector = is_whole.then(|| Selector::try_from(selector).ok()).flatten();
    if selector.is_none() {
        problems.push(format!(
            "{field}: it is no label selector: In and NotIn need values, Exists and DoesNotExist have none"
        ));
    }
    selector
}
