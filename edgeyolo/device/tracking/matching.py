"""Which detection continues which track, in rounds: the surest pairs are taken first.

As in ByteTrack (Zhang et al. 2021, arXiv:2110.06864), what scores high goes first, then what scores
low, as things do that are half hidden, and last come the tracks that were seen only once. Two
things are different, because they mix up fewer ids in tools/bench_tracking.py: a low score may also
continue a track that was out of sight; and what is left over is compared once more with room around
the boxes (Yang et al. 2023, arXiv:2211.14317), for things that are fast, or frames far apart.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edgeyolo.device.boxes import areas
from edgeyolo.device.detections import Detections
from edgeyolo.device.tracking import motion
from edgeyolo.device.tracking.assignment import assign
from edgeyolo.device.tracking.tracks import NEW, Index, Tracks

Boxes = npt.NDArray[np.float64]

_LEAST, _LEAST_LOW = 0.1, 0.3  # overlap (IoU) of a pair; of one with a low score
_ROOM = 0.3  # of a box's sides, on each side of it


def match(tracks: Tracks, found: Detections, is_high: npt.NDArray[np.bool_]) -> Index:
    """(N,) the detection of each track, -1 for none; ``is_high`` (M,) of the detections."""
    confirmed = tracks.track_id != NEW
    partner = np.full(len(tracks), -1, np.int64)
    for rows, columns, least, room in (
        (confirmed, is_high, _LEAST, 0.0),
        (confirmed, ~is_high, _LEAST_LOW, 0.0),
        (~confirmed, is_high, _LEAST, 0.0),
        (confirmed, is_high, _LEAST, _ROOM),
        (~confirmed, is_high, _LEAST, _ROOM),
    ):
        free = columns.copy()
        free[partner[partner >= 0]] = False
        mine, theirs = np.flatnonzero(rows & (partner < 0)), np.flatnonzero(free)
        if mine.size and theirs.size:
            alike = similarity(tracks[mine], found.select(theirs), room)
            chosen, with_these = assign(alike - least)
            partner[mine[chosen]] = theirs[with_these]
    return partner


def similarity(tracks: Tracks, found: Detections, room: float) -> npt.NDArray[np.float64]:
    """(N, M) intersection over union of boxes with room around them; 0 between classes."""
    mine = _widened(motion.corners(tracks.state), room)[:, None]
    theirs = _widened(found.xyxy.astype(np.float64), room)
    low, high = np.maximum(mine[..., :2], theirs[:, :2]), np.minimum(mine[..., 2:], theirs[:, 2:])
    sides = np.maximum(high - low, 0.0)
    shared = sides[..., 0] * sides[..., 1]
    overlap = shared / (areas(mine[:, 0])[:, None] + areas(theirs) - shared + 1e-12)
    return np.where(tracks.class_id[:, None] == found.class_id, overlap, 0.0)


def _widened(boxes: Boxes, room: float) -> Boxes:
    more = room * (boxes[:, 2:] - boxes[:, :2])
    return np.concatenate([boxes[:, :2] - more, boxes[:, 2:] + more], axis=1)
