"""The figures of the report, as SVG text that can stand inside a page."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_INK = "#010203"  # stands for the page's own text color, which differs in dark mode
_COLORS = {"slim": "#0072b2", "baseline": "#e69f00", "smaller": "#888888"}  # color-blind safe
_LINES = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9")  # as many as nets in a run
_MARKERS = {"onnxruntime": "o", "ncnn": "s", "openvino": "^"}


def tradeoff(report: dict[str, Any]) -> str:
    """mAP50-95 with its interval against the p50 latency, the bar reaching to p90."""
    figure, axes = new_figure((9.2, 3.4))
    for row in report["rows"]:
        latency, accuracy = row["latency"]["end_to_end_ms"], row["accuracy"]
        value, (low, high) = accuracy["map50_95"], accuracy["map50_95_ci"]
        axes.errorbar(
            latency["p50"],
            value,
            xerr=[[0], [max(0, latency["p90"] - latency["p50"])]],
            yerr=[[value - low], [high - value]],
            color=_COLORS[row["role"]],
            marker=_MARKERS.get(row["engine"], "D"),
            capsize=3,
            label=f"{row['title']} {row['imgsz']} px, {row['engine']}",
        )
    axes.set_xlabel("image to detections, ms (p50; bar to p90)")
    axes.set_ylabel("mAP50-95 (95 % interval)")
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)
    _legend(axes)
    return as_svg(figure)


def curves(report: dict[str, Any]) -> str:
    """mAP50-95 on val after each epoch of each training."""
    figure, axes = new_figure((9.2, 2.4))
    for index, training in enumerate(report["training"]):
        epochs = range(1, len(training["map50_95"]) + 1)
        color = _LINES[index % len(_LINES)]
        axes.plot(epochs, training["map50_95"], color=color, label=training["name"])
    axes.locator_params(axis="x", integer=True)
    axes.set_xlabel("epoch")
    axes.set_ylabel("mAP50-95 (val)")
    axes.set_ylim(bottom=0)
    _legend(axes)
    return as_svg(figure)


def thresholds(rows: list[dict[str, Any]]) -> str:
    """Precision over recall, and F1 over confidence with its best point, of some rows."""
    figure, left = new_figure((9.2, 2.8))
    left.set_position((0.06, 0.16, 0.3, 0.8))
    right = figure.add_axes((0.44, 0.16, 0.3, 0.8))
    right.spines[["top", "right"]].set_visible(False)
    right.grid(alpha=0.25)
    for row, color in zip(rows, _LINES, strict=False):
        details = row["details"]
        precision = details["curves"]["precision_over_recall"]
        f1 = details["curves"]["by_confidence"]["f1"]
        steps = [step / (len(f1) - 1) for step in range(len(f1))]
        left.plot(steps, precision, color=color)
        label = f"{row['title']} {row['imgsz']} px, {row['engine']}"
        right.plot(steps, f1, color=color, label=label)
        common = details["operating"]["common"]
        if common["threshold"] is not None:
            right.plot(common["threshold"], common["micro"]["f1"], "o", color=color)
    left.set_xlabel("recall (IoU 0.5, mean over classes)")
    left.set_ylabel("precision")
    right.set_xlabel("confidence")
    right.set_ylabel("F1 (all classes)")
    for axes in (left, right):
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1.02)
    _legend(right)
    return as_svg(figure)


def new_figure(size: tuple[float, float]) -> tuple[Figure, Axes]:
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    ink = dict.fromkeys(
        ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), _INK
    )
    # Text stays text, and two renderings of one report are the same bytes.
    settings: dict[Any, Any] = {
        **ink,
        "svg.fonttype": "none",
        "svg.hashsalt": "edgeyolo",
        "font.size": 9,
    }
    matplotlib.rcParams.update(settings)
    figure, axes = pyplot.subplots(figsize=size)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)
    return figure, axes


def _legend(axes: Axes) -> None:
    """Beside the plot, where it can hide nothing."""
    axes.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.02, 0.5))


def as_svg(figure: Figure) -> str:
    from matplotlib import pyplot

    buffer = io.StringIO()
    figure.savefig(
        buffer, format="svg", transparent=True, bbox_inches="tight", metadata={"Date": None}
    )
    pyplot.close(figure)
    text = buffer.getvalue()
    text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    return text.replace(_INK, "currentColor")
