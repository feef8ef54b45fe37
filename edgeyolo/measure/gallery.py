"""The images on which a detector fails most, and those on which two detectors differ most."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeyolo.dataset.check import Sample
from edgeyolo.device.detections import Detections
from edgeyolo.measure.matching import partner_of
from edgeyolo.measure.picture import picture
from edgeyolo.measure.scene import RIGHT, Scene

WORST, DIFFERING = 20, 6  # images
Row = dict[str, Any]


def worst(
    samples: Sequence[Sample],
    found: Sequence[Detections],
    names: Sequence[str],
    threshold: float,
    count: int = WORST,
) -> list[Row]:
    """At most ``count`` images, worst first, for JSON; none without a mistake is listed.

    Worse is what has more objects missed and detections wrong together, then what has the lower F1.
    A detection counts with a score above ``threshold``; one of a class that has no name does not.
    Boxes are left, top, right, bottom in parts of the image.

    Raises:
        DataError: when an image cannot be read again.
    """
    known = [each.select(each.class_id < len(names)) for each in found]
    scenes = [Scene.of(*pair, threshold) for pair in zip(samples, known, strict=True)]
    rows = [_judged(*pair) for pair in zip(samples, scenes, strict=True)]
    bad = [index for index, row in enumerate(rows) if row["missed"] + row["wrong"]]
    bad.sort(key=lambda index: _badness(rows[index]))
    return [_pictured(samples[index], rows[index]) for index in bad[:count]]


def disagreements(
    samples: Sequence[Sample],
    before: Sequence[Detections],
    after: Sequence[Detections],
    before_threshold: float,
    after_threshold: float,
    count: int = DIFFERING,
) -> list[Row]:
    """At most ``count`` images, those on which two detectors differ most first, for JSON.

    Each detector counts above its own threshold. They differ by the detections that have no partner
    on the other side: one of the same class that overlaps by an IoU of 0.5. Images on which they
    agree are not listed. Boxes are left, top, right, bottom in parts of the image.

    Raises:
        DataError: when an image cannot be read again.
    """
    rows = [
        _compared(
            sample,
            first.select(first.score > before_threshold),
            second.select(second.score > after_threshold),
        )
        for sample, first, second in zip(samples, before, after, strict=True)
    ]
    unlike = [index for index, row in enumerate(rows) if row["differing"]]
    unlike.sort(key=lambda index: (-rows[index]["differing"], rows[index]["image"]))
    return [_pictured(samples[index], rows[index]) for index in unlike[:count]]


def _badness(row: Row) -> tuple[int, float, str]:
    mistakes, right = row["missed"] + row["wrong"], sum(each["right"] for each in row["found"])
    return -mistakes, 2 * right / (2 * right + mistakes), row["image"]


def _judged(sample: Sample, scene: Scene) -> Row:
    taken = scene.right()
    missed = scene.missed(taken)
    objects = zip(_parts(scene.objects, sample), scene.classes.tolist(), strict=True)
    return {
        **_named(sample),
        "truth": [
            {"box": box, "class_id": class_id, "missed": bool(index in missed)}
            for index, (box, class_id) in enumerate(objects)
        ],
        "found": _listed(scene.detections, sample, "right", taken >= 0),
        "missed": len(missed),
        "wrong": int((taken < 0).sum()),
    }


def _compared(sample: Sample, before: Detections, after: Detections) -> Row:
    partner = partner_of(before, after, RIGHT)
    is_partner = np.isin(np.arange(len(after)), partner)
    return {
        **_named(sample),
        "before": _listed(before, sample, "matched", partner >= 0),
        "after": _listed(after, sample, "matched", is_partner),
        "differing": int((partner < 0).sum() + (~is_partner).sum()),
    }


def _listed(found: Detections, sample: Sample, key: str, told: npt.NDArray[np.bool_]) -> list[Row]:
    boxes = _parts(found.xyxy, sample)
    columns = (boxes, found.class_id.tolist(), found.score.tolist(), told.tolist())
    return [
        {"box": box, "class_id": class_id, "score": round(score, 4), key: value}
        for box, class_id, score, value in zip(*columns, strict=True)
    ]


def _parts(boxes: npt.NDArray[Any], sample: Sample) -> list[list[float]]:
    """(N, 4) in pixels → in parts of the image, what lies outside cut off."""
    size = np.array([sample.width, sample.height] * 2, np.float64)
    parts: list[list[float]] = (boxes / size).clip(0, 1).round(4).tolist()
    return parts


def _named(sample: Sample) -> Row:
    # A name that is no text would be none in JSON or HTML either.
    name = sample.image.name.encode("utf-8", "replace").decode("utf-8")
    return {"image": name, "width": sample.width, "height": sample.height}


def _pictured(sample: Sample, row: Row) -> Row:
    return {**row, "picture": picture(sample.image)}
