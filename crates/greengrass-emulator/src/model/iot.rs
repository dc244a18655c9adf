//! The inputs of the registry of `IoT` Core: model `iot/2015-05-28`. Pure.

use super::{ANY, TAG_KEY};
use crate::shape::{Pattern, Shape, optional, required, text};

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
