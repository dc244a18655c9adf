//! The table: for each way to fail, who must act, how that shows, and whether the request surely had no effect. Pure.

use std::fmt::Write as _;

use super::{FailureKind, Operation};

/// Who must act before a repetition can succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Who {
    /// AWS, the network, or time: the operator repeats.
    Service,
    /// A person: permissions, the spec, a target.
    Person,
}

/// The reason of the condition `Stalled` when a person must act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Blocking {
    /// Permissions or credentials.
    AccessDenied,
    /// The thing, thing group or parent does not exist.
    TargetNotFound,
    /// AWS refuses what the spec asks for.
    InvalidSpec,
    /// A quota of the account.
    QuotaExceeded,
    /// AWS refuses to cancel or delete.
    DeletionBlocked,
}

impl Blocking {
    /// The reason as it stands in conditions and events.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::AccessDenied => "AccessDenied",
            Self::TargetNotFound => "TargetNotFound",
            Self::InvalidSpec => "InvalidSpec",
            Self::QuotaExceeded => "QuotaExceeded",
            Self::DeletionBlocked => "DeletionBlocked",
        }
    }
}

/// What a failure means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Who must act.
    pub who: Who,
    /// The reason to show when a person must act and two minutes have passed; exactly for [`Who::Person`].
    pub blocking: Option<Blocking>,
    /// Whether the request surely had no effect. Where it is not, a later request that differs could make a second
    /// revision.
    pub clearly_refused: bool,
    /// What to do, a clause in lower case.
    pub advice: &'static str,
}

const fn service(clearly_refused: bool, advice: &'static str) -> Rule {
    Rule { who: Who::Service, blocking: None, clearly_refused, advice }
}

const fn person(blocking: Blocking, clearly_refused: bool, advice: &'static str) -> Rule {
    Rule { who: Who::Person, blocking: Some(blocking), clearly_refused, advice }
}

impl Rule {
    /// What it means that this call failed in this way.
    #[must_use]
    pub const fn of(kind: FailureKind, operation: Operation) -> Self {
        let rule = Self::whatever_was_sent(kind, operation);
        match operation {
            // Credentials are had before anything else is sent, and asking who one is changes nothing.
            Operation::AssumeRole | Operation::GetCallerIdentity => Self { clearly_refused: true, ..rule },
            Operation::CreateDeployment
            | Operation::GetDeployment
            | Operation::ListDeployments
            | Operation::CancelDeployment
            | Operation::DeleteDeployment
            | Operation::TagResource
            | Operation::UntagResource
            | Operation::DescribeJob
            | Operation::ListJobExecutionsForJob
            | Operation::DescribeJobExecution
            | Operation::GetThingShadow
            | Operation::CreateSystemInstance
            | Operation::GetSystemInstance
            | Operation::SearchSystemInstances
            | Operation::DeploySystemInstance
            | Operation::UndeploySystemInstance
            | Operation::DeleteSystemInstance
            | Operation::ListTagsForResource
            | Operation::TagSystemInstance
            | Operation::UntagSystemInstance => rule,
        }
    }

