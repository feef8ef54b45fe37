"""JPEG → gray pixels, and whether all of them are what was once saved.

OpenCV decodes a JPEG whose middle was overwritten: from there on it is gray or garbled, and libjpeg
says so in a line on stderr that names no file. The decoder here gives the same line to the caller.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import cv2
import numpy as np

from edgeyolo.dataset.formats import jpeg
from edgeyolo.images import Image

try:
    import simplejpeg
except ImportError:  # not where only a board's packages are
    simplejpeg = None

SUFFIXES = jpeg.SUFFIXES

# What libjpeg-turbo says of lost pixels, also where a header is of an unknown kind.
_LOST = ("Corrupt JPEG data", "Premature end", "Inconsistent progression")
_SPARE = re.compile(r"(\d+) extraneous bytes before marker 0xd9")
_PADDING = 4  # bytes that many cameras leave between the pixels and the end marker
_ZEROS = bytes(64)  # longer than two blocks of any photo


@dataclass(frozen=True, slots=True, eq=False)
class Pixels:
    """``gray`` (H, W) as stored, ``None`` where nothing can be decoded."""

    gray: Image | None
    is_sound: bool


def can_tell_damage() -> bool:
    """Whether the decoder is there; else OpenCV decodes, and overwritten pixels go unseen."""
    return simplejpeg is not None


def decode(data: bytes, size: tuple[int, int] | None, enough: int) -> Pixels:
    """Decode a JPEG of ``size`` (height, width), where that is known, no larger than needed.

    Both sides of ``gray`` have at least ``enough`` pixels where those of the image have; a decoder
    of JPEG can leave out the others.
    """
    size = size or (0, 0)
    if simplejpeg is None:
        return Pixels(_by_opencv(data, size, enough), is_sound=True)
    is_sound = not _has_hole(data)
    try:
        return Pixels(_decode(data, size, enough, strict=True), is_sound)
    except ValueError as error:
        is_sound = is_sound and not _tells_of_loss(str(error), data)
    try:
        return Pixels(_decode(data, size, enough, strict=False), is_sound)
    except ValueError:
        return Pixels(_by_opencv(data, size, enough), is_sound)


def _decode(data: bytes, size: tuple[int, int], enough: int, *, strict: bool) -> Image:
    # Other factors than whole ones take longer than all of the image.
    least = enough if min(size) >= 2 * enough else 0
    pixels = simplejpeg.decode_jpeg(
        data, "GRAY", min_height=least, min_width=least, min_factor=2, strict=strict
    )
    return np.asarray(pixels[..., 0], np.uint8)


def _has_plain_header(data: bytes) -> bool:
    """Whether all up to the pixels is known here; OpenCV may know more."""
    try:
        simplejpeg.decode_jpeg_header(data)
    except ValueError:
        return False
    return True


def _by_opencv(data: bytes, size: tuple[int, int], enough: int) -> Image | None:
    reduced = {
        8: cv2.IMREAD_REDUCED_GRAYSCALE_8,
        4: cv2.IMREAD_REDUCED_GRAYSCALE_4,
        2: cv2.IMREAD_REDUCED_GRAYSCALE_2,
    }
    factor = next((factor for factor in reduced if min(size) >= factor * enough), 1)
    flag = reduced.get(factor, cv2.IMREAD_GRAYSCALE) | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        gray = cv2.imdecode(np.frombuffer(data, np.uint8), flag)
    except cv2.error:  # such as more pixels than OpenCV accepts
        return None
    return None if gray is None else np.asarray(gray, np.uint8)


def _tells_of_loss(message: str, data: bytes) -> bool:
    """Whether pixels are missing or wrong; padding before the end marker is neither."""
    spare = _SPARE.search(message)
    if spare is None:
        return message.startswith(_LOST) or _has_plain_header(data)
    count, before = int(spare[1]), data[: jpeg.pixels(data)[1]]
    filled = len(before) - len(before.rstrip(before[-1:]))
    # Filled from further up, it is pixels that were overwritten.
    return count > _PADDING and not count <= filled < count + len(_ZEROS)


def _has_hole(data: bytes) -> bool:
    """Whether zeros were written over pixels, such as a sector of a disk or a card.

    They may decode without complaint. Zeros before the end marker are left to the decoder.
    """
    place = data.find(_ZEROS, data.find(b"\xff\xda"))  # mostly none, and the search is quick
    if place < 0 or jpeg.zeros_may_be_flat(data):
        return False
    first, last = jpeg.pixels(data)
    return _ZEROS in data[first:last].rstrip(b"\0")
