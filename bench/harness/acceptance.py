"""What every system has to do before it is measured, so that none of them is a straw man. I/O: through a world.

Each check returns a sentence about what was wrong, or nothing.
"""

import json
import signal
import time
from collections.abc import Callable

from .aws import target_of
from .kubernetes import GROUP, KIND
from .scenarios import all_converged, await_create
from .world import NAMESPACE, World, manifest, name_of

LIMIT = 90.0
Check = Callable[[World], str | None]


def path_of(number: int) -> str:
    return f"{GROUP}/namespaces/{NAMESPACE}/{KIND}/{name_of(number)}"


def a_resource_becomes_one_deployment(world: World) -> str | None:
    world.create(range(1))
    if all_converged(world, [0], LIMIT):
        return "it did not become ready"
    rows = world.emulator.deployments(target_of(0))
    if len(rows) != 1:
        return f"there are {len(rows)} deployments"
    got = world.emulator.deployment(rows[0]["deploymentId"])
    wanted = manifest(0)["spec"]
    for name, component in wanted["components"].items():
        has = got["components"].get(name, {})
        update = component.get("configurationUpdate", {})
        if has.get("componentVersion") != component["componentVersion"]:
            return f"{name} has the version {has.get('componentVersion')}"
        if json.loads(has["configurationUpdate"]["merge"]) != update["merge"]:
            return f"{name} has another configuration: {has['configurationUpdate']['merge']}"
        if (has["configurationUpdate"].get("reset") or []) != update.get("reset", []):
            return f"{name} has other resets: {has['configurationUpdate'].get('reset')}"
    tags = got.get("tags", {})
    if any(tags.get(key) != value for key, value in wanted["tags"].items()):
        return f"the user's tags are missing: {tags}"
    if not set(tags) - set(wanted["tags"]):
        return "it has no tag of its own, by which its deployments could be told from others'"
    return None


def an_edit_becomes_one_revision_more(world: World) -> str | None:
    world.change(0, "1.0.1")
    if all_converged(world, [0], LIMIT):
        return "it did not become ready"
    rows = world.emulator.deployments(target_of(0))
    if len(rows) != 2:
        return f"there are {len(rows)} deployments"
    newest = max(rows, key=lambda row: int(row["revisionId"]))
    version = world.emulator.deployment(newest["deploymentId"])["components"]["com.example.Collector"]["componentVersion"]
    return None if version == "1.0.1" else f"the newest revision has the version {version}"


def the_same_again_becomes_none(world: World) -> str | None:
    mark = world.emulator.mark()
    world.client.merge(path_of(0), {"spec": {"components": {"com.example.Collector": {"componentVersion": "1.0.1"}}}})
    world.client.merge(path_of(0), {"metadata": {"annotations": {"example.com/note": "read me"}}})
    time.sleep(8)
    creates = world.creates(mark)
    return f"{len(creates)} calls of CreateDeployment" if creates else None


def somebody_elses_deployment_is_replaced(world: World) -> str | None:
    mark = world.emulator.mark()
    world.foreign.add(world.emulator.deploy_as_somebody_else(target_of(0)))
    if await_create(world, 0, mark, 2.5 * world.drift_seconds + 10) is None:
        return "it did not see the other deployment"
    all_converged(world, [0], LIMIT)
    return None


def a_crash_before_the_answer_is_noted_leaves_one_deployment(world: World) -> str | None:
    """The call is carried out, the answer hangs, and the process is killed."""
    numbers = range(1, 2)
    fault = {"match": {"operation": "CreateDeployment", "targetArn": target_of(1)}, "action": {"type": "hangAfter"}}
    # The first rule that is for a call decides: before that of the latency.
    world.emulator.latency(0)
    world.emulator.admin("POST", "faults", fault)
    world.create(numbers)
    created = await_create(world, 1, 0, LIMIT)
    world.stop_replicas(signal.SIGKILL)
    world.emulator.latency(world.profile.latency_milliseconds)
    if created is None:
        return "it made no deployment"
    world.start_replica()
    # What an operator does that has to wait until the lost call can't arrive any more.
    if all_converged(world, numbers, 180):
        return "it did not become ready after the crash"
    time.sleep(5)
    rows = world.emulator.deployments(target_of(1))
    return None if len(rows) == 1 else f"there are {len(rows)} deployments"


def a_deleted_resource_takes_its_deployment_along(world: World) -> str | None:
    newest = {row["deploymentId"]: row for row in world.emulator.deployments(target_of(0), "LATEST_ONLY")}
    world.delete(range(1))
    end = time.monotonic() + LIMIT
    while name_of(0) not in world.watch.gone_at():
        if time.monotonic() > end:
            return "the resource is still there"
        time.sleep(0.1)
    left = {row["deploymentId"] for row in world.emulator.deployments(target_of(0))} & newest.keys()
    return f"its deployment is still there: {', '.join(left)}" if left else None


CHECKS: dict[str, Check] = {
    "create: one deployment with the content and tags": a_resource_becomes_one_deployment,
    "edit: one revision more": an_edit_becomes_one_revision_more,
    "the same again, an annotation: none": the_same_again_becomes_none,
    "somebody else's deployment: replaced": somebody_elses_deployment_is_replaced,
    "kill -9 after CreateDeployment, before its answer: still one": a_crash_before_the_answer_is_noted_leaves_one_deployment,
    "delete: cancelled and deleted": a_deleted_resource_takes_its_deployment_along,
}


def examine(world: World) -> dict[str, str]:
    """Every check in order, with `ok` or what was wrong."""
    world.emulator.fleet(range(2), 1.0)
    world.start_replica()
    return {name: check(world) or "ok" for name, check in CHECKS.items()}
