//! The inputs of the operations on components, as the botocore model `greengrassv2/2020-11-30` has them. Pure.

use super::{ANY, CLIENT_TOKEN, NEXT_TOKEN, NON_EMPTY, PAGE, TAGS};
use crate::shape::{Member, Pattern, Shape, optional, required, text};

/// `components:NAME`, with a version or without.
fn is_component_arn(text: &str, with_version: bool) -> bool {
    let parts: Vec<&str> = text.split(':').collect();
    let (account, name, rest) = match parts.as_slice() {
        ["arn", _, "greengrass", _, account, "components", name, rest @ ..] => (*account, *name, rest),
        _ => return false,
    };
    let digits = !account.is_empty() && account.bytes().all(|byte| byte.is_ascii_digit());
    // The patterns have no anchors: what comes behind is not looked at.
    let versioned = matches!(rest, ["versions", version, ..] if !version.is_empty());
    (account == "aws" || digits) && !name.is_empty() && (versioned || !with_version)
}

const COMPONENT_ARN: Shape = Shape::String {
    min: 0,
    max: ANY,
    pattern: Some(Pattern {
        text: "arn:[^:]*:greengrass:[^:]*:(aws|[0-9]+):components:[^:]+",
        matches: |text| is_component_arn(text, false),
    }),
};

const COMPONENT_VERSION_ARN: Shape = Shape::String {
    min: 0,
    max: ANY,
    pattern: Some(Pattern {
        text: "arn:[^:]*:greengrass:[^:]*:(aws|[0-9]+):components:[^:]+:versions:[^:]+",
        matches: |text| is_component_arn(text, true),
    }),
};

const VERSION_ARN: Member = required("arn", &COMPONENT_VERSION_ARN);

const STRINGS: Shape = Shape::Map { key: &NON_EMPTY, value: &NON_EMPTY, min: 0, max: ANY };

const PLATFORM: Shape = Shape::Structure(&[optional("name", &NON_EMPTY), optional("attributes", &STRINGS)]);

const CANDIDATE: Shape = Shape::Structure(&[
    optional("componentName", &text(1, 128)),
    optional("componentVersion", &text(1, 64)),
    optional("versionRequirements", &STRINGS),
]);

pub(super) const CREATE: Shape = Shape::Structure(&[
    optional("inlineRecipe", &Shape::Blob),
    // Its other members are not looked at: no Lambda function is emulated.
    optional("lambdaFunction", &Shape::Structure(&[required("lambdaArn", &NON_EMPTY)])),
    optional("tags", &TAGS),
    optional("clientToken", &CLIENT_TOKEN),
]);

pub(super) const ONE: Shape = Shape::Structure(&[VERSION_ARN]);

pub(super) const GET: Shape =
    Shape::Structure(&[optional("recipeOutputFormat", &Shape::Enum(&["JSON", "YAML"])), VERSION_ARN]);

pub(super) const LIST: Shape =
    Shape::Structure(&[optional("scope", &Shape::Enum(&["PRIVATE", "PUBLIC"])), PAGE, NEXT_TOKEN]);

pub(super) const LIST_VERSIONS: Shape = Shape::Structure(&[required("arn", &COMPONENT_ARN), PAGE, NEXT_TOKEN]);

pub(super) const RESOLVE: Shape = Shape::Structure(&[
    optional("platform", &PLATFORM),
    optional("componentCandidates", &Shape::List { member: &CANDIDATE, min: 0, max: ANY }),
]);
