"""TIFF: tags and where the strips or tiles of pixels lie. EXIF is a TIFF of tags alone."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from edgeyolo.dataset.formats.encoded import Encoded

_ORIENTATION = 274
_STRIPS, _TILES = (273, 279), (324, 325)  # tags of where they begin and of their lengths in bytes
_SIZES = {1: "B", 3: "H", 4: "I"}  # of the types of number that these tags may have


def is_one(data: bytes) -> bool:
    """Whether the file begins as a TIFF does; one of more than 4 GB is left to the decoder."""
    return data[:4] in (b"II*\0", b"MM\0*")


def look(data: bytes) -> Encoded:
    """Orientation, and whether all pixels of the first picture are there."""
    tags = dict(_tags(data))
    ends = [
        start + size
        for starts, sizes in (_STRIPS, _TILES)
        for start, size in zip(tags.get(starts, ()), tags.get(sizes, ()), strict=False)
    ]
    is_whole = bool(ends) and max(ends) <= len(data)
    return Encoded((".tif", ".tiff"), is_whole, _upright(tags))


def orientation(data: bytes) -> int:
    """The EXIF orientation, 1 to 8; 1 where there is none, or one that means nothing."""
    return _upright(dict(_tags(data))) if is_one(data) else 1


def _upright(tags: dict[int, tuple[int, ...]]) -> int:
    value = (*tags.get(_ORIENTATION, ()), 1)[0]
    return value if 1 <= value <= 8 else 1


def _tags(data: bytes) -> Iterator[tuple[int, tuple[int, ...]]]:
    """Number and values of each tag of the first picture that holds whole numbers."""
    order = "<" if data[:2] == b"II" else ">"
    try:
        (place,) = struct.unpack_from(f"{order}I", data, 4)
        (count,) = struct.unpack_from(f"{order}H", data, place)
        for entry in range(place + 2, place + 2 + 12 * count, 12):
            tag, kind, length = struct.unpack_from(f"{order}HHI", data, entry)
            if kind in _SIZES:
                yield tag, _values(data, entry + 8, f"{order}{length}{_SIZES[kind]}")
    except struct.error:
        return  # cut short: what was found so far


def _values(data: bytes, place: int, layout: str) -> tuple[int, ...]:
    if struct.calcsize(layout) > 4:  # too long to stand in the entry itself
        (place,) = struct.unpack_from(f"{layout[0]}I", data, place)
    return struct.unpack_from(layout, data, place)
