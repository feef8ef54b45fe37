"""What OpenCV opens: a camera by its number or device, a stream by its address."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import cv2
import numpy as np

from edgeyolo.device.sources.live import Opening
from edgeyolo.errors import CameraError
from edgeyolo.images import Image

_TIMEOUT_MS = 10_000  # a server that says nothing for so long is gone
_STREAM = (
    *(cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, _TIMEOUT_MS),
    *(cv2.CAP_PROP_READ_TIMEOUT_MSEC, _TIMEOUT_MS),
)


_NONE: Image = np.zeros((0, 0, 3), np.uint8)


def camera(device: int | str, name: str) -> Opening:
    """A USB camera, or what else the system has under that number or path."""
    hint = "Check the cable, `ls /dev/video*`, and that no other program uses it."
    system = cv2.CAP_V4L2 if sys.platform == "linux" else cv2.CAP_ANY
    return lambda: _pictures(device, name, hint, system, ())


def stream(address: str, name: str) -> Opening:
    """RTSP or HTTP, by FFmpeg; ``name`` is what messages may show of the address."""
    hint = "Check the address, the password in it, and that the server runs."
    return lambda: _pictures(address, name, hint, cv2.CAP_FFMPEG, _STREAM)


@contextmanager
def _pictures(
    target: int | str, name: str, hint: str, backend: int, parameters: Sequence[int]
) -> Iterator[Iterator[Image]]:
    capture = cv2.VideoCapture(target, backend, parameters)
    try:
        # A camera may open and then give nothing, such as one on a CSI connector.
        if not capture.isOpened() or not capture.grab():
            raise CameraError(f"{name} does not give a picture.", hint)
        yield _read(capture, name)
    finally:
        capture.release()


def _read(capture: cv2.VideoCapture, name: str) -> Iterator[Image]:
    """Of what was grabbed and cannot be decoded, an empty one."""
    while True:
        ok, image = capture.retrieve()
        yield np.asarray(image, np.uint8) if ok else _NONE
        if not capture.grab():
            raise CameraError(f"{name} stopped giving pictures.")
