"""Annotated copies: an image, a folder of images, or a video."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from edgeyolo.device.detections import Detections
from edgeyolo.device.draw import draw
from edgeyolo.device.frame import Frame, Sink
from edgeyolo.errors import EdgeyoloError
from edgeyolo.files import fail_clearly
from edgeyolo.images import Image


class AnnotatedImages(Sink):
    """One file for one image; for several, a folder of files under their own names."""

    def __init__(self, out: Path, names: Sequence[str], *, single: bool) -> None:
        self._out, self._names, self._single = out, names, single
        with fail_clearly(out):
            (out.parent if single else out).mkdir(parents=True, exist_ok=True)

    def write(self, frame: Frame, detections: Detections) -> bool:
        """Write one annotated image."""
        path = self._out if self._single else self._out / frame.name
        if not cv2.haveImageWriter(path.name):
            raise EdgeyoloError(f"OpenCV cannot write {path}.", "Name a .jpg or .png with --out.")
        encoded = cv2.imencode(path.suffix, draw(frame.image, detections, self._names))[1]
        _write(path, encoded.tobytes())
        return True

    def close(self, *, complete: bool) -> None:
        """Nothing is open."""


class AnnotatedVideo(Sink):
    """An MP4 that gets its name when it is complete.

    Of a live source it plays as fast as it happened: a frame stays until the next one's time.
    Frames of another size than the first are fitted into it.
    """

    def __init__(
        self, out: Path, names: Sequence[str], fps: float, *, is_live: bool = False
    ) -> None:
        self._out, self._names, self._fps, self._is_live = out, names, fps, is_live
        self._size = (0, 0)
        self._began = 0.0
        self._last: Image | None = None
        self._part = out.with_name(f".{out.stem}.part{out.suffix}")
        self._writer: cv2.VideoWriter | None = None
        self._count = 0
        with fail_clearly(out):
            out.parent.mkdir(parents=True, exist_ok=True)

    def write(self, frame: Frame, detections: Detections) -> bool:
        """Append one annotated frame; the first sets the size."""
        if self._writer is None:
            height, width = frame.image.shape[:2]
            codec = cv2.VideoWriter.fourcc(*"mp4v")
            writer = cv2.VideoWriter(str(self._part), codec, self._fps, (width, height))
            if not writer.isOpened():
                raise EdgeyoloError(f"OpenCV cannot write {self._out}.", "Name an .mp4 with --out.")
            self._writer, self._size, self._began = writer, (width, height), frame.time_s
        self._catch_up(self._writer, frame)
        self._last = _fitted(draw(frame.image, detections, self._names), self._size)
        self._append(self._writer, self._last)
        return True

    def _catch_up(self, writer: cv2.VideoWriter, frame: Frame) -> None:
        due = round((frame.time_s - self._began) * self._fps)
        while self._is_live and self._last is not None and self._count < due:
            self._append(writer, self._last)

    def _append(self, writer: cv2.VideoWriter, image: Image) -> None:
        writer.write(image)
        self._count += 1

    def close(self, *, complete: bool) -> None:
        """Finish the file, or drop it."""
        if self._writer is None:
            return
        self._writer.release()
        try:
            if complete:
                self._publish()
        finally:
            self._part.unlink(missing_ok=True)

    def _publish(self) -> None:
        # OpenCV says nothing when the disk fills up.
        if not _holds(self._part, self._count):
            free = shutil.disk_usage(self._part.parent).free
            raise EdgeyoloError(
                f"Cannot write {self._out}: the video is incomplete, "
                f"{free / 2**20:.1f} MB are free on its disk.",
                "Free some space or choose another folder with --out, then run the command again.",
            )
        with fail_clearly(self._out):
            self._part.replace(self._out)


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


def _holds(video: Path, count: int) -> bool:
    """Whether a video has so many frames and the last can be read: a cut one lacks it."""
    capture = cv2.VideoCapture(str(video))
    try:
        # Some containers have no count, only a duration to guess it from: one may be off.
        if capture.get(cv2.CAP_PROP_FRAME_COUNT) < count - 1:
            return False
        capture.set(cv2.CAP_PROP_POS_FRAMES, count - 1)
        return bool(capture.read()[0])
    finally:
        capture.release()


def _write(path: Path, content: bytes) -> None:
    """Through a temporary neighbor, so that half an image never has the name of a whole one."""
    part = path.with_name(f".edgeyolo-{os.getpid()}.part")
    with fail_clearly(path):
        try:
            part.write_bytes(content)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
