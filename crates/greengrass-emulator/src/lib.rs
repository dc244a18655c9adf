//! AWS `IoT` Greengrass V2 on one machine: deployments, their jobs and shadows, simulated core devices that take them, and who calls; besides the system
//! instances of AWS `IoT` Things Graph.
//!
//! A pure state machine, keyed by account and region, under the services' own wire format. It runs inside a test as the HTTP client of the AWS SDK
//! ([`Emulator::http_client`]), as an axum router ([`Emulator::router`]), or behind a socket ([`Emulator::serve`], `greengrass-emulator --listen`).
//! A [fleet](Fleet) says which devices there are and how they behave. Every call is entered in a ledger, faults are scripted by rules, calls have
//! [quotas](Quotas), and what AWS does but nobody documents is a [switch](Switches).
//!
//! Nothing runs in the background: what is due by a call happens before it, at its own time on the emulator's [clock](Clock).

mod access_keys;
mod admin;
mod aws_json;
mod behaviour;
mod clock;
mod coverage;
mod deployment;
mod emulator;
mod error;
mod fault;
mod fault_rules;
mod fleet;
mod hosts;
mod http_client;
mod ids;
mod job;
mod ledger;
mod limits;
mod model;
mod operation;
mod page;
mod percent;
mod principal;
mod process;
mod query;
mod quotas;
mod request;
mod role;
mod scope;
mod server;
mod shape;
mod signature;
mod state;
mod switches;
mod system_instance;
mod xml;

pub use access_keys::{AccessKey, AccessKeyError};
pub use behaviour::{Availability, Behaviour, Outcome, OutcomeRule, Takes};
pub use clock::{Clock, ManualClock, TokioClock};
pub use deployment::{DeploymentRecord, DeploymentStatus};
pub use emulator::{DEFAULT_ACCOUNT, Emulator, EmulatorBuilder, Faults};
pub use error::{FieldError, IotErrorCode, ServiceError, StsErrorCode, ThingsGraphErrorCode, ValidationReason};
pub use fault::{DelayAt, FaultAction, FaultKind, FaultMatch, FaultRule, Staleness};
pub use fault_rules::ActiveFault;
pub use fleet::{Fleet, FleetAccount, FleetDevices, FleetError, FleetGroup};
pub use http_client::EmulatorHttpClient;
pub use job::ExecutionCounts;
pub use ledger::CallRecord;
pub use limits::{LimitError, Limits};
pub use operation::{Operation, Service};
pub use principal::CallerRecord;
pub use process::ConnectionDropped;
pub use quotas::{QuotaError, Quotas, Rate};
pub use role::{PodIdentityAssociation, Role, RoleError, WebIdentityTrust};
pub use scope::Scope;
pub use switches::{
    AbortedDeployment, Acceptance, BoundToOtherParent, CancelInactive, EndedSubdeployment, ErrorClass, JobNamespace,
    LatestForTarget, ListOrder, MissingTarget, PlainList, RemovedConfiguration, RevisionCounter, RevisionsAfterDelete,
    RolloutQueues, Signatures, SupersededRevision, SwitchDescription, SwitchError, Switches, SystemInstanceFilters,
    SystemInstanceMissing, SystemInstanceUndeployment, SystemInstanceWithoutDeployment, TokenReuse, VersionRanges,
};
pub use system_instance::{
    SystemInstanceChange, SystemInstanceDeployment, SystemInstanceId, SystemInstanceRecord, SystemInstanceStatus,
    SystemInstanceTarget,
};
