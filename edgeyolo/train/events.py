"""events.jsonl: what a training job says, one JSON object per line, only ever appended.

Every line has ``time`` (seconds since the epoch) and ``event``:

- ``started``   epochs, images, batches, device, resumed_at
- ``batch``     epoch, batch, batches (at most one a second)
- ``epoch``     epoch, epochs, seconds, loss, map50_95, map50, best
- ``finished``  epochs, seconds, map50_95, checkpoint
- ``stopped``   epoch (asked to stop; can be resumed)
- ``failed``    message, hint, exit_code
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

EVENTS = "events.jsonl"
LAST_EVENTS = frozenset({"finished", "stopped", "failed"})
_BATCH_INTERVAL = 1.0  # seconds

Event = dict[str, Any]


class EventLog:
    """Appends to ``events.jsonl``; each line reaches the file at once."""

    def __init__(self, folder: Path) -> None:
        self._stream = (folder / EVENTS).open("a", encoding="utf-8", buffering=1)
        self._last_batch = 0.0

    def write(self, event: str, **values: Any) -> None:
        """Append one event."""
        line = {"time": round(time.time(), 3), "event": event, **values}
        self._stream.write(json.dumps(line) + "\n")

    def batch(self, **values: Any) -> None:
        """Append a batch event, unless the last one is younger than a second."""
        now = time.monotonic()
        if now - self._last_batch >= _BATCH_INTERVAL:
            self._last_batch = now
            self.write("batch", **values)


class EventReader:
    """Reads what was appended since the last call; a line still being written is left."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / EVENTS
        self._offset = 0

    def new(self) -> Iterator[Event]:
        """Events that were not returned before."""
        if not self._path.is_file():
            return
        with self._path.open("rb") as stream:
            stream.seek(self._offset)
            for line in stream:
                if not line.endswith(b"\n"):
                    return
                self._offset += len(line)
                yield json.loads(line)

    def skip(self) -> None:
        """Leave out what is already there."""
        for _ in self.new():
            pass


def all_events(folder: Path) -> list[Event]:
    """Every event so far."""
    return list(EventReader(folder).new())
