"""COCO, VOC and CSV as YOLO: the same boxes, and a line for whatever cannot be carried over."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import pytest

pytest.importorskip("cv2")

import cv2

from edgeyolo.cli.data_convert import command
from edgeyolo.cli.edge import guard
from edgeyolo.dataset.annotations import locate, split_of
from edgeyolo.dataset.check import load_images
from edgeyolo.dataset.labels import label_path, read_labels
from edgeyolo.dataset.read import Dataset, read_dataset, read_names
from edgeyolo.errors import ExitCode

WIDTH, HEIGHT = 40, 20
Say = Callable[..., tuple[int, str, str]]


def _image(path: Path, width: int = WIDTH, height: int = HEIGHT) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    suffix = path.suffix.lower() if path.suffix.lower() in (".jpg", ".png", ".bmp") else ".png"
    pixels = np.random.default_rng(crc32(bytes(path))).integers(
        0, 255, (height, width, 3), np.uint8
    )
    path.write_bytes(cv2.imencode(suffix, pixels)[1].tobytes())
    return path


def _state(root: Path) -> dict[str, tuple[int, int, bytes]]:
    """Everything below a folder, to be sure that it was left alone."""
    return {
        str(path.relative_to(root)): (
            path.lstat().st_mtime_ns,
            path.lstat().st_nlink if path.is_file() else 0,  # also no hard link to it
            path.read_bytes() if path.is_file() else b"",
        )
        for path in [root, *sorted(root.rglob("*"))]
    }


@pytest.fixture
def convert(capsys: pytest.CaptureFixture[str]) -> Say:
    """Run the command; its exit code, stdout and stderr."""

    def run(*words: object) -> tuple[int, str, str]:
        code = int(guard(command, [str(word) for word in words]))
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def _coco(**changes: Any) -> dict[str, Any]:
    """Two categories with a gap, and three images, of which one has no object."""
    values = {
        "images": [
            {"id": 7, "file_name": "a.png", "width": WIDTH, "height": HEIGHT},
            {"id": 3, "file_name": "b.png", "width": WIDTH, "height": HEIGHT},
            {"id": 9, "file_name": "empty.png", "width": WIDTH, "height": HEIGHT},
        ],
        "categories": [{"id": 90, "name": "dog"}, {"id": 2, "name": "cat"}],
        "annotations": [
            {"id": 1, "image_id": 7, "category_id": 90, "bbox": [4, 2, 8, 6], "iscrowd": 0},
            {"id": 2, "image_id": 3, "category_id": 2, "bbox": [0, 0, 40, 20]},
            {"id": 3, "image_id": 7, "category_id": 2, "bbox": [10.5, 0, 1.5, 20]},
        ],
    }
    return {**values, **changes}


@pytest.fixture
def coco(tmp_path: Path) -> Path:
    """A COCO file beside its images, in a folder with a name as people have them."""
    folder = tmp_path / "Мои данные"
    for name in ("a.png", "b.png", "empty.png"):
        _image(folder / name)
    return _with(folder / "labels.json", _coco())


def _with(path: Path, values: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values), encoding="utf-8")
    return path


def _more(*annotations: dict[str, Any]) -> list[dict[str, Any]]:
    return [*_coco()["annotations"], *annotations]


def _labels(out: Path, split: str = "train") -> dict[str, list[list[float]]]:
    return {
        path.stem: [list(map(float, line.split())) for line in path.read_text().splitlines()]
        for path in sorted((out / "labels" / split).iterdir())
    }


GOOD = {
    "a": [[1, 0.2, 0.25, 0.2, 0.3], [0, 0.28125, 0.5, 0.0375, 1]],
    "b": [[0, 0.5, 0.5, 1, 1]],
    "empty": [],
}


def test_coco_by_hand(coco: Path, tmp_path: Path, convert: Say) -> None:
    out, before = tmp_path / "new data", _state(coco.parent)
    code, said, told = convert(coco, "--out", out)
    assert (code, _state(coco.parent)) == (0, before)
    assert _labels(out) == GOOD
    assert read_names(out) == ("cat", "dog")
    assert (out / "data.yaml").read_text() == ("train: images/train\nnames:\n  0: cat\n  1: dog\n")
    for name in ("a.png", "b.png", "empty.png"):
        copy = out / "images" / "train" / name
        assert not copy.is_symlink()
        assert copy.read_bytes() == (coco.parent / name).read_bytes()
    assert "2 classes" in said and "There is no val split" in told
    assert f"edgeyolo data split {out / 'data.yaml'}" in told
    assert not (out / "left-out.txt").exists()


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        ({"bbox": [1, 1, 5, 5], "iscrowd": 1}, ["crowd"]),
        ({"bbox": [1, 1, 0, 5]}, ["'cat'", "no area"]),
        ({"bbox": [1, 1, 5, -5]}, ["no area"]),
        ({"bbox": [40, 1, 5, 5]}, ["outside the image"]),
        ({"bbox": [-9, -9, 5, 5]}, ["outside the image"]),
        ({"bbox": [1, 1, 5]}, ["[1, 1, 5]", "not four numbers"]),
        ({"bbox": [1, 1, 5, "5"]}, ["not four numbers"]),
        ({"bbox": [1, 1, 5, True]}, ["not four numbers"]),
        ({"bbox": [1, 1, 5, float("nan")]}, ["not four numbers"]),
        ({"bbox": [1, 1, 5, 10**400]}, ["not four numbers"]),
        ({"segmentation": [[1, 1, 5, 5, 5, 1]]}, ["'bbox' is None"]),
        ({"bbox": [1, 1, 5, 5], "image_id": 8}, ["no image", "id 8"]),
        ({"bbox": [1, 1, 5, 5], "image_id": "7"}, ["no image", "'7'"]),
        ({"bbox": [1, 1, 5, 5], "image_id": [7]}, ["no image"]),
        ({"bbox": [1, 1, 5, 5], "category_id": 0}, ["no category", "id 0"]),
    ],
)
def test_coco_annotation_left_out(
    coco: Path, tmp_path: Path, convert: Say, annotation: dict[str, Any], words: list[str]
) -> None:
    whole = {"id": 44, "image_id": 7, "category_id": 2, **annotation}
    _with(coco, _coco(annotations=_more(whole)))
    out = tmp_path / "new"
    code, _, told = convert(coco, "--out", out)
    assert code == 0
    assert _labels(out) == GOOD, "a good box beside it is lost, or a bad one kept"
    (line,) = (out / "left-out.txt").read_text(encoding="utf-8").splitlines()
    assert line in told
    for word in (f"{coco} annotations[3] (id 44)", *words):
        assert word in line


def test_a_box_that_reaches_beyond_is_clipped(coco: Path, tmp_path: Path, convert: Say) -> None:
    large = {"image_id": 3, "category_id": 90, "bbox": [30, -5, 50, 15]}
    rounded = {"image_id": 3, "category_id": 90, "bbox": [20, 0, 20.6, 20]}
    _with(coco, _coco(annotations=_more(large, rounded)))
    code, _, _ = convert(coco, "--out", tmp_path / "new")
    assert code == 0
    found = _labels(tmp_path / "new")["b"][1:]
    assert found == [[1, 0.875, 0.25, 0.25, 0.5], [1, 0.75, 0.5, 0.5, 1]]
    (line,) = (tmp_path / "new" / "left-out.txt").read_text().splitlines()
    assert "annotations[3]" in line and "40 px" in line and "clipped" in line


def test_a_missing_image_loses_only_itself(coco: Path, tmp_path: Path, convert: Say) -> None:
    (coco.parent / "a.png").unlink()
    code, _, told = convert(coco, "--out", tmp_path / "new")
    assert code == 0
    assert _labels(tmp_path / "new") == {name: GOOD[name] for name in ("b", "empty")}
    assert "images[0]" in told and "a.png" in told and "2 boxes" in told


@pytest.mark.parametrize("content", [b"", b"text", b"\x89PNG\r\n\x1a\n"])
def test_an_image_that_cannot_be_decoded(
    coco: Path, tmp_path: Path, convert: Say, content: bytes
) -> None:
    (coco.parent / "a.png").write_bytes(content)
    code, _, told = convert(coco, "--out", tmp_path / "new")
    assert code == 0
    assert _labels(tmp_path / "new") == {name: GOOD[name] for name in ("b", "empty")}
    assert "images[0]" in told and "not a readable image" in told and "2 boxes" in told


def test_an_image_of_another_shape(coco: Path, tmp_path: Path, convert: Say) -> None:
    _image(coco.parent / "a.png", HEIGHT, WIDTH)  # as if turned by its EXIF tag
    _image(coco.parent / "b.png", WIDTH // 2, HEIGHT // 2)  # made smaller after it was annotated
    code, _, told = convert(coco, "--out", tmp_path / "new")
    assert code == 0
    assert _labels(tmp_path / "new") == {name: GOOD[name] for name in ("b", "empty")}
    assert "20x40, not 40x20" in told


def test_names_that_repeat_become_one_class(coco: Path, tmp_path: Path, convert: Say) -> None:
    categories = [{"id": 0, "name": "cat"}, *_coco()["categories"]]
    _with(coco, _coco(categories=categories))
    code, _, told = convert(coco, "--out", tmp_path / "new")
    assert code == 0
    assert read_names(tmp_path / "new") == ("cat", "dog")
    assert _labels(tmp_path / "new") == GOOD
    assert "category 2" in told and "one class" in told


def test_two_entries_of_one_image_are_one(coco: Path, tmp_path: Path, convert: Say) -> None:
    images = [*_coco()["images"], {"id": 1, "file_name": "a.png"}]
    extra = {"image_id": 1, "category_id": 2, "bbox": [0, 0, 20, 10]}
    _with(coco, _coco(images=images, annotations=_more(extra)))
    code, _, _ = convert(coco, "--out", tmp_path / "new")
    assert code == 0
    found = _labels(tmp_path / "new")
    assert found == {**GOOD, "a": [*GOOD["a"], [0, 0.25, 0.25, 0.5, 0.5]]}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", ["not valid JSON"]),
        (b'{\n"images": [}', ["line 2", "not valid JSON"]),
        (b"[" * 100_000, ["not valid JSON"]),
        (b"\xff\xd8\xff\xe0", ["not valid JSON"]),
        (b"[]", ["no list 'images'"]),
        (b"5", ["no list 'images'"]),
        (_coco(annotations=None), ["no list 'annotations'"]),
        (_coco(categories={}), ["no list 'categories'"]),
        (_coco(images=[3]), ["images[0]"]),
        (_coco(images=[]), ["names no images"]),
        (_coco(images=[{"id": 1}]), ["images[0]", "file_name"]),
        (_coco(images=[{"id": None, "file_name": "a.png"}]), ["images[0]", "id"]),
        (_coco(images=[{"id": 1, "file_name": "a.png"}] * 2), ["images[1]", "id 1"]),
        (_coco(images=[{"id": 1, "file_name": "no.png"}]), ["None of the 1 images", "--images"]),
        (_coco(images=[{"id": 1, "file_name": "x\0y"}]), ["None of the 1 images"]),
        (_coco(images=[{"id": 1, "file_name": "x" * 999}]), ["None of the 1 images"]),
        (_coco(categories=[{"id": 1}]), ["categories[0]"]),
        (_coco(categories=[{"id": 1, "name": "a"}, {"id": 1, "name": "b"}]), ["id 1"]),
        (_coco(annotations=[]), ["no box"]),
        (_coco(annotations=[{"image_id": 4}]), ["no box", "annotations[0]", "id 4"]),
    ],
)
def test_malformed_coco(
    coco: Path, tmp_path: Path, convert: Say, content: bytes | dict[str, Any], words: list[str]
) -> None:
    if isinstance(content, bytes):
        coco.write_bytes(content)
    else:
        _with(coco, content)
    before = _state(tmp_path)
    code, said, told = convert(coco, "--out", tmp_path / "deep" / "new")
    assert (code, said) == (ExitCode.USAGE, "")
    assert told.count("edgeyolo: ") == 1
    for word in words if "no box" in words else [str(coco), *words]:
        assert word in told
    assert _state(tmp_path) == before


def _two_splits(folder: Path, train: Path, val: Path, images: tuple[Path, Path]) -> None:
    """Files whose ids of categories differ, as they do where each split was exported alone."""
    for path, place, ids in ((train, images[0], (2, 90)), (val, images[1], (5, 1))):
        categories = [{"id": ids[0], "name": "cat"}, {"id": ids[1], "name": "dog"}]
        box = {"image_id": 7, "category_id": ids[1], "bbox": [4, 2, 8, 6]}
        _with(folder / path, _coco(categories=categories, annotations=[box]))
        for image in _coco()["images"]:
            _image(folder / place / image["file_name"])


@pytest.mark.parametrize(
    ("train", "val", "images", "source"),
    [
        (
            "annotations/instances_train2017.json",
            "annotations/instances_val2017.json",
            ("train2017", "val2017"),
            ["{}"],
        ),
        (
            "annotations/instances_train.json",
            "annotations/instances_val.json",
            ("images/train", "images/val"),
            ["{}/annotations"],
        ),
        (
            "train/_annotations.coco.json",
            "valid/_annotations.coco.json",
            ("train", "valid"),
            ["{}"],
        ),
        (
            "a.json",
            "b, c.json",
            ("images/train", "images/val"),
            ["train={0}/a.json,val={0}/b, c.json"],
        ),
        ("a.json", "b.json", ("train", "val"), ["val={}/b.json", "train={}/a.json"]),
    ],
)
def test_splits_of_coco(
    tmp_path: Path,
    convert: Say,
    train: str,
    val: str,
    images: tuple[str, str],
    source: list[str],
) -> None:
    root, out = tmp_path / "a b", tmp_path / "new"
    _two_splits(root, Path(train), Path(val), (Path(images[0]), Path(images[1])))
    if train.startswith("annotations"):
        # Captions lie beside them in COCO; they are of another task.
        _with(root / "annotations" / "captions_train.json", {"annotations": []})
    code, _, told = convert(*(word.format(root) for word in source), "--out", out)
    assert code == 0, told
    dataset = read_dataset(out)
    assert dataset.names == ("cat", "dog")
    for split in ("train", "val"):
        assert len(dataset.images(split)) == 3
        assert _labels(out, split) == {"a": [[1, 0.2, 0.25, 0.2, 0.3]], "b": [], "empty": []}
    assert "There is no" not in told


def _voc(name: str, *objects: str, size: str | None = f"{WIDTH} {HEIGHT}", file: str = "") -> str:
    words = size.split() if size else []
    dimensions = "<size><width>{}</width><height>{}</height></size>".format(*words) if size else ""
    return (
        f"<annotation><filename>{file or name + '.png'}</filename>{dimensions}"
        f"{''.join(objects)}</annotation>"
    )


def _object(name: str, corners: str, more: str = "") -> str:
    keys = ("xmin", "ymin", "xmax", "ymax")
    pairs = zip(keys, corners.split(), strict=False)
    box = "".join(f"<{key}>{value}</{key}>" for key, value in pairs)
    part = "<part><name>head</name><bndbox><xmin>1</xmin></bndbox></part>"
    return f"<object>{more}{part}<name>{name}</name><bndbox>{box}</bndbox></object>"


@pytest.fixture
def voc(tmp_path: Path) -> Path:
    """Four images, of which one has no object and one no XML file."""
    root = tmp_path / "VOC Übung"
    documents = {
        "a": _voc("a", _object("dog", "4 2 12 8"), _object("cat", "10.5 0 12 20")),
        "b c": _voc("b c", _object("cat", "0 0 40 20", "<difficult>1</difficult>"), size="0 0"),
        "empty": _voc("empty"),
    }
    (root / "Annotations").mkdir(parents=True)
    for name, text in documents.items():
        (root / "Annotations" / f"{name}.xml").write_text(text, encoding="utf-8")
        _image(root / "JPEGImages" / f"{name}.png")
    _image(root / "JPEGImages" / "unseen.png")
    return root


def _lists(voc: Path, **lists: str) -> None:
    for split, text in lists.items():
        path = voc / "ImageSets" / "Main" / f"{split}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


GOOD_VOC = {"a": GOOD["a"], "b c": GOOD["b"], "empty": []}


def test_voc_by_hand(voc: Path, tmp_path: Path, convert: Say) -> None:
    out, before = tmp_path / "new", _state(voc)
    code, _, told = convert(voc, "--out", out)
    assert (code, _state(voc)) == (0, before)
    assert _labels(out) == GOOD_VOC
    assert read_names(out) == ("cat", "dog")
    assert "There is no val split" in told


def test_voc_splits(voc: Path, tmp_path: Path, convert: Say) -> None:
    _lists(voc, train="a\nunseen\n", val="b c  1\na\n", trainval="a\nb c\nempty\n", test="")
    out = tmp_path / "new"
    code, _, told = convert(voc, "--out", out)
    assert code == 0
    assert _labels(out, "train") == {"a": GOOD["a"]}
    assert _labels(out, "val") == {"b c": GOOD["b"]}
    assert read_dataset(out).names == ("cat", "dog")
    for words in ("train.txt line 2: 'unseen' has no XML", "val.txt line 2: 'a' is in train"):
        assert words in told
    assert "empty.xml: is in no list" in told


def test_voc_with_a_list_of_both(voc: Path, tmp_path: Path, convert: Say) -> None:
    _lists(voc, trainval="a\nempty\n", test="b c\n")
    code, _, _ = convert(voc, "--out", tmp_path / "new")
    assert code == 0
    assert _labels(tmp_path / "new", "train") == {"a": GOOD["a"], "empty": []}
    assert _labels(tmp_path / "new", "test") == {"b c": GOOD["b"]}


def test_skip_difficult(voc: Path, tmp_path: Path, convert: Say) -> None:
    code, _, told = convert(voc, "--out", tmp_path / "new", "--skip-difficult")
    assert code == 0
    assert _labels(tmp_path / "new") == {**GOOD_VOC, "b c": []}
    assert "b c.xml object 1: is difficult" in told


def test_roboflow_voc(voc: Path, tmp_path: Path, convert: Say) -> None:
    root = tmp_path / "robo"
    for split in ("train", "valid"):
        shutil.copytree(voc / "JPEGImages", root / split)
        shutil.copytree(voc / "Annotations", root / split, dirs_exist_ok=True)
    code, _, _ = convert(root, "--out", tmp_path / "new")
    assert code == 0
    assert _labels(tmp_path / "new", "train") == _labels(tmp_path / "new", "val") == GOOD_VOC


def test_a_voc_image_is_found_by_the_name_of_its_xml(
    voc: Path, tmp_path: Path, convert: Say
) -> None:
    other = _voc("a", _object("dog", "4 2 12 8"), file="b c.png")  # as it was called once
    (voc / "Annotations" / "a.xml").write_text(other)
    _image(voc / "JPEGImages" / "sub" / "deep.JPG")
    (voc / "Annotations" / "sub").mkdir()
    deep = _voc("deep", _object("cat", "0 0 40 20"), file="/home/x/deep.jpeg")
    (voc / "Annotations" / "sub" / "deep.xml").write_text(deep)
    (voc / "Annotations" / "gone.xml").write_text(_voc("gone", _object("cat", "0 0 4 2")))
    code, _, told = convert(voc, "--out", tmp_path / "new")
    assert code == 0
    found = _labels(tmp_path / "new")
    assert found == {**GOOD_VOC, "a": [GOOD["a"][0]], "deep": GOOD["b"]}
    assert "gone.xml: there is no image gone.*; left out, with its 1 boxes" in told


@pytest.mark.parametrize(
    ("thing", "words"),
    [
        (_object("", "1 1 5 5"), ["no <name>"]),
        (_object("cat", "1 1 5"), ["four numbers"]),
        (_object("cat", "1 1 5 x"), ["four numbers"]),
        (_object("cat", "1 1 5 nan"), ["four numbers"]),
        (_object("cat", "1 1 1 5"), ["no area"]),
        (_object("cat", "5 1 1 5"), ["no area"]),
        (_object("cat", "41 1 50 5"), ["outside"]),
        ("<object><name>cat</name><robndbox/></object>", ["four numbers"]),
    ],
)
def test_voc_object_left_out(
    voc: Path, tmp_path: Path, convert: Say, thing: str, words: list[str]
) -> None:
    good = (_object("dog", "4 2 12 8"), thing, _object("cat", "10.5 0 12 20"))
    (voc / "Annotations" / "a.xml").write_text(_voc("a", *good))
    code, _, told = convert(voc, "--out", tmp_path / "new")
    assert code == 0
    assert _labels(tmp_path / "new") == GOOD_VOC
    for word in (f"{voc / 'Annotations' / 'a.xml'} object 2: ", *words):
        assert word in told


BOMB = (
    '<!DOCTYPE a [<!ENTITY b "ha">'
    + "".join(f'<!ENTITY b{n} "{f"&b{n - 1 if n else str()};" * 99}">' for n in range(9))
    + "]><annotation><filename>&b8;</filename></annotation>"
)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", ["line 1", "not valid XML"]),
        (b"<annotation>\n<a></annotation>", ["line 2", "not valid XML"]),
        (b"\xff\xd8\xff", ["not valid XML"]),
        (b"<svg/>", ["<svg>"]),
        (b'<?xml version="1.0" encoding="klingon"?><annotation/>', ["encoding"]),
        (BOMB.encode(), ["DOCTYPE"]),
        (BOMB.encode("utf-16"), ["DOCTYPE"]),
        (b'<!DOCTYPE a SYSTEM "http://localhost/a.dtd"><annotation/>', ["DOCTYPE"]),
    ],
)
def test_malformed_voc(
    voc: Path, tmp_path: Path, convert: Say, content: bytes, words: list[str]
) -> None:
    (voc / "Annotations" / "b c.xml").write_bytes(content)
    before = _state(tmp_path)
    code, said, told = convert(voc, "--out", tmp_path / "new")
    assert (code, said) == (ExitCode.USAGE, "")
    for word in (str(voc / "Annotations" / "b c.xml"), *words):
        assert word in told
    assert _state(tmp_path) == before


def test_voc_without_its_images(voc: Path, tmp_path: Path, convert: Say) -> None:
    code, _, told = convert(voc, "--out", tmp_path / "new", "--images", voc / "Annotations")
    assert code == ExitCode.USAGE
    assert "None of the 3 images" in told and "--images" in told
    (voc / "JPEGImages").rename(tmp_path / "photos")
    assert convert(voc, "--out", tmp_path / "new")[0] == ExitCode.USAGE
    assert convert(voc, "--out", tmp_path / "new", "--images", tmp_path / "photos")[0] == 0
    assert _labels(tmp_path / "new") == GOOD_VOC


HEADER = "filename,width,height,class,xmin,ymin,xmax,ymax"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A CSV file beside the folder of its images."""
    root = tmp_path / "таблица"
    for name in ("a.png", "b.png", "empty.png"):
        _image(root / "images" / name)
    rows = ["a.png,40,20,dog,4,2,12,8", "b.png,40,20,cat,0,0,40,20", "empty.png,40,20,,,,,"]
    return _table(root / "all.csv", HEADER, *rows, "a.png,40,20,cat,10.5,0,12,20")


