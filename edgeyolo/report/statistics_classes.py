"""The classes in the figure of a data set: few beside each other, many below each other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edgeyolo.report.statistics import LABEL, shares_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.gridspec import SubplotSpec

COLORS = {"train": "#0072b2", "val": "#e69f00", "test": "#009e73"}  # color-blind safe
_FEW = 12  # classes whose names fit side by side
_MOST = 120  # classes in the figure; the text lists all
_COLUMNS = 3
_TICKS = (0, 2, 5, 10, 20, 40, 60, 80, 100)
_ROW = 0.17  # inches of a class below another: a line of text


def title(axes: Axes, text: str, place: str = "left") -> None:
    """Above the axes, as those of all parts of the figure."""
    axes.set_title(text, fontsize=9, loc=place)  # type: ignore[arg-type]


def class_height(found: dict[str, Any]) -> float:
    """Inches that the classes take."""
    count = len(_shown(found))
    return 2.0 if count <= _FEW else 0.3 + _ROW * -(-count // _COLUMNS)


def draw_classes(figure: Figure, place: SubplotSpec, found: dict[str, Any]) -> None:
    """Bars in percent of the boxes of each split, the most frequent class first."""
    shown, splits = _shown(found), found["splits"]
    shares = {split: 100 * np.array(shares_of(e["boxes_of_class"])) for split, e in splits.items()}
    if len(shown) <= _FEW:
        first = figure.add_subplot(place)
        names = [short(found["names"][index]) for index in shown]
        draw_bars(first, names, {split: values[shown] for split, values in shares.items()})
    else:
        grid, rows = place.subgridspec(1, _COLUMNS), -(-len(shown) // _COLUMNS)
        columns = [figure.add_subplot(grid[0, number]) for number in range(_COLUMNS)]
        for number, axes in enumerate(columns):
            _draw_column(axes, found, shown[number * rows :][:rows], rows, shares)
        first = columns[0]
    title(first, "boxes by class, %" + "".join(_rest(found, shown)))
    handles = [patch(color) for split, color in COLORS.items() if split in splits]
    figure.legend(handles, list(splits), frameon=False, fontsize=8, loc="upper right", ncols=3)


def patch(color: str) -> Any:
    """A mark of that color in a legend."""
    from matplotlib.patches import Patch

    return Patch(color=color)


def short(name: str) -> str:
    """What of a name has room."""
    return name if len(name) <= LABEL else f"{name[: LABEL - 1]}…"


def draw_bars(axes: Axes, names: list[str], heights: dict[str, NDArray[np.float64]]) -> None:
    """Upright bars, those of the splits beside each other."""
    places, width = np.arange(len(names)), 0.8 / len(heights)
    for number, (split, values) in enumerate(heights.items()):
        offset = (number - (len(heights) - 1) / 2) * width
        axes.bar(places + offset, values, width, color=COLORS[split])
    turned: dict[str, Any] = {"rotation": 40, "ha": "right", "rotation_mode": "anchor"}
    is_long = len(names) * max(map(len, names), default=0) > 120  # what fits side by side
    # A name may hold a $, which is no formula.
    axes.set_xticks(places, names, fontsize=8, parse_math=False, **(turned if is_long else {}))
    axes.set_xlim(-0.6, max(len(names), 1) - 0.4)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", alpha=0.25)
    axes.set_axisbelow(True)


def _shown(found: dict[str, Any]) -> NDArray[np.int64]:
    """Indices of the classes that have boxes, the most frequent first."""
    totals = np.sum([each["boxes_of_class"] for each in found["splits"].values()], axis=0)
    most = np.argsort(-totals, kind="stable")[:_MOST]
    return np.asarray(most[totals[most] > 0], np.int64)


def _rest(found: dict[str, Any], shown: NDArray[np.int64]) -> Iterator[str]:
    totals = np.sum([each["boxes_of_class"] for each in found["splits"].values()], axis=0)
    more, bare = int((totals > 0).sum()) - len(shown), int((totals == 0).sum())
    if len(shown) > _FEW:
        yield " on a scale of roots; behind the bars their number"
    if more:
        yield f"; {more} more classes have some"
    if bare:
        yield f"; {bare} of {len(totals)} classes {'has' if bare == 1 else 'have'} none"


def _root(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.sqrt(np.maximum(values, 0))  # matplotlib asks for places left of 0, too


def _draw_column(
    axes: Axes,
    found: dict[str, Any],
    classes: NDArray[np.int64],
    rows: int,
    shares: dict[str, NDArray[np.float64]],
) -> None:
    """Bars that lie below each other, and the boxes of each split behind them."""
    places, width = np.arange(len(classes)), 0.7 / len(shares)
    for number, (split, values) in enumerate(shares.items()):
        offset = (number - (len(shares) - 1) / 2) * width
        axes.barh(places + offset, values[classes], width, color=COLORS[split])
    names = [short(found["names"][index]) for index in classes]
    axes.set_yticks(places, names, fontsize=7, parse_math=False)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(rows - 0.4, -0.6)
    axes.tick_params(axis="x", labelsize=7)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="x", alpha=0.25)
    axes.set_axisbelow(True)
    most = max(float(values.max(initial=0)) for values in shares.values())
    # One scale for all columns, on which a class of a hundredth still shows beside the largest.
    axes.set_xscale("function", functions=(_root, np.square))
    axes.set_xlim(0, most * 1.8)  # for the numbers behind the longest bar
    ticks = [tick for tick in _TICKS if tick <= most * 1.3]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    for place, index in zip(places.tolist(), classes.tolist(), strict=True):
        boxes = [each["boxes_of_class"][index] for each in found["splits"].values()]
        longest = max(values[index] for values in shares.values())
        _write(axes, " / ".join(map(str, boxes)), (longest, place))


def _write(axes: Axes, text: str, spot: tuple[float, float]) -> None:
    """Text right of a spot; there is room for it, and to measure hundreds takes time."""
    place: dict[str, Any] = {"xytext": (3, 0), "textcoords": "offset points"}
    axes.annotate(text, spot, va="center", fontsize=6, **place).set_in_layout(False)
