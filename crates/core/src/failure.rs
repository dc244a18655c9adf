//! What can go wrong with a call to AWS, and what that means: one table for code and documents. Pure.

mod rule;
mod scrub;

use std::fmt;
use std::time::Duration;

pub use rule::{Blocking, Rule, Who, table_markdown};
pub use scrub::{MESSAGE_LIMIT, scrub};

/// The calls that the operator makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation {
    /// `greengrass:CreateDeployment`
    CreateDeployment,
    /// `greengrass:GetDeployment`
    GetDeployment,
    /// `greengrass:ListDeployments`
    ListDeployments,
    /// `greengrass:CancelDeployment`
    CancelDeployment,
    /// `greengrass:DeleteDeployment`
    DeleteDeployment,
    /// `greengrass:TagResource`
    TagResource,
    /// `greengrass:UntagResource`
    UntagResource,
    /// `iot:DescribeJob`
    DescribeJob,
    /// `iot:ListJobExecutionsForJob`
    ListJobExecutionsForJob,
    /// `iot:DescribeJobExecution`
    DescribeJobExecution,
    /// `iot:GetThingShadow`
    GetThingShadow,
    /// `sts:AssumeRole`
    AssumeRole,
    /// `sts:GetCallerIdentity`
    GetCallerIdentity,
    /// `iotthingsgraph:CreateSystemInstance`
    CreateSystemInstance,
    /// `iotthingsgraph:GetSystemInstance`
    GetSystemInstance,
    /// `iotthingsgraph:SearchSystemInstances`
    SearchSystemInstances,
    /// `iotthingsgraph:DeploySystemInstance`
    DeploySystemInstance,
    /// `iotthingsgraph:UndeploySystemInstance`
    UndeploySystemInstance,
    /// `iotthingsgraph:DeleteSystemInstance`
    DeleteSystemInstance,
    /// `iotthingsgraph:ListTagsForResource`
    ListTagsForResource,
    /// `iotthingsgraph:TagResource`
    TagSystemInstance,
    /// `iotthingsgraph:UntagResource`
    UntagSystemInstance,
}

impl Operation {
    /// Every operation, in the order of documents.
    pub const ALL: [Self; 22] = [
        Self::CreateDeployment,
        Self::GetDeployment,
        Self::ListDeployments,
        Self::CancelDeployment,
        Self::DeleteDeployment,
        Self::TagResource,
        Self::UntagResource,
        Self::DescribeJob,
        Self::ListJobExecutionsForJob,
        Self::DescribeJobExecution,
        Self::GetThingShadow,
        Self::AssumeRole,
        Self::GetCallerIdentity,
        Self::CreateSystemInstance,
        Self::GetSystemInstance,
        Self::SearchSystemInstances,
        Self::DeploySystemInstance,
        Self::UndeploySystemInstance,
        Self::DeleteSystemInstance,
        Self::ListTagsForResource,
        Self::TagSystemInstance,
        Self::UntagSystemInstance,
    ];

