"""A camera that OpenCV can open by number, such as a USB camera."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import cv2
import numpy as np

from edgeyolo.device.frame import Frame
from edgeyolo.errors import CameraError


class CameraSource:
    """Frames as they come."""

    is_live = True
    fps: float | None = None

    def __init__(self, number: int) -> None:
        self.number = number

    @contextmanager
    def frames(self) -> Iterator[Iterator[Frame]]:
        """Open the camera and hold it.

        Raises:
            CameraError: when it cannot be opened or gives no picture.
        """
        capture = cv2.VideoCapture(self.number)
        try:
            if not capture.isOpened() or not capture.read()[0]:
                raise CameraError(
                    f"Camera {self.number} does not give a picture.",
                    "Check the cable, `ls /dev/video*`, and that no other program uses it.",
                )
            yield self._read(capture)
        finally:
            capture.release()

    def _read(self, capture: cv2.VideoCapture) -> Iterator[Frame]:
        started, index = time.monotonic(), 0
        while True:
            ok, image = capture.read()
            if not ok:
                raise CameraError(f"Camera {self.number} stopped giving pictures.")
            elapsed = round(time.monotonic() - started, 4)
            yield Frame(index, elapsed, np.asarray(image, np.uint8), f"frame-{index:06}")
            index += 1
