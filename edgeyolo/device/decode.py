"""Raw head outputs → boxes, for the few anchors whose class logit clears the threshold.

Nothing is computed for the others: at 640 pixels there are 8400 anchors, of which a handful
survive. The box is the expectation of the DFL distribution over each side's distance to the
anchor point (Li et al. 2020, arXiv:2006.04388).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float32]
Int = npt.NDArray[np.int64]


class Decoded(NamedTuple):
    """N boxes, in no order."""

    xyxy: Float  # (N, 4) in input pixels
    score: Float  # (N,) 0..1
    class_id: Int  # (N,)
    stride: Int  # (N,) of the level that found it


def decode(
    outputs: Sequence[Float],
    strides: Sequence[int],
    reg_max: int,
    confidence: float,
    *,
    multi_label: bool = False,
) -> Decoded:
    """What all levels find.

    ``outputs`` holds, per level, a box tensor (1, 4*reg_max, h, w) and a class tensor
    (1, classes, h, w) of logits. With ``multi_label`` an anchor yields a box for every class above
    the threshold, as the COCO protocol wants; otherwise only for its best class. A box whose
    logits overflowed in the engine, or are NaN, is left out.
    """
    threshold = _logit(confidence)
    chosen = [
        _choose(outputs[2 * i], outputs[2 * i + 1], stride, threshold, multi_label)
        for i, stride in enumerate(strides)
    ]
    # From here on all levels together: a numpy call costs more than the few numbers in it.
    sides, logits, class_id, centers, scale = (
        np.concatenate(parts, axis=-1) for parts in zip(*chosen, strict=True)
    )
    with np.errstate(over="ignore", invalid="ignore"):  # of logits that are no numbers
        left_top, right_bottom = distances(sides, reg_max).reshape(2, 2, -1)
        xyxy = np.concatenate([centers - left_top, centers + right_bottom]) * scale
    finite = np.isfinite(xyxy).all(axis=0)
    if not finite.all():  # a box with NaN cannot be drawn, nor matched
        xyxy, logits, class_id, scale = (
            part[..., finite] for part in (xyxy, logits, class_id, scale)
        )
    boxes = np.ascontiguousarray(xyxy.T, np.float32)
    return Decoded(boxes, sigmoid(logits), class_id, scale.astype(np.int64))


def _choose(
    box: Float, logits: Float, stride: int, threshold: float, multi_label: bool
) -> tuple[Float, Float, Int, Float, Float]:
    """Of the N chosen (anchor, class) pairs of a level.

    Side logits (4*reg_max, N), class logits (N,), class ids (N,), anchor points (2, N) in cells and
    strides (N,).
    """
    width = logits.shape[-1]
    logits = logits.reshape(logits.shape[-3], -1)
    if multi_label:
        # Flat: numpy finds the places in a matrix ten times as slowly.
        class_id, anchor = np.divmod(np.flatnonzero(logits > threshold), logits.shape[1])
    else:
        anchor = np.flatnonzero(logits.max(axis=0) > threshold)
        class_id = logits[:, anchor].argmax(axis=0)
    centers = np.stack([anchor % width, anchor // width]).astype(np.float32) + np.float32(0.5)
    sides = box.reshape(box.shape[-3], -1)[:, anchor]
    scale = np.full(len(anchor), stride, np.float32)
    return sides, logits[class_id, anchor], class_id.astype(np.int64), centers, scale


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