    const fn whatever_was_sent(kind: FailureKind, operation: Operation) -> Self {
        match kind {
            FailureKind::AccessDenied => person(Blocking::AccessDenied, true, permission(operation)),
            FailureKind::NotFound => not_found(operation),
            FailureKind::Validation => validation(operation),
            // Not among the errors that AWS documents for deployments: whether it comes before any effect is not known.
            FailureKind::QuotaExceeded => {
                person(Blocking::QuotaExceeded, false, "free or raise the quota of the account that AWS names")
            }
            FailureKind::Throttled => {
                service(true, "the account's rate of API calls is exceeded; the operator slows down and repeats")
            }
            FailureKind::DeletionLimit => service(
                true,
                "AWS deletes at most ten deployments of an account at a time; the operator repeats in a minute",
            ),
            FailureKind::Conflict => {
                service(false, "another operation on the same resource is under way; the operator repeats")
            }
            FailureKind::InProgress => {
                service(false, "AWS is still working on the same request; the operator repeats it with the same token")
            }
            FailureKind::Service => {
                service(false, "the fault is AWS's; the operator looks what came of it and repeats")
            }
            FailureKind::TimedOut => service(
                false,
                "the operator looks what came of it and repeats; if it stays, check the network and AWS's health page",
            ),
            FailureKind::Unreachable => service(
                false,
                "the operator looks what came of it and repeats; if it stays, check DNS, proxy, network policy and the endpoint's URL",
            ),
            FailureKind::BadReply => service(
                false,
                "the operator looks what came of it and repeats; if it stays, check whether a proxy answers in AWS's place",
            ),
            // The signature is checked before anything is done, and without credentials nothing is sent.
            FailureKind::Credentials => person(
                Blocking::AccessDenied,
                true,
                "give the operator valid credentials: its service account's role, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; check the node's clock",
            ),
            FailureKind::Construction => person(Blocking::InvalidSpec, true, "correct the value that is named"),
            FailureKind::Fenced => service(true, "another replica leads and goes on with it"),
        }
    }
}

const fn permission(operation: Operation) -> &'static str {
    match operation {
        Operation::CreateDeployment
        | Operation::GetDeployment
        | Operation::ListDeployments
        | Operation::CancelDeployment
        | Operation::DeleteDeployment
        | Operation::TagResource
        | Operation::UntagResource => {
            "allow this action, and the iot: actions that AWS checks with it, to the credentials of the operator"
        }
        Operation::DescribeJob => "allow iot:DescribeJob to the credentials of the operator",
        Operation::ListJobExecutionsForJob => "allow iot:ListJobExecutionsForJob to the credentials of the operator",
        Operation::DescribeJobExecution => "allow iot:DescribeJobExecution to the credentials of the operator",
        Operation::GetThingShadow => "allow iot:GetThingShadow to the credentials of the operator",
        Operation::AssumeRole => {
            "let the role's trust policy allow sts:AssumeRole and sts:TagSession to the operator's own credentials, with the externalId of the AwsIdentity, and allow both on the role to those"
        }
        Operation::CreateSystemInstance
        | Operation::GetSystemInstance
        | Operation::SearchSystemInstances
        | Operation::DeploySystemInstance
        | Operation::UndeploySystemInstance
        | Operation::DeleteSystemInstance
        | Operation::ListTagsForResource
        | Operation::TagSystemInstance
        | Operation::UntagSystemInstance => "allow this action of iotthingsgraph to the credentials of the operator",
        Operation::GetCallerIdentity => {
            "AWS allows this to all valid credentials: check whether a proxy answers in AWS's place"
        }
    }
}

const fn not_found(operation: Operation) -> Rule {
    match operation {
        Operation::CreateDeployment => person(
            Blocking::TargetNotFound,
            true,
            "create the thing or thing group; a resource's target can't change, so for another one create another resource",
        ),
        // A deployment shows some seconds after its creation, and one that is gone may be what was wanted: the caller
        // knows which; nobody can do anything about it.
        Operation::GetDeployment
        | Operation::ListDeployments
        | Operation::CancelDeployment
        | Operation::DeleteDeployment
        | Operation::TagResource
        | Operation::UntagResource => {
            service(true, "the deployment does not show yet, or is gone; the operator looks again")
        }
        Operation::DescribeJob
        | Operation::ListJobExecutionsForJob
        | Operation::DescribeJobExecution
        | Operation::GetThingShadow => {
            service(true, "what devices did does not show yet, or is gone; the operator looks again")
        }
        Operation::CreateSystemInstance => person(
            Blocking::TargetNotFound,
            true,
            "create the system, the devices and the Greengrass group that the definition names",
        ),
        Operation::GetSystemInstance
        | Operation::SearchSystemInstances
        | Operation::DeploySystemInstance
        | Operation::UndeploySystemInstance
        | Operation::DeleteSystemInstance
        | Operation::ListTagsForResource
        | Operation::TagSystemInstance
        | Operation::UntagSystemInstance => {
            service(true, "the system instance does not show yet, or is gone; the operator looks again")
        }
        Operation::AssumeRole | Operation::GetCallerIdentity => {
            person(Blocking::AccessDenied, true, "correct the AwsIdentity's roleArn, region and endpointUrl")
        }
    }
}

