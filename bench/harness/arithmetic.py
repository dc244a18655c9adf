"""What figures are made of: percentiles, spread, slopes and the floor that a quota sets. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that `share` (0 to 1) of the values do not exceed: one that was measured, never one between."""
    if not values:
        raise ValueError("no values")
    if not 0 <= share <= 1:
        raise ValueError(f"a share is from 0 to 1, not {share}")
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def median(values: Sequence[float]) -> float:
    """The middle value, or the mean of the two in the middle."""
    if not values:
        raise ValueError("no values")
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


@dataclass(frozen=True)
class Spread:
    """A figure of several runs."""

    median: float
    least: float
    most: float
    runs: int

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        return cls(median(values), min(values), max(values), len(values))


def slope(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Slope and intercept of the straight line through points by least squares."""
    if len({x for x, _ in points}) < 2:
        raise ValueError("a line needs two points")
    mean_x = sum(x for x, _ in points) / len(points)
    mean_y = sum(y for _, y in points) / len(points)
    steep = sum((x - mean_x) * (y - mean_y) for x, y in points) / sum((x - mean_x) ** 2 for x, _ in points)
    return steep, mean_y - steep * mean_x


def quota_floor(calls: float, rate: float | None, burst: float | None = None) -> float:
    """Seconds that so many calls take at least when `rate` are allowed a second, after a burst that was saved up.

    A quota that is None is unlimited. The emulator's bursts are as large as its rate, which is the default here.
    """
    if rate is None:
        return 0.0
    if rate <= 0:
        raise ValueError(f"a rate is above 0, not {rate}")
    return max(0.0, (calls - (rate if burst is None else burst)) / rate)


def deletion_floor(resources: int, seconds: float, slots: int = 10) -> float:
    """Seconds that deleting so many jobs takes at least, when AWS deletes `slots` at a time and each takes `seconds`.

    The last jobs need not be gone: their calls are answered when the deletion begins.
    """
    return max(0, math.ceil(resources / slots) - 1) * seconds


def share(part: float, whole: float) -> float:
    """Part of a whole, from 0 to 1; of nothing it is 0."""
    return part / whole if whole else 0.0


def counter(metrics: str, name: str) -> float:
    """The sum over all labels of a counter, in Prometheus's text format."""
    return sum(
        float(line.split()[-1]) for line in metrics.splitlines() if line.split("{")[0].split(" ")[0] == name
    )
