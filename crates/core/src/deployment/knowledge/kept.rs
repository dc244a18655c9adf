//! Knowledge as it is kept between the turns of a resource that rests: in a fifth of the room. Pure.

use jiff::Timestamp;

use super::{History, Knowledge, RolloutKnown};
use crate::deployment::configuration::{Configured, WrittenKeys};

/// What is known of one resource, in little room: 0.2 KiB for one that is done, where [`Knowledge`] itself takes 1.1, most of it for
/// what only turns need.
#[derive(Debug)]
pub struct Kept {
    since: Timestamp,
    predecessor_until: Option<Timestamp>,
    live_at: Option<Timestamp>,
    request_noticed: Option<Box<str>>,
    look_wanted_at: Option<Timestamp>,
    settled_at: Option<Timestamp>,
    tagless_since: Option<Timestamp>,
    verified_at: Option<Timestamp>,
    rollout_wanted_at: Option<Timestamp>,
    configured: Option<Box<KeptConfigured>>,
    rollout: Option<Box<RolloutKnown>>,
    is_history_read: bool,
    /// All else, where there is anything: few resources have it.
    rest: Option<Box<Knowledge>>,
}

/// What a deployment does to configurations.
#[derive(Debug)]
struct KeptConfigured {
    deployment_id: String,
    set: WrittenKeys,
    reset: WrittenKeys,
}

impl Kept {
    /// When this process last took down a deployment of its own.
    #[must_use]
    pub fn settled_at(&self) -> Option<Timestamp> {
        self.settled_at
    }

    /// AWS was seen to hold at that time what the status says.
    pub fn verified(&mut self, at: Timestamp) {
        self.verified_at = self.verified_at.max(Some(at));
    }
}

impl From<Knowledge> for Kept {
    fn from(mut all: Knowledge) -> Self {
        let kept = Self {
            since: all.since,
            predecessor_until: all.predecessor_until.take(),
            live_at: all.live_at.take(),
            request_noticed: all.request_noticed.take().map(String::into_boxed_str),
            look_wanted_at: all.look_wanted_at.take(),
            settled_at: all.settled_at.take(),
            tagless_since: all.tagless_since.take(),
            verified_at: all.verified_at.take(),
            rollout_wanted_at: all.rollout_wanted_at.take(),
            configured: all.configured.take().map(|known| Box::new(KeptConfigured::from(*known))),
            rollout: all.rollout.take(),
            is_history_read: std::mem::take(&mut all.history.is_read),
            rest: None,
        };
        // What is not named above stays, so that a field that is new to this file is not forgotten, only large.
        let rest = (all != Knowledge::new(all.since)).then(|| Box::new(all));
        Self { rest, ..kept }
    }
}

impl From<Kept> for Knowledge {
    fn from(kept: Kept) -> Self {
        let Kept {
            since,
            predecessor_until,
            live_at,
            request_noticed,
            look_wanted_at,
            settled_at,
            tagless_since,
            verified_at,
            rollout_wanted_at,
            configured,
            rollout,
            is_history_read,
            rest,
        } = kept;
        let rest = rest.map_or_else(|| Self::new(since), |rest| *rest);
        Self {
            predecessor_until,
            live_at,
            request_noticed: request_noticed.map(String::from),
            look_wanted_at,
            settled_at,
            tagless_since,
            verified_at,
            rollout_wanted_at,
            configured: configured.map(|kept| Box::new((*kept).into())),
            rollout,
            history: History { is_read: is_history_read, ..rest.history },
            ..rest
        }
    }
}

impl From<(String, Configured)> for KeptConfigured {
    fn from((deployment_id, Configured { set, reset }): (String, Configured)) -> Self {
        Self { deployment_id, set: (&set).into(), reset: (&reset).into() }
    }
}

impl From<KeptConfigured> for (String, Configured) {
    fn from(KeptConfigured { deployment_id, set, reset }: KeptConfigured) -> Self {
        (deployment_id, Configured { set: set.into(), reset: reset.into() })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::deployment::configuration::Keys;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn of_a_resource_that_is_done() -> Knowledge {
        let keys = |pointers: &[&str]| {
            let pointers = pointers.iter().map(|&pointer| pointer.to_owned()).collect();
            Keys::recorded(&BTreeMap::from([("com.example.Press".to_owned(), pointers)]))
        };
        let configured = Configured { set: keys(&["/Interval", "/topic"]), reset: keys(&["/old"]) };
        Knowledge {
            predecessor_until: Some(at(2)),
            live_at: Some(at(3)),
            request_noticed: Some("now".to_owned()),
            look_wanted_at: Some(at(4)),
            settled_at: Some(at(5)),
            tagless_since: Some(at(6)),
            verified_at: Some(at(7)),
            rollout_wanted_at: Some(at(8)),
            configured: Some(Box::new(("deployment".to_owned(), configured))),
            history: History { is_read: true, ..History::default() },
            ..Knowledge::new(at(1))
        }
    }

    #[test]
    fn what_is_kept_comes_back_whole() {
        let done = of_a_resource_that_is_done();
        let kept = Kept::from(done.clone());
        assert!(kept.rest.is_none(), "it takes little room");
        assert_eq!(Knowledge::from(kept), done);
    }

    #[test]
    fn nothing_is_lost_of_one_that_is_not_done() {
        let mut all = of_a_resource_that_is_done();
        all.canceled.insert("another".to_owned());
        all.history.pruned = 3;
        all.intent_recorded(9);
        let back = Knowledge::from(Kept::from(all.clone()));
        assert_eq!(back, all);
    }
}
