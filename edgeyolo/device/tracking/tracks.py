"""Tracks: what is known of each object that is followed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeyolo.device.detections import Detections
from edgeyolo.device.tracking import motion

Index = npt.NDArray[np.int64]
NEW = -1  # in place of the id of what was seen only once


@dataclass(frozen=True, slots=True, eq=False)
class Tracks:
    """N of them, as of one moment."""

    state: motion.State  # (N, 5, 4)
    class_id: Index  # (N,)
    track_id: Index  # (N,) NEW until confirmed
    seen_s: npt.NDArray[np.float64]  # (N,) when last

    def __len__(self) -> int:
        return len(self.track_id)

    @classmethod
    def begin(cls, found: Detections, time_s: float) -> Tracks:
        """One for each detection."""
        state, times = motion.begin(found.xyxy), np.full(len(found), time_s)
        return cls(state, found.class_id.copy(), np.full(len(found), NEW, np.int64), times)

    def __getitem__(self, which: npt.NDArray[Any]) -> Tracks:
        """Those of a mask (N,) or of indices."""
        return Tracks(
            self.state[which], self.class_id[which], self.track_id[which], self.seen_s[which]
        )

    def __add__(self, more: Tracks) -> Tracks:
        """These and then the others."""
        return Tracks(
            np.concatenate([self.state, more.state]),
            np.concatenate([self.class_id, more.class_id]),
            np.concatenate([self.track_id, more.track_id]),
            np.concatenate([self.seen_s, more.seen_s]),
        )
