"""A Jetson's own camera through gst-launch-1.0: the OpenCV of pip has no GStreamer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event

import numpy as np

from edgeyolo.device.sources.csi import CsiCamera
from edgeyolo.device.sources.pipe import FD, Pipe, started
from edgeyolo.images import Image

PROGRAM = "gst-launch-1.0"


def command(camera: CsiCamera) -> list[str]:
    """NVIDIA's source, its converter to leave the GPU's memory, and BGR through a descriptor.

    Not on stdout: the source prints there.
    """
    size = f"width={camera.width},height={camera.height}"
    elements = (
        ("nvarguscamerasrc", f"sensor-id={camera.number}"),
        (f"video/x-raw(memory:NVMM),{size},framerate={camera.fps}/1,format=NV12",),
        ("nvvidconv",),
        (f"video/x-raw,{size},format=BGRx",),
        ("videoconvert",),
        ("video/x-raw,format=BGR",),
        ("fdsink", f"fd={FD}"),
    )
    words = [word for element in elements for word in ("!", *element)]
    return [PROGRAM, "-q", *words[1:]]


@contextmanager
def pictures(camera: CsiCamera, stopped: Event) -> Iterator[Iterator[Image]]:
    """Start the program; its pictures end when ``stopped`` is set.

    Raises:
        CameraError: when it is not there, ends, or gives nothing.
    """
    with started(command(camera), stopped) as pipe:
        yield _read(pipe, camera.width, camera.height)


def _read(pipe: Pipe, width: int, height: int) -> Iterator[Image]:
    stride = -(-width * 3 // 4) * 4  # GStreamer begins each row at a multiple of four bytes
    while True:
        rows = np.empty((height, stride), np.uint8)  # the picture itself: nothing is copied
        if not pipe.fill(rows.data.cast("B")):
            return
        yield np.ascontiguousarray(rows[:, : width * 3]).reshape(height, width, 3)
