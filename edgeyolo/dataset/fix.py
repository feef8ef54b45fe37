"""What a cleaned copy of a data set holds, and every change that it makes; nothing is written here.

A line or an image is mended where it can be meant in one way only. What cannot be is left out of
the data and kept in the folder ``left-out``, and what only its owner can decide stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgeyolo.dataset.copy_places import LEFT_OUT, copy_places, numbered
from edgeyolo.dataset.examine import Examination
from edgeyolo.dataset.examine_copies import Seen
from edgeyolo.dataset.findings import Finding, Kind, place
from edgeyolo.dataset.label_file import Line
from edgeyolo.dataset.labels import label_path
from edgeyolo.dataset.left_out import images_left_out, seen_images
from edgeyolo.errors import DataError

# Which two classes are one, which of two similar frames goes, whose labels a shared file holds:
# a wrong guess would spoil good labels, so these are only told of.
_LEFT = {
    Kind.IMAGE_NEARLY_ACROSS_SPLITS,
    Kind.LABELS_SHARED,
    Kind.NAMES_ALIKE,
    Kind.SPLIT_WITHOUT_LABELS,
    Kind.IMAGE_WITHOUT_LABELS,
    Kind.IMAGE_TWICE,
    Kind.BOX_TOO_SMALL,
    Kind.CLASS_NEVER_USED,
    Kind.CLASS_UNTRAINED,
    Kind.CLASS_RARE,
}
_OF_FILES = {
    Kind.LABELS_BOM: "saved without the byte order mark",
    Kind.LABELS_LINE_ENDS: "saved with Unix line ends",
    Kind.LABELS_ENCODING: "saved as UTF-8",
}


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between the copy and the file, or a line of it, that it is made from."""

    file: Path
    line: int | None
    what: str

    def __str__(self) -> str:
        return f"{place(self.file, self.line)}: {self.what}"

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"file": str(self.file), "line": self.line, "change": self.what}


@dataclass(frozen=True, slots=True)
class Copy:
    """A file of the copy: the bytes of ``source``, or ``text``, or its picture turned upright."""

    source: Path
    target: Path  # below the new folder
    text: str | None = None
    upright: str | None = None  # suffix of the format in which it is saved anew


@dataclass(frozen=True, slots=True, eq=False)
class Cleaning:
    """All of a copy; ``left`` are the findings that it still has."""

    copies: tuple[Copy, ...]
    changes: tuple[Change, ...]
    left: tuple[Finding, ...]


def plan_cleaning(found: Examination) -> Cleaning:
    """Decide on every file.

    Raises:
        DataError: when nothing would be left of a split.
    """
    out = images_left_out(found)
    for split, images in found.dataset.splits.items():
        if all((split, image) in out for image in images):
            raise DataError(
                f"No image of the {split} split can be used with its labels.",
                "See what 'edgeyolo data check' says, and mend the data set itself.",
            )
    places = copy_places(found)
    copies = {copy.target: copy for copy in _copies(found, places, out)}
    changes = [*_image_changes(found, places, out), *_label_changes(found, out)]
    changes.sort(key=lambda change: (str(change.file), change.line or 0))
    return Cleaning(tuple(copies.values()), tuple(changes), tuple(_left(found, out)))


def _copies(found: Examination, places: dict[Seen, Path], out: dict[Seen, str]) -> Iterator[Copy]:
    """Every file of the copy; an image that is left out takes its label file along as it is."""
    taken: set[Path] = set()
    for seen, target in places.items():
        facts, labels = found.images[seen[1]], found.labels_of(seen[1])
        if seen in out:
            if facts.digest is not None:
                yield Copy(facts.path, LEFT_OUT / target)
            if labels is not None and labels.is_readable:
                taken.add(LEFT_OUT / label_path(target))
                yield Copy(labels.path, LEFT_OUT / label_path(target))
            continue
        turned = facts.suffix if facts.has(Kind.IMAGE_ROTATED) else None
        yield Copy(facts.path, target, upright=turned)
        if labels is not None:
            yield Copy(labels.path, label_path(target), labels.mended())
    for orphan in found.pairs.orphans:
        wanted = LEFT_OUT / "labels" / orphan.parent.name / orphan.name
        kept = next(place for place in numbered(wanted) if place not in taken)
        taken.add(kept)
        yield Copy(orphan, kept)


def _image_changes(
    found: Examination, places: dict[Seen, Path], out: dict[Seen, str]
) -> Iterator[Change]:
    for seen, target in places.items():
        image, facts, labels = seen[1], found.images[seen[1]], found.labels_of(seen[1])
        if seen in out:
            yield Change(image, None, f"left out of {seen[0]}. {out[seen]}")
            if labels is not None:
                yield Change(labels.path, None, f"left out with {image}")
            elif found.pairs.is_blocked(image):
                yield Change(label_path(image), None, f"left out with {image}, as it is no file")
            continue
        if facts.has(Kind.IMAGE_ROTATED):
            yield Change(image, None, "saved upright, without its EXIF tag")
        if target.name != image.name:
            yield Change(image, None, f"named {target}")


def _label_changes(found: Examination, out: dict[Seen, str]) -> Iterator[Change]:
    for each in found.dataset.absent:
        yield Change(each.file, each.line, f"left out. {each.what}")
    for orphan in found.pairs.orphans:
        yield Change(orphan, None, "left out. There is no image of this name.")
    images = [image for split, image in seen_images(found) if (split, image) not in out]
    for image in images:
        source = found.pairs.misplaced.get(label_path(image))
        if source is not None:
            yield Change(source, None, f"moved to where the labels of {image} belong")
    kept = map(found.labels_of, images)
    for labels in {labels.path: labels for labels in kept if labels}.values():
        for fault in labels.faults:
            yield Change(labels.path, None, _OF_FILES[fault.kind])
        for line in labels.lines:
            if line.mended != line.text:
                yield Change(labels.path, line.number, _line_change(line))


def _line_change(line: Line) -> str:
    if line.mended is None:
        # In full, so that the list of changes holds what the copy does not.
        return f"left out {line.text!r}. {line.faults[-1].what}"
    return f"{line.mended!r} in place of {line.text!r}"


def _left(found: Examination, out: dict[Seen, str]) -> Iterator[Finding]:
    gone = {image for _, image in out}
    gone |= {labels.path for labels in map(found.labels_of, gone) if labels}
    splits: dict[bytes | None, set[str]] = {}
    for split, image in seen_images(found):
        if (split, image) not in out:
            splits.setdefault(found.images[image].digest, set()).add(split)
    for finding in found.findings:
        is_copy = finding.kind is Kind.IMAGE_ACROSS_SPLITS
        is_left = is_copy and len(splits.get(found.images[finding.file].digest, ())) > 1
        if (is_left or finding.kind in _LEFT) and finding.file not in gone:
            yield finding