def _table(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("start", ["", "\ufeff"])
def test_csv_by_hand(table: Path, tmp_path: Path, convert: Say, start: str) -> None:
    table.write_text(start + table.read_text("utf-8").replace("\n", "\r\n"), "utf-8", newline="")
    before = _state(table.parent)
    code, _, told = convert(table, "--out", tmp_path / "new")
    assert (code, _state(table.parent)) == (0, before), told
    assert _labels(tmp_path / "new") == GOOD
    assert read_names(tmp_path / "new") == ("cat", "dog")


def test_csv_without_sizes_and_in_another_order(table: Path, tmp_path: Path, convert: Say) -> None:
    rows = ["dog,a.png,12,8,4,2", "cat,b.png,40,20,0,0", ",empty.png,,,,", "cat,a.png,12,20,10.5,0"]
    _table(table, "Class, Filename,XMAX,ymax,xmin,ymin", *rows)
    code, _, _ = convert(table.parent, "--out", tmp_path / "new")
    assert code == 0
    assert _labels(tmp_path / "new") == GOOD


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("a.png,40,20,cat,1,1,5", ["corners 1,1,5,", "not four numbers"]),
        ("a.png,40,20,cat,1,1,5,x", ["not four numbers"]),
        ("a.png,40,20,cat,1,1,5,inf", ["not four numbers"]),
        ("a.png,40,20,,1,1,5,5", ["no class"]),
        (",40,20,cat,1,1,5,5", ["names no image"]),
        ("no.png,40,20,cat,1,1,5,5", ["no image", "no.png", "1 boxes"]),
        ("a.png,40,20,cat,1,1,1,5", ["no area"]),
    ],
)
def test_csv_row_left_out(
    table: Path, tmp_path: Path, convert: Say, row: str, words: list[str]
) -> None:
    _table(table, table.read_text("utf-8").rstrip(), row)
    code, _, told = convert(table, "--out", tmp_path / "new")
    assert code == 0
    assert _labels(tmp_path / "new") == GOOD
    for word in (f"{table} line 6: ", *words):
        assert word in told


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", ["line 1", "filename, class"]),
        (b"a,b\n1,2\n", ["line 1", "filename"]),
        (HEADER.replace(",", ";").encode(), ["line 1", "class"]),
        (HEADER.encode(), ["no rows"]),
        (f'{HEADER}\n"a.png" x,40,20,cat,1,1,5,5\n'.encode(), ["line 2"]),
        (f'{HEADER}\n\n"a.png,40,20\n'.encode(), ["line"]),
        (b"\xff\xfe\x80", ["UTF-8"]),
        (f"{HEADER}\nno.png,40,20,cat,1,1,5,5\n".encode(), ["None of the 1 images", "--images"]),
    ],
)
def test_malformed_csv(
    table: Path, tmp_path: Path, convert: Say, content: bytes, words: list[str]
) -> None:
    table.write_bytes(content)
    before = _state(tmp_path)
    code, said, told = convert(table, "--out", tmp_path / "new")
    assert (code, said) == (ExitCode.USAGE, "")
    for word in (str(table), *words):
        assert word in told
    assert _state(tmp_path) == before


