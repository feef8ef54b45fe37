"""Annotated copies: an image, a folder of images, or a video."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2

from edgeyolo.device.detections import Detections
from edgeyolo.device.draw import draw
from edgeyolo.device.frame import Frame
from edgeyolo.errors import EdgeyoloError
from edgeyolo.files import fail_clearly


class AnnotatedImages:
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
        with fail_clearly(path):
            path.write_bytes(encoded.tobytes())
        return True

    def close(self) -> None:
        """Nothing is open."""


class AnnotatedVideo:
    """An MP4 that gets its name when it is complete."""

    def __init__(self, out: Path, names: Sequence[str], fps: float) -> None:
        self._out, self._names, self._fps = out, names, fps
        self._part = out.with_name(f".{out.stem}.part{out.suffix}")
        self._writer: cv2.VideoWriter | None = None
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
            self._writer = writer
        self._writer.write(draw(frame.image, detections, self._names))
        return True

    def close(self) -> None:
        """Finish the file."""
        if self._writer is not None:
            self._writer.release()
            with fail_clearly(self._out):
                self._part.replace(self._out)
