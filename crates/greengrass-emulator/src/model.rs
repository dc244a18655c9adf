//! The inputs of the operations with their constraints, as the botocore models `greengrassv2/2020-11-30`,
//! `iot/2015-05-28`, `iot-data/2015-05-28`, `sts/2011-06-15` and `iotthingsgraph/2018-09-06` have them. Pure.

mod components;
mod iot;
mod jobs;
mod sts;
pub(crate) mod things_graph;

use iot::{
    ADD_TO_GROUP, ATTRIBUTE_NAME, ATTRIBUTE_VALUE, CREATE_THING, CREATE_THING_GROUP, NAME, REMOVE_FROM_GROUP,
    UPDATE_GROUPS,
};
use jobs::{
    CANCEL_JOB, DELETE_JOB, DESCRIBE_EXECUTION, DESCRIBE_JOB, GET_SHADOW, LIST_EXECUTIONS_FOR_JOB,
    LIST_EXECUTIONS_FOR_THING, LIST_JOBS, LIST_SHADOWS,
};

use serde_json::Value;

use crate::{
    operation::Operation,
    scope::Target,
    shape::{Member, Pattern, Shape, optional, required, text},
};

const ANY: usize = usize::MAX;
const I32_MAX: i64 = 2_147_483_647;
const I32_MIN: i64 = -2_147_483_648;

const NON_EMPTY: Shape = text(1, ANY);

fn is_target_arn(text: &str, thing_allowed: bool) -> bool {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let [arn, _partition, "iot", _region, account, _resource] = parts.as_slice() else {
        return false;
    };
    // The pattern has no anchors; botocore's own client-side check matches from the start.
    *arn == "arn"
        && !account.is_empty()
        && account.bytes().all(|byte| byte.is_ascii_digit())
        && match Target::of(text) {
            Some(Target::Thing(name)) => thing_allowed && !name.is_empty(),
            Some(Target::ThingGroup(name)) => !name.is_empty(),
            None => false,
        }
}

const TARGET_ARN: Shape = Shape::String {
    min: 0,
    max: ANY,
    pattern: Some(Pattern {
        text: "arn:[^:]*:iot:[^:]*:[0-9]+:(thing|thinggroup)/.+",
        matches: |text| is_target_arn(text, true),
    }),
};

const THING_GROUP_ARN: Shape = Shape::String {
    min: 0,
    max: ANY,
    pattern: Some(Pattern {
        text: "arn:[^:]*:iot:[^:]*:[0-9]+:thinggroup/.+",
        matches: |text| is_target_arn(text, false),
    }),
};

const RESOURCE_ARN: Shape = Shape::String {
    min: 0,
    max: ANY,
    pattern: Some(Pattern {
        text: "arn:[^:]*:greengrass:[^:]*:(aws|[0-9]+):(components|deployments|coreDevices):.*",
        matches: |text| {
            let parts: Vec<&str> = text.splitn(7, ':').collect();
            let ["arn", _, "greengrass", _, account, kind, _] = parts.as_slice() else {
                return false;
            };
            let digits = !account.is_empty() && account.bytes().all(|byte| byte.is_ascii_digit());
            (*account == "aws" || digits) && ["components", "deployments", "coreDevices"].contains(kind)
        },
    }),
};

const CLIENT_TOKEN: Shape = Shape::String {
    min: 1,
    max: 64,
    pattern: Some(Pattern {
        text: "^[a-zA-Z0-9-]+$",
        matches: |text| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'),
    }),
};

const TAG_KEY: Shape = text(1, 128);
const TAGS: Shape = Shape::Map { key: &TAG_KEY, value: &text(0, 256), min: 1, max: 200 };

const COMPONENT: Shape = Shape::Structure(&[
    required("componentVersion", &text(1, 64)),
    optional(
        "configurationUpdate",
        &Shape::Structure(&[
            optional("merge", &text(1, 10_485_760)),
            optional("reset", &Shape::List { member: &text(0, 256), min: 0, max: ANY }),
        ]),
    ),
    optional(
        "runWith",
        &Shape::Structure(&[
            // The model's NonEmptyString; its text says that an empty string resets the user to the default, which the shape forbids.
            optional("posixUser", &NON_EMPTY),
            optional(
                "systemResourceLimits",
                &Shape::Structure(&[
                    optional("memory", &Shape::Integer { min: 0, max: 9_223_372_036_854_771_712 }),
                    optional("cpus", &Shape::Double { min: 0.0, max: f64::MAX }),
                ]),
            ),
            optional("windowsUser", &NON_EMPTY),
        ]),
    ),
]);

const NUMBER_OF_THINGS: Shape = Shape::Integer { min: 1, max: I32_MAX };
const RATE: Shape = Shape::Integer { min: 1, max: 1000 };

