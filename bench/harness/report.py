"""Writes docs/performance.md's figures and charts from the results. Rendering is pure; `render` reads and writes files."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import charts, emulator
from .acceptance import CHECKS
from .arithmetic import Spread, share, slope
from .charts import Bar
from .instructions import SITUATIONS

BEGIN = "<!-- Figures: written by `bench/run render`; do not edit. -->"
END = "<!-- Figures: end. -->"
OURS = "greengrass-operator"
ORDER = (OURS, "controller-runtime", "kopf", "shell")
MIB = 2**20
# The plans whose results are shown, the largest first, and how they are made.
COMMANDS = {"full": "make bench-full", "quick": "make bench", "short": "bench/run measure --plan short"}

Figures = dict[str, Any]
Pick = Callable[[Figures], float | None]


@dataclass(frozen=True)
class Row:
    """A line of a table: what it is called, how it is found in a scenario's figures, and how it is written."""

    title: str
    pick: Pick
    # Whether less is better, for the list of what peers do better; None for what is neither.
    less_is_better: bool | None = True
    suffix: str = ""


def per(key: str, by: str, factor: float = 1) -> Pick:
    """A figure divided by another one."""
    return lambda figures: factor * figures[key] / figures[by] if key in figures and figures.get(by) else None


def times(key: str, factor: float) -> Pick:
    return lambda figures: figures[key] * factor if key in figures else None


def plain(key: str) -> Pick:
    return lambda figures: figures.get(key)


def per_resource(key: str) -> Pick:
    return per(key, "count")


def aws(operation: str) -> Pick:
    """Calls of an operation per resource."""
    return lambda figures: share(figures["awsCalls"].get(operation, 0), figures["count"]) if "awsCalls" in figures else None


# How far the times beside them can be trusted.
CIRCUMSTANCES = (
    Row("others on its processor, %", times("disturbance", 100), None),
    Row("the harness's processor busy, %", times("harnessProcessorBusy", 100), None),
)
CREATE = (
    Row("until all are ready, s", plain("converged")),
    Row("floor with one call a resource, s", plain("floorOneCall"), None),
    Row("floor of its own protocol, s", plain("floorProtocol"), None),
    Row("observed ÷ floor of its own protocol", per("converged", "floorProtocol")),
    Row("ready, p50, s", plain("readyP50")),
    Row("ready, p99, s", plain("readyP99")),
    Row("AWS calls per resource", per_resource("awsCallsTotal")),
    Row("of these CreateDeployment", aws("CreateDeployment")),
    Row("calls that AWS throttled", plain("throttled")),
    Row("Kubernetes writes per resource", per_resource("kubernetesWrites")),
    Row("CPU seconds per 1,000 resources", per("cpuSeconds", "count", 1000)),
    Row("CPU seconds per 1,000 reconciles", per("cpuSeconds", "reconciles", 1000)),
    Row("peak memory, MiB", times("peakResidentBytes", 1 / MIB)),
    Row("duplicates", plain("duplicates")),
    Row("not ready in time", plain("unfinished")),
    *CIRCUMSTANCES,
)
IDLE = (
    Row("AWS calls an interval", plain("awsCallsPerInterval")),
    Row("a list's pages an interval", plain("floorCallsPerInterval"), None),
    Row("Kubernetes writes", plain("kubernetesWrites")),
    Row("CPU seconds an hour", plain("cpuSecondsPerHour")),
    Row("memory (RSS), MiB", times("residentBytes", 1 / MIB)),
    Row("memory (PSS), MiB", times("proportionalBytes", 1 / MIB)),
    *CIRCUMSTANCES,
)
CHANGE = (
    Row("PATCH answered → CreateDeployment, p50, s", plain("latencyP50")),
    Row("PATCH answered → CreateDeployment, p95, s", plain("latencyP95")),
    Row("PATCH answered → CreateDeployment, p99, s", plain("latencyP99")),
    Row("Greengrass calls per change", plain("greengrassCallsPerChange")),
    Row("CreateDeployment per change", plain("createsPerChange"), None),
    Row("Kubernetes writes per change", per("kubernetesWrites", "changes")),
    Row("CPU seconds per 1,000 reconciles", per("cpuSeconds", "reconciles", 1000)),
    Row("changes that led to nothing", plain("missing")),
    Row("duplicates", plain("duplicates")),
    *CIRCUMSTANCES,
)
DRIFT = (
    Row("detected and mended, p50, s", plain("detectionP50")),
    Row("detected and mended, at the latest, s", plain("detectionMax")),
    Row("interval, s", plain("interval"), None),
    Row("not mended within 2.5 intervals", plain("missing")),
)
BURST = (
    Row("changes pending", plain("changes"), None),
    Row("calls that AWS refused, %", times("wasted", 100)),
    Row("recovered after the end, s", plain("recovery")),
    Row("floor of that, s", plain("floorRecovery"), None),
    Row("oldest change when done, s", plain("oldest")),
    Row("not ready in time", plain("unfinished")),
    Row("duplicates", plain("duplicates")),
)
RESTART = (
    Row("start → CreateDeployment of a change made meanwhile, s", plain("firstCreate")),
    Row("memory before, MiB", times("residentBefore", 1 / MIB)),
    Row("peak afterwards, MiB", times("peakAfter", 1 / MIB)),
    Row("AWS calls per resource", per_resource("awsCallsTotal")),
    Row("Kubernetes writes", plain("kubernetesWrites")),
    Row("duplicates", plain("duplicates")),
)
FAILOVER = (
    Row("kill -9 of the leader → CreateDeployment by the standby, s", plain("killed")),
    Row("SIGTERM of the leader → CreateDeployment by the standby, s", plain("terminated")),
    Row("duplicates", plain("duplicates")),
)
DELETE = (
    Row("until all are gone, s", plain("gone")),
    Row("floor: ten at a time, one revision each, s", plain("floorOneRevision"), None),
    Row("floor: ten at a time, all that it deletes, s", plain("floorProtocol"), None),
    Row("observed ÷ floor of all that it deletes", per("gone", "floorProtocol")),
    Row("DeleteDeployment that succeeded", plain("deletes"), None),
    Row("DeleteDeployment that AWS refused", plain("rejectedDeletes")),
    Row("deployments left in AWS", plain("left")),
    Row("resources left", plain("unfinished")),
    *CIRCUMSTANCES,
)
SCENARIOS: dict[str, tuple[str, tuple[Row, ...]]] = {
    "create": ("Cold create", CREATE),
    "idle": ("Idle", IDLE),
    "change": ("A change while drift is looked for", CHANGE),
    "drift": ("Drift", DRIFT),
    "burst": ("Throttled to one call a second", BURST),
    "restart": ("Restart", RESTART),
    "failover": ("Failover", FAILOVER),
    "delete": ("Delete", DELETE),
}


