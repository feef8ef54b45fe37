"""How many labeled objects a net finds, whatever class it gives them, and on which level."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from edgeyolo.device.boxes import areas, overlaps
from edgeyolo.device.decode import decode
from edgeyolo.device.nms import non_max_suppression
from edgeyolo.slim.checkpoint import spec_of
from edgeyolo.slim.examples import Examples
from edgeyolo.slim.net import raw_heads

if TYPE_CHECKING:
    from ultralytics.nn.tasks import DetectionModel

_IOU = 0.5
_CONFIDENCE = 0.001
_NMS_IOU = 0.7
_PER_IMAGE = 300


@dataclass(frozen=True, slots=True)
class Recall:
    """Labelled boxes that have a detection with an IoU of at least 0.5.

    ``without`` counts what is still found when a level is left out; ``served`` which level gives
    the most certain of the detections that find a box.
    """

    boxes: int
    found: int
    served: dict[str, int]
    without: dict[str, int]

    @property
    def overall(self) -> float:
        """Part of the boxes that are found."""
        return self.found / max(1, self.boxes)

    def __add__(self, other: Recall) -> Recall:
        """Of the same net on more images."""
        return Recall(
            self.boxes + other.boxes,
            self.found + other.found,
            {level: n + other.served[level] for level, n in self.served.items()},
            {level: n + other.without[level] for level, n in self.without.items()},
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON: parts of the boxes."""
        total = max(1, self.boxes)
        return {
            "boxes": self.boxes,
            "overall": round(self.overall, 4),
            "served": {level: round(n / total, 4) for level, n in self.served.items()},
            "without": {level: round(n / total, 4) for level, n in self.without.items()},
        }


def recall(net: DetectionModel, examples: Examples, confidence: float = _CONFIDENCE) -> Recall:
    """Class-agnostic recall at IoU 0.5 over the examples' boxes, with 300 detections per image."""
    import torch

    spec = spec_of(net)
    count, size = len(spec.heads), examples.imgsz
    found, served, without = 0, [0] * count, [0] * count
    net.eval()
    for image in range(len(examples)):
        with torch.no_grad():
            outputs = [o.numpy() for o in raw_heads(net, examples.images[image : image + 1])]
        wanted = _corners(examples.of(image).numpy()[:, 1:]) * size
        levels = [
            decode(outputs[2 * i : 2 * i + 2], (spec.strides[i],), spec.reg_max, confidence)
            for i in range(count)
        ]
        winner = _winners(levels, wanted)
        found += int((winner >= 0).sum())
        for level in range(count):
            served[level] += int((winner == level).sum())
            others = [*levels[:level], *levels[level + 1 :]]
            without[level] += int((_winners(others, wanted) >= 0).sum())
    by_level = (dict(zip(spec.heads, counts, strict=True)) for counts in (served, without))
    return Recall(len(examples.boxes), found, *by_level)


def _winners(levels: Sequence[Any], wanted: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Per wanted box, the level of the most certain detection that finds it, or -1."""
    result = np.full(len(wanted), -1)
    if not levels:
        return result
    boxes, scores, *_ = (np.concatenate(parts) for parts in zip(*levels, strict=True))
    level = np.concatenate([np.full(len(part[1]), i) for i, part in enumerate(levels)])
    keep = non_max_suppression(boxes, scores, np.zeros_like(level), _NMS_IOU, _PER_IMAGE)
    mine, theirs = areas(boxes), areas(wanted)
    for detection in keep[::-1]:  # the most certain comes last and stays
        near = overlaps(boxes[detection], mine[detection], wanted, theirs)
        result[near >= _IOU] = level[detection]
    return result


def _corners(center_size: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    center, half = center_size[:, :2], center_size[:, 2:] / 2
    return np.hstack([center - half, center + half])
