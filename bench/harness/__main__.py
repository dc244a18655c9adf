"""The command line: accept, measure, instructions, emulator, render. I/O: files, and everything that a run starts."""

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from . import acceptance, emulator, instructions, report
from .plan import EVERYTHING, PLANS, Plan, Size, run
from .systems import ROOT, System, known
from .world import PROFILES, Programs, World, say

RESULTS = ROOT / "bench" / "results"


def machine() -> dict[str, Any]:
    """What it was measured on, without a name or a path."""
    model = "unknown"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    kilobytes = int(Path("/proc/meminfo").read_text().split()[1])
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "memoryGiB": round(kilobytes / 2**20, 1),
        "kernel": platform.release().split("-")[0],
        "python": platform.python_version(),
    }


def write(name: str, content: Any) -> None:
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    new = path.with_suffix(".new")
    new.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")
    new.rename(path)


def chosen(arguments: argparse.Namespace, default: tuple[str, ...]) -> list[System]:
    systems = known(arguments.target / "greengrass-operator", arguments.operator_argument)
    names = arguments.systems.split(",") if arguments.systems else list(default)
    for name in names:
        if name not in systems:
            raise SystemExit(f"--systems: there is no {name}, only {', '.join(systems)}")
    for name in names:
        systems[name].prepare()
    return [systems[name] for name in names]


def programs(arguments: argparse.Namespace) -> Programs:
    found = Programs(testcluster=arguments.target / "testcluster", emulator=arguments.target / "greengrass-emulator")
    for program in (found.testcluster, found.emulator):
        if not program.exists():
            raise SystemExit(f"{program} is missing: cargo build --release --workspace --bins --locked")
    subprocess.run([ROOT / "tools/controlplane/build"], check=True, stdout=subprocess.DEVNULL)
    return found


def accept(arguments: argparse.Namespace) -> int:
    """Every system through the acceptance test."""
    results: dict[str, dict[str, str]] = {}
    for system in chosen(arguments, ("greengrass-operator", "controller-runtime", "kopf", "shell")):
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            say(f"acceptance of {system.name}")
            with World(
                Path(folder) / "run", programs(arguments), system, PROFILES["quotas"], 15, arguments.helm_argument
            ) as world:
                results[system.name] = acceptance.examine(world)
        for name, said in results[system.name].items():
            say(f"  {name}: {said}")
    before = RESULTS / "acceptance.json"
    kept = json.loads(before.read_text())["systems"] if before.exists() else {}
    write("acceptance", {"date": today(), "systems": kept | results})
    return int(any(said != "ok" for checks in results.values() for said in checks.values()))


def today() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%d")


def measure(arguments: argparse.Namespace) -> int:
    """A plan's runs, interleaved; what they found is written after each, so that a stopped plan leaves results."""
    plan: Plan = PLANS[arguments.plan]
    if arguments.count:
        names = tuple(arguments.scenarios.split(",")) if arguments.scenarios else EVERYTHING
        size = Size(arguments.count, arguments.profile, arguments.repetitions, names)
        steps = (0, arguments.count // 2, arguments.count)
        plan = replace(plan, name="custom", sizes=(size,), memory=steps, memory_repetitions=0)
    systems = chosen(arguments, plan.systems)
    began = time.monotonic()
    say(f"plan {plan.name}: {len(plan.runs(systems))} runs, about {plan.minutes(systems):.0f} minutes")
    results: list[dict[str, Any]] = []
    for number, one in enumerate(plan.runs(systems), 1):
        say(f"run {number}: {one.system.name}, N={one.count}, {one.profile.name}, repetition {one.repetition}")
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            result = run(one, Path(folder) / "run", programs(arguments), plan, arguments.helm_argument)
        results.append(result)
        write(plan.name, {
            "plan": plan.name, "date": today(), "machine": machine(), "driftSeconds": plan.drift_seconds, "runs": results,
        })
    say(f"done in {(time.monotonic() - began) / 60:.0f} minutes; bench/results/{plan.name}.json")
    # A run that failed is a result, which the document shows; only a plan without any other is a failure.
    return int(all("failure" in result for result in results))


def count_instructions(arguments: argparse.Namespace) -> int:
    """Instructions of the pure core per pass."""
    write("instructions", {"date": today(), "machine": machine(), "passes": instructions.count(arguments.target)})
    return 0


def scheduling() -> str:
    """How the kernel treats what is measured beside everything else on the machine."""
    if os.sched_getscheduler(0) in (os.SCHED_FIFO, os.SCHED_RR):
        return "real-time"
    return "normal" if os.nice(0) == 0 else f"nice {os.nice(0)}"


def measure_emulator(arguments: argparse.Namespace) -> int:
    """The emulator itself: calls a second, how long they take, memory."""
    figures = emulator.measured(arguments.target, arguments.devices, arguments.deployments, arguments.seconds, arguments.repetitions)
    write("emulator", {"date": today(), "machine": machine(), "scheduling": scheduling(), **figures})
    missed = emulator.missed(figures)
    say(f"bench/results/emulator.json; missed: {', '.join(missed) or 'nothing'}")
    return int(bool(missed))


def render(arguments: argparse.Namespace) -> int:
    """docs/performance.md and its charts from the results that are there."""
    report.render(RESULTS, ROOT / "docs" / "performance.md")
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench/run", description=__doc__)
    commands = parser.add_subparsers(required=True)
    for name, does in (("accept", accept), ("measure", measure), ("instructions", count_instructions),
                       ("emulator", measure_emulator), ("render", render)):
        command = commands.add_parser(name, help=(does.__doc__ or "").splitlines()[0])
        command.set_defaults(does=does)
        if name == "render":
            continue
        command.add_argument(
            "--target", type=Path, default=Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release",
            help="folder with greengrass-operator, greengrass-emulator and testcluster (default: the release build)",
        )
        if name == "emulator":
            command.add_argument("--devices", type=int, default=100_000)
            command.add_argument("--deployments", type=int, default=10_000)
            command.add_argument("--seconds", type=int, default=20, help="how long each measurement lasts")
            command.add_argument("--repetitions", type=int, default=5)
        if name in ("instructions", "emulator"):
            continue
        command.add_argument("--systems", default="", help="names separated by commas (default: the plan's)")
        command.add_argument(
            "--operator-argument", action="append", default=[], metavar="ARGUMENT",
            help="a further argument of greengrass-operator run, for example --operator-argument=--concurrency=64; may be repeated",
        )
        command.add_argument(
            "--helm-argument", action="append", default=[], metavar="ARGUMENT",
            help="a further argument of the chart's installation; may be repeated",
        )
        if name == "measure":
            command.add_argument("--plan", choices=sorted(PLANS), default="quick")
            command.add_argument("--count", type=int, default=0, help="so many resources instead of the plan's sizes")
            command.add_argument("--profile", choices=sorted(PROFILES), default="quotas", help="with --count")
            command.add_argument("--repetitions", type=int, default=1, help="with --count")
            command.add_argument("--scenarios", default="", help=f"with --count; of {', '.join(EVERYTHING)}, memory")
    arguments = parser.parse_args()
    if "target" in arguments:
        arguments.target = arguments.target.resolve()
    if len(os.sched_getaffinity(0)) < 2:
        raise SystemExit("two processors are needed: one for the system under test, one for everything else")
    # The load and everything that watches stays off the processor of the system under test.
    os.sched_setaffinity(0, {0})
    # What was started is stopped on the way out.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    result: int = arguments.does(arguments)
    return result


if __name__ == "__main__":
    sys.exit(main())
