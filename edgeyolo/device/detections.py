"""Detections: the one currency of every engine, metric and sink."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """What was found in one image, best score first."""

    xyxy: npt.NDArray[np.float32]  # (N, 4) left, top, right, bottom in pixels of the source image
    score: npt.NDArray[np.float32]  # (N,) 0..1
    class_id: npt.NDArray[np.int64]  # (N,)
    track_id: npt.NDArray[np.int64] | None = None  # (N,) from a tracker; -1 where it has none yet
    stride: npt.NDArray[np.int64] | None = None  # (N,) of the level that found it, where known

    def __len__(self) -> int:
        return len(self.score)

    @classmethod
    def empty(cls) -> Detections:
        """Nothing found."""
        return cls(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int64))

    def select(self, which: npt.NDArray[Any]) -> Detections:
        """Those of a mask (N,) or of indices, in that order."""
        ids = None if self.track_id is None else self.track_id[which]
        stride = None if self.stride is None else self.stride[which]
        return Detections(self.xyxy[which], self.score[which], self.class_id[which], ids, stride)

    def count(self, names: Sequence[str]) -> Counter[str]:
        """How many there are of each class."""
        return Counter(names[index] for index in self.class_id)

    def summary(self, names: Sequence[str]) -> str:
        """In words: ``2 dog, 1 cat``, or ``nothing``."""
        seen = self.count(names).most_common()
        return ", ".join(f"{count} {name}" for name, count in seen) or "nothing"

    def to_list(self, names: Sequence[str]) -> list[dict[str, Any]]:
        """Plain values for JSON: pixels to 2 decimals, scores to 4.

        ``track_id`` only after a tracker; ``None`` where it has given none yet.
        """
        found: list[dict[str, Any]] = [
            {
                "xyxy": [round(float(value), 2) for value in box],
                "score": round(float(score), 4),
                "class_id": int(class_id),
                "class_name": names[class_id],
            }
            for box, score, class_id in zip(self.xyxy, self.score, self.class_id, strict=True)
        ]
        if self.track_id is not None:
            for values, track_id in zip(found, self.track_id.tolist(), strict=True):
                values["track_id"] = track_id if track_id >= 0 else None
        return found
