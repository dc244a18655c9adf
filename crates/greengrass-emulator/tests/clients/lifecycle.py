"""Groups, things and subdeployments through boto3. Everything that botocore parses is checked against its model too."""

import datetime

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionError, HTTPClientError
from botocore.validate import ParamValidator

from emulator import admin



def checked(client):
    """A client whose answers must satisfy the output shapes of its model, unknown members included."""

    def check(parsed, model, **_):
        if "Error" in parsed or model.output_shape is None:
            return
        answer = {name: value for name, value in parsed.items() if name != "ResponseMetadata"}
        unknown = set(answer) - set(model.output_shape.members)
        assert not unknown, (model.name, unknown)
        report = ParamValidator().validate(answer, model.output_shape)
        assert not report.has_errors(), (model.name, report.generate_report())

    client.meta.events.register("after-call", check)
    return client


def refused(exception, call, **parameters):
    try:
        call(**parameters)
    except exception as error:
        return error.response
    raise AssertionError(f"{call} was not refused")


config = Config(retries={"total_max_attempts": 1})
iot = checked(boto3.client("iot", config=config))
greengrass = checked(boto3.client("greengrassv2", config=config))
errors = greengrass.exceptions

group = iot.create_thing_group(
    thingGroupName="fleet",
    thingGroupProperties={"thingGroupDescription": "all", "attributePayload": {"attributes": {"site": "a"}}},
    tags=[{"Key": "k", "Value": "v"}],
)["thingGroupArn"]
canary = iot.create_thing_group(thingGroupName="canary", parentGroupName="fleet")["thingGroupArn"]
things = [iot.create_thing(thingName=f"core-{n}", attributePayload={"attributes": {"n": str(n)}}) for n in range(3)]
for thing in things:
    iot.add_thing_to_thing_group(thingName=thing["thingName"], thingGroupName="canary")
iot.remove_thing_from_thing_group(thingArn=things[2]["thingArn"], thingGroupArn=canary)
pages = iot.get_paginator("list_things_in_thing_group").paginate(
    thingGroupName="canary", PaginationConfig={"PageSize": 1}
)
assert [name for page in pages for name in page["things"]] == ["core-0", "core-1"]
assert iot.describe_thing_group(thingGroupName="canary")["thingGroupMetadata"]["parentGroupName"] == "fleet"
assert iot.describe_thing(thingName="core-1")["attributes"] == {"n": "1"}
assert [g["groupName"] for g in iot.list_thing_groups_for_thing(thingName="core-0")["thingGroups"]] == ["canary"]
assert [g["groupName"] for g in iot.list_thing_groups(parentGroup="fleet")["thingGroups"]] == ["canary"]
assert len(iot.list_things(maxResults=250)["things"]) == 3
refused(iot.exceptions.ResourceAlreadyExistsException, iot.create_thing, thingName="core-0")
refused(iot.exceptions.ResourceNotFoundException, iot.describe_thing, thingName="nobody")

job = {
    "jobExecutionsRolloutConfig": {
        "exponentialRate": {
            "baseRatePerMinute": 50,
            "incrementFactor": 2.0,
            "rateIncreaseCriteria": {"numberOfNotifiedThings": 1000},
        },
        "maximumPerMinute": 1000,
    },
    "abortConfig": {
        "criteriaList": [
            {"failureType": "FAILED", "action": "CANCEL", "thresholdPercentage": 12.5, "minNumberOfExecutedThings": 10}
        ]
    },
    "timeoutConfig": {"inProgressTimeoutInMinutes": 60},
}
components = {
    "com.example.HelloWorld": {
        "componentVersion": "1.0.0",
        "configurationUpdate": {"merge": '{"Message":"Grüße"}', "reset": [""]},
        "runWith": {"posixUser": "ggc_user:ggc_group", "systemResourceLimits": {"cpus": 0.5, "memory": 4096}},
    }
}
created = greengrass.create_deployment(
    targetArn=group, components=components, iotJobConfiguration=job, tags={"team": "edge"}, clientToken="token-1"
)
assert created["ResponseMetadata"]["HTTPStatusCode"] == 201
again = greengrass.create_deployment(targetArn=group, clientToken="token-1")
assert again["deploymentId"] == created["deploymentId"]
got = greengrass.get_deployment(deploymentId=created["deploymentId"])
assert got["components"] == components, got["components"]
assert got["iotJobConfiguration"] == job, got["iotJobConfiguration"]
assert got["tags"] == {"team": "edge"}
age = datetime.datetime.now(datetime.timezone.utc) - got["creationTimestamp"]
assert abs(age) < datetime.timedelta(minutes=5), age

