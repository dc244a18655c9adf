//! Hashes and the idempotency token. Pure.

use data_encoding::{BASE32_NOPAD, HEXLOWER};
use sha2::{Digest as _, Sha256};

use crate::names::Key;

/// SHA-256 in lower-case hexadecimal.
#[must_use]
pub fn sha256_hex(bytes: &[u8]) -> String {
    HEXLOWER.encode(&Sha256::digest(bytes))
}

/// Half of a SHA-256: for tags that only have to tell values apart, 128 bits are plenty and leave tags readable.
#[must_use]
pub fn short_hash(text: &str) -> String {
    sha256_hex(text.as_bytes()).chars().take(32).collect()
}

/// The `clientToken` of a change: the same for every replica, every incarnation of the object and every attempt, so that AWS's
/// own token cache decides between them. 52 characters of A–Z and 2–7 (AWS: 1–64 of `[a-zA-Z0-9-]`, `CreateDeployment`).
#[must_use]
pub fn client_token(cluster: &str, key: &Key, ordinal: u64) -> String {
    let parent = key.parent.as_ref().map_or("", |parent| parent.as_str());
    // None of these texts can hold a NUL, so no two different lists run together.
    let text =
        ["1", cluster, key.target.account(), key.target.region(), key.target.as_str(), parent, &ordinal.to_string()]
            .join("\0");
    BASE32_NOPAD.encode(&Sha256::digest(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::TargetArn;

    fn key(target: &str, parent: Option<&str>) -> Key {
        Key { target: TargetArn::parse(target).unwrap(), parent: parent.map(|p| TargetArn::parse(p).unwrap()) }
    }

    #[test]
    fn a_token_fits_aws_and_differs_by_everything_it_is_made_of() {
        let group = "arn:aws:iot:eu-central-1:123456789012:thinggroup/a";
        let other = "arn:aws:iot:eu-central-1:123456789012:thinggroup/b";
        let tokens: std::collections::BTreeSet<String> = [
            client_token("c1", &key(group, None), 1),
            client_token("c2", &key(group, None), 1),
            client_token("c1", &key(group, None), 2),
            client_token("c1", &key(other, None), 1),
            client_token("c1", &key(group, Some(other)), 1),
        ]
        .into();
        assert_eq!(tokens.len(), 5);
        for token in tokens {
            assert!(token.len() <= 64 && token.chars().all(|c| c.is_ascii_alphanumeric()), "{token}");
        }
    }
}
