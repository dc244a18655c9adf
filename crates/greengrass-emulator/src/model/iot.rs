//! The inputs of the registry and the jobs of `IoT` Core: models `iot/2015-05-28` and `iot-data/2015-05-28`. Pure.

use super::ANY;
use crate::shape::{Member, Pattern, Shape, optional, required, text};

pub(super) const NAME: Shape = Shape::String {
    min: 1,
    max: 128,
    pattern: Some(Pattern {
        text: "[a-zA-Z0-9:_-]+",
        matches: |text| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b":_-".contains(&byte)),
    }),
};

pub(super) const ATTRIBUTE_NAME: Shape = Shape::String {
    min: 0,
    max: 128,
    pattern: Some(Pattern {
        text: "[a-zA-Z0-9_.,@/:#-]+",
        matches: |text| !text.is_empty() && of_attribute(text, b"_.,@/:#-"),
    }),
};

pub(super) const ATTRIBUTE_VALUE: Shape = Shape::String {
    min: 0,
    max: 800,
    pattern: Some(Pattern { text: r"[a-zA-Z0-9_.,@/:#=\[\]-]*", matches: |text| of_attribute(text, b"_.,@/:#=[]-") }),
};

const ATTRIBUTES: Shape = Shape::Structure(&[
    optional("attributes", &Shape::Map { key: &ATTRIBUTE_NAME, value: &ATTRIBUTE_VALUE, min: 0, max: ANY }),
    optional("merge", &Shape::Boolean),
]);

/// The classes of the patterns are read as Java has them: `\p{Graph}` is ASCII alone, and `\p{L}` is not
/// (<https://docs.oracle.com/javase/8/docs/api/java/util/regex/Pattern.html>).
const DESCRIPTION: Shape = Shape::String {
    min: 0,
    max: 2028,
    pattern: Some(Pattern {
        text: r"[\p{Graph}\x20]*",
        matches: |text| text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' '),
    }),
};

const TAG_KEY: Shape = Shape::String {
    min: 1,
    max: 128,
    pattern: Some(Pattern {
        text: r"^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$",
        matches: |text| {
            text.chars().all(|character| {
                character.is_alphanumeric()
                    || (character.is_whitespace() && !character.is_control())
                    || "_.:/=+-@".contains(character)
            })
        },
    }),
};

fn of_attribute(text: &str, others: &[u8]) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || others.contains(&byte))
}

pub(super) const CREATE_THING: Shape = Shape::Structure(&[
    required("thingName", &NAME),
    optional("thingTypeName", &NAME),
    optional("attributePayload", &ATTRIBUTES),
    optional("billingGroupName", &NAME),
]);

pub(super) const CREATE_THING_GROUP: Shape = Shape::Structure(&[
    required("thingGroupName", &NAME),
    optional("parentGroupName", &NAME),
    optional(
        "thingGroupProperties",
        &Shape::Structure(&[
            optional("thingGroupDescription", &DESCRIPTION),
            optional("attributePayload", &ATTRIBUTES),
        ]),
    ),
    optional(
        "tags",
        &Shape::List {
            member: &Shape::Structure(&[required("Key", &TAG_KEY), optional("Value", &text(0, 256))]),
            min: 0,
            max: ANY,
        },
    ),
]);

const GROUP: Member = optional("thingGroupName", &NAME);
const GROUP_ARN: Member = optional("thingGroupArn", &text(0, ANY));
const THING: Member = optional("thingName", &NAME);
const THING_ARN: Member = optional("thingArn", &text(0, ANY));

pub(super) const ADD_TO_GROUP: Shape =
    Shape::Structure(&[GROUP, GROUP_ARN, THING, THING_ARN, optional("overrideDynamicGroups", &Shape::Boolean)]);

pub(super) const REMOVE_FROM_GROUP: Shape = Shape::Structure(&[GROUP, GROUP_ARN, THING, THING_ARN]);

const fn matching(min: usize, max: usize, text: &'static str, matches: fn(&str) -> bool) -> Shape {
    Shape::String { min, max, pattern: Some(Pattern { text, matches }) }
}

/// `\p{C}`: control, format and private-use characters. Unassigned ones are let through: which those are depends on the version of Unicode.
fn is_other(character: char) -> bool {
    let format_or_private = matches!(
        u32::from(character),
        0xAD
            | 0x600..=0x605
            | 0x61C
            | 0x6DD
            | 0x70F
            | 0x8E2
            | 0x180E
            | 0x200B..=0x200F
            | 0x202A..=0x202E
            | 0x2060..=0x2064
            | 0x2066..=0x206F
            | 0xE000..=0xF8FF
            | 0xFEFF
            | 0xFFF9..=0xFFFB
            | 0xE_0001
            | 0xE_0020..=0xE_007F
            | 0xF_0000..
    );
    character.is_control() || format_or_private
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
}

pub(super) const JOB_ID: Shape = matching(1, 64, "[a-zA-Z0-9_-]+", is_word);

pub(super) const NAMESPACE_ID: Member = optional("namespaceId", &const { matching(0, ANY, "[a-zA-Z0-9_-]+", is_word) });

pub(super) const GROUP_ID: Shape =
    matching(1, 128, r"[a-zA-Z0-9\-]+", |text| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'));

pub(super) const JOB_REASON: Shape = matching(0, 128, r"[\p{Upper}\p{Digit}_]+", |text| {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
});

pub(super) const JOB_COMMENT: Shape =
    matching(0, 2028, r"[^\p{C}]+", |text| !text.is_empty() && !text.chars().any(is_other));

pub(super) const SHADOW_NAME: Shape = matching(1, 64, "[$a-zA-Z0-9:_-]+", |text| {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"$:_-".contains(&byte))
});

pub(super) const JOB_STATUS: Shape =
    Shape::Enum(&["IN_PROGRESS", "CANCELED", "COMPLETED", "DELETION_IN_PROGRESS", "SCHEDULED"]);

pub(super) const TARGET_SELECTION: Shape = Shape::Enum(&["CONTINUOUS", "SNAPSHOT"]);

pub(super) const EXECUTION_STATUS: Shape =
    Shape::Enum(&["QUEUED", "IN_PROGRESS", "SUCCEEDED", "FAILED", "TIMED_OUT", "REJECTED", "REMOVED", "CANCELED"]);

pub(super) const FORCE: Member = optional("force", &Shape::Boolean);
