"""Raw head outputs → boxes, for the few anchors whose class logit clears the threshold.

Nothing is computed for the others: at 640 pixels there are 8400 anchors, of which a handful
survive. The box is the expectation of the DFL distribution over each side's distance to the
anchor point (Li et al. 2020, arXiv:2006.04388).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float32]
Int = npt.NDArray[np.int64]


def decode(
    outputs: Sequence[Float],
    strides: Sequence[int],
    reg_max: int,
    confidence: float,
    *,
    multi_label: bool = False,
) -> tuple[Float, Float, Int]:
    """Boxes (N, 4) xyxy in input pixels, scores (N,) and class ids (N,), in no order.

    ``outputs`` holds, per level, a box tensor (1, 4*reg_max, h, w) and a class tensor
    (1, classes, h, w) of logits. With ``multi_label`` an anchor yields a box for every class above
    the threshold, as the COCO protocol wants; otherwise only for its best class.
    """
    threshold = _logit(confidence)
    levels = [
        _decode_level(outputs[2 * i], outputs[2 * i + 1], stride, reg_max, threshold, multi_label)
        for i, stride in enumerate(strides)
    ]
    boxes, scores, classes = zip(*levels, strict=True)
    return np.concatenate(boxes), np.concatenate(scores), np.concatenate(classes)


def _decode_level(
    box: Float, logits: Float, stride: int, reg_max: int, threshold: float, multi_label: bool
) -> tuple[Float, Float, Int]:
    width = logits.shape[-1]
    logits = logits.reshape(logits.shape[-3], -1)
    if multi_label:
        class_id, anchor = np.nonzero(logits > threshold)
    else:
        anchor = np.flatnonzero(logits.max(axis=0) > threshold)
        class_id = logits[:, anchor].argmax(axis=0)
    score = sigmoid(logits[class_id, anchor])
    left, top, right, bottom = distances(box.reshape(box.shape[-3], -1)[:, anchor], reg_max)
    x, y = (anchor % width + 0.5), (anchor // width + 0.5)
    xyxy = np.stack([x - left, y - top, x + right, y + bottom], axis=1) * stride
    return xyxy.astype(np.float32), score, class_id.astype(np.int64)


def distances(sides: Float, reg_max: int) -> Float:
    """(4*reg_max, N) logits → (4, N) distances in cells."""
    if reg_max == 1:
        return sides
    bins = sides.reshape(4, reg_max, -1)
    weights = np.exp(bins - bins.max(axis=1, keepdims=True))
    steps = np.arange(reg_max, dtype=np.float32)[:, None]
    result = (weights * steps).sum(axis=1) / weights.sum(axis=1)
    return np.asarray(result, np.float32)


def sigmoid(values: Float) -> Float:
    """Logits → probabilities."""
    # exp of a large positive number overflows to inf, which still gives the right 0.
    with np.errstate(over="ignore"):
        return np.asarray(1 / (1 + np.exp(-values)), np.float32)


def _logit(probability: float) -> float:
    if probability <= 0:
        return -math.inf
    if probability >= 1:
        return math.inf
    return math.log(probability / (1 - probability))
