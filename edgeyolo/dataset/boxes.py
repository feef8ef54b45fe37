"""Sizes of the labeled boxes of a data set, which decide how small an image may be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgeyolo.dataset.check import Sample, load_images
from edgeyolo.dataset.read import Dataset
from edgeyolo.errors import DataError

_ENOUGH = 512  # images; a quantile of their boxes is known well enough


@dataclass(frozen=True, slots=True, eq=False)
class BoxSizes:
    """Sizes of boxes as parts of the longer side of their image, which the net's input becomes.

    ``sides`` (N,) are square roots of areas, ``longest`` (N,) the longer sides, ``classes`` (N,)
    the class numbers; ``images`` is how many training images the data set has.
    """

    classes: NDArray[np.int64]
    sides: NDArray[np.float64]
    longest: NDArray[np.float64]
    images: int

    @property
    def median(self) -> float:
        """Side that half of the boxes are smaller than."""
        return float(np.median(self.sides))

    def mean_over_classes(self, values: NDArray[np.float64]) -> float:
        """Mean of a value of each box, within each class and then over the classes, as mAP is."""
        counts = np.bincount(self.classes)
        sums = np.bincount(self.classes, values)
        return float(np.mean(sums[counts > 0] / counts[counts > 0]))

    @classmethod
    def of(cls, samples: Sequence[Sample], images: int) -> BoxSizes:
        """Those of checked images.

        Raises:
            DataError: when none has a label.
        """
        rows = [
            (box[0], box[3] * sample.width / longer, box[4] * sample.height / longer)
            for sample in samples
            for longer in [max(sample.width, sample.height)]
            for box in sample.boxes
        ]
        if not rows:
            raise DataError(
                f"None of {len(samples)} training images has a label.",
                "Labels are expected beside the images, in a folder labels.",
            )
        table = np.array(rows, dtype=np.float64)
        return cls(
            table[:, 0].astype(np.int64),
            np.sqrt(table[:, 1] * table[:, 2]),
            table[:, 1:].max(1),
            images,
        )


def box_sizes(dataset: Dataset) -> BoxSizes:
    """Sizes in the training split, of up to 512 images spread over it.

    Raises:
        DataError: when an image or a label has a problem, or there are no labels.
    """
    images = dataset.images("train")
    step = max(1, len(images) // _ENOUGH)
    return BoxSizes.of(load_images(dataset, images[::step][:_ENOUGH]), len(images))