const JOB_CONFIGURATION: Shape = Shape::Structure(&[
    optional(
        "jobExecutionsRolloutConfig",
        &Shape::Structure(&[
            optional(
                "exponentialRate",
                &Shape::Structure(&[
                    required("baseRatePerMinute", &RATE),
                    required("incrementFactor", &Shape::Double { min: 1.0, max: 5.0 }),
                    required(
                        "rateIncreaseCriteria",
                        &Shape::Structure(&[
                            optional("numberOfNotifiedThings", &NUMBER_OF_THINGS),
                            optional("numberOfSucceededThings", &NUMBER_OF_THINGS),
                        ]),
                    ),
                ]),
            ),
            optional("maximumPerMinute", &RATE),
        ]),
    ),
    optional(
        "abortConfig",
        &Shape::Structure(&[required(
            "criteriaList",
            &Shape::List {
                member: &Shape::Structure(&[
                    required("failureType", &Shape::Enum(&["FAILED", "REJECTED", "TIMED_OUT", "ALL"])),
                    required("action", &Shape::Enum(&["CANCEL"])),
                    required("thresholdPercentage", &Shape::Double { min: f64::MIN, max: 100.0 }),
                    required("minNumberOfExecutedThings", &NUMBER_OF_THINGS),
                ]),
                min: 1,
                max: ANY,
            },
        )]),
    ),
    optional(
        "timeoutConfig",
        &Shape::Structure(&[optional(
            "inProgressTimeoutInMinutes",
            // The bounds are in the text of the model: between 1 minute and 7 days.
            &Shape::Integer { min: 1, max: 10_080 },
        )]),
    ),
]);

const SECONDS: Shape = Shape::Integer { min: I32_MIN, max: I32_MAX };

const POLICIES: Shape = Shape::Structure(&[
    optional("failureHandlingPolicy", &Shape::Enum(&["ROLLBACK", "DO_NOTHING"])),
    optional(
        "componentUpdatePolicy",
        &Shape::Structure(&[
            optional("timeoutInSeconds", &SECONDS),
            optional("action", &Shape::Enum(&["NOTIFY_COMPONENTS", "SKIP_NOTIFY_COMPONENTS"])),
        ]),
    ),
    optional("configurationValidationPolicy", &Shape::Structure(&[optional("timeoutInSeconds", &SECONDS)])),
]);

const CREATE_DEPLOYMENT: Shape = Shape::Structure(&[
    required("targetArn", &TARGET_ARN),
    optional("deploymentName", &text(1, 256)),
    optional("components", &Shape::Map { key: &NON_EMPTY, value: &COMPONENT, min: 0, max: ANY }),
    optional("iotJobConfiguration", &JOB_CONFIGURATION),
    optional("deploymentPolicies", &POLICIES),
    optional("parentTargetArn", &THING_GROUP_ARN),
    optional("tags", &TAGS),
    optional("clientToken", &CLIENT_TOKEN),
]);

const PAGE: Member = optional("maxResults", &Shape::Integer { min: 1, max: 100 });
const REGISTRY_PAGE: Member = optional("maxResults", &Shape::Integer { min: 1, max: 250 });

/// A core device by its thing's name, with pages.
const DEVICE_NAME: Shape = text(1, 128);
const CORE_DEVICE: Member = required("coreDeviceThingName", &DEVICE_NAME);

const RUNTIME: Shape = text(1, 255);

const EXPECTED_VERSION: Member = optional("expectedVersion", &Shape::Integer { min: i64::MIN, max: i64::MAX });
const RECURSIVE: Member = optional("recursive", &Shape::Boolean);
const NEXT_TOKEN: Member = optional("nextToken", &text(0, ANY));

/// A structure as a constant of its own.
macro_rules! input {
    ($($member:expr),+ $(,)?) => {
        const { &Shape::Structure(&[$($member),+]) }
    };
}

/// Whether a text can be the name of a thing or of a thing group.
pub(crate) fn is_name(text: &str) -> bool {
    NAME.read(&Value::from(text)).is_ok()
}

