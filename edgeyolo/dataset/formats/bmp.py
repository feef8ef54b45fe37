"""BMP: as many bytes as its header announces."""

from __future__ import annotations

from edgeyolo.dataset.formats.encoded import Encoded

_UNCOMPRESSED = {0, 3}


def is_one(data: bytes) -> bool:
    """Whether the file begins as a BMP does."""
    return data.startswith(b"BM")


def look(data: bytes) -> Encoded:
    """Whether all rows are there."""
    return Encoded((".bmp",), len(data) >= max(26, _needed(data)))


def _needed(data: bytes) -> int:
    """Bytes up to the last row; 0 where the decoder has to tell.

    Not the size that the header states: programs often leave it wrong.
    """
    if _number(data, 14) < 40 or _number(data, 30) not in _UNCOMPRESSED:
        return 0
    width, height = _number(data, 18), int.from_bytes(data[22:26], "little", signed=True)
    bits = int.from_bytes(data[28:30], "little")
    return _number(data, 10) + (width * bits + 31) // 32 * 4 * abs(height)


def _number(data: bytes, place: int) -> int:
    return int.from_bytes(data[place : place + 4], "little")
