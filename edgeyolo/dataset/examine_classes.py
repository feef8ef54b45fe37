"""Classes as a whole: names, those never used, and those with few boxes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml

from edgeyolo.dataset.findings import Finding, Kind
from edgeyolo.dataset.read import Dataset

_RARE = 50  # times fewer boxes than the most frequent class


def examine_classes(dataset: Dataset, boxes: Mapping[str, Counter[int]]) -> Iterator[Finding]:
    """Findings on ``data.yaml``; ``boxes`` counts those of each class in each split."""
    lines = name_lines(dataset.path, len(dataset.names))
    for number, name in enumerate(dataset.names):
        for kind, what, remedy in _faults(number, name, dataset.names, boxes):
            yield Finding(kind, dataset.path, lines[number], what, remedy)


def _faults(
    number: int, name: str, names: tuple[str, ...], boxes: Mapping[str, Counter[int]]
) -> Iterator[tuple[Kind, str, str]]:
    alike = [each for each in names[:number] if _folded(each) == _folded(name)]
    if alike:
        yield (
            Kind.NAMES_ALIKE,
            f"The names of classes {alike[0]!r} and {name!r} differ only in capitals or spaces.",
            "Make one class of them, or give one a clearer name.",
        )
    counts = {split: found[number] for split, found in boxes.items()}
    most = max(boxes["train"].values(), default=0)
    if not any(counts.values()):
        yield (
            Kind.CLASS_NEVER_USED,
            f"Class {number}, {name!r}, has no box in any split.",
            "Label some, or take it out of the names and lower the numbers above it.",
        )
    elif not counts["train"]:
        yield (
            Kind.CLASS_UNTRAINED,
            f"Class {number}, {name!r}, is not in the train split, so it cannot be learned.",
            "Move some of its images to train.",
        )
    elif counts["train"] * _RARE < most:
        yield (
            Kind.CLASS_RARE,
            f"Class {number}, {name!r}, has {most // counts['train']} times fewer boxes in train "
            f"than the most frequent class: {counts['train']} of {most}.",
            "Add images of it, or expect that it is often missed.",
        )


def name_lines(path: Path, classes: int) -> list[int | None]:
    """The line of ``data.yaml`` on which each class is named, as far as that can be told."""
    try:
        root = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
        pairs = {key.value: value for key, value in root.value} if root else {}
        names = pairs["names"].value
        keyed = isinstance(pairs["names"], yaml.MappingNode)
        # In a mapping the numbers may stand in any order.
        nodes = {int(key.value): value for key, value in names} if keyed else dict(enumerate(names))
        return [nodes[number].start_mark.line + 1 for number in range(classes)]
    except (yaml.YAMLError, ValueError, LookupError, AttributeError, TypeError):
        return [None] * classes


def _folded(name: str) -> str:
    return " ".join(name.casefold().split())