def written(value: float) -> str:
    """A figure with as many digits as it deserves."""
    if value == 0:
        return "0"
    if abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}"
    if abs(value) >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if abs(value) >= 0.1 else f"{value:.3f}"


def cell(values: Sequence[float]) -> str:
    """Median, and least to most where they differ."""
    if not values:
        return "–"
    spread = Spread.of(values)
    middle, least, most = written(spread.median), written(spread.least), written(spread.most)
    return middle if least == most else f"{middle} ({least}–{most})"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = ["| " + " | ".join(head) + " |", "|" + "|".join(["---", *["---:"] * (len(head) - 1)]) + "|"]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines)


def figures_of(runs: Sequence[Figures], scenario: str, system: str, count: int, profile: str) -> list[Figures]:
    """A scenario's figures in every repetition, with the number of resources."""
    return [
        {**run["scenarios"][scenario], "count": run["count"]}
        for run in runs
        if run["system"] == system and run["count"] == count and run["profile"] == profile and scenario in run["scenarios"]
    ]


def values(figures: Sequence[Figures], pick: Pick) -> list[float]:
    return [value for each in figures if (value := pick(each)) is not None]


def sizes(runs: Sequence[Figures], scenario: str) -> list[tuple[int, str]]:
    """The numbers of resources and profiles that a scenario was run with."""
    return sorted({(run["count"], run["profile"]) for run in runs if scenario in run["scenarios"]})


def systems(runs: Sequence[Figures]) -> list[str]:
    there = {run["system"] for run in runs}
    return [name for name in ORDER if name in there]


def scenario_tables(runs: Sequence[Figures]) -> str:
    """A table for each scenario and size."""
    parts = []
    for scenario, (title, rows) in SCENARIOS.items():
        for count, profile in sizes(runs, scenario):
            found = {name: figures_of(runs, scenario, name, count, profile) for name in systems(runs)}
            found = {name: figures for name, figures in found.items() if figures}
            lines = [
                [row.title, *(cell(values(figures, row.pick)) for figures in found.values())]
                for row in rows
                if any(values(figures, row.pick) for figures in found.values())
            ]
            if lines:
                parts.append(f"### {title}: N = {count:,}, {profile}\n\n" + table([" ", *found], lines))
    return "\n\n".join(parts)


def memory_points(runs: Sequence[Figures], system: str) -> list[tuple[float, float]]:
    """Resources and the median of resident MiB."""
    by: dict[int, list[float]] = {}
    for run in runs:
        if run["system"] == system:
            for point in run["scenarios"].get("memory", {}).get("points", ()):
                by.setdefault(point["resources"], []).append(point["residentBytes"] / MIB)
    return [(count, Spread.of(each).median) for count, each in sorted(by.items())]


