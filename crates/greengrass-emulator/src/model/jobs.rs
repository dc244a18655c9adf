//! The inputs of `IoT` Jobs and of the shadows of `IoT` Core: models `iot/2015-05-28` and `iot-data/2015-05-28`. Pure.

use super::{ANY, NEXT_TOKEN, REGISTRY_PAGE, iot::NAME};
use crate::shape::{Member, Pattern, Shape, optional, required};

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

const JOB_ID: Shape = matching(1, 64, "[a-zA-Z0-9_-]+", is_word);

const NAMESPACE_ID: Member = optional("namespaceId", &const { matching(0, ANY, "[a-zA-Z0-9_-]+", is_word) });

const GROUP_ID: Shape =
    matching(1, 128, r"[a-zA-Z0-9\-]+", |text| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'));

const JOB_REASON: Shape = matching(0, 128, r"[\p{Upper}\p{Digit}_]+", |text| {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
});

const JOB_COMMENT: Shape = matching(0, 2028, r"[^\p{C}]+", |text| !text.is_empty() && !text.chars().any(is_other));

const SHADOW_NAME: Shape = matching(1, 64, "[$a-zA-Z0-9:_-]+", |text| {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"$:_-".contains(&byte))
});

const JOB_STATUS: Shape = Shape::Enum(&["IN_PROGRESS", "CANCELED", "COMPLETED", "DELETION_IN_PROGRESS", "SCHEDULED"]);

const TARGET_SELECTION: Shape = Shape::Enum(&["CONTINUOUS", "SNAPSHOT"]);

const EXECUTION_STATUS: Shape =
    Shape::Enum(&["QUEUED", "IN_PROGRESS", "SUCCEEDED", "FAILED", "TIMED_OUT", "REJECTED", "REMOVED", "CANCELED"]);

const FORCE: Member = optional("force", &Shape::Boolean);

pub(super) const DESCRIBE_JOB: Shape =
    Shape::Structure(&[required("jobId", &JOB_ID), optional("beforeSubstitution", &Shape::Boolean)]);

pub(super) const LIST_JOBS: Shape = Shape::Structure(&[
    optional("status", &JOB_STATUS),
    optional("targetSelection", &TARGET_SELECTION),
    optional("thingGroupName", &NAME),
    optional("thingGroupId", &GROUP_ID),
    NAMESPACE_ID,
    REGISTRY_PAGE,
    NEXT_TOKEN,
]);

pub(super) const LIST_EXECUTIONS_FOR_JOB: Shape =
    Shape::Structure(&[required("jobId", &JOB_ID), optional("status", &EXECUTION_STATUS), REGISTRY_PAGE, NEXT_TOKEN]);

pub(super) const LIST_EXECUTIONS_FOR_THING: Shape = Shape::Structure(&[
    required("thingName", &NAME),
    optional("status", &EXECUTION_STATUS),
    optional("jobId", &JOB_ID),
    NAMESPACE_ID,
    REGISTRY_PAGE,
    NEXT_TOKEN,
]);

pub(super) const DESCRIBE_EXECUTION: Shape = Shape::Structure(&[
    required("thingName", &NAME),
    required("jobId", &JOB_ID),
    optional("executionNumber", &Shape::Integer { min: i64::MIN, max: i64::MAX }),
]);

pub(super) const CANCEL_JOB: Shape = Shape::Structure(&[
    required("jobId", &JOB_ID),
    optional("reasonCode", &JOB_REASON),
    optional("comment", &JOB_COMMENT),
    FORCE,
]);

pub(super) const DELETE_JOB: Shape = Shape::Structure(&[required("jobId", &JOB_ID), FORCE, NAMESPACE_ID]);

pub(super) const GET_SHADOW: Shape = Shape::Structure(&[required("thingName", &NAME), optional("name", &SHADOW_NAME)]);

pub(super) const LIST_SHADOWS: Shape = Shape::Structure(&[
    required("thingName", &NAME),
    NEXT_TOKEN,
    optional("pageSize", &Shape::Integer { min: 1, max: 100 }),
]);
