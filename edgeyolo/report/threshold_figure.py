"""Where to put the threshold of an exported file."""

from __future__ import annotations

from edgeyolo.report.figures import COLORS, as_svg, as_text, legend_beside, new_figure
from edgeyolo.report.form import Row, label


def thresholds(nets: list[Row]) -> str:
    """Precision over recall, and F1 over confidence with its best point, of at most eight nets."""
    figure, left = new_figure((9.2, 2.8))
    left.set_position((0.06, 0.16, 0.3, 0.8))
    right = figure.add_axes((0.44, 0.16, 0.3, 0.8))
    right.spines[["top", "right"]].set_visible(False)
    right.grid(alpha=0.25)
    for net, color in zip(nets, COLORS, strict=False):
        details = net["details"]
        precision = details["curves"]["precision_over_recall"]
        f1 = details["curves"]["by_confidence"]["f1"]
        steps = [step / (len(f1) - 1) for step in range(len(f1))]
        left.plot(steps, precision, color=color)
        right.plot(steps, f1, color=color, label=as_text(label(net)))
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
    legend_beside(right)
    return as_svg(figure)
