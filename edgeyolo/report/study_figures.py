"""The figures of a study, as SVG text that can stand inside a page."""

from __future__ import annotations

from typing import Any

from edgeyolo.report.figures import as_svg, new_figure
from edgeyolo.report.study_groups import effects, is_inconclusive, map_of

Row = dict[str, Any]
# Color-blind safe (Okabe and Ito).
_COLORS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#888888")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")
_LINE, _MARGIN = 0.24, 0.8  # inches of a row, and of what is around them


def forest(found: Row) -> str:
    """mAP50-95 of each row with its interval, the best on top."""
    rows = sorted(found["rows"], key=map_of)
    figure, axes = new_figure((7.6, _MARGIN + _LINE * len(rows)))
    for place, row in enumerate(rows):
        value, (low, high) = map_of(row), row["accuracy"]["map50_95_ci"]
        is_best = row["name"] == found["best"]
        same = is_best or is_inconclusive(row)
        axes.errorbar(
            value,
            place,
            xerr=[[value - low], [high - value]],
            color=_COLORS[0] if same else _COLORS[-1],
            marker="D" if is_best else "o",
            capsize=2,
            clip_on=False,
        )
    axes.set_yticks(range(len(rows)), [row["name"] for row in rows], parse_math=False)
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.set_xlim(left=0)
    axes.set_xlabel(f"mAP50-95 on {found['data']['split']} (95 % interval over images)")
    return as_svg(figure)


def against_latency(found: Row) -> str:
    """mAP50-95 against p50: a color for each net, a marker for each image size."""
    figure, axes = new_figure((7.2, 3.4))
    nets, sizes = found["factors"]["net"], found["factors"]["imgsz"]
    named = set()
    for row in found["rows"]:
        label = f"{row['net']}, {row['imgsz']} px"
        axes.plot(
            row["latency_ms"]["p50"],
            map_of(row),
            linestyle="none",
            color=_COLORS[nets.index(row["net"]) % len(_COLORS)],
            marker=_MARKERS[sizes.index(row["imgsz"]) % len(_MARKERS)],
            label=label if label not in named else None,
            clip_on=False,
        )
        named.add(label)
    axes.set_xlabel(f"image to detections with {found['engine']} here, ms (p50)")
    axes.set_ylabel("mAP50-95")
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.02, 0.5))
    return as_svg(figure)


def effects_figure(found: Row) -> str:
    """Points of each level against the first one, with the least and the greatest of the pairs."""
    listed = effects(found)[::-1]
    figure, axes = new_figure((6.4, _MARGIN + _LINE * len(listed)))
    for place, each in enumerate(listed):
        axes.plot([each["low"], each["high"]], [place, place], color=_COLORS[0], alpha=0.5)
        axes.plot(each["points"], place, color=_COLORS[0], marker="o")
    axes.axvline(0, color=_COLORS[-1], linewidth=1)
    labels = [f"{e['factor']} {e['level']} against {e['first']}" for e in listed]
    axes.set_yticks(range(len(listed)), labels, parse_math=False)
    axes.set_ylim(-0.6, len(listed) - 0.4)
    axes.set_xlabel("points of mAP50-95 (mean of the pairs; line: least to greatest)")
    return as_svg(figure)