subs = [greengrass.create_deployment(targetArn=canary, parentTargetArn=group)["deploymentId"] for _ in range(3)]
pages = greengrass.get_paginator("list_deployments").paginate(
    parentTargetArn=group, historyFilter="ALL", PaginationConfig={"PageSize": 2}
)
rows = [row for page in pages for row in page["deployments"]]
assert [row["deploymentId"] for row in rows] == subs[::-1]
assert [row["deploymentStatus"] for row in rows] == ["ACTIVE", "INACTIVE", "INACTIVE"]
assert [row["revisionId"] for row in rows] == ["3", "2", "1"]
assert all(row["parentTargetArn"] == group for row in rows)
greengrass.create_deployment(targetArn=group)
assert greengrass.get_deployment(deploymentId=subs[2])["deploymentStatus"] == "INACTIVE"

thing = greengrass.create_deployment(targetArn=things[0]["thingArn"])
assert "iotJobId" not in thing
admin("POST", f"deployments/{thing['deploymentId']}/status", {"status": "COMPLETED"})
assert greengrass.get_deployment(deploymentId=thing["deploymentId"])["deploymentStatus"] == "COMPLETED"

arn = f"arn:aws:greengrass:eu-west-1:123456789012:deployments:{thing['deploymentId']}"
greengrass.tag_resource(resourceArn=arn, tags={"a/b": "c d", "e": ""})
greengrass.untag_resource(resourceArn=arn, tagKeys=["e", "not there"])
assert greengrass.list_tags_for_resource(resourceArn=arn)["tags"] == {"a/b": "c d"}

other = iot.create_thing_group(thingGroupName="other")["thingGroupArn"]
answer = refused(errors.ConflictException, greengrass.create_deployment, targetArn=canary, parentTargetArn=other)
assert answer["resourceId"] == canary and answer["resourceType"] == "thinggroup"
answer = refused(errors.ResourceNotFoundException, greengrass.get_deployment, deploymentId="nobody")
assert answer["resourceId"] == "nobody"
answer = refused(errors.ValidationException, greengrass.create_deployment, targetArn=group, components={"c": {"componentVersion": "1.x"}})
assert answer["reason"] == "FIELD_VALIDATION_FAILED"
assert answer["fields"][0]["name"] == "components.c.componentVersion"
refused(errors.ValidationException, greengrass.list_deployments, nextToken="nonsense")

admin("POST", "faults", {"action": {"type": "throttle", "retryAfterSeconds": 9}})
answer = refused(errors.ThrottlingException, greengrass.list_deployments)
assert answer["retryAfterSeconds"] == 9, answer
assert answer["serviceCode"] == "greengrass"
for action in ("resetBefore", "resetAfter"):
    before = len(greengrass.list_deployments(targetArn=other, historyFilter="ALL")["deployments"])
    rule = {"match": {"operation": "CreateDeployment"}, "action": {"type": action}}
    admin("POST", "faults", rule)
    try:
        greengrass.create_deployment(targetArn=other)
        raise AssertionError("an answer came")
    except (ConnectionError, HTTPClientError):
        pass
    after = len(greengrass.list_deployments(targetArn=other, historyFilter="ALL")["deployments"])
    assert after - before == (1 if action == "resetAfter" else 0)

for row in greengrass.list_deployments(historyFilter="ALL")["deployments"]:
    if row["deploymentStatus"] in ("ACTIVE", "COMPLETED"):
        assert greengrass.cancel_deployment(deploymentId=row["deploymentId"])["message"] == "SUCCESS"
    answer = greengrass.delete_deployment(deploymentId=row["deploymentId"])
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204
assert greengrass.list_deployments(historyFilter="ALL")["deployments"] == []
refused(iot.exceptions.InvalidRequestException, iot.delete_thing_group, thingGroupName="fleet")
for name in ("canary", "fleet", "other"):
    iot.delete_thing_group(thingGroupName=name)
iot.delete_thing(thingName="core-0")

identity = checked(boto3.client("sts", config=config)).get_caller_identity()
assert identity["Account"] == "123456789012" and identity["Arn"] == "arn:aws:iam::123456789012:user/emulator"
for key, secret, code in (
    ("123456789012", "wrong", "SignatureDoesNotMatch"),
    ("AKIDEXAMPLE", "secret", "InvalidClientTokenId"),
):
    wrong = boto3.client("sts", config=config, aws_access_key_id=key, aws_secret_access_key=secret)
    assert refused(ClientError, wrong.get_caller_identity)["Error"]["Code"] == code
admin("POST", "faults", {"match": {"service": "sts"}, "action": {"type": "throttle"}})
assert refused(ClientError, boto3.client("sts", config=config).get_caller_identity)["Error"]["Code"] == "Throttling"

calls = admin("GET", "calls?operation=CreateDeployment")
assert {call["account"] for call in calls} == {"123456789012"}
assert [call["fault"] for call in calls][-2:] == ["resetBefore", "resetAfter"]
print("done")
