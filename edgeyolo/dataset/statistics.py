"""What the images and boxes of a split are like, as arrays to count in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgeyolo.dataset.check import Sample


@dataclass(frozen=True, slots=True, eq=False)
class SplitFigures:
    """N boxes in M images.

    ``classes`` (N,) are class numbers, ``owners`` (N,) indices of images, ``centers`` (N, 2) x and
    y as parts of the image, ``sides`` (N,) square roots of areas as parts of the image's longer
    side, ``aspects`` (N,) width by height in pixels; ``sizes`` (M, 2) are width and height in
    pixels.
    """

    classes: NDArray[np.int64]
    owners: NDArray[np.int64]
    centers: NDArray[np.float64]
    sides: NDArray[np.float64]
    aspects: NDArray[np.float64]
    sizes: NDArray[np.int64]

    @classmethod
    def of(cls, samples: Sequence[Sample]) -> SplitFigures:
        """Those of checked images, at least one."""
        boxes = np.concatenate([sample.boxes for sample in samples]).astype(np.float64)
        owners = np.repeat(np.arange(len(samples)), [len(sample.boxes) for sample in samples])
        sizes = np.array([(sample.width, sample.height) for sample in samples], np.int64)
        pixels = boxes[:, 3:] * sizes[owners]
        sides = np.sqrt(pixels.prod(1)) / sizes[owners].max(1)
        aspects = pixels[:, 0] / pixels[:, 1]
        return cls(boxes[:, 0].astype(np.int64), owners, boxes[:, 1:3], sides, aspects, sizes)

    def boxes_of(self, count: int) -> NDArray[np.int64]:
        """(count,): boxes of each class."""
        return np.bincount(self.classes, minlength=count)

    def images_of(self, count: int) -> NDArray[np.int64]:
        """(count,): images that show each class."""
        pairs = np.unique(np.stack([self.classes, self.owners], axis=1), axis=0)
        return np.bincount(pairs[:, 0], minlength=count)

    def boxes_in_images(self) -> NDArray[np.int64]:
        """(M,): boxes in each image."""
        return np.bincount(self.owners, minlength=len(self.sizes))

    def heat(self, cells: int) -> NDArray[np.int64]:
        """(cells, cells): boxes whose center lies in each cell of the image, from the top left."""
        columns, rows = np.minimum(self.centers * cells, cells - 1).astype(np.int64).T
        grid = np.zeros((cells, cells), np.int64)
        np.add.at(grid, (rows, columns), 1)
        return grid
