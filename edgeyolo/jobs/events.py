"""events.jsonl: what a job says, one JSON object per line, only ever appended.

Every line has ``time`` (seconds since the epoch) and ``event``. Of a training:

- ``started``   epochs, images, batches, device, resumed_at, batch; gpu, free_mb, total_mb of a GPU
- ``chosen``    batch (found as asked), limit: memory, images, use or cpu
- ``halved``    batch (there was not enough memory for more)
- ``batch``     epoch, batch, batches (at most one a second)
- ``epoch``     epoch, epochs, seconds, train_seconds (without validation), waited_seconds (of
                those, for images), loss, lr, map50_95, map50, best; gpu_mb at its highest
- ``picture``   epoch, name, file in the folder: some training or validation images, for loggers
- ``curves``    epoch, file in the folder: precision and recall on val, for loggers
- ``finished``  epochs, seconds, map50_95, checkpoint
- ``stopped``   epoch (asked to stop; can be resumed)
- ``failed``    message, hint, exit_code

Of a classifier, ``epoch`` has top1 and top5 in the place of map50_95 and map50, and ``finished``
top1 and top5 of best_epoch, and images, by which these were measured.

Of a whole run or search, whose trainings have folders and events of their own:

- ``stage``     name, number, total
- ``step``      done, total, note (at most one a second)
- ``line``      text
- ``finished``
- ``stopped``   message, hint
- ``failed``    message, hint, exit_code
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from edgeyolo.files import NO_ROOM

EVENTS = "events.jsonl"
LAST_EVENTS = frozenset({"finished", "stopped", "failed"})
_SELDOM_S = 1.0

Event = dict[str, Any]


class EventLog:
    """Appends to ``events.jsonl``; each line reaches the file at once."""

    def __init__(self, folder: Path) -> None:
        path = folder / EVENTS
        torn = events_size(folder) > 0 and not path.read_bytes().endswith(b"\n")
        self._stream = path.open("a", encoding="utf-8", buffering=1)
        if torn:  # a kill or a full disk cut the last line short
            self._stream.write("\n")
        self._last_seldom = 0.0

    def write(self, event: str, **values: Any) -> None:
        """Append one event."""
        line = {"time": round(time.time(), 3), "event": event, **values}
        self._stream.write(json.dumps(_finite(line)) + "\n")

    def seldom(self, event: str, **values: Any) -> None:
        """Append an event, unless the last of these is younger than a second.

        A full disk is no error yet: what these tell is not worth ending the work for.
        """
        now = time.monotonic()
        if now - self._last_seldom < _SELDOM_S:
            return
        self._last_seldom = now
        try:
            self.write(event, **values)
        except OSError as error:  # it stays in the stream's buffer until there is room again
            if error.errno not in NO_ROOM:
                raise


class Silent:
    """Says nothing: of several processes that train together one speaks for all."""

    def write(self, event: str, **values: Any) -> None:
        """Nothing."""

    def seldom(self, event: str, **values: Any) -> None:
        """Nothing."""


class EventReader:
    """Reads what was appended since the last call; a line still being written is left."""

    def __init__(self, folder: Path, offset: int = 0) -> None:
        self._path = folder / EVENTS
        self._offset = offset

    @property
    def offset(self) -> int:
        """Bytes read so far."""
        return self._offset

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
                with suppress(ValueError):  # a line that a kill cut short says nothing
                    yield json.loads(line)


def all_events(folder: Path) -> list[Event]:
    """Every event so far."""
    return list(EventReader(folder).new())


def events_size(folder: Path) -> int:
    """Bytes written so far: where the events of a job that begins now will begin."""
    path = folder / EVENTS
    return path.stat().st_size if path.is_file() else 0


def _finite(value: Any) -> Any:
    """Values for JSON, which has no NaN: a loss that is none becomes null."""
    if isinstance(value, dict):
        return {key: _finite(entry) for key, entry in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value
