//! How far the recorded change is. Pure.

use jiff::{SignedDuration, Timestamp};

use super::super::knowledge::{Knowledge, Sends};
use super::super::memory::{Intent, Memory};
use super::super::subject::Subject;
use super::ownership::ours;

/// After a start or a gain of leadership the predecessor may still have a request under way: its 30 seconds of time-out and 10
/// seconds between its last look at the object and the send.
pub const PREDECESSOR_MAY_SEND_FOR: SignedDuration = SignedDuration::from_secs(40);

/// How long AWS may take to show what an unanswered request did, and how long an unknown token stays in doubt.
pub const DOUBT: SignedDuration = SignedDuration::from_secs(60);

/// AWS keeps the answer to a token for up to 8 hours (`CreateDeployment`); an hour less leaves room for clocks.
pub const TOKEN_KNOWN_FOR: SignedDuration = SignedDuration::from_hours(7);

/// How far the recorded change is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IntentState {
    /// There is none.
    None,
    /// A deployment carries its tag.
    Landed {
        /// The deployment.
        deployment_id: String,
    },
    /// AWS answered with this id, which must be read.
    Replied {
        /// The deployment.
        deployment_id: String,
        /// What tells.
        next: AfterReply,
    },
    /// Its token is used up: the next ordinal follows.
    Spent,
    /// Nothing carries its tag.
    Open(OpenIntent),
}

impl IntentState {
    /// Whether what it asked for may be what superseded or replaced our last deployment.
    #[must_use]
    pub fn may_have_landed(&self) -> bool {
        match self {
            Self::None => false,
            Self::Landed { .. } | Self::Replied { .. } | Self::Spent => true,
            Self::Open(open) => open.uncertain_until.is_some(),
        }
    }
}

/// How it is found out what an answer was worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterReply {
    /// The deployment is read, not before this.
    Read(Timestamp),
    /// The list tells.
    Look,
}

/// An intent that nothing in AWS carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenIntent {
    /// This process knows that nothing was sent, or that everything was clearly refused.
    pub ineffective: bool,
    /// This process has recorded it and sent nothing.
    pub unsent: bool,
    /// It may be rebound or given up only by a look that begins after this, when what may be on its way must have shown.
    pub uncertain_until: Option<Timestamp>,
    /// A look has begun since the last send of this process, and since its start.
    pub looked: bool,
    /// Not to be sent before a look that begins after this: AWS may have forgotten the token, or has refused it after a request
    /// that may still be on its way.
    pub held_until: Option<Timestamp>,
}

pub(super) fn assess(subject: &Subject<'_>, memory: &Memory, knowledge: &Knowledge, now: Timestamp) -> IntentState {
    let Some(intent) = &memory.intent else { return IntentState::None };
    if let Some(deployment_id) = landed(intent, subject, knowledge) {
        return IntentState::Landed { deployment_id };
    }
    let unknown = Sends::unknown(intent.ordinal);
    let sends = knowledge.sends.as_ref().filter(|sends| sends.ordinal == intent.ordinal).unwrap_or(&unknown);
    if is_passed(intent, subject, knowledge) {
        return IntentState::Spent;
    }
    let looked =
        knowledge.look.as_ref().is_some_and(|look| sends.last_ended_at.is_none_or(|ended| look.began_at > ended));
    if let Some((deployment_id, replied_at)) = &sends.reply {
        return replied(deployment_id, *replied_at, knowledge, now);
    }
    let unsent = sends.recorded_here && sends.count == 0;
    // An intent that is recorded while the one that led before goes on may be sent by that one too, and nobody here knows of it.
    let shared = knowledge.predecessor_until.is_some_and(|until| intent.started_at < until);
    let ineffective = !shared && (unsent || (sends.recorded_here && sends.all_clearly_refused));
    let uncertain_until = if ineffective { None } else { uncertain_until(sends, knowledge, shared) };
    let mut held_until = forgotten_until(intent, knowledge, now);
    if sends.refused_after_doubt {
        if looked && uncertain_until.is_none() {
            return IntentState::Spent;
        }
        held_until = held_until.max(uncertain_until);
    }
    IntentState::Open(OpenIntent { ineffective, unsent, uncertain_until, looked, held_until })
}

fn uncertain_until(sends: &Sends, knowledge: &Knowledge, shared: bool) -> Option<Timestamp> {
    let started = knowledge.since.saturating_add(PREDECESSOR_MAY_SEND_FOR).ok();
    let last_possible_send = sends.last_doubtful_at.max(started.filter(|_| shared || !sends.recorded_here));
    let shown = last_possible_send?.checked_add(DOUBT).ok()?;
    knowledge.look.as_ref().is_none_or(|look| look.began_at < shown).then_some(shown)
}

/// A deployment with the intent's ordinal in its tags: a superseded one settles the intent as well.
fn landed(intent: &Intent, subject: &Subject<'_>, knowledge: &Knowledge) -> Option<String> {
    knowledge
        .details
        .values()
        .filter_map(|reading| reading.value.as_ref())
        .find(|details| ours(details, subject).is_some_and(|tags| tags.ordinal == intent.ordinal))
        .map(|details| details.row.deployment_id.clone())
}

/// A deployment of ours with a later ordinal: this one's token can't make the newest any more.
fn is_passed(intent: &Intent, subject: &Subject<'_>, knowledge: &Knowledge) -> bool {
    knowledge
        .details
        .values()
        .filter_map(|reading| reading.value.as_ref())
        .any(|details| ours(details, subject).is_some_and(|tags| tags.ordinal > intent.ordinal))
}

fn replied(deployment_id: &str, replied_at: Timestamp, knowledge: &Knowledge, now: Timestamp) -> IntentState {
    let doubt_over = replied_at.checked_add(DOUBT).unwrap_or(replied_at);
    let read = IntentState::Replied { deployment_id: deployment_id.to_owned(), next: AfterReply::Read(now) };
    match knowledge.details.get(deployment_id) {
        None => read,
        // It exists and does not carry this intent: AWS answered from its cache for somebody else's use of the token.
        Some(reading) if reading.value.is_some() => IntentState::Spent,
        Some(reading) => {
            let listed = knowledge.look.as_ref().filter(|look| look.began_at >= doubt_over);
            if reading.at >= doubt_over {
                return match listed {
                    // In neither: the answer was a cached one for a deployment that is gone.
                    Some(look) if look.rows.iter().all(|row| row.deployment_id != deployment_id) => IntentState::Spent,
                    Some(_) => read,
                    None => IntentState::Replied { deployment_id: deployment_id.to_owned(), next: AfterReply::Look },
                };
            }
            // Reads lag behind writes by seconds: 1 s at first, then as long as it has taken so far.
            let elapsed = reading.at.duration_since(replied_at).max(SignedDuration::from_secs(1));
            let read_at = reading.at.checked_add(elapsed).unwrap_or(reading.at).min(doubt_over);
            IntentState::Replied { deployment_id: deployment_id.to_owned(), next: AfterReply::Read(read_at) }
        }
    }
}

fn forgotten_until(intent: &Intent, knowledge: &Knowledge, now: Timestamp) -> Option<Timestamp> {
    if now.duration_since(intent.started_at) <= TOKEN_KNOWN_FOR {
        return None;
    }
    let twice = knowledge.tagless_since.and_then(|since| since.checked_add(DOUBT).ok());
    match (twice, &knowledge.look) {
        (Some(twice), Some(look)) if look.began_at >= twice => None,
        (Some(twice), _) => Some(twice),
        (None, _) => Some(now),
    }
}
