"""What a run keeps of its data: counted as `edgeyolo data` counts, and nothing refused less."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("cv2")

import cv2

from edgeyolo.dataset.labels import label_path
from edgeyolo.errors import DataError
from edgeyolo.flow.data import check_input
from edgeyolo.progress import Silent
from edgeyolo.runs import Run
from tests.command import edgeyolo_here


class Told(Silent):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def line(self, text: str) -> None:
        self.lines.append(text)


def _picture(seed: int, side: int = 96) -> np.ndarray:
    """Blurred noise: no two of other seeds look alike."""
    noise = np.random.default_rng(seed).integers(0, 256, (side, side, 3), np.uint8)
    return cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 6), None, 0, 255, cv2.NORM_MINMAX)


def _write(path: Path, image: np.ndarray, *lines: str) -> None:
    for place in (path, label_path(path)):
        place.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(".png", image)[1].tobytes())
    label_path(path).write_text("".join(f"{line}\n" for line in lines))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Boxes of known sizes: at 320 px the sides are 7.5, 12, 24, 48, 80, 120 and 240."""
    root, names = tmp_path / "data", ["cat", "dog", "</script>"]
    train, val, test = (root / "images" / split for split in ("train", "val", "test"))
    sides = [side / 320 for side in (7.5, 12, 24, 48, 80, 120, 240)]
    _write(train / "a.png", _picture(1), *(f"0 0.5 0.5 {side} {side}" for side in sides[:4]))
    _write(train / "b.png", _picture(2), *(f"1 0.5 0.5 {side} {side}" for side in sides[4:]))
    _write(train / "c.png", _picture(3))
    _write(val / "d.png", _picture(4), "0 0.5 0.5 0.1 0.1")
    _write(test / "e.png", _picture(5), "1 0.5 0.5 0.1 0.1", "1 0.5 0.5 0.2 0.2")
    places = "".join(f"{split}: images/{split}\n" for split in ("train", "val", "test"))
    (root / "data.yaml").write_text(f"{places}names: {json.dumps(names)}\n")
    return root


def _checked(data: Path, imgsz: int = 320) -> tuple[dict[str, Any], list[str]]:
    plan: Any = SimpleNamespace(is_demo=False, data=str(data), data_origin="here", imgsz=imgsz)
    run, told = Run(data.parent / "run"), Told()
    check_input(run, plan, told)
    return json.loads(run.data_file.read_text()), told.lines


def test_counts_by_hand(data: Path) -> None:
    stored, lines = _checked(data)
    assert stored["splits"] == {
        "train": {"images": 3, "boxes": 7},
        "val": {"images": 1, "boxes": 1},
    }
    found = stored["statistics"]
    assert found["imgsz"] == 320 and list(found["splits"]) == ["train", "val", "test"]
    train, test = found["splits"]["train"], found["splits"]["test"]
    assert (train["images"], train["boxes"], train["backgrounds"]) == (3, 7, 1)
    assert train["boxes_of_class"] == [4, 3, 0] and train["images_of_class"] == [1, 1, 0]
    assert (test["images"], test["boxes"], test["boxes_of_class"]) == (1, 2, [0, 2, 0])
    limits = found["bins"]["side_px"]
    assert limits[:4] == [8, 16, 32, 64] and limits[-1] == 320
    of_limit = dict(zip(limits, train["side_px"], strict=True))
    assert [of_limit[limit] for limit in (8, 16, 32, 64)] == [1, 1, 1, 1]
    assert sum(train["side_px"]) == 7
    assert train["boxes_of_level"] == [4, 2, 1]
    assert found["duplicates"] == []
    assert lines == ["3 classes; train: 3 images, 7 boxes; val: 1 images, 1 boxes"]


