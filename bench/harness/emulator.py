"""Measures the emulator itself: calls a second on one processor, how long they take, and memory. I/O: processes."""

import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .arithmetic import Spread
from .processes import Meter, Process
from .world import free_port, say

Figures = dict[str, Any]
MIB = 2**20
# What the emulator shall be able to do, and whether less is better.
GOALS = {"callsPerSecond": (5000.0, False), "p99Milliseconds": (2.0, True), "peakResidentMiB": (1024.0, True)}


def measured(target: Path, devices: int, deployments: int, seconds: int, repetitions: int) -> Figures:
    """An emulator on processor 1, filled and called from processor 0."""
    emulator, load = target / "greengrass-emulator", target / "load"
    for program in (emulator, load):
        if not program.exists():
            raise SystemExit(f"{program} is missing: make bench-emulator builds it")
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        address = f"127.0.0.1:{free_port()}"
        log = Path(folder) / "emulator.log"
        command = [str(emulator), "--listen", address, "--seed", "1", "--log", "warn"]
        process = Process(command, os.environ, log, cpu=1)
        try:
            wait_until_it_listens(process)
            say(f"filling: {devices} core devices, {deployments} deployments")
            return run_load(process, [
                str(load), address, f"--devices={devices}", f"--deployments={deployments}",
                f"--seconds={seconds}", f"--repetitions={repetitions}",
            ])
        finally:
            process.end()


def wait_until_it_listens(process: Process) -> None:
    while "listening on" not in process.log.read_text(errors="replace"):
        if not process.runs():
            raise SystemExit(f"the emulator did not start: {process.last_words()}")
        time.sleep(0.05)


def run_load(process: Process, command: Sequence[str]) -> Figures:
    """What the load says line by line, with what the emulator uses meanwhile."""
    runs: list[Figures] = []
    filled: Figures = {}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as load:
        try:
            assert load.stdout is not None
            meter: Meter | None = None
            for line in load.stdout:
                figures = json.loads(line)
                if "filled" in figures:
                    filled = figures["filled"] | {"residentMiB": process.usage().resident_bytes / MIB}
                    say(f"filled: {filled['residentMiB']:.0f} MiB")
                else:
                    used = meter.read() if meter else {}
                    runs.append(figures | {
                        "disturbance": used.get("disturbance", 0.0),
                        "emulatorCpuSeconds": used.get("cpuSeconds", 0.0),
                        "loadProcessorBusy": used.get("harnessProcessorBusy", 0.0),
                    })
                    pace = f"at {figures['rate']} a second" if figures["rate"] else "as many as it answers"
                    say(f"{pace}: {figures['callsPerSecond']:,.0f} calls/s, p50 {figures['p50Milliseconds']:.2f} ms, "
                        f"p99 {figures['p99Milliseconds']:.2f} ms, max {figures['maxMilliseconds']:.1f} ms, "
                        f"others on its processor {runs[-1]['disturbance']:.0%}")
                meter = Meter([process])
        finally:
            if load.poll() is None:
                load.send_signal(signal.SIGTERM)
    if load.returncode != 0:
        raise SystemExit(f"the load ended with {load.returncode}; the emulator says: {process.last_words()}")
    return {"filled": filled, "peakResidentMiB": process.peak_bytes() / MIB, "runs": runs}


def summary(figures: Figures) -> dict[str, Spread]:
    """Medians with least and most: throughput where calls come as fast as they are answered, times where they are paced."""
    fast = [run for run in figures["runs"] if not run["rate"]]
    paced = [run for run in figures["runs"] if run["rate"]]
    found = {
        "callsPerSecond": [run["callsPerSecond"] for run in fast],
        "busyP99Milliseconds": [run["p99Milliseconds"] for run in fast],
        "peakResidentMiB": [figures["peakResidentMiB"]],
    }
    for key in ("p50Milliseconds", "p99Milliseconds", "maxMilliseconds"):
        found[key] = [run[key] for run in paced]
    return {key: Spread.of(values) for key, values in found.items()}


def missed(figures: Figures) -> list[str]:
    """The goals whose median is missed."""
    found = summary(figures)
    return [
        key for key, (goal, less_is_better) in GOALS.items()
        if (found[key].median > goal if less_is_better else found[key].median < goal)
    ]
