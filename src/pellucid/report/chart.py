"""Small line and point charts as inline SVG, coloured by the style sheet of the page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from pellucid.report.evidence import Candidate, Values
from pellucid.report.markup import power, safe

WIDTH, HEIGHT = 420, 270
LEFT, RIGHT, TOP, BOTTOM = 52, 408, 26, 226


@dataclass(frozen=True)
class Series:
    """Points of one colour: `x` and `y` of shape (point,), drawn as dots or joined by a line."""

    x: Values
    y: Values
    style: Literal["dots", "line"] = "line"

    def path(self, x: Axis, y: Axis) -> str:
        """Return the finite points as SVG path data."""
        finite = np.isfinite(self.x) & np.isfinite(self.y)
        order = np.argsort(self.x[finite], kind="stable")
        points = [f"{x(a):.1f} {y(b):.1f}" for a, b in zip(self.x[finite][order], self.y[finite][order], strict=True)]
        return "".join(f"M{p}h0" for p in points) if self.style == "dots" else "M" + "L".join(points)


@dataclass(frozen=True)
class Axis:
    """A linear map from values `low` to `high` onto coordinates `start` to `stop`."""

    low: float
    high: float
    start: float
    stop: float

    def __call__(self, value: float) -> float:
        """Return the coordinate of `value`."""
        return self.start + (value - self.low) / (self.high - self.low) * (self.stop - self.start)

    def ticks(self) -> list[float]:
        """Return three to six round values inside the axis.

        Examples
        --------
        >>> Axis(0.0, 1.0, 0.0, 100.0).ticks()
        [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
        """
        rough = (self.high - self.low) / 6
        unit = 10.0 ** math.floor(math.log10(rough))
        step = next(unit * k for k in (1, 2, 5, 10) if unit * k >= rough)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [round(k * step, 12 - math.floor(math.log10(step))) for k in range(first, last + 1)]


def _span(values: Values, start: float, stop: float, from_zero: bool = False) -> Axis:
    """Return the axis that holds `values` with a small margin."""
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 1.0)
    low = min(low, 0.0) if from_zero else low
    distinct = high - low > 1e-9 * max(abs(low), abs(high))
    margin = 0.04 * (high - low if distinct else abs(high) or 25.0)
    return Axis(low if from_zero and low == 0 else low - margin, high + margin, start, stop)


def _labels(axis: Axis) -> tuple[list[tuple[float, str]], str]:
    """Return each tick with its text, and the power of ten that the texts leave out."""
    ticks = axis.ticks()
    size = math.floor(math.log10(max(map(abs, ticks)) or 1.0))
    shift = 3 * math.floor(size / 3) if size >= 5 or size < -2 else 0
    texts = [f"{tick / 10.0**shift:.6g}".replace("-", "−") for tick in ticks]
    return list(zip(ticks, texts, strict=True)), f" / {power(shift)}" if shift else ""


def chart(series: Sequence[Series], x_label: str, y_label: str, *, mark: tuple[float, float] | None = None) -> str:
    """Return an SVG picture of `series` over linear axes; the axis of x starts at zero or below.

    Parameters
    ----------
    series
        What is drawn, first at the back; values that are not finite are left out.
    x_label, y_label
        Axis titles with units.
    mark
        A point to be ringed, in the units of the axes, or None.
    """
    finite = [s.y[np.isfinite(s.y)] for s in series]
    x = _span(np.concatenate([s.x[np.isfinite(s.x)] for s in series]), LEFT, RIGHT, from_zero=True)
    y = _span(np.concatenate(finite), BOTTOM, TOP)
    parts = [f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{safe(y_label)}">']
    x_ticks, x_power = _labels(x)
    y_ticks, y_power = _labels(y)
    for value, text in y_ticks:
        parts.append(f'<path class="grid" d="M{LEFT} {y(value):.1f}H{RIGHT}"/>')
        parts.append(f'<text x="{LEFT - 7}" y="{y(value) + 4:.1f}" text-anchor="end">{text}</text>')
    for value, text in x_ticks:
        parts.append(f'<path class="tick" d="M{x(value):.1f} {BOTTOM}v5"/>')
        parts.append(f'<text x="{x(value):.1f}" y="{BOTTOM + 19}" text-anchor="middle">{text}</text>')
    parts.append(f'<path class="axis" d="M{LEFT} {BOTTOM}H{RIGHT}"/>')
    for k, s in enumerate(series):
        parts.append(f'<path class="{s.style} s{k}" d="{s.path(x, y)}"/>')
    if mark is not None:
        parts.append(f'<circle class="mark" cx="{x(mark[0]):.1f}" cy="{y(mark[1]):.1f}" r="5"/>')
    parts.append(f'<text class="title" x="4" y="13">{safe(y_label)}{y_power}</text>')
    parts.append(f'<text class="title" x="{RIGHT}" y="{HEIGHT - 6}" text-anchor="end">{safe(x_label)}{x_power}</text>')
    return "".join(parts) + "</svg>"


def intervals(tried: Sequence[Candidate]) -> list[str]:
    """Return each risk ± one standard error as a dot with a bar, on one axis; empty where not measured."""
    risk = np.array([(c.risk - c.risk_se, c.risk, c.risk + c.risk_se) for c in tried])
    finite = risk[np.isfinite(risk).all(axis=1)]
    if finite.size == 0 or finite.max() == finite.min():
        return ["" for _ in tried]
    axis = Axis(float(finite.min()), float(finite.max()), 6, 134)
    return [
        '<svg class="interval" viewBox="0 0 140 16" aria-hidden="true">'
        f'<path class="axis" d="M{axis(low):.1f} 8H{axis(high):.1f}"/>'
        f'<circle cx="{axis(middle):.1f}" cy="8" r="3.5"/></svg>'
        if np.isfinite((low, middle, high)).all()
        else ""
        for low, middle, high in risk
    ]
