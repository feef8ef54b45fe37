"""The worst images, and the greatest disagreements: which, in which order, with which pictures."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("cv2")

import cv2

from edgeyolo.dataset.check import Sample
from edgeyolo.device.detections import Detections
from edgeyolo.errors import DataError
from edgeyolo.measure.gallery import disagreements, worst
from edgeyolo.measure.mistakes import mistakes
from tests.unit.scenes import SIDE, Box, found_of, random_scene, sample_of

NAMES = ("a", "b", "c")
A: Box = (0, 0, 0, 20, 20)
B: Box = (1, 40, 40, 80, 80)
C: Box = (2, 0, 60, 20, 100)


def _at(folder: Path, name: str, sample: Sample, pixels: Any = None) -> Sample:
    """The sample with a file of its own."""
    pixels = np.full((sample.height, sample.width, 3), 99, np.uint8) if pixels is None else pixels
    path = folder / name
    path.write_bytes(cv2.imencode(path.suffix, pixels)[1].tobytes())
    return replace(sample, image=path)


def _decoded(item: dict[str, Any]) -> Any:
    return cv2.imdecode(np.frombuffer(base64.b64decode(item["picture"]), np.uint8), 1)


def test_worst_first_and_none_without_a_mistake(tmp_path: Path) -> None:
    cases = {
        "perfect.png": (sample_of(A), found_of((0.9, A))),
        "one.png": (sample_of(A, B), found_of((0.9, A))),
        "worse-f1.png": (sample_of(A), found_of()),
        "three.png": (sample_of(A, B), found_of((0.9, (2, *A[1:])))),
        "below.png": (sample_of(A), found_of((0.9, A), (0.2, B))),
        "one-later.png": (sample_of(A, B), found_of((0.9, A))),
    }
    samples = [_at(tmp_path, name, sample) for name, (sample, _) in cases.items()]
    found = [each for _, each in cases.values()]
    items = worst(samples, found, NAMES, 0.25)
    names = ["three.png", "worse-f1.png", "one-later.png", "one.png"]
    assert [item["image"] for item in items] == names
    assert [(item["missed"], item["wrong"]) for item in items] == [(2, 1), (1, 0), (1, 0), (1, 0)]
    assert [item["image"] for item in worst(samples, found, NAMES, 0.25, 2)] == names[:2]
    # In another order of the images, the same.
    assert worst(samples[::-1], found[::-1], NAMES, 0.25) == items
    assert json.loads(json.dumps(items)) == items


def test_what_an_item_tells(tmp_path: Path) -> None:
    wide = Sample(Path(), 100, 200, sample_of(A, B).boxes)  # twice as wide, in parts the same
    sample = _at(tmp_path, "a.png", wide)
    found = found_of((0.5, (0, 0, 0, 40, 20)), (0.9, (2, 80, 40, 200, 80)))
    (item,) = worst([sample], [found], NAMES, 0.25)
    assert (item["width"], item["height"]) == (200, 100)
    assert item["truth"] == [
        {"box": [0.0, 0.0, 0.2, 0.2], "class_id": 0, "missed": False},
        {"box": [0.4, 0.4, 0.8, 0.8], "class_id": 1, "missed": True},
    ]
    assert item["found"] == [
        {"box": [0.4, 0.4, 1.0, 0.8], "class_id": 2, "score": 0.9, "right": False},
        {"box": [0.0, 0.0, 0.2, 0.2], "class_id": 0, "score": 0.5, "right": True},
    ]
    assert (item["missed"], item["wrong"]) == (1, 1)


def test_sums_are_those_of_the_mistakes(tmp_path: Path) -> None:
    scenes = [random_scene(seed) for seed in range(40)]
    samples = [_at(tmp_path, f"{i}.png", sample) for i, (sample, _) in enumerate(scenes)]
    found = [each for _, each in scenes]
    items = worst(samples, found, NAMES, 0.25, 40)
    listed = {item["image"]: item for item in items}
    assert 20 < len(items) < 40
    for sample, each in zip(samples, found, strict=True):
        right = mistakes([sample], [each], 3, 0.25).right
        missed, wrong = len(sample.boxes) - right, int((each.score > 0.25).sum()) - right
        item = listed.get(sample.image.name)
        assert (item is None) == (missed + wrong == 0)
        if item:
            assert (item["missed"], item["wrong"]) == (missed, wrong)
            assert sum(one["missed"] for one in item["truth"]) == missed
            assert sum(not one["right"] for one in item["found"]) == wrong
    amounts = [item["missed"] + item["wrong"] for item in items]
    assert amounts == sorted(amounts, reverse=True)


def test_classes_without_a_name_do_not_count(tmp_path: Path) -> None:
    sample = _at(tmp_path, "a.png", sample_of(A))
    found = found_of((0.9, A), (0.9, C))
    assert worst([sample], [found], NAMES[:2], 0.25) == []
    assert len(worst([sample], [found], NAMES, 0.25)) == 1


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((480, 640), (240, 320)),
        ((640, 480), (320, 240)),
        ((50, 60), (50, 60)),
        ((1, 4000), (1, 320)),
    ],
)
def test_pictures_are_small(
    tmp_path: Path, size: tuple[int, int], expected: tuple[int, int]
) -> None:
    pixels = np.zeros((*size, 3), np.uint8)
    pixels[:, size[1] // 2 :] = 200, 10, 10
    sample = Sample(Path(), *size, sample_of(A).boxes)
    (item,) = worst([_at(tmp_path, "a.png", sample, pixels)], [found_of()], NAMES, 0.25)
    picture = _decoded(item)
    assert picture.shape == (*expected, 3)
    assert (item["height"], item["width"]) == size
    assert abs(picture[0, 0].astype(int)).max() < 12
    assert abs(picture[0, -1].astype(int) - (200, 10, 10)).max() < 12


def test_even_noise_is_small(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (400, 400, 3), np.uint8)
    sample = Sample(Path(), 400, 400, sample_of(A).boxes)
    (item,) = worst([_at(tmp_path, "a.png", sample, noise)], [found_of()], NAMES, 0.25)
    assert 4_000 < len(item["picture"]) <= 450_000 / 20
    height, width = _decoded(item).shape[:2]
    assert height == width > 100


def test_pictures_stand_upright(tmp_path: Path) -> None:
    """As the boxes do: turned by the EXIF tag of the file."""
    pixels = np.zeros((40, 80, 3), np.uint8)
    pixels[:, :40] = 255  # left is white
    plain = cv2.imencode(".jpg", pixels)[1].tobytes()
    tag = (
        b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"  # a quarter to the right
    )
    exif = b"Exif\0\0" + tag
    path = tmp_path / "turned.jpg"
    path.write_bytes(
        plain[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + plain[2:]
    )
    sample = Sample(path, 80, 40, sample_of(A).boxes)
    (item,) = worst([sample], [found_of()], NAMES, 0.25)
    picture = _decoded(item)
    assert picture.shape == (80, 40, 3)
    assert picture[5].min() > 200 and picture[-5].max() < 50  # white is on top


def test_a_file_that_is_gone_is_said(tmp_path: Path) -> None:
    sample = replace(sample_of(A), image=tmp_path / "gone.png")
    with pytest.raises(DataError, match=r"gone\.png cannot be read"):
        worst([sample], [found_of()], NAMES, 0.25)
    assert worst([sample], [found_of((0.9, A))], NAMES, 0.25) == []  # not even looked for


def test_a_name_that_is_no_text_can_be_written(tmp_path: Path) -> None:
    sample = _at(tmp_path, "caf\udce9.png", sample_of(A))
    (item,) = worst([sample], [found_of()], NAMES, 0.25)
    assert item["image"] == "caf?.png"
    json.dumps(item, ensure_ascii=False).encode()


def test_disagreements(tmp_path: Path) -> None:
    near = (0, 2, 0, 22, 20)  # IoU 18/22 with A
    cases = {
        "same.png": (found_of((0.9, A), (0.4, B)), found_of((0.8, near), (0.6, B))),
        "gone.png": (found_of((0.9, A), (0.8, B)), found_of((0.8, near), (0.3, B))),
        "called.png": (found_of((0.9, A)), found_of((0.9, (1, *A[1:])))),
        "new.png": (found_of(), found_of((0.9, C))),
        "twice.png": (found_of((0.9, A)), found_of((0.9, A), (0.8, near))),
        "half.png": (found_of((0.9, A)), found_of((0.9, (0, 0, 0, 20, 10)))),  # just 0.5
    }
    samples = [_at(tmp_path, name, sample_of(A)) for name in cases]
    before, after = ([pair[side] for pair in cases.values()] for side in (0, 1))
    items = disagreements(samples, before, after, 0.35, 0.5)
    told = [(item["image"], item["differing"]) for item in items]
    assert told == [("called.png", 2), ("gone.png", 1), ("new.png", 1), ("twice.png", 1)]
    gone = items[1]
    assert [(one["class_id"], one["matched"]) for one in gone["before"]] == [(0, True), (1, False)]
    assert gone["after"] == [
        {"box": [0.02, 0.0, 0.22, 0.2], "class_id": 0, "score": 0.8, "matched": True}
    ]
    assert [one["matched"] for one in items[3]["after"]] == [True, False]
    assert _decoded(gone).shape == (SIDE, SIDE, 3)
    assert disagreements(samples, before, after, 0.35, 0.5, 1) == items[:1]
    assert disagreements(samples, before, before, 0.35, 0.35) == []
    assert json.loads(json.dumps(items)) == items
    # The other way round they are the same images, with the sides exchanged.
    turned = disagreements(samples, after, before, 0.5, 0.35)
    assert [(item["image"], item["differing"]) for item in turned] == told


def test_nothing_found_by_either(tmp_path: Path) -> None:
    sample, empty = sample_of(A), Detections.empty()
    assert disagreements([sample], [empty], [empty], 0.5, 0.5) == []
