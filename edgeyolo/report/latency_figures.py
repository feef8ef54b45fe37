"""How latencies are spread, and how they went over time while the machine got warm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from edgeyolo.report.figures import COLORS, as_svg, as_text, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Float = npt.NDArray[np.float64]

MOST = 12  # nets in one figure
_MODEL, _ENGINE, _HOT = COLORS[0], COLORS[1], COLORS[5]
_TICKS = 40  # of a net: more cannot be told apart
_POINTS = 200  # of a line
_LOG_FROM = 5.0  # times the fastest
_DASHES = ("-", "--")  # when the colors are used up
_ROW, _MARGIN = 0.34, 0.9  # inches


@dataclass(frozen=True, slots=True)
class Course:
    """Runs of a net: when each began, in seconds since 1970, and the milliseconds that it took."""

    label: str
    at: Float
    total_ms: Float
    engine_ms: Float
    turns: list[int]  # where a round begins, but for the first

    @classmethod
    def of(cls, label: str, samples: dict[str, Any]) -> Course:
        """From raw samples, round by round."""
        turns = np.cumsum([len(part) for part in samples["total_ms"]])[:-1].tolist()

        def together(key: str) -> Float:
            return np.concatenate([np.asarray(part, np.float64) for part in samples[key]])

        return cls(label, together("at"), together("total_ms"), together("engine_ms"), turns)


def spread(courses: Sequence[Course]) -> str:
    """A strip for each of at most ``MOST`` nets: image to detections, and the engine below it."""
    figure, axes = new_figure((7.2, _MARGIN + _ROW * len(courses)))
    for place, course in enumerate(reversed(courses)):
        _strip(axes, course.total_ms, place + 0.04, _MODEL)
        _strip(axes, course.engine_ms, place - 0.36, _ENGINE)
    labels = [as_text(course.label, 64) for course in reversed(courses)]
    axes.set_yticks(range(len(courses)), labels)
    axes.set_ylim(-0.6, len(courses) - 0.4)
    _scale(axes, "x", [course.engine_ms.min() for course in courses], courses)
    axes.set_xlabel("ms (blue: image to detections; orange: the engine alone; marks: p50 and p90)")
    return as_svg(figure)


def over_time(courses: Sequence[Course], states: Sequence[dict[str, Any]]) -> str:
    """Image to detections of each net, and under it temperature and clock where they are told."""
    strips = [(unit, told) for _, unit, told in _told(states) if len(told[0])]
    figure, every = _stacked([2.6, *[0.7] * len(strips)])
    start = min(float(course.at.min()) for course in courses)
    _lines(every[0], courses, start)
    for axes, (unit, (at, values)) in zip(every[1:], strips, strict=True):
        axes.plot(at - start, values, color=_HOT, linewidth=1)
        axes.set_ylabel(unit)
    every[0].set_xlim(_span(courses, start))
    every[-1].set_xlabel("seconds from the first run on")
    return as_svg(figure)


def _stacked(heights: Sequence[float]) -> tuple[Figure, list[Axes]]:
    """Plots of so many inches above each other, with one axis of time for all."""
    figure, _ = new_figure((7.2, sum(heights) + 0.6))
    figure.clear()
    every = figure.subplots(
        len(heights),
        sharex=True,
        squeeze=False,
        gridspec_kw={"height_ratios": heights, "hspace": 0.16},
    )[:, 0].tolist()
    for axes in every:
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.25)
    return figure, every


def _lines(axes: Axes, courses: Sequence[Course], start: float) -> None:
    for index, course in enumerate(courses):
        at, ms = _thinned(course, start)
        dash = _DASHES[index // len(COLORS) % len(_DASHES)]
        color = COLORS[index % len(COLORS)]
        axes.plot(at, ms, dash, color=color, linewidth=0.9, label=as_text(course.label, 64))
    _scale(axes, "y", [course.total_ms.min() for course in courses], courses)
    axes.set_ylabel("ms")
    axes.legend(frameon=False, fontsize=8, loc="lower left", bbox_to_anchor=(0, 1.0))


def tells(states: Sequence[dict[str, Any]]) -> dict[str, bool]:
    """Whether a machine told its temperature, and its clock."""
    return {name: len(told[0]) > 0 for name, _, told in _told(states)}


def _told(states: Sequence[dict[str, Any]]) -> list[tuple[str, str, tuple[Float, Float]]]:
    """Times and values: of the hottest sensor, and of the clock, the mean over the cores."""
    heat = [(s["at"], s["celsius"]) for s in states if s["celsius"] is not None]
    clocks = [(s["at"], mhz) for s in states if (mhz := _mhz(s)) is not None]
    return [("temperature", "°C", _columns(heat)), ("clock", "MHz", _columns(clocks))]


def _mhz(state: dict[str, Any]) -> float | None:
    """What the firmware counts, if it does: cores only say what was asked for."""
    if state["measured_mhz"] is not None:
        return float(state["measured_mhz"])
    clocks = state["clocks_mhz"]
    return sum(clocks) / len(clocks) if clocks else None


def _columns(pairs: list[tuple[float, float]]) -> tuple[Float, Float]:
    at, values = zip(*pairs, strict=True) if pairs else ((), ())
    return np.array(at, np.float64), np.array(values, np.float64)


def _strip(axes: Axes, ms: Float, bottom: float, color: str) -> None:
    """All in one path: a tick from bottom to top, and a gap."""
    ticks = np.quantile(ms, np.linspace(0, 1, _TICKS)) if len(ms) > _TICKS else np.sort(ms)
    across = np.repeat(ticks, 3)
    up = np.tile([bottom, bottom + 0.32, np.nan], len(ticks))
    axes.plot(across, up, color=color, linewidth=0.7, alpha=0.55)
    p50, p90 = np.percentile(ms, [50, 90])
    axes.plot([p50, p90], [bottom + 0.16] * 2, "|", color=color, markersize=13, markeredgewidth=2.2)


def _thinned(course: Course, start: float) -> tuple[Float, Float]:
    """All runs, with a gap behind each round, in which others had their turn.

    Of more runs than can be seen medians of some in a row.
    """
    at, ms = course.at - start, course.total_ms
    each = -(-len(ms) // _POINTS)
    if each == 1:
        return np.insert(at, course.turns, np.nan), np.insert(ms, course.turns, np.nan)
    starts = range(0, len(ms), each)
    medians = [np.median(ms[start : start + each]) for start in starts]
    return at[::each], np.array(medians)


def _span(courses: Sequence[Course], start: float) -> tuple[float, float]:
    end = max(float(course.at.max()) for course in courses) - start
    return (0.0, end) if end > 0 else (-1.0, 1.0)


def _scale(axes: Axes, which: str, least: Sequence[float], courses: Sequence[Course]) -> None:
    """Logarithmic where nets are far apart: what matters is the spread of each."""
    most = max(float(course.total_ms.max()) for course in courses)
    if min(least) <= 0 or most < _LOG_FROM * min(least):
        axes.set_xlim(left=0) if which == "x" else axes.set_ylim(bottom=0)
        return
    from matplotlib.ticker import LogLocator, NullFormatter, ScalarFormatter

    axis = axes.xaxis if which == "x" else axes.yaxis
    axes.set_xscale("log") if which == "x" else axes.set_yscale("log")
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(ScalarFormatter())
    axis.set_minor_formatter(NullFormatter())
