"""The built-in demo set: the same everywhere, tightly boxed, and whole or not there at all."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from edgeyolo.dataset import demo
from edgeyolo.errors import EdgeyoloError

cv2 = pytest.importorskip("cv2")
np = pytest.importorskip("numpy")
compositing = pytest.importorskip("edgeyolo.dataset.demo_world.compositing")
layers = pytest.importorskip("edgeyolo.dataset.demo_world.layers")
perspective = pytest.importorskip("edgeyolo.dataset.demo_world.perspective")
sprites = pytest.importorskip("edgeyolo.dataset.demo_world.sprites")

FEW = {"train": 24, "val": 3, "test": 3}


def _files(root: Path) -> dict[str, bytes]:
    found = (path for path in sorted(root.rglob("*")) if path.is_file())
    return {str(path.relative_to(root)): path.read_bytes() for path in found}


def _rows(root: Path, split: str) -> list[list[float]]:
    texts = (path.read_text() for path in sorted((root / "labels" / split).iterdir()))
    return [[float(part) for part in line.split()] for text in texts for line in text.splitlines()]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a small demo set with its clip."""
    return demo.generate(tmp_path_factory.mktemp("demo") / "set", counts=FEW).parent


def _flat(height: int = 200, width: int = 240) -> compositing.Scene:
    return compositing.Scene(np.full((height, width, 3), 90, np.uint8))


def _sign(class_id: int, place: perspective.Placement) -> layers.Layer:
    sprite = sprites.draw_sprite(np.random.default_rng(class_id), class_id)
    return perspective.warp(perspective.shrink(sprite, place.side), place)


def test_same_bytes_twice(small: Path, tmp_path: Path) -> None:
    again = demo.generate(tmp_path / "again", counts=FEW, video=False).parent
    clip = {"clip.mp4", "clip.jsonl"}
    assert _files(again) == {k: v for k, v in _files(small).items() if k not in clip}


def test_any_image_can_be_made_alone(small: Path) -> None:
    image, boxes = demo.render("train", 17)
    assert demo.label_text(boxes, *image.shape[:2]) == (small / "labels/train/0017.txt").read_text()
    assert cv2.imread(str(small / "images/train/0017.jpg")).shape == image.shape


@pytest.mark.parametrize("split", demo.DEMO_SPLITS)
def test_labels_lie_inside_the_image(small: Path, split: str) -> None:
    assert len(list((small / "images" / split).iterdir())) == FEW[split]
    for class_id, x, y, width, height in _rows(small, split):
        assert class_id in range(len(demo.DEMO_NAMES))
        assert min(width, height) > 0
        assert min(x - width / 2, y - height / 2) >= -1e-6
        assert max(x + width / 2, y + height / 2) <= 1 + 1e-6


def test_all_classes_are_in_train(small: Path) -> None:
    assert {int(row[0]) for row in _rows(small, "train")} == set(range(len(demo.DEMO_NAMES)))


def test_splits_differ() -> None:
    images = [demo.render(split, 0)[0].tobytes() for split in demo.DEMO_SPLITS]
    assert len(set(images)) == len(images)


@pytest.mark.parametrize("class_id", range(len(demo.DEMO_NAMES)))
@pytest.mark.parametrize("side", [12.0, 40.0, 130.0])
@pytest.mark.parametrize("x", [120.4, 8.0])  # inside, and cut off by the left edge
def test_box_is_tight(class_id: int, side: float, x: float) -> None:
    place = perspective.Placement(x, 100.3, side, roll=15, yaw=40, pitch=-20)
    sign = _sign(class_id, place)
    # White on black, the image is the mask of what was drawn.
    stage = compositing.Scene(np.zeros((200, 240, 3), np.uint8))
    assert stage.add(replace(sign, color=np.full_like(sign.color, 255)), class_id)
    (box,) = stage.boxes()
    drawn = stage.image[..., 0] > 127
    rows, columns = np.flatnonzero(drawn.any(axis=1)), np.flatnonzero(drawn.any(axis=0))
    bounds = (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)
    assert box.class_id == class_id
    assert box.xyxy == pytest.approx(bounds, abs=0.76)  # a quarter-covered pixel is inside


