"""What the bytes of an image file say before they are decoded; one file for each format."""

from __future__ import annotations

from collections.abc import Callable

from edgeyolo.dataset.formats import bmp, jpeg, png, tiff, webp
from edgeyolo.dataset.formats.encoded import Encoded

_READERS: tuple[tuple[Callable[[bytes], bool], Callable[[bytes], Encoded]], ...] = (
    (jpeg.is_one, jpeg.look),
    (png.is_one, png.look),
    (bmp.is_one, bmp.look),
    (webp.is_one, webp.look),
    (tiff.is_one, tiff.look),
)
# Beginnings of what is often found under the name of an image, and what it is called.
_OTHERS = {
    b"GIF8": "a GIF",
    b"%PDF": "a PDF",
    b"PK\x03\x04": "a ZIP archive",
    b"\x00\x00\x00\x0cjP": "a JPEG 2000 image",
    b"<": "a web page",
    b"version https://git-lfs": "a pointer of Git LFS, without the file it points to",
}


def look(data: bytes) -> Encoded | None:
    """Format, completeness and orientation by its bytes; ``None`` for a format of no reader."""
    return next((reads(data) for is_one, reads in _READERS if is_one(data)), None)


def other_name(data: bytes) -> str | None:
    """What a file is that is no image we know, where that can be told."""
    if data[4:8] == b"ftyp":
        return "a HEIC or AVIF photo, or a video"
    start = data.lstrip()[:32]
    return next((name for magic, name in _OTHERS.items() if start.startswith(magic)), None)