const fn validation(operation: Operation) -> Rule {
    match operation {
        Operation::CreateDeployment
        | Operation::GetDeployment
        | Operation::ListDeployments
        | Operation::TagResource
        | Operation::UntagResource
        | Operation::CreateSystemInstance
        | Operation::GetSystemInstance
        | Operation::SearchSystemInstances
        | Operation::DeploySystemInstance
        | Operation::ListTagsForResource
        | Operation::TagSystemInstance
        | Operation::UntagSystemInstance => person(Blocking::InvalidSpec, true, "correct what AWS names in the spec"),
        // Only for what AWS itself has named: nothing in the spec can be wrong about it.
        Operation::DescribeJob
        | Operation::ListJobExecutionsForJob
        | Operation::DescribeJobExecution
        | Operation::GetThingShadow => service(true, "the operator repeats; what devices did is not known until then"),
        Operation::AssumeRole | Operation::GetCallerIdentity => person(
            Blocking::AccessDenied,
            true,
            "correct what AWS names in the AwsIdentity: roleArn, externalId, sessionDuration; a role's session can't last longer than the role allows",
        ),
        Operation::UndeploySystemInstance | Operation::DeleteSystemInstance => person(
            Blocking::DeletionBlocked,
            true,
            "look at the system instance in AWS; to let go of it, delete the resource with deletionPolicy Retain",
        ),
        Operation::CancelDeployment | Operation::DeleteDeployment => person(
            Blocking::DeletionBlocked,
            true,
            "look at the deployment in AWS; to let go of it, set deletionPolicy to Retain",
        ),
    }
}

/// The table as Markdown, for `docs/errors.md`.
#[must_use]
pub fn table_markdown() -> String {
    let mut text = String::from(HEAD);
    for kind in FailureKind::ALL {
        let mut groups: Vec<(Rule, Vec<Operation>)> = Vec::new();
        for operation in Operation::ALL {
            let rule = Rule::of(kind, operation);
            match groups.iter_mut().find(|(known, _)| *known == rule) {
                Some((_, operations)) => operations.push(operation),
                None => groups.push((rule, vec![operation])),
            }
        }
        for (rule, operations) in groups {
            let calls = if operations.len() == Operation::ALL.len() {
                "every call".to_owned()
            } else {
                operations.iter().map(|operation| operation.name()).collect::<Vec<_>>().join(", ")
            };
            let who = match rule.who {
                Who::Service => "the service",
                Who::Person => "a person",
            };
            let reason = rule.blocking.map_or_else(|| "–".to_owned(), |blocking| format!("`{}`", blocking.reason()));
            let refused = if rule.clearly_refused { "yes" } else { "no" };
            // Writing to a String can't fail.
            let _ = writeln!(
                text,
                "| `{}` | {calls} | {} | {who} | {reason} | {refused} | {} |",
                kind.name(),
                codes(kind),
                rule.advice
            );
        }
    }
    text
}

