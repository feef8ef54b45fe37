"""Figures of a data set: counted right, readable in a terminal, and drawn the same each time."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

pytest.importorskip("cv2")
pytest.importorskip("matplotlib")

import cv2

from edgeyolo.cli.data_stats import command
from edgeyolo.cli.edge import guard
from edgeyolo.dataset.labels import label_path, read_labels
from edgeyolo.dataset.read import read_dataset
from edgeyolo.errors import ExitCode

Say = Callable[..., tuple[int, str, str]]
NAMES = ("cat", "a $b$ <c> & d", "信号機 огонь", "never seen")


def _image(path: Path, width: int, height: int, *lines: str) -> None:
    for place in (path, label_path(path)):
        place.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(".png", np.zeros((height, width, 3), np.uint8))[1].tobytes())
    if lines:
        label_path(path).write_text("".join(f"{line}\n" for line in lines))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Three images to train on, two for val, whose figures can be counted by hand."""
    root = tmp_path / "Дані 1"
    train, val = root / "images" / "train", root / "images" / "val"
    # At 640: sides of 64 (the last of P3), 65, 1 and 91 px.
    _image(train / "a.png", 100, 50, "0 0.05 0.1 0.1 0.2", "0 0.5 0.5 0.1015625 0.203125")
    _image(train / "b.png", 100, 50, "1 0.999 0.999 0.002 0.002", "0 0.5 0.5 0.2 0.2")
    _image(train / "c.png", 50, 100)
    _image(
        val / "d.png", 100, 100, "2 0.5 0.5 1 1", *[f"0 0.5 0.{n} 0.01 0.01" for n in range(1, 9)]
    )
    _image(val / "e.png", 100, 50, "0 0.5 0.5 0.05 0.8")
    (root / "data.yaml").write_text(
        f"train: images/train\nval: images/val\nnames: {json.dumps(NAMES)}\n"
    )
    return root


@pytest.fixture
def stats(capsys: pytest.CaptureFixture[str]) -> Say:
    """Run the command; its exit code, stdout and stderr."""

    def run(*words: object) -> tuple[int, str, str]:
        code = int(guard(command, [str(word) for word in words]))
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def _state(root: Path) -> dict[str, tuple[int, int]]:
    files = [root, *sorted(root.rglob("*"))]
    return {str(path): (path.lstat().st_mtime_ns, path.lstat().st_ctime_ns) for path in files}


def _columns(line: str) -> int:
    wide = sum(unicodedata.east_asian_width(letter) in "WF" for letter in line)
    return len(line) + wide


def test_counts_by_hand(data: Path, stats: Say) -> None:
    before = _state(data)
    code, said, _ = stats(data, "--json")
    found = json.loads(said)
    assert (code, _state(data)) == (0, before)
    assert found["names"] == list(NAMES)
    assert [each["up_to_px"] for each in found["levels"]] == [64, 150, None]
    train, val = found["splits"]["train"], found["splits"]["val"]
    assert (train["images"], train["backgrounds"], train["boxes"]) == (3, 1, 4)
    assert (val["images"], val["backgrounds"], val["boxes"]) == (2, 0, 10)
    assert train["boxes_of_class"] == [3, 1, 0, 0] and train["images_of_class"] == [2, 1, 0, 0]
    assert val["boxes_of_class"] == [9, 0, 1, 0] and val["images_of_class"] == [2, 0, 1, 0]
    assert train["boxes_of_level"] == [2, 2, 0] and val["boxes_of_level"] == [8, 1, 1]
    assert (train["most_boxes_in_an_image"], val["most_boxes_in_an_image"]) == (2, 9)
    limits = found["bins"]["side_px"]
    assert limits == sorted(limits) and {8, 16, 32, 64, 150, 640} <= set(limits)
    sides = dict(zip(limits, train["side_px"], strict=True))
    assert (sides[8], sides[64], sides[98]) == (1, 1, 2) and sum(sides.values()) == 4
    assert dict(zip(limits, val["side_px"], strict=True))[640] == 1
    assert found["bins"]["aspect"][-1] is None
    # 1:1, 1:1, 2:1 twice; a limit belongs to the bin below it.
    assert train["aspect"] == [0, 0, 0, 2, 2, 0, 0] and val["aspect"] == [1, 0, 0, 9, 0, 0, 0]
    assert train["boxes_per_image"] == [1, 0, 2, 0, 0, 0, 0, 0, 0]
    assert val["boxes_per_image"] == [0, 1, 0, 0, 0, 1, 0, 0, 0]
    assert train["image_sizes"] == [
        {"width": 100, "height": 50, "images": 2},
        {"width": 50, "height": 100, "images": 1},
    ]
    heat = np.array(train["centers"])
    assert (heat.sum(), heat[2, 1], heat[12, 12], heat[23, 23]) == (4, 1, 2, 1)


