//! Access keys: which the emulator knows, their secrets, and the accounts that they are of. Pure.

use std::{collections::BTreeMap, fmt, str::FromStr, sync::Arc};

use jiff::{SignedDuration, Timestamp};

use crate::{principal::RoleSession, role::RoleArn};

/// The access key id of the default account for those who configure nothing: what users of other emulators are used to.
const TEST: &str = "test";

/// The secret access key of every access key id of twelve digits that isn't listed.
const SECRET: &str = "secret";

/// An access key: the secret that its owner signs with, and the account that it is of.
///
/// Two kinds of access keys needn't be listed, so that tests and demonstrations have nothing to configure: an id of twelve digits, which is that account,
/// with the secret `secret`; and the id `test` with the secret `test`, which is the default account.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessKey {
    id: String,
    secret: String,
    account: String,
    session_token: Option<String>,
    expires: Option<Timestamp>,
    session: Option<Arc<RoleSession>>,
}

/// For how long a key is known after its end, so that it is refused as expired and not as unknown: the longest session of a role again.
const KEPT_EXPIRED: SignedDuration = SignedDuration::from_hours(12);

/// Why an access key can't be one. The text never holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccessKeyError {
    /// It isn't three parts.
    #[error("an access key has the form ID:SECRET:ACCOUNT")]
    Form,
    /// The id is empty, or has characters that ids don't have.
    #[error("the id of an access key is letters, digits, '_' and '-'")]
    Id,
    /// The secret is empty.
    #[error("the secret of access key {id} is empty")]
    Secret {
        /// The access key id.
        id: String,
    },
    /// The account isn't one.
    #[error("the account of access key {id} is not twelve digits")]
    Account {
        /// The access key id.
        id: String,
    },
}

pub(crate) fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

impl AccessKey {
    /// A long-term access key of a user.
    pub fn new(
        id: impl Into<String>,
        secret: impl Into<String>,
        account: impl Into<String>,
    ) -> Result<Self, AccessKeyError> {
        let (id, secret, account) = (id.into(), secret.into(), account.into());
        if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte)) {
            return Err(AccessKeyError::Id);
        }
        if secret.is_empty() {
            return Err(AccessKeyError::Secret { id });
        }
        if !is_account(&account) {
            return Err(AccessKeyError::Account { id });
        }
        Ok(Self { id, secret, account, session_token: None, expires: None, session: None })
    }

    /// The key of a role's session.
    pub(crate) fn of_session(
        id: String,
        secret: String,
        token: String,
        expires: Timestamp,
        session: RoleSession,
    ) -> Self {
        let account = session.role.account().to_owned();
        let session = Some(Arc::new(session));
        Self { id, secret, account, session_token: Some(token), expires: Some(expires), session }
    }

    /// The same as a temporary key, of a role's session: requests must carry this session token.
    #[must_use]
    pub fn with_session_token(self, token: impl Into<String>) -> Self {
        Self { session_token: Some(token.into()), ..self }
    }

    /// The same with an end: from this time of the emulator's clock on it is refused as expired.
    #[must_use]
    pub fn expiring_at(self, time: Timestamp) -> Self {
        Self { expires: Some(time), ..self }
    }

    /// The access key id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The account that it is of.
    #[must_use]
    pub fn account(&self) -> &str {
        &self.account
    }
}

impl fmt::Debug for AccessKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("AccessKey")
            .field("id", &self.id)
            .field("account", &self.account)
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}

/// `ID:SECRET:ACCOUNT`, as the command line has it.
impl FromStr for AccessKey {
    type Err = AccessKeyError;

    fn from_str(text: &str) -> Result<Self, AccessKeyError> {
        let (id, rest) = text.split_once(':').ok_or(AccessKeyError::Form)?;
        let (secret, account) = rest.rsplit_once(':').ok_or(AccessKeyError::Form)?;
        Self::new(id, secret, account)
    }
}

/// The access keys that are listed.
#[derive(Debug, Clone, Default)]
pub(crate) struct AccessKeys(BTreeMap<String, AccessKey>);

