"""Moving objects with known boxes, for trying things out without a camera."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import cv2
import numpy as np
import numpy.typing as npt

from edgeyolo.device.frame import Frame
from edgeyolo.errors import UsageError

_OBJECTS = 3
_ADDRESS = re.compile(r"(\d+)x(\d+)(?:@(\d+(?:\.\d+)?))?")
_LEAST, _MOST = 16, 8192  # pixels of a side


class SyntheticSource:
    """Ellipses on a gray ramp, each on its own orbit; the same ones every time.

    With ``fps`` frames come as from a camera, without as fast as they can be used. There is no end.
    """

    def __init__(
        self,
        width: int,
        height: int,
        fps: float | None = None,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        if not (_LEAST <= width <= _MOST and _LEAST <= height <= _MOST):
            raise UsageError(
                f"A picture of {width}x{height} is not possible.",
                f"Use {_LEAST} to {_MOST} pixels a side.",
            )
        if fps is not None and fps <= 0:
            raise UsageError(f"{fps:g} frames per second are not possible.", "Use more than 0.")
        self.width, self.height, self.fps = width, height, fps
        self.is_live = fps is not None
        self._sleep = sleep
        ramp = np.linspace(70, 130, width, dtype=np.float32)[None, :, None]
        self._background = np.broadcast_to(ramp, (height, width, 3)).astype(np.uint8)

    @classmethod
    def parse(cls, text: str) -> SyntheticSource:
        """``640x480@30``, or ``640x480``.

        Raises:
            UsageError: when it is neither, or the numbers are out of range.
        """
        found = _ADDRESS.fullmatch(text)
        if not found:
            raise UsageError(
                f"synthetic://{text} has no size.", "Write it as synthetic://640x480@30."
            )
        return cls(int(found[1]), int(found[2]), float(found[3]) if found[3] else None)

    def boxes(self, index: int) -> npt.NDArray[np.float32]:
        """(3, 4) xyxy in pixels: what a frame shows."""
        sides = min(self.width, self.height) * np.array([[0.2, 0.3], [0.25, 0.15], [0.15, 0.15]])
        phase = index / 40 * np.array([1.0, 0.7, 1.3]) + np.arange(_OBJECTS) * 2
        reach = np.array([[self.width, self.height]]) / 2 - sides / 2 - 1
        swing = np.stack([np.sin(phase), np.cos(1.7 * phase)], axis=1)
        center = np.array([[self.width, self.height]]) / 2 + reach * swing
        return np.concatenate([center - sides / 2, center + sides / 2], axis=1).astype(np.float32)

    def stop(self) -> None:
        """It never waits for long."""

    @contextmanager
    def frames(self) -> Iterator[Iterator[Frame]]:
        """Draw each when its turn comes."""
        yield self._draw()

    def _draw(self) -> Iterator[Frame]:
        started, index = time.monotonic(), 0
        while True:
            image = self._background.copy()
            for number, (left, top, right, bottom) in enumerate(self.boxes(index).tolist()):
                color = tuple(220 if channel == number else 40 for channel in range(3))
                middle = (round((left + right) / 2), round((top + bottom) / 2))
                axes = (round((right - left) / 2), round((bottom - top) / 2))
                cv2.ellipse(image, middle, axes, 0, 0, 360, color, cv2.FILLED)
            due = index / self.fps if self.fps else 0.0
            self._sleep(max(0.0, started + due - time.monotonic()) if self.fps else 0.0)
            yield Frame(index, round(due, 4), image, f"frame-{index:06}")
            index += 1
