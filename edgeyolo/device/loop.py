"""Source → detector → sinks."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from itertools import islice

from edgeyolo.device.detector import Detector
from edgeyolo.device.frame import Sink, Source
from edgeyolo.errors import CameraError


def run(source: Source, detector: Detector, sinks: Sequence[Sink], limit: int | None = None) -> int:
    """Go through a source; return the number of frames. Sinks are closed whatever happens."""
    count = 0
    with ExitStack() as stack:
        for sink in reversed(sinks):
            stack.push(partial(_close, sink))
        for frame in islice(stack.enter_context(source.frames()), limit):
            detections = detector(frame.image)
            count += 1
            if not all([sink.write(frame, detections) for sink in sinks]):
                break
    return count


def _close(sink: Sink, kind: type[BaseException] | None, *_: object) -> None:
    # A recording from a camera ends by Ctrl-C or a pulled cable; what was recorded counts.
    sink.close(complete=kind is None or issubclass(kind, (KeyboardInterrupt, CameraError)))
