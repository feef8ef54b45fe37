"""Pictures in YUV 4:2:0, as cameras give them, to BGR."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from edgeyolo.images import Image

Planes = npt.NDArray[np.uint8]  # (height * 3 / 2, stride)

# OpenCV takes brightness for 16..235 and color for 16..240, as in television.
_LUMA, _CHROMA = (219 / 255, 16.0), (224 / 255, 128 - 128 * 224 / 255)


@dataclass(frozen=True, slots=True)
class Yuv420:
    """A plane of brightness, then two of color with half as many rows and columns.

    A row takes ``stride`` bytes, a row of color half of that; what is right of the width is of no
    use. ``full_range``: all of 0..255 is used, as in JPEG.
    """

    width: int
    height: int
    stride: int
    full_range: bool

    @property
    def shape(self) -> tuple[int, int]:
        """Of a picture's planes, one below the other."""
        return self.height * 3 // 2, self.stride

    def to_bgr(self, planes: Planes) -> Image:
        """Convert one picture; ``planes`` is overwritten."""
        if self.full_range:
            for part, (scale, offset) in (
                (planes[: self.height], _LUMA),
                (planes[self.height :], _CHROMA),
            ):
                cv2.convertScaleAbs(part, dst=part, alpha=scale, beta=offset)
        bgr = np.asarray(cv2.cvtColor(planes, cv2.COLOR_YUV2BGR_I420), np.uint8)
        return bgr if self.width == self.stride else np.ascontiguousarray(bgr[:, : self.width])
