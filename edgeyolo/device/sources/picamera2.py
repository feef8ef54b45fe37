"""A Raspberry Pi's own camera through Picamera2, which comes from apt only."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from threading import Event
from typing import Any

import numpy as np

from edgeyolo.device.sources.csi import CsiCamera
from edgeyolo.errors import CameraError
from edgeyolo.images import Image

_ABSENT = "not in this Python, whose environment needs --system-site-packages"
_LOOK_S = 0.1  # between two looks at whether all is to end
_SILENCE_S = 10.0
_LAST_S = 0.3  # for the picture under way, when all is to end
# What libcamera and Picamera2 raise, of a camera that is absent, in use, or does not start.
_FAILURES = (RuntimeError, OSError, LookupError, ValueError, TypeError)


@contextmanager
def pictures(
    camera: CsiCamera, stopped: Event, silence_s: float = _SILENCE_S
) -> Iterator[Iterator[Image]]:
    """Hold the camera open; its pictures end when ``stopped`` is set.

    Raises:
        CameraError: when Picamera2 is not there or does not work, or the camera gives nothing.
    """
    opened = _open(camera)
    try:
        yield _read(opened, stopped, silence_s)
    finally:
        with suppress(*_FAILURES):  # such as a camera that was pulled out
            opened.stop()
        with suppress(*_FAILURES):
            opened.close()


def _open(camera: CsiCamera) -> Any:
    kind = _class()
    opened = None
    try:
        opened = kind(_place(kind.global_camera_info(), camera.number))
        duration = round(1e6 / camera.fps)  # µs
        # Called RGB888 by libcamera, which counts from the highest byte: BGR in memory.
        opened.configure(
            opened.create_video_configuration(
                main={"size": (camera.width, camera.height), "format": "RGB888"},
                controls={"FrameDurationLimits": (duration, duration)},
            )
        )
        opened.start()
    except _FAILURES as error:
        if opened is not None:
            with suppress(*_FAILURES):
                opened.close()
        raise CameraError(_cause(error)) from error
    return opened


def _class() -> Any:
    try:
        from picamera2 import Picamera2
    except ModuleNotFoundError as error:
        if error.name == "picamera2":
            raise CameraError(_ABSENT) from error
        raise CameraError(f"it does not load: {error}") from error
    except (ImportError, AttributeError, *_FAILURES) as error:  # built for another NumPy, mostly
        raise CameraError(f"it does not load: {error}") from error
    return Picamera2


def _place(cameras: list[dict[str, Any]], number: int) -> int:
    """Where the CSI camera of that number is among all that libcamera knows, USB cameras too."""
    places = [place for place, info in enumerate(cameras) if "/usb" not in info.get("Id", "")]
    if number >= len(places):
        raise CameraError(f"it knows of no CSI camera {number}" if places else "no CSI camera")
    return places[number]


def _cause(error: BaseException) -> str:
    """The first error of a chain: the last only says that something before it failed."""
    while error.__cause__ is not None:
        error = error.__cause__
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _read(opened: Any, stopped: Event, silence_s: float) -> Iterator[Image]:
    while not stopped.is_set():
        came = Event()
        # Not with a time-out, which only newer versions know.
        job = opened.capture_array("main", wait=False, signal_function=partial(_tell, came))
        if not _wait(came, stopped, silence_s):
            _forget(opened, came)
            if stopped.is_set():
                return
            raise CameraError(f"no picture for {silence_s:g} seconds")
        try:
            image = opened.wait(job)
        except _FAILURES as error:
            raise CameraError(_cause(error)) from error
        yield np.asarray(image, np.uint8)


def _tell(came: Event, job: object) -> None:
    came.set()


def _wait(came: Event, stopped: Event, silence_s: float) -> bool:
    deadline = time.monotonic() + silence_s
    while not came.wait(_LOOK_S):
        if stopped.is_set() or time.monotonic() > deadline:
            return False
    return True


def _forget(opened: Any, came: Event) -> None:
    """Let the camera be stopped, which would wait for the picture that was asked for."""
    if not came.wait(_LAST_S) and hasattr(opened, "cancel_all_and_flush"):  # from 0.3.20 on
        opened.cancel_all_and_flush()
