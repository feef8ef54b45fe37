"""Which box of one list takes which of another, each at most once."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from edgeyolo.device.boxes import areas, overlaps

Floats = npt.NDArray[np.floating[Any]]
Ints = npt.NDArray[np.int64]


def overlap_matrix(boxes: Floats, others: Floats) -> Floats:
    """(D, O) intersection over union of D boxes (D, 4) with O others (O, 4)."""
    sizes, their_sizes = areas(boxes), areas(others)
    rows = [
        overlaps(box, size, others, their_sizes) for box, size in zip(boxes, sizes, strict=True)
    ]
    return np.array(rows, boxes.dtype).reshape(len(boxes), len(others))


def greedy(overlap: Floats, allowed: npt.NDArray[np.bool_]) -> Ints:
    """(D,) the column that each row takes, or -1: the first row chooses first, the best free one.

    ``overlap`` and ``allowed`` are (D, O); a row takes only what is allowed to it.
    """
    free = np.where(allowed, overlap, -1.0)
    taken = np.full(len(free), -1, np.int64)
    if not free.size:
        return taken
    for index in np.flatnonzero(allowed.any(axis=1)):
        best = int(free[index].argmax())
        if free[index, best] >= 0:
            taken[index] = best
            free[:, best] = -1
    return taken
