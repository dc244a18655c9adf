//! Jobs and job executions in the words of `IoT` Jobs. Pure.

use serde::{Deserialize, Serialize};

/// Enum `JobStatus` of the model `iot/2015-05-28`, as far as a deployment's job gets: a continuous job is never COMPLETED, and none is SCHEDULED.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum JobStatus {
    /// Devices get it, those that join later too.
    InProgress,
    /// Cancelled by a call, by an abort criterion or by a newer revision.
    Canceled,
    /// It is being deleted, which takes time.
    DeletionInProgress,
}

/// Enum `JobExecutionStatus` of the model `iot/2015-05-28`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum ExecutionStatus {
    /// The device doesn't work on it yet.
    Queued,
    /// The device works on it.
    InProgress,
    /// The device succeeded.
    Succeeded,
    /// The device failed.
    Failed,
    /// The device took longer than the in-progress time-out.
    TimedOut,
    /// The device refused it.
    Rejected,
    /// The thing left the group, or is gone.
    Removed,
    /// The job was cancelled before the device began.
    Canceled,
}

impl ExecutionStatus {
    /// Whether the device can still change it.
    pub(crate) const fn is_open(self) -> bool {
        match self {
            Self::Queued | Self::InProgress => true,
            Self::Succeeded | Self::Failed | Self::TimedOut | Self::Rejected | Self::Removed | Self::Canceled => false,
        }
    }

    /// Whether the device didn't make it.
    pub(crate) const fn is_failure(self) -> bool {
        match self {
            Self::Failed | Self::TimedOut | Self::Rejected => true,
            Self::Queued | Self::InProgress | Self::Succeeded | Self::Removed | Self::Canceled => false,
        }
    }
}

/// How many executions of a job are in which state: `jobProcessDetails` of `DescribeJob`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExecutionCounts {
    /// QUEUED.
    pub queued: u64,
    /// `IN_PROGRESS`.
    pub in_progress: u64,
    /// SUCCEEDED.
    pub succeeded: u64,
    /// FAILED.
    pub failed: u64,
    /// `TIMED_OUT`.
    pub timed_out: u64,
    /// REJECTED.
    pub rejected: u64,
    /// REMOVED.
    pub removed: u64,
    /// CANCELED.
    pub canceled: u64,
}

impl ExecutionCounts {
    /// The counter of a status.
    pub(crate) const fn of(&mut self, status: ExecutionStatus) -> &mut u64 {
        match status {
            ExecutionStatus::Queued => &mut self.queued,
            ExecutionStatus::InProgress => &mut self.in_progress,
            ExecutionStatus::Succeeded => &mut self.succeeded,
            ExecutionStatus::Failed => &mut self.failed,
            ExecutionStatus::TimedOut => &mut self.timed_out,
            ExecutionStatus::Rejected => &mut self.rejected,
            ExecutionStatus::Removed => &mut self.removed,
            ExecutionStatus::Canceled => &mut self.canceled,
        }
    }

    pub(crate) const fn executed(&self) -> u64 {
        self.succeeded + self.failed + self.timed_out + self.rejected
    }
}
