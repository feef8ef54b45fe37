"""Frames as JPEG with their boxes: only when somebody waits for one, and once for all who do."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from edgeyolo.device.detections import Detections
from edgeyolo.device.draw import draw
from edgeyolo.device.server.latest import Latest, Seen
from edgeyolo.device.server.response import part
from edgeyolo.images import Image

_LONGEST = 1280  # pixels of a side; a larger picture costs more than a screen shows
_QUALITY = 75
_APART_S = 1 / 15  # of two pictures, at least


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """One that is ready to be sent."""

    number: int  # of the frame among those processed, from 1
    jpeg: bytes
    part: bytes  # of a stream


class Pictures:
    """Whoever is ready for a picture gets the newest; who is slow gets fewer."""

    def __init__(self, latest: Latest, names: Sequence[str]) -> None:
        self._latest, self._names = latest, names
        self._one_encodes = asyncio.Lock()
        self._picture = Picture(0, b"", b"")
        self._due = 0.0

    @property
    def are_scaled(self) -> bool:
        """Whether frames are larger than what is sent."""
        seen = self._latest.seen
        return seen is not None and _scale(seen.frame.image) < 1

    async def after(self, number: int) -> Picture:
        """Wait for one newer than ``number``.

        The first who waits encodes; the others, after it, find it done.
        """
        if self._is_fresh_after(number):
            return self._picture
        async with self._one_encodes:
            if not self._is_fresh_after(number):
                await asyncio.sleep(self._due - time.monotonic())
                await self._latest.after(self._picture.number)
                assert self._latest.seen is not None
                self._due = time.monotonic() + _APART_S
                self._picture = _encode(self._latest.seen, self._names)
            return self._picture

    def _is_fresh_after(self, number: int) -> bool:
        have = self._picture.number
        is_newest = have == self._latest.number or time.monotonic() < self._due
        return have > number and is_newest


def _encode(seen: Seen, names: Sequence[str]) -> Picture:
    image, detections = _fitted(seen.frame.image, seen.detections)
    parameters = [cv2.IMWRITE_JPEG_QUALITY, _QUALITY]
    jpeg = cv2.imencode(".jpg", draw(image, detections, names), parameters)[1].tobytes()
    return Picture(seen.number, jpeg, part(jpeg, seen.frame.index))


def _scale(image: Image) -> float:
    height, width = image.shape[:2]
    return float(_LONGEST / max(height, width))


def _fitted(image: Image, detections: Detections) -> tuple[Image, Detections]:
    scale = _scale(image)
    if scale >= 1:
        return image, detections
    height, width = image.shape[:2]
    size = max(1, round(scale * width)), max(1, round(scale * height))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    boxes = detections.xyxy * np.float32(scale)
    return np.asarray(small, np.uint8), replace(detections, xyxy=boxes)
