//! What the emulator bears: how many clients, how slow they may be, how much it remembers of them. Pure.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Bounds, so that no client can take what others need. By default far from what a test reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Limits {
    /// Connections that are open at once; another one is told so with status 503 and closed. Below 1024, which is how many files a process may have
    /// open where nobody has allowed more.
    pub connections: u32,
    /// How long the head of a request may take, from its first byte on, and a new connection to its first byte.
    pub head_seconds: u32,
    /// How long the body of a request may take, and a client that reads nothing of an answer.
    pub body_seconds: u32,
    /// How long a connection may be without a request.
    pub idle_seconds: u32,
    /// Pages that are told what happens.
    pub pages: u32,
    /// Calls that the ledger keeps; the oldest go first.
    pub ledger_calls: u32,
    /// How much text the requests in the ledger may have, in MiB; the oldest go first.
    pub ledger_mebibytes: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 800,
            head_seconds: 20,
            body_seconds: 120,
            idle_seconds: 600,
            pages: 16,
            ledger_calls: 200_000,
            ledger_mebibytes: 256,
        }
    }
}

/// Why a change of limits was refused.
#[derive(Debug, thiserror::Error)]
pub enum LimitError {
    /// A flag without `=` and a whole number.
    #[error("{0:?} is not of the form NAME=NUMBER")]
    NoNumber(String),
    /// There is no such limit, or the number is too large.
    #[error(transparent)]
    Unknown(#[from] serde_json::Error),
}

impl Limits {
    /// These limits after one `NAME=NUMBER`, as the command line has it.
    pub fn with_flag(self, flag: &str) -> Result<Self, LimitError> {
        let number = flag.split_once('=').and_then(|(name, number)| Some((name, number.parse::<u64>().ok()?)));
        let (name, number) = number.ok_or_else(|| LimitError::NoNumber(flag.to_owned()))?;
        let mut all = serde_json::to_value(self)?;
        if let Some(members) = all.as_object_mut() {
            members.insert(name.to_owned(), number.into());
        }
        Ok(serde_json::from_value(all)?)
    }

    pub(crate) fn head(&self) -> Duration {
        Duration::from_secs(self.head_seconds.into())
    }

    pub(crate) fn body(&self) -> Duration {
        Duration::from_secs(self.body_seconds.into())
    }

    pub(crate) fn idle(&self) -> Duration {
        Duration::from_secs(self.idle_seconds.into())
    }
}

/// A limit as a number of things in memory.
pub(crate) fn many(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_changes_one_limit_and_a_wrong_one_is_named() {
        let limits = Limits::default().with_flag("connections=7").unwrap();
        assert_eq!(limits, Limits { connections: 7, ..Limits::default() });
        for (flag, words) in [
            ("connections", "not of the form"),
            ("connections=-1", "not of the form"),
            ("connections=99999999999", "u32"),
            ("conections=7", "unknown field `conections`"),
        ] {
            let error = Limits::default().with_flag(flag).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }
}
