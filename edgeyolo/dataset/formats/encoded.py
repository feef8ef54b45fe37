"""What can be told of an image file without decoding it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Encoded:
    """``suffixes`` are those that fit the format, the usual one first.

    ``orientation`` is the EXIF value, 1 to 8; 1 is upright. ``size`` is height and width in pixels
    as stored, before any turning, where the format's reader needs it.
    """

    suffixes: tuple[str, ...]
    is_whole: bool
    orientation: int = 1
    size: tuple[int, int] | None = None
