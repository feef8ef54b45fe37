"""The images in a folder, and what has the name of one but is none."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edgeyolo.errors import DataError
from edgeyolo.images import IMAGE_SUFFIXES


@dataclass(frozen=True, slots=True)
class Absent:
    """An image that a data set names and does not have: ``file`` and ``line`` are where it does."""

    file: Path
    line: int | None
    what: str
    remedy: str


def image_files(folder: Path) -> tuple[list[Path], list[Absent]]:
    """Images in a folder and all below, also linked ones, by absolute paths; hidden ones are not.

    Raises:
        DataError: when a folder cannot be read.
    """
    images, absent = [], []
    for path in _named_as_images(folder.absolute(), frozenset()):
        if path.is_file():
            images.append(path)
        else:
            absent.append(Absent(path, None, _instead(path), "Bring the image back, or remove it."))
    return images, absent


def _named_as_images(folder: Path, above: frozenset[str]) -> Iterator[Path]:
    real = os.path.realpath(folder)
    if real in above:
        return  # a link to a folder that it lies in
    for entry in _entries(folder):
        path = Path(entry.path)
        is_image = path.suffix.lower() in IMAGE_SUFFIXES
        # Without a look at the disk for all but links: there may be 100,000 entries.
        if path.is_dir() if entry.is_symlink() else entry.is_dir():
            below = list(_named_as_images(path, above | {real}))
            yield from below
            is_image = is_image and not below
        if is_image:
            yield path


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return sorted((each for each in found if each.name[0] != "."), key=lambda e: e.name)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise DataError(f"{folder} cannot be read: {reason}.", "Allow it to be read.") from error


def _instead(path: Path) -> str:
    return f"This is {what_it_is(path)}, not an image."


def what_it_is(path: Path) -> str:
    """In words, of what is no regular file."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return "a link to nothing" if path.is_symlink() else "gone"
    if stat.S_ISDIR(mode):
        return "a folder"
    return "a pipe, a socket or a device"
