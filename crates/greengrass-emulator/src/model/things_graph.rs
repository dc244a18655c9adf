//! The inputs of `IoT` Things Graph, as the botocore model `iotthingsgraph/2018-09-06` has them. Pure.

use super::{ANY, NEXT_TOKEN, REGISTRY_PAGE};
use crate::{
    shape::{Member, Pattern, Shape, optional, required, text},
    system_instance::is_urn,
};

/// The longest `TagList`.
pub(crate) const MOST_TAGS: usize = 50;

const URN: Shape = Shape::String {
    min: 0,
    max: 160,
    pattern: Some(Pattern {
        text: r"^urn:tdm:(([a-z]{2}-(gov-)?[a-z]{4,9}-[0-9]{1,3}/[0-9]+/)*[\p{Alnum}_]+(/[\p{Alnum}_]+)*):([\p{Alpha}]*):([\p{Alnum}_]+(/[\p{Alnum}_]+)*)$",
        matches: is_urn,
    }),
};

/// `\p{L}\p{Z}\p{N}` and these. More lenient by the marks that count as letters in some scripts.
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

const TAG: Shape = Shape::Structure(&[required("key", &TAG_KEY), required("value", &text(1, 256))]);

const TAGS: Shape = Shape::List { member: &TAG, min: 0, max: MOST_TAGS };
const RESOURCE_ARN: Member = required("resourceArn", &text(1, 2048));

const ROLE_ARN: Shape = text(20, 2048);
const NAME: Shape = text(0, ANY);

const DEFINITION: Shape =
    Shape::Structure(&[required("language", &Shape::Enum(&["GRAPHQL"])), required("text", &text(0, 1_048_576))]);

const FILTER: Shape = Shape::Structure(&[
    optional("name", &Shape::Enum(&["SYSTEM_TEMPLATE_ID", "STATUS", "GREENGRASS_GROUP_NAME"])),
    optional("value", &Shape::List { member: &NAME, min: 0, max: ANY }),
]);

pub(super) const CREATE: Shape = Shape::Structure(&[
    optional("tags", &TAGS),
    required("definition", &DEFINITION),
    required("target", &Shape::Enum(&["GREENGRASS", "CLOUD"])),
    optional("greengrassGroupName", &NAME),
    optional("s3BucketName", &NAME),
    optional(
        "metricsConfiguration",
        &Shape::Structure(&[optional("cloudMetricEnabled", &Shape::Boolean), optional("metricRuleRoleArn", &ROLE_ARN)]),
    ),
    optional("flowActionsRoleArn", &ROLE_ARN),
]);

const ID: Member = required("id", &URN);

/// The model requires the id of `GetSystemInstance` only, and none of these operations does anything without one.
pub(super) const ONE: Shape = Shape::Structure(&[ID]);

pub(super) const SEARCH: Shape = Shape::Structure(&[
    optional("filters", &Shape::List { member: &FILTER, min: 0, max: ANY }),
    NEXT_TOKEN,
    // The same bounds as in the registry.
    REGISTRY_PAGE,
]);

pub(super) const TAG_RESOURCE: Shape = Shape::Structure(&[RESOURCE_ARN, required("tags", &TAGS)]);

pub(super) const UNTAG_RESOURCE: Shape =
    Shape::Structure(&[RESOURCE_ARN, required("tagKeys", &Shape::List { member: &TAG_KEY, min: 1, max: MOST_TAGS })]);

pub(super) const LIST_TAGS: Shape = Shape::Structure(&[RESOURCE_ARN, REGISTRY_PAGE, NEXT_TOKEN]);
