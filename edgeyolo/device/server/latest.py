"""What was processed last, handed from the thread of the sinks to that of the server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from edgeyolo.device.detections import Detections
from edgeyolo.device.frame import Frame


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """A frame, with what was found in it and when."""

    number: int  # 1 for the first
    frame: Frame
    detections: Detections
    at: float  # monotonic seconds


class Latest:
    """Costs the writer an assignment, and a wake-up only when somebody waits for a picture."""

    def __init__(self) -> None:
        self.seen: Seen | None = None
        self._wake: Callable[[], object] | None = None

    @property
    def number(self) -> int:
        """How many there have been."""
        return 0 if self.seen is None else self.seen.number

    def put(self, frame: Frame, detections: Detections) -> None:
        """Replace it; called by the sinks' thread."""
        self.seen = Seen(self.number + 1, frame, detections, time.monotonic())
        wake, self._wake = self._wake, None
        if wake is not None:
            with suppress(RuntimeError):  # the server has ended meanwhile
                wake()

    async def after(self, number: int) -> Seen:
        """Wait for one that is newer; in the server's thread, one at a time."""
        loop, came = asyncio.get_running_loop(), asyncio.Event()
        try:
            while self.seen is None or self.seen.number <= number:
                came.clear()
                self._wake = lambda: loop.call_soon_threadsafe(came.set)
                if self.number <= number:  # else it came before it could wake
                    await came.wait()
        finally:
            self._wake = None
        return self.seen
