//! The constraints of the service model, at their bounds and beyond; through the library, where a client can't refuse first.

use greengrass_emulator::{Emulator, Operation, Scope, ServiceError};
use serde_json::{Value, json};

use crate::support::{ACCOUNT, REGION, World, merging};

/// The fields that a CreateDeployment with this addition is refused for; none when it is accepted.
fn refused(world: &World, addition: Value) -> Vec<String> {
    let mut request = json!({"targetArn": world.group});
    let Value::Object(addition) = addition else {
        panic!("{addition}");
    };
    request.as_object_mut().unwrap().extend(addition);
    match world.emulator.create_deployment(ACCOUNT, REGION, &request) {
        Ok(_) => Vec::new(),
        Err(ServiceError::Validation { fields, .. }) => fields.into_iter().map(|field| field.name).collect(),
        Err(other) => panic!("{other}"),
    }
}

fn long(length: usize) -> String {
    "x".repeat(length)
}

fn rollout(exponential: &Value) -> Value {
    json!({"iotJobConfiguration": {"jobExecutionsRolloutConfig": {"exponentialRate": exponential}}})
}

fn component(members: &Value) -> Value {
    let mut component = json!({"componentVersion": "1.0.0"});
    component.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    json!({"components": {"c": component}})
}

fn tags(count: usize) -> Value {
    let tags: serde_json::Map<_, _> = (0..count).map(|index| (format!("k{index}"), json!(""))).collect();
    json!({"tags": tags})
}

#[test]
fn what_the_model_allows_is_accepted() {
    let world = World::new();
    for addition in [
        json!({"components": {}, "deploymentName": long(256), "clientToken": long(64), "parentTargetArn": null}),
        json!({"deploymentName": "ü".repeat(256)}),
        tags(200),
        json!({"tags": {long(128): long(256)}}),
        component(&json!({"componentVersion": "1.0.0-rc.1+build"})),
        component(&json!({"configurationUpdate": {"merge": "{\"a\":null}", "reset": ["", long(256)]}})),
        component(&json!({"configurationUpdate": {"merge": null, "reset": []}})),
        component(&json!({"runWith": {"posixUser": "u:g", "windowsUser": "w",
            "systemResourceLimits": {"memory": 9_223_372_036_854_771_712_i64, "cpus": 0.5}}})),
        rollout(
            &json!({"baseRatePerMinute": 1000, "incrementFactor": 1, "rateIncreaseCriteria": {"numberOfNotifiedThings": 1}}),
        ),
        json!({"iotJobConfiguration": {"timeoutConfig": {"inProgressTimeoutInMinutes": 10_080}}}),
        json!({"iotJobConfiguration": {"abortConfig": {"criteriaList": [
            {"failureType": "ALL", "action": "CANCEL", "thresholdPercentage": 100, "minNumberOfExecutedThings": 1}]}}}),
        json!({"deploymentPolicies": {"failureHandlingPolicy": "DO_NOTHING",
            "componentUpdatePolicy": {"timeoutInSeconds": 0, "action": "SKIP_NOTIFY_COMPONENTS"},
            "configurationValidationPolicy": {}}}),
    ] {
        assert_eq!(refused(&world, addition.clone()), Vec::<String>::new(), "{addition}");
    }
}

