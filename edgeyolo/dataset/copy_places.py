"""Where each image goes in a copy of a data set: ``images/SPLIT``, in the folders it was in."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from edgeyolo.dataset.examine import Examination
from edgeyolo.dataset.examine_copies import Seen
from edgeyolo.dataset.examine_image import ImageFacts
from edgeyolo.dataset.findings import Kind
from edgeyolo.dataset.labels import label_path

LEFT_OUT = Path("left-out")


def copy_places(found: Examination) -> dict[Seen, Path]:
    """The place of each image of each split, below the new folder.

    Images that share a label file still do; no others come to.
    """
    places: dict[Seen, Path] = {}
    taken: set[Path] = set()
    owners: dict[Path, Path] = {}  # labels there → labels here
    for split, images in found.dataset.splits.items():
        root = Path(os.path.commonpath([image.parent for image in images]))
        for image in images:
            # A folder "images" further down would become the one whose labels are looked for.
            parts = [part for part in image.parent.relative_to(root).parts if part != "images"]
            wanted = Path("images", split, *parts, _name(found.images[image]))
            place = next(
                place
                for place in numbered(wanted)
                if place not in taken
                and owners.setdefault(label_path(place), label_path(image)) == label_path(image)
            )
            taken.add(place)
            places[split, image] = place
    return places


def numbered(wanted: Path) -> Iterator[Path]:
    """A place, and others for it where it is taken."""
    yield wanted
    yield from (wanted.with_stem(f"{wanted.stem}-{number}") for number in count(2))


def _name(facts: ImageFacts) -> str:
    """That of the image, with the suffix of what it is."""
    is_misnamed = facts.has(Kind.IMAGE_MISNAMED) and facts.suffix
    return facts.path.with_suffix(facts.suffix).name if is_misnamed else facts.path.name
