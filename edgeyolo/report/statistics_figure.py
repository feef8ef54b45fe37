"""Statistics of a data set as one SVG."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from edgeyolo.plan.estimate import level_of
from edgeyolo.report.figures import as_svg, new_figure
from edgeyolo.report.statistics import ASPECT_LABELS, per_image_labels, shares_of
from edgeyolo.report.statistics_classes import COLORS, class_height, draw_bars, draw_classes, patch
from edgeyolo.report.statistics_classes import title as _title

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_HEIGHTS = (2.4, 2.4, 2.6)  # inches of the parts below the classes
_MAP = 3  # columns of twelve


def statistics_svg(found: dict[str, Any]) -> str:
    """All of it as one figure, the same bytes for the same values."""
    with warnings.catch_warnings():
        # The measures of a name are guessed where matplotlib's font lacks its letters; the text
        # itself is drawn by whoever shows the file.
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        return as_svg(_figure(found))


def sides_svg(found: dict[str, Any]) -> str:
    """Sizes of boxes alone, with the strides marked and the level that mostly serves them."""
    figure, axes = new_figure((7.2, 2.6))
    _draw_sides(axes, found)
    edges = found["bins"]["side_px"]
    for level in found["levels"]:
        if level["stride"] in edges:
            at = edges.index(level["stride"]) + 0.5
            axes.axvline(at, color="#888888", linestyle=":", linewidth=1)
            place: dict[str, Any] = {"rotation": 90, "ha": "right", "va": "top", "fontsize": 7}
            words = f"stride {level['stride']}"
            axes.text(at - 0.02, 0.9, words, transform=axes.get_xaxis_transform(), **place)
    handles = [patch(color) for split, color in COLORS.items() if split in found["splits"]]
    below: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (0, -0.12), "ncols": 3}
    axes.legend(handles, list(found["splits"]), frameon=False, fontsize=8, **below)
    return as_svg(figure)


def _figure(found: dict[str, Any]) -> Figure:
    heights = (class_height(found), *_HEIGHTS)
    figure, first = new_figure((9.2, sum(heights) + 1))
    first.remove()
    figure.set_layout_engine("constrained", h_pad=0.12, w_pad=0.08)
    splits = found["splits"]
    grid = figure.add_gridspec(4, 12, height_ratios=heights)
    draw_classes(figure, grid[0, :], found)
    _draw_sides(figure.add_subplot(grid[1, :]), found)
    aspects, images = figure.add_subplot(grid[2, :6]), figure.add_subplot(grid[2, 6:])
    _draw_counts(aspects, _in_two(ASPECT_LABELS), splits, "aspect")
    _title(aspects, "boxes by width : height, %")
    _draw_counts(images, _in_two(per_image_labels()), splits, "boxes_per_image")
    _title(images, "images by their number of boxes, %")
    for number, (split, each) in enumerate(splits.items()):
        _draw_map(figure.add_subplot(grid[3, _MAP * number : _MAP * (number + 1)]), split, each)
    _draw_image_sizes(figure.add_subplot(grid[3, _MAP * len(splits) :]), splits)
    return figure


def _in_two(labels: Iterable[str]) -> list[str]:
    """Ranges in two lines, which are narrower."""
    return [label.replace(" - ", " -\n") for label in labels]


def _draw_sides(axes: Axes, found: dict[str, Any]) -> None:
    """Sizes of boxes, with lines between those of one level and the next."""
    limits = found["bins"]["side_px"]
    labels = [f"{low:g} - {high:g}" for low, high in zip([0, *limits], limits, strict=False)]
    _draw_counts(axes, labels, found["splits"], "side_px")
    _title(axes, f"boxes by the root of their area, in pixels of an image of {found['imgsz']}, %")
    levels = level_of(np.array(limits, np.float64)).tolist()
    for index in sorted(set(levels)):
        start, level = levels.index(index) - 0.5, found["levels"][index]
        words = f"{level['name']}, stride {level['stride']}"
        axes.text(start + 0.05, 0.94, words, transform=axes.get_xaxis_transform(), fontsize=8)
        if start > 0:
            axes.axvline(start, color="#888888", linestyle="--", linewidth=1)
    axes.margins(y=0.15)


def _draw_counts(axes: Axes, labels: list[str], splits: dict[str, Any], key: str) -> None:
    shares = {split: 100 * np.array(shares_of(each[key])) for split, each in splits.items()}
    draw_bars(axes, labels, shares)


def _draw_map(axes: Axes, split: str, each: dict[str, Any]) -> None:
    # Edges of the cells' own color: without them viewers show seams.
    axes.pcolormesh(
        np.array(each["centers"]), cmap="cividis", vmin=0, edgecolors="face", linewidth=0.8
    )
    axes.invert_yaxis()
    axes.set_aspect("equal", anchor="NW")
    axes.set(xticks=[], yticks=[])
    _title(axes, f"centers, {split}" if each["boxes"] else f"no boxes in {split}")


def _draw_image_sizes(axes: Axes, splits: dict[str, Any]) -> None:
    for split, each in splits.items():
        sizes = np.array([list(size.values()) for size in each["image_sizes"]])
        area = 10 + 110 * sizes[:, 2] / sizes[:, 2].sum()
        dots = axes.scatter(sizes[:, 0], sizes[:, 1], area, COLORS[split], alpha=0.5, linewidths=0)
        dots.set_clip_on(False)
    axes.margins(0.12)
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    _title(axes, "image sizes, px")