#[test]
fn what_the_model_forbids_is_refused_by_the_name_of_the_field() {
    let world = World::new();
    let memory = "components.c.runWith.systemResourceLimits.memory";
    let rate = "iotJobConfiguration.jobExecutionsRolloutConfig.exponentialRate";
    let criteria = "iotJobConfiguration.abortConfig.criteriaList";
    for (addition, field) in [
        (json!({"targetArn": null}), "targetArn".to_owned()),
        (json!({"targetArn": "arn:aws:iot:eu-west-1:123456789012:job/x"}), "targetArn".to_owned()),
        (json!({"targetArn": "arn:aws:iot:eu-west-1:x:thing/x"}), "targetArn".to_owned()),
        (json!({"parentTargetArn": "arn:aws:iot:eu-west-1:1:thing/x"}), "parentTargetArn".to_owned()),
        (json!({"parentTargetArn": world.group}), "parentTargetArn".to_owned()),
        (json!({"deploymentName": ""}), "deploymentName".to_owned()),
        (json!({"deploymentName": long(257)}), "deploymentName".to_owned()),
        (json!({"clientToken": long(65)}), "clientToken".to_owned()),
        (json!({"clientToken": "a_b"}), "clientToken".to_owned()),
        (tags(0), "tags".to_owned()),
        (tags(201), "tags".to_owned()),
        (json!({"tags": {"AWS:x": "y"}}), "tags.AWS:x".to_owned()),
        (json!({"tags": {"k": long(257)}}), "tags.k".to_owned()),
        (json!({"components": {"c": {}}}), "components.c.componentVersion".to_owned()),
        (json!({"components": {"c": null}}), "components.c".to_owned()),
        (json!({"components": {"": {"componentVersion": "1.0.0"}}}), "components.".to_owned()),
        (component(&json!({"componentVersion": long(65)})), "components.c.componentVersion".to_owned()),
        (component(&json!({"componentVersion": "1.0"})), "components.c.componentVersion".to_owned()),
        (
            component(&json!({"configurationUpdate": {"merge": ""}})),
            "components.c.configurationUpdate.merge".to_owned(),
        ),
        (
            component(&json!({"configurationUpdate": {"merge": "[1]"}})),
            "components.c.configurationUpdate.merge".to_owned(),
        ),
        (
            component(&json!({"configurationUpdate": {"merge": "{"}})),
            "components.c.configurationUpdate.merge".to_owned(),
        ),
        (
            component(&json!({"configurationUpdate": {"merge": {}}})),
            "components.c.configurationUpdate.merge".to_owned(),
        ),
        (
            component(&json!({"configurationUpdate": {"reset": [long(257)]}})),
            "components.c.configurationUpdate.reset.0".to_owned(),
        ),
        (component(&json!({"runWith": {"posixUser": ""}})), "components.c.runWith.posixUser".to_owned()),
        (component(&json!({"runWith": {"systemResourceLimits": {"memory": -1}}})), memory.to_owned()),
        (
            component(&json!({"runWith": {"systemResourceLimits": {"memory": 9_223_372_036_854_771_713_i64}}})),
            memory.to_owned(),
        ),
        (rollout(&json!({"incrementFactor": 1.5, "rateIncreaseCriteria": {}})), format!("{rate}.baseRatePerMinute")),
        (
            rollout(&json!({"baseRatePerMinute": 1, "incrementFactor": 5.1, "rateIncreaseCriteria": {}})),
            format!("{rate}.incrementFactor"),
        ),
        (json!({"iotJobConfiguration": {"abortConfig": {"criteriaList": []}}}), criteria.to_owned()),
        (json!({"iotJobConfiguration": {"abortConfig": {}}}), criteria.to_owned()),
        (
            json!({"iotJobConfiguration": {"timeoutConfig": {"inProgressTimeoutInMinutes": 10_081}}}),
            "iotJobConfiguration.timeoutConfig.inProgressTimeoutInMinutes".to_owned(),
        ),
        (
            json!({"deploymentPolicies": {"failureHandlingPolicy": "NEVER"}}),
            "deploymentPolicies.failureHandlingPolicy".to_owned(),
        ),
    ] {
        assert_eq!(refused(&world, addition.clone()), [field], "{addition}");
    }
    assert!(world.emulator.deployments(ACCOUNT, REGION).is_empty());
}

#[test]
fn a_configuration_of_ten_mebibytes_is_the_largest() {
    let world = World::new();
    let merge = |length: usize| format!("{{\"a\":\"{}\"}}", long(length - 8));
    let update = |length| component(&json!({"configurationUpdate": {"merge": merge(length)}}));
    assert_eq!(refused(&world, update(10_485_760)), Vec::<String>::new());
    assert_eq!(refused(&world, update(10_485_761)), ["components.c.configurationUpdate.merge"]);
}

#[tokio::test]
async fn a_target_that_does_not_exist_is_named() {
    let world = World::new();
    let arn = format!("arn:aws:iot:{REGION}:{ACCOUNT}:thinggroup/nobody");
    let error = world.client.create_deployment().target_arn(&arn).send().await.unwrap_err();
    assert_eq!(error.raw_response().unwrap().status().as_u16(), 404);
    let aws_sdk_greengrassv2::operation::create_deployment::CreateDeploymentError::ResourceNotFoundException(error) =
        error.into_service_error()
    else {
        panic!("another error");
    };
    assert_eq!((error.resource_id(), error.resource_type()), (arn.as_str(), "thinggroup"));
    assert!(error.message().contains("nobody"));
}

