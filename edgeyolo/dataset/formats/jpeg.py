"""JPEG: its segments, up to the marker of its end.

Some versions of OpenCV decode a file whose end is missing without complaint, and gray is what
they put there, so the end is looked for. A later part that was overwritten by zeros goes unseen.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from edgeyolo.dataset.formats.encoded import Encoded
from edgeyolo.dataset.formats.tiff import orientation

# Without a + after the FF, which would make the search 20 times slower.
_MARKER = re.compile(rb"\xff([^\x00\xff])")
# Within a scan FF is followed by 00, or by D0 to D7 where it restarts; all else ends the scan.
_AFTER_SCAN = re.compile(rb"\xff([^\x00\xff\xd0-\xd7])")
_SCAN, _END, _EXIF = 0xDA, 0xD9, 0xE1
_ALONE = {0x01, *range(0xD0, 0xD9)}  # markers without a length
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}


def is_one(data: bytes) -> bool:
    """Whether the file begins as a JPEG does."""
    return data.startswith(b"\xff\xd8")


def look(data: bytes) -> Encoded:
    """Size, orientation, and whether it goes on to its end marker."""
    size, turned, marker = None, 1, 0
    for marker, start, end in _segments(data):
        if marker in _FRAMES and size is None and start + 5 <= len(data):
            size = _number(data, start + 1), _number(data, start + 3)
        elif marker == _EXIF and data[start : start + 6] == b"Exif\0\0":
            turned = orientation(data[start + 6 : end])
    return Encoded((".jpg", ".jpeg"), marker == _END, turned, size)


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, start and end of the content of each segment; the end marker last, if it is there."""
    pattern, place = _MARKER, 2
    while found := pattern.search(data, place):
        marker, start = found[1][0], found.end()
        if marker < 0xC0 and marker not in _ALONE:
            return  # no such marker: the scan was overwritten
        end = start if marker in _ALONE or marker == _END else start + _number(data, start)
        yield marker, start if end == start else start + 2, end
        if marker == _END:
            return
        pattern, place = _AFTER_SCAN if marker == _SCAN else _MARKER, end


def _number(data: bytes, place: int) -> int:
    return int.from_bytes(data[place : place + 2], "big")
