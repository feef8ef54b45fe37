"""Some of a source's frames."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from edgeyolo.device.frame import Frame, Source


class Thinned:
    """Every ``every``-th frame, and of a camera at most ``fps`` in a second.

    What is left out is decoded but goes no further, and does not count as dropped.
    """

    def __init__(self, source: Source, every: int = 1, fps: float | None = None) -> None:
        self._source, self._every = source, every
        self._apart = 1 / fps if fps and source.is_live else 0.0
        self.is_live = source.is_live
        self.fps = source.fps / every if source.fps else None

    def stop(self) -> None:
        """Pass it on."""
        self._source.stop()

    @contextmanager
    def frames(self) -> Iterator[Iterator[Frame]]:
        """Hold the source open."""
        with self._source.frames() as frames:
            yield self._some(frames)

    def _some(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        due = float("-inf")
        for place, frame in enumerate(frames):
            if place % self._every or frame.captured < due:
                continue
            # From when it was due, not from when it came: else 20 fps of 30 would become 15.
            due = max(due, frame.captured - self._apart) + self._apart
            yield frame
