//! Flux and Argo CD themselves, with an operator at work on what they bring into a cluster (does I/O: starts processes).
//! `make e2e-gitops` builds and runs what is ignored here.

mod argo_cd;
mod argo_cd_scripts;
mod argo_cd_stories;
mod chart;
mod document;
mod flux;
mod flux_stories;
mod git;
mod order;
mod ownership;
mod rows;
mod servers;
mod watch;
