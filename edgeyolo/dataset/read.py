"""data.yaml → Dataset: class names and the images of each split."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from edgeyolo.dataset.labels import label_path
from edgeyolo.errors import DataError
from edgeyolo.images import IMAGE_SUFFIXES

SPLITS = ("train", "val", "test")


@dataclass(frozen=True, slots=True)
class Dataset:
    """A detection data set; nothing of it is ever written to."""

    path: Path  # the data.yaml
    names: tuple[str, ...]
    splits: dict[str, tuple[Path, ...]] = field(repr=False)

    def images(self, split: str) -> tuple[Path, ...]:
        """Image files of a split, sorted.

        Raises:
            DataError: when the data set has no such split.
        """
        if split not in self.splits:
            raise DataError(
                f"{self.path} names no {split} split.",
                f"Add a line '{split}: images/{split}' to it.",
            )
        return self.splits[split]

    def fingerprint(self) -> str:
        """Hash of names, image names and sizes, and labels; tells one data set from another."""
        digest = hashlib.sha256(repr(self.names).encode())
        for split, images in sorted(self.splits.items()):
            digest.update(split.encode())
            for image in images:
                digest.update(f"{image.name} {image.stat().st_size}".encode())
                labels = label_path(image)
                digest.update(labels.read_bytes() if labels.is_file() else b"-")
        return digest.hexdigest()


def read_dataset(path: Path, needed: Sequence[str] = ("train", "val")) -> Dataset:
    """Read a ``data.yaml``, or the one in a folder, as ultralytics understands it.

    Raises:
        DataError: when it is missing or malformed, lacks a split that is ``needed`` or any at all,
            or names one that is not there.
    """
    path = path / "data.yaml" if path.is_dir() else path
    values = read_values(path)
    names = _names(path, values)
    root = path.parent / str(values.get("path") or ".")
    splits = {
        split: _images(path, root, split, values[split]) for split in SPLITS if values.get(split)
    }
    missing = [split for split in needed if split not in splits]
    if missing or not splits:
        lacking = missing[0] if missing else SPLITS[0]
        raise DataError(
            f"{path} names no {lacking} split.",
            f"Add a line '{lacking}: images/{lacking}' to it.",
        )
    return Dataset(path.resolve(), names, splits)


def read_names(path: Path) -> tuple[str, ...]:
    """Class names of a ``data.yaml``, or of the one in a folder.

    Raises:
        DataError: when it is missing or malformed.
    """
    path = path / "data.yaml" if path.is_dir() else path
    return _names(path, read_values(path))


def read_values(path: Path) -> dict[str, Any]:
    """The keys of a ``data.yaml`` as they stand there.

    Raises:
        DataError: when it is missing or no YAML of keys.
    """
    if not path.is_file():
        raise DataError(
            f"There is no data set at {path}.", "Give the path of a data.yaml, or use --data demo."
        )
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    # Besides its own errors, PyYAML lets through those of int(), date() and deep nesting.
    except (yaml.YAMLError, ValueError, LookupError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" line {mark.line + 1}" if mark else ""
        raise DataError(f"{path}{where} is not valid YAML.", "Mend it and try again.") from error
    if not isinstance(values, dict):
        raise DataError(f"{path} holds no keys.", "It needs at least train, val and names.")
    return values


def _names(path: Path, values: dict[str, Any]) -> tuple[str, ...]:
    names = values.get("names")
    if isinstance(names, dict):
        if sorted(names, key=str) != sorted(range(len(names)), key=str):
            raise DataError(
                f"The class numbers under 'names' in {path} are not 0 to {len(names) - 1}.",
                "Number the classes from 0 without gaps.",
            )
        names = [names[index] for index in range(len(names))]
    if not isinstance(names, list) or not names:
        raise DataError(f"{path} names no classes.", "Add 'names:' with one name for each class.")
    if "nc" in values and values["nc"] != len(names):
        raise DataError(
            f"{path} says nc: {values['nc']} but names {len(names)} classes.",
            "Make the two agree.",
        )
    texts = tuple(str(name) for name in names)
    twice = next((text for text in texts if texts.count(text) > 1), None)
    if twice is not None:
        raise DataError(
            f"{path} gives two classes the name {twice!r}.", "Give each class a name of its own."
        )
    return texts


def _images(path: Path, root: Path, split: str, value: Any) -> tuple[Path, ...]:
    entries = value if isinstance(value, list) else [value]
    found = sorted({image for entry in entries for image in _expand(path, root, split, str(entry))})
    if not found:
        raise DataError(f"The {split} split of {path} holds no images.")
    return tuple(found)


def _expand(path: Path, root: Path, split: str, entry: str) -> list[Path]:
    place = root / entry
    if not place.exists() and entry.startswith("../"):
        place = root / entry[3:]  # Roboflow writes ../train/images for a folder beside data.yaml
    if place.is_dir():
        files = (file.absolute() for file in place.rglob("*") if not file.name.startswith("."))
        return [file for file in files if file.suffix.lower() in IMAGE_SUFFIXES and file.is_file()]
    if place.suffix == ".txt" and place.is_file():
        return _listed(place)
    problem = "is neither a folder nor a .txt list" if place.exists() else "does not exist"
    raise DataError(
        f"The {split} split of {path} points to {place}, which {problem}.",
        "Paths in it are relative to 'path', or to its own folder.",
    )


def _listed(file: Path) -> list[Path]:
    try:
        lines = file.read_text(encoding="utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise DataError(f"{file} is not a text file.", "Write one image path per line.") from error
    images = []
    for number, line in enumerate(lines, start=1):
        image = (file.parent / line.strip()).absolute()
        if line.strip() and not image.is_file():
            raise DataError(
                f"{file} line {number}: there is no image {image}.",
                "Paths in it are relative to its own folder.",
            )
        if line.strip():
            images.append(image)
    return images
