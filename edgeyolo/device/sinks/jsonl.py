"""One JSON object per frame on a stream."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

from edgeyolo.device.detections import Detections
from edgeyolo.device.frame import Frame, Sink
from edgeyolo.files import fail_clearly


class JsonLines(Sink):
    """Each line is written at once, so that a reader in a pipe is never late."""

    def __init__(self, stream: TextIO, names: Sequence[str]) -> None:
        self._stream, self._names = stream, names

    def write(self, frame: Frame, detections: Detections) -> bool:
        """Write one line."""
        line = json.dumps(record(frame, detections, self._names)) + "\n"
        with fail_clearly(Path("standard output")):
            self._stream.write(line)
            self._stream.flush()
        return True

    def close(self, *, complete: bool) -> None:
        """The stream belongs to somebody else."""


def record(frame: Frame, detections: Detections, names: Sequence[str]) -> dict[str, Any]:
    """What a program is told of a frame, as plain values."""
    return {
        "frame": frame.index,
        "time_s": frame.time_s,
        "detections": detections.to_list(names),
    }
