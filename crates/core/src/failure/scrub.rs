//! Makes a message of AWS fit for a condition: one line, bounded, without secrets. Pure.

/// Longest message, in characters. Enough for every message seen from AWS; with code and advice around it a condition
/// stays readable in a terminal.
pub const MESSAGE_LIMIT: usize = 512;

/// Characters after `AKIA` or `ASIA` in an access key id.
const KEY_TAIL: usize = 16;

/// Session tokens have 300 characters and more of base64; the longest word that is not one is a name of 128 characters,
/// which hardly mixes cases and digits without a `-`, `_`, `.` or `:`.
const TOKEN_LENGTH: usize = 100;

/// What stands where a secret stood.
const HIDDEN: &str = "[hidden]";

/// One line of at most [`MESSAGE_LIMIT`] characters, without access key ids and session tokens.
///
/// AWS repeats the canonical request, with the session token in it, when it refuses a signature.
#[must_use]
pub fn scrub(message: &str) -> String {
    let mut line = String::new();
    let mut after_token_name = false;
    for word in message.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()) {
        if !line.is_empty() {
            line.push(' ');
        }
        after_token_name = push_word(&mut line, word, after_token_name);
    }
    cut(&line)
}

/// Appends a word piece by piece; says whether what follows it is the value of a token.
fn push_word(line: &mut String, word: &str, mut token_follows: bool) -> bool {
    let mut rest = word;
    while let Some(first) = rest.chars().next() {
        if is_token_char(first) {
            let end = rest.find(|c: char| !is_token_char(c)).unwrap_or(rest.len());
            let (run, tail) = rest.split_at(end);
            // `X-Amz-Security-Token=VALUE` is one run, because `=` also pads base64.
            match run.split_once('=').filter(|(name, value)| !value.is_empty() && ends_in_token_name(line, name)) {
                Some((name, _)) => {
                    line.push_str(name);
                    line.push('=');
                    line.push_str(HIDDEN);
                }
                None if token_follows || is_long_secret(run) => line.push_str(HIDDEN),
                None => push_without_keys(line, run),
            }
            token_follows = ends_in_token_name(line, "");
            rest = tail;
        } else {
            line.push(first);
            token_follows = token_follows || (matches!(first, ':' | '"' | '\'') && ends_in_token_name(line, ""));
            rest = rest.get(first.len_utf8()..).unwrap_or_default();
        }
    }
    token_follows && ends_in_token_name(line, "")
}

/// Whether the text, with this added, ends in the name of the header or parameter that carries a session token.
fn ends_in_token_name(line: &str, added: &str) -> bool {
    let text = format!("{}{added}", tail(line, 40)).to_ascii_lowercase();
    let name = text.trim_end_matches([':', '=', '"', '\'', ' ']);
    (name.len() < text.len() || !added.is_empty())
        && ["security-token", "session-token", "session_token", "sessiontoken", "secretaccesskey", "secret_access_key"]
            .iter()
            .any(|secret| name.ends_with(secret))
}

/// The last characters of a text.
fn tail(text: &str, characters: usize) -> &str {
    let start = text.char_indices().rev().nth(characters.saturating_sub(1)).map_or(0, |(at, _)| at);
    text.get(start..).unwrap_or_default()
}

/// Base64, percent-encoded or not.
fn is_token_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=' | '%')
}

fn is_long_secret(run: &str) -> bool {
    run.len() >= TOKEN_LENGTH
        && run.contains(|c: char| c.is_ascii_uppercase())
        && run.contains(|c: char| c.is_ascii_lowercase())
        && run.contains(|c: char| c.is_ascii_digit())
}

/// Appends a run with every access key id replaced.
fn push_without_keys(line: &mut String, run: &str) {
    let mut rest = run;
    while let Some(at) = key_start(rest) {
        let (before, key) = rest.split_at(at);
        line.push_str(before);
        line.push_str(HIDDEN);
        rest = key.get(4 + KEY_TAIL..).unwrap_or_default();
    }
    line.push_str(rest);
}

