"""Examples of the AWS CLI's own manual, as they come with it, typed into a shell that has this emulator for AWS.

Commands and files are as the manual has them, but for ids that a service makes up. Each answer must have every member that
the manual shows, of the same type, and of the same value where neither chance nor time decides it.
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import textwrap

import awscli

from emulator import admin

MANUAL = pathlib.Path(awscli.__file__).parent / "examples"
GROUP = "arn:aws:iot:us-west-2:123456789012:thinggroup/MyGreengrassCoreGroup"

# Members whose values are made up, or depend on when and how often something was done before.
MADE_UP = re.compile(
    r"(Timestamp|Date|At|Id|iotJobArn|jobArn|version)$|^(message|reason|statusDetails|revisionId|description)$"
)
# What the manual shows and AWS's own reference contradicts, or what another history explains.
DIFFERENT = {
    "isLatestForTarget": "the manual shows false for the newest revision; the API Reference says what it means",
    "targetSelection": "a deployment to a thing group is CONTINUOUS; the manual's job is a snapshot",
    "status": "the device of this test has finished what the manual shows on its way",
    "targets": "the manual's job has a Raspberry Pi",
    "numberOfQueuedThings": "as status",
    "numberOfSucceededThings": "as status",
    "effectiveDeployments.iotJobId": "a deployment to a thing goes through its shadow and has no job",
    "versionNumber": "as status",
    "thingArn": "the manual's thing is another one",
    "tags": "the manual shows an empty map, and the model wants at least one tag or none at all",
    "job.description": "a job that Greengrass makes has none",
    "presignedUrlConfig": "jobs that Greengrass makes have none",
    "jobExecutionsRolloutConfig": "as presignedUrlConfig, unless the deployment says so",
    "timeoutConfig": "as jobExecutionsRolloutConfig",
}
# Those of them that were needed.
NEEDED = set()


def blocks(page):
    """The indented blocks of a page, each with the line that announces it."""
    found, lead, block = [], "", []
    for line in page.splitlines() + ["end"]:
        if line.strip() and not line.startswith(" "):
            if block:
                found.append((lead, textwrap.dedent("\n".join(block)).strip()))
                block = []
            lead = line
        elif line.strip() or block:
            block.append(line)
    return found


def examples(service, operation):
    """The examples of an operation: the command, the files that it reads and what it prints."""
    found = []
    for lead, text in blocks((MANUAL / service / f"{operation}.rst").read_text()):
        if text.startswith("aws "):
            found.append({"command": text, "files": {}, "output": None})
        elif lead.startswith("Contents of"):
            found[-1]["files"][re.search("``(.+?)``", lead)[1]] = text
        elif lead.startswith("Output"):
            found[-1]["output"] = json.loads(text)
    return found


class Shell:
    """A shell in a folder of its own, and the ids that stand for those of the manual."""

    def __init__(self, folder):
        self.folder = folder
        self.ids = {}
        self.ran = []

    def run(self, service, operation, number=1):
        """Runs an example and holds its answer to what the manual shows; the answer."""
        example = examples(service, operation)[number - 1]
        for name, text in example["files"].items():
            (self.folder / name).write_text(text)
        command = example["command"]
        for documented, given in self.ids.items():
            command = command.replace(documented, given)
        output = subprocess.run(["bash", "-euc", command], cwd=self.folder, capture_output=True, text=True)
        if output.returncode:
            raise AssertionError(f"{service} {operation}: {output.stderr}")
        self.ran.append(f"{service} {operation}")
        answer = json.loads(output.stdout) if output.stdout.strip() else None
        if example["output"] is not None:
            hold(example["output"], answer, f"{service} {operation}")
        elif answer is not None:
            raise AssertionError(f"{service} {operation}: the manual shows no output, but there is {answer}")
        return answer


def is_different(place):
    """Whether this may differ from the manual."""
    needed = {member for member in DIFFERENT if place.endswith(f".{member}")}
    NEEDED.update(needed)
    return bool(needed)


def hold(documented, given, place):
    """Everything documented must have been given."""
    member = place.rsplit(".", 1)[-1]
    if isinstance(documented, dict):
        for name, value in documented.items():
            if name in given:
                hold(value, given[name], f"{place}.{name}")
            elif not is_different(f"{place}.{name}"):
                raise AssertionError(f"{place}: {name} is missing in {given}")
    elif isinstance(documented, list):
        if documented and not given:
            raise AssertionError(f"{place} is empty")
        if documented and not is_different(place):
            hold(documented[0], given[0], place)
    elif isinstance(documented, str) != isinstance(given, str) and not MADE_UP.search(member):
        raise AssertionError(f"{place}: {given!r} is of another type than {documented!r}")
    elif documented != given and not is_different(place) and not MADE_UP.search(member):
        # A name or an ARN with a slip of the pen.
        if not isinstance(documented, str) or documented.replace(" ", "") != given:
            raise AssertionError(f"{place}: {given!r} instead of {documented!r}")


def devices(shell):
    """A core device, its group, and what is deployed to them."""
    to_device = shell.run("greengrassv2", "create-deployment", 1)
    admin("POST", "clock", {"advanceMilliseconds": 600_000})
    shell.run("greengrassv2", "list-core-devices")
    shell.run("greengrassv2", "get-core-device")
    shell.run("greengrassv2", "list-installed-components")
    shell.run("greengrassv2", "list-effective-deployments")
    to_group = shell.run("greengrassv2", "create-deployment", 2)
    assert to_device["deploymentId"] != to_group["deploymentId"]
    shell.ids["a1b2c3d4-5678-90ab-cdef-EXAMPLE11111"] = to_group["deploymentId"]
    deployment = shell.run("greengrassv2", "get-deployment")
    assert deployment["targetArn"] == GROUP
    shell.run("greengrassv2", "list-deployments")
    for documented in ["example-job-01", "example-job-04", "my-ota-job"]:
        shell.ids[documented] = deployment["iotJobId"]
    shell.ids["MyRaspberryPi"] = "MyGreengrassCore"
    admin("POST", "clock", {"advanceMilliseconds": 600_000})
    shell.run("iot", "list-jobs")
    shell.run("iot", "describe-job")
    shell.run("iot", "list-job-executions-for-job")
    shell.run("iot", "list-job-executions-for-thing")
    shell.run("iot", "describe-job-execution")
    shell.run("greengrassv2", "cancel-deployment")
    shell.run("iot", "delete-job")


def components(shell):
    """A component from its recipe to its end."""
    shell.run("greengrassv2", "create-component-version", 1)
    admin("POST", "clock", {"advanceMilliseconds": 60_000})
    shell.run("greengrassv2", "describe-component")
    shell.run("greengrassv2", "get-component", 1)
    recipe = (shell.folder / "com.example.HelloWorld-1.0.0.json").read_text()
    assert "com.example.HelloWorld" in recipe, recipe
    # The manual has a second version from here on.
    (shell.folder / "second.yaml").write_text(recipe.replace("1.0.0", "1.0.1"))
    create = "aws greengrassv2 create-component-version --inline-recipe fileb://second.yaml"
    subprocess.run(["bash", "-euc", create], cwd=shell.folder, check=True, capture_output=True)
    admin("POST", "clock", {"advanceMilliseconds": 60_000})
    shell.run("greengrassv2", "list-components")
    shell.run("greengrassv2", "list-component-versions")
    shell.run("greengrassv2", "delete-component")


def registry(shell):
    """Things and thing groups."""
    shell.run("iot", "create-thing", 1)
    shell.run("iot", "create-thing-group", 1)
    shell.run("iot", "create-thing-group", 2)
    shell.run("iot", "describe-thing-group")
    shell.run("iot", "add-thing-to-thing-group")
    shell.run("iot", "list-things-in-thing-group")
    shell.run("iot", "list-thing-groups-for-thing")
    shell.run("iot", "update-thing-groups-for-thing")
    shell.run("iot", "remove-thing-from-thing-group")
    shell.run("iot", "delete-thing")
    shell.run("iot", "delete-thing-group")


def main():
    groups = [{"name": name} for name in ["MyGreengrassCoreGroup", "DeadBulbs", "replaceableItems", "DefectiveBulbs"]]
    core = {"name": "MyGreengrassCore", "count": 1, "nucleus": "2.0.3", "groups": ["MyGreengrassCoreGroup"]}
    account = {"account": "123456789012", "region": "us-west-2", "groups": groups, "devices": [core]}
    admin("POST", "fleet", {"accounts": [account]})
    with tempfile.TemporaryDirectory() as folder:
        shell = Shell(pathlib.Path(folder))
        for thing, group in [("MyLightBulb", "DeadBulbs"), ("bulb7", "DeadBulbs"), ("FourthBulb", "replaceableItems")]:
            prepare = f"aws iot create-thing --thing-name {thing} && aws iot add-thing-to-thing-group --thing-name {thing} --thing-group-name {group}"
            subprocess.run(["bash", "-euc", prepare], check=True, capture_output=True)
        devices(shell)
        components(shell)
        registry(shell)
    assert NEEDED == set(DIFFERENT), f"nothing differs any more in {set(DIFFERENT) - NEEDED}"
    print(f"{len(shell.ran)} examples")


if __name__ == "__main__":
    os.environ["AWS_DEFAULT_REGION"] = "us-west-2"
    os.environ["PATH"] = f"{pathlib.Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    main()
