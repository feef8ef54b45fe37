"""Which detection level finds the objects: the evidence for dropping one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from edgeyolo.dataset.check import Sample
from edgeyolo.device.boxes import areas
from edgeyolo.device.detections import Detections
from edgeyolo.device.letterbox import place
from edgeyolo.measure.greedy import Ints
from edgeyolo.measure.scene import Scene
from edgeyolo.measure.sizes import RANGES

_MISSED = 0  # in place of a stride


def found_by(
    samples: Sequence[Sample],
    found: Sequence[Detections],
    strides: Sequence[int],
    threshold: float,
    height: int,
    width: int,
) -> dict[str, Any] | None:
    """How many objects each level finds, in all and by their size in pixels of the net's input.

    An object is found by the level of the detection that is right about it, among those with a
    score above ``threshold``. ``height`` and ``width`` are the input's. ``None`` where it is not
    known which level found a detection.
    """
    if any(len(each) and each.stride is None for each in found):
        return None
    counted = {size: Counter[int]() for size in ("all", *RANGES)}
    for sample, detections in zip(samples, found, strict=True):
        scene = Scene.of(sample, detections, threshold)
        scale = place(sample.height, sample.width, height, width).scale
        for size, stride in zip(_sizes(scene, scale), _finders(scene).tolist(), strict=True):
            counted["all"][stride] += 1
            counted[size][stride] += 1
    return {
        "threshold": threshold,
        "levels": [level_name(stride) for stride in strides],
        "by_size": {size: _row(counts, strides) for size, counts in counted.items()},
    }


def level_name(stride: int) -> str:
    """8 → P3, 16 → P4, 32 → P5: a level halves the image so often."""
    return f"P{stride.bit_length() - 1}"


def _finders(scene: Scene) -> Ints:
    """(O,) the stride of the level that found each object, or ``_MISSED``."""
    finders = np.full(len(scene.classes), _MISSED, np.int64)
    taken = scene.right()
    is_right = taken >= 0
    if scene.detections.stride is not None:  # it is where anything was found
        finders[taken[is_right]] = scene.detections.stride[is_right]
    return finders


def _sizes(scene: Scene, scale: float) -> list[str]:
    """(O,) the range of each object; exactly on a limit it is medium."""
    pixels = areas(scene.objects) * scale**2
    low, high = RANGES["medium"]
    return [
        "small" if area < low else "large" if area > high else "medium" for area in pixels.tolist()
    ]


def _row(counts: Counter[int], strides: Sequence[int]) -> dict[str, int]:
    by_level = {level_name(stride): counts[stride] for stride in strides}
    return {"objects": counts.total(), **by_level, "missed": counts[_MISSED]}