/// What of AWS or of the network ends in this kind, for readers.
const fn codes(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::AccessDenied => "AccessDeniedException, AccessDenied, ForbiddenException",
        FailureKind::NotFound => "ResourceNotFoundException",
        FailureKind::Validation => "ValidationException, InvalidRequestException",
        FailureKind::QuotaExceeded => "ServiceQuotaExceededException, LimitExceededException",
        FailureKind::Throttled => "ThrottlingException and its older names, HTTP 429",
        FailureKind::DeletionLimit => "ThrottlingException that names DELETION_IN_PROGRESS",
        FailureKind::Conflict => "ConflictException, ResourceInUseException, ResourceAlreadyExistsException",
        FailureKind::InProgress => "RequestAlreadyInProgressException",
        FailureKind::Service => "InternalServerException, ServiceUnavailable, HTTP 5xx, unknown codes",
        FailureKind::TimedOut => "no answer within 30 s for CreateDeployment, 10 s for the rest",
        FailureKind::Unreachable => "connection refused, reset or not made within 3.1 s, DNS, TLS",
        FailureKind::BadReply => "an answer that is not AWS's JSON",
        FailureKind::Credentials => {
            "no credentials found, ExpiredTokenException, UnrecognizedClientException, InvalidSignatureException, \
             IncompleteSignature, MissingAuthenticationToken, InvalidClientTokenId, OptInRequired, RequestExpired"
        }
        FailureKind::Construction => "a value that no request can carry",
        FailureKind::Fenced => "leadership was lost",
    }
}

const HEAD: &str = "\
# When a call to AWS fails

<!-- Generated from crates/core/src/failure/rule.rs. After a change: UPDATE_DOCS=1 cargo test -p greengrass-operator-core failure -->

Every failure is on the resource: `Ready` names the call, AWS's code, AWS's words and what to do. The request id is in
the event and in the log.

*The service* must act: the operator repeats after 1, 5 and 72 seconds, then twice as long each time up to 5 minutes, and never
before AWS's Retry-After is over. A failing resource makes at most 8 calls in its first minute. *A person* must act: for two minutes the resource is `Reconciling` with reason
`ProgressingWithRetry`, because tools apply things in parallel and what is missing may be on its way; the operator repeats
after 5 s up to 60 s. Then it is `Stalled` with the reason below and the operator looks again after 30 s up to 10 minutes,
and at once when the spec changes or `greengrass-operator.dev/reconcile-at` is set. Nothing needs a restart.

*Surely without effect*: the request changed nothing in AWS. After any other failure the operator first looks what came of
the request.

| failure | call | AWS says | who must act | reason | surely without effect | what to do |
|---|---|---|---|---|---|---|
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_must_act_exactly_where_a_reason_blocks() {
        for kind in FailureKind::ALL {
            for operation in Operation::ALL {
                let rule = Rule::of(kind, operation);
                assert_eq!(rule.who == Who::Person, rule.blocking.is_some(), "{kind:?} {operation:?}");
            }
        }
    }

    #[test]
    fn what_may_have_been_carried_out_is_not_clearly_refused() {
        for kind in FailureKind::ALL {
            let may_have_been = matches!(
                kind,
                FailureKind::TimedOut
                    | FailureKind::Unreachable
                    | FailureKind::BadReply
                    | FailureKind::Service
                    | FailureKind::Conflict
                    | FailureKind::InProgress
                    | FailureKind::QuotaExceeded
            );
            for operation in Operation::ALL {
                let is_before = matches!(operation, Operation::AssumeRole | Operation::GetCallerIdentity);
                let expected = !may_have_been || is_before;
                assert_eq!(Rule::of(kind, operation).clearly_refused, expected, "{kind:?} {operation:?}");
            }
        }
    }

    #[test]
    fn a_missing_target_waits_for_a_person_and_a_missing_deployment_for_time() {
        assert_eq!(
            Rule::of(FailureKind::NotFound, Operation::CreateDeployment).blocking,
            Some(Blocking::TargetNotFound)
        );
        assert_eq!(Rule::of(FailureKind::NotFound, Operation::GetDeployment).who, Who::Service);
    }

    #[test]
    fn the_document_is_the_table() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/errors.md");
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(path, table_markdown()).unwrap();
        }
        let written = include_str!("../../../../docs/errors.md");
        assert!(
            written == table_markdown() || std::env::var_os("UPDATE_DOCS").is_some(),
            "docs/errors.md is stale: run UPDATE_DOCS=1 cargo test -p greengrass-operator-core failure"
        );
    }
}