def test_csv_splits(table: Path, tmp_path: Path, convert: Say) -> None:
    # The order of the classes must not hang on which of the files names which.
    rows = table.read_text("utf-8").splitlines()
    _table(table.with_name("train_labels.csv"), HEADER, rows[1])
    _table(table.with_name("test_labels.csv"), HEADER, rows[2])
    table.unlink()
    code, _, told = convert(table.parent, "--out", tmp_path / "new")
    assert code == 0
    assert _labels(tmp_path / "new", "train") == {"a": [GOOD["a"][0]]}
    assert _labels(tmp_path / "new", "test") == {"b": GOOD["b"]}
    assert read_names(tmp_path / "new") == ("cat", "dog")
    assert "test: images/test" in (tmp_path / "new" / "data.yaml").read_text()
    assert "no val split" in told


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ([], ["no annotations of a known format"]),
        (["a.xml", "b.csv"], ["several kinds: voc, csv", "--format"]),
        (["train.json", "valid/a.csv"], ["several kinds: coco, csv"]),
        (["a.json", "annotations/b.json", "x/train.csv"], ["b.json", "JSON"]),
        (["one.csv", "two.csv"], ["one.csv", "two.csv", "train=FILE"]),
        (["train.csv", "two.csv"], ["train.csv", "two.csv"]),
        (["instances_train1.json", "instances_train2.json"], ["instances_train2.json"]),
    ],
)
def test_a_folder_that_may_be_anything(
    tmp_path: Path, convert: Say, files: list[str], words: list[str]
) -> None:
    root = tmp_path / "folder"
    root.mkdir()
    for name in files:
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text("")
    code, _, told = convert(root, "--out", tmp_path / "new")
    assert code == ExitCode.USAGE
    for word in words:
        assert word in told


