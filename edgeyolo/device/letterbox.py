"""Any image → the net's input: scaled to fit, centered, gray around it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from edgeyolo.device.resize import Resize
from edgeyolo.images import Image

Blob = npt.NDArray[np.float32]  # (1, 3, height, width), RGB, 0..1, contiguous
_GRAY = 114  # what YOLO nets are trained with around the image
_UNIT = np.float32(1 / 255)


@dataclass(frozen=True, slots=True)
class Placement:
    """Where the image lies in the net's input: input = source * scale + (left, top)."""

    scale: float
    left: int
    top: int
    source_height: int
    source_width: int
    origin: tuple[int, int] = (0, 0)  # x, y of the source in a larger picture

    def to_source(self, xyxy: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """(N, 4) boxes in input pixels → source pixels, clipped to the source image.

        Of a part of a larger picture, pixels of that.
        """
        offset = np.array([self.left, self.top, self.left, self.top], np.float32)
        limit = np.array(
            [self.source_width, self.source_height, self.source_width, self.source_height],
            np.float32,
        )
        boxes = np.clip((xyxy - offset) / np.float32(self.scale), 0, limit)
        return np.asarray(boxes + np.array(self.origin * 2, np.float32), np.float32)


def place(source_height: int, source_width: int, height: int, width: int) -> Placement:
    """Rounding as in ultralytics' square LetterBox, so that boxes agree to the pixel."""
    scale = min(height / source_height, width / source_width)
    inner_height, inner_width = _inner(source_height, source_width, scale)
    free_width, free_height = width - inner_width, height - inner_height
    left, top = round(free_width / 2 - 0.1), round(free_height / 2 - 0.1)
    return Placement(scale, left, top, source_height, source_width)


def _inner(source_height: int, source_width: int, scale: float) -> tuple[int, int]:
    """Height and width of the scaled image; even the thinnest strip keeps a pixel."""
    return max(1, round(source_height * scale)), max(1, round(source_width * scale))


class Letterbox:
    """Letterboxes one image after the other into the same memory.

    Fresh memory for each image, some MB of it, would take the system longer to hand out than all
    the arithmetic. A blob is therefore valid until the next image comes.
    """

    def __init__(self, height: int, width: int) -> None:
        self._blob = np.empty((1, 3, height, width), np.float32)
        self._placed: Placement | None = None  # of the source size that the rest is made for

    def __call__(self, image: Image) -> tuple[Blob, Placement]:
        """(H, W, 3) BGR uint8 → the net's input, and where the image lies in it."""
        height, width = image.shape[:2]
        placed = self._placed
        if placed is None or (placed.source_height, placed.source_width) != (height, width):
            placed = self._prepare(height, width)
        if self._resize is not None:
            image = self._resize(image)
        blue, green, red, *_ = cv2.split(image, self._planes)
        for plane, channel in zip((red, green, blue), self._inner, strict=True):
            np.multiply(plane, _UNIT, out=channel)
        return self._blob, placed

    def _prepare(self, source_height: int, source_width: int) -> Placement:
        """Gray around where images of this size will lie, and memory for the steps on the way."""
        placed = place(source_height, source_width, *self._blob.shape[2:])
        height, width = _inner(source_height, source_width, placed.scale)
        source, target = (source_height, source_width), (height, width)
        self._resize = Resize(source, target) if source != target else None
        channels = self._resize.channels if self._resize else 3
        self._planes = [np.empty(target, np.uint8) for _ in range(channels)]
        self._blob[:] = _GRAY * _UNIT
        rows, columns = (
            slice(placed.top, placed.top + height),
            slice(placed.left, placed.left + width),
        )
        self._inner = self._blob[0, :, rows, columns]
        self._placed = placed
        return placed


def letterbox(image: Image, height: int, width: int) -> tuple[Blob, Placement]:
    """(H, W, 3) BGR uint8 → the net's input in memory of its own, and where the image lies."""
    return Letterbox(height, width)(image)
