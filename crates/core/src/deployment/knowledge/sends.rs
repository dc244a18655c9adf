//! What this process knows of the requests that it sent for the open intent. Pure.

use jiff::Timestamp;

use super::{Created, Knowledge};
use crate::failure::{Failure, FailureKind, Operation};

/// What this process sent for an intent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sends {
    /// The intent's ordinal.
    pub ordinal: u64,
    /// Whether this process recorded the intent, and so knows of every send.
    pub recorded_here: bool,
    /// How many went out.
    pub count: u32,
    /// When the last one ended.
    pub last_ended_at: Option<Timestamp>,
    /// When the last one ended that may have had an effect.
    pub last_doubtful_at: Option<Timestamp>,
    /// Whether every one was clearly refused.
    pub all_clearly_refused: bool,
    /// Whether AWS refused the parameters after a send that was not clearly refused.
    pub refused_after_doubt: bool,
    /// The id that AWS answered, and when.
    pub reply: Option<(String, Timestamp)>,
}

impl Sends {
    /// After a start: nobody knows what went out.
    #[must_use]
    pub fn unknown(ordinal: u64) -> Self {
        Self {
            ordinal,
            recorded_here: false,
            count: 0,
            last_ended_at: None,
            last_doubtful_at: None,
            all_clearly_refused: false,
            refused_after_doubt: false,
            reply: None,
        }
    }
}

impl Knowledge {
    /// A send of the open intent ended.
    pub fn sent(&mut self, ordinal: u64, at: Timestamp, outcome: &Result<Created, Failure>) {
        let clearly_refused = match outcome {
            Ok(_) => false,
            Err(failure) => failure.clearly_refused(),
        };
        let refused_parameters = matches!(outcome, Err(failure) if failure.kind == FailureKind::Validation);
        let sends = match self.sends.take() {
            Some(sends) if sends.ordinal == ordinal => sends,
            Some(_) | None => Sends::unknown(ordinal),
        };
        let doubt_before = !sends.recorded_here || (sends.count > 0 && !sends.all_clearly_refused);
        self.sends = Some(Sends {
            ordinal,
            recorded_here: sends.recorded_here,
            count: sends.count.saturating_add(1),
            last_ended_at: Some(at),
            last_doubtful_at: if clearly_refused { sends.last_doubtful_at } else { Some(at) },
            all_clearly_refused: sends.all_clearly_refused && clearly_refused,
            refused_after_doubt: sends.refused_after_doubt || (refused_parameters && doubt_before),
            reply: match outcome {
                Ok(created) => Some((created.deployment_id.clone(), at)),
                Err(_) => sends.reply,
            },
        });
        self.tagless_since = None;
        if outcome.is_ok() {
            self.succeeded(Operation::CreateDeployment);
        }
    }

    /// An intent was recorded by this process: nothing of it was sent yet.
    pub fn intent_recorded(&mut self, ordinal: u64) {
        self.sends = Some(Sends { recorded_here: true, all_clearly_refused: true, ..Sends::unknown(ordinal) });
        self.tagless_since = None;
    }
}
