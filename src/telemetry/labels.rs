//! The closed sets that labels of metrics come from. Pure.

use std::fmt;

use greengrass_operator_core::api::devices::DeviceCounts;
use prometheus_client::encoding::{EncodeLabelValue, LabelValueEncoder};

macro_rules! label {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident => $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)+
        }

        impl $name {
            /// Every value.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The label's value.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }
        }

        impl EncodeLabelValue for $name {
            fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), fmt::Error> {
                EncodeLabelValue::encode(&self.as_str(), encoder)
            }
        }
    };
}

label! {
    /// How a turn ended.
    ReconcileOutcome {
        /// Until the next look.
        Rest => "rest",
        /// In a back-off.
        BackOff => "back-off",
        /// In a panic.
        Panic => "panic",
        /// At the time limit.
        TimeLimit => "time-limit",
    }
}

label! {
    /// How a walk over an account's deployments ended, or what kept it up.
    WalkOutcome {
        /// All resources were seen, or are looking because they were not.
        Complete => "complete",
        /// There are more pages of other people's deployments than resources, so that these look themselves.
        OwnLooks => "own-looks",
        /// A page did not come; the walk goes on with it later.
        Interrupted => "interrupted",
        /// AWS did not know a page's token any more; the list began anew.
        BegunAnew => "begun-anew",
        /// This process does not lead any more.
        Abandoned => "abandoned",
    }
}

label! {
    /// How a call to the API server ended.
    KubernetesOutcome {
        /// As it should.
        Ok => "ok",
        /// Somebody else wrote first.
        Conflict => "conflict",
        /// There is no such object.
        NotFound => "not-found",
        /// The operator may not do this.
        Denied => "denied",
        /// In any other way.
        Failed => "failed",
    }
}

label! {
    /// Calls to the API server.
    Verb {
        /// A live read.
        Get => "get",
        /// A live list.
        List => "list",
        /// A watch that failed; one that goes on is not counted.
        Watch => "watch",
        /// A status.
        UpdateStatus => "update-status",
        /// Metadata.
        Patch => "patch",
        /// An event.
        Event => "event",
        /// The Lease of the leader election, read or written.
        Lease => "lease",
    }
}

impl Verb {
    /// Whether such a call changes an object.
    #[must_use]
    pub const fn is_write(self) -> bool {
        match self {
            Self::Get | Self::List | Self::Watch => false,
            Self::UpdateStatus | Self::Patch | Self::Event | Self::Lease => true,
        }
    }
}

label! {
    /// What happened to a process's leadership.
    LeadershipChange {
        /// It leads from then on.
        Gained => "gained",
        /// It could not renew its Lease in time, or somebody else had it.
        Lost => "lost",
        /// It gave its Lease up because it was told to end.
        Released => "released",
    }
}

label! {
    /// The status of condition Ready.
    Readiness {
        /// True.
        True => "true",
        /// False.
        False => "false",
        /// Unknown, or not there yet.
        Unknown => "unknown",
    }
}

label! {
    /// The reason of condition Ready.
    ReadyReason {
        /// AWS has it.
        Deployed => "Deployed",
        /// It is not to run, and does not.
        NotDeployed => "NotDeployed",
        /// Devices have it.
        RolledOut => "RolledOut",
        /// There is no device.
        NoDevices => "NoDevices",
        /// Devices are waited for.
        RollingOut => "RollingOut",
        /// A revision is being made.
        Progressing => "Progressing",
        /// It fails, and is tried again.
        ProgressingWithRetry => "ProgressingWithRetry",
        /// AWS could not be read for too long.
        Unverified => "Unverified",
        /// Nothing may be written.
        Suspended => "Suspended",
        /// The parent comes first.
        WaitingForParent => "WaitingForParent",
        /// AWS is being cleared.
        Removing => "Removing",
        /// The spec can't be used.
        InvalidSpec => "InvalidSpec",
        /// AWS denies a call.
        AccessDenied => "AccessDenied",
        /// There is no such target.
        TargetNotFound => "TargetNotFound",
        /// A quota of the account is used up.
        QuotaExceeded => "QuotaExceeded",
        /// The resource means another target.
        KeyChanged => "KeyChanged",
        /// AWS accepts the credentials of an identity.
        Authenticated => "Authenticated",
        /// The identity is missing.
        IdentityNotFound => "IdentityNotFound",
        /// The identity does not allow it.
        IdentityNotAllowed => "IdentityNotAllowed",
        /// Another resource has the target.
        TargetConflict => "TargetConflict",
        /// Somebody else's deployment is there.
        ForeignRevision => "ForeignRevision",
        /// Somebody changed AWS.
        Drifted => "Drifted",
        /// It was mended too often.
        CorrectionsExhausted => "CorrectionsExhausted",
        /// What the spec refers to is missing.
        ReferenceNotFound => "ReferenceNotFound",
        /// It was cancelled.
        RolloutCanceled => "RolloutCanceled",
        /// Too many devices failed.
        RolloutFailed => "RolloutFailed",
        /// Devices took too long.
        DeadlineExceeded => "DeadlineExceeded",
        /// AWS can't be cleared.
        DeletionBlocked => "DeletionBlocked",
        /// Devices took too long to lose it.
        RemoveTimedOut => "RemoveTimedOut",
        /// One that this version does not know: written by a newer one.
        Other => "other",
        /// The condition is not there yet.
        None => "none",
    }
}

