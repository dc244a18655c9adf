"""A small world, and for every operation a request that is right in it."""

import base64
import json
from typing import Callable, NamedTuple, Optional

# Names that the variants of a name use, so that a right name also names something.
NAMES = ("g", "g" * 128, "a:b_c-D9")


# A role that everybody may assume, in every way.
ROLE = "arn:aws:iam::210987654321:role/contract"


def web_identity_token():
    """A token of a service account that lives long enough."""
    claims = {"iss": "https://oidc.example.com", "sub": "system:serviceaccount:a:b", "aud": "sts.amazonaws.com", "exp": 2**33}
    parts = (b"{}", json.dumps(claims).encode(), b"signature")
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


class World:
    def __init__(self, callers, admin):
        self.greengrass, self.iot, self.things_graph = callers["greengrass"], callers["iot"], callers["iotthingsgraph"]
        self.count = 0
        self.thing, self.group = "core", "canary"
        self.parent_arn = self.did(self.iot, "CreateThingGroup", thingGroupName="fleet")["thingGroupArn"]
        self.group_arn = self.did(self.iot, "CreateThingGroup", thingGroupName=self.group)["thingGroupArn"]
        for name in NAMES:
            self.did(self.iot, "CreateThingGroup", thingGroupName=name)
        for name in (self.thing, *NAMES):
            arn = self.did(self.iot, "CreateThing", thingName=name)["thingArn"]
            self.did(self.iot, "AddThingToThingGroup", thingName=name, thingGroupName=self.group)
            self.did(self.iot, "AddThingToThingGroup", thingName=self.thing, thingGroupName=name if name in NAMES else "fleet")
            self.did(self.greengrass, "CreateDeployment", targetArn=arn)
        device = {"name": self.thing, "behaviour": {"takes": {"seconds": 0}}}
        admin("/_emulator/fleet", {"accounts": [{"account": "123456789012", "region": "eu-west-1", "devices": [device]}]})
        admin("/_emulator/roles", {"arn": ROLE, "maxSessionDuration": 43_200, "webIdentity": {}})
        components = {"com.example.Hello": {"componentVersion": "1.0.0"}}
        deployed = self.did(self.greengrass, "CreateDeployment", targetArn=self.parent_arn, components=components)
        self.job = deployed["iotJobId"]
        for _ in range(3):
            self.system_instance()
        self.tagged = self.tagged_system_instance()
        self.recipe = {"RecipeFormatVersion": "2020-01-25", "ComponentName": "many", "Manifests": [{"Platform": {"os": "linux"}}]}
        self.many = self.component_with_versions()
        for _ in range(3):
            self.component()

    @staticmethod
    def did(caller, operation, **request):
        answer = caller.call(operation, request)
        assert answer.code is None, (operation, request, str(answer))
        return answer.parsed

    def fresh(self):
        self.count += 1
        return f"fresh-{self.count}"

    def deployment(self):
        return self.did(self.greengrass, "CreateDeployment", targetArn=self.group_arn)

    def deployment_arn(self):
        return f"arn:aws:greengrass:eu-west-1:123456789012:deployments:{self.deployment()['deploymentId']}"

    def new_recipe(self):
        recipe = {"RecipeFormatVersion": "2020-01-25", "ComponentName": self.fresh(), "ComponentVersion": "1.0.0", "Manifests": [{}]}
        return json.dumps(recipe).encode()

    def component(self):
        """The ARN of a version of a component that has no other."""
        return self.did(self.greengrass, "CreateComponentVersion", inlineRecipe=self.new_recipe())["arn"]

    def component_with_versions(self):
        created = [
            self.did(self.greengrass, "CreateComponentVersion", inlineRecipe=json.dumps({**self.recipe, "ComponentVersion": version}).encode())
            for version in ("1.0.0", "1.1.0", "2.0.0")
        ]
        return created[0]["arn"].rpartition(":versions:")[0]

    def cancelled(self):
        deployment = self.deployment()["deploymentId"]
        self.did(self.greengrass, "CancelDeployment", deploymentId=deployment)
        return deployment

    def lone_group(self):
        """A group without children; and those of NAMES lose what variants have put below them."""
        for page in self.iot.client.get_paginator("list_thing_groups").paginate(namePrefixFilter="fresh-"):
            for group in page["thingGroups"]:
                self.did(self.iot, "DeleteThingGroup", thingGroupName=group["groupName"])
        return self.did(self.iot, "CreateThingGroup", thingGroupName=self.fresh())["thingGroupName"]

    def new_system_instance(self):
        """With what both targets need."""
        identifier = f"urn:tdm:eu-west-1/123456789012/default:deployment:{self.fresh().replace('-', '_')}"
        return {
            "definition": {"language": "GRAPHQL", "text": f'@deployment(id: "{identifier}")'},
            "target": "CLOUD",
            "flowActionsRoleArn": ROLE,
            "greengrassGroupName": self.group,
            "s3BucketName": "bucket",
        }

    def system_instance(self):
        return self.did(self.things_graph, "CreateSystemInstance", **self.new_system_instance())["summary"]["id"]

    def system_instance_arn(self):
        return f"arn:aws:iotthingsgraph:eu-west-1:123456789012:Deployment/default/{self.system_instance().rpartition(':')[2]}"

    def tagged_system_instance(self):
        arn = self.system_instance_arn()
        self.did(self.things_graph, "TagResource", resourceArn=arn, tags=[{"key": f"k{number}", "value": "v"} for number in range(5)])
        return arn

    def deployed_system_instance(self):
        identifier = self.system_instance()
        self.did(self.things_graph, "DeploySystemInstance", id=identifier)
        return identifier

    def samples(self):
        """By the names of shapes: what a variant of another member needs to succeed."""
        return {
            "TargetARN": self.group_arn,
            "ThingGroupARN": self.parent_arn,
            "clientTokenType": web_identity_token(),
            "PolicyDescriptorType": {"arn": ROLE},
            "ResourceArn": self.system_instance_arn(),
            "RecipeBlob": self.new_recipe(),
            "ComponentNameString": "many",
            "ProvidedContext": {"ProviderArn": ROLE},
        }


