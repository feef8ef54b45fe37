"""Annotations of other tools → a new YOLO data set; what is left out is told, with its place."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType

import numpy as np

from edgeyolo.dataset.annotations import (
    Annotations,
    Picture,
    Region,
    Remark,
    nothing_left,
    split_of,
)
from edgeyolo.dataset.new_dataset import Entry, Progress
from edgeyolo.dataset.read import SPLITS
from edgeyolo.dataset.together import together
from edgeyolo.errors import DataError
from edgeyolo.images import IMAGE_SUFFIXES, read_image

# Each has a module from_NAME with found(folder), the places of annotations in a folder by names
# that may tell the split, and read(place, split, images), the annotations of one place.
FORMATS = ("coco", "voc", "csv")

_SUFFIXES = {".json": "coco", ".csv": "csv"}
_NAMED = re.compile(r"(?:^|,)(train|val|test)=")
_ASPECT = 0.02  # sides are whole pixels; more than that is another picture, or one turned by EXIF
_ROUNDING = 1.0  # pixels that a box may lie outside without being worth a line

Places = dict[str | None, Path]  # file or folder of each split; None where none is named


def find_source(words: Sequence[str], format: str | None) -> tuple[str, Places]:
    """Format and places of ``SOURCE``, or of ``train=SOURCE,val=SOURCE``.

    Raises:
        DataError: when there is none, or it cannot be told which it is.
    """
    named = [pair for word in words for pair in _named(word)]
    if len(words) == 1 and not named:
        return _examine(Path(words[0]), format)
    if not all(any(_named(word)) for word in words):
        raise DataError(
            "Several sources are named, but not which split each is.",
            "Name them as train=FILE val=FILE.",
        )
    places: Places = {}
    for split, path in named:
        format, found = _examine(path, format)
        if split in places or len(found) != 1:
            raise DataError(f"{path} is not one {split} split.", "Name one file for each split.")
        places[split] = next(iter(found.values()))
    assert format is not None
    return format, places


def read_source(format: str, places: Places, images: Path | None) -> Annotations:
    """Annotations of all splits.

    Raises:
        DataError: when a file is malformed, or none of the images is there.
    """
    reader = _reader(format)
    # The first that declares a class decides on its number.
    order = [split for split in (None, *SPLITS) if split in places]
    return Annotations.join([reader.read(places[split], split, images) for split in order])


def carry_over(
    found: Annotations, *, skip_difficult: bool = False, progress: Progress | None = None
) -> tuple[list[Entry], list[Remark]]:
    """Entries of the new data set, and what was left out or clipped; decodes every image.

    Raises:
        DataError: when no box is left.
    """
    classes = {name: index for index, name in enumerate(found.names)}
    entries, remarks = [], list(found.remarks)
    outcomes = together(
        lambda each: _carried(each, classes, skip_difficult), found.pictures, progress
    )
    for entry, problems in outcomes:
        entries += [entry] if entry else []
        remarks += problems
    if not any(entry.labels for entry in entries):
        raise DataError(nothing_left(remarks), "Mend the source, or name its folder with --images.")
    return entries, remarks


def _named(word: str) -> Iterator[tuple[str, Path]]:
    marks = list(_NAMED.finditer(word))
    if not marks or marks[0].start():
        return
    ends = [*(mark.start() for mark in marks[1:]), len(word)]
    for mark, end in zip(marks, ends, strict=True):
        yield mark[1], Path(word[mark.end() : end])


def _examine(path: Path, format: str | None) -> tuple[str, Places]:
    if path.is_file():
        format = format or _SUFFIXES.get(path.suffix.lower())
        if format is None or format == "voc":
            raise DataError(
                f"{path} is neither a COCO file (.json) nor a table (.csv).",
                "Name such a file, or the folder of a VOC data set.",
            )
        return format, {None: path}
    if not path.is_dir():
        raise DataError(f"There is no {path}.", "Name a file or folder with annotations.")
    found = {name: _reader(name).found(path) for name in ([format] if format else FORMATS)}
    kinds = [name for name, files in found.items() if files]
    if len(kinds) > 1:
        raise DataError(
            f"{path} holds annotations of several kinds: {', '.join(kinds)}.",
            "Say which to read with --format.",
        )
    if not kinds:
        raise DataError(
            f"{path} holds no annotations of {format or 'a known format'}.",
            "COCO is annotations/instances_*.json, VOC is Annotations/*.xml, and CSV is *.csv.",
        )
    return kinds[0], _by_split(found[kinds[0]])


def _by_split(files: Sequence[tuple[str, Path]]) -> Places:
    """The file or folder of each split, told by the name that goes with it."""
    places: Places = {}
    for name, file in files:
        split = split_of(name)
        # One that is of no split may repeat the others or not: only the user knows.
        other = places.get(split) or places.get(None)
        other = other or (next(iter(places.values()), None) if split is None else None)
        if other:
            raise DataError(
                f"{other} and {file} are not of two different splits by their names.",
                "Name the files as train=FILE val=FILE.",
            )
        places[split] = file
    return places


def _reader(format: str) -> ModuleType:
    return import_module(f"edgeyolo.dataset.from_{format}")


def _carried(
    picture: Picture, classes: dict[str, int], skip_difficult: bool
) -> tuple[Entry | None, list[Remark]]:
    problem, size = _size(picture)
    if problem:
        boxes = f", with its {len(picture.regions)} boxes" if picture.regions else ""
        return None, [Remark(picture.place, f"{problem}; the image is left out{boxes}")]
    rows, remarks = [], []
    for region in picture.regions:
        parts, words = _parts(region, size, skip_difficult)
        if words:
            remarks.append(Remark(region.place, words))
        if parts:
            rows.append(" ".join([f"{classes[region.name]}", *(f"{part:.7g}" for part in parts)]))
    labels = "".join(f"{row}\n" for row in rows).encode()
    return Entry(picture.split or "train", picture.image, labels), remarks


def _size(picture: Picture) -> tuple[str, tuple[int, int]]:
    """What is wrong with the image, and the size that its boxes are in."""
    if picture.image.suffix.lower() not in IMAGE_SUFFIXES:
        return f"{picture.image} has no suffix of an image", (0, 0)
    try:
        height, width = read_image(picture.image).shape[:2]
    except DataError as error:
        return error.message.rstrip("."), (0, 0)
    stated = picture.size or (width, height)
    if abs(stated[0] * height / (stated[1] * width) - 1) > _ASPECT:
        words = f"{picture.image} is {width}x{height}, not {stated[0]}x{stated[1]} as stated here"
        return words, stated
    return "", stated


def _parts(
    region: Region, size: tuple[int, int], skip_difficult: bool
) -> tuple[list[float] | None, str]:
    """Center, width and height as parts of the image, and what there is to say about it."""
    if region.is_difficult and skip_difficult:
        return None, "is difficult, and left out as --skip-difficult asks"
    corners = np.array(region.corners)
    inside = np.clip(corners, 0, [*size, *size])
    if not (corners[:2] < corners[2:]).all():
        return None, f"the box of {region.name!r} has no area; it is left out"
    if not (inside[:2] < inside[2:]).all():
        return None, f"the box of {region.name!r} lies outside the image; it is left out"
    beyond = float(np.abs(corners - inside).max())
    parts = np.concatenate([(inside[:2] + inside[2:]) / 2, inside[2:] - inside[:2]]) / (
        *size,
        *size,
    )
    words = f"the box of {region.name!r} reaches {beyond:.4g} px beyond the image; it is clipped"
    return parts.tolist(), words if beyond > _ROUNDING else ""