impl ReadyReason {
    /// The label for what stands in a condition. A status is text that anybody may have written, and a label must not be.
    #[must_use]
    pub fn of(text: &str) -> Self {
        Self::ALL.iter().copied().find(|reason| reason.as_str() == text).unwrap_or(Self::Other)
    }
}

label! {
    /// What a device did with a revision.
    DeviceState {
        /// Not begun.
        Queued => "queued",
        /// At it.
        InProgress => "in-progress",
        /// Has it.
        Succeeded => "succeeded",
        /// It failed.
        Failed => "failed",
        /// The device refused it.
        Rejected => "rejected",
        /// It took too long.
        TimedOut => "timed-out",
        /// Cancelled for this device.
        Canceled => "canceled",
        /// The device left the group.
        Removed => "removed",
    }
}

impl DeviceState {
    /// How many devices are in this state.
    #[must_use]
    pub fn of(self, counts: &DeviceCounts) -> i64 {
        let DeviceCounts { total: _, queued, in_progress, succeeded, failed, rejected, timed_out, canceled, removed } =
            *counts;
        match self {
            Self::Queued => queued,
            Self::InProgress => in_progress,
            Self::Succeeded => succeeded,
            Self::Failed => failed,
            Self::Rejected => rejected,
            Self::TimedOut => timed_out,
            Self::Canceled => canceled,
            Self::Removed => removed,
        }
    }
}

#[cfg(test)]
mod tests {
    use greengrass_operator_core::deployment::summarise::Reason;

    use super::*;

    /// Whether it is a reason of Ready. Without a wildcard: who adds a reason to the core is asked here.
    fn is_of_ready(reason: Reason) -> bool {
        match reason {
            Reason::Deployed
            | Reason::NotDeployed
            | Reason::RolledOut
            | Reason::NoDevices
            | Reason::RollingOut
            | Reason::DeadlineExceeded
            | Reason::RemoveTimedOut
            | Reason::Progressing
            | Reason::ProgressingWithRetry
            | Reason::Unverified
            | Reason::Suspended
            | Reason::WaitingForParent
            | Reason::Removing
            | Reason::InvalidSpec
            | Reason::IdentityNotFound
            | Reason::IdentityNotAllowed
            | Reason::KeyChanged
            | Reason::TargetConflict
            | Reason::ForeignRevision
            | Reason::Drifted
            | Reason::CorrectionsExhausted
            | Reason::ReferenceNotFound
            | Reason::RolloutCanceled
            | Reason::RolloutFailed
            | Reason::Refused(_)
            | Reason::DeletionBlocked => true,
            Reason::Completed
            | Reason::InProgress
            | Reason::DevicesFailed
            | Reason::Canceled
            | Reason::Yielded
            | Reason::KeysNotReset
            | Reason::HistoryNotPruned
            | Reason::TagsNotApplied
            | Reason::UpToDate
            | Reason::OutOfDate
            | Reason::Unknown => false,
        }
    }

    #[test]
    fn every_reason_of_ready_has_a_label_of_its_own() {
        use greengrass_operator_core::failure::Blocking;
        let reasons = [
            Reason::Deployed,
            Reason::NotDeployed,
            Reason::RolledOut,
            Reason::NoDevices,
            Reason::RollingOut,
            Reason::DeadlineExceeded,
            Reason::RemoveTimedOut,
            Reason::Progressing,
            Reason::ProgressingWithRetry,
            Reason::Unverified,
            Reason::Suspended,
            Reason::WaitingForParent,
            Reason::Removing,
            Reason::InvalidSpec,
            Reason::IdentityNotFound,
            Reason::IdentityNotAllowed,
            Reason::KeyChanged,
            Reason::TargetConflict,
            Reason::ForeignRevision,
            Reason::Drifted,
            Reason::CorrectionsExhausted,
            Reason::ReferenceNotFound,
            Reason::RolloutCanceled,
            Reason::RolloutFailed,
            Reason::Refused(Blocking::AccessDenied),
            Reason::Refused(Blocking::TargetNotFound),
            Reason::Refused(Blocking::QuotaExceeded),
            Reason::DeletionBlocked,
        ];
        for reason in reasons {
            assert!(is_of_ready(reason));
            assert_eq!(ReadyReason::of(reason.as_str()).as_str(), reason.as_str());
        }
        assert_eq!(
            ReadyReason::ALL.len(),
            reasons.len() + 3,
            "and that of identities, and the two that are no reasons"
        );
    }

    #[test]
    fn what_anybody_wrote_is_one_label() {
        assert_eq!(ReadyReason::of("Bogus-4711"), ReadyReason::Other);
        assert_eq!(ReadyReason::of(""), ReadyReason::Other);
    }

    #[test]
    fn the_states_of_devices_add_up_to_all_of_them() {
        let counts = DeviceCounts {
            total: 255,
            queued: 1,
            in_progress: 2,
            succeeded: 4,
            failed: 8,
            rejected: 16,
            timed_out: 32,
            canceled: 64,
            removed: 128,
        };
        assert_eq!(DeviceState::ALL.iter().map(|state| state.of(&counts)).sum::<i64>(), counts.total);
    }
}
