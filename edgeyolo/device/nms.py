"""Non-maximum suppression within each class."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edgeyolo.device.boxes import areas, overlaps

Float = npt.NDArray[np.float32]
Int = npt.NDArray[np.int64]

_MAX_CANDIDATES = 30_000  # as in ultralytics; more come only from an untrained net


def non_max_suppression(
    xyxy: Float, score: Float, class_id: Int, iou: float, max_detections: int
) -> Int:
    """Indices (K,) of the boxes kept, best score first.

    A box goes if it overlaps a better one of its class by more than ``iou``. The loop ends after
    ``max_detections`` boxes, which bounds the time however many candidates there are.
    """
    order = np.argsort(-score, kind="stable")[:_MAX_CANDIDATES]
    if not order.size:
        return order
    # Boxes of different classes are moved apart, so that one pass serves them all.
    span = np.float32(xyxy.max() - min(0.0, float(xyxy.min())) + 1)
    boxes = (xyxy[order] + (class_id[order] * span)[:, None]).astype(np.float64)
    area = areas(boxes)
    alive = np.arange(len(order))
    kept: list[int] = []
    while alive.size and len(kept) < max_detections:
        best, rest = alive[0], alive[1:]
        kept.append(int(best))
        alive = rest[overlaps(boxes[best], area[best], boxes[rest], area[rest]) <= iou]
    result: Int = order[kept]
    return result
