//! What is told about every call, for metrics. Pure.

use greengrass_operator_core::failure::{FailureKind, Operation};

use super::scope::Scope;

/// What AWS answered, or why it did not: a closed set, fit for a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CallOutcome {
    /// It worked.
    Success,
    /// It did not.
    Failed(FailureKind),
}

impl CallOutcome {
    /// The label: `Success` or the kind of failure.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Success => "Success",
            Self::Failed(kind) => kind.name(),
        }
    }
}

/// Counts calls.
pub trait CallObserver: Send + Sync {
    /// A call ended after so many seconds. Calls that were not sent (fenced, no parameters to build) are told too.
    fn observed(&self, operation: Operation, outcome: CallOutcome, scope: &Scope, seconds: f64);
}

/// Counts nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoObserver;

impl CallObserver for NoObserver {
    fn observed(&self, _operation: Operation, _outcome: CallOutcome, _scope: &Scope, _seconds: f64) {}
}