class Base(NamedTuple):
    """`found` says that the world has what the request names; elsewhere a ResourceNotFoundException is an answer too. A list has
    `rows` or more. `read` is the operation that shows what this one has made, and the member that both name it by."""

    request: Callable
    found: bool = True
    rows: int = 0
    read: Optional[tuple] = None


def membership(world):
    return {"thingName": world.thing, "thingGroupName": world.group}


def core_device(world):
    return {"coreDeviceThingName": world.thing}


# By the emulator's names of the services. An operation that the emulator doesn't list is not called.
BASES = {
    "greengrass": {
        "CreateDeployment": Base(lambda world: {"targetArn": world.group_arn}, read=("GetDeployment", "deploymentId")),
        "ListDeployments": Base(lambda world: {}, rows=5),
        "GetDeployment": Base(lambda world: {"deploymentId": world.deployment()["deploymentId"]}),
        "CancelDeployment": Base(lambda world: {"deploymentId": world.deployment()["deploymentId"]}),
        "DeleteDeployment": Base(lambda world: {"deploymentId": world.cancelled()}),
        "TagResource": Base(lambda world: {"resourceArn": world.deployment_arn(), "tags": {"a": "b"}}),
        "UntagResource": Base(lambda world: {"resourceArn": world.deployment_arn(), "tagKeys": ["a"]}),
        "ListTagsForResource": Base(lambda world: {"resourceArn": world.deployment_arn()}),
        "ListEffectiveDeployments": Base(core_device, rows=2),
        "ListCoreDevices": Base(lambda world: {}, rows=1),
        "GetCoreDevice": Base(core_device),
        "ListInstalledComponents": Base(core_device, rows=2),
        "CreateComponentVersion": Base(lambda world: {"inlineRecipe": world.new_recipe()}, read=("DescribeComponent", "arn")),
        "DescribeComponent": Base(lambda world: {"arn": world.component()}),
        "GetComponent": Base(lambda world: {"arn": world.component()}),
        "ListComponents": Base(lambda world: {}, rows=4),
        "ListComponentVersions": Base(lambda world: {"arn": world.many}, rows=3),
        "DeleteComponent": Base(lambda world: {"arn": world.component()}),
        "ResolveComponentCandidates": Base(
            lambda world: {
                "platform": {"attributes": {"os": "linux"}},
                "componentCandidates": [{"componentName": "many", "versionRequirements": {"a": "^1.0.0"}}],
            }
        ),
    },
    "iot": {
        "CreateThing": Base(lambda world: {"thingName": world.fresh()}, read=("DescribeThing", "thingName")),
        "DescribeThing": Base(lambda world: {"thingName": world.thing}),
        "DeleteThing": Base(lambda world: {"thingName": world.fresh()}),
        "ListThings": Base(lambda world: {}, rows=4),
        "ListThingGroupsForThing": Base(lambda world: {"thingName": world.thing}, rows=4),
        "AddThingToThingGroup": Base(membership),
        "RemoveThingFromThingGroup": Base(membership),
        "UpdateThingGroupsForThing": Base(
            lambda world: {"thingName": world.thing, "thingGroupsToAdd": [world.group], "thingGroupsToRemove": ["g"]}
        ),
        "CreateThingGroup": Base(lambda world: {"thingGroupName": world.fresh()}, read=("DescribeThingGroup", "thingGroupName")),
        "DescribeThingGroup": Base(lambda world: {"thingGroupName": world.group}),
        "DeleteThingGroup": Base(lambda world: {"thingGroupName": world.lone_group()}),
        "ListThingGroups": Base(lambda world: {}, rows=5),
        "ListThingsInThingGroup": Base(lambda world: {"thingGroupName": world.group}, rows=3),
        "ListJobs": Base(lambda world: {}, rows=2),
        "DescribeJob": Base(lambda world: {"jobId": world.job}),
        "CancelJob": Base(lambda world: {"jobId": world.deployment()["iotJobId"]}),
        "DeleteJob": Base(lambda world: {"jobId": world.deployment()["iotJobId"], "force": True}),
        "ListJobExecutionsForJob": Base(lambda world: {"jobId": world.job}, rows=1),
        "ListJobExecutionsForThing": Base(lambda world: {"thingName": world.thing}, rows=2),
        "DescribeJobExecution": Base(lambda world: {"jobId": world.job, "thingName": world.thing}),
    },
    "iotdata": {
        "GetThingShadow": Base(
            lambda world: {"thingName": world.thing, "shadowName": "AWSManagedGreengrassV2Deployment"}
        ),
        "ListNamedShadowsForThing": Base(lambda world: {"thingName": world.thing}),
    },
    "iotthingsgraph": {
        "CreateSystemInstance": Base(lambda world: world.new_system_instance()),
        "GetSystemInstance": Base(lambda world: {"id": world.system_instance()}),
        "DeploySystemInstance": Base(lambda world: {"id": world.system_instance()}),
        "UndeploySystemInstance": Base(lambda world: {"id": world.deployed_system_instance()}),
        "DeleteSystemInstance": Base(lambda world: {"id": world.system_instance()}),
        "SearchSystemInstances": Base(lambda world: {}, rows=3),
        "TagResource": Base(lambda world: {"resourceArn": world.system_instance_arn(), "tags": [{"key": "a", "value": "b"}]}),
        "UntagResource": Base(lambda world: {"resourceArn": world.system_instance_arn(), "tagKeys": ["a"]}),
        "ListTagsForResource": Base(lambda world: {"resourceArn": world.tagged}, rows=5),
    },
    "sts": {
        "GetCallerIdentity": Base(lambda world: {}),
        "AssumeRole": Base(lambda world: {"RoleArn": ROLE, "RoleSessionName": "session"}),
        "AssumeRoleWithWebIdentity": Base(
            lambda world: {"RoleArn": ROLE, "RoleSessionName": "session", "WebIdentityToken": web_identity_token()}
        ),
    },
}
