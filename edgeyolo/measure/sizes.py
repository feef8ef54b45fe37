"""Average precision by the size of objects.

COCO's limits are areas of 32² and 96² pixels of the image. What a net can see depends on how many
pixels of its input an object covers, which is something else wherever the image is scaled; so both.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from edgeyolo.dataset.check import Sample
from edgeyolo.device.detections import Detections
from edgeyolo.device.letterbox import place
from edgeyolo.measure.coco import evaluation_of, ground_truth, mean_or_none, results_of

RANGES = {"small": (0.0, 32.0**2), "medium": (32.0**2, 96.0**2), "large": (96.0**2, 1e10)}

# By the name of a range: boxes of that size, and their mAP50-95, None where there are none.
BySize = dict[str, dict[str, Any]]


def by_size(
    samples: Sequence[Sample],
    found: Sequence[Detections],
    names: Sequence[str],
    height: int,
    width: int,
) -> dict[str, BySize]:
    """``image`` and ``input``: by pixels of the image, and of the net's input."""
    to_input = [place(sample.height, sample.width, height, width).scale for sample in samples]
    return {
        "image": _measured(samples, found, names, [1.0] * len(samples)),
        "input": _measured(samples, found, names, to_input),
    }


def _measured(
    samples: Sequence[Sample],
    found: Sequence[Detections],
    names: Sequence[str],
    scales: Sequence[float],
) -> BySize:
    truth = ground_truth(samples, names, scales)
    evaluation = evaluation_of(truth, results_of(found, scales), len(names), RANGES)
    precision = evaluation.eval["precision"]  # (T, recall steps, classes, ranges, 1)
    sizes = [annotation["area"] for annotation in truth["annotations"]]
    listed = {}
    for index, (name, (low, high)) in enumerate(RANGES.items()):
        value = mean_or_none(precision[:, :, :, index, -1])
        listed[name] = {
            "boxes": int(sum(low <= size <= high for size in sizes)),
            "map50_95": None if value is None else round(value, 5),
        }
    return listed
