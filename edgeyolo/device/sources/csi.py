"""A camera on the board's own connector: which one, and what is asked of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl

from edgeyolo.errors import UsageError

_NUMBER = re.compile(r"[0-9]{1,2}")
_LIMITS = {"width": (160, 9216), "height": (120, 9216), "fps": (1, 240)}
_WRITE = "Write it as csi://0 or csi://0?width=1280&height=720&fps=30."


@dataclass(frozen=True, slots=True)
class CsiCamera:
    """The size in pixels is what the board's image processor scales to.

    The default is enough for an input of 640 and costs an old board little.
    """

    number: int
    width: int = 1280
    height: int = 720
    fps: int = 30

    @classmethod
    def parse(cls, text: str) -> CsiCamera:
        """``0``, or ``0?width=1280&height=720&fps=30``.

        Raises:
            UsageError: when it is neither, or a number is out of range.
        """
        number, _, query = text.partition("?")
        if not _NUMBER.fullmatch(number.rstrip("/")):
            raise UsageError(f"csi://{number} names no camera.", _WRITE)
        asked = parse_qsl(query, keep_blank_values=True)
        return cls(int(number.rstrip("/")), **{key: _value(key, value) for key, value in asked})


def _value(key: str, text: str) -> int:
    if key not in _LIMITS:
        raise UsageError(f"A CSI camera has no {key or 'such setting'}.", _WRITE)
    least, most = _LIMITS[key]
    # An odd side is no size in YUV 4:2:0, where four pixels share a color.
    if not text.isascii() or not text.isdecimal() or not least <= int(text[:9]) <= most:
        raise UsageError(f"{key}={text} is not possible.", f"Use {least} to {most}.")
    if key != "fps" and int(text) % 2:
        raise UsageError(f"{key}={text} is not possible.", "Use an even number of pixels.")
    return int(text)
