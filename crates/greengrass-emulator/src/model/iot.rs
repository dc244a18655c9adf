//! The inputs of the registry and the jobs of `IoT` Core: models `iot/2015-05-28` and `iot-data/2015-05-28`. Pure.

use super::{ANY, TAG_KEY};
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
            optional("thingGroupDescription", &text(0, 2028)),
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

pub(super) const MEMBERSHIP: Shape = Shape::Structure(&[
    optional("thingGroupName", &NAME),
    optional("thingGroupArn", &text(0, ANY)),
    optional("thingName", &NAME),
    optional("thingArn", &text(0, ANY)),
    optional("overrideDynamicGroups", &Shape::Boolean),
]);

const fn matching(min: usize, max: usize, text: &'static str, matches: fn(&str) -> bool) -> Shape {
    Shape::String { min, max, pattern: Some(Pattern { text, matches }) }
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
}

pub(super) const JOB_ID: Shape = matching(1, 64, "[a-zA-Z0-9_-]+", is_word);

pub(super) const NAMESPACE_ID: Member =
    optional("namespaceId", &const { matching(0, ANY, "[a-zA-Z0-9_-]+", is_word) });

pub(super) const GROUP_ID: Shape = matching(1, 128, r"[a-zA-Z0-9\-]+", |text| {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
});

pub(super) const JOB_REASON: Shape = matching(0, 128, r"[\p{Upper}\p{Digit}_]+", |text| {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
});

pub(super) const JOB_COMMENT: Shape =
    matching(0, 2028, r"[^\p{C}]+", |text| !text.is_empty() && !text.chars().any(char::is_control));

pub(super) const SHADOW_NAME: Shape = matching(1, 64, "[$a-zA-Z0-9:_-]+", |text| {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"$:_-".contains(&byte))
});

pub(super) const JOB_STATUS: Shape =
    Shape::Enum(&["IN_PROGRESS", "CANCELED", "COMPLETED", "DELETION_IN_PROGRESS", "SCHEDULED"]);

pub(super) const TARGET_SELECTION: Shape = Shape::Enum(&["CONTINUOUS", "SNAPSHOT"]);

pub(super) const EXECUTION_STATUS: Shape = Shape::Enum(&[
    "QUEUED",
    "IN_PROGRESS",
    "SUCCEEDED",
    "FAILED",
    "TIMED_OUT",
    "REJECTED",
    "REMOVED",
    "CANCELED",
]);

pub(super) const FORCE: Member = optional("force", &Shape::Boolean);
