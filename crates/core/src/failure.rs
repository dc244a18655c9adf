//! What can go wrong with a call to AWS, and what that means: one table for code and documents. Pure.

use std::time::Duration;

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
    /// Too many calls.
    Throttled,
    /// Ten deployments of the account are being deleted already.
    DeletionLimit,
    /// Another operation on the same deployment is under way.
    Conflict,
    /// A request with the same token is being worked on.
    InProgress,
    /// AWS failed.
    Service,
    /// No answer in time: the request may have been carried out.
    TimedOut,
    /// The endpoint can't be reached or the connection broke: the request may have been carried out.
    Unreachable,
    /// An answer that can't be read: the request may have been carried out.
    BadReply,
    /// There are no credentials, or they can't be had.
    Credentials,
    /// The request could not be built from these values.
    Construction,
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
