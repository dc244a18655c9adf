"""boto3 and components: recipes from their creation to their deletion, what devices make of them, every error, pages, faults. The clock stands still."""

import datetime
import json
import os

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from emulator import admin

ACCOUNT, REGION = os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_DEFAULT_REGION"]
PREFIX = f"arn:aws:greengrass:{REGION}:{ACCOUNT}:components:"

greengrass = boto3.client("greengrassv2", config=Config(retries={"total_max_attempts": 1}))

PRESS = """
# The press of the plant.
RecipeFormatVersion: '2020-01-25'
ComponentName: com.example.Press
ComponentVersion: '1.0.0'
ComponentDescription: Presses.
ComponentPublisher: Example
ComponentConfiguration: {DefaultConfiguration: {speed: 3, limits: {high: 10}}}
ComponentDependencies:
  com.example.Motor: {VersionRequirement: '>=1.0.0 <2.0.0', DependencyType: HARD}
  aws.greengrass.Nucleus: {VersionRequirement: '>=2.0.0', DependencyType: SOFT}
Manifests:
  - Name: any linux
    Platform: {os: linux}
    Lifecycle: {Run: 'echo {configuration:/speed}'}
"""


def motor(version):
    recipe = {"RecipeFormatVersion": "2020-01-25", "ComponentName": "com.example.Motor", "ComponentVersion": version}
    return json.dumps({**recipe, "Manifests": [{"Platform": {"os": "linux", "architecture": "amd64"}}]})


def passes(seconds):
    admin("POST", "clock", {"advanceMilliseconds": seconds * 1000})


def create(recipe, **rest):
    # One a second is what AWS allows.
    passes(1)
    return greengrass.create_component_version(inlineRecipe=recipe.encode(), **rest)


def error(call, **parameters):
    try:
        call(**parameters)
    except ClientError as raised:
        return raised.response
    raise AssertionError(f"{parameters} should be refused")


def code(call, **parameters):
    return error(call, **parameters)["Error"]["Code"]


# From the creation to the description.
created = create(PRESS, tags={"team": "edge"})
start = datetime.datetime(2026, 1, 1, 0, 0, 1, tzinfo=datetime.timezone.utc)
press = PREFIX + "com.example.Press:versions:1.0.0"
assert created["arn"] == press and created["creationTimestamp"] == start, created
assert created["status"] == {"componentState": "REQUESTED", "message": "NONE", "errors": {}}, created
passes(2)
described = greengrass.describe_component(arn=press)
described.pop("ResponseMetadata")
assert described == {
    "arn": press,
    "componentName": "com.example.Press",
    "componentVersion": "1.0.0",
    "creationTimestamp": start,
    "publisher": "Example",
    "description": "Presses.",
    "status": {"componentState": "DEPLOYABLE", "message": "NONE", "errors": {}, "vendorGuidance": "ACTIVE"},
    "platforms": [{"name": "any linux", "attributes": {"os": "linux"}}],
    "tags": {"team": "edge"},
}, described
got = greengrass.get_component(arn=press)
assert got["recipeOutputFormat"] == "YAML" and got["recipe"].decode() == PRESS, got
as_json = greengrass.get_component(arn=press, recipeOutputFormat="JSON")
assert json.loads(as_json["recipe"])["ComponentConfiguration"]["DefaultConfiguration"] == {"speed": 3, "limits": {"high": 10}}

# What is refused.
again = error(create, recipe=PRESS, tags={"team": "edge"})
assert again["Error"]["Code"] == "ConflictException" and again["resourceId"] == press, again
assert f"Component [com.example.Press : 1.0.0] for account [{ACCOUNT}] already exists" in again["Error"]["Message"], again
token = create(motor("1.0.0"), clientToken="one")
assert create(motor("1.0.0"), clientToken="one")["arn"] == token["arn"]
assert code(create, recipe=motor("1.0.0"), clientToken="two") == "ConflictException"
for recipe, words in (("a: [", "neither YAML nor JSON"), (PRESS.replace("'1.0.0'", "one"), "ComponentVersion"), (PRESS.replace(">=1.0.0 <2.0.0", "latest"), "VersionRequirement")):
    refused = error(create, recipe=recipe)
    assert refused["Error"]["Code"] == "ValidationException" and words in refused["Error"]["Message"], refused
    assert [field["name"] for field in refused["fields"]] == ["inlineRecipe"], refused
passes(1)
function = {"lambdaArn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:f:1"}
refused = error(greengrass.create_component_version, lambdaFunction=function)
assert "is not emulated" in refused["Error"]["Message"], refused
passes(1)
assert code(greengrass.create_component_version) == "ValidationException"
assert code(greengrass.create_component_version) == "ThrottlingException"
assert code(greengrass.describe_component, arn=press.replace("1.0.0", "9.0.0")) == "ResourceNotFoundException"

