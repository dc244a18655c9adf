//! What the tests of the election share: an API server with one Lease. Pure.

mod elector;
mod protocol;
mod schedules;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::candidate::{Answer, Candidate, Step};
use super::settings::Timings;
use crate::aws::BootTime;

/// An API server with one Lease.
#[derive(Clone, Debug, Default)]
struct Server {
    lease: Option<Lease>,
    versions: u64,
}

impl Server {
    fn spec(&self) -> LeaseSpec {
        self.lease.as_ref().and_then(|lease| lease.spec.clone()).unwrap_or_default()
    }

    fn holder(&self) -> Option<String> {
        self.spec().holder_identity
    }

    /// As the API server does: a create needs that there is none, and a replacement the version and incarnation that it names.
    fn put(&mut self, lease: &Lease) -> Answer {
        let seen = lease.metadata.resource_version.as_ref().map(|version| (Some(version), lease.metadata.uid.as_ref()));
        let there =
            self.lease.as_ref().map(|there| (there.metadata.resource_version.as_ref(), there.metadata.uid.as_ref()));
        if seen == there { self.store(lease.clone()) } else { Answer::Refused }
    }

    fn store(&mut self, mut lease: Lease) -> Answer {
        self.versions += 1;
        lease.metadata.resource_version = Some(self.versions.to_string());
        lease.metadata.uid.get_or_insert_with(|| format!("uid-{}", self.versions));
        self.lease = Some(lease.clone());
        Answer::Written(Box::new(lease))
    }

    /// A person's hand.
    fn edit(&mut self, edit: impl FnOnce(&mut LeaseSpec)) {
        if let Some(mut lease) = self.lease.clone() {
            edit(lease.spec.get_or_insert_default());
            self.store(lease);
        }
    }

    fn delete(&mut self) {
        self.lease = None;
    }

    /// Somebody else's Lease.
    fn held_by(holder: &str, seconds: i32) -> Self {
        let mut server = Self::default();
        let spec = LeaseSpec {
            holder_identity: Some(holder.to_owned()),
            lease_duration_seconds: Some(seconds),
            lease_transitions: Some(3),
            ..LeaseSpec::default()
        };
        let metadata = ObjectMeta { name: Some("greengrass-operator".into()), ..ObjectMeta::default() };
        server.store(Lease { metadata, spec: Some(spec) });
        server
    }
}

fn candidate(identity: &str) -> Candidate {
    Candidate::new(identity.to_owned(), "greengrass-operator".parse().unwrap(), Timings::default())
}

fn at(milliseconds: u64) -> BootTime {
    BootTime::since_boot(std::time::Duration::from_millis(milliseconds))
}

/// The time of day then, on a machine whose clock is right.
fn day(now: BootTime) -> Timestamp {
    let since = at(0).until(now);
    "2026-11-23T10:00:00Z".parse::<Timestamp>().unwrap() + since
}

/// A whole round, in no time and without accidents.
fn round(candidate: &mut Candidate, server: &mut Server, now: BootTime) {
    candidate.begin_round();
    loop {
        match candidate.step(now, day(now)) {
            Step::Done => return,
            Step::Look => candidate.looked(server.lease.clone(), now),
            Step::Write(lease) => candidate.wrote(now, server.put(&lease), now),
        }
    }
}

fn leads(candidate: &Candidate, now: BootTime) -> bool {
    candidate.leads_until().is_some_and(|until| now < until)
}
