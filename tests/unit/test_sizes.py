"""mAP by size: in the image's pixels it is COCO's, in the net's it moves with the scale."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("cv2")
pytest.importorskip("faster_coco_eval")

from edgeyolo.dataset.check import Sample
from edgeyolo.device.detections import Detections
from edgeyolo.measure.coco import ground_truth, results_of
from edgeyolo.measure.sizes import by_size
from tests.unit.test_accuracy import NAMES, _random


def _enlarged(sample: Sample, by: int) -> Sample:
    """The same in an image of more pixels."""
    return replace(sample, width=by * sample.width, height=by * sample.height)


@pytest.mark.parametrize("seed", range(4))
def test_in_pixels_of_the_image_it_is_coco_s(seed: int) -> None:
    from faster_coco_eval import COCO, COCOeval_faster

    samples, found = _random(seed)
    truth = COCO(ground_truth(samples, NAMES))
    reference = COCOeval_faster(truth, truth.loadRes(results_of(found)), "bbox")
    reference.params.maxDets = [1, 10, 300]
    reference.run()
    ours = by_size(samples, found, NAMES, 320, 320)["image"]
    for name, value in zip(("small", "medium", "large"), reference.stats[3:6], strict=True):
        mine = ours[name]["map50_95"]
        assert (-1.0 if mine is None else mine) == pytest.approx(value, abs=1e-5), name


def test_in_pixels_of_the_input_the_size_of_the_image_plays_no_part() -> None:
    samples, found = _random(0)
    by = 3
    large = [_enlarged(sample, by) for sample in samples]
    there = [Detections(one.xyxy * np.float32(by), one.score, one.class_id) for one in found]
    here, scaled = (by_size(*pair, NAMES, 160, 160) for pair in ((samples, found), (large, there)))
    assert here["input"] == scaled["input"]
    assert here["image"] != scaled["image"]
    assert sum(entry["boxes"] for entry in here["input"].values()) == sum(
        len(sample.boxes) for sample in samples
    )


def test_nothing_found_and_nothing_there() -> None:
    samples, found = _random(0)
    nothing = [Detections.empty() for _ in found]
    values = by_size(samples, nothing, NAMES, 320, 320)["image"].values()
    assert {value["map50_95"] for value in values if value["boxes"]} == {0.0}
    blank = [replace(sample, boxes=sample.boxes[:0]) for sample in samples]
    values = by_size(blank, nothing, NAMES, 320, 320)["input"].values()
    assert {value["map50_95"] for value in values} == {None}
