//! What AWS does but nobody documents: one switch each, with a default and an alternative. Pure.

mod positions;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use positions::{
    AbortedDeployment, Acceptance, BoundToOtherParent, CancelInactive, DependencyVersions, EndedSubdeployment,
    ErrorClass, JobNamespace, LatestForTarget, ListOrder, MissingTarget, PlainList, RemovedConfiguration,
    RevisionCounter, RevisionsAfterDelete, RolloutQueues, Signatures, SupersededRevision, SystemInstanceFilters,
    SystemInstanceMissing, SystemInstanceUndeployment, SystemInstanceWithoutDeployment, TokenReuse, UnknownComponents,
    VersionRanges,
};

/// What a switch is for, and where it can stand: what `--help` and the documentation say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SwitchDescription {
    /// Its name.
    pub name: String,
    /// The behaviour that it is about.
    pub about: String,
    /// Its positions by name, and what they mean; the first is the default. Empty for a time.
    pub positions: Vec<(String, String)>,
    /// The default of a time, in milliseconds.
    pub milliseconds: Option<u64>,
}

/// The names of serde's `camelCase`.
fn camel_case(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_lowercase();
    words.fold(first, |name, word| {
        let (initial, rest) = word.split_at_checked(1).unwrap_or_default();
        name + &initial.to_uppercase() + rest
    })
}

/// The text of a documentation comment in one line.
fn one_line(lines: &[&str]) -> String {
    lines.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ")
}