def test_sizes_are_those_at_the_image_size(data: Path, stats: Say) -> None:
    for imgsz, levels in ((320, [4, 0, 0]), (640, [2, 2, 0]), (1280, [1, 2, 1]), (64, [4, 0, 0])):
        found = json.loads(stats(data, "--json", "--imgsz", imgsz)[1])
        train = found["splits"]["train"]
        assert train["boxes_of_level"] == levels
        assert found["bins"]["side_px"][-1] == imgsz
        assert sum(train["side_px"]) == 4
        assert train["side_px_quantiles"]["p50"] == pytest.approx(0.1008 * imgsz, abs=0.1)


def test_text(data: Path, stats: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    code, said, _ = stats(data)
    lines = said.splitlines()
    assert code == 0 and "\x1b" not in said
    assert max(map(_columns, lines)) <= 100
    assert lines == [line.rstrip() for line in lines]
    (cat,) = [line for line in lines if line.startswith("cat ")]
    assert re.findall(r"[\d.]+%|\b\d+\b", cat) == ["75.0%", "3", "2", "90.0%", "9", "2"]
    bars = [bar.rstrip() for bar in re.findall(r"[▏▎▍▌▋▊▉█]+", cat)]
    assert len(bars) == 2 and len(bars[0]) < len(bars[1])
    (images,) = [line for line in lines if line.startswith("images ")]
    assert images.split() == ["images", "3", "2"]
    assert "No box in train (2 classes): 信号機 огонь, never seen." in said
    assert not any(line.startswith("never seen") for line in lines)
    starts = {line.find("val") for line in lines if " train " in line or line.startswith("cat")}
    assert len(starts - {-1}) == 1, "the columns are not below each other"
    maps = [line for line in lines if line.startswith("|")]
    assert len(maps) == 12 and {len(line) for line in maps} == {54}
    assert maps[6][13] == "█" and maps[11][24] == "▒"


def test_many_splits_and_classes_fit_the_width(tmp_path: Path, stats: Say) -> None:
    names = [f"長い種類の名前{n:02}{'と長い続き' * (n % 2)}" for n in range(90)]
    for split in ("train", "val", "test"):
        for image in range(3):
            lines = [f"{n} 0.5 0.5 0.1 0.{n % 9 + 1}" for n in range(90) for _ in range(image)]
            _image(tmp_path / "images" / split / f"{image}.png", 9999, 4 + image, *lines)
    (tmp_path / "data.yaml").write_text(
        "".join(f"{split}: images/{split}\n" for split in ("train", "val", "test"))
        + f"names: {json.dumps(names)}\n"
    )
    code, said, _ = stats(tmp_path)
    assert code == 0
    rows = [line for line in said.splitlines() if line.startswith("長い")]
    assert len(rows) == 90
    assert {_columns(row[: row.index("%")]) for row in rows} == {28}, "columns are not aligned"
    assert max(map(_columns, said.splitlines())) <= 100


def test_svg(data: Path, tmp_path: Path, stats: Say) -> None:
    for name in ("a.svg", "b.svg"):
        assert stats(data, "--svg", tmp_path / name)[0] == 0
    text = (tmp_path / "a.svg").read_text(encoding="utf-8")
    assert text == (tmp_path / "b.svg").read_text(encoding="utf-8")
    root = ElementTree.fromstring(text)
    texts = {"".join(each.itertext()) for each in root.iter("{http://www.w3.org/2000/svg}text")}
    # Text is text, also with what would be a formula or markup elsewhere.
    assert {"cat", NAMES[1], NAMES[2], "train", "val", "P3, stride 8"} <= texts
    assert {"centers, train", "centers, val"} <= texts and "centers, test" not in texts
    assert "<date" not in text and "<script" not in text
    assert {"#0072b2", "#e69f00"} <= set(re.findall(r"#[0-9a-f]{6}", text))
    assert "<image" not in text  # all of it can be scaled


@pytest.mark.parametrize(("count", "most"), [(80, 80), (130, 120)])
def test_svg_names_many_classes(
    data: Path, tmp_path: Path, stats: Say, count: int, most: int
) -> None:
    names = [f"class {index}" for index in range(count)] + ["unused $x$"]
    (data / "data.yaml").write_text(f"train: images/train\nval: images/val\nnames: {names}\n")
    rows = "".join(f"{index} 0.5 0.5 0.2 0.{index + 1:03}\n" for index in range(count))
    label_path(data / "images/train/c.png").write_text(rows)
    assert stats(data, "--svg", tmp_path / "a.svg")[0] == 0
    root = ElementTree.parse(tmp_path / "a.svg").getroot()
    texts = ["".join(each.itertext()) for each in root.iter("{http://www.w3.org/2000/svg}text")]
    assert len({text for text in texts if text.startswith("class ")}) == most
    assert "unused $x$" not in texts
    (title,) = (text for text in texts if text.startswith("boxes by class"))
    assert title.endswith(f"1 of {count + 1} classes has none")
    assert (f"{count - most} more" in title) == (count > most)


def test_svg_differs_with_the_data(data: Path, tmp_path: Path, stats: Say) -> None:
    stats(data, "--svg", tmp_path / "a.svg")
    label_path(data / "images/train/c.png").write_text("0 0.2 0.2 0.1 0.1\n")
    stats(data, "--svg", tmp_path / "b.svg")
    assert (tmp_path / "a.svg").read_bytes() != (tmp_path / "b.svg").read_bytes()


def test_the_figure_says_nothing_on_stderr(
    data: Path, tmp_path: Path, stats: Say, recwarn: pytest.WarningsRecorder
) -> None:
    _, said, told = stats(data, "--svg", tmp_path / "a.svg", "--json")
    json.loads(said)
    assert "Glyph" not in told and not recwarn.list
    assert str(tmp_path / "a.svg") in told


def test_only_train_and_only_backgrounds(data: Path, tmp_path: Path, stats: Say) -> None:
    """As convert leaves it where the source has no splits, and a split without any label."""
    (data / "data.yaml").write_text(f"train: images/train\nnames: {json.dumps(NAMES)}\n")
    code, said, _ = stats(data, "--svg", tmp_path / "a.svg")
    assert code == 0 and "val" not in said
    label_path(data / "images/val/d.png").unlink()
    label_path(data / "images/val/e.png").unlink()
    (data / "data.yaml").write_text(
        f"train: images/train\ntest: images/val\nnames: {json.dumps(NAMES)}\n"
    )
    code, said, _ = stats(data, "--svg", tmp_path / "b.svg")
    assert code == 0 and "No box in test (4 classes)" in said
    assert (tmp_path / "b.svg").is_file()


def test_lists_and_links(data: Path, tmp_path: Path, stats: Say) -> None:
    wanted = json.loads(stats(data, "--json")[1])["splits"]
    store = (data / "images/train/a.png").rename(tmp_path / "0815")
    (data / "images/train/a.png").symlink_to(store)
    (data / "all train.txt").write_text("".join(f"./images/train/{n}.png\n" for n in "abc"))
    (data / "data.yaml").write_text(
        f"train: all train.txt\nval: images/val\nnames: {json.dumps(NAMES)}\n"
    )
    assert json.loads(stats(data, "--json")[1])["splits"] == wanted


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--imgsz", "0"], "--imgsz"),
        (["--svg", "figure.png"], "figure.png"),
        (["--svg", "{}/images/train/a.svg"], "among the images"),
    ],
)
def test_wrong_flags(data: Path, in_tmp: Path, stats: Say, words: list[str], said: str) -> None:
    before = _state(in_tmp)
    code, out, told = stats(data, *(word.format(data) for word in words))
    assert (code, out) == (ExitCode.USAGE, "")
    assert said in told
    assert _state(in_tmp) == before


