"""A video file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np

from edgeyolo.device.frame import Frame
from edgeyolo.errors import DataError

_FALLBACK_FPS = 25.0  # for containers that do not say


class VideoSource:
    """Every frame of a file, as fast as they can be used."""

    is_live = False

    def __init__(self, path: Path) -> None:
        self.path = path
        capture = cv2.VideoCapture(str(path))
        self.fps: float | None = capture.get(cv2.CAP_PROP_FPS) or _FALLBACK_FPS
        readable = capture.read()[0]
        capture.release()
        if not readable:
            raise DataError(f"{path} is not a video that OpenCV can read.")

    def stop(self) -> None:
        """It never waits for long."""

    @contextmanager
    def frames(self) -> Iterator[Iterator[Frame]]:
        """Read to the end."""
        capture = cv2.VideoCapture(str(self.path))
        try:
            yield self._read(capture)
        finally:
            capture.release()

    def _read(self, capture: cv2.VideoCapture) -> Iterator[Frame]:
        assert self.fps
        index = 0
        while True:
            ok, image = capture.read()
            if not ok:
                if index == 0:  # it has gone since it was looked at
                    raise DataError(f"{self.path} cannot be read any more.")
                return
            time_s = round(index / self.fps, 4)
            yield Frame(index, time_s, np.asarray(image, np.uint8), f"{self.path.stem}-{index:06}")
            index += 1
