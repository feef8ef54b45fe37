"""Source → detector → sinks."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from edgeyolo.device.detector import Detector
from edgeyolo.device.frame import Sink, Source


def run(source: Source, detector: Detector, sinks: Sequence[Sink], limit: int | None = None) -> int:
    """Go through a source; return the number of frames. Sinks are closed whatever happens."""
    count = 0
    try:
        with source.frames() as frames:
            for frame in islice(frames, limit):
                detections = detector(frame.image)
                count += 1
                if not all([sink.write(frame, detections) for sink in sinks]):
                    break
    finally:
        for sink in sinks:
            sink.close()
    return count
