"""boto3 and system instances of Things Graph: both targets from creation to deletion, tags, every error, pages, faults. The emulator's clock stands still."""

import datetime
import os

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionError, HTTPClientError

from emulator import admin

ACCOUNT, REGION = os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_DEFAULT_REGION"]
PREFIX = f"urn:tdm:{REGION}/{ACCOUNT}/default:deployment:"
SYSTEM = f"urn:tdm:{REGION}/{ACCOUNT}/default:System:SecurityFlow"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/ThingsGraphRole"

things = boto3.client("iotthingsgraph", config=Config(retries={"total_max_attempts": 1}))


def definition(name, prefix=PREFIX):
    text = f'{{\nquery {name} @deployment(id: "{prefix}{name}", systemId: "{SYSTEM}") {{ motionSensor(deviceId: "m") }}\n}}'
    return {"language": "GRAPHQL", "text": text}


def in_group(name, **rest):
    request = {"target": "GREENGRASS", "greengrassGroupName": "Plant", "s3BucketName": "bucket", **rest}
    return things.create_system_instance(definition=definition(name), **request)["summary"]


def in_cloud(name):
    return things.create_system_instance(definition=definition(name), target="CLOUD", flowActionsRoleArn=ROLE)["summary"]


def passes(seconds):
    admin("POST", "clock", {"advanceMilliseconds": seconds * 1000})


def described(name):
    return things.get_system_instance(id=PREFIX + name)["description"]


def status(name):
    return described(name)["summary"]["status"]


def code(call, **parameters):
    try:
        call(**parameters)
    except ClientError as error:
        answer = error.response
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 400 and answer["Error"]["Message"], answer
        return answer["Error"]["Code"]
    return None


def about(call, name):
    return code(call, id=PREFIX + name)


# Greengrass, from the creation to the deletion.
created = in_group("Room218", tags=[{"key": "team", "value": "edge"}], metricsConfiguration={"cloudMetricEnabled": True, "metricRuleRoleArn": ROLE})
start = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
assert created["createdAt"] == created["updatedAt"] == start, created
assert set(created) == {"id", "arn", "status", "target", "greengrassGroupName", "createdAt", "updatedAt"}, created
assert created["arn"] == f"arn:aws:iotthingsgraph:{REGION}:{ACCOUNT}:Deployment/default/Room218"
shown = described("Room218")
assert shown == {
    "summary": created,
    "definition": definition("Room218"),
    "s3BucketName": "bucket",
    "metricsConfiguration": {"cloudMetricEnabled": True, "metricRuleRoleArn": ROLE},
    "validatedNamespaceVersion": 1,
    "validatedDependencyRevisions": [{"id": SYSTEM, "revisionNumber": 1}],
}, shown
assert about(things.undeploy_system_instance, "Room218") == "InvalidRequestException"
passes(1)
deployed = things.deploy_system_instance(id=created["id"])
summary = deployed["summary"]
members = {"id", "arn", "status", "target", "greengrassGroupName", "createdAt", "updatedAt", "greengrassGroupId", "greengrassGroupVersionId"}
assert set(summary) == members and deployed["greengrassDeploymentId"], deployed
assert summary["status"] == "BOOTSTRAP" and summary["updatedAt"] == start + datetime.timedelta(seconds=1)
for call in (things.deploy_system_instance, things.undeploy_system_instance, things.delete_system_instance):
    assert about(call, "Room218") == "ResourceInUseException"
passes(10)
assert status("Room218") == "DEPLOY_IN_PROGRESS"
passes(20)
assert status("Room218") == "DEPLOYED_IN_TARGET"
assert about(things.delete_system_instance, "Room218") == "ResourceInUseException"

