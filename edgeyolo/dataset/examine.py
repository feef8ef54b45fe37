"""One pass over a data set: every file is read once, by several threads, and nothing is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from edgeyolo.dataset.examine_classes import examine_classes
from edgeyolo.dataset.examine_copies import examine_copies
from edgeyolo.dataset.examine_image import ImageFacts, examine_image
from edgeyolo.dataset.findings import Finding, Kind
from edgeyolo.dataset.label_file import LabelFile, Line, examine_labels
from edgeyolo.dataset.labels import label_path
from edgeyolo.dataset.pairs import Pairs, find_pairs
from edgeyolo.dataset.read import Dataset
from edgeyolo.dataset.together import Progress, together

_FINEST = 8  # pixels; the stride of P3, below which no box fills a cell


@dataclass(frozen=True, slots=True)
class Counts:
    """What a split holds; ``labels`` are label files, ``boxes`` the labels in them."""

    images: int
    labels: int
    boxes: int


@dataclass(frozen=True, slots=True, eq=False)
class Examination:
    """All that was seen of a data set, and what is wrong with it."""

    dataset: Dataset
    images: dict[Path, ImageFacts]
    labels: dict[Path, LabelFile]  # by the file, wherever it is
    pairs: Pairs
    findings: tuple[Finding, ...]

    def labels_of(self, image: Path) -> LabelFile | None:
        """Those of an image, also where the reader does not find them."""
        source = self.pairs.source(image)
        return self.labels[source] if source else None

    def counts(self, split: str) -> Counts:
        """Images of a split, label files where they belong, and boxes in these."""
        images = self.dataset.splits[split]
        places = {label_path(image) for image in images}
        files = [self.labels[place] for place in places if place in self.labels]
        return Counts(len(images), len(files), sum(len(file.labels) for file in files))

    @property
    def is_damaged(self) -> bool:
        """Whether training would refuse something or learn wrongly from it."""
        return any(finding.severity == "damage" for finding in self.findings)


def examine(dataset: Dataset, imgsz: int, progress: Progress | None = None) -> Examination:
    """Look at everything; whatever is wrong is a finding, never an error.

    ``imgsz`` is the side of the net's input in pixels, which decides how small a box may be.
    """
    pairs = find_pairs(dataset)
    paths = [image for images in pairs.owners.values() for image in images]
    sources = {source for image in paths if (source := pairs.source(image))}
    tasks: list[Callable[[], ImageFacts | LabelFile]] = [
        *(partial(examine_image, path) for path in paths),
        *(partial(examine_labels, path, dataset.names) for path in sorted(sources)),
    ]
    images, labels = {}, {}
    for seen in together(lambda task: task(), tasks, progress):
        if isinstance(seen, ImageFacts):
            images[seen.path] = seen
        else:
            labels[seen.path] = seen
    found = Examination(dataset, images, labels, pairs, ())
    findings = sorted(_findings(found, imgsz), key=_order)
    return Examination(dataset, images, labels, pairs, tuple(findings))


def _findings(found: Examination, imgsz: int) -> Iterator[Finding]:
    for each in found.dataset.absent:
        yield Finding(Kind.IMAGE_MISSING, each.file, each.line, each.what, each.remedy)
    for facts in found.images.values():
        yield from (fault.at(facts.path) for fault in facts.faults)
    for file in found.labels.values():
        yield from file.findings()
    yield from found.pairs.findings()
    yield from _small_boxes(found, imgsz)
    yield from examine_copies(found.dataset, found.images)
    yield from _bare_splits(found)
    boxes = {split: _boxes(found, split) for split in found.dataset.splits}
    yield from examine_classes(found.dataset, boxes)


def _small_boxes(found: Examination, imgsz: int) -> Iterator[Finding]:
    for place, owners in found.pairs.owners.items():
        facts, file = found.images[owners[0]], found.labels.get(place)
        if file is None or not facts.is_usable:
            continue
        for line in file.labels:
            width, height = _sides(line, facts, imgsz)
            if max(width, height) < _FINEST:
                yield Finding(
                    Kind.BOX_TOO_SMALL,
                    file.path,
                    line.number,
                    f"At --imgsz {imgsz} the box has {width:.1f} x {height:.1f} pixels, less than "
                    f"the finest stride of {_FINEST}.",
                    "Train at a larger --imgsz, or expect that it is missed.",
                )


def _sides(line: Line, facts: ImageFacts, imgsz: int) -> tuple[float, float]:
    """Width and height of a box in pixels of the net's input."""
    assert line.row is not None
    scale = imgsz / max(facts.width, facts.height)
    return line.row[3] * facts.width * scale, line.row[4] * facts.height * scale


def _bare_splits(found: Examination) -> Iterator[Finding]:
    for split, images in found.dataset.splits.items():
        if not _boxes(found, split):
            yield Finding(
                Kind.SPLIT_WITHOUT_LABELS,
                found.dataset.path,
                None,
                f"None of the {len(images)} images of the {split} split has a label.",
                f"Labels are expected as {label_path(images[0])}.",
            )


def _boxes(found: Examination, split: str) -> Counter[int]:
    """Boxes of each class in a split."""
    places = {label_path(image) for image in found.dataset.splits[split]}
    files = (found.labels[place] for place in places if place in found.labels)
    return Counter(line.row[0] for file in files for line in file.labels if line.row)


def _order(finding: Finding) -> tuple[int, str, int]:
    return list(Kind).index(finding.kind), str(finding.file), finding.line or 0