def test_format_names_it(voc: Path, tmp_path: Path, convert: Say) -> None:
    _table(voc / "notes.csv", "a,b")
    assert convert(voc, "--out", tmp_path / "new")[0] == ExitCode.USAGE
    assert convert(voc, "--out", tmp_path / "new", "--format", "voc")[0] == 0
    assert _labels(tmp_path / "new") == GOOD_VOC
    code, _, told = convert(voc, "--out", tmp_path / "other", "--format", "coco")
    assert code == ExitCode.USAGE and "no annotations of coco" in told


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nothing.json"], "There is no nothing.json"),
        (["a.json", "b.json"], "not which split"),
        (["train=a.json", "b.json"], "not which split"),
        (["train=no.json,val=no.json"], "There is no no.json"),
        (["plain.txt"], "neither a COCO file"),
    ],
)
def test_sources_that_make_no_sense(
    in_tmp: Path, convert: Say, words: list[str], said: str
) -> None:
    for name in ("a.json", "b.json", "plain.txt"):
        (in_tmp / name).write_text("")
    code, _, told = convert(*words, "--out", "new")
    assert code == ExitCode.USAGE
    assert said in told
    assert not (in_tmp / "new").exists()


def test_out_is_never_an_old_folder_nor_in_the_source(
    coco: Path, tmp_path: Path, convert: Say
) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    (tmp_path / "linked").symlink_to(coco.parent)
    before = _state(tmp_path)
    for out, words in (
        (tmp_path / "there", "exists already"),
        (tmp_path / "dangling", "exists already"),
        (coco, "exists already"),
        (coco.parent / "new", "inside"),
        (coco.parent / "deep" / "new", "inside"),
        (tmp_path / "linked" / "new", "inside"),
    ):
        code, _, told = convert(coco, "--out", out)
        assert code == ExitCode.USAGE, out
        assert words in told and str(out) in told
    assert _state(tmp_path) == before


