"""Which label file belongs to which image by its name, and what is left over on either side."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edgeyolo.dataset.findings import Finding, Kind
from edgeyolo.dataset.image_files import what_it_is
from edgeyolo.dataset.labels import label_path
from edgeyolo.dataset.read import Dataset
from edgeyolo.images import IMAGE_SUFFIXES

_SUFFIX = re.compile(rf"({'|'.join(map(re.escape, sorted(IMAGE_SUFFIXES)))})$")
_NUMBER = rb"[-+]?[\d.]+(?:[eE][-+]?\d+)?"
_LABEL = re.compile(rb"(?:" + _NUMBER + rb"[ \t,;]+){3}" + _NUMBER)  # four numbers in a row


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """What the names of the files say.

    ``owners`` are the images of each place where the reader looks for labels, whether or not there
    is a file; ``misplaced`` says where such a file is instead. ``orphans`` are label files without
    an image, each with a file of its name that is none, if there is one.
    """

    owners: dict[Path, tuple[Path, ...]]
    misplaced: dict[Path, Path]
    orphans: dict[Path, Path | None]

    def source(self, image: Path) -> Path | None:
        """The label file of an image, also where the reader does not find it."""
        place = label_path(image)
        return place if place.is_file() else self.misplaced.get(place)

    def is_blocked(self, image: Path) -> bool:
        """Whether what is at the place of its labels is no file, such as a link to nothing."""
        place = label_path(image)
        is_there = place.is_symlink() or place.exists()
        return is_there and not place.is_file() and place not in self.misplaced

    def findings(self) -> Iterator[Finding]:
        """Label files of no image or of two, and images without one."""
        for orphan, twin in self.orphans.items():
            yield _orphan(orphan, twin)
        for place, images in self.owners.items():
            if place in self.misplaced:
                yield _misplaced(self.misplaced[place], images[0], place)
            elif self.is_blocked(images[0]):
                yield _blocked(place)
            elif not place.is_file():
                yield from (_unlabeled(image, place) for image in images)
            elif len(images) > 1:
                yield _shared(place, images)


def find_pairs(dataset: Dataset) -> Pairs:
    """Look at the names of all files, and into those texts that no image of the data set owns."""
    owners: dict[Path, tuple[Path, ...]] = {}
    for image in sorted({image for split in dataset.splits.values() for image in split}):
        place = label_path(image)
        owners[place] = (*owners.get(place, ()), image)
    folders = {place.parent: images[0].parent for place, images in owners.items()}
    spare = {file: home for file, home in _texts(folders) if file not in owners}
    bare = {place: images[0] for place, images in owners.items() if not place.is_file()}
    misplaced = dict(_misplacements(bare, spare))
    taken = set(misplaced.values())
    left = {file: home for file, home in spare.items() if file not in taken}
    return Pairs(owners, misplaced, dict(_orphans(left)))


def _texts(folders: dict[Path, Path]) -> Iterator[tuple[Path, Path]]:
    """Text files in the folders of labels, each with the folder where its image would be.

    Also those in folders below, where these are for labels alone.
    """
    for labels, images in folders.items():
        for file in sorted(labels.glob("*") if labels == images else labels.rglob("*")):
            if file.suffix.lower() == ".txt" and file.is_file():
                yield file, images / file.parent.relative_to(labels)


def _misplacements(bare: dict[Path, Path], spare: dict[Path, Path]) -> Iterator[tuple[Path, Path]]:
    """Where the labels of images without any are: under almost their name, or among the images."""
    near = {_key(file): file for file in spare}
    for place, image in bare.items():
        beside = image.with_suffix(".txt")
        found = near.pop(_key(place), None)
        if found is None and beside != place and beside.is_file() and _holds_labels(beside):
            found = beside
        if found is not None:
            yield place, found


def _key(file: Path) -> tuple[Path, str]:
    """Equal for names that look the same: apart from capitals, spaces, a second suffix, accents.

    macOS and others write an accent as a sign of its own.
    """
    name = unicodedata.normalize("NFC", file.stem).casefold().strip()
    return file.parent, _SUFFIX.sub("", name)


def _orphans(spare: dict[Path, Path]) -> Iterator[tuple[Path, Path | None]]:
    """Label files without an image anywhere near.

    A list of images may leave out some that are there, and the lists of names that labelling tools
    write are no labels.
    """
    names: dict[Path, dict[str, list[Path]]] = {}
    for file, home in spare.items():
        if home not in names:
            names[home] = _by_stem(home)
        twins = names[home].get(file.stem, [])
        is_image = any(map(_is_image, twins))
        is_empty = home != file.parent and _is_empty(file)
        if not is_image and (is_empty or _holds_labels(file)):
            yield file, next((twin for twin in twins if twin != file), None)


def _by_stem(folder: Path) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for file in folder.iterdir() if folder.is_dir() else ():
        found.setdefault(file.stem, []).append(file)
    return found


def _is_image(file: Path) -> bool:
    return file.suffix.lower() in IMAGE_SUFFIXES and file.is_file()


def _is_empty(file: Path) -> bool:
    try:
        return not file.stat().st_size
    except OSError:  # gone meanwhile
        return False


def _holds_labels(file: Path) -> bool:
    try:
        # Without zeros UTF-16 reads as ASCII.
        return _LABEL.search(file.read_bytes().replace(b"\0", b"")) is not None
    except OSError:
        return False


def _orphan(file: Path, twin: Path | None) -> Finding:
    instead = f", but {twin.name}, which is not read" if twin else ""
    return Finding(
        Kind.LABELS_WITHOUT_IMAGE,
        file,
        None,
        f"There is no image of this name{instead}.",
        "Bring the image back, as JPEG or PNG, or remove the label file.",
    )


def _misplaced(file: Path, image: Path, place: Path) -> Finding:
    return Finding(
        Kind.LABELS_MISPLACED,
        file,
        None,
        f"These seem to be the labels of {image}, which are not looked for here.",
        f"Move the file to {place}.",
    )


def _blocked(place: Path) -> Finding:
    return Finding(
        Kind.LABELS_UNREADABLE,
        place,
        None,
        f"This is {what_it_is(place)}, not a file of labels, so its image is taken for background.",
        "Put the label file there, or an empty one if nothing is on the image.",
    )


def _unlabeled(image: Path, place: Path) -> Finding:
    return Finding(
        Kind.IMAGE_WITHOUT_LABELS,
        image,
        None,
        f"There are no labels at {place}, so the image is taken for background.",
        "Label it, or put an empty file there if nothing is on it.",
    )


def _shared(place: Path, images: tuple[Path, ...]) -> Finding:
    names = " and ".join(image.name for image in images)
    return Finding(
        Kind.LABELS_SHARED,
        place,
        None,
        f"The file is taken for the labels of {names} alike.",
        "Give each image a name of its own, and labels of its own.",
    )
