//! UUIDs from a seed, so that a run can be repeated. Pure.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid};

/// What an identifier is for. Every kind counts for itself, so that the n-th deployment has the same id however many calls were made before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum IdKind {
    Deployment,
    Job,
    Thing,
    ThingGroup,
    Request,
    Session,
    GreengrassGroup,
    GreengrassGroupVersion,
    GreengrassDeployment,
}

impl IdKind {
    const fn label(self) -> &'static str {
        match self {
            Self::Deployment => "deployment",
            Self::Job => "job",
            Self::Thing => "thing",
            Self::ThingGroup => "thing-group",
            Self::Request => "request",
            Self::Session => "session",
            Self::GreengrassGroup => "greengrass-group",
            Self::GreengrassGroupVersion => "greengrass-group-version",
            Self::GreengrassDeployment => "greengrass-deployment",
        }
    }
}

/// The generator: the same seed gives the same sequence for each kind.
#[derive(Debug)]
pub(crate) struct Ids {
    seed: u64,
    counters: BTreeMap<IdKind, u64>,
}

impl Ids {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, counters: BTreeMap::new() }
    }

    pub(crate) fn next(&mut self, kind: IdKind) -> Uuid {
        let counter = self.counters.entry(kind).or_default();
        *counter += 1;
        let digest = Sha256::new()
            .chain_update(self.seed.to_be_bytes())
            .chain_update(kind.label())
            .chain_update(counter.to_be_bytes())
            .finalize();
        let mut bytes = [0; 16];
        for (to, from) in bytes.iter_mut().zip(digest) {
            *to = from;
        }
        Builder::from_random_bytes(bytes).into_uuid()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_ids_and_kinds_do_not_disturb_each_other() {
        let mut first = Ids::new(7);
        let mut second = Ids::new(7);
        second.next(IdKind::Request);
        assert_eq!(first.next(IdKind::Deployment), second.next(IdKind::Deployment));
        assert_ne!(first.next(IdKind::Deployment), first.next(IdKind::Job));
        assert_ne!(Ids::new(7).next(IdKind::Job), Ids::new(8).next(IdKind::Job));
        assert_eq!(first.next(IdKind::Job).get_version_num(), 4);
    }
}
