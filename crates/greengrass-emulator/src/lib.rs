//! AWS `IoT` Greengrass V2 on one machine: deployments, their jobs and shadows, simulated core devices that take them, and who calls; besides the system
//! instances of AWS `IoT` Things Graph.
//!
//! A pure state machine, keyed by account and region, under the services' own wire format. It runs inside a test as the HTTP client of the AWS SDK
//! ([`Emulator::http_client`]), as an axum router ([`Emulator::router`]), or behind a socket ([`Emulator::serve`], `greengrass-emulator --listen`).
//! A [fleet](Fleet) says which devices there are and how they behave. Every call is entered in a ledger, faults are scripted by rules, calls have
//! [quotas](Quotas), and what AWS does but nobody documents is a [switch](Switches).
//!
//! # Testing a program of one's own
//!
//! Whatever takes a client of the AWS SDK can be tested without a socket, and with tokio's paused time a rollout of minutes takes milliseconds: what
//! waits for devices waits on the same clock as they do.
//!
//! ```
//! use std::time::Duration;
//!
//! use aws_credential_types::Credentials;
//! use aws_sdk_greengrassv2::{
//!     Client,
//!     config::{BehaviorVersion, Config, Region},
//!     types::{ComponentDeploymentSpecification, DeploymentStatus},
//! };
//! use greengrass_emulator::{DelayAt, Emulator, FaultAction, FaultRule, Fleet, Operation};
//!
//! /// What is tested: deploys to a thing, and waits until its device has said how it went.
//! async fn deploy(client: &Client, target: &str) -> Result<DeploymentStatus, aws_sdk_greengrassv2::Error> {
//!     let hello = ComponentDeploymentSpecification::builder().component_version("1.0.0").build()?;
//!     let create = client.create_deployment().target_arn(target).components("com.example.Hello", hello);
//!     let created = create.send().await?;
//!     loop {
//!         let got = client.get_deployment().set_deployment_id(created.deployment_id.clone()).send().await?;
//!         match got.deployment_status {
//!             Some(DeploymentStatus::Active) | None => tokio::time::sleep(Duration::from_secs(5)).await,
//!             Some(ended) => return Ok(ended),
//!         }
//!     }
//! }
//!
//! const FLEET: &str = "
//! accounts:
//!   - account: '123456789012'
//!     region: eu-west-1
//!     devices: [{name: core, behaviour: {takes: {seconds: 600}}}]
//! ";
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let emulator = Emulator::default();
//! emulator.add_fleet(&Fleet::from_yaml(FLEET)?)?;
//! // The first answer gets lost on its way back, and the SDK asks again, with the same token.
//! emulator.faults().add(FaultRule::on(Operation::CreateDeployment, FaultAction::ResetAfter));
//! let late = FaultAction::Delay { milliseconds: 2000, at: DelayAt::Reply };
//! emulator.faults().add(FaultRule::on(Operation::GetDeployment, late));
//! let config = Config::builder()
//!     .behavior_version(BehaviorVersion::v2026_01_12())
//!     .region(Region::new("eu-west-1"))
//!     .credentials_provider(Credentials::new("123456789012", "secret", None, None, "test"))
//!     .http_client(emulator.http_client())
//!     .build();
//!
//! let before = emulator.now();
//! let status = deploy(&Client::from_conf(config), "arn:aws:iot:eu-west-1:123456789012:thing/core").await?;
//!
//! assert_eq!(status, DeploymentStatus::Completed);
//! assert!(emulator.now().duration_since(before).as_secs() >= 600);
//! assert_eq!(emulator.calls_of("CreateDeployment").len(), 2);
//! assert_eq!(emulator.deployments("123456789012", "eu-west-1").len(), 1);
//! # Ok(())
//! # }
//! ```
//!
//! # State that outlives the process
//!
//! [`EmulatorBuilder::open`] in place of [`EmulatorBuilder::build`] keeps the state in a file, which has every change before its caller knows of it.
//!
//! # Time
//!
//! Nothing runs in the background: what is due by a call happens before it, at its own time on the emulator's [clock](Clock).

mod access_keys;
mod admin;
mod aws_json;
mod behaviour;
mod clock;
mod component;
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
mod state_file;
mod switches;
mod system_instance;
mod xml;

pub use access_keys::{AccessKey, AccessKeyError};
pub use behaviour::{Availability, Behaviour, Outcome, OutcomeRule, Takes};
pub use clock::{Clock, ManualClock, TokioClock};
pub use component::{ComponentState, ComponentVersionRecord};
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
pub use server::{Tls, TlsError};
pub use state_file::StateFileError;
pub use switches::{
    AbortedDeployment, Acceptance, BoundToOtherParent, CancelInactive, DependencyVersions, EndedSubdeployment,
    ErrorClass, JobNamespace, LatestForTarget, ListOrder, MissingTarget, PlainList, RemovedConfiguration,
    RevisionCounter, RevisionsAfterDelete, RolloutQueues, Signatures, SupersededRevision, SwitchDescription,
    SwitchError, Switches, SystemInstanceFilters, SystemInstanceMissing, SystemInstanceUndeployment,
    SystemInstanceWithoutDeployment, TokenReuse, UnknownComponents, VersionRanges,
};
pub use system_instance::{
    SystemInstanceChange, SystemInstanceDeployment, SystemInstanceId, SystemInstanceRecord, SystemInstanceStatus,
    SystemInstanceTarget,
};
