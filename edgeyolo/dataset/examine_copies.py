"""The same image twice: what train and val share, val does not measure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from edgeyolo.dataset.examine_image import ImageFacts
from edgeyolo.dataset.findings import Finding, Kind
from edgeyolo.dataset.near import nearest_before
from edgeyolo.dataset.read import Dataset

Seen = tuple[str, Path]  # a split and an image in it


def examine_copies(dataset: Dataset, images: Mapping[Path, ImageFacts]) -> Iterator[Finding]:
    """One finding for each image that an earlier split holds, too, or its own split."""
    same = dict(same_images(dataset, images))
    for (split, image), (other, first) in same.items():
        yield _across(image, first, split, other) if split != other else _twice(image, first, split)
    for (split, image), (other, first), turn in near_images(dataset, images, same):
        yield _near(split, image, other, first, turn)


def near_images(
    dataset: Dataset, images: Mapping[Path, ImageFacts], same: Mapping[Seen, Seen]
) -> Iterator[tuple[Seen, Seen, str]]:
    """Images that look like one of an earlier split, with that and how it lies.

    ``same`` are those of :func:`same_images`: what is the same is not said to be similar, too.
    """
    rest = [
        seen for seen in _usable(dataset, images) if seen not in same or seen[0] == same[seen][0]
    ]
    ranks = {split: rank for rank, split in enumerate(dataset.splits)}
    prints = [images[image].print for _, image in rest]
    known = [one for one in prints if one is not None]
    for index, match in nearest_before(known, [ranks[split] for split, _ in rest]).items():
        yield rest[index], rest[match.index], match.turn


def same_images(dataset: Dataset, images: Mapping[Path, ImageFacts]) -> Iterator[tuple[Seen, Seen]]:
    """Images with the very bytes of one seen before, each with the first of these."""
    first: dict[bytes, Seen] = {}
    for split, image in _usable(dataset, images):
        digest = images[image].digest
        if digest is not None and first.setdefault(digest, (split, image)) != (split, image):
            yield (split, image), first[digest]


def _usable(dataset: Dataset, images: Mapping[Path, ImageFacts]) -> list[Seen]:
    return [
        (split, image)
        for split, paths in dataset.splits.items()
        for image in paths
        if images[image].is_usable
    ]


def _across(image: Path, first: Path, split: str, other: str) -> Finding:
    return Finding(
        Kind.IMAGE_ACROSS_SPLITS,
        image,
        None,
        f"The {other} split also holds this image{'' if image == first else f' as {first}'}, so "
        f"{split} rewards what is learned by heart.",
        "Take it out of one of the two.",
    )


def _near(split: str, image: Path, other: str, first: Path, turn: str) -> Finding:
    laid = f", {turn}" if turn else ""
    return Finding(
        Kind.IMAGE_NEARLY_ACROSS_SPLITS,
        image,
        None,
        f"This image of the {split} split is nearly the same as {first} of {other}{laid}.",
        "Keep both in one split, or take one out.",
    )


def _twice(image: Path, first: Path, split: str) -> Finding:
    return Finding(
        Kind.IMAGE_TWICE,
        image,
        None,
        f"The {split} split holds the same image as {first}, too.",
        "Remove one of the two, unless it is meant to count twice.",
    )
