//! The inputs of the registry of `IoT` Core: model `iot/2015-05-28`. Pure.

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

const GROUP_NAMES: Shape = Shape::List { member: &NAME, min: 0, max: ANY };

pub(super) const UPDATE_GROUPS: Shape = Shape::Structure(&[
    THING,
    optional("thingGroupsToAdd", &GROUP_NAMES),
    optional("thingGroupsToRemove", &GROUP_NAMES),
    optional("overrideDynamicGroups", &Shape::Boolean),
]);

pub(super) const REMOVE_FROM_GROUP: Shape = Shape::Structure(&[GROUP, GROUP_ARN, THING, THING_ARN]);
