//! Conditions as every kind writes them. Pure.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

/// Longest message of a condition. The API server takes 32768 bytes; a person reads a few sentences.
const LONGEST_MESSAGE: usize = 1024;

/// The status of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truth {
    /// It holds.
    True,
    /// It does not.
    False,
    /// It can't be said.
    Unknown,
}

impl Truth {
    /// As it stands in conditions.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

/// The condition of that type, which keeps the time of its last transition where its status stays as it was in `previous`.
#[must_use]
pub fn condition(
    name: &str,
    (truth, reason, message): (Truth, &str, &str),
    generation: i64,
    now: Timestamp,
    previous: &[Condition],
) -> Condition {
    let before = previous.iter().find(|condition| condition.type_ == name);
    let since = before
        .filter(|before| before.status == truth.as_str())
        // Whole seconds: the API server keeps no more, and a finer time would differ from what it gives back.
        .map_or_else(|| Timestamp::from_second(now.as_second()).unwrap_or(now), |before| before.last_transition_time.0);
    Condition {
        type_: name.to_owned(),
        status: truth.as_str().to_owned(),
        reason: reason.to_owned(),
        message: cut(message),
        observed_generation: Some(generation),
        last_transition_time: Time(since),
    }
}

/// All conditions of a status: ours, in the order of `types`, and behind them those of others as they are.
#[must_use]
pub fn all<'a>(
    types: &[&str],
    sayings: impl IntoIterator<Item = Option<(Truth, &'a str, &'a str)>>,
    generation: i64,
    now: Timestamp,
    previous: &[Condition],
) -> Vec<Condition> {
    let said = types.iter().zip(sayings).filter_map(|(name, saying)| Some((name, saying?)));
    let ours = said.map(|(name, saying)| condition(name, saying, generation, now, previous));
    let others = previous.iter().filter(|other| !types.contains(&other.type_.as_str())).cloned();
    ours.chain(others).collect()
}

fn cut(message: &str) -> String {
    if message.len() <= LONGEST_MESSAGE {
        return message.to_owned();
    }
    let end = (0..=LONGEST_MESSAGE - 3).rev().find(|end| message.is_char_boundary(*end)).unwrap_or(0);
    format!("{}...", message.get(..end).unwrap_or_default())
}
