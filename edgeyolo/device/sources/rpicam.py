"""A Raspberry Pi's own camera through rpicam-vid, which needs nothing in this Python."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event

import numpy as np

from edgeyolo.device.model import board_model
from edgeyolo.device.sources.csi import CsiCamera
from edgeyolo.device.sources.pipe import Pipe, started
from edgeyolo.device.sources.yuv420 import Yuv420
from edgeyolo.images import Image

_PROGRAMS = ("rpicam-vid", "libcamera-vid")  # its name before Raspberry Pi OS 12

# What libcamera says before the first picture: "(0) 1280x720-YUV420/sYCC (1) 1536x864-…"
_CONFIGURED = re.compile(r"\b(\d+)x(\d+)-YUV420(?:/(\S+))?")
_BEFORE_5 = re.compile(r"Raspberry Pi (Compute Module )?([0-4]|Zero|Model)")


def program() -> str:
    """The name that it has here."""
    return next(filter(shutil.which, _PROGRAMS), _PROGRAMS[0])


def command(program: str, camera: CsiCamera) -> list[str]:
    """Raw pictures on stdout, for ever."""
    return [
        program,
        *("--camera", str(camera.number)),
        *("--width", str(camera.width), "--height", str(camera.height)),
        *("--framerate", str(camera.fps)),
        *("--codec", "yuv420", "--timeout", "0"),
        "--nopreview",
        "--flush",  # else the end of each picture comes with the next one
        *("-o", "-"),
    ]


@contextmanager
def pictures(program: str, camera: CsiCamera, stopped: Event) -> Iterator[Iterator[Image]]:
    """Start the program; its pictures end when ``stopped`` is set.

    Raises:
        CameraError: when it is not there, ends, or gives nothing.
    """
    with started(command(program, camera), stopped) as pipe:
        yield _read(pipe, camera)


def _read(pipe: Pipe, camera: CsiCamera) -> Iterator[Image]:
    if not pipe.wait():
        return
    layout = _layout(pipe, camera)
    planes = np.empty(layout.shape, np.uint8)
    buffer = planes.data.cast("B")
    while pipe.fill(buffer):
        yield layout.to_bgr(planes)


def _layout(pipe: Pipe, camera: CsiCamera) -> Yuv420:
    """What the program said that it gives, else what was asked for."""
    said = pipe.talk.find(_CONFIGURED)
    width, height = (int(said[1]), int(said[2])) if said else (camera.width, camera.height)
    space = said[3] if said and said[3] else "sYCC"  # what rpicam-vid asks for with this codec
    full = space == "sYCC" or space.endswith("/Full")
    return Yuv420(width, height, stride(width, board_model()), full)


def stride(width: int, model: str) -> int:
    """Bytes of a row of brightness: each plane's rows begin at a multiple of so many bytes.

    It is 32 up to Raspberry Pi 4 (bcm2835-isp) and 64 from 5 on (libpisp), of a row of color, which
    is half as long. 640, 1280 and 1920 have no padding on any.
    """
    unit = 64 if _BEFORE_5.match(model) else 128
    return -(-width // unit) * unit
