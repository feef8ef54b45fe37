"""JPEG: its segments, up to the marker of its end.

Some versions of OpenCV decode a file whose end is missing without complaint, and gray is what
they put there, so the end is looked for. What was overwritten in between, the decoder has to tell.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from edgeyolo.dataset.formats.encoded import Encoded
from edgeyolo.dataset.formats.tiff import orientation

SUFFIXES = (".jpg", ".jpeg")

# Without a + after the FF, which would make the search 20 times slower.
_MARKER = re.compile(rb"\xff([^\x00\xff])")
# Within a scan FF is followed by 00, or by D0 to D7 where it restarts; all else ends the scan.
_AFTER_SCAN = re.compile(rb"\xff([^\x00\xff\xd0-\xd7])")
_SCAN, _END, _EXIF, _TABLES = 0xDA, 0xD9, 0xE1, 0xC4
_SEQUENTIAL = {0xC0, 0xC1}  # frames that are Huffman coded, a block after the other
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
    return Encoded(SUFFIXES, marker == _END, turned, size)


def pixels(data: bytes) -> tuple[int, int]:
    """Where the first scan begins and the end marker stands; the end of the file for each."""
    first = last = len(data)
    for marker, start, _ in _segments(data):
        if marker == _SCAN:
            first = min(first, start)
        elif marker == _END:
            last = start - 2
    return first, last


def zeros_may_be_flat(data: bytes) -> bool:
    """Whether a picture may hold many zeros in a row where it is flat.

    Not where some blocks of each group are coded by a table in which zeros mean anything else than
    that the block ends: it is so with the usual tables.
    """
    components, ends = None, []
    for marker, start, end in _segments(data):
        if marker == _TABLES:
            ends += [symbol == 0 for symbol in _shortest(data[start:end])]
        elif marker in _SEQUENTIAL and start + 5 < len(data):
            components = data[start + 5]
        elif marker == _SCAN:
            return components != data[start] or all(ends)
    return True


def _shortest(tables: bytes) -> Iterator[int]:
    """Of each table for all but the first value of a block: the symbol whose code is zeros."""
    place = 0
    while place + 17 < len(tables):
        if tables[place] >> 4:
            yield tables[place + 17]
        place += 17 + sum(tables[place + 1 : place + 17])


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