# Again: the second one is told to fail, and is undeployed.
admin("POST", f"system-instances?id={created['id']}", {"failingDeployments": 1})
again = things.deploy_system_instance(id=created["id"])
assert again["greengrassDeploymentId"] != deployed["greengrassDeploymentId"]
assert again["summary"]["greengrassGroupVersionId"] != summary["greengrassGroupVersionId"]
assert again["summary"]["greengrassGroupId"] == summary["greengrassGroupId"]
passes(30)
assert status("Room218") == "FAILED"
assert about(things.delete_system_instance, "Room218") == "ResourceInUseException"
assert things.undeploy_system_instance(id=created["id"])["summary"]["status"] == "UNDEPLOY_IN_PROGRESS"
passes(10)
assert status("Room218") == "DELETED_IN_TARGET"
assert code(in_group, name="Room218") == "ResourceAlreadyExistsException"
things.delete_system_instance(id=created["id"])
assert about(things.get_system_instance, "Room218") == "ResourceNotFoundException"
assert about(things.deploy_system_instance, "Room218") == "ResourceNotFoundException"
assert about(things.undeploy_system_instance, "Room218") == "ResourceNotFoundException"
assert about(things.delete_system_instance, "Room218") is None
assert in_group("Room218")["status"] == "NOT_DEPLOYED"

# The cloud.
assert set(in_cloud("Room1")) == {"id", "arn", "status", "target", "createdAt", "updatedAt"}
shown = described("Room1")
assert shown["flowActionsRoleArn"] == ROLE and shown["metricsConfiguration"] == {"cloudMetricEnabled": False}, shown
answer = things.deploy_system_instance(id=PREFIX + "Room1")
assert answer["summary"]["status"] == "DEPLOYED_IN_TARGET" and "greengrassDeploymentId" not in answer, answer
assert things.undeploy_system_instance(id=PREFIX + "Room1")["summary"]["status"] == "DELETED_IN_TARGET"

# Tags: those of the creation, and what becomes of them.
tagged = in_group("Tagged", tags=[{"key": "team", "value": "edge"}, {"key": "site", "value": "1"}])


def tags(**request):
    return {tag["key"]: tag["value"] for tag in things.list_tags_for_resource(resourceArn=tagged["arn"], **request)["tags"]}


assert tags() == {"site": "1", "team": "edge"}
passes(1)
things.tag_resource(resourceArn=tagged["arn"], tags=[{"key": "site", "value": "2"}, {"key": "Größe", "value": "klein"}])
things.untag_resource(resourceArn=tagged["arn"], tagKeys=["team", "nobody"])
assert tags() == {"site": "2", "Größe": "klein"}
assert described("Tagged")["summary"] == tagged, "a change of tags is no update"
admin("POST", "faults", {"match": {"operation": "iotthingsgraph:ListTagsForResource"}, "action": {"type": "stale", "writesAgo": 2}})
assert tags() == {"site": "1", "team": "edge"}
admin("POST", "faults", {"match": {"operation": "TagResource"}, "action": {"type": "accessDenied"}})
things.tag_resource(resourceArn=tagged["arn"], tags=[])
admin("DELETE", "faults")
many = [{"key": f"k{number}", "value": "v"} for number in range(48)]
things.tag_resource(resourceArn=tagged["arn"], tags=many)
assert code(things.tag_resource, resourceArn=tagged["arn"], tags=[{"key": "one more", "value": "v"}]) == "InvalidRequestException"
assert code(things.tag_resource, resourceArn=tagged["arn"], tags=[{"key": "aws:a", "value": "v"}]) == "InvalidRequestException"
pages = things.get_paginator("list_tags_for_resource").paginate(resourceArn=tagged["arn"], PaginationConfig={"PageSize": 7})
assert len({tag["key"] for page in pages for tag in page["tags"]}) == 50
for missing in (tagged["arn"] + "X", tagged["arn"].replace(ACCOUNT, "210987654321"), tagged["id"]):
    assert code(things.list_tags_for_resource, resourceArn=missing) == "InvalidRequestException"
    assert code(things.untag_resource, resourceArn=missing, tagKeys=["a"]) == "InvalidRequestException"
calls = admin("GET", f"calls?target={tagged['arn']}&operation=UntagResource")
assert [(call["status"], call["service"]) for call in calls] == [(200, "iotthingsgraph")], calls
things.delete_system_instance(id=tagged["id"])

