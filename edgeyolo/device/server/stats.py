"""What ``/stats.json`` and ``/healthz`` say."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import psutil

from edgeyolo.device.board import temperature, throttling
from edgeyolo.device.meter import Meter
from edgeyolo.device.server.latest import Latest


class Stats:
    """Speed is of the last second, what is seen of the last frame, the board's heat of now.

    Healthy is what processed a frame within the last ``stale_s`` seconds.
    """

    def __init__(self, latest: Latest, names: Sequence[str], meter: Meter, stale_s: float) -> None:
        self._latest, self._names, self._stale_s = latest, names, stale_s
        self._started = time.monotonic()
        self._meter = meter.reader()
        self._reading = self._meter.read()
        self._process = psutil.Process()

    def tick(self) -> None:
        """A second has passed."""
        self._reading = self._meter.read()

    def ailment(self) -> str | None:
        """Why frames are not being processed; ``None`` when they are."""
        seen = self._latest.seen
        if seen is None:
            waited = time.monotonic() - self._started
            return f"No frame has been processed in {waited:.0f} s since the start."
        age = time.monotonic() - seen.at
        return f"The last frame was processed {age:.0f} s ago." if age > self._stale_s else None

    def values(self, watchers: int) -> dict[str, Any]:
        """Plain values for JSON; ``age_ms`` is from a frame's capture to the end of its way."""
        reading, ailment = self._reading, self.ailment()
        return {
            "healthy": ailment is None,
            "ailment": ailment,
            "fps": round(reading.fps, 2),
            "stage_ms": {stage: round(ms, 2) for stage, ms in reading.stage_ms.items()},
            "age_ms": round(reading.age_ms, 1),
            "frames": reading.frames,
            "dropped": reading.dropped,
            **self._seen(),
            "temperature_c": temperature(),
            "throttling": throttling(),
            "memory_mb": round(self._process.memory_info().rss / 1e6, 1),
            "uptime_s": round(time.monotonic() - self._started, 1),
            "watchers": watchers,
        }

    def _seen(self) -> dict[str, Any]:
        seen = self._latest.seen
        if seen is None:
            return {"frame": None, "size": None, "seen": {}}
        counts = seen.detections.count(self._names)
        height, width = seen.frame.image.shape[:2]
        return {"frame": seen.frame.index, "size": [width, height], "seen": dict(counts)}
