//! The positions of each switch. Pure.

use serde::{Deserialize, Serialize};

#[cfg(doc)]
use super::Switches;
use super::one_line;

macro_rules! positions {
    ($(
        $(#[doc = $doc:literal])+
        $name:ident {
            $(#[doc = $first_doc:literal])+ $first:ident,
            $($(#[doc = $other_doc:literal])+ $other:ident),+ $(,)?
        }
    )+) => {$(
        $(#[doc = $doc])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
        #[serde(rename_all = "camelCase")]
        pub enum $name {
            $(#[doc = $first_doc])+
            #[default]
            $first,
            $($(#[doc = $other_doc])+ $other,)+
        }

        impl $name {
            pub(super) fn descriptions() -> Vec<(String, String)> {
                let position = |name: &str, about: &[&str]| {
                    let (initial, rest) = name.split_at_checked(1).unwrap_or_default();
                    (initial.to_lowercase() + rest, one_line(about))
                };
                vec![
                    position(stringify!($first), &[$($first_doc),+]),
                    $(position(stringify!($other), &[$($other_doc),+]),)+
                ]
            }
        }
    )+};
}

positions! {
    /// Positions of [`Switches::cancel_inactive`].
    CancelInactive {
        /// It succeeds, and the revision becomes CANCELED.
        Accepted,
        /// `ValidationException`, "already canceled", as for a cancelled one.
        AlreadyCanceled,
    }
    /// Positions of [`Switches::delete_before_cancel`].
    ErrorClass {
        /// `ValidationException`.
        Validation,
        /// `ConflictException`.
        Conflict,
    }
    /// Positions of [`Switches::bound_to_other_parent`].
    BoundToOtherParent {
        /// `ConflictException`.
        Conflict,
        /// `ValidationException`.
        Validation,
    }
    /// Positions of [`Switches::token_reuse`].
    TokenReuse {
        /// The answer to the first request, as the wording of the documentation of `clientToken` implies.
        CachedAnswer,
        /// `ValidationException`.
        ValidationError,
        /// What the request asks for is made, and its answer is cached from then on.
        CreateAnew,
    }
    /// Positions of switches about something that is accepted or refused.
    Acceptance {
        /// It is accepted.
        Accepted,
        /// `ValidationException`.
        Rejected,
    }
    /// Positions of [`Switches::version_ranges`].
    VersionRanges {
        /// `ValidationException`.
        Rejected,
        /// Anything within the model's length is accepted.
        Accepted,
    }
    /// Positions of [`Switches::ended_subdeployment`].
    EndedSubdeployment {
        /// INACTIVE, as a revision that a newer one of its own target has replaced.
        Inactive,
        /// CANCELED.
        Canceled,
    }
    /// Positions of [`Switches::revisions_after_delete`].
    RevisionsAfterDelete {
        /// It goes on.
        Continue,
        /// It starts at 1 again.
        Restart,
    }
    /// Positions of [`Switches::plain_list`].
    PlainList {
        /// It shows them, each with its `parentTargetArn`.
        ShowsSubdeployments,
        /// It shows only deployments without parent.
        HidesSubdeployments,
    }
    /// Positions of [`Switches::aborted_deployment`].
    AbortedDeployment {
        /// CANCELED, as its job.
        Canceled,
        /// FAILED.
        Failed,
    }
    /// Positions of [`Switches::rollout_queues`].
    RolloutQueues {
        /// A thing gets its execution when the rollout reaches it.
        AsItGoes,
        /// All things have theirs from the beginning; the rollout tells devices of them.
        AtOnce,
    }
    /// Positions of [`Switches::job_namespace`].
    JobNamespace {
        /// Without a namespace, jobs of all namespaces are found.
        Optional,
        /// Without a namespace, only jobs without one are found.
        Required,
    }
    /// Positions of [`Switches::removed_component_configuration`].
    RemovedConfiguration {
        /// They forget it, as the nucleus does.
        Forgotten,
        /// They keep it for the day when the component comes back.
        Kept,
    }
    /// Positions of [`Switches::unknown_components`].
    UnknownComponents {
        /// Every version of it exists, without dependencies and default configuration.
        Accepted,
        /// It doesn't exist: the device fails with `NO_AVAILABLE_COMPONENT_VERSION`.
        Missing,
    }
    /// Positions of [`Switches::dependency_versions`].
    DependencyVersions {
        /// They keep the one that they have, as the nucleus offers it to the service first.
        Installed,
        /// They take the newest one that will do.
        Newest,
    }
    /// Positions of [`Switches::system_instance_undeployment`].
    SystemInstanceUndeployment {
        /// `UNDEPLOY_IN_PROGRESS`.
        UndeployInProgress,
        /// `PENDING_DELETE`, as in the AWS CLI's example.
        PendingDelete,
    }
    /// Positions of [`Switches::system_instance_without_deployment`].
    SystemInstanceWithoutDeployment {
        /// `InvalidRequestException`.
        Rejected,
        /// It succeeds and changes nothing.
        Accepted,
    }
    /// Positions of [`Switches::system_instance_missing`].
    SystemInstanceMissing {
        /// It succeeds.
        Accepted,
        /// `InvalidRequestException`.
        Rejected,
    }
    /// Positions of [`Switches::system_instance_filters`].
    SystemInstanceFilters {
        /// What meets one of them is found.
        Any,
        /// What meets all of them is found.
        All,
    }
    /// Positions of [`Switches::missing_target`].
    MissingTarget {
        /// `ResourceNotFoundException`.
        ResourceNotFound,
        /// `ValidationException`.
        Validation,
    }
    /// Positions of [`Switches::superseded_revision`].
    SupersededRevision {
        /// INACTIVE.
        Inactive,
        /// CANCELED, as its job.
        Canceled,
    }
    /// Positions of [`Switches::revision_counter`].
    RevisionCounter {
        /// Subdeployments of a group are counted for themselves.
        TargetAndParent,
        /// All deployments of a target are counted together.
        Target,
    }
    /// Positions of [`Switches::latest_for_target`].
    LatestForTarget {
        /// Whether it is the newest revision of its target and parent.
        Truth,
        /// Always false.
        AlwaysFalse,
    }
    /// Positions of [`Switches::signatures`].
    Signatures {
        /// As AWS does: only what the owner of a known access key signed is accepted.
        Verified,
        /// Every well-formed `Authorization` header is. An access key id that isn't known is of the default account.
        Anything,
    }
    /// Positions of [`Switches::list_order`].
    ListOrder {
        /// The newest deployment first.
        NewestFirst,
        /// The oldest deployment first.
        OldestFirst,
    }
}
