"""Non-maximum suppression within each class."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float32]
Int = npt.NDArray[np.int64]
Classes = npt.NDArray[np.int32]
Bool = npt.NDArray[np.bool_]

_MAX_CANDIDATES = 30_000  # as in ultralytics; more come only from an untrained net
_BLOCK = 128  # compared with each other at once: a matrix that stays in the cache


def non_max_suppression(
    xyxy: Float, score: Float, class_id: Int, iou: float, max_detections: int
) -> Int:
    """Indices (K,) of the boxes kept, best score first.

    A box goes if it overlaps a better one of its class by more than ``iou``. Boxes are taken in
    blocks, the best first, and it ends after ``max_detections`` of them, which bounds the time
    however many candidates there are.
    """
    order = np.argsort(-score, kind="stable")[:_MAX_CANDIDATES]
    sides = np.ascontiguousarray(xyxy[order].T)  # (4, N): each side lies together
    of = class_id[order].astype(np.int32)
    kept = np.empty(0, np.int64)  # places in the order
    for start in range(0, len(order), _BLOCK):
        block = np.arange(start, min(start + _BLOCK, len(order)))
        if kept.size:
            gone = _rival(sides[:, kept], of[kept], sides[:, block], of[block], iou).any(axis=0)
            block = block[~gone]
        mine, classes = sides[:, block], of[block]
        kept = np.concatenate([kept, block[_best(_rival(mine, classes, mine, classes, iou))]])
        if len(kept) >= max_detections:
            break
    result: Int = order[kept[:max_detections]]
    return result


def _rival(
    mine: Float, classes: Classes, theirs: Float, their_classes: Classes, iou: float
) -> Bool:
    """(M, N) whether each of M boxes, (4, M), overlaps each of N of its class too much."""
    (left, top, right, bottom), (x, y, x_end, y_end) = mine[..., None], theirs
    width = np.minimum(right, x_end) - np.maximum(left, x)
    height = np.minimum(bottom, y_end) - np.maximum(top, y)
    shared = np.maximum(width, 0) * np.maximum(height, 0)
    both = (right - left) * (bottom - top) + (x_end - x) * (y_end - y) - shared
    close: Bool = (shared > iou * both) & (classes[:, None] == their_classes)
    return close


def _best(rivals: Bool) -> Int:
    """Those of N boxes in order that no better one of them, kept itself, overlaps."""
    alive = np.ones(len(rivals), np.bool_)
    np.fill_diagonal(rivals, False)
    for index in np.flatnonzero(rivals.any(axis=1)):  # the others neither go nor drive away
        if alive[index]:
            alive[index + 1 :] &= ~rivals[index, index + 1 :]
    return np.flatnonzero(alive)
