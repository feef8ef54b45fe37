"""A classification set: a folder of images for each class, with or without splits.

``DATA/train/<class>/*.jpg`` with ``val`` or ``test`` beside it, or ``DATA/<class>/*.jpg``, of
which a part is held back. Nothing is ever written into it.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from edgeyolo.dataset.class_folders import (
    HELD_BACK,
    TRAIN,
    check_is_folder,
    classes_in,
    folders_in,
    images_in,
    refuse_detection,
    refuse_splits_without_classes,
)
from edgeyolo.errors import DataError
from edgeyolo.images import read_image

_SHARE = 0.2  # of each class, held back where no split is
Picture = tuple[Path, int]  # an image and its class


@dataclass(frozen=True, slots=True)
class ImageFolder:
    """Class names in order, and the images of both splits, each with the number of its class.

    ``held_back`` is the name of the folder of ``val``, or ``None`` where it was split off.
    """

    root: Path
    names: tuple[str, ...]
    train: tuple[Picture, ...] = field(repr=False)
    val: tuple[Picture, ...] = field(repr=False)
    held_back: str | None

    @property
    def images(self) -> tuple[Path, ...]:
        """All image files."""
        return tuple(image for image, _ in (*self.train, *self.val))

    def fingerprint(self) -> str:
        """Hash of names and sizes of all images; tells one set from another."""
        digest = hashlib.sha256(repr(self.names).encode())
        for split, pictures in ((TRAIN, self.train), ("val", self.val)):
            digest.update(split.encode())
            for image, number in pictures:
                entry = f"{number} {image.name} {image.stat().st_size}"
                digest.update(entry.encode(errors="surrogateescape"))
        return digest.hexdigest()


def read_image_folder(root: Path, seed: int = 0) -> ImageFolder:
    """Look for classes and their images, without opening any.

    The same ``seed`` splits off the same images each time.

    Raises:
        DataError: when it is no such folder, has fewer than two classes, one without images, or
            other classes in the held-back split; it names the folder and the remedy.
    """
    root = root.absolute()
    check_is_folder(root)
    try:
        refuse_detection(root)
        if _is_split(root):
            return _read_splits(root, seed)
        refuse_splits_without_classes(root)
        return _split_off(root, classes_in(root), seed)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise DataError(
            f"{error.filename or root} cannot be read: {reason}.", "Make it readable."
        ) from error


def check_images(folder: ImageFolder, progress: Callable[[int, int], None] | None = None) -> None:
    """Decode every image.

    Raises:
        DataError: the first that cannot be, and how many more there are.
    """
    problems = []
    pool = ThreadPoolExecutor()  # decoding releases the GIL
    try:
        for done, problem in enumerate(pool.map(_problem_of, folder.images), start=1):
            if progress:
                progress(done, len(folder.images))
            problems += [problem] if problem else []
    finally:
        pool.shutdown(cancel_futures=True)  # else Ctrl-C would wait for all that is left
    if problems:
        more = f" ({len(problems) - 1} more images have problems.)" if problems[1:] else ""
        raise DataError(problems[0].message + more, problems[0].hint)


def _problem_of(image: Path) -> DataError | None:
    try:
        read_image(image)
    except DataError as error:
        return error
    return None


def _is_split(root: Path) -> bool:
    """Not where ``train`` itself is a class, beside others and with images of its own."""
    return (root / TRAIN).is_dir() and bool(folders_in(root / TRAIN))


def _read_splits(root: Path, seed: int) -> ImageFolder:
    classes = classes_in(root / TRAIN)
    name = next((name for name in HELD_BACK if (root / name).is_dir()), None)
    if name is None:
        return _split_off(root, classes, seed)
    place, names = root / name, tuple(classes)
    held = {folder.name: images_in(folder) for folder in folders_in(place)}
    unknown = [each for each in held if each not in classes]
    if unknown:
        raise DataError(
            f"{place / unknown[0]} is no class of {root / TRAIN}.",
            f"Give {root / TRAIN} a folder of that name with images, or remove this one.",
        )
    val = [(image, names.index(each)) for each, images in held.items() for image in images]
    if not val:
        raise DataError(
            f"{place} holds no images in folders of classes.",
            f"Add some, or remove {place}: then a part of {root / TRAIN} is held back.",
        )
    return ImageFolder(root, names, _pictures(classes), tuple(val), name)


def _split_off(root: Path, classes: dict[str, list[Path]], seed: int) -> ImageFolder:
    train: list[Picture] = []
    val: list[Picture] = []
    for number, (name, images) in enumerate(classes.items()):
        drawn = list(images)
        random.Random(f"{seed} {name}").shuffle(drawn)
        # One of a class at least, and never its only one.
        count = min(max(1, round(_SHARE * len(drawn))), len(drawn) - 1)
        val += [(image, number) for image in sorted(drawn[:count])]
        train += [(image, number) for image in sorted(drawn[count:])]
    if not val:
        raise DataError(
            f"Every class in {root} has a single image, so none can be held back.",
            "Add images, or a folder val with some of each class.",
        )
    return ImageFolder(root, tuple(classes), tuple(train), tuple(val), None)


def _pictures(classes: dict[str, list[Path]]) -> tuple[Picture, ...]:
    listed = enumerate(classes.values())
    return tuple((image, number) for number, images in listed for image in images)
