"""Any image → the net's input: scaled to fit, centered, gray around it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from edgeyolo.images import Image

Blob = npt.NDArray[np.float32]  # (1, 3, height, width), RGB, 0..1, contiguous
_GRAY = (114, 114, 114)  # what YOLO nets are trained with around the image


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


def letterbox(image: Image, height: int, width: int) -> tuple[Blob, Placement]:
    """(H, W, 3) BGR uint8 → the net's input, and where the image lies in it."""
    placement = place(image.shape[0], image.shape[1], height, width)
    inner_height, inner_width = _inner(image.shape[0], image.shape[1], placement.scale)
    if image.shape[:2] != (inner_height, inner_width):
        resized = cv2.resize(image, (inner_width, inner_height), interpolation=cv2.INTER_LINEAR)
        image = np.asarray(resized, np.uint8)
    bottom = height - inner_height - placement.top
    right = width - inner_width - placement.left
    if placement.top or placement.left or bottom or right:
        padded = cv2.copyMakeBorder(
            image, placement.top, bottom, placement.left, right, cv2.BORDER_CONSTANT, value=_GRAY
        )
        image = np.asarray(padded, np.uint8)
    # One pass in C++ for BGR → RGB, uint8 → float, /255 and HWC → CHW; numpy takes four.
    blob = cv2.dnn.blobFromImage(image, 1 / 255, swapRB=True)
    return np.asarray(blob, np.float32), placement
