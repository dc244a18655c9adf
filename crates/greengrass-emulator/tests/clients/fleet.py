"""boto3 with a fleet of thirty devices: its paginators, what quotas do to it, and faults. The emulator's clock stands still."""

import os
import threading
import time

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionError, HTTPClientError

from emulator import admin

ACCOUNT, REGION = os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_DEFAULT_REGION"]
OTHER = "210987654321"
NAMES = [f"core-{number:02}" for number in range(1, 31)]


def passes(seconds):
    admin("POST", "clock", {"advanceMilliseconds": round(seconds * 1000)})


def fault(action, times=1, **match):
    admin("POST", "faults", {"match": match, "times": times, "action": action})


def error_of(call, **parameters):
    try:
        call(**parameters)
    except ClientError as error:
        return error.response
    return None


def code_of(response):
    return response and response["Error"]["Code"]


def client(service, attempts=1, **rest):
    return boto3.client(service, config=Config(retries={"mode": "standard", "total_max_attempts": attempts}), **rest)


def pages(client, operation, result, size, **parameters):
    """The items of all pages, of which each but the last is full."""
    passes(1)
    pages = client.get_paginator(operation).paginate(PaginationConfig={"PageSize": size}, **parameters)
    lists = [page[result] for page in pages]
    assert all(len(items) == size for items in lists[:-1]), [len(items) for items in lists]
    assert len(lists) > 1, (operation, lists)
    return [item for items in lists for item in items]


def make_fleet():
    groups = [f"group-{number}" for number in range(4)]
    behaviour = {"rules": [{"component": "c-9", "outcome": "componentBroken"}]}
    devices = [
        {"name": "core-##", "count": 20, "groups": groups},
        {"name": "core-##", "count": 10, "first": 21, "groups": groups, "behaviour": behaviour},
    ]
    account = {"account": ACCOUNT, "region": REGION, "groups": [{"name": name} for name in groups], "devices": devices}
    other = {"account": OTHER, "region": REGION, "groups": [{"name": groups[0]}]}
    assert admin("POST", "fleet", {"accounts": [account, other]}) == {"devices": 30}
    return [f"arn:aws:iot:{REGION}:{ACCOUNT}:thinggroup/{name}" for name in groups]


def names(items):
    return [item["coreDeviceThingName"] for item in items]


def paginators(groups):
    components = {f"c-{number}": {"componentVersion": "1.0.0"} for number in range(5)}
    jobs = [greengrass.create_deployment(targetArn=group, components=components)["iotJobId"] for group in groups]
    # One after the other, ten seconds each; the thirty of a group are told in two seconds.
    passes(60)
    assert [job["jobId"] for job in pages(iot, "list_jobs", "jobs", 3, namespaceId="aws-gg-deployment")] == jobs[::-1]
    failing = greengrass.create_deployment(targetArn=groups[0], components={"c-9": {"componentVersion": "1.0.0"}})
    passes(20)
    executions = pages(iot, "list_job_executions_for_job", "executionSummaries", 7, jobId=failing["iotJobId"])
    assert [execution["thingArn"].rsplit("/")[-1] for execution in executions] == NAMES
    statuses = [execution["jobExecutionSummary"]["status"] for execution in executions]
    assert statuses == ["SUCCEEDED"] * 20 + ["FAILED"] * 10, statuses
    job = {"jobId": failing["iotJobId"], "status": "FAILED"}
    failed = pages(iot, "list_job_executions_for_job", "executionSummaries", 4, **job)
    assert [execution["thingArn"].rsplit("/")[-1] for execution in failed] == NAMES[20:]
    of_thing = pages(iot, "list_job_executions_for_thing", "executionSummaries", 2, thingName="core-30")
    assert [execution["jobId"] for execution in of_thing] == [failing["iotJobId"], *jobs[::-1]]

    thing = {"coreDeviceThingName": "core-30"}
    effective = pages(greengrass, "list_effective_deployments", "effectiveDeployments", 3, **thing)
    assert [deployment["targetArn"] for deployment in effective] == groups
    statuses = [deployment["coreDeviceExecutionStatus"] for deployment in effective]
    assert statuses == ["FAILED", "SUCCEEDED", "SUCCEEDED", "SUCCEEDED"], statuses
    assert names(pages(greengrass, "list_core_devices", "coreDevices", 7)) == NAMES
    assert names(pages(greengrass, "list_core_devices", "coreDevices", 29, thingGroupArn=groups[0])) == NAMES
    installed = pages(greengrass, "list_installed_components", "installedComponents", 2, coreDeviceThingName="core-01")
    assert [item["componentName"] for item in installed] == ["aws.greengrass.Nucleus", *components, "c-9"]


