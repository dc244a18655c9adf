"""What is measured: each scenario does something to a world and returns its figures. I/O: through the world.

All times are seconds, all memory is bytes. A figure that could not be had is absent, and `unfinished` says how many
resources did not get there in time.
"""

import random
import signal
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from .arithmetic import deletion_floor, percentile, quota_floor, share
from .audit import writes
from .aws import Call, target_of
from .world import World, name_of, poisson_pauses

Figures = dict[str, Any]


def spread_of(name: str, values: Sequence[float]) -> Figures:
    """p50, p95, p99 and the largest of several values."""
    if not values:
        return {}
    figures: Figures = {f"{name}P{int(at * 100)}": percentile(values, at) for at in (0.5, 0.95, 0.99)}
    return figures | {f"{name}Max": max(values)}


def calls_of(calls: Iterable[Call], world: World) -> Figures:
    """How often what was called, and how many calls were refused for want of quota."""
    own = [call for call in calls if call.deployment not in world.foreign or call.operation != "CreateDeployment"]
    return {
        "awsCalls": dict(sorted(Counter(call.operation for call in own).items())),
        "awsCallsTotal": len(own),
        "throttled": sum(call.throttled for call in own),
        "createsAccepted": sum(call.operation == "CreateDeployment" and call.accepted for call in own),
    }


def kubernetes_of(world: World, mark: int) -> Figures:
    counts = world.audit.since(mark, world.user)
    return {"kubernetesCalls": dict(sorted(counts.items())), "kubernetesWrites": writes(counts)}


def reconciles_of(world: World, before: float | None) -> Figures:
    """Reconciles since then, where the system counts them."""
    after = world.reconciles()
    return {} if before is None or after is None else {"reconciles": after - before}


def all_converged(world: World, numbers: Iterable[int], seconds: float) -> int:
    """Waits until these resources say that they are as wanted; returns how many did not in time."""
    names = [name_of(number) for number in numbers]

    def left() -> int:
        seen = world.watch.look()
        return sum(
            name not in seen or not seen[name].converged or seen[name].generation < world.generations.get(name, 1)
            for name in names
        )

    end = time.monotonic() + seconds
    while (behind := left()) and time.monotonic() < end:
        world.require_running()
        time.sleep(0.1)
    return behind


def cold_create(world: World, count: int, limit: float) -> Figures:
    """All resources at once on a system that runs and has nothing to do."""
    reconciles = world.reconciles()
    mark, audit, meter = world.emulator.mark(), world.audit.mark(), world.meter()
    began = time.time()
    posted = world.create(range(count))
    created = time.time() - began
    unfinished = all_converged(world, range(count), limit)
    used = meter.read()
    seen = world.watch.look()
    ends = {name: min(seen[name].converged_at.values()) for name in posted if name in seen and seen[name].converged_at}
    calls = world.emulator.since(mark)
    rate = world.profile.greengrass
    return {
        "posting": created,
        "converged": max(ends.values(), default=began) - began,
        "unfinished": unfinished,
        # Nobody can do with less than one call a resource.
        "floorOneCall": quota_floor(count, rate),
        # What the system's own protocol needs.
        "floorProtocol": quota_floor(count * world.system.calls_per_create, rate),
        **spread_of("ready", [ends[name] - posted[name] for name in ends]),
        **calls_of(calls, world),
        **kubernetes_of(world, audit),
        "duplicates": world.duplicates(),
        **reconciles_of(world, reconciles),
        **used,
    }