def test_the_same_figures_as_data_stats(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = _checked(data, imgsz=192)[0]["statistics"]
    assert edgeyolo_here("data", "stats", data, "--json", "--imgsz", 192) == 0
    stats = json.loads(capsys.readouterr().out)
    assert {key: found[key] for key in ("imgsz", "levels", "bins")} == {
        key: stats[key] for key in ("imgsz", "levels", "bins")
    }
    for split, told in stats["splits"].items():
        ours = found["splits"][split]
        assert ours.pop("more_image_sizes") == 0
        assert ours == {key: value for key, value in told.items() if key != "centers"}


def test_images_in_two_splits(data: Path) -> None:
    images = data / "images"
    (images / "val" / "same.png").write_bytes((images / "train" / "a.png").read_bytes())
    _write(images / "test" / "mirror.png", _picture(2)[:, ::-1].copy(), "0 0.5 0.5 0.1 0.1")
    _write(images / "train" / "twice.png", _picture(1))  # within one split is no duplicate of two
    stored, lines = _checked(data)
    duplicates = stored["statistics"]["duplicates"]
    assert [(d["kind"], d["split"], d["of"], d["images"]) for d in duplicates] == [
        ("same", "val", "train", 1),
        ("nearly", "test", "train", 1),
    ]
    assert duplicates[0]["examples"] == [["same.png", "a.png"]]
    assert duplicates[1]["examples"] == [["mirror.png", "b.png"]]
    assert sum("learned by heart" in line for line in lines) == 2


def test_problems_are_those_of_data_check(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (data / "labels" / "train" / "c.txt").unlink()
    (data / "labels" / "test" / "e.txt").write_text("9 0.5 0.5 0.1 0.1\n")
    found = _checked(data)[0]["statistics"]
    assert edgeyolo_here("data", "check", data, "--json", "--imgsz", 320) == 1
    kinds = [each["kind"] for each in json.loads(capsys.readouterr().out)["findings"]]
    assert {p["code"]: p["count"] for p in found["problems"]} == {k: kinds.count(k) for k in kinds}
    assert {"image-without-labels", "class-out-of-range"} <= set(kinds)
    unused = next(p for p in found["problems"] if p["code"] == "class-out-of-range")
    assert unused["severity"] == "damage" and unused["examples"] == ["e.txt"]
    assert "test" not in found["splits"], "its only image has labels that cannot be read"


@pytest.mark.parametrize("split", ["train", "val"])
@pytest.mark.parametrize("damage", ["labels", "image", "bytes"])
def test_what_training_refuses_is_refused_as_before(data: Path, split: str, damage: str) -> None:
    image = next((data / "images" / split).iterdir())
    if damage == "labels":
        label_path(image).write_text("9 0.5 0.5 0.1 0.1\n")
    elif damage == "image":
        image.write_bytes(image.read_bytes()[:200])
    else:
        image.write_bytes(b"not an image")
    with pytest.raises(DataError, match=image.stem):
        _checked(data)
    assert not (data.parent / "run" / "data.json").exists()


def test_a_damaged_test_split_stops_no_run(data: Path) -> None:
    _write(data / "images" / "test" / "f.png", _picture(9), "0 0.5 0.5 0.1 0.1")
    image = data / "images" / "test" / "e.png"
    image.write_bytes(image.read_bytes()[:200])
    found = _checked(data)[0]["statistics"]
    assert (found["splits"]["test"]["images"], found["splits"]["test"]["boxes"]) == (1, 1)
    assert "image-truncated" in {problem["code"] for problem in found["problems"]}


def test_sizes_are_of_the_upright_image(data: Path) -> None:
    """A photo that is turned by its EXIF tag alone: 40 x 80 as stored, 80 x 40 as it is meant."""
    pixels = cv2.resize(_picture(7), (40, 80))
    jpeg = cv2.imencode(".jpg", pixels)[1].tobytes()
    exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"
    tagged = jpeg[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + jpeg[2:]
    (data / "images" / "val" / "g.jpg").write_bytes(tagged)
    (data / "labels" / "val" / "g.txt").write_text("0 0.5 0.5 0.5 0.5\n")
    sizes = _checked(data)[0]["statistics"]["splits"]["val"]["image_sizes"]
    assert {"width": 80, "height": 40, "images": 1} in sizes