# What is wrong with a request.
create = things.create_system_instance
for request in (
    {"definition": definition("a"), "target": "CLOUD"},
    {"definition": definition("a"), "target": "GREENGRASS", "greengrassGroupName": "Plant"},
    {"definition": definition("a"), "target": "GREENGRASS", "s3BucketName": "bucket"},
    {"definition": {"language": "GRAPHQL", "text": "query a {}"}, "target": "CLOUD", "flowActionsRoleArn": ROLE},
    {"definition": definition("a", PREFIX.replace(REGION, "us-east-1")), "target": "CLOUD", "flowActionsRoleArn": ROLE},
    {"definition": definition("a", PREFIX.replace(ACCOUNT, "210987654321")), "target": "CLOUD", "flowActionsRoleArn": ROLE},
):
    assert code(create, **request) == "InvalidRequestException", request
assert code(things.get_system_instance, id="Room1") == "InvalidRequestException"
assert code(things.deploy_system_instance) == "InvalidRequestException"

# Searches and their pages.
for number in range(5):
    in_cloud(f"Many{number}")
search = things.get_paginator("search_system_instances")
for size in (1, 2, 250):
    pages = search.paginate(PaginationConfig={"PageSize": size})
    names = [summary["id"].removeprefix(PREFIX) for page in pages for summary in page["summaries"]]
    assert names == ["Many0", "Many1", "Many2", "Many3", "Many4", "Room1", "Room218"], names
found = things.search_system_instances(filters=[{"name": "STATUS", "value": ["DELETED_IN_TARGET"]}])["summaries"]
assert [summary["id"] for summary in found] == [PREFIX + "Room1"]
first = things.search_system_instances(maxResults=1)["nextToken"]
assert code(things.search_system_instances, nextToken="nonsense") == "InvalidRequestException"
other = {"filters": [{"name": "SYSTEM_TEMPLATE_ID", "value": [SYSTEM]}]}
assert code(things.search_system_instances, nextToken=first, **other) == "InvalidRequestException"
assert things.search_system_instances(maxResults=250, **other)["summaries"] and code(things.search_system_instances, maxResults=250) is None

# Faults, the quota and the ledger.
admin("POST", "faults", {"match": {"service": "iotthingsgraph"}, "action": {"type": "throttle", "retryAfterSeconds": 3}})
assert code(things.search_system_instances) == "ThrottlingException"
arn = f"arn:aws:iotthingsgraph:{REGION}:{ACCOUNT}:Deployment/default/"
admin("POST", "faults", {"match": {"operation": "DeploySystemInstance", "targetArn": arn + "Many0"}, "action": {"type": "resetAfter"}})
try:
    things.deploy_system_instance(id=PREFIX + "Many0")
    raise AssertionError("the answer should be lost")
except (ConnectionError, HTTPClientError):
    pass
assert status("Many0") == "DEPLOYED_IN_TARGET"
assert status("Many1") == "NOT_DEPLOYED"
admin("POST", "faults", {"match": {"operation": "GetSystemInstance"}, "action": {"type": "stale", "writesAgo": 1}})
assert status("Many0") == "NOT_DEPLOYED"
calls = admin("GET", f"calls?target={arn}Many0")
assert [(call["operation"], call["status"], call["fault"]) for call in calls] == [
    ("CreateSystemInstance", 200, None),
    ("DeploySystemInstance", 200, "resetAfter"),
    ("GetSystemInstance", 200, None),
    ("GetSystemInstance", 200, "stale"),
], calls
assert calls[1]["request"] == {"id": PREFIX + "Many0"} and calls[1]["service"] == "iotthingsgraph"
admin("PUT", "quotas", {"thingsGraph": 2})
assert [code(things.search_system_instances) for _ in range(3)] == [None, None, "ThrottlingException"]
admin("PUT", "quotas", {})

# Another region and account has its own.
elsewhere = boto3.client("iotthingsgraph", region_name="us-east-1")
assert elsewhere.search_system_instances()["summaries"] == []
assert code(elsewhere.get_system_instance, id=PREFIX + "Many0") == "ResourceNotFoundException"
print("done")