def test_box_shrinks_to_what_is_visible() -> None:
    stage = _flat()
    stage.add(_sign(3, perspective.Placement(120, 100, 80)), 3)
    wall = layers.Layer(np.zeros((200, 30, 3), np.uint8), np.ones((200, 30), np.float32), 70, 0)
    assert stage.add(wall)
    (box,) = stage.boxes()
    assert box.xyxy[0] == pytest.approx(100, abs=0.01)


def test_hiding_an_object_is_refused_without_a_trace() -> None:
    stage = _flat()
    stage.add(_sign(0, perspective.Placement(120, 100, 40)), 0)
    before = stage.image.copy()
    assert not stage.add(_sign(2, perspective.Placement(122, 100, 60)), 2)
    assert np.array_equal(stage.image, before)
    assert [box.class_id for box in stage.boxes()] == [0]


@pytest.mark.parametrize(("x", "side"), [(-12.0, 40.0), (120.0, 6.0), (-500.0, 40.0)])
def test_what_would_be_a_ghost_is_not_placed(x: float, side: float) -> None:
    stage = _flat()
    assert not stage.add(_sign(1, perspective.Placement(x, 100, side)), 1)
    assert (stage.image == 90).all()


def test_killed_half_way_leaves_no_root(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from edgeyolo.dataset.demo import generate\n"
        "generate(Path(sys.argv[1]), counts={'train': 3, 'val': 1, 'test': 1}, video=False,"
        " progress=lambda done, total: done == 2 and os._exit(9))"
    )
    root = tmp_path / "set"
    assert subprocess.run([sys.executable, "-c", code, str(root)], check=False).returncode == 9
    assert not root.exists()


def test_interrupted_leaves_nothing(tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        demo.generate(tmp_path / "set", counts=FEW, progress=stop)
    assert list(tmp_path.iterdir()) == []


def test_complete_set_is_left_alone(small: Path) -> None:
    before = _files(small)
    assert demo.generate(small) == small / "data.yaml"
    assert _files(small) == before


def test_other_files_are_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(EdgeyoloError):
        demo.generate(tmp_path, counts=FEW)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_progress_ends_at_the_total(tmp_path: Path) -> None:
    steps: list[tuple[int, int]] = []
    few = {"train": 2, "val": 1, "test": 0}
    demo.generate(
        tmp_path / "set", counts=few, video=False, progress=lambda *step: steps.append(step)
    )
    assert steps == [(1, 3), (2, 3), (3, 3)]


def test_clip_frames_match_their_boxes(small: Path) -> None:
    clip = cv2.VideoCapture(str(small / "clip.mp4"))
    frames = 0
    while clip.read()[0]:
        frames += 1
    lines = [json.loads(line) for line in (small / "clip.jsonl").read_text().splitlines()]
    assert [line["frame"] for line in lines] == list(range(frames))
    assert frames == demo.CLIP_FRAMES
    assert all(line["boxes"] for line in lines)
    for box in (box for line in lines for box in line["boxes"]):
        x1, y1, x2, y2 = box["xyxy"]
        assert 0 <= x1 < x2 <= demo.CLIP_SIZE[0]
        assert 0 <= y1 < y2 <= demo.CLIP_SIZE[1]
        assert box["class_id"] in range(len(demo.DEMO_NAMES))


def test_data_yaml_is_relative_and_names_every_class(small: Path) -> None:
    yaml = pytest.importorskip("yaml")
    data = yaml.safe_load((small / "data.yaml").read_text())
    assert data.pop("names") == dict(enumerate(demo.DEMO_NAMES))
    assert data == {split: f"images/{split}" for split in demo.DEMO_SPLITS}


def test_importing_needs_no_opencv() -> None:
    code = "import sys, edgeyolo.dataset.demo; print(sorted({'cv2', 'numpy'} & {*sys.modules}))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"
