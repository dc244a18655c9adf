//! A real Kubernetes control plane for tests and demonstrations (does I/O: starts processes).
//!
//! [`Cluster::start`] runs etcd, kube-apiserver and kube-controller-manager as plain processes with the admission,
//! authorisation and garbage collection of a production cluster; there are no nodes, so pods stay pending, unless
//! [`Options::runs_pods`] asks for a scheduler and for nodes that look as if they ran them. The normal use in a test is the
//! shared cluster and a namespace of one's own:
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let cluster = testcluster::Cluster::shared()?;
//! let namespace = cluster.namespace("greets")?;
//! let answer = cluster.kubectl(&["get", "configmaps", "--namespace", &namespace])?.success()?;
//! # Ok(())
//! # }
//! ```

mod audit;
mod background;
mod certificates;
mod cluster;
mod error;
mod kubeconfig;
mod kubectl;
mod process;
mod servers;
mod start;
pub mod tools;
mod wait;

pub use audit::{AuditEvent, AuditObject, AuditStatus, AuditUser};
pub use background::{Background, Status};
pub use cluster::{ATTACH_VARIABLE, Cluster};
pub use error::Error;
pub use kubectl::Output;
pub use process::{Server, Start};
pub use start::{AUDIT_LOGS_VARIABLE, Options};