def memory_table(runs: Sequence[Figures]) -> str:
    found = {name: points for name in systems(runs) if len(points := memory_points(runs, name)) > 1}
    if not found:
        return ""
    counts = sorted({count for points in found.values() for count, _ in points})
    lines = [
        [f"{count:,.0f} resources, RSS, MiB", *(cell([y for x, y in points if x == count]) for points in found.values())]
        for count in counts
    ]
    lines.append(["KiB a resource (slope)", *(written(slope(points)[0] * 1024) for points in found.values())])
    touched = {
        name: [
            run["scenarios"]["memory"]["touched"]["residentBytes"] / MIB
            for run in runs if run["system"] == name and "touched" in run["scenarios"].get("memory", {})
        ]
        for name in found
    }
    lines.append(["the most, three more managers each, RSS, MiB", *(cell(each) for each in touched.values())])
    restarts = {
        name: [run["scenarios"]["memory"]["restart"] for run in runs if run["system"] == name and "memory" in run["scenarios"]]
        for name in found
    }
    lines.append(["peak of a start with the most, MiB", *(cell([each["peakBytes"] / MIB for each in restarts[name]]) for name in found)])
    return "### Memory at rest\n\n" + table([" ", *found], lines)


def better_peers(runs: Sequence[Figures]) -> str:
    """Where a peer's median is better than ours by a tenth or more."""
    found = []
    for scenario, (title, rows) in SCENARIOS.items():
        for count, profile in sizes(runs, scenario):
            ours = figures_of(runs, scenario, OURS, count, profile)
            for row in rows:
                own = values(ours, row.pick)
                if not own or row.less_is_better is None:
                    continue
                mine = Spread.of(own).median
                said = []
                for name in systems(runs):
                    theirs = values(figures_of(runs, scenario, name, count, profile), row.pick)
                    if name == OURS or not theirs:
                        continue
                    other = Spread.of(theirs).median
                    if (other < mine * 0.9 and row.less_is_better) or (other > mine * 1.1 and not row.less_is_better):
                        said.append(f"{name} {written(other)}")
                if said:
                    found.append(f"- {title}, N = {count:,}, {profile}: {row.title}: {OURS} {written(mine)}; {', '.join(said)}")
    return "\n".join(found) or "Nowhere by a tenth or more, in what was measured."


def troubles(runs: Sequence[Figures]) -> str:
    """Runs that failed, and those in which the harness or others were in the way."""
    lines = [
        f"- {run['system']}, N = {run['count']:,}, repetition {run['repetition']} ended early: {run['failure']}"
        for run in runs if "failure" in run
    ]
    measured = [(run, figures) for run in runs for figures in run["scenarios"].values()]
    busy = sum(figures.get("harnessProcessorBusy", 0) > 0.8 for _, figures in measured)
    disturbed = sum(figures.get("disturbance", 0) > 0.1 for _, figures in measured)
    shown = sum("harnessProcessorBusy" in figures for _, figures in measured)
    if busy:
        lines.append(f"- in {busy} of {shown} measurements the harness's processor was more than 80 % busy: they may show the harness")
    if disturbed:
        lines.append(
            f"- in {disturbed} of {shown} measurements others used more than 10 % of the processor of the system under test: "
            "times are longer than they need be, and not for all systems alike; calls, writes and memory are as they are"
        )
    return "\n".join(lines)


def acceptance_table(results: Figures) -> str:
    found = [name for name in ORDER if name in results["systems"]]
    return table([" ", *found], [[check, *(results["systems"][name].get(check, "–") for name in found)] for check in CHECKS])


def create_chart(runs: Sequence[Figures]) -> str:
    """Time until all are ready, with the floor of each protocol."""
    names = systems(runs)
    groups = []
    for count, profile in sizes(runs, "create"):
        group: list[Bar | None] = []
        for name in names:
            figures = figures_of(runs, "create", name, count, profile)
            found = values(figures, plain("converged"))
            if found:
                spread = Spread.of(found)
                group.append(Bar(spread.median, spread.least, spread.most, figures[0]["floorProtocol"]))
            else:
                group.append(None)
        groups.append((f"N = {count:,}, {profile}", group))
    title = "Until all resources are ready (thick line: floor of the protocol)"
    return charts.bars(title, "seconds", "resources created at once, profile of the emulated AWS", groups, names)


def change_chart(runs: Sequence[Figures]) -> str:
    """Latency of a change."""
    names = systems(runs)
    groups = []
    for count, profile in sizes(runs, "change"):
        for key, label in (("latencyP50", "p50"), ("latencyP99", "p99")):
            group: list[Bar | None] = []
            for name in names:
                found = values(figures_of(runs, "change", name, count, profile), plain(key))
                spread = Spread.of(found) if found else None
                group.append(Bar(spread.median, spread.least, spread.most) if spread else None)
            groups.append((f"{label}, N = {count:,}", group))
    return charts.bars("From a changed spec to CreateDeployment", "seconds", "share of changes, resources", groups, names)