def test_images_of_one_name(tmp_path: Path, convert: Say) -> None:
    """Images share a label file by their stem, so each needs a stem of its own."""
    names = ["a.png", "a.jpg", "x/a.png", "A.bmp", "images/a.png", ".hidden.png"]
    root = tmp_path / "data"
    images = [{"id": number, "file_name": name} for number, name in enumerate(names)]
    boxes = [
        {"image_id": number, "category_id": 2, "bbox": [0, 0, number + 1, 20]}
        for number in range(len(names))
    ]
    for name in names:
        _image(root / name)
    file = _with(root / "a.json", _coco(images=images, annotations=boxes))
    code, _, told = convert(file, "--out", tmp_path / "new")
    assert code == 0, told
    found = sorted((tmp_path / "new" / "images" / "train").iterdir())
    assert len({image.stem.casefold() for image in found}) == len(names)
    for image in found:
        source = next(n for n in names if (root / n).read_bytes() == image.read_bytes())
        (row,) = read_labels(label_path(image), 2)
        assert row[3] * WIDTH == pytest.approx(names.index(source) + 1)


def test_links(coco: Path, tmp_path: Path, convert: Say) -> None:
    store = _image(tmp_path / "store" / "0815.png")
    (coco.parent / "a.png").unlink()
    (coco.parent / "a.png").symlink_to(store)
    before = _state(coco.parent)
    assert convert(coco, "--out", tmp_path / "copied")[0] == 0
    assert convert(coco, "--out", tmp_path / "linked", "--link")[0] == 0
    assert _state(coco.parent) == before
    copy, link = (tmp_path / name / "images/train/a.png" for name in ("copied", "linked"))
    assert copy.read_bytes() == store.read_bytes() and not copy.is_symlink()
    assert link.is_symlink() and link.resolve() == store.resolve()
    assert _labels(tmp_path / "linked") == _labels(tmp_path / "copied") == GOOD


