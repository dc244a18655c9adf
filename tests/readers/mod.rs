//! Programs that read the status of a resource: kstatus, Argo CD's health script, `kubectl wait`, Helm (does I/O).

mod argo_cd;
mod helm;
mod kstatus;
mod stored;
mod table;