    /// AWS's name of it; also the label of metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CreateDeployment => "CreateDeployment",
            Self::GetDeployment => "GetDeployment",
            Self::ListDeployments => "ListDeployments",
            Self::CancelDeployment => "CancelDeployment",
            Self::DeleteDeployment => "DeleteDeployment",
            Self::TagResource => "TagResource",
            Self::UntagResource => "UntagResource",
            Self::DescribeJob => "DescribeJob",
            Self::ListJobExecutionsForJob => "ListJobExecutionsForJob",
            Self::DescribeJobExecution => "DescribeJobExecution",
            Self::GetThingShadow => "GetThingShadow",
            Self::AssumeRole => "AssumeRole",
            Self::GetCallerIdentity => "GetCallerIdentity",
            Self::CreateSystemInstance => "CreateSystemInstance",
            Self::GetSystemInstance => "GetSystemInstance",
            Self::SearchSystemInstances => "SearchSystemInstances",
            Self::DeploySystemInstance => "DeploySystemInstance",
            Self::UndeploySystemInstance => "UndeploySystemInstance",
            Self::DeleteSystemInstance => "DeleteSystemInstance",
            Self::ListTagsForResource => "ListTagsForResource",
            // Named with the service: Greengrass has operations of the same names, and a label must not mean both.
            Self::TagSystemInstance => "iotthingsgraph:TagResource",
            Self::UntagSystemInstance => "iotthingsgraph:UntagResource",
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FailureKind {
    /// AWS denies the call to these credentials.
    AccessDenied,
    /// What the call names does not exist, or does not show yet.
    NotFound,
    /// AWS refuses the parameters.
    Validation,
    /// A quota of the account that time alone does not free.
    QuotaExceeded,
    /// Too many calls.
    Throttled,
    /// Ten deployments of the account are being deleted already.
    DeletionLimit,
    /// Another operation on the same deployment is under way.
    Conflict,
    /// A request with the same token is being worked on.
    InProgress,
    /// AWS failed, or answered with a code that this version does not know.
    Service,
    /// No answer in time: the request may have been carried out.
    TimedOut,
    /// The endpoint can't be reached or the connection broke: the request may have been carried out.
    Unreachable,
    /// An answer that can't be read: the request may have been carried out.
    BadReply,
    /// There are no credentials, they can't be had, or AWS does not know them.
    Credentials,
    /// The request could not be built from these values; nothing was sent.
    Construction,
    /// This replica ceased to lead before the call; nothing was sent.
    Fenced,
}

impl FailureKind {
    /// Every kind, in the order of documents.
    pub const ALL: [Self; 15] = [
        Self::AccessDenied,
        Self::NotFound,
        Self::Validation,
        Self::QuotaExceeded,
        Self::Throttled,
        Self::DeletionLimit,
        Self::Conflict,
        Self::InProgress,
        Self::Service,
        Self::TimedOut,
        Self::Unreachable,
        Self::BadReply,
        Self::Credentials,
        Self::Construction,
        Self::Fenced,
    ];

    /// A stable name for documents, logs and the labels of metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AccessDenied => "AccessDenied",
            Self::NotFound => "NotFound",
            Self::Validation => "Validation",
            Self::QuotaExceeded => "QuotaExceeded",
            Self::Throttled => "Throttled",
            Self::DeletionLimit => "DeletionLimit",
            Self::Conflict => "Conflict",
            Self::InProgress => "InProgress",
            Self::Service => "Service",
            Self::TimedOut => "TimedOut",
            Self::Unreachable => "Unreachable",
            Self::BadReply => "BadReply",
            Self::Credentials => "Credentials",
            Self::Construction => "Construction",
            Self::Fenced => "Fenced",
        }
    }
}

/// A call that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Which call.
    pub operation: Operation,
    /// What went wrong.
    pub kind: FailureKind,
    /// AWS's error code, for example `AccessDeniedException`.
    pub code: Option<String>,
    /// AWS's words, cut to a length that fits a condition; never a secret, never a dump.
    pub message: String,
    /// AWS's request id.
    pub request_id: Option<String>,
    /// How long AWS asks to wait.
    pub retry_after: Option<Duration>,
}

impl Failure {
    /// A failure with these words; they are scrubbed and cut here, so that no way leads around it.
    #[must_use]
    pub fn new(operation: Operation, kind: FailureKind, message: &str) -> Self {
        Self { operation, kind, code: None, message: scrub(message), request_id: None, retry_after: None }
    }

    /// What the table says about it.
    #[must_use]
    pub const fn rule(&self) -> Rule {
        Rule::of(self.kind, self.operation)
    }

    /// What happened, without the advice, which is for those who look after the operator.
    #[must_use]
    pub const fn happening(&self) -> Happening<'_> {
        Happening(self)
    }

    /// Whether the request surely had no effect.
    #[must_use]
    pub const fn clearly_refused(&self) -> bool {
        self.rule().clearly_refused
    }
}

