"""A small copy of an image that can stand inside a JSON file."""

from __future__ import annotations

import base64
from pathlib import Path

import cv2
import numpy as np

from edgeyolo.images import Image, read_image

_SIDE = 320  # pixels of the longer one
_MOST_BYTES = 16_500  # 20 of them stay below 450 kB as base64, whatever they show
_QUALITIES = (85, 75, 65, 50, 35)  # the first that is small enough
_SMALLER = 0.75


def picture(path: Path) -> str:
    """The image upright, as a JPEG of at most 320 pixels in base64.

    Raises:
        DataError: when it cannot be read.
    """
    image, side = read_image(path), float(_SIDE)
    while True:
        small = _fitted(image, max(1, round(side)))
        for quality in _QUALITIES:
            encoded = _jpeg(small, quality)
            if len(encoded) <= _MOST_BYTES:
                return base64.b64encode(encoded).decode("ascii")
        side *= _SMALLER  # noise, which no quality makes small


def _fitted(image: Image, side: int) -> Image:
    """With a longer side of at most so many pixels; the thinnest strip keeps one."""
    height, width = image.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return image
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def _jpeg(image: Image, quality: int) -> bytes:
    settings = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_OPTIMIZE, 1]
    return bytes(cv2.imencode(".jpg", image, settings)[1])
