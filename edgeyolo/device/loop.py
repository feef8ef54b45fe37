"""Source → detector → sinks, each in a thread of its own.

The sinks stay in the caller's: a window can only be drawn, and Ctrl-C only be heard, in the main
thread. Of a live source the newest frame counts: one that came while the detector was busy is
replaced by the next, never queued. Behind the detector nothing is lost: slow sinks slow it down.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from threading import Thread

from edgeyolo.device.detections import Detections
from edgeyolo.device.detector import Detector
from edgeyolo.device.frame import Frame, Sink, Source
from edgeyolo.device.meter import Meter
from edgeyolo.device.slot import Slot
from edgeyolo.errors import CameraError

# A recording ends by Ctrl-C, a pulled cable, or a reader of the output that has seen enough; what
# was recorded counts.
_ENDS = (KeyboardInterrupt, CameraError, BrokenPipeError)
_IDLE_S = 0.2  # without a frame: time to see to windows and the status line
_PATIENCE_S = 1.0  # for a source that hangs, at the end

Results = Slot[tuple[Frame, Detections]]


def run(
    source: Source,
    detector: Callable[[], Detector],
    sinks: Sequence[Sink],
    limit: int | None = None,
    meter: Meter | None = None,
) -> int:
    """Go through a source; return the number of frames. Sinks are closed whatever happens.

    ``detector`` gives the one for each frame.
    """
    meter = meter or Meter()
    frames: Slot[Frame] = Slot(newest=source.is_live)
    results: Results = Slot()
    threads = [
        Thread(target=_capture, args=(source, frames, meter), name="capture", daemon=True),
        Thread(target=_detect, args=(frames, detector, results, meter), name="detect", daemon=True),
    ]
    count = 0
    with ExitStack() as stack:
        for sink in reversed(sinks):
            stack.push(partial(_close, sink))
        if source.is_live:  # of a file, what was read ahead is no loss
            stack.callback(meter.ended)
        stack.callback(_stop, source, frames, results, threads)
        for thread in threads:
            thread.start()
        for result in results.each(_IDLE_S):
            if result is None:
                wanted = all([sink.idle() for sink in sinks])
            else:
                frame, detections = result
                with meter.time("sinks"):
                    wanted = all([sink.write(frame, detections) for sink in sinks])
                count += 1
                meter.done(frame.captured, frames.replaced)
            if not wanted or count == limit:
                break
    return count


def _capture(source: Source, frames: Slot[Frame], meter: Meter) -> None:
    with frames, source.frames() as opened:
        while True:
            with meter.time("capture"):
                frame = next(opened, None)
            if frame is None:
                return
            meter.captured()
            if not frames.put(frame):
                return


def _detect(
    frames: Slot[Frame], detector_of: Callable[[], Detector], results: Results, meter: Meter
) -> None:
    with results, ExitStack() as stack:
        stack.callback(frames.leave)
        for frame in frames:
            detector = detector_of()
            with meter.time("pre"):
                blob, placement = detector.preprocess(frame.image)
            with meter.time("infer"):
                outputs = detector.infer(blob)
            with meter.time("post"):
                detections = detector.postprocess(outputs, placement)
            if not results.put((frame, detections)):
                return


def _stop(source: Source, frames: Slot[Frame], results: Results, threads: Sequence[Thread]) -> None:
    results.leave()
    frames.leave()
    source.stop()
    deadline = time.monotonic() + _PATIENCE_S
    for thread in threads:
        if thread.is_alive():
            thread.join(max(0.0, deadline - time.monotonic()))


def _close(sink: Sink, kind: type[BaseException] | None, *_: object) -> None:
    sink.close(complete=kind is None or issubclass(kind, _ENDS))
