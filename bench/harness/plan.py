"""Which runs are made, in which order, and what one run does. I/O: through a world."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import scenarios
from .systems import System
from .world import DEVICE_SECONDS, PROFILES, Profile, Programs, World, say


@dataclass(frozen=True)
class Size:
    """How many resources, under which profile, how often, and which scenarios."""

    count: int
    profile: str
    repetitions: int
    scenarios: tuple[str, ...]


@dataclass(frozen=True)
class Run:
    """One world to be made and measured."""

    system: System
    count: int
    profile: Profile
    repetition: int
    scenarios: tuple[str, ...]


EVERYTHING = ("create", "idle", "change", "drift", "burst", "restart", "failover", "delete")
BASICS = ("create", "idle", "change", "delete")


@dataclass(frozen=True)
class Plan:
    """A set of runs."""

    name: str
    systems: tuple[str, ...]
    sizes: tuple[Size, ...]
    drift_seconds: int
    idle_seconds: int
    burst_seconds: int
    # The steps of the memory slope; none without.
    memory: tuple[int, ...] = ()
    memory_repetitions: int = 0

    def runs(self, systems: Sequence[System]) -> list[Run]:
        """Every run, the systems taking turns, so that a slow hour hits all of them."""
        made = []
        for size in self.sizes:
            for repetition in range(size.repetitions):
                for system in systems if repetition % 2 == 0 else list(reversed(systems)):
                    if size.count <= system.most:
                        # The slowest is measured once; its figures vary little beside what they are.
                        if repetition and system.most <= 100:
                            continue
                        scenarios_of = tuple(name for name in size.scenarios if system.most > 100 or name in BASICS)
                        made.append(Run(system, size.count, PROFILES[size.profile], repetition, scenarios_of))
        for repetition in range(self.memory_repetitions if self.memory else 0):
            for system in systems:
                if system.most > 100:
                    made.append(Run(system, min(max(self.memory), system.most), PROFILES["unlimited"], repetition, ("memory",)))
        return made

    def minutes(self, systems: Sequence[System]) -> float:
        """About how long it takes."""
        return sum(self._seconds(run) for run in self.runs(systems)) / 60

    def _seconds(self, run: Run) -> float:
        rate = run.profile.greengrass or 300
        each = {
            "create": run.count * run.system.calls_per_create / rate + 20,
            "idle": self.idle_seconds + 10,
            "change": max(20, run.count / 100) / 2 + 10,
            "drift": self.drift_seconds + 10,
            "burst": self.burst_seconds + 30,
            "restart": 30,
            "failover": 60,
            "delete": run.count * run.profile.deletion_seconds / 10 + 20,
            # Measured: 10,000 were made at 13 a second, then each is written to three times.
            "memory": run.count / 13 + run.count / 50 + 60,
        }
        return 25 + sum(each[name] for name in run.scenarios)


PLANS = {
    plan.name: plan
    for plan in (
        Plan(
            "quick", ("greengrass-operator", "controller-runtime", "kopf", "shell"),
            (Size(100, "quotas", 2, EVERYTHING), Size(300, "quotas", 1, BASICS)),
            drift_seconds=60, idle_seconds=60, burst_seconds=30, memory=(0, 300, 1_000), memory_repetitions=1,
        ),
        Plan(
            "full", ("greengrass-operator", "controller-runtime", "kopf", "shell"),
            (Size(100, "quotas", 5, EVERYTHING), Size(1_000, "quotas", 5, EVERYTHING), Size(10_000, "unlimited", 3, BASICS)),
            drift_seconds=300, idle_seconds=600, burst_seconds=300, memory=(0, 1_000, 5_000, 10_000), memory_repetitions=3,
        ),
        # What can be had while one waits.
        Plan(
            "short", ("greengrass-operator", "controller-runtime", "kopf"),
            (Size(100, "quotas", 1, ("create", "idle", "change", "burst")),),
            drift_seconds=60, idle_seconds=60, burst_seconds=30, memory=(0, 300), memory_repetitions=1,
        ),
        # What is held with ten thousand.
        Plan(
            "memory", ("greengrass-operator",), (),
            drift_seconds=300, idle_seconds=60, burst_seconds=30, memory=(0, 1_000, 5_000, 10_000), memory_repetitions=1,
        ),
        # To see whether the harness works.
        Plan(
            "smoke", ("greengrass-operator",), (Size(20, "quotas", 1, EVERYTHING),),
            drift_seconds=15, idle_seconds=20, burst_seconds=10, memory=(0, 20, 40), memory_repetitions=1,
        ),
    )
}


def run(one: Run, folder: Path, programs: Programs, plan: Plan, helm: list[str]) -> dict[str, Any]:
    """Makes the world, runs the scenarios in it one after the other, and returns what each found.

    A scenario that fails ends the run, whose result says so: what was measured before stays.
    """
    result: dict[str, Any] = {
        "system": one.system.name, "count": one.count, "profile": one.profile.name, "repetition": one.repetition,
        "began": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "scenarios": {},
    }
    name = "start"
    try:
        with World(folder, programs, one.system, one.profile, plan.drift_seconds, helm) as world:
            if "memory" not in one.scenarios:
                world.emulator.fleet(range(one.count), DEVICE_SECONDS)
            world.start_replica()
            # Its caches fill before anything is there.
            time.sleep(5)
            for name in one.scenarios:
                figures = measure(name, world, one, plan)
                result["scenarios"][name] = figures
                warn(figures)
                say(f"  {name}: {brief(figures)}")
    except Exception as error:
        result["failure"] = f"{name}: {error}"
        say(f"  FAILED {name}: {error}")
    return result


def measure(name: str, world: World, one: Run, plan: Plan) -> dict[str, Any]:
    count, seed = one.count, one.repetition
    # So long that only what hangs is cut off.
    limit = 180 + 4 * count * one.system.calls_per_create / (one.profile.greengrass or 50)
    match name:
        case "create":
            return scenarios.cold_create(world, count, limit * (4 if one.system.most <= 100 else 1))
        case "idle":
            return scenarios.idle(world, count, plan.idle_seconds)
        case "change":
            return scenarios.change(world, count, max(20, count // 100), seed, 180)
        case "drift":
            return scenarios.drift(world, count, max(5, count // 100), seed)
        case "burst":
            # As many as take longer than the burst at one call a second.
            return scenarios.burst(world, count, min(count, 2 * plan.burst_seconds), plan.burst_seconds, seed, limit)
        case "restart":
            return scenarios.restart(world, count, seed, 180)
        case "failover":
            return scenarios.failover(world, count, seed, 90)
        case "delete":
            return scenarios.delete(world, count, 180 + 3 * count * max(one.profile.deletion_seconds, 1) / 10)
        case "memory":
            return scenarios.memory(world, [step for step in plan.memory if step <= one.count], 1200)
        case _:
            raise ValueError(f"there is no scenario {name}")


def warn(figures: dict[str, Any]) -> None:
    """Says when the harness, or somebody else, was in the way."""
    if figures.get("harnessProcessorBusy", 0) > 0.8:
        say(f"  warning: the harness's processor was {figures['harnessProcessorBusy']:.0%} busy: it may be what was measured")
    if figures.get("disturbance", 0) > 0.1:
        say(f"  warning: others used {figures['disturbance']:.0%} of the processor of the system under test")


def brief(figures: dict[str, Any]) -> str:
    """The figures in a line."""
    return ", ".join(
        f"{key}={value:.2f}" if isinstance(value, float) else f"{key}={value}"
        for key, value in figures.items() if not isinstance(value, (dict, list))
    )
