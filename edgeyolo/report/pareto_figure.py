"""The trade-off as a figure: mAP50-95 over latency, with the front that no net beats."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from edgeyolo.report.figures import as_text, new_figure
from edgeyolo.report.points import Front, Point

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Color-blind safe (Okabe and Ito); shapes tell the engines, fillings the precisions.
_COLORS = {"baseline": "#e69f00", "smaller": "#888888"}
_OURS, _FRONT, _BUDGET = "#0072b2", "#009e73", "#d55e00"
_MARKERS = {"onnxruntime": "o", "ncnn": "s", "openvino": "^"}
_FILLINGS: dict[str, Any] = {"int8": "left", "fp16": "bottom"}
_LOG_FROM = 5.0  # times the fastest
_SIZE = (9.2, 4.2)
_SAME = ("name", "engine", "precision")  # a net at two sizes


@dataclass(frozen=True, slots=True)
class Panel:
    """What is plotted of a device; the budget only where it is meant for it."""

    device: str
    points: list[Point]
    front: Front | None
    budget_ms: float | None


def pareto_figure(panels: list[Panel]) -> Figure:
    """One plot below the other."""
    figure, _ = new_figure((_SIZE[0], _SIZE[1] * len(panels)))
    figure.clear()
    for index, panel in enumerate(panels):
        axes = figure.add_subplot(len(panels), 1, index + 1)
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.25)
        _draw(axes, panel.points, panel.front, panel.budget_ms)
        if len(panels) > 1:
            axes.set_title(as_text(panel.device), fontsize=10, loc="left")
    if len(panels) > 1:
        figure.subplots_adjust(hspace=0.3)
    return figure


def _draw(axes: Axes, points: list[Point], front: Front | None, budget_ms: float | None) -> None:
    is_predicted = any(point.is_predicted for point in points)
    _marks(axes, points, _hollow(front))
    if front is not None:
        _steps(axes, front)
        _name(axes, front)
    _smaller(axes, points)
    if budget_ms is not None:
        axes.axvline(budget_ms, color=_BUDGET, linestyle=":", linewidth=1.5)
        axes.annotate(
            f"budget {budget_ms:.1f} ms",
            (budget_ms, 0.02),
            xycoords=("data", "axes fraction"),
            xytext=(4, 0),
            textcoords="offset points",
            color=_BUDGET,
            fontsize=8,
        )
    _scale(axes, points, budget_ms)
    kind = "predicted, not measured; 80 % interval" if is_predicted else "p90, 95 % interval"
    axes.set_xlabel(f"image to detections, ms ({kind})")
    judged = points[0].net["accuracy"]
    of = f"{judged['images']} images, {judged['boxes']} boxes"
    axes.set_ylabel(f"mAP50-95 (95 % interval)\n{of}")
    _legend(axes, points, front)


def _marks(axes: Axes, points: list[Point], hollow: list[Point]) -> None:
    """Those that look alike at once, which makes the figure a fraction of the size."""
    alike: dict[tuple[str, str, str, bool], list[Point]] = {}
    for point in points:
        filling = "none" if point in hollow else _FILLINGS.get(point.net["precision"], "full")
        marker = _MARKERS.get(point.net["engine"], "D")
        alike.setdefault((_color(point), marker, filling, point.is_predicted), []).append(point)
    for (color, marker, filling, is_predicted), group in alike.items():
        ms, quality = [p.ms for p in group], [p.quality for p in group]
        line = axes.errorbar(
            ms,
            quality,
            xerr=_bars(ms, [point.ms_ci for point in group]),
            yerr=_bars(quality, [point.quality_ci for point in group]),
            color=color,
            elinewidth=0.9,
            capsize=0,
            alpha=0.9,
            marker=marker,
            markersize=8,
            fillstyle=filling,
            markerfacecoloralt="none",
            linestyle="none",
        )
        if is_predicted:  # what stands upright was measured
            line[2][0].set_linestyle((0, (2, 2)))


def _bars(values: list[float], intervals: list[tuple[float, float]]) -> list[list[float]]:
    """Lengths below and above, as matplotlib wants them."""
    pairs = list(zip(values, intervals, strict=True))
    return [
        [max(0, value - low) for value, (low, _) in pairs],
        [max(0, high - value) for value, (_, high) in pairs],
    ]


def _steps(axes: Axes, front: Front) -> None:
    ms = [point.ms for point in front.points]
    quality = [point.quality for point in front.points]
    axes.step(ms, quality, where="post", color=_FRONT, linewidth=1.2, alpha=0.8, zorder=1)
    axes.hlines(quality[-1], ms[-1], max(front.limit_ms, ms[-1]), color=_FRONT, alpha=0.4)


def _smaller(axes: Axes, points: list[Point]) -> None:
    """The wide net with smaller images: what a slim net must beat."""
    wide = sorted((p for p in points if p.is_baseline), key=lambda point: point.ms)
    for one, other in pairwise(wide):
        if [one.net[k] for k in _SAME] != [other.net[k] for k in _SAME]:
            continue
        axes.plot(
            [one.ms, other.ms],
            [one.quality, other.quality],
            color=_COLORS["smaller"],
            linestyle="--",
            linewidth=1,
            zorder=1,
        )


def _name(axes: Axes, front: Front) -> None:
    """Names on the front alone, below to the right, where the front itself does not go."""
    for point in front.points:
        net, is_last = point.net, point is front.points[-1]
        axes.annotate(
            as_text(f"{as_text(net['title'], 28)} {net['imgsz']} {net['precision']}"),
            (point.ms, point.quality),
            xytext=(6, 6 if is_last else -12),
            textcoords="offset points",
            fontsize=7.5,
        )


def _scale(axes: Axes, points: list[Point], budget_ms: float | None) -> None:
    ms = [point.ms for point in points]
    if max(ms) > _LOG_FROM * min(ms):
        from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_minor_locator(NullLocator())
    else:
        axes.set_xlim(0, 1.12 * max(*(p.ms_ci[1] for p in points), *ms, budget_ms or 0))
    low = min(point.quality_ci[0] for point in points)
    high = max(point.quality_ci[1] for point in points)
    # Where all nets are good, the differences are what is looked for.
    room = (high - low) or 0.1
    axes.set_ylim(max(0, low - 0.5 * room), min(1, high + 0.15 * room))


def _legend(axes: Axes, points: list[Point], front: Front | None) -> None:
    """Only what the plot holds, beside it, where it can hide nothing."""
    from matplotlib.lines import Line2D

    def mark(text: str, **style: Any) -> Line2D:
        return Line2D([], [], **{"linestyle": "none", "markersize": 7, "label": text, **style})

    roles = {_role(point): _color(point) for point in points}
    handles = [mark(role, marker="D", color=color) for role, color in roles.items()]
    engines = dict.fromkeys(point.net["engine"] for point in points)
    handles += [mark(e, marker=_MARKERS.get(e, "D"), color="#777777") for e in engines]
    for precision in dict.fromkeys(point.net["precision"] for point in points):
        style = {"fillstyle": _FILLINGS.get(precision, "full"), "markerfacecoloralt": "none"}
        handles.append(mark(precision, marker="o", color="#777777", **style))
    if front is not None:
        line = {"linestyle": "-", "color": _FRONT}
        handles.append(mark("front: none is better in both", **line))
        if not all(front.told_apart):
            handles.append(
                mark("not told from a neighbor", marker="o", color="#777777", fillstyle="none")
            )
    axes.legend(
        handles=handles, frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.01, 0.5)
    )


def _hollow(front: Front | None) -> list[Point]:
    if front is None:
        return []
    pairs = zip(front.points, front.told_apart, strict=True)
    return [point for point, is_told_apart in pairs if not is_told_apart]


def _color(point: Point) -> str:
    return _COLORS.get(point.net["role"], _OURS)


def _role(point: Point) -> str:
    roles = {"baseline": "baseline", "smaller": "the same, smaller image"}
    return roles.get(point.net["role"], "slim net")