def test_json(coco: Path, tmp_path: Path, convert: Say) -> None:
    crowd = {"id": 5, "image_id": 7, "category_id": 2, "bbox": [1, 1, 5, 5], "iscrowd": 1}
    _with(coco, _coco(annotations=_more(crowd)))
    code, said, _ = convert(coco, "--out", tmp_path / "new", "--json")
    answer = json.loads(said)
    assert code == 0
    assert answer["splits"] == {"train": {"images": 3, "backgrounds": 1, "boxes": 3}}
    assert (answer["format"], answer["names"]) == ("coco", ["cat", "dog"])
    assert answer["remarks"][0]["place"].endswith("annotations[3] (id 5)")


def test_every_remark_is_printed_and_in_the_file(coco: Path, tmp_path: Path, convert: Say) -> None:
    crowds = [
        {"image_id": 7, "category_id": 2, "bbox": [1, 1, 5, 5], "iscrowd": 1} for _ in range(50)
    ]
    _with(coco, _coco(annotations=_more(*crowds)))
    _, _, told = convert(coco, "--out", tmp_path / "new")
    assert len((tmp_path / "new" / "left-out.txt").read_text().splitlines()) == 50
    assert told.count("is a crowd") == 50


def test_no_room(coco: Path, tiny_disk: Path, convert: Say) -> None:
    photo = np.random.default_rng(0).integers(0, 255, (300, 600, 3), np.uint8)
    (coco.parent / "b.png").write_bytes(cv2.imencode(".png", photo)[1].tobytes())
    code, _, told = convert(coco, "--out", tiny_disk / "new")
    assert code == ExitCode.FAILED
    assert "no space" in told
    assert list(tiny_disk.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("train", "train"),
        ("train2017", "train"),
        ("Training", "train"),
        ("trainval", "train"),
        ("val2017", "val"),
        ("valid", "val"),
        ("validation_set", "val"),
        ("test-dev", "test"),
        ("trains", None),
        ("value", None),
        ("default", None),
        ("", None),
    ],
)
def test_split_of(name: str, split: str | None) -> None:
    assert split_of(name) == split


