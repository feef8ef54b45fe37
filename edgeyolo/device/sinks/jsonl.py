"""One JSON object per frame on a stream."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TextIO

from edgeyolo.device.detections import Detections
from edgeyolo.device.frame import Frame, Sink


class JsonLines(Sink):
    """Each line is written at once, so that a reader in a pipe is never late."""

    def __init__(self, stream: TextIO, names: Sequence[str]) -> None:
        self._stream, self._names = stream, names

    def write(self, frame: Frame, detections: Detections) -> bool:
        """Write one line."""
        line = {
            "frame": frame.index,
            "time_s": frame.time_s,
            "detections": detections.to_list(self._names),
        }
        self._stream.write(json.dumps(line) + "\n")
        self._stream.flush()
        return True

    def close(self, *, complete: bool) -> None:
        """The stream belongs to somebody else."""