#[tokio::test]
async fn the_reason_and_the_fields_reach_the_client() {
    let world = World::new();
    let create = world.client.create_deployment().target_arn(&world.group);
    let error = create.components("c", merging("[]")).send().await.unwrap_err();
    let aws_sdk_greengrassv2::operation::create_deployment::CreateDeploymentError::ValidationException(error) =
        error.into_service_error()
    else {
        panic!("another error");
    };
    assert_eq!(error.reason().unwrap().as_str(), "FIELD_VALIDATION_FAILED");
    assert_eq!(error.fields()[0].name(), "components.c.configurationUpdate.merge");
    assert!(error.message().contains("must be a JSON object"));
}

#[test]
fn a_subdeployment_is_for_thing_groups() {
    let world = World::new();
    let request = json!({"targetArn": world.thing("core"), "parentTargetArn": world.group});
    assert_eq!(refused(&world, request), ["targetArn"]);
}

#[test]
fn a_resource_has_at_most_two_hundred_tags() {
    let world = World::new();
    let id = world.deploy_with(&json!({"targetArn": world.group, "tags": tags(199)["tags"]}));
    let arn = world.emulator.deployment(&id).unwrap().deployment_arn;
    let tag = |key: &str| {
        let request = json!({"resourceArn": arn, "tags": {key: ""}});
        world.emulator.perform(&Scope::new(ACCOUNT, REGION), Operation::TagResource, &request)
    };
    tag("one").unwrap();
    tag("one").unwrap();
    assert_eq!(tag("two").unwrap_err().code(), "ValidationException");
}

#[test]
fn things_and_groups_of_the_registry_obey_its_rules() {
    let emulator = Emulator::default();
    let scope = Scope::new(ACCOUNT, REGION);
    let code = |operation, request: Value| match emulator.perform(&scope, operation, &request) {
        Ok(_) => "ok".to_owned(),
        Err(error) => error.code().to_owned(),
    };
    for (operation, request, expected) in [
        (Operation::CreateThing, json!({"thingName": "a"}), "ok"),
        (Operation::CreateThing, json!({"thingName": "a"}), "ok"),
        (Operation::CreateThing, json!({"thingName": "a", "thingTypeName": "t"}), "ResourceAlreadyExistsException"),
        (Operation::CreateThingGroup, json!({"thingGroupName": "g"}), "ok"),
        (Operation::CreateThingGroup, json!({"thingGroupName": "child", "parentGroupName": "g"}), "ok"),
        (Operation::CreateThingGroup, json!({"thingGroupName": "child"}), "ResourceAlreadyExistsException"),
        (
            Operation::CreateThingGroup,
            json!({"thingGroupName": "x", "parentGroupName": "none"}),
            "InvalidRequestException",
        ),
        (Operation::AddThingToThingGroup, json!({"thingName": "a", "thingGroupName": "child"}), "ok"),
        (
            Operation::AddThingToThingGroup,
            json!({"thingArn": scope.thing_arn("a"), "thingGroupArn": scope.thing_group_arn("child")}),
            "ok",
        ),
        // One group of a hierarchy is the most for a thing.
        (Operation::AddThingToThingGroup, json!({"thingName": "a", "thingGroupName": "g"}), "InvalidRequestException"),
        (Operation::AddThingToThingGroup, json!({"thingName": "a"}), "InvalidRequestException"),
        (
            Operation::AddThingToThingGroup,
            json!({"thingName": "b", "thingGroupName": "g"}),
            "ResourceNotFoundException",
        ),
        (Operation::DeleteThingGroup, json!({"thingGroupName": "g"}), "InvalidRequestException"),
        (
            Operation::DeleteThingGroup,
            json!({"thingGroupName": "child", "expectedVersion": 2}),
            "VersionConflictException",
        ),
        (Operation::DeleteThingGroup, json!({"thingGroupName": "child"}), "ok"),
        (Operation::DeleteThingGroup, json!({"thingGroupName": "child"}), "ok"),
        (Operation::DescribeThing, json!({"thingName": "none"}), "ResourceNotFoundException"),
        (Operation::DeleteThing, json!({"thingName": "a"}), "ok"),
    ] {
        assert_eq!(code(operation, request.clone()), expected, "{operation:?} {request}");
    }
    let members = emulator.perform(&scope, Operation::ListThingsInThingGroup, &json!({"thingGroupName": "g"}));
    assert_eq!(members.unwrap(), json!({"things": []}), "a thing that is gone is in no group");
}