impl Operation {
    /// The shape of the operation's input: path, query and body members in one structure.
    pub(crate) const fn input(self) -> &'static Shape {
        match self {
            Self::CreateDeployment => &CREATE_DEPLOYMENT,
            Self::ListDeployments => input![
                optional("targetArn", &TARGET_ARN),
                optional("historyFilter", &Shape::Enum(&["ALL", "LATEST_ONLY"])),
                optional("parentTargetArn", &THING_GROUP_ARN),
                PAGE,
                NEXT_TOKEN,
            ],
            Self::GetDeployment | Self::CancelDeployment | Self::DeleteDeployment => {
                input![required("deploymentId", &NON_EMPTY)]
            }
            Self::TagResource => {
                input![required("resourceArn", &RESOURCE_ARN), required("tags", &TAGS)]
            }
            Self::UntagResource => input![
                required("resourceArn", &RESOURCE_ARN),
                required("tagKeys", &Shape::List { member: &TAG_KEY, min: 1, max: 200 },),
            ],
            Self::ListTagsForResource => input![required("resourceArn", &RESOURCE_ARN)],
            Self::ListCoreDevices => input![
                optional("thingGroupArn", &THING_GROUP_ARN),
                optional("status", &Shape::Enum(&["HEALTHY", "UNHEALTHY"])),
                optional("runtime", &RUNTIME),
                PAGE,
                NEXT_TOKEN,
            ],
            Self::GetCoreDevice => input![CORE_DEVICE],
            Self::ListEffectiveDeployments => input![CORE_DEVICE, PAGE, NEXT_TOKEN],
            Self::ListInstalledComponents => {
                input![CORE_DEVICE, PAGE, NEXT_TOKEN, optional("topologyFilter", &Shape::Enum(&["ALL", "ROOT"]))]
            }
            Self::CreateComponentVersion => &components::CREATE,
            Self::DescribeComponent | Self::DeleteComponent => &components::ONE,
            Self::GetComponent => &components::GET,
            Self::ListComponents => &components::LIST,
            Self::ListComponentVersions => &components::LIST_VERSIONS,
            Self::ResolveComponentCandidates => &components::RESOLVE,
            Self::CreateThing => &CREATE_THING,
            Self::DescribeThing => input![required("thingName", &NAME)],
            Self::DeleteThing => input![required("thingName", &NAME), EXPECTED_VERSION],
            Self::ListThings => input![
                REGISTRY_PAGE,
                NEXT_TOKEN,
                optional("attributeName", &ATTRIBUTE_NAME),
                optional("attributeValue", &ATTRIBUTE_VALUE),
                optional("thingTypeName", &NAME),
                optional("usePrefixAttributeValue", &Shape::Boolean),
            ],
            Self::ListThingGroupsForThing => {
                input![required("thingName", &NAME), REGISTRY_PAGE, NEXT_TOKEN,]
            }
            Self::AddThingToThingGroup => &ADD_TO_GROUP,
            Self::RemoveThingFromThingGroup => &REMOVE_FROM_GROUP,
            Self::UpdateThingGroupsForThing => &UPDATE_GROUPS,
            Self::CreateThingGroup => &CREATE_THING_GROUP,
            Self::DescribeThingGroup => input![required("thingGroupName", &NAME)],
            Self::DeleteThingGroup => input![required("thingGroupName", &NAME), EXPECTED_VERSION],
            Self::ListThingGroups => {
                input![
                    REGISTRY_PAGE,
                    NEXT_TOKEN,
                    optional("parentGroup", &NAME),
                    optional("namePrefixFilter", &NAME),
                    RECURSIVE,
                ]
            }
            Self::ListThingsInThingGroup => {
                input![required("thingGroupName", &NAME), REGISTRY_PAGE, NEXT_TOKEN, RECURSIVE,]
            }
            Self::DescribeJob => &DESCRIBE_JOB,
            Self::ListJobs => &LIST_JOBS,
            Self::ListJobExecutionsForJob => &LIST_EXECUTIONS_FOR_JOB,
            Self::ListJobExecutionsForThing => &LIST_EXECUTIONS_FOR_THING,
            Self::DescribeJobExecution => &DESCRIBE_EXECUTION,
            Self::CancelJob => &CANCEL_JOB,
            Self::DeleteJob => &DELETE_JOB,
            Self::GetThingShadow => &GET_SHADOW,
            Self::ListNamedShadowsForThing => &LIST_SHADOWS,
            Self::GetCallerIdentity => &Shape::Structure(&[]),
            Self::AssumeRole => &sts::ASSUME_ROLE,
            Self::AssumeRoleWithWebIdentity => &sts::ASSUME_ROLE_WITH_WEB_IDENTITY,
            Self::CreateSystemInstance => &things_graph::CREATE,
            Self::GetSystemInstance
            | Self::DeploySystemInstance
            | Self::UndeploySystemInstance
            | Self::DeleteSystemInstance => &things_graph::ONE,
            Self::SearchSystemInstances => &things_graph::SEARCH,
            Self::ThingsGraphTagResource => &things_graph::TAG_RESOURCE,
            Self::ThingsGraphUntagResource => &things_graph::UNTAG_RESOURCE,
            Self::ThingsGraphListTagsForResource => &things_graph::LIST_TAGS,
        }
    }
}
