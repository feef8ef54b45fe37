"""What a program says beside its work, and which of it tells why it failed."""

from __future__ import annotations

import re
from collections import deque

_KEPT = 60  # lines
_LONGEST = 300  # characters of a line; a progress bar may never end one
_ENDS = re.compile(rb"[\r\n]+")
_UNPRINTABLE = re.compile(r"\x1b\[[0-9;]*[A-Za-z]|[\x00-\x1f\x7f]")
# As GStreamer and rpicam-apps mark an error; then anything that sounds like one.
_MARKED = re.compile(r"\berror\b.*:|\berroneous\b", re.IGNORECASE)
_SOUNDS = re.compile(
    r"error|fail|cannot|could not|unable|denied|busy|no such|not found|no cameras|time.?out",
    re.IGNORECASE,
)
_MARKS = re.compile(
    r"^(error|warning):\s*|^\*{3}\s*|\s*\*{3}$"
    r"|^error generated\.\s*\S+,\s*\w+:\s*\d+\s*",  # where in NVIDIA's source
    re.IGNORECASE,
)


class Talk:
    """The last lines of it."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque(maxlen=_KEPT)
        self._begun = b""

    def hear(self, said: bytes) -> None:
        """Take what came; a line may come in pieces."""
        *whole, self._begun = _ENDS.split(self._begun + said)
        self._lines.extend(map(_readable, whole))
        self._begun = self._begun[-_LONGEST:]

    def complaint(self) -> str:
        """Its last word on an error; empty when it said none."""
        lines = [*self._lines, _readable(self._begun)]
        for pattern in (_MARKED, _SOUNDS):
            found = [line for line in lines if pattern.search(line)]
            if found:
                return _plain(found[-1])
        return ""

    def find(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """In the last line that has it."""
        return next(filter(None, map(pattern.search, reversed(self._lines))), None)


def _readable(line: bytes) -> str:
    return _UNPRINTABLE.sub("", line[:_LONGEST].decode("utf-8", "replace")).strip()


def _plain(line: str) -> str:
    """``ERROR: *** no cameras available ***`` → ``no cameras available``."""
    before = ""
    while before != line:
        before, line = line, _MARKS.sub("", line).strip()
    return line