def test_malformed(data: Path, tmp_path: Path, stats: Say) -> None:
    label_path(data / "images/val/e.png").write_text("0 0.5 0.5 0.5\n")
    code, said, told = stats(data, "--svg", tmp_path / "a.svg")
    assert (code, said) == (ExitCode.USAGE, "")
    assert "e.txt line 1" in told
    assert not (tmp_path / "a.svg").exists()
    assert stats(tmp_path / "nothing")[0] == ExitCode.USAGE


def test_demo(small_demo: Path, stats: Say) -> None:
    found = json.loads(stats(small_demo, "--json")[1])["splits"]
    assert [found[split]["images"] for split in ("train", "val", "test")] == [24, 8, 4]


@pytest.mark.real_data
@pytest.mark.parametrize("name", ["bccd", "coco128"])
def test_real_photos(test_data: Path, tmp_path: Path, stats: Say, name: str) -> None:
    code, said, _ = stats(test_data / name, "--json", "--svg", tmp_path / "a.svg")
    assert code == 0
    found, dataset = json.loads(said)["splits"], read_dataset(test_data / name)
    for split in dataset.splits:
        images = dataset.images(split)
        boxes = [read_labels(label_path(image), len(dataset.names)) for image in images]
        each, total = found[split], sum(map(len, boxes))
        assert each["images"] == len(images)
        assert sum(each["boxes_of_class"]) == total > 0
        for key in ("boxes_of_level", "side_px", "aspect"):
            assert sum(each[key]) == total
        assert np.sum(each["centers"]) == total
        assert sum(size["images"] for size in each["image_sizes"]) == len(images)
    ElementTree.parse(tmp_path / "a.svg")
