"""Curves of trainings: all of a few, and of many the best before all others in gray."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from edgeyolo.report.figures import COLORS, as_svg, as_text, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST = 8  # curves that can be told apart, as many as colors
_BEST = 5  # that are shown where there are more
_POINTS = 120  # of a curve, which then is as fine as the figure
_LOSSES = 4  # in a row

Named = tuple[str, dict[str, Any]]  # what a training is called, and what it told


def map_svg(trainings: Sequence[Named]) -> str:
    """mAP50-95 on val after each epoch."""
    figure, axes = new_figure((7.2, 2.6))
    chosen = chosen_of(trainings)
    for named in trainings:
        if named not in chosen:
            _draw(axes, named[1]["map50_95"], "#999999", alpha=0.4, linewidth=0.8)
    lines = [
        _draw(axes, told["map50_95"], color, label="")
        for (_, told), color in zip(chosen, COLORS, strict=False)
    ]
    axes.set_xlabel("epoch")
    axes.set_ylabel("mAP50-95 (val)")
    axes.set_ylim(bottom=0)
    axes.locator_params(axis="x", integer=True)
    # By handles and names: matplotlib leaves out a name that begins with an underscore.
    names = [as_text(name) for name, _ in chosen]
    place: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (0, -0.2), "ncols": 2}
    axes.legend(lines, names, frameon=False, fontsize=8, **place)
    return as_svg(figure)


def losses_svg(trainings: Sequence[Named]) -> str:
    """Each loss on the training images by epoch; nothing where none was told."""
    chosen = [(told, color) for (_, told), color in zip(chosen_of(trainings), COLORS, strict=False)]
    names = list(dict.fromkeys(name for told, _ in chosen for name in told.get("loss") or {}))
    if not names:
        return ""
    rows = math.ceil(len(names) / _LOSSES)
    figure, first = new_figure((7.2, 1.9 * rows))
    first.remove()
    for number, name in enumerate(names, start=1):
        axes = figure.add_subplot(rows, _LOSSES, number)
        for told, color in chosen:
            if values := (told.get("loss") or {}).get(name):
                _draw(axes, values, color, linewidth=1)
        axes.set_title(as_text(name), fontsize=8)
        axes.tick_params(labelsize=7)
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
        axes.locator_params(axis="x", integer=True, nbins=4)
    figure.subplots_adjust(wspace=0.45, hspace=0.5)
    return as_svg(figure)


def chosen_of(trainings: Sequence[Named]) -> list[Named]:
    """Those in color, in their order: all, or of many the ones with the best epoch."""
    if len(trainings) <= _MOST:
        return list(trainings)
    best = sorted(trainings, key=lambda named: -best_of(named[1])[1])[:_BEST]
    return [named for named in trainings if named in best]


def best_of(told: dict[str, Any]) -> tuple[int, float]:
    """The epoch with the highest mAP50-95, from 1, and that; (0, -1) where none was measured."""
    known = [(value, epoch) for epoch, value in enumerate(told["map50_95"], 1) if value is not None]
    value, epoch = max(known, key=lambda pair: (pair[0], -pair[1]), default=(-1.0, 0))
    return epoch, value


def _draw(axes: Axes, values: Iterable[float | None], color: str, **style: Any) -> Any:
    known = [math.nan if value is None else value for value in values]
    step = math.ceil(len(known) / _POINTS) or 1
    # The last epoch is always there, where the curve ends.
    epochs = sorted({*range(1, len(known) + 1, step), len(known)} - {0})
    if len(epochs) < 2:  # a line of one point is not seen
        style |= {"marker": "o", "markersize": 3}
    (line,) = axes.plot(epochs, [known[epoch - 1] for epoch in epochs], color=color, **style)
    return line
