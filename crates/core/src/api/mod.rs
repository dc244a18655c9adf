//! The resources of group `greengrass-operator.dev`: types, schema, and the names that users and AWS see. Pure.

mod components;
mod deployment;
pub mod devices;
pub mod identity;
mod job;
mod policies;
mod rollout;
pub mod rules;
pub mod schema;
pub mod status;
mod system_instance;
mod system_instance_status;

pub use components::{
    ComponentDeploymentSpecification, ConfigMapKeySelector, ConfigurationSource, ConfigurationUpdate, RunWith,
    SystemResourceLimits,
};
pub use deployment::{
    AdoptionPolicy, DeletionPolicy, DriftPolicy, DroppedConfigurationKeys, GreengrassDeployment,
    GreengrassDeploymentSpec, IdentityRef, OnParentRevision, ParentReference, TargetReference,
};
pub use identity::{AwsIdentity, AwsIdentitySpec, AwsIdentityStatus};
pub use job::{
    AbortAction, AbortConfig, AbortCriteria, ExponentialRate, FailureType, IotJobConfiguration,
    JobExecutionsRolloutConfig, RateIncreaseCriteria, TimeoutConfig,
};
pub use policies::{
    ComponentUpdateAction, ComponentUpdatePolicy, ConfigurationValidationPolicy, DeploymentPolicies,
    FailureHandlingPolicy,
};
pub use rollout::{ReadyWhen, RolloutPolicy};
pub use status::GreengrassDeploymentStatus;
pub use system_instance::{
    DefinitionLanguage, DefinitionReference, MetricsConfiguration, SystemInstance, SystemInstanceDefinition,
    SystemInstanceDeletionPolicy, SystemInstanceSpec, SystemInstanceTarget,
};
pub use system_instance_status::{SystemInstanceIntent, SystemInstanceReference, SystemInstanceStatus};

/// The API group of every kind.
pub const GROUP: &str = "greengrass-operator.dev";
/// Annotation: look at AWS now. Any new value counts once.
pub const RECONCILE_AT: &str = "greengrass-operator.dev/reconcile-at";
/// Flux's annotation with the same meaning as [`RECONCILE_AT`].
pub const FLUX_REQUESTED_AT: &str = "reconcile.fluxcd.io/requestedAt";
/// Annotation: a new revision of the same content. Any new value counts once.
pub const REDEPLOY_AT: &str = "greengrass-operator.dev/redeploy-at";
/// Annotation: stop the running rollout, and hold until the content changes or [`REDEPLOY_AT`] does. Any new value counts once.
pub const CANCEL_AT: &str = "greengrass-operator.dev/cancel-at";
/// The finalizer that holds an object while something must still be done in AWS.
pub const FINALIZER: &str = "greengrass-operator.dev/deployment";
/// The same for a `SystemInstance`.
pub const SYSTEM_INSTANCE_FINALIZER: &str = "greengrass-operator.dev/system-instance";
