"""PNG: its chunks with their checksums, up to IEND."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from edgeyolo.dataset.formats.encoded import Encoded
from edgeyolo.dataset.formats.tiff import orientation

_MAGIC = b"\x89PNG\r\n\x1a\n"
_OPTIONAL = 0x20  # bit of a type's first letter: decoders skip such a chunk where it is damaged


def is_one(data: bytes) -> bool:
    """Whether the file begins as a PNG does."""
    return data.startswith(_MAGIC)


def look(data: bytes) -> Encoded:
    """Size, orientation, and whether every needed chunk is there and sound."""
    turned, kind, size = 1, b"", None
    for kind, content in _chunks(data):
        if kind == b"eXIf":
            turned = orientation(bytes(content))
        elif kind == b"IHDR" and len(content) >= 8:
            size = int.from_bytes(content[4:8], "big"), int.from_bytes(content[:4], "big")
    return Encoded((".png",), kind == b"IEND", turned, size)


def _chunks(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """Type and content of each sound chunk, as far as they go."""
    view, place = memoryview(data), len(_MAGIC)
    while place + 12 <= len(data):
        end = place + 8 + int.from_bytes(view[place : place + 4], "big")
        kind = bytes(view[place + 4 : place + 8])
        checksum = int.from_bytes(view[end : end + 4], "big")
        is_sound = end + 4 <= len(data) and zlib.crc32(view[place + 4 : end]) == checksum
        if not is_sound and not (kind and kind[0] & _OPTIONAL and end + 4 <= len(data)):
            return
        if is_sound:
            yield kind, view[place + 8 : end]
        if kind == b"IEND":
            return
        place = end + 4