def memory_chart(runs: Sequence[Figures]) -> str:
    series = [(name, points) for name in systems(runs) if len(points := memory_points(runs, name)) > 1]
    return charts.lines("Resident memory at rest", "MiB", "resources", series)


def emulator_section(results: Figures) -> str:
    """What the emulator itself does, beside what it shall do."""
    found, filled = emulator.summary(results), results["filled"]
    goals = {"callsPerSecond": "≥ 5,000", "p99Milliseconds": "≤ 2", "peakResidentMiB": "≤ 1,024"}
    names = {
        "callsPerSecond": "calls a second, as many as it answers",
        "busyP99Milliseconds": "p99 of these calls, ms",
        "p50Milliseconds": "p50 at 5,000 calls a second, ms",
        "p99Milliseconds": "p99 at 5,000 calls a second, ms",
        "maxMilliseconds": "the slowest of these, ms",
        "peakResidentMiB": "peak of resident memory, MiB",
    }
    rows = []
    for key, title in names.items():
        spread = found[key]
        digits = 0 if spread.median >= 100 else 2
        range_of = f" ({spread.least:,.{digits}f} to {spread.most:,.{digits}f})" if spread.runs > 1 else ""
        rows.append([title, f"{spread.median:,.{digits}f}{range_of}", goals.get(key, "")])
    others = max(run["disturbance"] for run in results["runs"])
    return (
        f"### The emulator itself\n\nBy `make bench-emulator`, on {results['date']}: one processor for the emulator, another one for the load, "
        f"{filled['devices']:,} core devices and {filled['deployments']:,} deployments, {results['runs'][0]['connections']} connections that stay "
        "open; GetDeployment, DescribeThing, GetCoreDevice and a page of ListCoreDevices in turn, each with its signature verified. "
        f"Scheduling {results['scheduling']}; others used up to {others:.0%} of the emulator's processor meanwhile.\n\n"
        + table(["", "measured", "goal"], rows)
    )


def latest(results: dict[str, Figures]) -> Figures | None:
    """The results of the largest plan that there are."""
    return next((results[name] for name in COMMANDS if name in results), None)


def section(results: dict[str, Figures]) -> str:
    """What stands between the markers."""
    plan = latest(results)
    parts = []
    if plan:
        runs, machine = plan["runs"], plan["machine"]
        command = COMMANDS[plan["plan"]]
        parts.append(
            f"Measured on {plan['date']} by `{command}`: {machine['cpu']}, {machine['cores']} processors, "
            f"{machine['memoryGiB']:.0f} GiB, Linux {machine['kernel']}. Median, and least to most of several runs in parentheses. "
            f"Drift is looked for every {plan['driftSeconds']} s by all systems."
        )
        if said := troubles(runs):
            parts.append("What was in the way:\n\n" + said)
        if sizes(runs, "create"):
            parts.append("![Time until all resources are ready](performance/create.svg)")
        if sizes(runs, "change"):
            parts.append("![Latency of a change](performance/change.svg)")
        if memory := memory_table(runs):
            parts.append("![Memory](performance/memory.svg)\n\n" + memory)
        parts.append(scenario_tables(runs))
        parts.append("### Where a peer is better\n\nBy a tenth or more:\n\n" + better_peers(runs))
    if counted := results.get("instructions"):
        lines = [[title, f"{counted['passes'][name]:,.0f}"] for name, title in SITUATIONS.items()]
        parts.append(
            f"### Instructions of the pure core\n\nBy callgrind, on {counted['date']}, for a resource with three components.\n\n"
            + table(["pass", "instructions"], lines)
        )
    if own := results.get("emulator"):
        parts.append(emulator_section(own))
    if accepted := results.get("acceptance"):
        parts.append(f"### What each system had to do first\n\nOn {accepted['date']}:\n\n" + acceptance_table(accepted))
    return "\n\n".join(parts)


def between(document: str, generated: str) -> str:
    """The document with what is generated between its markers."""
    before, found, rest = document.partition(BEGIN)
    _, ended, after = rest.partition(END)
    if not found or not ended:
        raise ValueError(f"the document has no markers {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{generated}\n\n{END}{after}"


def render(folder: Path, document: Path) -> None:
    """Writes the figures into the document and the charts beside it."""
    results = {path.stem: json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))}
    document.write_text(between(document.read_text(), section(results)))
    pictures = document.with_suffix("")
    pictures.mkdir(exist_ok=True)
    if plan := latest(results):
        for name, draw in (("create", create_chart), ("change", change_chart), ("memory", memory_chart)):
            (pictures / f"{name}.svg").write_text(draw(plan["runs"]))
