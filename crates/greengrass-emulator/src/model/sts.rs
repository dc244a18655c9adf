//! The inputs of AWS STS, as the botocore model `sts/2011-06-15` has them. Its patterns have no anchors; the service means the whole text. Pure.

use super::ANY;
use crate::shape::{Member, Pattern, Shape, optional, required, text};

/// The characters of XML 1.0.
fn is_xml(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | '\u{85}' | '\u{20}'..='\u{7e}' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// Word characters and these.
fn is_of(text: &str, besides: &str) -> bool {
    text.chars().all(|character| character.is_ascii_alphanumeric() || character == '_' || besides.contains(character))
}

/// `\p{L}\p{Z}\p{N}` and these. More lenient by the marks that count as letters in some scripts.
fn is_of_tags(text: &str) -> bool {
    text.chars().all(|character| {
        character.is_alphanumeric()
            || (character.is_whitespace() && !character.is_control())
            || "_.:/=+-@".contains(character)
    })
}

macro_rules! pattern {
    ($min:literal, $max:expr, $text:literal, $matches:expr) => {
        Shape::String { min: $min, max: $max, pattern: Some(Pattern { text: $text, matches: $matches }) }
    };
}

const ARN: Shape =
    pattern!(20, 2048, r"[\u0009\u000A\u000D\u0020-\u007E\u0085\u00A0-\uD7FF\uE000-\uFFFD\u10000-\u10FFFF]+", |text| {
        text.chars().all(is_xml)
    });

/// Of sessions and source identities.
const SESSION_NAME: Shape = pattern!(2, 64, r"[\w+=,.@-]*", |text| is_of(text, "+=,.@-"));
const EXTERNAL_ID: Shape = pattern!(2, 1224, r"[\w+=,.@:\/-]*", |text| is_of(text, "+=,.@:/-"));
const SERIAL_NUMBER: Shape = pattern!(9, 256, r"[\w+=/:,.@-]*", |text| is_of(text, "+=/:,.@-"));
const TOKEN_CODE: Shape = pattern!(6, 6, r"[\d]*", |text| text.bytes().all(|byte| byte.is_ascii_digit()));

const TAG_KEY: Shape = pattern!(1, 128, r"[\p{L}\p{Z}\p{N}_.:/=+\-@]+", is_of_tags);
const TAG_VALUE: Shape = pattern!(0, 256, r"[\p{L}\p{Z}\p{N}_.:/=+\-@]*", is_of_tags);
const TAG: Shape = Shape::Structure(&[required("Key", &TAG_KEY), required("Value", &TAG_VALUE)]);

fn is_of_policies(text: &str) -> bool {
    text.chars().all(|character| matches!(character, '\t' | '\n' | '\r' | '\u{20}'..='\u{ff}'))
}

const POLICY: Shape = pattern!(1, ANY, r"[\u0009\u000A\u000D\u0020-\u00FF]+", is_of_policies);
const SHORT_POLICY: Shape = pattern!(1, 2048, r"[\u0009\u000A\u000D\u0020-\u00FF]+", is_of_policies);
const POLICY_ARNS: Shape =
    Shape::List { member: &Shape::Structure(&[optional("arn", &ARN)]), min: 0, max: MOST_POLICIES };

/// From the text of the model: up to 10 managed policies.
const MOST_POLICIES: usize = 10;

const CONTEXT: Shape = Shape::Structure(&[optional("ProviderArn", &ARN), optional("ContextAssertion", &text(4, 2048))]);

const DURATION: Shape = Shape::Integer { min: 900, max: 43_200 };

const ROLE: Member = required("RoleArn", &ARN);
const NAME: Member = required("RoleSessionName", &SESSION_NAME);

pub(super) const ASSUME_ROLE: Shape = Shape::Structure(&[
    ROLE,
    NAME,
    optional("PolicyArns", &POLICY_ARNS),
    optional("Policy", &POLICY),
    optional("DurationSeconds", &DURATION),
    optional("Tags", &Shape::List { member: &TAG, min: 0, max: 50 }),
    optional("TransitiveTagKeys", &Shape::List { member: &TAG_KEY, min: 0, max: 50 }),
    optional("ExternalId", &EXTERNAL_ID),
    optional("SerialNumber", &SERIAL_NUMBER),
    optional("TokenCode", &TOKEN_CODE),
    optional("SourceIdentity", &SESSION_NAME),
    optional("ProvidedContexts", &Shape::List { member: &CONTEXT, min: 1, max: 5 }),
]);

pub(super) const ASSUME_ROLE_WITH_WEB_IDENTITY: Shape = Shape::Structure(&[
    ROLE,
    NAME,
    required("WebIdentityToken", &text(4, 20_000)),
    optional("ProviderId", &text(4, 2048)),
    optional("PolicyArns", &POLICY_ARNS),
    optional("Policy", &SHORT_POLICY),
    optional("DurationSeconds", &DURATION),
]);
