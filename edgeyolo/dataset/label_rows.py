"""Numbers of one label line → class and box, by the reader's own rules, and what is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

from edgeyolo.dataset.findings import Fault, Kind

TOLERANCE = 0.01  # of the image, as in labels.py; a test holds the two together
_PIXELS = 2.0  # no box in parts of the image reaches that far

Row = tuple[int, float, float, float, float]  # class, center x, center y, width, height in 0..1
_Corners = tuple[float, float, float, float]  # left, top, right, bottom


def read_row(
    values: Sequence[float], classes: int, *, segmented: bool
) -> tuple[Row | None, list[Fault]]:
    """The label, as it is read or once its faults are mended; ``None`` where there is none.

    ``segmented`` says that other lines of the file are polygons, so that six numbers are one that
    was cut off and not a box with a column too many.
    """
    if not all(map(isfinite, values)):
        return None, [_NOT_FINITE]
    class_faults = _class_faults(values[0], classes)
    corners, line_faults = _corners(list(values[1:]), segmented=segmented)
    clipped, box_faults = _clipped(corners) if corners else (None, [])
    faults = [*class_faults, *line_faults, *box_faults]
    if clipped is None or class_faults:
        return None, faults
    left, top, right, bottom = clipped
    center = (left + right) / 2, (top + bottom) / 2
    return (int(values[0]), *center, right - left, bottom - top), faults


def _class_faults(value: float, classes: int) -> list[Fault]:
    if value == int(value) and 0 <= value < classes:
        return []
    return [
        Fault(
            Kind.CLASS_OUT_OF_RANGE,
            f"Class {value:g} is out of range.",
            f"data.yaml names {classes} classes, so write 0 to {classes - 1}, or name it there.",
        )
    ]


def _corners(values: list[float], *, segmented: bool) -> tuple[_Corners | None, list[Fault]]:
    if len(values) == 5 and not segmented:
        corners, faults = _corners(values[:4], segmented=segmented)
        return corners, [_EXTRA_COLUMN, *faults]
    if len(values) == 4:
        x, y, width, height = values
        faults = [_NEGATIVE] if width < 0 or height < 0 else []
        # Whoever takes the corners in the wrong order gets the right center and a minus.
        width, height = abs(width), abs(height)
        return (x - width / 2, y - height / 2, x + width / 2, y + height / 2), faults
    if len(values) >= 6 and len(values) % 2 == 0:
        xs, ys = values[::2], values[1::2]
        return (min(xs), min(ys), max(xs), max(ys)), [_POLYGON]
    return None, [_count(len(values) + 1)]


def _clipped(corners: _Corners) -> tuple[_Corners | None, list[Fault]]:
    """The part within the image; ``None`` where it is nothing, or its center lies outside."""
    left, top, right, bottom = corners
    faults: list[Fault] = []
    if max(corners) > _PIXELS:
        return None, [_IN_PIXELS]
    if right <= left or bottom <= top:
        return None, [_zero("The box has no area.")]
    if min(corners) < -TOLERANCE or max(corners) > 1 + TOLERANCE:
        faults = [_outside(corners)]
        if not (0 <= left + right <= 2 and 0 <= top + bottom <= 2):
            return None, faults  # of most of it nothing can be seen
    inside = max(left, 0.0), max(top, 0.0), min(right, 1.0), min(bottom, 1.0)
    if inside[2] <= inside[0] or inside[3] <= inside[1]:
        return None, faults or [_zero("Within the image, the box has no area.")]
    return inside, faults


def _outside(corners: _Corners) -> Fault:
    left, top, right, bottom = corners
    over = {"left": -left, "top": -top, "right": right - 1, "bottom": bottom - 1}
    side = max(over, key=lambda key: over[key])
    return Fault(
        Kind.BOX_OUTSIDE,
        f"The box reaches {over[side]:.1%} of the image beyond its {side} edge.",
        "Clip it to the image; coordinates are parts of the image, from 0 to 1.",
    )


def _zero(what: str) -> Fault:
    return Fault(Kind.BOX_ZERO_SIZE, what, "Draw it again, or remove the line.")


def _count(numbers: int) -> Fault:
    return Fault(
        Kind.LINE_COUNT,
        f"A box is 5 numbers, and the line has {numbers}.",
        "Write 'class center_x center_y width height', each of the four from 0 to 1.",
    )


_NOT_FINITE = Fault(
    Kind.VALUE_NOT_FINITE,
    "A value is NaN or infinite.",
    "Draw the box again, or remove the line.",
)
_EXTRA_COLUMN = Fault(
    Kind.LINE_EXTRA_COLUMN,
    "A sixth number follows the box, such as a score or a track.",
    "Remove it.",
)
_NEGATIVE = Fault(
    Kind.BOX_NEGATIVE_SIZE,
    "The box has a negative width or height.",
    "Remove the minus if its corners were swapped, else draw it again.",
)
_POLYGON = Fault(
    Kind.LINE_POLYGON,
    "This is an outline for segmentation, not a box.",
    # One file that holds both is refused by ultralytics, image and all.
    "Write the box around it: class center_x center_y width height.",
)
_IN_PIXELS = Fault(
    Kind.BOX_IN_PIXELS,
    "The box lies far outside the image, as if it were in pixels.",
    "Divide x and width by the image's width, y and height by its height.",
)