/// `AWS refused CreateDeployment: AccessDeniedException: not authorized (allow …)`: without the request id, which
/// belongs into log and event: in a condition it would make every retry a change of status.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.happening(), self.rule().advice)
    }
}

/// What happened: [`Failure::happening`].
#[derive(Clone, Copy, Debug)]
pub struct Happening<'a>(&'a Failure);

impl fmt::Display for Happening<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(failure) = self;
        let operation = failure.operation;
        match failure.kind {
            FailureKind::AccessDenied
            | FailureKind::NotFound
            | FailureKind::Validation
            | FailureKind::QuotaExceeded
            | FailureKind::Throttled
            | FailureKind::DeletionLimit
            | FailureKind::Conflict
            | FailureKind::InProgress => write!(f, "AWS refused {operation}")?,
            FailureKind::Service => write!(f, "AWS failed {operation}")?,
            FailureKind::TimedOut => write!(f, "AWS did not answer {operation} in time")?,
            FailureKind::Unreachable => write!(f, "AWS can't be reached for {operation}")?,
            FailureKind::BadReply => write!(f, "the answer to {operation} can't be read")?,
            FailureKind::Credentials => write!(f, "no valid AWS credentials for {operation}")?,
            FailureKind::Construction => write!(f, "the request {operation} can't be built")?,
            FailureKind::Fenced => write!(f, "{operation} was not sent")?,
        }
        if let Some(code) = &failure.code {
            write!(f, ": {code}")?;
        }
        if !failure.message.is_empty() {
            // Again, because the field is public: a literal in some test must not become a habit.
            write!(f, ": {}", scrub(&failure.message))?;
        }
        Ok(())
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    fn denied() -> Failure {
        Failure {
            code: Some("AccessDeniedException".into()),
            request_id: Some("2f9c1a34-0000-4444-8888-123456789abc".into()),
            ..Failure::new(
                Operation::CreateDeployment,
                FailureKind::AccessDenied,
                "User: arn:aws:sts::123456789012:assumed-role/op/s is not authorized to perform: greengrass:CreateDeployment",
            )
        }
    }

    #[test]
    fn a_failure_names_the_call_the_code_the_words_and_what_to_do() {
        assert_eq!(
            denied().to_string(),
            "AWS refused CreateDeployment: AccessDeniedException: User: arn:aws:sts::123456789012:assumed-role/op/s is \
             not authorized to perform: greengrass:CreateDeployment (allow this action, and the iot: actions that AWS \
             checks with it, to the credentials of the operator)"
        );
    }

    #[test]
    fn the_request_id_is_not_in_the_text() {
        assert!(!denied().to_string().contains("2f9c1a34"));
    }

    #[test]
    fn every_kind_and_call_has_a_text_without_trailing_dot() {
        for kind in FailureKind::ALL {
            for operation in Operation::ALL {
                let text = Failure::new(operation, kind, "").to_string();
                assert!(text.contains(operation.name()) && !text.ends_with('.') && !text.contains("::"), "{text}");
                assert!(!text.contains(".)"), "{text}");
            }
        }
    }

    #[test]
    fn a_secret_written_straight_into_the_field_is_not_shown() {
        let failure = Failure { message: "key AKIAIOSFODNN7EXAMPLE".into(), ..denied() };
        assert!(!failure.to_string().contains("IOSFODNN7"));
    }

    #[test]
    fn lists_of_kinds_and_calls_are_complete_and_ordered() {
        assert!(FailureKind::ALL.is_sorted() && Operation::ALL.is_sorted());
        // A new variant breaks `name`, and this count then reminds of ALL.
        assert_eq!(FailureKind::ALL.last(), Some(&FailureKind::Fenced));
        assert_eq!(Operation::ALL.last(), Some(&Operation::UntagSystemInstance));
    }
}