macro_rules! switches {
    (
        positions { $($(#[doc = $doc:literal])+ $name:ident: $positions:ident,)+ }
        milliseconds { $($(#[doc = $time_doc:literal])+ $time:ident = $default:literal,)+ }
    ) => {
        /// One position for each behaviour of the service that no public document settles.
        ///
        /// A tool that has to work against the real service should pass its tests with every switch in every position.
        /// In JSON, and in `--switch NAME=POSITION`, names and positions are in camelCase.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "camelCase", deny_unknown_fields, default)]
        pub struct Switches {
            $($(#[doc = $doc])+ pub $name: $positions,)+
            $($(#[doc = $time_doc])+ pub $time: u64,)+
        }

        impl Default for Switches {
            fn default() -> Self {
                Self { $($name: $positions::default(),)+ $($time: $default,)+ }
            }
        }

        impl Switches {
            /// All switches, with their positions.
            #[must_use]
            pub fn descriptions() -> Vec<SwitchDescription> {
                vec![
                    $(SwitchDescription {
                        name: camel_case(stringify!($name)),
                        about: one_line(&[$($doc),+]),
                        positions: $positions::descriptions(),
                        milliseconds: None,
                    },)+
                    $(SwitchDescription {
                        name: camel_case(stringify!($time)),
                        about: one_line(&[$($time_doc),+]),
                        positions: Vec::new(),
                        milliseconds: Some($default),
                    },)+
                ]
            }
        }
    };
}

switches! {
    positions {
    /// `CancelDeployment` of a revision that a newer one has replaced.
    cancel_inactive: CancelInactive,
    /// The error of `DeleteDeployment` for a deployment that was not cancelled.
    delete_before_cancel: ErrorClass,
    /// A client token that is known, with other parameters.
    token_reuse: TokenReuse,
    /// `iotJobConfiguration` on a thing, which has no job. An empty one is accepted always: AWS's own CLI example sends it.
    thing_job_configuration: Acceptance,
    /// A `componentVersion` that is no exact `SemVer` version. Devices parse it as one, so a range that is accepted fails there.
    version_ranges: VersionRanges,
    /// The error for a thing group that is used as a subdeployment of a second parent.
    bound_to_other_parent: BoundToOtherParent,
    /// The status of subdeployments after a new revision of their parent.
    ended_subdeployment: EndedSubdeployment,
    /// A subdeployment whose parent has no deployment yet.
    parent_without_deployment: Acceptance,
    /// The revision counter of a target whose revisions are all deleted.
    revisions_after_delete: RevisionsAfterDelete,
    /// Whether `ListDeployments` without `parentTargetArn` shows subdeployments.
    plain_list: PlainList,
    /// The order of `ListDeployments`.
    list_order: ListOrder,
    /// The error for a thing or thing group that doesn't exist.
    missing_target: MissingTarget,
    /// The status of a revision that a newer one of its own target and parent has replaced.
    superseded_revision: SupersededRevision,
    /// What revisions are counted by.
    revision_counter: RevisionCounter,
    /// What `isLatestForTarget` says. The CLI's own examples show false for the newest revision.
    latest_for_target: LatestForTarget,
    /// Whether signatures are verified. The service does; a client that can't sign properly needs the alternative.
    signatures: Signatures,
    /// The status of a deployment whose rollout was stopped by an abort criterion.
    aborted_deployment: AbortedDeployment,
    /// Whether things have executions, QUEUED, before the rollout reaches them.
    rollout_queues: RolloutQueues,
    /// Whether calls that can name a namespace must do so to find Greengrass's jobs: `ListJobs`, `ListJobExecutionsForThing`, `DeleteJob`.
    job_namespace: JobNamespace,
    /// What devices do with the configuration of a component that they remove.
    removed_component_configuration: RemovedConfiguration,
    /// A component that no recipe was created for, in this account and region. The nucleus itself is always known.
    unknown_components: UnknownComponents,
    /// Which version of a dependency devices take where the one that they have would do.
    dependency_versions: DependencyVersions,
    /// The status of a system instance that is being removed from its target.
    system_instance_undeployment: SystemInstanceUndeployment,
    /// `UndeploySystemInstance` of a system instance that is `NOT_DEPLOYED` or `DELETED_IN_TARGET`.
    system_instance_without_deployment: SystemInstanceWithoutDeployment,
    /// `DeleteSystemInstance` of a system instance that doesn't exist. The model has no `ResourceNotFoundException` there.
    system_instance_missing: SystemInstanceMissing,
    /// What several filters of `SearchSystemInstances` mean. The documentation says "OR criteria", and its example is one of AND.
    system_instance_filters: SystemInstanceFilters,
    }
    milliseconds {
    /// For how many milliseconds after its creation the counts of a job are all zero.
    job_counts_delay_ms = 2_000,
    /// For how many milliseconds a job is `DELETION_IN_PROGRESS`.
    job_deletion_ms = 6_000,
    /// For how many milliseconds `GetDeployment`, Cancel, Delete and the tag operations don't know a new deployment.
    get_visibility_delay_ms = 0,
    /// For how many milliseconds `ListDeployments` doesn't show a new deployment. What it did to others shows at once.
    list_visibility_delay_ms = 0,
    /// For how many milliseconds a new component version is `REQUESTED`, before devices can get it.
    component_creation_ms = 2_000,
    /// For how many milliseconds a system instance with target GREENGRASS is `BOOTSTRAP`.
    system_instance_bootstrap_ms = 10_000,
    /// For how many milliseconds it is `DEPLOY_IN_PROGRESS` then. In the AWS CLI's example one was deployed 33 seconds after its creation.
    system_instance_deployment_ms = 20_000,
    /// For how many milliseconds it is being removed from its target.
    system_instance_undeployment_ms = 10_000,
    /// For how many milliseconds one with target CLOUD is deployed, and removed. In the AWS CLI's example the answer says `DEPLOYED_IN_TARGET` already.
    system_instance_cloud_ms = 0,
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
    #[error("{name}: {problem}")]
    Unknown {
        /// The switch.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
}

impl Switches {
    /// These switches with those named in `change` in another position.
    pub fn with(&self, change: &Value) -> Result<Self, SwitchError> {
        let change = change.as_object().ok_or(SwitchError::NotAnObject)?;
        change.iter().try_fold(self.clone(), |switches, (name, position)| {
            switches.with_one(name, position).map_err(|error| {
                let problem = error.to_string();
                SwitchError::Unknown { name: name.clone(), problem }
            })
        })
    }

    fn with_one(&self, name: &str, position: &Value) -> serde_json::Result<Self> {
        let mut all = serde_json::to_value(self)?;
        if let Some(members) = all.as_object_mut() {
            members.insert(name.to_owned(), position.clone());
        }
        serde_json::from_value(all)
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
    fn every_switch_is_described_by_the_names_that_it_is_set_with() {
        let descriptions = Switches::descriptions();
        let all = serde_json::to_value(Switches::default()).unwrap();
        assert_eq!(descriptions.len(), all.as_object().unwrap().len());
        for description in descriptions {
            for (position, _) in &description.positions {
                Switches::default().with_flag(&format!("{}={position}", description.name)).unwrap();
            }
            let default = description.milliseconds.map(Value::from);
            let first = description.positions.first().map(|(position, _)| json!(position));
            assert_eq!(all[&description.name], default.or(first).unwrap(), "{}", description.name);
        }
    }

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
        let position = error(json!({"tokenReuse": "maybe"}));
        assert!(position.starts_with("tokenReuse: ") && position.contains("maybe"), "{position}");
        assert!(error(json!({"jobDeletionMs": -1})).starts_with("jobDeletionMs: "));
        assert!(error(json!([])).contains("object"));
        assert!(Switches::default().with_flag("tokenReuse").is_err());
    }
}
