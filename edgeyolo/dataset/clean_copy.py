"""Write the cleaned copy of a data set; the data set itself is only read."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml

from edgeyolo.dataset.fix import Cleaning, Copy
from edgeyolo.dataset.read import SPLITS, Dataset, read_values
from edgeyolo.errors import DataError, UsageError
from edgeyolo.files import new_folder

CHANGES = "changes.txt"  # in the copy: every change, one a line

# JPEG and WebP lose a little once more, which at 95 nobody sees; the turned ones alone pay that,
# for all programs to see the picture as their labels mean it, also those that ignore EXIF.
_QUALITY = {
    ".jpg": (cv2.IMWRITE_JPEG_QUALITY, 95),
    ".webp": (cv2.IMWRITE_WEBP_QUALITY, 95),
}


def check_out(dataset: Dataset, out: Path) -> None:
    """Refuse a folder that is not free.

    Raises:
        UsageError: when it holds something, or lies within the data set.
    """
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise UsageError(f"{out} exists already.", "Name a new folder with --out.")
    place = out.resolve()
    for home in _homes(dataset):
        if place.is_relative_to(home):
            raise UsageError(
                f"{out} lies within the data set, in {home}.",
                "Name a folder outside of it with --out.",
            )


def write_copy(
    dataset: Dataset,
    cleaning: Cleaning,
    out: Path,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Write all of it, or nothing; the path of the new data.yaml.

    Raises:
        DataError: when a file of the data set can no longer be read.
        EdgeyoloError: when the copy cannot be written.
    """
    with new_folder(out, replace=out.exists()) as folder:
        for done, copy in enumerate(cleaning.copies, start=1):
            target = folder / copy.target
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(_content(copy))
            if progress:
                progress(done, len(cleaning.copies))
        (folder / "data.yaml").write_text(_data_yaml(dataset), encoding="utf-8")
        lines = "".join(f"{change}\n" for change in cleaning.changes)
        # Names of files may hold bytes that are no UTF-8.
        (folder / CHANGES).write_text(lines, encoding="utf-8", errors="backslashreplace")
    return out / "data.yaml"


def _homes(dataset: Dataset) -> set[Path]:
    """Folders that belong to a data set: of its data.yaml, and of the images of each split."""
    homes = {dataset.path.parent.resolve()}
    for images in dataset.splits.values():
        homes.add(Path(os.path.commonpath([image.parent for image in images])).resolve())
    return homes


def _content(copy: Copy) -> bytes:
    if copy.text is not None:
        return copy.text.encode()
    try:
        data = copy.source.read_bytes()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise DataError(f"{copy.source} can no longer be read: {reason}.") from error
    if copy.upright is None:
        return data
    # As it is meant to be seen; gray and 16 bits stay.
    flags = cv2.IMREAD_ANYCOLOR | cv2.IMREAD_ANYDEPTH
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), flags) if data else None
    if picture is None:
        raise DataError(f"{copy.source} can no longer be decoded.", "Run the command again.")
    return cv2.imencode(copy.upright, picture, _QUALITY.get(copy.upright, ()))[1].tobytes()


def _data_yaml(dataset: Dataset) -> str:
    """That of the data set with the copy's folders; comments are lost, other keys are not."""
    kept: dict[str, Any] = {
        key: value
        for key, value in read_values(dataset.path).items()
        if key not in (*SPLITS, "path")
    }
    splits = {split: f"images/{split}" for split in dataset.splits}
    return yaml.safe_dump({**splits, **kept}, allow_unicode=True, sort_keys=False)
