"""What a look at the data of a run found: counts, boxes, the same image in two splits, problems."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from edgeyolo.dataset.check import Sample
from edgeyolo.dataset.examine import Examination
from edgeyolo.dataset.examine_copies import Seen, near_images, same_images
from edgeyolo.dataset.findings import Finding
from edgeyolo.dataset.labels import label_path, read_labels
from edgeyolo.dataset.statistics import SplitFigures
from edgeyolo.errors import DataError
from edgeyolo.report.statistics import statistics

_EXAMPLES = 5  # of a kind of problem, or of images that two splits share
_SIZES = 12  # of images, the most frequent ones; a data set may have thousands


def sizes_of(found: Examination) -> dict[Path, tuple[int, int]]:
    """Height and width of the images in which nothing is wrong, which need no second look."""
    return {
        path: (facts.height, facts.width)
        for path, facts in found.images.items()
        if facts.is_usable and not facts.faults
    }


def statistics_of(
    found: Examination, samples: Mapping[str, list[Sample]], imgsz: int
) -> dict[str, Any]:
    """What ``edgeyolo data stats`` and ``check`` say of all splits, shorter; for JSON.

    ``samples`` are those of the splits that a run works with, which are sound. Of the others, what
    cannot be used is left out. ``imgsz`` is the side of the net's input in pixels.
    """
    dataset = found.dataset
    of_splits = {split: samples.get(split) or _usable(found, split) for split in dataset.splits}
    figures = {split: SplitFigures.of(each) for split, each in of_splits.items() if each}
    told = statistics("", dataset.names, figures, imgsz)
    return {
        **{key: told[key] for key in ("imgsz", "levels", "bins")},
        "splits": {split: _shorter(each) for split, each in told["splits"].items()},
        "duplicates": list(_duplicates(found)),
        "problems": list(_problems(found.findings)),
    }


def _usable(found: Examination, split: str) -> list[Sample]:
    """Images that can be opened, with their labels; a file of labels with a fault is left out."""
    kept = []
    for image in found.dataset.splits[split]:
        facts = found.images[image]
        if facts.is_usable:
            try:
                boxes = read_labels(label_path(image), len(found.dataset.names))
            except DataError:  # which is among the problems
                continue
            kept.append(Sample(image, facts.height, facts.width, boxes))
    return kept


def _shorter(figures: dict[str, Any]) -> dict[str, Any]:
    sizes = figures["image_sizes"]
    kept = {key: value for key, value in figures.items() if key != "centers"}
    return {**kept, "image_sizes": sizes[:_SIZES], "more_image_sizes": len(sizes[_SIZES:])}


def _duplicates(found: Examination) -> Iterator[dict[str, Any]]:
    """Images of a split that an earlier one holds as well: the very bytes, or nearly the same."""
    images, dataset = found.images, found.dataset
    same = dict(same_images(dataset, images))
    across = [(seen, first) for seen, first in same.items() if seen[0] != first[0]]
    near = [(seen, other) for seen, other, _ in near_images(dataset, images, same)]
    for kind, pairs in (("same", across), ("nearly", near)):
        for splits in dict.fromkeys((seen[0], other[0]) for seen, other in pairs):
            ours = [pair for pair in pairs if (pair[0][0], pair[1][0]) == splits]
            yield {"kind": kind, "split": splits[0], "of": splits[1], **_counted(ours)}


def _counted(pairs: list[tuple[Seen, Seen]]) -> dict[str, Any]:
    examples = [[seen[1].name, other[1].name] for seen, other in pairs[:_EXAMPLES]]
    return {"images": len(pairs), "examples": examples}


def _problems(findings: Iterable[Finding]) -> Iterator[dict[str, Any]]:
    """By kind, in the order of their weight; files by their names alone."""
    ours = list(findings)
    for kind, count in Counter(finding.kind for finding in ours).items():
        files = dict.fromkeys(finding.file.name for finding in ours if finding.kind is kind)
        yield {
            "code": kind.value,
            "severity": kind.severity,
            "count": count,
            "examples": list(files)[:_EXAMPLES],
        }
