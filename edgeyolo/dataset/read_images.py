"""What a data.yaml says of a split → its images."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgeyolo.dataset.image_files import Absent, image_files
from edgeyolo.errors import DataError


def images_of(
    path: Path, root: Path, split: str, value: Any
) -> tuple[tuple[Path, ...], list[Absent]]:
    """Images of a split of a ``data.yaml`` at ``path``, sorted, and those that are not there.

    ``value`` is what the file says of it: a path, or a list of paths, relative to ``root``.

    Raises:
        DataError: when there is no such place, or no image in it.
    """
    entries = value if isinstance(value, list) else [value]
    if any(isinstance(entry, (list, dict)) or entry is None for entry in entries):
        raise DataError(
            f"The {split} split of {path} is not a path, nor a list of paths.",
            f"Write it as '{split}: images/{split}'.",
        )
    parts = [_expand(path, root, split, str(entry)) for entry in entries]
    found = sorted({image for images, _ in parts for image in images})
    absent = [each for _, lacking in parts for each in lacking]
    if not found and any(each.line is not None for each in absent):
        raise not_there(absent)
    if not found:
        raise DataError(f"The {split} split of {path} holds no images.")
    return tuple(found), absent


def _expand(path: Path, root: Path, split: str, entry: str) -> tuple[list[Path], list[Absent]]:
    place = root / entry
    if not _exists(place) and entry.startswith("../"):
        place = root / entry[3:]  # Roboflow writes ../train/images for a folder beside data.yaml
    if _exists(place) and place.is_dir():
        return image_files(place)
    if _exists(place) and place.suffix == ".txt" and place.is_file():
        return _listed(place)
    problem = "is neither a folder nor a .txt list" if _exists(place) else "does not exist"
    hint = "Paths in it are relative to 'path', or to its own folder."
    from_here = Path(os.path.relpath(root, path.parent)).absolute()
    if _exists(from_here / entry):  # which is how ultralytics reads it
        hint = f"{hint} If {from_here} is meant, write that."
    raise DataError(f"The {split} split of {path} points to {place}, which {problem}.", hint)


def _exists(place: Path) -> bool:
    try:
        return place.exists()
    except OSError:  # a name that no file can have
        return False


def _listed(file: Path) -> tuple[list[Path], list[Absent]]:
    try:
        lines = file.read_text(encoding="utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise DataError(f"{file} is not a text file.", "Write one image path per line.") from error
    images, absent = [], []
    for number, line in enumerate(lines, start=1):
        image = (file.parent / line.strip()).absolute()
        if line.strip() and image.is_file():
            images.append(image)
        elif line.strip():
            remedy = "Correct the line or remove it; paths are relative to the list's own folder."
            absent.append(Absent(file.absolute(), number, f"There is no image {image}.", remedy))
    return images, absent


def not_there(absent: Sequence[Absent]) -> DataError:
    """The first that is missing, and how many more there are."""
    first, more = absent[0], len(absent) - 1
    what = f"{first.what[:1].lower()}{first.what[1:]}"
    rest = f" ({more} more are missing; 'edgeyolo data check' names each.)" if more else ""
    return DataError(f"{first.file} line {first.line}: {what}{rest}", first.remedy)
