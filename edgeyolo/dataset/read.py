"""data.yaml → Dataset: class names and the images of each split."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from edgeyolo.dataset.image_files import Absent
from edgeyolo.dataset.labels import label_path
from edgeyolo.dataset.read_images import images_of, not_there
from edgeyolo.errors import DataError

SPLITS = ("train", "val", "test")


@dataclass(frozen=True, slots=True)
class Dataset:
    """A detection data set; nothing of it is ever written to.

    ``absent`` are images that it names and does not have.
    """

    path: Path  # the data.yaml
    names: tuple[str, ...]
    splits: dict[str, tuple[Path, ...]] = field(repr=False)
    absent: tuple[Absent, ...] = field(default=(), repr=False)

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


def read_dataset(
    path: Path, needed: Sequence[str] = ("train", "val"), *, lenient: bool = False
) -> Dataset:
    """Read a ``data.yaml``, or the one in a folder, as ultralytics understands it.

    Raises:
        DataError: when it is missing or malformed, lacks a split that is ``needed`` or any at all,
            or names one that is not there. Also when a list names an image that is not there,
            unless it is ``lenient``.
    """
    path = path / "data.yaml" if path.is_dir() else path
    values = read_values(path)
    names = _names(path, values)
    root = path.parent / str(values.get("path") or ".")
    splits, absent = {}, []
    for split in SPLITS:
        if values.get(split):
            splits[split], lacking = images_of(path, root, split, values[split])
            absent += lacking
    listed = [each for each in absent if each.line is not None]
    if listed and not lenient:
        raise not_there(listed)
    missing = [split for split in needed if split not in splits]
    if missing or not splits:
        needs = missing[0] if missing else SPLITS[0]
        raise DataError(
            f"{path} names no {needs} split.",
            f"Add a line '{needs}: images/{needs}' to it.",
        )
    return Dataset(path.resolve(), names, splits, tuple(absent))


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
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not a text in UTF-8.", "Save it as UTF-8.") from error
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
            f"{path} says nc: {values['nc']!r} but names {len(names)} classes.",
            "Make the two agree.",
        )
    texts = tuple(str(name) for name in names)
    for number, name in enumerate(names):
        if not _is_name(name):
            raise DataError(
                f"Class {number} in {path} has {name!r} for a name, which is no word.",
                "Write the name as a text in one line.",
            )
    twice = next((text for text in texts if texts.count(text) > 1), None)
    if twice is not None:
        raise DataError(
            f"{path} gives two classes the name {twice!r}.", "Give each class a name of its own."
        )
    return texts


def _is_name(name: object) -> bool:
    return name is not None and not isinstance(name, (list, dict)) and "\n" not in str(name)
