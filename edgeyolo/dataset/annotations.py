"""What other tools annotated: images with their boxes, and where a file's images are."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from edgeyolo.errors import DataError

_SPLIT = re.compile(r"(train|val|test)(?:ing|val|id|idation)?(?![a-z])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Region:
    """One box as its source states it."""

    place: str  # its file, and where in it
    name: str  # of the class
    corners: tuple[float, float, float, float]  # left, top, right, bottom in pixels
    is_difficult: bool = False


@dataclass(frozen=True, slots=True)
class Picture:
    """One image with what was annotated in it."""

    image: Path
    place: str
    split: str | None  # None where the source names none
    size: tuple[int, int] | None  # width and height in pixels, where the source states them
    regions: tuple[Region, ...]


@dataclass(frozen=True, slots=True)
class Remark:
    """What was left out, or carried over with a change, and where it stands in the source."""

    place: str
    problem: str

    def __str__(self) -> str:
        return f"{self.place}: {self.problem}"


@dataclass(frozen=True, slots=True)
class Annotations:
    """All of a source. ``names`` are the classes that it declares, in its order."""

    names: tuple[str, ...]
    pictures: tuple[Picture, ...]
    remarks: tuple[Remark, ...]

    @classmethod
    def join(cls, parts: Sequence[Annotations]) -> Annotations:
        """Those of several splits; classes that none declares follow sorted, for a stable order.

        Raises:
            DataError: when there is no class.
        """
        pictures = tuple(picture for part in parts for picture in part.pictures)
        declared = dict.fromkeys(name for part in parts for name in part.names)
        used = {region.name for picture in pictures for region in picture.regions}
        names = (*declared, *sorted(used - declared.keys()))
        remarks = tuple(remark for part in parts for remark in part.remarks)
        if not names:
            raise DataError(nothing_left(remarks), "It needs at least one box with a class.")
        return cls(names, pictures, remarks)


def split_of(name: str) -> str | None:
    """The split that the name of a file or folder begins with, as ``train2017`` or ``valid``."""
    match = _SPLIT.match(name)
    return match[1].lower() if match else None


def image_folder(file: Path, split: str | None, names: Sequence[str], images: Path | None) -> Path:
    """Where most of the images are that a file names: in ``images``, or near the file.

    Raises:
        DataError: when none of them is found.
    """
    if not names:
        raise DataError(f"{file} names no images.", "Export it again.")
    known = {"", "images", "JPEGImages", file.stem.rpartition("_")[2], split or ""}
    known |= {"valid"} if split == "val" else set()
    folders = [
        base / upper / lower
        for base in ([images] if images else [file.parent, file.parent.parent])
        for upper in ("", "images")
        for lower in sorted(known)
    ]
    there = [folder for folder in dict.fromkeys(folders) if folder.is_dir()]
    held = [sum(locate(folder, name) is not None for name in names) for folder in there]
    if not any(held):
        raise DataError(
            f"None of the {len(names)} images that {file} names is in {images or file.parent}.",
            "Name the folder that they are relative to with --images.",
        )
    return there[held.index(max(held))]


def locate(folder: Path, name: str) -> Path | None:
    """The image of that name, also by a name with ``\\`` or an absolute one of another machine."""
    plain = name.replace("\\", "/")
    tries = [folder / name, folder / plain]
    if plain.startswith("/") or plain[1:3] == ":/":
        tries.append(folder / plain.rpartition("/")[2])
    with suppress(OSError, ValueError):  # a name that no file can have
        return next((each.absolute() for each in tries if each.is_file()), None)
    return None


def nothing_left(remarks: Sequence[Remark]) -> str:
    first = f": {remarks[0]}" if remarks else ""
    return f"The source holds no box that can be carried over{first}."
