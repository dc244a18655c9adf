//! The cache of client tokens: the same token gives the same answer for eight hours. Pure.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::{
    error::ServiceError,
    switches::{Switches, TokenReuse},
};

/// "IoT Greengrass V2 caches successful responses for idempotent requests for up to 8 hours": the model's text on `clientToken`.
const CACHED_FOR: SignedDuration = SignedDuration::from_hours(8);

#[derive(Debug, Default)]
pub(crate) struct Tokens {
    answers: BTreeMap<String, Cached>,
    /// In the order of their end, so that forgetting costs nothing.
    ends: VecDeque<(Timestamp, String)>,
    in_progress: BTreeSet<String>,
}

#[derive(Debug)]
struct Cached {
    until: Timestamp,
    /// A digest: a configuration has up to ten megabytes.
    parameters: [u8; 32],
    answer: Value,
}

impl Tokens {
    /// Marks a token whose first request is being processed. False when it is marked or answered already.
    pub(crate) fn begin(&mut self, token: &str, now: Timestamp) -> bool {
        self.forget(now);
        !self.answers.contains_key(token) && self.in_progress.insert(token.to_owned())
    }

    /// Takes the mark of [`Tokens::begin`] away.
    pub(crate) fn finish(&mut self, token: &str) {
        self.in_progress.remove(token);
    }

    /// What a token says about a request: the answer to give, or `None` to go on.
    pub(crate) fn lookup(
        &mut self,
        token: &str,
        parameters: &Value,
        switches: &Switches,
        now: Timestamp,
    ) -> Result<Option<Value>, ServiceError> {
        self.forget(now);
        if self.in_progress.contains(token) {
            return Err(ServiceError::RequestAlreadyInProgress);
        }
        let Some(cached) = self.answers.get(token) else {
            return Ok(None);
        };
        if cached.parameters == digest(parameters) {
            return Ok(Some(cached.answer.clone()));
        }
        match switches.token_reuse {
            TokenReuse::CachedAnswer => Ok(Some(cached.answer.clone())),
            TokenReuse::ValidationError => {
                Err(ServiceError::validation("The client token was used for a request with other parameters."))
            }
            TokenReuse::CreateAnew => Ok(None),
        }
    }

    /// Remembers a successful answer.
    pub(crate) fn remember(&mut self, token: &str, parameters: &Value, answer: Value, now: Timestamp) {
        let until = now.checked_add(CACHED_FOR).unwrap_or(Timestamp::MAX);
        self.ends.push_back((until, token.to_owned()));
        let cached = Cached { until, parameters: digest(parameters), answer };
        self.answers.insert(token.to_owned(), cached);
    }

    fn forget(&mut self, now: Timestamp) {
        while let Some((until, token)) = self.ends.pop_front_if(|(until, _)| *until <= now) {
            // A token that was answered anew has a later end of its own.
            if self.answers.get(&token).is_some_and(|cached| cached.until <= until) {
                self.answers.remove(&token);
            }
        }
    }
}

fn digest(parameters: &Value) -> [u8; 32] {
    Sha256::digest(parameters.to_string()).into()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    #[test]
    fn an_answer_is_cached_for_eight_hours_and_no_longer() {
        let mut tokens = Tokens::default();
        let switches = Switches::default();
        tokens.remember("t", &json!(1), json!("answer"), at(0));
        let mut lookup = |seconds| tokens.lookup("t", &json!(1), &switches, at(seconds));
        assert_eq!(lookup(8 * 3600 - 1), Ok(Some(json!("answer"))));
        assert_eq!(lookup(8 * 3600), Ok(None));
    }

    #[test]
    fn other_parameters_are_a_switch() {
        let mut tokens = Tokens::default();
        tokens.remember("t", &json!(1), json!("answer"), at(0));
        let mut lookup = |token_reuse| {
            let switches = Switches { token_reuse, ..Switches::default() };
            tokens.lookup("t", &json!(2), &switches, at(1))
        };
        assert_eq!(lookup(TokenReuse::CachedAnswer), Ok(Some(json!("answer"))));
        assert_eq!(lookup(TokenReuse::CreateAnew), Ok(None));
        assert_eq!(lookup(TokenReuse::ValidationError).unwrap_err().code(), "ValidationException");
    }

    #[test]
    fn a_token_in_progress_is_refused_until_it_is_finished() {
        let mut tokens = Tokens::default();
        let switches = Switches::default();
        assert!(tokens.begin("t", at(0)));
        assert!(!tokens.begin("t", at(0)));
        assert_eq!(tokens.lookup("t", &json!(1), &switches, at(0)), Err(ServiceError::RequestAlreadyInProgress));
        tokens.finish("t");
        assert_eq!(tokens.lookup("t", &json!(1), &switches, at(0)), Ok(None));
    }

    #[test]
    fn a_token_that_was_answered_anew_lives_from_then_on() {
        let mut tokens = Tokens::default();
        let switches = Switches::default();
        tokens.remember("t", &json!(1), json!("first"), at(0));
        tokens.remember("t", &json!(1), json!("second"), at(3600));
        let found = tokens.lookup("t", &json!(1), &switches, at(8 * 3600 + 1));
        assert_eq!(found, Ok(Some(json!("second"))));
    }
}
