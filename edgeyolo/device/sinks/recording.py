"""A video file that grows: how it is encoded and what holds it."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import cv2

from edgeyolo.device.sinks.mp4 import TIMESCALE, FragmentedMp4, Packet, alone
from edgeyolo.device.sinks.mpeg4 import Mpeg4Encoder, header_of, is_key
from edgeyolo.images import Image

_FRAGMENTED = (".mp4", ".m4v", ".mov")
_FASTEST = 240.0  # fps; some files claim rates that no encoder takes
_LONGEST_FILL_S = 1.0  # of one picture again and again; it is encoded while the next one waits


class Recording(Protocol):
    """Takes pictures of one size."""

    def add(self, image: Image, time_s: float) -> None:
        """Append one, which is shown from that time on.

        Raises:
            OSError: when the disk is full.
        """
        ...

    def close(self) -> None:
        """Finish the file.

        Raises:
            OSError: when it lacks something.
        """
        ...


def recording(
    path: Path, size: tuple[int, int], fps: float, say: Callable[[str], object]
) -> Recording:
    """MP4 in fragments, which survives a kill; other containers as OpenCV writes them.

    Raises:
        OSError: when the file cannot be written.
        UsageError: when another run writes it.
        ValueError: when OpenCV cannot write such a file.
    """
    fps = min(fps, _FASTEST)
    if path.suffix.lower() in _FRAGMENTED:
        try:
            encoder = Mpeg4Encoder(size, fps)
        except OSError as error:  # Windows, no room for a pipe, or an OpenCV without FFmpeg
            reason = (error.strerror or str(error)).lower()
            say(f"{path} will be lost if this run is killed: {reason}.")
        else:
            try:
                return InFragments(path, encoder, size, fps)
            except BaseException:
                encoder.close()
                raise
    return ByOpenCV(path, size, fps)


class InFragments:
    """Each frame lasts until the next one's time, however long that is."""

    def __init__(
        self, path: Path, encoder: Mpeg4Encoder, size: tuple[int, int], fps: float
    ) -> None:
        self._encoder, self._fps = encoder, fps
        self._begins: deque[int] = deque()  # in ticks, of frames that are not in the file
        self._encoded: deque[bytes] = deque()
        self._file, self._has_begun = FragmentedMp4(path, size), False

    def add(self, image: Image, time_s: float) -> None:
        """Encode it; the one before goes into the file."""
        self._begins.append(round(time_s * TIMESCALE))
        self._encoded.extend(self._encoder.encode(image))
        self._store()

    def close(self) -> None:
        """Store what the encoder still held."""
        with ExitStack() as stack:
            stack.callback(self._file.close)
            stack.callback(self._store_last)
            self._encoded.extend(self._encoder.close())

    def _store_last(self) -> None:
        if self._begins:
            self._begins.append(self._begins[-1] + round(TIMESCALE / self._fps))
        self._store()

    def _store(self) -> None:
        while len(self._begins) > 1 and self._encoded:
            begin, frame = self._begins.popleft(), self._encoded.popleft()
            if not self._has_begun:
                self._file.begin(header_of(frame))
                self._has_begun = True
            self._file.add(Packet(frame, is_key(frame), max(1, self._begins[0] - begin)))


class ByOpenCV:
    """Frames come at equal distances: one that lasts is repeated, for a second at most."""

    def __init__(self, path: Path, size: tuple[int, int], fps: float) -> None:
        codec = cv2.VideoWriter.fourcc(*"mp4v")
        self._path, self._fps, self._count, self._left_out = path, fps, 0, 0
        self._last: Image | None = None
        self._lock = alone(path)
        self._writer = cv2.VideoWriter(str(path), codec, fps, size)
        if not self._writer.isOpened():
            os.close(self._lock)
            path.unlink(missing_ok=True)
            raise ValueError(f"OpenCV cannot write {path}.")

    def add(self, image: Image, time_s: float) -> None:
        """Append it at its place."""
        missing = round(time_s * self._fps) - self._left_out - self._count
        if self._last is not None:
            fill = min(missing, max(1, round(_LONGEST_FILL_S * self._fps)))
            self._left_out += max(0, missing - fill)
            for _ in range(fill):
                self._append(self._last)
        self._last = image
        self._append(image)

    def _append(self, image: Image) -> None:
        self._writer.write(image)
        self._count += 1

    def close(self) -> None:
        """Write the index, and look whether all is there: OpenCV says nothing of a full disk."""
        try:
            self._writer.release()
            if not _holds(self._path, self._count):
                raise OSError("the video is incomplete")
        finally:
            os.close(self._lock)


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
