"""Images → train, val and test: near-duplicates stay together, and each class gets its share."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgeyolo.dataset.check import more_of
from edgeyolo.dataset.fingerprint import Fingerprint, fingerprint
from edgeyolo.dataset.image_files import image_files
from edgeyolo.dataset.labels import label_path, read_labels
from edgeyolo.dataset.near import groups
from edgeyolo.dataset.new_dataset import Entry
from edgeyolo.dataset.read import Dataset, read_dataset
from edgeyolo.dataset.together import together
from edgeyolo.errors import DataError, UsageError
from edgeyolo.images import read_image

# Roboflow writes each augmented copy of IMG_1.jpg as IMG_1_jpg.rf.<hash>.jpg.
_COPY = re.compile(r"(.+)\.rf\.[0-9a-z]+", re.IGNORECASE)
_MOST_MOVES = 500  # a bound on time only: 100,000 images are that close already


@dataclass(frozen=True, slots=True, eq=False)
class Item:
    """One checked image with what decides on its split."""

    image: Path
    classes: NDArray[np.int64]  # (N,), class of each box
    labels: bytes  # of its label file, which are kept as they are
    print: Fingerprint


def open_pool(data: Path, names: Sequence[str] = ()) -> Dataset:
    """A ``data.yaml``, or a folder with ``images`` and ``labels``, which has its names elsewhere.

    Raises:
        DataError: when it is malformed, or nothing names its classes.
        UsageError: when both a data.yaml and the caller name them.
    """
    if not data.is_dir() or (data / "data.yaml").is_file():
        if names:
            raise UsageError("--names does not go with a data.yaml, which names the classes.")
        return read_dataset(data, needed=())
    for folder in (data / "images", data / "labels"):
        if not folder.is_dir():
            raise DataError(
                f"{data} holds neither a data.yaml nor a folder {folder.name}.",
                "Name a data.yaml, or a folder with images and labels.",
            )
    images, _ = image_files(data / "images")
    if not images:
        raise DataError(f"{data / 'images'} holds no images.")
    return Dataset(data.resolve(), _plain_names(data, names), {"train": tuple(sorted(images))})


def load_items(dataset: Dataset, progress: Callable[[int, int], None] | None = None) -> list[Item]:
    """Decode every image of all splits, each once, and read its labels.

    Raises:
        DataError: the first problem, and how many more there are.
    """
    # A list may name by .. what another split names without; links are images of their own.
    by_place = {
        image.parent.resolve() / image.name: image
        for split in dataset.splits.values()
        for image in split
    }
    images = sorted(by_place.values())
    outcomes = together(lambda image: _item(image, len(dataset.names)), images, progress)
    items = [each for each in outcomes if isinstance(each, Item)]
    problems = [each for each in outcomes if isinstance(each, DataError)]
    if problems:
        more = more_of(problems)
        raise DataError(problems[0].message + more, problems[0].hint)
    if not any(len(item.classes) for item in items):
        raise DataError(
            f"None of the {len(items)} images of {dataset.path} has a label.",
            f"Labels are expected beside the images, as {label_path(images[0])}.",
        )
    return items


def split_items(items: Sequence[Item], shares: dict[str, float], seed: int) -> list[Entry]:
    """An entry for each item, near-duplicates in one split; the same for the same seed and images.

    Raises:
        DataError: when there are fewer groups than splits.
    """
    together = joined(groups([item.print for item in items]), list(map(copy_of, items)))
    if len(together) < len(shares):
        raise DataError(
            f"The {len(items)} images are {len(together)} groups of near-duplicates, too few for "
            f"{len(shares)} splits.",
            "Images of one group would leak from train to val; add other images.",
        )
    order = sorted(together, key=lambda group: _rank(items[group[0]], seed))
    splits = stratify(order, [frozenset(item.classes.tolist()) for item in items], shares)
    return [
        Entry(split, item.image, item.labels) for split, item in zip(splits, items, strict=True)
    ]


def copy_of(item: Item) -> Hashable:
    """What an augmented copy is of, by its name; the image itself where it is none."""
    match = _COPY.fullmatch(item.image.stem)
    return match[1] if match else item.image


def joined(*labels: Sequence[Hashable]) -> list[list[int]]:
    """Indices in groups: those who share a label of any sequence, also by way of others."""
    parent = list(range(len(labels[0])))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = index = parent[parent[index]]
        return index

    for sequence in labels:
        first: dict[Hashable, int] = {}
        for index, label in enumerate(sequence):
            one, other = sorted((root(index), root(first.setdefault(label, index))))
            parent[other] = one
    found: dict[int, list[int]] = {}
    for index in range(len(parent)):
        found.setdefault(root(index), []).append(index)
    return list(found.values())


def stratify(
    groups: Sequence[Sequence[int]], classes: Sequence[frozenset[int]], shares: dict[str, float]
) -> list[str]:
    """The split of each image, by iterative stratification (Sechidis et al. 2011) over groups.

    ``groups`` are indices of images, ``classes`` those seen in each image, ``shares`` the part of
    all images for each split. The class that is rarest among what is left goes first, each group to
    the split that lacks most of it; images without objects count as a class of their own. At the
    end single groups move where that brings all closer to their shares. Equal groups go in the
    order in which they are given. No split stays empty.
    """
    names, counts = list(shares), _counts(groups, classes)
    wanted = np.outer(counts.sum(0), list(shares.values()))  # (L, S)
    splits = _spread(counts, wanted)
    _mend(splits, counts, wanted)
    _fill(splits, counts[:, -1], len(names))
    chosen = {
        image: names[split] for group, split in zip(groups, splits, strict=True) for image in group
    }
    return [chosen[image] for image in range(len(classes))]


def _counts(
    groups: Sequence[Sequence[int]], classes: Sequence[frozenset[int]]
) -> NDArray[np.int64]:
    """(G, L): images of each group with each class, without objects, and all at the end."""
    known = sorted(frozenset().union(*classes))
    column = {label: index for index, label in enumerate(known)}
    counts = np.zeros((len(groups), len(known) + 2), np.int64)
    for row, group in zip(counts, groups, strict=True):
        for image in group:
            for label in classes[image]:
                row[column[label]] += 1
            row[-2] += not classes[image]
        row[-1] = len(group)
    return counts


def _spread(counts: NDArray[np.int64], wanted: NDArray[np.float64]) -> NDArray[np.int64]:
    """(G,): the split of each group, the rarest class first."""
    splits, lacking = np.full(len(counts), -1), wanted.copy()
    while (splits < 0).any():
        left = counts[splits < 0, :-1].sum(0)
        rarest = int(np.where(left > 0, left, np.inf).argmin())
        holders = np.flatnonzero((splits < 0) & (counts[:, rarest] > 0))
        # Large groups first, as small ones can make good what these overdo.
        for group in holders[np.argsort(-counts[holders, rarest], kind="stable")]:
            most = lacking[[rarest, -1]].round(9)
            splits[group] = max(range(wanted.shape[1]), key=lambda split: tuple(most[:, split]))
            lacking[:, splits[group]] -= counts[group]
    return splits


def _mend(
    splits: NDArray[np.int64], counts: NDArray[np.int64], wanted: NDArray[np.float64]
) -> None:
    """Move groups one by one while that brings down the sum of squares, relative to each class.

    The rarest first is fair to each class, but what it rounds adds up in the number of images,
    which therefore counts as much as all classes together.
    """
    weights = counts / np.maximum(1, counts.sum(0))
    weights[:, -1] *= counts.shape[1] - 1
    own = (weights * counts).sum(1)
    rows = np.arange(len(counts))
    for _ in range(_MOST_MOVES):
        held = np.stack([counts[splits == split].sum(0) for split in range(wanted.shape[1])], 1)
        pull = weights @ (held - wanted)  # (G, S)
        change = (pull - pull[rows, splits][:, None] + own[:, None]).round(9)
        change[rows, splits] = 0
        group, split = np.unravel_index(change.argmin(), change.shape)
        if change[group, split] >= 0:
            return
        splits[group] = split


def _fill(splits: NDArray[np.int64], sizes: NDArray[np.int64], count: int) -> None:
    """Give each empty split the smallest group of the one with most groups."""
    for split in range(count):
        held = Counter(splits.tolist())
        if split not in held:
            givers = np.flatnonzero(splits == held.most_common(1)[0][0])
            splits[givers[sizes[givers].argmin()]] = split


def _item(image: Path, classes: int) -> Item | DataError:
    try:
        picture, labels = read_image(image), label_path(image)
        boxes = read_labels(labels, classes)
        content = labels.read_bytes() if labels.is_file() else b""
        return Item(image, boxes[:, 0].astype(np.int64), content, fingerprint(picture))
    except DataError as error:
        return error


def _plain_names(data: Path, names: Sequence[str]) -> tuple[str, ...]:
    """Those given, or of a ``classes.txt``, as labelling tools write it, a name on each line."""
    files = (data / "classes.txt", data / "labels" / "classes.txt")
    file = next((file for file in files if file.is_file()), None)
    where = "--names" if names else str(file)
    if not names and file is None:
        raise DataError(f"Nothing in {data} names its classes.", "Add --names cat,dog.")
    if not names and file is not None:
        try:
            names = file.read_text(encoding="utf-8-sig").rstrip().split("\n")
        except UnicodeDecodeError as error:
            raise DataError(f"{file} is not a text file.", "Write one name per line.") from error
    stripped = tuple(name.strip() for name in names)
    if "" in stripped or len(set(stripped)) < len(stripped):
        # An empty line is a class, too: without it all after it would have other numbers.
        raise DataError(f"{where} has an empty name or one twice.", "Name each class once.")
    return stripped


def _rank(item: Item, seed: int) -> bytes:
    """A place that is random but stays as it is when other images come or go."""
    key = f"{seed} {item.image.parent.name}/{item.image.name}"
    return hashlib.sha256(key.encode(errors="surrogateescape")).digest()
