"""Frame: one picture on its way from a source to the sinks."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from edgeyolo.device.detections import Detections
from edgeyolo.images import Image


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """An image with its place in the source."""

    index: int
    time_s: float  # since the beginning of the source
    image: Image
    name: str  # of the file it came from, or of the frame in it
    captured: float = field(default_factory=time.monotonic)


class Source(Protocol):
    """Yields frames until it is exhausted; holds a device or a file open while it does."""

    is_live: bool  # a camera: it never ends, and late frames are worthless
    fps: float | None  # of a video

    def frames(self) -> AbstractContextManager[Iterator[Frame]]:
        """Open, yield, close."""
        ...

    def stop(self) -> None:
        """Wait for nothing any more; called by another thread than the one that reads frames."""


class Sink(Protocol):
    """Takes every frame with what was found in it."""

    is_output: bool = True  # not so where it only tells of the run, and the run needs others
    has_peer: bool = False  # somebody at the other end of a line, who may be slow to take a goodbye

    def write(self, frame: Frame, detections: Detections) -> bool:
        """Show or store it; ``False`` asks the loop to end (a window was closed)."""
        ...

    def idle(self) -> bool:
        """No frame came for a moment; ``False`` as for ``write``."""
        return True

    def hurry(self) -> None:
        """The end must come soon: what waits for somebody waits for a moment only, from now on."""
        return

    def close(self, *, complete: bool) -> None:
        """Finish what is written; not ``complete`` after an error, when half a file is dropped."""
