"""Scales images to the same pixels on every processor, so that a board sees what was validated."""

from __future__ import annotations

import platform

import cv2
import numpy as np

from edgeyolo.images import Image

# OpenCV's wheels for Arm hand INTER_LINEAR to KleidiCV, which rounds differently (by up to 2 gray
# levels, in a third of the pixels) between the ratios 1 and 3. That takes up to four channels.
_HAS_KLEIDICV = platform.machine().lower() in ("aarch64", "arm64")
_KLEIDICV_SCALES = (1 / 3, 1.0)
_TOO_MANY_CHANNELS = 5


class Resize:
    """Bilinear, from one size to another, into the same memory each time.

    The pixels are those of OpenCV's ``INTER_LINEAR`` on x86-64, as ultralytics takes them.
    """

    def __init__(
        self,
        source: tuple[int, int],
        target: tuple[int, int],
        *,
        has_kleidicv: bool = _HAS_KLEIDICV,
    ) -> None:
        """Sizes are height, width."""
        is_half = source == (2 * target[0], 2 * target[1])
        # The same mean of four pixels, which x86-64 takes by itself.
        self._interpolation = cv2.INTER_AREA if is_half else cv2.INTER_LINEAR
        lowest, highest = _KLEIDICV_SCALES
        scale = max(target[0] / source[0], target[1] / source[1])
        is_wide = has_kleidicv and not is_half and lowest < scale < highest
        self.channels = _TOO_MANY_CHANNELS if is_wide else 3
        self._wide = np.zeros((*source, self.channels), np.uint8) if is_wide else None
        self._size = target[::-1]
        self._scaled = np.empty((*target, self.channels), np.uint8)

    def __call__(self, image: Image) -> Image:
        """(H, W, 3) uint8 → (height, width, ``channels``), of which the first three count."""
        if self._wide is not None:
            cv2.mixChannels([image], [self._wide], [0, 0, 1, 1, 2, 2])
            image = self._wide
        return cv2.resize(image, self._size, dst=self._scaled, interpolation=self._interpolation)  # type: ignore[return-value]
