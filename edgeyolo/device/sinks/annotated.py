"""Annotated copies: an image, a folder of images, or a video."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np

from edgeyolo.device.detections import Detections
from edgeyolo.device.draw import draw
from edgeyolo.device.frame import Frame, Sink
from edgeyolo.device.sinks.mp4 import is_growing
from edgeyolo.device.sinks.recording import Recording, recording
from edgeyolo.errors import EdgeyoloError, UsageError
from edgeyolo.files import NO_ROOM, cannot_write, fail_clearly, free_name, write_bytes
from edgeyolo.images import Image


class AnnotatedImages(Sink):
    """One file for one image; for several, a folder of files under their own names."""

    def __init__(self, out: Path, names: Sequence[str], *, single: bool) -> None:
        self._out, self._names, self._single = out, names, single
        with fail_clearly(out, or_gone=True):
            (out.parent if single else out).mkdir(parents=True, exist_ok=True)

    def write(self, frame: Frame, detections: Detections) -> bool:
        """Write one annotated image."""
        path = self._out if self._single else self._out / frame.name
        if not cv2.haveImageWriter(path.name):
            raise EdgeyoloError(f"OpenCV cannot write {path}.", "Name a .jpg or .png with --out.")
        is_done, encoded = cv2.imencode(path.suffix, draw(frame.image, detections, self._names))
        if not is_done:
            height, width = frame.image.shape[:2]
            raise EdgeyoloError(
                f"No {path.suffix} can hold the {width}x{height} pixels of {path}.",
                "Name a .png with --out.",
            )
        write_bytes(path, encoded.tobytes())
        return True

    def close(self, *, complete: bool) -> None:
        """Nothing is open."""


class AnnotatedVideo(Sink):
    """A video that grows beside its name, as ``clip.part.mp4``, and gets it at the end.

    A killed run leaves the part, which plays up to the last second; the next run keeps it under a
    number, and says so. So it does with an older video of a live source, as that does not come
    again; of a file the same command makes the same video. Frames of a live source are shown as
    long as it took until the next, those of a file for 1/fps. Frames of another size than the first
    are fitted into it.
    """

    def __init__(
        self,
        out: Path,
        names: Sequence[str],
        fps: float,
        *,
        is_live: bool = False,
        say: Callable[[str], object] = lambda sentence: None,
    ) -> None:
        self._out, self._names, self._fps, self._is_live = out, names, fps, is_live
        self._say = say
        self._size = (0, 0)
        self._began, self._count = 0.0, 0
        self._part = out.with_name(f"{out.stem}.part{out.suffix}")
        self._recording: Recording | None = None
        with fail_clearly(out, or_gone=True):
            out.parent.mkdir(parents=True, exist_ok=True)

    def write(self, frame: Frame, detections: Detections) -> bool:
        """Append one annotated frame; the first sets the size."""
        if self._recording is None:
            self._size, self._began = _even(frame.image), frame.time_s
            with self._told():
                self._recording = self._open()
        time_s = frame.time_s - self._began if self._is_live else self._count / self._fps
        drawn = draw(frame.image, detections, self._names)
        with self._told():
            self._recording.add(_fitted(drawn, self._size), time_s)
        self._count += 1
        return True

    def _open(self) -> Recording:
        if self._part.exists():
            if is_growing(self._part):
                raise UsageError(
                    f"Another run is writing {self._out}.", "Name another file with --out."
                )
            kept = free_name(self._out)
            self._part.rename(kept)
            self._say(f"An earlier run did not come to its end; what it recorded is {kept}.")
        try:
            return recording(self._part, self._size, self._fps, self._say)
        except ValueError as error:
            raise EdgeyoloError(
                f"OpenCV cannot write {self._out}.", "Name an .mp4 with --out."
            ) from error

    def close(self, *, complete: bool) -> None:
        """Finish the file, or drop it."""
        if self._recording is None:
            return
        try:
            with self._told():
                self._recording.close()
        except EdgeyoloError:
            complete = complete and self._is_live  # what a camera showed does not come again
            raise
        finally:
            with self._told():
                self._publish(complete)

    def _publish(self, complete: bool) -> None:
        if not (complete and self._part.exists() and self._part.stat().st_size):
            self._part.unlink(missing_ok=True)
            return
        if self._is_live and self._out.is_file():
            kept = free_name(self._out)
            self._out.rename(kept)
            self._say(f"{self._out} is a new video; the older one is {kept}.")
        self._part.replace(self._out)

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            room = _room(self._part.parent) if error.errno in NO_ROOM else ""
            raise cannot_write(self._out, error, room) from error


def _even(image: Image) -> tuple[int, int]:
    """Width and height that the encoder takes: even, and not less than one block."""
    height, width = image.shape[:2]
    return max(16, width + width % 2), max(16, height + height % 2)


def _room(folder: Path) -> str:
    """How much room a disk has, where it still answers."""
    try:
        return f", {shutil.disk_usage(folder).free / 2**20:.1f} MB are free on its disk"
    except OSError:  # it was pulled out
        return ""


def _fitted(image: Image, size: tuple[int, int]) -> Image:
    """(height, width, 3) of a video's size; black beside a picture of another shape."""
    width, height = size
    if image.shape[:2] == (height, width):
        return image
    scale = min(width / image.shape[1], height / image.shape[0])
    inner = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
    left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
    canvas = np.zeros((height, width, 3), np.uint8)
    canvas[top : top + inner[1], left : left + inner[0]] = cv2.resize(image, inner)
    return canvas
