//! Programs that read the status of a resource: kstatus, Argo CD's health script and actions, `kubectl wait`, Helm (does I/O).

pub mod argo_cd;
mod argo_cd_actions;
mod helm;
pub mod kstatus;
mod stored;
mod system_instance;
mod table;
