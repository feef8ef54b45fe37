"""Images that a cleaned copy does not have among its data, and why."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from edgeyolo.dataset.examine import Examination
from edgeyolo.dataset.examine_copies import Seen
from edgeyolo.dataset.findings import Kind
from edgeyolo.dataset.label_file import LabelFile
from edgeyolo.dataset.labels import label_path

_NO_LABEL = {Kind.LINE_WHITESPACE, Kind.LINE_COMMENT}  # where they are all, nothing was labeled


def seen_images(found: Examination) -> list[Seen]:
    """Every image with its split, in order; one in two splits comes twice."""
    return [(split, image) for split, images in found.dataset.splits.items() for image in images]


def images_left_out(found: Examination) -> dict[Seen, str]:
    """Images that are not among the data of the copy, and why."""
    out = dict(_unusable(found))
    for seen, why in _redundant(found, out).items():
        split = seen[0]
        rest = [image for image in found.dataset.splits[split] if (split, image) not in out]
        if len(rest) > 1:  # a split must not go altogether
            out[seen] = why
    return out


def _unusable(found: Examination) -> Iterator[tuple[Seen, str]]:
    for split, images in found.dataset.splits.items():
        for image in images:
            facts, labels = found.images[image], found.labels_of(image)
            if not facts.is_usable:
                yield (split, image), facts.faults[-1].what
            elif labels is not None and _is_lost(labels):
                # Without its labels it would teach that there is nothing on it.
                yield (split, image), f"None of its labels in {labels.path} can be used."
            elif found.pairs.is_blocked(image):
                yield (split, image), f"Its labels at {label_path(image)} cannot be read."


def _is_lost(labels: LabelFile) -> bool:
    """Whether objects were labeled, and not one of the labels is left."""
    kinds = {fault.kind for line in labels.lines for fault in line.faults if line.row is None}
    return not labels.is_text or (not labels.labels and bool(kinds - _NO_LABEL))


def _redundant(found: Examination, out: dict[Seen, str]) -> dict[Seen, str]:
    """Images that a later split holds with the very same bytes and labels.

    The train split gives its copy away: it has most images, and what val and test measured before
    stays comparable. One file that two splits name is left to its owner, who may mean it.
    """
    last: dict[bytes, Seen] = {}
    redundant: dict[Seen, str] = {}
    for seen in reversed(seen_images(found)):
        digest = found.images[seen[1]].digest
        if seen in out or digest is None:
            continue
        split, image = last.setdefault(digest, seen)
        is_other = split != seen[0] and image != seen[1]
        if is_other and _rows(found, image) == _rows(found, seen[1]):
            redundant[seen] = f"The {split} split holds the same image as {image}."
    return redundant


def _rows(found: Examination, image: Path) -> set[tuple[float, ...]]:
    labels = found.labels_of(image)
    lines = labels.labels if labels else []
    return {tuple(np.array(line.row, np.float32).tolist()) for line in lines}
