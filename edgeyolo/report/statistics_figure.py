"""Statistics of a data set as one SVG."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from edgeyolo.plan.estimate import level_of
from edgeyolo.report.figures import as_svg, new_figure
from edgeyolo.report.statistics import ASPECT_LABELS, LABEL, per_image_labels, shares_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLORS = {"train": "#0072b2", "val": "#e69f00", "test": "#009e73"}  # color-blind safe
_MOST = 24  # classes in the figure


def statistics_svg(found: dict[str, Any]) -> str:
    """All of it as one figure, the same bytes for the same values."""
    with warnings.catch_warnings():
        # The measures of a name are guessed where matplotlib's font lacks its letters; the text
        # itself is drawn by whoever shows the file.
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        return as_svg(_figure(found))


def _figure(found: dict[str, Any]) -> Figure:
    figure, first = new_figure((9.2, 10.5))
    first.remove()
    figure.set_layout_engine("constrained", h_pad=0.12, w_pad=0.08)
    splits = found["splits"]
    grid = figure.add_gridspec(4, 12)
    _draw_classes(figure.add_subplot(grid[0, :]), found)
    _draw_sides(figure.add_subplot(grid[1, :]), found)
    aspects, images = figure.add_subplot(grid[2, :6]), figure.add_subplot(grid[2, 6:])
    _draw_bars(aspects, _in_two(ASPECT_LABELS), splits, "aspect")
    _title(aspects, "boxes by width : height, %")
    _draw_bars(images, _in_two(per_image_labels()), splits, "boxes_per_image")
    _title(images, "images by their number of boxes, %")
    for column, (split, each) in enumerate(splits.items()):
        _draw_map(figure.add_subplot(grid[3, 3 * column : 3 * column + 3]), split, each)
    _draw_image_sizes(figure.add_subplot(grid[3, 9:]), splits)
    return figure


def _title(axes: Axes, text: str) -> None:
    axes.set_title(text, fontsize=9, loc="left")


def _in_two(labels: Iterable[str]) -> list[str]:
    """Ranges in two lines, which are narrower."""
    return [label.replace(" - ", " -\n") for label in labels]


def _draw_classes(axes: Axes, found: dict[str, Any]) -> None:
    splits = found["splits"]
    totals = np.sum([each["boxes_of_class"] for each in splits.values()], axis=0)
    most = np.argsort(-totals, kind="stable")[:_MOST]
    most = most[totals[most] > 0]
    shares = {split: shares_of(each["boxes_of_class"]) for split, each in splits.items()}
    chosen = {split: [values[index] for index in most] for split, values in shares.items()}
    _draw_groups(axes, [found["names"][index] for index in most], chosen)
    rest = int((totals > 0).sum()) - len(most)
    more = f" (the {_MOST} most frequent; {rest} more have boxes)" if rest else ""
    _title(axes, f"boxes by class, %{more}")
    axes.legend(frameon=False, fontsize=8, loc="upper right")


def _draw_sides(axes: Axes, found: dict[str, Any]) -> None:
    """Sizes of boxes, with lines between those of one level and the next."""
    limits = found["bins"]["side_px"]
    labels = [f"{low:g} - {high:g}" for low, high in zip([0, *limits], limits, strict=False)]
    _draw_bars(axes, labels, found["splits"], "side_px")
    _title(axes, f"boxes by the root of their area, in pixels of an image of {found['imgsz']}, %")
    levels = level_of(np.array(limits, np.float64)).tolist()
    for index in sorted(set(levels)):
        start, level = levels.index(index) - 0.5, found["levels"][index]
        words = f"{level['name']}, stride {level['stride']}"
        axes.text(start + 0.05, 0.94, words, transform=axes.get_xaxis_transform(), fontsize=8)
        if start > 0:
            axes.axvline(start, color="#888888", linestyle="--", linewidth=1)
    axes.margins(y=0.15)


def _draw_bars(axes: Axes, labels: list[str], splits: dict[str, Any], key: str) -> None:
    _draw_groups(axes, labels, {split: shares_of(each[key]) for split, each in splits.items()})


def _draw_groups(axes: Axes, labels: list[str], shares: dict[str, list[float]]) -> None:
    """Bars in percent, those of the splits beside each other."""
    places, width = np.arange(len(labels)), 0.8 / len(shares)
    for number, (split, values) in enumerate(shares.items()):
        offset = (number - (len(shares) - 1) / 2) * width
        heights = 100 * np.array(values)
        axes.bar(places + offset, heights, width, color=_COLORS[split], label=split)
    turned: dict[str, Any] = {"rotation": 40, "ha": "right", "rotation_mode": "anchor"}
    texts = [label if len(label) <= LABEL else f"{label[: LABEL - 1]}…" for label in labels]
    is_long = len(labels) * max(map(len, texts), default=0) > 120  # what fits side by side
    # A name may hold a $, which is no formula.
    axes.set_xticks(places, texts, fontsize=8, parse_math=False, **(turned if is_long else {}))
    axes.set_xlim(-0.6, len(labels) - 0.4)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", alpha=0.25)
    axes.set_axisbelow(True)


def _draw_map(axes: Axes, split: str, each: dict[str, Any]) -> None:
    # Edges of the cells' own color: without them viewers show seams.
    axes.pcolormesh(
        np.array(each["centers"]), cmap="cividis", vmin=0, edgecolors="face", linewidth=0.2
    )
    axes.invert_yaxis()
    axes.set_aspect("equal", anchor="NW")
    axes.set(xticks=[], yticks=[])
    _title(axes, f"centers, {split}")


def _draw_image_sizes(axes: Axes, splits: dict[str, Any]) -> None:
    for split, each in splits.items():
        sizes = np.array([list(size.values()) for size in each["image_sizes"]])
        area = 10 + 110 * sizes[:, 2] / sizes[:, 2].sum()
        dots = axes.scatter(sizes[:, 0], sizes[:, 1], area, _COLORS[split], alpha=0.5, linewidths=0)
        dots.set_clip_on(False)
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    _title(axes, "image sizes, px")