def idle(world: World, count: int, seconds: float) -> Figures:
    """Nothing changes: what is spent on looking for drift, and whether anything is written."""
    world.await_quiet()
    for replica in world.replicas:
        replica.forget_peak()
    before = [replica.proportional_bytes() for replica in world.replicas]
    mark, audit, meter = world.emulator.mark(), world.audit.mark(), world.meter()
    time.sleep(seconds)
    used = meter.read()
    counts = calls_of(world.emulator.since(mark), world)
    intervals = seconds / world.drift_seconds
    return {
        **counts,
        **kubernetes_of(world, audit),
        "intervals": intervals,
        "awsCallsPerInterval": counts["awsCallsTotal"] / intervals,
        # A list of the newest deployments, a hundred a page.
        "floorCallsPerInterval": -(-count // 100),
        "cpuSecondsPerHour": used["cpuSeconds"] / used["seconds"] * 3600,
        "proportionalBytesBefore": sum(before),
        "proportionalBytes": sum(replica.proportional_bytes() for replica in world.replicas),
        **used,
    }


def latencies(world: World, mark: int, changes: dict[int, float]) -> tuple[list[float], int]:
    """From the answer to each change until the CreateDeployment that was accepted arrived; and how many never came."""
    arrivals: dict[str, list[float]] = {}
    for call in world.creates(mark):
        arrivals.setdefault(call.target, []).append(call.time)
    found, missing = [], 0
    for number, changed in changes.items():
        # A call may leave before the answer to the change has reached us.
        after = [moment for moment in arrivals.get(target_of(number), ()) if moment > changed - 1.0]
        if after:
            found.append(max(0.0, min(after) - changed))
        else:
            missing += 1
    return found, missing


def change(world: World, count: int, changes: int, seed: int, limit: float) -> Figures:
    """Single changes, two a second, while the system looks for drift all the time."""
    chance = random.Random(seed)
    chosen = chance.sample(range(count), min(changes, count))
    reconciles = world.reconciles()
    mark, audit, meter = world.emulator.mark(), world.audit.mark(), world.meter()
    changed: dict[int, float] = {}
    for number, pause in zip(chosen, poisson_pauses(2.0, len(chosen), seed), strict=True):
        time.sleep(pause)
        changed[number] = world.change(number, f"1.1.{seed}")
    unfinished = all_converged(world, chosen, limit)
    used = meter.read()
    found, missing = latencies(world, mark, changed)
    counts = calls_of(world.emulator.since(mark), world)
    about = [call for call in world.emulator.since(mark) if call.target in {target_of(number) for number in chosen}]
    return {
        "changes": len(chosen),
        "missing": missing,
        "unfinished": unfinished,
        **spread_of("latency", found),
        # Rollouts are read by calls to IoT, which have a quota of their own.
        "greengrassCallsPerChange": share(sum(call.service == "greengrass" for call in about), len(chosen)),
        "createsPerChange": share(counts["createsAccepted"], len(chosen)),
        **counts,
        **kubernetes_of(world, audit),
        "duplicates": world.duplicates(),
        **reconciles_of(world, reconciles),
        **used,
    }


def drift(world: World, count: int, deployments: int, seed: int) -> Figures:
    """Somebody else deploys to some targets: how long until the system has deployed again."""
    world.await_quiet()
    chosen = random.Random(seed + 1).sample(range(count), min(deployments, count))
    mark = world.emulator.mark()
    foreign: dict[int, float] = {}
    for number in chosen:
        world.foreign.add(world.emulator.deploy_as_somebody_else(target_of(number)))
        foreign[number] = time.time()
        world.wanted[target_of(number)] += 1
    limit = time.monotonic() + 2.5 * world.drift_seconds
    while time.monotonic() < limit:
        found, missing = latencies(world, mark, foreign)
        if not missing:
            break
        time.sleep(0.5)
    all_converged(world, chosen, 30)
    return {
        "deployments": len(chosen),
        "missing": missing,
        "interval": world.drift_seconds,
        **spread_of("detection", found),
        **calls_of(world.emulator.since(mark), world),
        "duplicates": world.duplicates(),
    }


def burst(world: World, count: int, changes: int, seconds: float, seed: int, limit: float) -> Figures:
    """Many changes while AWS allows one call a second: what is wasted, and how quickly all is well afterwards."""
    chosen = random.Random(seed + 2).sample(range(count), min(changes, count))
    mark, meter = world.emulator.mark(), world.meter()
    world.emulator.quota(1, 1)
    changed = {number: world.change(number, f"1.2.{seed}") for number in chosen}
    left = seconds - (time.time() - min(changed.values()))
    if left > 0:
        time.sleep(left)
    during = world.emulator.since(mark)
    world.emulator.quota(world.profile.greengrass, world.profile.jobs)
    restored = time.time()
    unfinished = all_converged(world, chosen, limit)
    recovered = time.time() - restored
    used = meter.read()
    found, missing = latencies(world, mark, changed)
    counts = calls_of(during, world)
    waited = sum(number_found > 0 for number_found in found)
    still_due = sum(1 for call in world.creates(mark) if call.time > restored)
    return {
        "changes": len(chosen),
        "seconds": seconds,
        "missing": missing,
        "unfinished": unfinished,
        "recovery": recovered,
        "floorRecovery": quota_floor(still_due * world.system.calls_per_create, world.profile.greengrass),
        "wasted": share(counts["throttled"], counts["awsCallsTotal"]),
        "greengrassAccepted": sum(call.service == "greengrass" and call.accepted for call in during),
        "oldest": max(found, default=0.0),
        "waited": waited,
        **counts,
        "duplicates": world.duplicates(),
        "cpuSeconds": used["cpuSeconds"],
        "harnessProcessorBusy": used["harnessProcessorBusy"],
    }


def await_create(world: World, number: int, mark: int, seconds: float) -> float | None:
    """When a CreateDeployment for this resource arrived that was accepted."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for call in world.creates(mark):
            if call.target == target_of(number):
                return call.time
        time.sleep(0.05)
    return None


def restart(world: World, count: int, seed: int, limit: float) -> Figures:
    """SIGKILL, a change while nobody is there, and a new start with all resources in place."""
    world.await_quiet()
    rest = sum(replica.usage().resident_bytes for replica in world.replicas)
    number = random.Random(seed + 3).randrange(count)
    world.stop_replicas(signal.SIGKILL)
    world.change(number, f"1.3.{seed}")
    mark, audit = world.emulator.mark(), world.audit.mark()
    began = time.time()
    replica = world.start_replica()
    meter = world.meter()
    created = await_create(world, number, mark, limit)
    unfinished = all_converged(world, range(count), limit)
    world.await_quiet()
    peak = replica.peak_bytes()
    used = meter.read()
    figures: Figures = {
        "unfinished": unfinished,
        "residentBefore": rest,
        "peakAfter": max(peak, used["peakResidentBytes"]),
        **calls_of(world.emulator.since(mark), world),
        **kubernetes_of(world, audit),
        "duplicates": world.duplicates(),
        "cpuSeconds": used["cpuSeconds"],
        "seconds": used["seconds"],
    }
    return figures | ({"firstCreate": created - began} if created is not None else {})


def failover(world: World, count: int, seed: int, limit: float) -> Figures:
    """Two replicas; the leader is killed, then its successor is asked to end. From the signal to the first revision."""
    if not world.system.elects():
        return {"supported": False}
    world.await_quiet()
    world.stop_replicas()
    figures: Figures = {"supported": True}
    number = random.Random(seed + 4).randrange(count)
    leader = world.start_replica(elect=True)
    # It works when it answers a change.
    mark = world.emulator.mark()
    world.change(number, f"1.4.{seed}")
    if await_create(world, number, mark, limit) is None:
        return figures | {"failure": "the first replica never became the leader"}
    for name, how in (("killed", signal.SIGKILL), ("terminated", signal.SIGTERM)):
        standby = world.start_replica(elect=True)
        # Its cache fills, and it tries for the lease in vain.
        time.sleep(5)
        all_converged(world, range(count), limit)
        world.await_quiet()
        mark = world.emulator.mark()
        sent = time.time()
        if how is signal.SIGKILL:
            leader.end(how)
        else:
            # The standby need not wait until it has ended.
            leader.send(how)
        world.replicas.remove(leader)
        world.change(number, f"1.5.{seed}-{name}")
        created = await_create(world, number, mark, limit)
        if created is not None:
            figures[name] = created - sent
        all_converged(world, [number], limit)
        leader.end()
        leader = standby
    return figures | {"duplicates": world.duplicates()}


def delete(world: World, count: int, limit: float) -> Figures:
    """All resources are deleted at once, with the policy Delete."""
    world.await_quiet()
    before = world.emulator.admin("GET", "state")
    revisions = deployments_in(before)
    mark, audit, meter = world.emulator.mark(), world.audit.mark(), world.meter()
    began = time.time()
    world.delete(range(count))
    names = {name_of(number) for number in range(count)}
    end = time.monotonic() + limit
    while names - world.watch.gone_at().keys() and time.monotonic() < end:
        world.require_running()
        time.sleep(0.1)
    gone = world.watch.gone_at()
    used = meter.read()
    calls = world.emulator.since(mark)
    rejected = [call for call in calls if call.operation == "DeleteDeployment" and not call.accepted]
    accepted = sum(call.operation == "DeleteDeployment" and call.accepted for call in calls)
    return {
        "gone": max((gone[name] for name in names if name in gone), default=began) - began,
        "unfinished": len(names - gone.keys()),
        "deletes": accepted,
        "rejectedDeletes": len(rejected),
        "left": deployments_in(world.emulator.admin("GET", "state")),
        "revisionsBefore": revisions,
        # One revision of each resource, which is what is in force on devices.
        "floorOneRevision": deletion_floor(count, world.profile.deletion_seconds),
        # All that the system deleted, older revisions included, and the calls for it.
        "floorProtocol": max(
            deletion_floor(accepted, world.profile.deletion_seconds),
            quota_floor(count * world.system.calls_per_delete, world.profile.greengrass),
        ),
        **calls_of(calls, world),
        **kubernetes_of(world, audit),
        **used,
    }


def deployments_in(state: dict[str, Any]) -> int:
    """How many deployments the emulator holds."""
    return sum(
        len(target.get("deployments", [])) if isinstance(target, dict) else len(target)
        for account in state["accounts"].values() for region in account.values() for target in region["targets"].values()
    )


def memory_at(world: World, count: int) -> Figures:
    """What is held once nothing happens any more."""
    world.await_quiet()
    # What was freed has gone back to the system by then, if it ever does.
    time.sleep(5)
    return {
        "resources": count,
        "residentBytes": sum(replica.usage().resident_bytes for replica in world.replicas),
        "proportionalBytes": sum(replica.proportional_bytes() for replica in world.replicas),
        "peakBytes": max(replica.peak_bytes() for replica in world.replicas),
    }


def memory(world: World, steps: Sequence[int], limit: float) -> Figures:
    """Resident memory at rest with more and more resources, and after a start with all of them."""
    points = []
    there = 0
    for count in steps:
        if count > there:
            world.emulator.fleet(range(there, count), 1.0)
            world.create(range(there, count))
            all_converged(world, range(count), limit)
            there = count
        points.append(memory_at(world, there))
    world.touch(range(there))
    touched = memory_at(world, there)
    world.stop_replicas(signal.SIGKILL)
    began = time.time()
    audit = world.audit.mark()
    mark = world.emulator.mark()
    replica = world.start_replica()
    time.sleep(10)
    world.await_quiet()
    return {
        "points": points,
        # After three more managers have written to every resource.
        "touched": touched,
        "restart": {
            "resources": there,
            "residentBytes": replica.usage().resident_bytes,
            "peakBytes": replica.peak_bytes(),
            "seconds": time.time() - began,
            **calls_of(world.emulator.since(mark), world),
            **kubernetes_of(world, audit),
        },
    }