/// Where an access key id starts.
fn key_start(run: &str) -> Option<usize> {
    (0..run.len()).find(|&at| {
        run.get(at..at + 4 + KEY_TAIL).is_some_and(|key| {
            (key.starts_with("AKIA") || key.starts_with("ASIA"))
                && key.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit())
        })
    })
}

/// At most [`MESSAGE_LIMIT`] characters, the last of them `…` where something is missing.
fn cut(line: &str) -> String {
    if line.chars().count() <= MESSAGE_LIMIT {
        return line.to_owned();
    }
    let mut short: String = line.chars().take(MESSAGE_LIMIT - 1).collect();
    short.push('…');
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn access_keys_are_hidden_wherever_they_stand() {
        assert_eq!(scrub("key AKIAIOSFODNN7EXAMPLE is unknown"), "key [hidden] is unknown");
        assert_eq!(
            scrub("Credential=ASIAIOSFODNN7EXAMPLE/20261123/eu-central-1/greengrass/aws4_request"),
            "Credential=[hidden]/20261123/eu-central-1/greengrass/aws4_request"
        );
        assert_eq!(scrub("(AKIAIOSFODNN7EXAMPLE,AKIAIOSFODNN7EXAMPLE)"), "([hidden],[hidden])");
    }

    #[test]
    fn a_session_token_is_hidden_by_its_name_and_by_its_looks() {
        let token = "IQoJb3JpZ2luX2VjEJr9".replace('_', "/").repeat(15) + "==";
        assert_eq!(scrub(&format!("token {token} expired")), "token [hidden] expired");
        for text in [
            "x-amz-security-token:FwoGZXIvYXdz1",
            "x-amz-security-token: FwoGZXIvYXdz1",
            "X-Amz-Security-Token=FwoGZXIvYXdz1",
            "x-amz-security-token:\"FwoGZXIvYXdz1\"",
            "aws_session_token = FwoGZXIvYXdz1",
            "{\"SessionToken\": \"FwoGZXIvYXdz1\"}",
        ] {
            let shown = scrub(text);
            assert!(!shown.contains("FwoGZXIvYXdz1") && shown.contains(HIDDEN), "{text} -> {shown}");
        }
    }

    #[test]
    fn a_refused_signature_with_the_canonical_request_keeps_its_sense() {
        let text = "The Canonical String for this request should have been\n'POST\n/greengrass/v2/deployments\n\n\
                    host:greengrass.eu-central-1.amazonaws.com\nx-amz-date:20261123T120000Z\n\
                    x-amz-security-token:FwoGZXIvYXdzEBYaDH\n\nhost;x-amz-date'";
        assert_eq!(
            scrub(text),
            "The Canonical String for this request should have been 'POST /greengrass/v2/deployments \
             host:greengrass.eu-central-1.amazonaws.com x-amz-date:20261123T120000Z x-amz-security-token:[hidden] \
             host;x-amz-date'"
        );
    }

    #[test]
    fn names_arns_ids_and_digests_stay() {
        for text in [
            "User: arn:aws:sts::123456789012:assumed-role/op/session is not authorized",
            "deployment a881b22b-7b9a-4a12-9d1a-1a5a8bb8cdb4 can't be found",
            "3f786850e387550fdab836ed7e6dc881de23001b3f786850e387550fdab836ed",
            "The security token included in the request is invalid.",
            "AKIA is a prefix",
            "größe µ €",
        ] {
            assert_eq!(scrub(text), text);
        }
    }

    #[test]
    fn a_long_message_is_cut_between_characters() {
        let shown = scrub(&"ä ".repeat(2000));
        assert_eq!(shown.chars().count(), MESSAGE_LIMIT);
        assert!(shown.ends_with('…'));
    }

    #[test]
    fn a_dump_over_lines_becomes_one_line() {
        assert_eq!(scrub(" a\n\tb\r\n\u{0}c "), "a b c");
    }
}
