"""Folders of images, one for each class, and what is refused as none."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edgeyolo.errors import DataError
from edgeyolo.images import IMAGE_SUFFIXES

TRAIN = "train"
HELD_BACK = ("val", "validation", "valid", "test")  # the first that is there
_OF_DETECTION = {"images", "labels"}
_LAYOUT = (
    "It needs a folder of images for each class: {0}/train/<class>/*.jpg, or {0}/<class>/*.jpg."
)


def check_is_folder(root: Path) -> None:
    """Refuse a file, and what is not there."""
    if root.is_file():
        raise DataError(f"{root} is a file, not a folder of images.", _LAYOUT.format(root.parent))
    if not root.is_dir():
        raise DataError(f"There is no folder {root}.", "Give the folder of a classification set.")


def refuse_detection(root: Path) -> None:
    """Refuse a set whose folders are images and labels."""
    for place in (root, root / TRAIN):
        names = {folder.name for folder in folders_in(place)} if place.is_dir() else set()
        both = names >= _OF_DETECTION
        if both or (names & _OF_DETECTION and names <= {*_OF_DETECTION, TRAIN, *HELD_BACK}):
            raise DataError(
                f"{root} is a detection set: {place} holds "
                f"{' and '.join(sorted(names & _OF_DETECTION))}, not classes.",
                f"Give it to --data instead. {_LAYOUT.format('DATA')}",
            )


def refuse_splits_without_classes(root: Path) -> None:
    """Refuse images that lie in their splits without a folder for each class."""
    folders = folders_in(root)
    if folders and {folder.name for folder in folders} <= {TRAIN, *HELD_BACK}:
        raise DataError(
            f"The folders in {root} ({_listed(folders)}) are splits without folders for classes.",
            _LAYOUT.format(root),
        )


def classes_in(place: Path) -> dict[str, list[Path]]:
    """Images of each class by its name.

    Raises:
        DataError: when there are fewer than two, or one without images.
    """
    found = {folder.name: images_in(folder) for folder in folders_in(place)}
    if not any(found.values()):
        raise DataError(f"{place} holds no folders with images.", _LAYOUT.format(place))
    empty = [place / name for name, images in found.items() if not images]
    if empty:
        more = f", and neither do {_listed(empty[1:])}" if empty[1:] else ""
        raise DataError(
            f"The class folder {empty[0]} holds no images{more}.",
            f"Put images in ({', '.join(sorted(IMAGE_SUFFIXES))}), or remove it.",
        )
    if len(found) < 2:
        (name,) = found
        raise DataError(
            f"{place} has only one class, {name}; a classifier has to tell at least two apart.",
            "Add a folder with images of something else.",
        )
    return found


def folders_in(place: Path) -> list[Path]:
    """Sorted, without hidden ones."""
    found = (path for path in place.iterdir() if not path.name.startswith("."))
    return sorted(path for path in found if path.is_dir())


def images_in(folder: Path) -> list[Path]:
    """Sorted, with those of folders below, without hidden ones."""
    files = (path for path in folder.rglob("*") if not path.name.startswith("."))
    return sorted(p for p in files if p.suffix.lower() in IMAGE_SUFFIXES and p.is_file())


def _listed(folders: Sequence[Path]) -> str:
    return ", ".join(folder.name for folder in folders)
