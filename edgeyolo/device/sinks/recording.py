"""A video file that grows: how it is encoded and what holds it."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import Protocol

import cv2

from edgeyolo.device.sinks.mp4 import TIMESCALE, FragmentedMp4, Packet
from edgeyolo.device.sinks.mpeg4 import Mpeg4Encoder, header_of, is_key
from edgeyolo.images import Image

_FRAGMENTED = (".mp4", ".m4v", ".mov")


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


def recording(path: Path, size: tuple[int, int], fps: float) -> Recording:
    """MP4 in fragments, which survives a kill; other containers as OpenCV writes them.

    Raises:
        ValueError: when OpenCV cannot write such a file.
    """
    if path.suffix.lower() in _FRAGMENTED:
        try:
            return InFragments(path, Mpeg4Encoder(size, fps), size, fps)
        except OSError:  # Windows, or an OpenCV without FFmpeg
            pass
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
        self._encoded.extend(self._encoder.close())
        if self._begins:
            self._begins.append(self._begins[-1] + round(TIMESCALE / self._fps))
        try:
            self._store()
        finally:
            self._file.close()

    def _store(self) -> None:
        while len(self._begins) > 1 and self._encoded:
            begin, frame = self._begins.popleft(), self._encoded.popleft()
            if not self._has_begun:
                self._file.begin(header_of(frame))
                self._has_begun = True
            self._file.add(Packet(frame, is_key(frame), max(1, self._begins[0] - begin)))


class ByOpenCV:
    """Frames come at equal distances: one that lasts is repeated."""

    def __init__(self, path: Path, size: tuple[int, int], fps: float) -> None:
        codec = cv2.VideoWriter.fourcc(*"mp4v")
        self._path, self._fps, self._count = path, fps, 0
        self._last: Image | None = None
        self._writer = cv2.VideoWriter(str(path), codec, fps, size)
        if not self._writer.isOpened():
            raise ValueError(f"OpenCV cannot write {path}.")

    def add(self, image: Image, time_s: float) -> None:
        """Append it at its place."""
        while self._last is not None and self._count < round(time_s * self._fps):
            self._append(self._last)
        self._last = image
        self._append(image)

    def _append(self, image: Image) -> None:
        self._writer.write(image)
        self._count += 1

    def close(self) -> None:
        """Write the index, and look whether all is there: OpenCV says nothing of a full disk."""
        self._writer.release()
        if not _holds(self._path, self._count):
            raise OSError("the video is incomplete")


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