/// What is known of an access key id, listed or by convention.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Known<'a> {
    pub(crate) secret: &'a str,
    pub(crate) account: &'a str,
    pub(crate) session_token: Option<&'a str>,
    pub(crate) expires: Option<Timestamp>,
    pub(crate) session: Option<&'a Arc<RoleSession>>,
}

impl AccessKeys {
    /// Lists a key, in place of one with its id.
    pub(crate) fn add(&mut self, key: AccessKey) {
        self.0.insert(key.id.clone(), key);
    }

    /// False when no key with this id is listed.
    pub(crate) fn remove(&mut self, id: &str) -> bool {
        self.0.remove(id).is_some()
    }

    /// Forgets the keys of all sessions of a role.
    pub(crate) fn remove_sessions_of(&mut self, role: &RoleArn) {
        self.0.retain(|_, key| key.session.as_ref().is_none_or(|session| session.role != *role));
    }

    /// Forgets the keys of sessions that ended long ago.
    pub(crate) fn remove_ended(&mut self, now: Timestamp) {
        let long_over = |end: Timestamp| now.duration_since(end) > KEPT_EXPIRED;
        self.0.retain(|_, key| key.session.is_none() || !key.expires.is_some_and(long_over));
    }

    pub(crate) fn find<'a>(&'a self, id: &'a str, default_account: &'a str) -> Option<Known<'a>> {
        if let Some(AccessKey { id: _, secret, account, session_token, expires, session }) = self.0.get(id) {
            return Some(Known {
                secret,
                account,
                session_token: session_token.as_deref(),
                expires: *expires,
                session: session.as_ref(),
            });
        }
        let (secret, account) = match id {
            TEST => (TEST, default_account),
            _ => is_account(id).then_some((SECRET, id))?,
        };
        Some(Known { secret, account, session_token: None, expires: None, session: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEFAULT: &str = "123456789012";

    #[test]
    fn two_kinds_of_keys_are_known_without_being_listed() {
        let keys = AccessKeys::default();
        let known = |id| keys.find(id, DEFAULT).map(|known| (known.secret.to_owned(), known.account.to_owned()));
        assert_eq!(known("210987654321"), Some(("secret".to_owned(), "210987654321".to_owned())));
        assert_eq!(known("test"), Some(("test".to_owned(), DEFAULT.to_owned())));
        for unknown in ["AKIDEXAMPLE", "", "2109876543210", "21098765432x", "Test"] {
            assert_eq!(known(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn a_listed_key_goes_before_the_convention_until_it_is_removed() {
        let mut keys = AccessKeys::default();
        keys.add("210987654321:other:111122223333".parse().unwrap());
        let found = keys.find("210987654321", DEFAULT).unwrap();
        assert_eq!((found.secret, found.account), ("other", "111122223333"));
        assert!(keys.remove("210987654321"));
        assert!(!keys.remove("210987654321"));
        assert_eq!(keys.find("210987654321", DEFAULT).unwrap().secret, "secret");
    }

    #[test]
    fn a_secret_may_have_every_character_that_secrets_have() {
        let key: AccessKey = "AKID:a/b+c:d=:111122223333".parse().unwrap();
        assert_eq!((key.id(), key.secret.as_str(), key.account()), ("AKID", "a/b+c:d=", "111122223333"));
    }

    #[test]
    fn a_mistake_is_named_and_no_secret_is_shown() {
        for (text, expected) in [
            ("hush", "ID:SECRET:ACCOUNT"),
            ("AKID:hush", "ID:SECRET:ACCOUNT"),
            (":hush:111122223333", "the id of an access key"),
            ("AK/ID:hush:111122223333", "the id of an access key"),
            ("AKID::111122223333", "the secret of access key AKID is empty"),
            ("AKID:hush:1111", "the account of access key AKID"),
        ] {
            let error = text.parse::<AccessKey>().unwrap_err().to_string();
            assert!(error.contains(expected) && !error.contains("hush"), "{text}: {error}");
        }
        let key = AccessKey::new("AKID", "hush", DEFAULT).unwrap().with_session_token("whisper");
        let shown = format!("{key:?}");
        assert!(shown.contains("AKID") && !shown.contains("hush") && !shown.contains("whisper"), "{shown}");
    }
}