def test_locate(tmp_path: Path) -> None:
    image = _image(tmp_path / "sub" / "a.png")
    for name in ("sub/a.png", "sub\\a.png", str(image)):
        assert locate(tmp_path, name) == image
    for name in ("C:\\pictures\\a.png", "/home/somebody/a.png"):
        assert locate(tmp_path / "sub", name) == image
    for name in ("a.png", "", "..", "sub", "/a.png"):
        assert locate(tmp_path, name) is None


# Real data, there and back.

Boxes = np.ndarray  # (N, 5): class, center x, center y, width, height in parts of the image
Photos = dict[Path, tuple[int, int, Boxes]]  # width, height, boxes


def _photos(dataset: Dataset, split: str) -> Photos:
    photos = {}
    for sample in load_images(dataset, dataset.images(split)):
        photos[sample.image] = (sample.width, sample.height, sample.boxes.astype(float))
    return photos


def _to_coco(file: Path, names: tuple[str, ...], photos: Photos) -> None:
    values: dict[str, Any] = {"images": [], "annotations": []}
    # Ids with gaps and out of order, as COCO's own have them.
    categories = [{"id": 3 * index + 5, "name": name} for index, name in enumerate(names)]
    values["categories"] = categories[::-1]
    for number, (image, (width, height, boxes)) in enumerate(photos.items()):
        key = 1000 - number
        values["images"].append(
            {"id": key, "file_name": image.name, "width": width, "height": height}
        )
        for index, x, y, w, h in boxes:
            box = [(x - w / 2) * width, (y - h / 2) * height, w * width, h * height]
            values["annotations"].append(
                {"image_id": key, "category_id": 3 * int(index) + 5, "bbox": box, "iscrowd": 0}
            )
    _with(file, values)


def _corners(width: int, height: int, boxes: Boxes) -> list[tuple[int, list[int]]]:
    """Class and whole pixels around each box, so that none becomes empty."""
    rows = []
    for index, x, y, w, h in boxes:
        low = np.floor([(x - w / 2) * width + 1e-3, (y - h / 2) * height + 1e-3])
        high = np.ceil([(x + w / 2) * width - 1e-3, (y + h / 2) * height - 1e-3])
        rows.append((int(index), np.concatenate([low, high]).astype(int).tolist()))
    return rows