def quotas(job):
    passes(1)
    answers = [error_of(greengrass.list_deployments) for _ in range(40)]
    assert answers[:30] == [None] * 30
    for answer in answers[30:]:
        assert (code_of(answer), answer["ResponseMetadata"]["HTTPStatusCode"]) == ("ThrottlingException", 429)
        assert answer["ResponseMetadata"]["HTTPHeaders"]["retry-after"] == "1"
        assert answer["retryAfterSeconds"] == 1 and answer["serviceCode"] == "greengrass"
    # Another account has its own.
    assert error_of(others.list_deployments) is None

    # With nothing left, and as much coming in as time passes.
    done = threading.Event()

    def tick():
        while not done.is_set():
            time.sleep(0.05)
            passes(0.05)

    ticking = threading.Thread(target=tick)
    ticking.start()
    patient = client("greengrassv2", attempts=10)
    answers = [patient.list_deployments() for _ in range(40)]
    done.set()
    ticking.join()
    assert any(answer["ResponseMetadata"]["RetryAttempts"] > 0 for answer in answers)

    passes(1)
    answers = [error_of(iot.describe_job, jobId=job) for _ in range(15)]
    assert answers[:10] == [None] * 10
    for answer in answers[10:]:
        assert (code_of(answer), answer["ResponseMetadata"]["HTTPStatusCode"]) == ("ThrottlingException", 400)
    # Each operation of jobs has its own; the registry has none that matters.
    assert error_of(iot.list_jobs) is None
    assert [error_of(iot.list_things) for _ in range(40)] == [None] * 40


def faults(groups):
    passes(1)
    of_group = {"targetArn": groups[1], "historyFilter": "ALL"}
    before = len(greengrass.list_deployments(**of_group)["deployments"])
    fault({"type": "truncatedBody"}, operation="CreateDeployment")
    try:
        greengrass.create_deployment(targetArn=groups[1])
        raise AssertionError("the answer was whole")
    except (ConnectionError, HTTPClientError):
        pass
    assert len(greengrass.list_deployments(**of_group)["deployments"]) == before + 1

    for service, call in (("greengrass", greengrass.list_deployments), ("iot", iot.list_jobs)):
        fault({"type": "expiredCredentials"}, service=service)
        answer = error_of(call)
        assert (code_of(answer), answer["ResponseMetadata"]["HTTPStatusCode"]) == ("ExpiredTokenException", 403)
        assert error_of(call) is None

    # Deployments and jobs are about their target, however they are named.
    deployment = greengrass.list_deployments(targetArn=groups[2])["deployments"][0]["deploymentId"]
    job = greengrass.get_deployment(deploymentId=deployment)["iotJobId"]
    fault({"type": "accessDenied"}, times=None, targetArn=groups[2])
    denied = (
        (greengrass.create_deployment, {"targetArn": groups[2]}),
        (greengrass.list_deployments, {"targetArn": groups[2]}),
        (greengrass.cancel_deployment, {"deploymentId": deployment}),
    )
    for call, parameters in denied:
        assert code_of(error_of(call, **parameters)) == "AccessDeniedException", call
    assert error_of(iot.describe_job, jobId=job) is not None
    assert error_of(greengrass.list_deployments, targetArn=groups[3]) is None
    admin("DELETE", "faults")

    fault({"type": "throttle"}, times=None, account=OTHER)
    assert error_of(greengrass.list_deployments) is None
    assert code_of(error_of(others.list_deployments)) == "ThrottlingException"
    admin("DELETE", "faults")
    assert error_of(others.list_deployments) is None


iot, greengrass = client("iot"), client("greengrassv2")
others = client("greengrassv2", aws_access_key_id=OTHER, aws_secret_access_key="secret")
group_arns = make_fleet()
paginators(group_arns)
quotas(iot.list_jobs()["jobs"][0]["jobId"])
faults(group_arns)
print("done")
