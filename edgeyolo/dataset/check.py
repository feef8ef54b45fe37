"""Look at every image and label of a split before hours of work rest on them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgeyolo.dataset.labels import Boxes, label_path, read_labels
from edgeyolo.dataset.read import Dataset
from edgeyolo.dataset.together import together
from edgeyolo.errors import DataError
from edgeyolo.images import read_image


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """One checked image with its boxes."""

    image: Path
    height: int
    width: int
    boxes: Boxes  # (N, 5): class, center x, center y, width, height in parts of the image


def load_split(
    dataset: Dataset,
    split: str,
    progress: Callable[[int, int], None] | None = None,
    sizes: Mapping[Path, tuple[int, int]] | None = None,
) -> list[Sample]:
    """Decode every image and read every label of a split.

    ``sizes`` are height and width of images that were decoded before, which need not be again.

    Raises:
        DataError: the first problem, and how many more there are.
    """
    samples = load_images(dataset, dataset.images(split), progress, sizes)
    if not any(len(sample.boxes) for sample in samples):
        raise DataError(
            f"None of the {len(samples)} images of the {split} split has a label.",
            f"Labels are expected beside the images, as {label_path(samples[0].image)}.",
        )
    return samples


def load_images(
    dataset: Dataset,
    images: Sequence[Path],
    progress: Callable[[int, int], None] | None = None,
    sizes: Mapping[Path, tuple[int, int]] | None = None,
) -> list[Sample]:
    """The same for some images, which need have no labels.

    Raises:
        DataError: the first problem, and how many more there are.
    """
    known = sizes or {}
    outcomes = together(lambda image: _load(image, dataset, known.get(image)), images, progress)
    samples = [each for each in outcomes if isinstance(each, Sample)]
    problems = [each for each in outcomes if isinstance(each, DataError)]
    if problems:
        more = more_of(problems)
        raise DataError(problems[0].message + more, problems[0].hint)
    return samples


def _load(image: Path, dataset: Dataset, size: tuple[int, int] | None) -> Sample | DataError:
    try:
        height, width = size or read_image(image).shape[:2]
        return Sample(image, height, width, read_labels(label_path(image), len(dataset.names)))
    except DataError as error:
        return error


def more_of(problems: Sequence[DataError]) -> str:
    """How many there are besides the first, which alone is told."""
    more = len(problems) - 1
    return f" ({more} more files have problems; 'edgeyolo data check' names each.)" if more else ""
