//! What AWS does but nobody documents: one switch each, with a default and an alternative. Pure.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One position for each behaviour of the service that no public document settles.
///
/// A tool that has to work against the real service should pass its tests with every switch in every position.
/// In JSON, and in `--switch NAME=POSITION`, names and positions are in camelCase.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Switches {
    /// `CancelDeployment` of a revision that a newer one has replaced.
    pub cancel_inactive: CancelInactive,
    /// The error of `DeleteDeployment` for a deployment that was not cancelled.
    pub delete_before_cancel: ErrorClass,
    /// A client token that is known, with other parameters.
    pub token_reuse: TokenReuse,
    /// `iotJobConfiguration` on a thing, which has no job. An empty one is accepted always: AWS's own CLI example sends it.
    pub thing_job_configuration: Acceptance,
    /// A `componentVersion` that is no exact `SemVer` version. Devices parse it as one, so a range that is accepted fails there.
    pub version_ranges: VersionRanges,
    /// The error for a thing group that is used as a subdeployment of a second parent.
    pub bound_to_other_parent: BoundToOtherParent,
    /// The status of subdeployments after a new revision of their parent.
    pub ended_subdeployment: EndedSubdeployment,
    /// A subdeployment whose parent has no deployment yet.
    pub parent_without_deployment: Acceptance,
    /// The revision counter of a target whose revisions are all deleted.
    pub revisions_after_delete: RevisionsAfterDelete,
    /// Whether `ListDeployments` without `parentTargetArn` shows subdeployments.
    pub plain_list: PlainList,
    /// The order of `ListDeployments`.
    pub list_order: ListOrder,
    /// For how many milliseconds `GetDeployment`, Cancel, Delete and the tag operations don't know a new deployment.
    pub get_visibility_delay_ms: u64,
    /// For how many milliseconds `ListDeployments` doesn't show a new deployment. What it did to others shows at once.
    pub list_visibility_delay_ms: u64,
    /// Whether signatures are verified. The service does; a client that can't sign properly needs the alternative.
    pub signatures: Signatures,
}

macro_rules! positions {
    ($($(#[$doc:meta])* $name:ident { $(#[$first_doc:meta])* $first:ident, $($(#[$other_doc:meta])* $other:ident),+ $(,)? })+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
        #[serde(rename_all = "camelCase")]
        pub enum $name {
            $(#[$first_doc])*
            #[default]
            $first,
            $($(#[$other_doc])* $other,)+
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
        /// A new deployment, whose answer is cached from then on.
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

/// Why a change of switches was refused.
#[derive(Debug, thiserror::Error)]
pub enum SwitchError {
    /// It was no JSON object.
    #[error("switches are a JSON object of names and positions")]
    NotAnObject,
    /// A flag without `=`.
    #[error("{0:?} is not of the form NAME=POSITION")]
    NoPosition(String),
    /// There is no such switch, or it has no such position.
    #[error(transparent)]
    Unknown(#[from] serde_json::Error),
}

impl Switches {
    /// These switches with those named in `change` in another position.
    pub fn with(&self, change: &Value) -> Result<Self, SwitchError> {
        let mut all = serde_json::to_value(self)?;
        let (Some(all_members), Some(change)) = (all.as_object_mut(), change.as_object()) else {
            return Err(SwitchError::NotAnObject);
        };
        all_members.extend(change.clone());
        Ok(serde_json::from_value(all)?)
    }

    /// These switches after one `NAME=POSITION`, as the command line has it.
    pub fn with_flag(&self, flag: &str) -> Result<Self, SwitchError> {
        let (name, position) = flag.split_once('=').ok_or_else(|| SwitchError::NoPosition(flag.to_owned()))?;
        let position = position.parse::<u64>().map_or_else(|_| Value::from(position), Value::from);
        self.with(&Value::Object([(name.to_owned(), position)].into_iter().collect()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_change_leaves_the_other_switches_where_they_are() {
        let switches = Switches::default()
            .with(&json!({"tokenReuse": "createAnew"}))
            .unwrap()
            .with_flag("listVisibilityDelayMs=250")
            .unwrap()
            .with_flag("deleteBeforeCancel=conflict")
            .unwrap();
        assert_eq!(
            switches,
            Switches {
                token_reuse: TokenReuse::CreateAnew,
                list_visibility_delay_ms: 250,
                delete_before_cancel: ErrorClass::Conflict,
                ..Switches::default()
            }
        );
    }

    #[test]
    fn a_switch_or_position_that_does_not_exist_is_named() {
        let error = |change: Value| Switches::default().with(&change).unwrap_err().to_string();
        assert!(error(json!({"nonsense": 1})).contains("nonsense"));
        assert!(error(json!({"tokenReuse": "maybe"})).contains("maybe"));
        assert!(error(json!([])).contains("object"));
        assert!(Switches::default().with_flag("tokenReuse").is_err());
    }
}
