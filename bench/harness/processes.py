"""Starts processes pinned to a processor and reads what they use from /proc. I/O: processes, files."""

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Usage:
    """What a process and its descendants have used, and hold now."""

    cpu_seconds: float
    resident_bytes: int


class Process:
    """A process of ours, in a group of its own so that nothing else can be hit when it is stopped."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], log: Path, cpu: int) -> None:
        self.log = log
        with log.open("ab") as output:
            self._child = subprocess.Popen(
                ["taskset", "--cpu-list", str(cpu), *command],
                env=dict(environment), stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
            )
        self.pid = self._child.pid

    def runs(self) -> bool:
        return self._child.poll() is None

    def end(self, with_signal: signal.Signals = signal.SIGTERM, seconds: float = 60) -> None:
        """Sends a signal to the group and waits; kills it when that takes too long."""
        if not self.runs():
            # Its id may be somebody else's by now.
            return
        for name, patience in ((with_signal, seconds), (signal.SIGKILL, 10.0)):
            if not self.runs():
                break
            try:
                os.killpg(self.pid, name)
                self._child.wait(patience)
            except subprocess.TimeoutExpired:
                continue
            except ProcessLookupError:
                break
        # Children of a shell that has ended.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)

    def send(self, name: signal.Signals) -> None:
        """Sends a signal to the group, without waiting."""
        os.killpg(self.pid, name)

    def usage(self) -> Usage:
        return usage(self.pid)

    def proportional_bytes(self) -> int:
        """The proportional share of memory (PSS), of the process without its descendants."""
        for line in Path(f"/proc/{self.pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
        raise RuntimeError(f"/proc/{self.pid}/smaps_rollup says nothing of Pss")

    def forget_peak(self) -> None:
        """Lets the peak of resident memory begin anew (clear_refs, 5)."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")

    def peak_bytes(self) -> int:
        """The most memory that was resident since the start, or since the peak was forgotten."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
        return 0

    def last_words(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-5:])


def fields_of(stat: str) -> list[str]:
    """The fields of /proc/PID/stat after the name, which may hold anything."""
    return stat.rpartition(") ")[2].split()


def usage(pid: int) -> Usage:
    """Of a process and all that descend from it: what ended ones used is in their parents' count."""
    children: dict[int, list[int]] = {}
    stats: dict[int, list[str]] = {}
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                fields = fields_of(Path(entry.path, "stat").read_text())
            except (OSError, ValueError):
                continue
            stats[int(entry.name)] = fields
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    cpu, resident, left = 0.0, 0, [pid]
    while left:
        current = left.pop()
        left.extend(children.get(current, ()))
        if current in stats:
            fields = stats[current]
            # utime, stime, and those of children that were waited for; rss in pages (proc(5)).
            cpu += sum(int(fields[index]) for index in (11, 12, 13, 14)) / TICKS
            resident += int(fields[21]) * PAGE
    return Usage(cpu, resident)


def cpu_times() -> dict[int, tuple[float, float]]:
    """Busy and total seconds of each processor since the start of the machine."""
    times = {}
    for line in Path("/proc/stat").read_text().splitlines():
        name, *values = line.split()
        if name.startswith("cpu") and name != "cpu":
            # user, nice, system, idle, iowait, irq, softirq, steal (proc(5)).
            numbers = [int(value) / TICKS for value in values[:8]]
            times[int(name[3:])] = (sum(numbers) - numbers[3] - numbers[4], sum(numbers))
    return times


class Meter:
    """Reads a system's use of the machine twice a second, until it is read."""

    def __init__(self, processes: Sequence[Process]) -> None:
        self._processes = [process for process in processes if process.runs()]
        self._before = cpu_times()
        self._began = time.monotonic()
        self._first = [process.usage() for process in self._processes]
        self._most = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()

    def _sample(self) -> None:
        while True:
            self._most = max(self._most, sum(process.usage().resident_bytes for process in self._processes))
            if self._stop.wait(0.5):
                return

    def read(self) -> dict[str, float]:
        """What was used since the beginning: seconds of CPU, bytes, and shares of the two processors."""
        self._stop.set()
        self._thread.join()
        after, seconds = cpu_times(), time.monotonic() - self._began
        last = [process.usage() for process in self._processes]
        cpu = sum(now.cpu_seconds - then.cpu_seconds for now, then in zip(last, self._first, strict=True))
        busy = {number: after[number][0] - self._before[number][0] for number in after}
        total = {number: max(after[number][1] - self._before[number][1], 1e-9) for number in after}
        return {
            "seconds": seconds,
            "cpuSeconds": max(cpu, 0.0),
            "residentBytes": float(sum(now.resident_bytes for now in last)),
            "peakResidentBytes": float(self._most),
            "harnessProcessorBusy": busy[0] / total[0],
            # What others did on the processor of the system under test.
            "disturbance": max(0.0, (busy[1] - cpu) / total[1]) if 1 in busy else 0.0,
        }
