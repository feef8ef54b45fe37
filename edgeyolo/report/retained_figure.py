"""How much of fp32's mAP an int8 file keeps, on a line with the gates of MLPerf Inference."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from edgeyolo.report.figures import as_svg, new_figure

GATES = (0.95, 0.99)
_INT8, _GATE = "#0072b2", "#d55e00"  # color-blind safe
_SIZE = (6.4, 1.05)
_ROOM = 0.01  # on both sides of what is shown


def retained_figure(value: float, bounds: Sequence[float] | None) -> str:
    """SVG; ``value`` and its interval are parts of fp32's mAP50-95."""
    figure, axes = new_figure(_SIZE)
    axes.spines["left"].set_visible(False)
    axes.set_yticks([])
    axes.grid(visible=False)
    # One above the other, and fp32's on the other side: they meet where much is lost.
    for row, gate in enumerate(reversed(GATES)):
        _mark(axes, gate, f"{gate:.0%} gate", _GATE, "--", row)
    _mark(axes, 1.0, "fp32", "#777777", "-", row=0)
    low, high = bounds or (value, value)
    axes.errorbar(
        100 * value,
        0.4,
        xerr=[[100 * max(0.0, value - low)], [100 * max(0.0, high - value)]],
        color=_INT8,
        marker="o",
        markersize=8,
        capsize=4,
    )
    left, right = min(low, *GATES) - _ROOM, max(high, 1.0) + _ROOM
    axes.set_xlim(100 * left, 100 * right)
    axes.set_ylim(0, 1)
    axes.set_xlabel("int8's mAP50-95 in % of fp32's (bar: 95 % interval over images)")
    return as_svg(figure)


def _mark(axes: Any, at: float, text: str, color: str, style: str, row: int) -> None:
    is_gate = at < 1
    axes.axvline(100 * at, color=color, linestyle=style, linewidth=1.4)
    axes.annotate(
        text,
        (100 * at, 1.0),
        xycoords=("data", "axes fraction"),
        xytext=(2 if is_gate else -2, 3 + 10 * row),
        textcoords="offset points",
        ha="right" if is_gate else "left",
        fontsize=8,
        color=color,
    )