def _to_voc(folder: Path, split: str, names: tuple[str, ...], photos: Photos) -> None:
    for place in ("Annotations", "JPEGImages"):
        (folder / place).mkdir(exist_ok=True)
    for image, (width, height, boxes) in photos.items():
        rows = _corners(width, height, boxes)
        objects = [_object(names[index], " ".join(map(str, corners))) for index, corners in rows]
        text = _voc(image.stem, *objects, size=f"{width} {height}", file=image.name)
        (folder / "Annotations" / f"{image.stem}.xml").write_text(text)
        (folder / "JPEGImages" / image.name).symlink_to(image)
    _lists(folder, **{split: "".join(f"{image.stem}\n" for image in photos)})


def _to_csv(file: Path, names: tuple[str, ...], photos: Photos) -> None:
    rows = []
    for image, (width, height, boxes) in photos.items():
        found = _corners(width, height, boxes)
        rows += [[image.name, width, height, names[index], *corners] for index, corners in found]
        rows += [] if found else [[image.name, width, height, "", "", "", "", ""]]
    with file.open("w", newline="") as stream:
        csv.writer(stream).writerows([HEADER.split(","), *rows])


def _same(image: Path, names: tuple[str, ...], old: Path, photo: tuple[int, int, Boxes]) -> None:
    """The boxes that were written, in their order, less what whole pixels take."""
    width, height, boxes = photo
    assert image.resolve() == old.resolve()
    lines = label_path(image).read_text().splitlines()
    rows = np.array([line.split() for line in lines], float).reshape(-1, 5)
    assert [names[int(row[0])] for row in rows] == [str(int(box[0])) for box in boxes]
    pixels = np.abs(rows[:, 1:] - boxes[:, 1:]) * [width, height, width, height]
    assert pixels[:, :2].max(initial=0) <= 0.501  # center
    assert pixels[:, 2:].max(initial=0) <= 2  # both edges


@pytest.mark.real_data
@pytest.mark.parametrize("format", ["coco", "voc", "csv"])
@pytest.mark.parametrize("name", ["bccd", "coco128"])
def test_there_and_back(
    test_data: Path, tmp_path: Path, convert: Say, name: str, format: str
) -> None:
    dataset, source, out = read_dataset(test_data / name), tmp_path / "source", tmp_path / "new"
    names = tuple(map(str, range(len(dataset.names))))
    photos = {split: _photos(dataset, split) for split in dataset.splits}
    source.mkdir()
    for split in photos:
        if format == "coco":
            _to_coco(source / f"{split}.json", names, photos[split])
        elif format == "voc":
            _to_voc(source, split, names, photos[split])
        else:
            _to_csv(source / f"{split}.csv", names, photos[split])
    images = dataset.images("train")[0].parent.parent
    more = [] if format == "voc" else ["--images", images]
    code, said, told = convert(source, *more, "--out", out, "--link", "--json")
    assert code == 0, told
    answer, found = json.loads(said), read_dataset(out)
    assert answer["remarks"] == []
    assert format != "coco" or found.names == names
    for split, wanted in photos.items():
        by_name = {image.name: image for image in found.images(split)}
        assert by_name.keys() == {image.name for image in wanted}
        assert answer["splits"][split]["boxes"] == sum(len(each[2]) for each in wanted.values())
        for image, photo in wanted.items():
            _same(by_name[image.name], found.names, image, photo)
            if format == "coco":
                rows = read_labels(label_path(by_name[image.name]), len(names))
                np.testing.assert_allclose(rows, photo[2], atol=1e-6, rtol=0)


@pytest.mark.real_data
def test_coco_as_its_own_tools_read_it(test_data: Path, tmp_path: Path, convert: Say) -> None:
    tool = pytest.importorskip("faster_coco_eval").COCO
    dataset, file = read_dataset(test_data / "coco128"), tmp_path / "val.json"
    _to_coco(file, dataset.names, _photos(dataset, "val"))
    values = json.loads(file.read_text())
    for number, each in enumerate(values["annotations"], start=1):
        each |= {"id": number, "area": each["bbox"][2] * each["bbox"][3]}
    _with(file, values)
    images = dataset.images("val")[0].parent
    assert convert(file, "--images", images, "--out", tmp_path / "new", "--link")[0] == 0
    new, coco = read_dataset(tmp_path / "new", ()), tool(str(file))
    by_name = {image.name: image for image in new.images("train")}
    for info in coco.loadImgs(coco.getImgIds()):
        size = [info["width"], info["height"]] * 2
        rows = read_labels(label_path(by_name[info["file_name"]]), len(new.names))
        pixels = rows[:, 1:] * size
        corners = np.hstack([pixels[:, :2] - pixels[:, 2:] / 2, pixels[:, 2:]])
        found = sorted(
            (new.names[int(r[0])], *c) for r, c in zip(rows, corners.tolist(), strict=True)
        )
        wanted = sorted(
            (coco.loadCats(each["category_id"])[0]["name"], *each["bbox"])
            for each in coco.loadAnns(coco.getAnnIds(info["id"]))
        )
        assert [each[0] for each in found] == [each[0] for each in wanted]
        differ = np.subtract([f[1:] for f in found], [w[1:] for w in wanted])
        assert np.abs(differ).max(initial=0) < 0.01
