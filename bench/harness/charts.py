"""Draws charts as SVG that can be read on light and on dark paper. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 720, 360
LEFT, RIGHT, TOP, BOTTOM = 70, 20, 64, 52
# Told apart by people who see colours otherwise (Okabe and Ito), and bright enough for both papers.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")
STYLE = """
text { font: 12px system-ui, sans-serif; fill: #1f2328 }
.title { font-size: 14px; font-weight: 600 }
.grid { stroke: #d0d7de; stroke-width: 1 }
.axis { stroke: #59636e; stroke-width: 1 }
.floor { stroke: #1f2328; stroke-width: 2 }
.spread { stroke: #1f2328; stroke-width: 1 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .grid { stroke: #3d444d }
  .axis { stroke: #9198a1 }
  .floor, .spread { stroke: #e6edf3 }
}
"""


@dataclass(frozen=True)
class Bar:
    """A figure with its least and its most, and what it can't be below, where that is known."""

    value: float
    least: float
    most: float
    floor: float | None = None


def ticks(most: float, about: int = 5) -> list[float]:
    """Round numbers from 0 to at least `most`."""
    if most <= 0:
        return [0.0, 1.0]
    step = 10 ** math.floor(math.log10(most / about))
    for times in (1, 2, 5, 10):
        if most / (step * times) <= about:
            step *= times
            break
    return [index * step for index in range(math.ceil(most / step - 1e-9) + 1)]


def number(value: float) -> str:
    """A number as a person would write it."""
    if value == 0:
        return "0"
    if abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 1 else f"{value:.2g}"


class Canvas:
    """An empty chart with a title, two axes and a legend."""

    def __init__(self, title: str, x_label: str, y_label: str, legend: Sequence[str], most: float) -> None:
        self._scale = ticks(most)
        self._parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
            f'role="img" aria-label="{escape(title)}">',
            f"<style>{STYLE}</style>",
            f'<text class="title" x="{LEFT}" y="20">{escape(title)}</text>',
        ]
        x = float(LEFT)
        for index, name in enumerate(legend):
            self.rectangle(x, 32, 10, 10, COLOURS[index % len(COLOURS)])
            self.text(x + 15, 41, name, "start")
            x += 15 + 6.6 * len(name) + 18
        for tick in self._scale:
            y = self.y(tick)
            self._parts.append(f'<line class="grid" x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}"/>')
            self.text(LEFT - 8, y + 4, number(tick), "end")
        base = self.y(0)
        self._parts.append(f'<line class="axis" x1="{LEFT}" y1="{base:.1f}" x2="{WIDTH - RIGHT}" y2="{base:.1f}"/>')
        self.text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, x_label, "middle")
        middle = (TOP + HEIGHT - BOTTOM) / 2
        self._parts.append(
            f'<text text-anchor="middle" transform="rotate(-90 16 {middle:.1f})" x="16" y="{middle:.1f}">{escape(y_label)}</text>'
        )

    def y(self, value: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / self._scale[-1]

    def text(self, x: float, y: float, text: str, anchor: str) -> None:
        self._parts.append(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>')

    def rectangle(self, x: float, y: float, width: float, height: float, colour: str) -> None:
        self._parts.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{max(height, 0):.1f}" fill="{colour}"/>'
        )

    def line(self, style: str, x1: float, y1: float, x2: float, y2: float) -> None:
        self._parts.append(f'<line class="{style}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>')

    def path(self, points: Sequence[tuple[float, float]], colour: str) -> None:
        drawn = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self._parts.append(f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="{drawn}"/>')
        for x, y in points:
            self._parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>')

    def finish(self) -> str:
        return "\n".join([*self._parts, "</svg>", ""])


def bars(title: str, y_label: str, x_label: str, groups: Sequence[tuple[str, Sequence[Bar | None]]], legend: Sequence[str]) -> str:
    """Groups of bars with their spread, and a thick line where the floor is. A bar that is None was not measured."""
    shown = [bar for _, group in groups for bar in group if bar is not None]
    canvas = Canvas(title, x_label, y_label, legend, max((bar.most for bar in shown), default=1.0))
    wide = (WIDTH - LEFT - RIGHT) / max(1, len(groups))
    for index, (name, group) in enumerate(groups):
        start = LEFT + index * wide + wide * 0.1
        each = wide * 0.8 / max(1, len(group))
        canvas.text(LEFT + (index + 0.5) * wide, HEIGHT - BOTTOM + 18, name, "middle")
        for place, bar in enumerate(group):
            if bar is None:
                continue
            x, y = start + place * each, canvas.y(bar.value)
            canvas.rectangle(x + 1, y, each - 2, canvas.y(0) - y, COLOURS[place % len(COLOURS)])
            middle = x + each / 2
            if bar.most > bar.least:
                canvas.line("spread", middle, canvas.y(bar.least), middle, canvas.y(bar.most))
            if bar.floor:
                canvas.line("floor", x, canvas.y(bar.floor), x + each, canvas.y(bar.floor))
            canvas.text(middle, min(y, canvas.y(bar.most)) - 4, number(bar.value), "middle")
    return canvas.finish()


def lines(title: str, y_label: str, x_label: str, series: Sequence[tuple[str, Sequence[tuple[float, float]]]]) -> str:
    """Lines through points, from 0 on both axes."""
    points = [point for _, each in series for point in each]
    canvas = Canvas(title, x_label, y_label, [name for name, _ in series], max((y for _, y in points), default=1.0))
    scale = ticks(max((x for x, _ in points), default=1.0))
    across = WIDTH - LEFT - RIGHT
    for tick in scale:
        x = LEFT + across * tick / scale[-1]
        canvas.line("axis", x, canvas.y(0), x, canvas.y(0) + 4)
        canvas.text(x, HEIGHT - BOTTOM + 18, number(tick), "middle" if tick < scale[-1] else "end")
    for index, (_, each) in enumerate(series):
        canvas.path([(LEFT + across * x / scale[-1], canvas.y(y)) for x, y in each], COLOURS[index % len(COLOURS)])
    return canvas.finish()
