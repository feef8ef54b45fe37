"""Tracker: detections in, the same with ids out."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from edgeyolo.device.detections import Detections
from edgeyolo.device.detector import CONFIDENCE
from edgeyolo.device.tracking import motion
from edgeyolo.device.tracking.matching import match
from edgeyolo.device.tracking.tracks import NEW, Index, Tracks
from edgeyolo.errors import UsageError

LOWEST = 0.1  # what scores less tells nothing, as in ByteTrack
PATIENCE_S = 1.0
_STEP_S = 1 / 30  # between frames without a clock: pictures of a folder all say 0
_LONGEST_STEP_S = 3600.0  # nothing is remembered for so long; keeps the numbers small


class Tracker:
    """Gives every object an id that it keeps while it moves, also behind something for a moment.

    Let the detector report down to ``lowest``: a known object that is half hidden scores little,
    and is followed nevertheless. What comes out is every box from ``confidence`` on, as without a
    tracker, and of known objects those below it::

        from edgeyolo import Detector, Tracker

        tracker = Tracker()
        detector = Detector("bundle", confidence=tracker.lowest)
        for image, time_s in frames:
            found = tracker.update(detector(image), time_s)
            print(found.track_id, found.xyxy)

    An id is given when an object is seen in a second frame; until then it is -1. It is never given
    to another object. Objects of different classes are never taken for each other.

    Args:
        confidence: lowest score of what may become a track, 0..1.
        patience_s: how long something is remembered that is not seen, in seconds; two frames at
            least, where these are further apart.

    Raises:
        UsageError: when a number is out of range.
    """

    def __init__(self, *, confidence: float = CONFIDENCE, patience_s: float = PATIENCE_S) -> None:
        if not 0 <= confidence <= 1:
            raise UsageError(
                f"A confidence of {confidence:g} is not possible.", "Use a value from 0 to 1."
            )
        if not 0 <= patience_s < math.inf:
            raise UsageError(
                f"A patience of {patience_s:g} seconds is not possible.", "Use 0 or more."
            )
        self.confidence, self.patience_s = confidence, patience_s
        self.lowest = min(LOWEST, confidence)
        self._next_id = 1
        self.reset()

    def reset(self) -> None:
        """Forget every object; ids go on."""
        self._tracks = Tracks.begin(Detections.empty(), 0.0)
        self._time_s: float | None = None
        self._now = self._interval = 0.0

    def update(self, detections: Detections, time_s: float) -> Detections:
        """The detections of the next frame with ``track_id``, in their order.

        ``time_s`` is the frame's; where it stands still or goes back, a thirtieth of a second is
        taken to have passed.

        Raises:
            UsageError: when the time is no finite number.
        """
        self._advance(time_s)
        usable = _in_one_order(detections, self.lowest)
        found = detections.select(usable)
        is_high = found.score >= self.confidence
        ids = self._follow(found, is_high)
        told = np.zeros(len(detections), bool)
        told[usable] = is_high | (ids != NEW)
        track_id = np.full(len(detections), NEW, np.int64)
        track_id[usable] = ids
        return replace(detections, track_id=track_id).select(told)

    def _follow(self, found: Detections, is_high: npt.NDArray[np.bool_]) -> Index:
        """(M,) ids of the detections; what scores high and continues nothing begins a track."""
        tracks = self._tracks
        partner = match(tracks, found, is_high)
        matched = partner >= 0
        seen = self._seen(tracks[matched], found.select(partner[matched]))
        lost = tracks[~matched & (tracks.track_id != NEW)]
        is_new = is_high.copy()
        is_new[partner[matched]] = False
        self._tracks = seen + lost + Tracks.begin(found.select(is_new), self._now)
        ids = np.full(len(found), NEW, np.int64)
        ids[partner[matched]] = seen.track_id
        return ids

    def _advance(self, time_s: float) -> None:
        """Move all tracks to a frame's time, and drop the old."""
        if not math.isfinite(time_s):
            raise UsageError(f"A frame's time of {time_s} is not possible.", "Give seconds.")
        step = 0.0 if self._time_s is None else time_s - self._time_s
        step = min(step, _LONGEST_STEP_S) if step > 0 else _STEP_S
        self._now, self._time_s = self._now + step, time_s
        remembered = self._now - self._tracks.seen_s <= max(self.patience_s, 2 * self._interval)
        self._interval = step
        tracks = self._tracks[remembered]
        self._tracks = replace(tracks, state=motion.predict(tracks.state, step))

    def _seen(self, tracks: Tracks, found: Detections) -> Tracks:
        """The same tracks after each was seen; what was seen once before gets its id."""
        ids = tracks.track_id.copy()
        fresh = np.flatnonzero(ids == NEW)
        ids[fresh] = np.arange(self._next_id, self._next_id + len(fresh))
        self._next_id += len(fresh)
        return Tracks(
            motion.correct(tracks.state, found.xyxy),
            tracks.class_id,
            ids,
            np.full(len(tracks), self._now),
        )


def _in_one_order(detections: Detections, lowest: float) -> Index:
    """Indices of what can be used, best first; the same boxes in any order give the same tracks."""
    finite = np.isfinite(detections.xyxy).all(axis=1) & (detections.score >= lowest)
    usable = np.flatnonzero(finite)
    keys = (*detections.xyxy[usable].T, detections.class_id[usable], -detections.score[usable])
    return usable[np.lexsort(keys)]
