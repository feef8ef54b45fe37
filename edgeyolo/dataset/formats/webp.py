"""WebP: a RIFF file as long as it says."""

from __future__ import annotations

from collections.abc import Iterator

from edgeyolo.dataset.formats.encoded import Encoded
from edgeyolo.dataset.formats.tiff import orientation

_EXIF_START = b"Exif\0\0"  # some programs put it before the tags, as in a JPEG


def is_one(data: bytes) -> bool:
    """Whether the file begins as a WebP does."""
    return data[:4] == b"RIFF" and data[8:12] == b"WEBP"


def look(data: bytes) -> Encoded:
    """Orientation, and whether the file is as long as it says."""
    turned = 1
    for kind, content in _chunks(data):
        if kind == b"EXIF":
            turned = orientation(content.removeprefix(_EXIF_START))
    # The last byte may be the padding of an odd length, which some programs leave out.
    return Encoded((".webp",), len(data) >= 8 + _number(data, 4) - 1, turned)


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    place = 12
    while place + 8 <= len(data):
        size = _number(data, place + 4)
        yield data[place : place + 4], data[place + 8 : place + 8 + size]
        place += 8 + size + size % 2


def _number(data: bytes, place: int) -> int:
    return int.from_bytes(data[place : place + 4], "little")
