"""One label file: ``class cx cy w h`` per line in parts of the image, or a class and a polygon."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgeyolo.errors import DataError

Boxes = npt.NDArray[np.float32]  # (N, 5): class, center x, center y, width, height in 0..1

_TOLERANCE = 0.01  # labelling tools round; beyond 1 % of the image it is a mistake


def label_path(image: Path) -> Path:
    """Where the labels of an image are: the last ``images`` folder becomes ``labels``."""
    parts = list(image.parts)
    for index in range(len(parts) - 2, -1, -1):
        if parts[index] == "images":
            parts[index] = "labels"
            break
    return Path(*parts).with_suffix(".txt")


def read_labels(path: Path, classes: int) -> Boxes:
    """Boxes of one file, clipped to the image; a missing file means an image without objects.

    Raises:
        DataError: naming the file and the line.
    """
    if not path.is_file():
        return np.zeros((0, 5), dtype=np.float32)
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not a text file.") from error
    rows = [
        _row(line.split(), f"{path} line {number}", classes)
        for number, line in enumerate(lines, start=1)
        if line.strip()
    ]
    return np.unique(np.array(rows, dtype=np.float32).reshape(-1, 5), axis=0)


def _row(words: list[str], where: str, classes: int) -> list[float]:
    try:
        values = [float(word) for word in words]
    except ValueError as error:
        bad = next(word for word in words if not _is_number(word))
        raise DataError(f"{where}: {bad!r} is not a number.") from error
    if not all(np.isfinite(values)):
        raise DataError(f"{where}: a value is not finite.")
    class_id = values[0]
    if class_id != int(class_id) or not 0 <= class_id < classes:
        raise DataError(
            f"{where}: class {words[0]} is out of range.",
            f"data.yaml names {classes} classes, so it must be 0 to {classes - 1}.",
        )
    return [class_id, *_box(values[1:], where)]


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _box(values: list[float], where: str) -> list[float]:
    if len(values) == 4:
        x, y, width, height = values
        corners = np.array([x - width / 2, y - height / 2, x + width / 2, y + height / 2])
    elif len(values) >= 6 and len(values) % 2 == 0:
        points = np.array(values).reshape(-1, 2)
        corners = np.concatenate([points.min(axis=0), points.max(axis=0)])
    else:
        raise DataError(
            f"{where}: {len(values) + 1} numbers are not a box.",
            "A line is 'class center_x center_y width height', each from 0 to 1.",
        )
    if corners.min() < -_TOLERANCE or corners.max() > 1 + _TOLERANCE:
        raise DataError(
            f"{where}: the box lies outside the image.",
            "Coordinates are parts of the image, from 0 to 1.",
        )
    left, top, right, bottom = np.clip(corners, 0, 1)
    if right <= left or bottom <= top:
        raise DataError(f"{where}: the box has no area.", "Remove the line.")
    return [(left + right) / 2, (top + bottom) / 2, right - left, bottom - top]
