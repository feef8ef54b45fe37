"""A line on stderr that says how fast it goes and what is seen."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Sequence

from edgeyolo.device.detections import Detections
from edgeyolo.device.frame import Frame

_INTERVAL = 1.0  # seconds


class StatusLine:
    """Once a second: frames per second and the classes in the last frame."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._since, self._count = time.monotonic(), 0

    def write(self, frame: Frame, detections: Detections) -> bool:
        """Count, and now and then say."""
        self._count += 1
        elapsed = time.monotonic() - self._since
        if elapsed >= _INTERVAL:
            seen = Counter(self._names[index] for index in detections.class_id)
            text = ", ".join(f"{count} {name}" for name, count in seen.most_common()) or "nothing"
            line = f"frame {frame.index + 1}, {self._count / elapsed:.1f} fps: {text}"
            end = "" if sys.stderr.isatty() else "\n"
            start = "\r\x1b[K" if sys.stderr.isatty() else ""
            print(f"{start}{line}", end=end, file=sys.stderr, flush=True)
            self._since, self._count = time.monotonic(), 0
        return True

    def close(self, *, complete: bool) -> None:
        """Leave the line."""
        if sys.stderr.isatty():
            print(file=sys.stderr)
