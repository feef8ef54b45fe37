"""Training images with their boxes as tensors: what the choices made while slimming look at."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from edgeyolo.dataset.check import Sample
from edgeyolo.device.letterbox import letterbox
from edgeyolo.images import read_image

if TYPE_CHECKING:
    from torch import Tensor

_PIXELS = 128 * 320 * 320  # of all examples together, which bounds time and memory
_FEWEST = 16
MOST = 128  # that are looked at one by one


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """Letterboxed images and their boxes.

    ``images`` is (N, 3, S, S) float32, RGB, 0..1; ``boxes`` is (M, 6) float32: image, class, and
    center x, center y, width, height in parts of the input.
    """

    images: Tensor
    boxes: Tensor

    def __len__(self) -> int:
        return len(self.images)

    @property
    def imgsz(self) -> int:
        """Side of the input in pixels."""
        return int(self.images.shape[-1])

    def of(self, image: int) -> Tensor:
        """(K, 5) boxes of one image: class, center, size."""
        return self.boxes[self.boxes[:, 0] == image, 1:]

    def first(self, count: int) -> Examples:
        """The first of them."""
        return Examples(self.images[:count], self.boxes[self.boxes[:, 0] < count])

    def batches(self, size: int) -> Iterator[dict[str, Tensor]]:
        """Batches in the form that ultralytics' losses take."""
        for start in range(0, len(self), size):
            mine = self.boxes[(self.boxes[:, 0] >= start) & (self.boxes[:, 0] < start + size)]
            yield {
                "img": self.images[start : start + size],
                "batch_idx": mine[:, 0] - start,
                "cls": mine[:, 1:2],
                "bboxes": mine[:, 2:],
            }


def load_examples(samples: Sequence[Sample], imgsz: int, seed: int = 0) -> Examples:
    """A random choice of images that have boxes: 128 at 320 pixels, fewer of larger ones.

    Raises:
        DataError: when an image cannot be read.
    """
    return _load(_choose(samples, max(_FEWEST, _PIXELS // imgsz**2), seed), imgsz)


def examples_in_parts(
    samples: Sequence[Sample], imgsz: int, seed: int = 0, most: int = MOST
) -> Iterator[Examples]:
    """The same, more of them, a few at a time: for what needs to see each only once.

    Raises:
        DataError: when an image cannot be read.
    """
    chosen = _choose(samples, most, seed)
    for start in range(0, len(chosen), _FEWEST):
        yield _load(chosen[start : start + _FEWEST], imgsz)


def _choose(samples: Sequence[Sample], most: int, seed: int) -> list[Sample]:
    labeled = [sample for sample in samples if len(sample.boxes)]
    return random.Random(seed).sample(labeled, min(len(labeled), most))


def _load(chosen: Sequence[Sample], imgsz: int) -> Examples:
    import torch

    blobs, boxes = [], []
    for index, sample in enumerate(chosen):
        blob, placed = letterbox(read_image(sample.image), imgsz, imgsz)
        size = np.array([sample.width, sample.height] * 2, np.float32) * placed.scale
        offset = np.array([placed.left, placed.top, 0, 0], np.float32)
        inside = (sample.boxes[:, 1:] * size + offset) / imgsz
        number = np.full((len(inside), 1), index, np.float32)
        blobs.append(blob)
        boxes.append(np.hstack([number, sample.boxes[:, :1], inside]))
    return Examples(
        torch.from_numpy(np.concatenate(blobs)),
        torch.from_numpy(np.concatenate(boxes).astype(np.float32)),
    )
