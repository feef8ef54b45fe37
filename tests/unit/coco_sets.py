"""Random labels and detections in COCO's form, and what others make of them."""

from __future__ import annotations

import contextlib
import copy
import io
from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st

from edgeyolo.measure.coco import ALL

NAMES = ("first", "second", "third", "never")
IMAGES = 5
Truth = dict[str, Any]
Results = list[dict[str, Any]]

_box = st.tuples(*[st.integers(0, 60)] * 2, *[st.integers(4, 40)] * 2)
_image, _class = st.integers(1, IMAGES), st.integers(1, 3)
_score = st.sampled_from([0.1, 0.3, 0.5, 0.5, 0.9]) | st.floats(0.002, 0.999)
_jitter = st.tuples(*[st.integers(-3, 3)] * 4)
_object = st.tuples(_image, _class, _box, st.sampled_from([0, 0, 0, 1]))
_stray = st.tuples(_image, _class, _box, _score)
_crowded = st.tuples(_image, _class, st.integers(0, 99), st.integers(301, 330))


def truth_of(objects: list[tuple[int, int, Any, int]], images: int = IMAGES) -> Truth:
    """Of (image, class, box, whether it is a crowd)."""
    return {
        "info": {},
        "images": [{"id": i, "width": 100, "height": 100} for i in range(1, images + 1)],
        "annotations": [
            {
                "id": index,
                "image_id": image,
                "category_id": class_id,
                "bbox": list(map(float, box)),
                "area": float(box[2] * box[3]),
                "iscrowd": crowd,
            }
            for index, (image, class_id, box, crowd) in enumerate(objects, start=1)
        ],
        "categories": [{"id": index, "name": name} for index, name in enumerate(NAMES, start=1)],
    }


def results_of(found: list[tuple[int, int, Any, float]]) -> Results:
    """Of (image, class, box, score), image after image."""
    return [
        {
            "image_id": image,
            "category_id": class_id,
            "bbox": list(map(float, box)),
            "score": float(score),
        }
        for image, class_id, box, score in sorted(found, key=lambda each: each[0])
    ]


@st.composite
def coco_sets(draw: Callable[[Any], Any]) -> tuple[Truth, Results]:
    """Few objects, some of them crowds; detections near them and of nothing, many with one score.

    Some images hold more of a class than the protocol looks at; the last class has no object.
    """
    objects = draw(st.lists(_object, max_size=12))
    found = draw(st.lists(_stray, max_size=8))
    for image, class_id, box, _ in objects:
        for jitter, score in draw(st.lists(st.tuples(_jitter, _score), max_size=3)):
            moved = np.maximum(np.array(box) + jitter, (-9, -9, 1, 1)).tolist()
            found.append((image, class_id, moved, score))
    for image, class_id, seed, count in draw(st.lists(_crowded, max_size=1)):
        chance = np.random.default_rng(seed)
        boxes = np.column_stack(
            [chance.integers(0, 60, (count, 2)), chance.integers(4, 40, (count, 2))]
        )
        scores = chance.random(count).round(2) + 0.001
        found += [
            (image, class_id, box, score)
            for box, score in zip(boxes.tolist(), scores.tolist(), strict=True)
        ]
    if draw(st.booleans()):
        found.append((draw(_image), 4, (1, 1, 9, 9), draw(_score)))
    return truth_of(objects), results_of(found)


def by_pycocotools(truth: Truth, results: Results) -> Any:
    """(T, recall steps, classes) precision by the original."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    with contextlib.redirect_stdout(io.StringIO()):
        reference, detections = COCO(), COCO()
        reference.dataset = copy.deepcopy(truth)
        reference.createIndex()
        if results:
            detections = reference.loadRes(copy.deepcopy(results))
        else:
            detections.dataset = {**copy.deepcopy(truth), "annotations": []}
            detections.createIndex()
        return _precision(COCOeval(reference, detections, "bbox"))


def by_faster_coco_eval(truth: Truth, results: Results) -> Any:
    """The same by faster-coco-eval in one go, without matches in between."""
    from faster_coco_eval import COCO, COCOeval_faster

    reference = COCO(copy.deepcopy(truth))
    nothing = COCO({**copy.deepcopy(truth), "annotations": []})
    detections = reference.loadRes(copy.deepcopy(results)) if results else nothing
    return _precision(
        COCOeval_faster(reference, detections, "bbox", print_function=lambda *_: None)
    )


def _precision(evaluation: Any) -> Any:
    evaluation.params.maxDets = [300]
    evaluation.params.areaRng = [list(bounds) for bounds in ALL.values()]
    evaluation.params.areaRngLbl = list(ALL)
    evaluation.params.catIds = [1, 2, 3, 4]
    evaluation.evaluate()
    evaluation.accumulate()
    return evaluation.eval["precision"][:, :, :, 0, 0]
