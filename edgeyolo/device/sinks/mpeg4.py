"""MPEG-4 Part 2 frames by OpenCV's encoder, in memory.

OpenCV only writes files, and keeps 256 kB of them back. Into a named pipe it writes each frame at
once, as a chunk of an AVI, whose few bytes around it are easily taken off.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import BinaryIO

import cv2

from edgeyolo.images import Image

_GROUP, _PICTURE = b"\x00\x00\x01\xb3", b"\x00\x00\x01\xb6"  # start codes


class Mpeg4Encoder:
    """Takes (height, width, 3) BGR pictures of one even size, gives back encoded ones.

    Raises:
        OSError: when this system has no named pipes, or OpenCV has no such encoder; later, when it
            gives nothing any more.
    """

    def __init__(self, size: tuple[int, int], fps: float) -> None:
        self._encoded: SimpleQueue[bytes] = SimpleQueue()
        self._has_failed = False
        self._writer, self._spare, reading = _piped(size, fps)
        # In a thread: a frame may be larger than the pipe.
        self._reader = Thread(target=self._read, args=(reading,), name="encoded", daemon=True)
        try:
            self._reader.start()
        except RuntimeError as error:  # too many threads
            self._writer.release()
            os.close(self._spare)
            os.close(reading)
            raise OSError(str(error)) from error

    def encode(self, image: Image) -> Iterator[bytes]:
        """Those that are finished: as a rule this one."""
        self._writer.write(image)
        return self._finished()

    def close(self) -> Iterator[bytes]:
        """The last ones."""
        self._writer.release()
        os.close(self._spare)
        self._reader.join()
        return self._finished()

    def _read(self, reading: int) -> None:
        try:
            with os.fdopen(reading, "rb") as stream:
                for chunk in _chunks(stream):
                    self._encoded.put(chunk)
        except (OSError, MemoryError):
            self._has_failed = True  # OpenCV says nothing of a pipe that nobody reads

    def _finished(self) -> Iterator[bytes]:
        while True:
            try:
                yield self._encoded.get_nowait()
            except Empty:
                if self._has_failed:
                    raise OSError("its encoder has failed") from None
                return


def header_of(frame: bytes) -> bytes:
    """What a decoder has to know first: it precedes the first picture."""
    ends = [at for at in (frame.find(_GROUP), frame.find(_PICTURE)) if at >= 0]
    return frame[: min(ends, default=0)]


def is_key(frame: bytes) -> bool:
    """Whether it can be decoded without others."""
    at = frame.find(_PICTURE) + len(_PICTURE)
    return at < len(frame) and frame[at] >> 6 == 0


def _piped(size: tuple[int, int], fps: float) -> tuple[cv2.VideoWriter, int, int]:
    """The encoder, a second writing end, and the reading end of a pipe that has no name any more.

    The second one keeps the reader waiting until the encoder has come.
    """
    if not hasattr(os, "mkfifo"):
        raise OSError("there are no named pipes here")
    with ExitStack() as opened:
        with tempfile.TemporaryDirectory(prefix="edgeyolo-") as folder:
            path = Path(folder, "frames.avi")
            os.mkfifo(path)
            reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # else it would wait for a writer
            opened.callback(os.close, reading)
            spare = os.open(path, os.O_WRONLY)
            opened.callback(os.close, spare)
            os.set_blocking(reading, True)
            writer = cv2.VideoWriter(
                str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"mp4v"), fps, size
            )
        if not writer.isOpened():
            raise OSError("OpenCV has no MPEG-4 encoder here")
        opened.pop_all()
    return writer, spare, reading


def _chunks(stream: BinaryIO) -> Iterator[bytes]:
    """The frames in an AVI: RIFF chunks of a name, a length, and content of an even length."""
    stream.read(12)  # RIFF, length, AVI
    while len(head := stream.read(8)) == 8:
        name, length = head[:4], int.from_bytes(head[4:], "little")
        if name == b"LIST" and stream.read(4) == b"movi":
            continue  # its content follows
        inner = length - 4 if name == b"LIST" else length
        content = stream.read(inner + length % 2)
        if name == b"00dc" and len(content) >= inner > 0:
            yield content[:inner]