# Lists and their pages.
create(motor("1.10.0"))
create(motor("1.2.0"))
passes(2)
versions = greengrass.get_paginator("list_component_versions")
for size in (1, 2, 100):
    pages = versions.paginate(arn=PREFIX + "com.example.Motor", PaginationConfig={"PageSize": size})
    found = [item["componentVersion"] for page in pages for item in page["componentVersions"]]
    assert found == ["1.10.0", "1.2.0", "1.0.0"], found
components = greengrass.get_paginator("list_components").paginate(scope="PRIVATE", PaginationConfig={"PageSize": 1})
listed = {item["componentName"]: item["latestVersion"]["componentVersion"] for page in components for item in page["components"]}
assert listed == {"com.example.Motor": "1.10.0", "com.example.Press": "1.0.0"}, listed
assert greengrass.list_components(scope="PUBLIC")["components"] == []

# What a device would get, and what it does get.
candidate = {"componentName": "com.example.Motor", "versionRequirements": {"com.example.Press": ">=1.0.0 <1.10.0"}}
resolved = greengrass.resolve_component_candidates(platform={"attributes": {"os": "linux", "architecture": "amd64"}}, componentCandidates=[candidate])
(only,) = resolved["resolvedComponentVersions"]
assert only["componentVersion"] == "1.2.0" and only["recipe"].decode() == motor("1.2.0"), only
other = {"attributes": {"os": "windows"}}
assert code(greengrass.resolve_component_candidates, platform=other, componentCandidates=[candidate]) == "ResourceNotFoundException"

account = {"account": ACCOUNT, "region": REGION, "groups": [{"name": "plant"}], "devices": [{"name": "core", "groups": ["plant"]}]}
admin("POST", "fleet", {"accounts": [account]})
target = f"arn:aws:iot:{REGION}:{ACCOUNT}:thinggroup/plant"


def deployed(components):
    greengrass.create_deployment(targetArn=target, components=components)
    passes(15)
    (effective,) = greengrass.list_effective_deployments(coreDeviceThingName="core")["effectiveDeployments"]
    return effective


def installed(topology):
    found = greengrass.list_installed_components(coreDeviceThingName="core", topologyFilter=topology)["installedComponents"]
    return {item["componentName"]: (item["componentVersion"], item["isRoot"]) for item in found}


update = {"merge": json.dumps({"limits": {"high": 20}})}
assert deployed({"com.example.Press": {"componentVersion": "1.0.0", "configurationUpdate": update}})["coreDeviceExecutionStatus"] == "SUCCEEDED"
roots = {"aws.greengrass.Nucleus": ("2.14.3", True), "com.example.Press": ("1.0.0", True)}
assert installed("ROOT") == roots, installed("ROOT")
assert installed("ALL") == {**roots, "com.example.Motor": ("1.10.0", False)}, installed("ALL")
shown = admin("GET", "devices/core")["components"]["com.example.Press"]
assert shown["configuration"] == {"speed": 3, "limits": {"high": 20}}, shown
failed = deployed({"com.example.Press": {"componentVersion": "1.0.1"}})
assert failed["coreDeviceExecutionStatus"] == "FAILED" and failed["statusDetails"] == {
    "errorStack": ["DEPLOYMENT_FAILURE", "NO_AVAILABLE_COMPONENT_VERSION", "COMPONENT_VERSION_REQUIREMENTS_NOT_MET"],
    "errorTypes": ["REQUEST_ERROR"],
}, failed
assert installed("ROOT") == roots
assert deployed({})["coreDeviceExecutionStatus"] == "SUCCEEDED" and list(installed("ALL")) == ["aws.greengrass.Nucleus"]

# The state by hand, tags, faults, and the end.
admin("POST", f"components?arn={press}", {"state": "FAILED", "errors": {"s3://bucket/press.zip": "Specified artifact resource cannot be accessed"}})
status = greengrass.describe_component(arn=press)["status"]
assert status["componentState"] == "FAILED" and list(status["errors"]) == ["s3://bucket/press.zip"], status
assert [item["state"] for item in admin("GET", "components") if item["arn"] == press] == ["FAILED"]
greengrass.tag_resource(resourceArn=press, tags={"site": "1"})
greengrass.untag_resource(resourceArn=press, tagKeys=["team"])
assert greengrass.list_tags_for_resource(resourceArn=press)["tags"] == {"site": "1"}
greengrass.delete_component(arn=press)
admin("POST", "faults", {"match": {"operation": "GetComponent", "targetArn": press}, "action": {"type": "stale", "writesAgo": 1}})
assert greengrass.get_component(arn=press)["tags"] == {"site": "1"}
assert code(greengrass.get_component, arn=press) == "ResourceNotFoundException"
assert code(greengrass.delete_component, arn=press) == "ResourceNotFoundException"
calls = [call["operation"] for call in admin("GET", f"calls?target={press}") if call["status"] == 201]
assert calls == ["CreateComponentVersion"], calls
elsewhere = boto3.client("greengrassv2", region_name="us-east-1")
assert elsewhere.list_components()["components"] == []
print("done")
