"""Source → detector → sinks, each in a thread of its own.

The sinks stay in the caller's: a window can only be drawn, and Ctrl-C only be heard, in the main
thread. Of a live source the newest frame counts: one that came while the detector was busy is
replaced by the next, never queued. Behind the detector nothing is lost: slow sinks slow it down,
unless they say that they take no more.

A file is gone through without a fault or not at all. Of a live source a frame that cannot be
detected on is lost, and a sink that fails is left out, as long as there is another.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from threading import Thread
from typing import TYPE_CHECKING

from edgeyolo.device.detections import Detections
from edgeyolo.device.detector import Detector
from edgeyolo.device.frame import Frame, Sink, Source
from edgeyolo.device.meter import Meter
from edgeyolo.device.outlets import Outlets
from edgeyolo.device.seldom import Say
from edgeyolo.device.signals import Asked
from edgeyolo.device.slot import Slot
from edgeyolo.errors import CameraError, DataError, EdgeyoloError

if TYPE_CHECKING:
    from edgeyolo.device.tracking.tracker import Tracker

# A recording ends by Ctrl-C, a pulled cable, or a reader of the output that has seen enough; what
# was recorded counts.
_ENDS = (KeyboardInterrupt, CameraError, BrokenPipeError)
_IDLE_S = 0.2  # without a frame: time to see to windows and the status line
_PATIENCE_S = 0.6  # for a source that hangs, at the end

Recover = Callable[[EdgeyoloError], object]
Results = Slot[tuple[Frame, Detections]]


def run(
    source: Source,
    detector: Callable[[], Detector],
    sinks: Sequence[Sink],
    limit: int | None = None,
    meter: Meter | None = None,
    *,
    say: Say = lambda sentence: None,
    recover: Recover | None = None,
    asked: Asked | None = None,
    tracker: Tracker | None = None,
) -> int:
    """Go through a source; return the number of frames. Sinks are closed whatever happens.

    ``detector`` gives the one for each frame. Of a live source, ``say`` hears of a sink that
    failed, and ``recover`` of a detector that did: it makes it work again, or raises the error.
    ``asked`` to stop, it ends in order within a fifth of a second. ``tracker`` goes on when the
    detector is exchanged.
    """
    asked = asked or Asked()
    meter = meter or Meter()
    frames: Slot[Frame] = Slot(newest=source.is_live)
    results: Results = Slot()
    recover = recover if source.is_live else None
    looking = partial(_detect, frames, detector, results, meter, recover, tracker)
    threads = [
        Thread(target=_capture, args=(source, frames, meter), name="capture", daemon=True),
        Thread(target=looking, name="detect", daemon=True),
    ]
    outlets = Outlets(sinks, say, forgiving=source.is_live)
    count = 0
    with ExitStack() as stack:
        stack.push(partial(_close, outlets, source.is_live))
        if source.is_live:  # of a file, what was read ahead is no loss
            stack.callback(meter.ended)
        stack.push(partial(_stop, asked, outlets, source, frames, results, threads))
        for thread in threads:
            thread.start()
        for result in results.each(_IDLE_S):
            if asked.to_stop:
                break
            if result is None:
                wanted = outlets.idle()
            else:
                frame, detections = result
                with meter.time("sinks"):
                    wanted = outlets.write(frame, detections)
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
    frames: Slot[Frame],
    detector_of: Callable[[], Detector],
    results: Results,
    meter: Meter,
    recover: Recover | None,
    tracker: Tracker | None,
) -> None:
    has_worked = False
    with results, ExitStack() as stack:
        stack.callback(frames.leave)
        for frame in frames:
            try:
                detections = _look(detector_of(), frame, meter, tracker)
            except EdgeyoloError as error:
                # What is wrong with the very first picture is wrong with what was asked for.
                if recover is None or (isinstance(error, DataError) and not has_worked):
                    raise
                recover(error)
                continue
            has_worked = True
            if not results.put((frame, detections)):
                return


def _look(detector: Detector, frame: Frame, meter: Meter, tracker: Tracker | None) -> Detections:
    with meter.time("pre"):
        blob, placement = detector.preprocess(frame.image)
    with meter.time("infer"):
        outputs = detector.infer(blob)
    with meter.time("post"):
        found = detector.postprocess(outputs, placement)
        return found if tracker is None else tracker.update(found, frame.time_s)


def _stop(
    asked: Asked,
    outlets: Outlets,
    source: Source,
    frames: Slot[Frame],
    results: Results,
    threads: Sequence[Thread],
    kind: type[BaseException] | None,
    *_: object,
) -> None:
    asked.hear()
    if asked.to_stop or kind is not None:
        outlets.hurry()
    results.leave()
    frames.leave()
    source.stop()
    deadline = time.monotonic() + _PATIENCE_S
    for thread in threads:
        if thread.is_alive():
            thread.join(max(0.0, deadline - time.monotonic()))


def _close(outlets: Outlets, is_live: bool, kind: type[BaseException] | None, *_: object) -> None:
    try:
        # What a camera showed does not come again, so that counts whatever happened.
        outlets.close(complete=is_live or kind is None or issubclass(kind, _ENDS))
    except EdgeyoloError:
        if kind is None or not issubclass(kind, EdgeyoloError):
            raise  # else the run ends with what went wrong first
