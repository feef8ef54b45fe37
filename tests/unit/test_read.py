"""data.yaml in all its broken forms: one sentence that names the file, and nothing is written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("cv2")

import cv2

from edgeyolo.dataset.check import load_split
from edgeyolo.dataset.find import DataChoice, choose_data
from edgeyolo.dataset.read import Dataset, read_dataset
from edgeyolo.errors import DataError

SOUND = "train: images/train\nval: images/val\nnames: [cat, dog]\n"


def _state(root: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(path.relative_to(root)): (
            path.stat().st_mtime_ns,
            path.read_bytes() if path.is_file() else b"",
        )
        for path in [root, *sorted(root.rglob("*"))]
    }


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Path]:
    """A sound data set with two images in each split; checked to be untouched at the end."""
    root = tmp_path / "data"
    image = cv2.imencode(".png", np.zeros((20, 30, 3), np.uint8))[1].tobytes()
    for split in ("train", "val"):
        (root / "images" / split).mkdir(parents=True)
        (root / "labels" / split).mkdir(parents=True)
        for name in ("a", "b"):
            (root / "images" / split / f"{name}.png").write_bytes(image)
        (root / "labels" / split / "a.txt").write_text("1 0.5 0.5 0.2 0.2\n")
    (root / "data.yaml").write_text(SOUND)
    return root


def _with(data: Path, text: str | bytes) -> Path:
    path = data / "data.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def _refused(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        read_dataset(path)
    assert "data.yaml" in caught.value.message
    assert "\n" not in caught.value.message
    return str(caught.value)


def _names(dataset: Dataset, split: str) -> list[str]:
    return [path.name for path in dataset.images(split)]


@pytest.mark.parametrize("text", [SOUND, "\ufeff" + SOUND, SOUND.replace("\n", "\r\n")])
def test_sound(data: Path, text: str) -> None:
    path = _with(data, text)
    before = _state(data)
    for given in (path, data):
        dataset = read_dataset(given)
        assert dataset.names == ("cat", "dog")
        assert dataset.path == path.resolve()
        assert _names(dataset, "train") == ["a.png", "b.png"]
    samples = load_split(dataset, "val")
    assert [len(sample.boxes) for sample in samples] == [1, 0]
    assert (samples[0].height, samples[0].width) == (20, 30)
    dataset.fingerprint()
    assert _state(data) == before


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ("{0: cat, 1: dog}", ("cat", "dog")),
        ("{1: dog, 0: cat}", ("cat", "dog")),
        ("\n- cat\n- dog", ("cat", "dog")),
        ("[1, 2.5]", ("1", "2.5")),
        ("[größe, '']", ("größe", "")),
    ],
)
def test_spellings_of_names(data: Path, names: str, expected: tuple[str, ...]) -> None:
    path = _with(data, f"train: images/train\nval: images/val\nnames: {names}\n")
    assert read_dataset(path).names == expected


def test_more_than_ten_numbered_names(data: Path) -> None:
    names = "".join(f"  {index}: n{index}\n" for index in range(12))
    path = _with(data, f"train: images/train\nval: images/val\nnc: 12\nnames:\n{names}")
    assert read_dataset(path).names == tuple(f"n{index}" for index in range(12))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["no keys"]),
        ("# nothing\n", ["no keys"]),
        ("- a\n- b\n", ["no keys"]),
        ("text", ["no keys"]),
        ("5", ["no keys"]),
        ("train: [a\nval: b\n", ["line", "YAML"]),
        ("a: b: c\n", ["line 1", "YAML"]),
        ("train: x\n\tval: y\n", ["line 2", "YAML"]),
        ("a: &x 1\nb: *y\n", ["line 2", "YAML"]),
        (b"\xff\xfe\x00\x01", ["UTF-8"]),
        (b"names: [caf\xe9]\n", ["UTF-8"]),
        ("a: \x00\n", ["YAML"]),
        ("!!python/object/apply:os.system ['true']\n", ["YAML"]),
        ("made: 2024-13-45\n" + SOUND, ["YAML"]),
        ("made: !!int ''\n" + SOUND, ["YAML"]),
        ("x: " + "[" * 5000, ["YAML"]),
        ("{[a]: b}\n", ["YAML"]),
        ("train: images/train\nval: images/val\n", ["names no classes"]),
        (SOUND.replace("[cat, dog]", "[]"), ["names no classes"]),
        (SOUND.replace("[cat, dog]", "{}"), ["names no classes"]),
        (SOUND.replace("[cat, dog]", "cat"), ["names no classes"]),
        (SOUND.replace("[cat, dog]", "3"), ["names no classes"]),
        (SOUND.replace("[cat, dog]", ""), ["names no classes"]),
        (SOUND.replace("[cat, dog]", "{0: cat, 2: dog}"), ["0 to 1", "gaps"]),
        (SOUND.replace("[cat, dog]", "{1: cat, 2: dog}"), ["0 to 1"]),
        (SOUND.replace("[cat, dog]", "{a: cat, b: dog}"), ["0 to 1"]),
        (SOUND.replace("[cat, dog]", "{-1: cat, 0: dog}"), ["0 to 1"]),
        (SOUND.replace("[cat, dog]", "[1, '1']"), ["two classes the name '1'"]),
        ("nc: 3\n" + SOUND, ["nc: 3", "2 classes"]),
        ("nc: two\n" + SOUND, ["nc: 'two'", "2 classes"]),
        ("val: images/val\nnames: [a]\n", ["no train split", "train: images/train"]),
        ("train: images/train\nnames: [a]\n", ["no val split"]),
        ("train:\nval: images/val\nnames: [a]\n", ["no train split"]),
        (SOUND.replace("images/val", "images/valid"), ["val split", "images/valid", "not exist"]),
        (SOUND.replace("images/val", "../images/valid"), ["val split", "not exist"]),
        (SOUND.replace("images/val", "5"), ["val split", "not exist"]),
        (SOUND.replace("images/val", "{a: b}"), ["val split"]),
        (SOUND.replace("images/val", "[images/val, no]"), ["val split", "not exist"]),
        (SOUND.replace("images/val", "labels"), ["val split", "no images"]),
        (SOUND.replace("images/val", "data.yaml"), ["val split", "data.yaml"]),
        (SOUND + "test: nowhere\n", ["test split", "nowhere"]),
        ("path: nowhere\n" + SOUND, ["train split", "nowhere"]),
        ("path: [a]\n" + SOUND, ["train split"]),
        (SOUND.replace("images/val", "[[images/val]]"), ["val split", "path"]),
        (SOUND.replace("images/val", "[images/val, null]"), ["val split", "path"]),
        (SOUND.replace("images/val", "x" * 5000), ["val split", "not exist"]),
        (SOUND.replace("[cat, dog]", "[cat, [dog]]"), ["Class 1", "['dog']"]),
        (SOUND.replace("[cat, dog]", "[cat, null]"), ["Class 1", "None"]),
        (SOUND.replace("[cat, dog]", '[cat, "d\\nog"]'), ["Class 1", "one line"]),
    ],
)
def test_malformed(data: Path, text: str | bytes, words: list[str]) -> None:
    path = _with(data, text)
    before = _state(data)
    said = _refused(path)
    for word in words:
        assert word in said
    assert _state(data) == before


def test_a_file_that_is_there_is_not_said_to_be_missing(data: Path) -> None:
    (data / "all.zip").write_bytes(b"PK")
    assert "not exist" not in _refused(_with(data, SOUND.replace("images/val", "all.zip")))


@pytest.mark.parametrize("kind", ["nothing", "folder without", "folder of that name"])
def test_no_data_set(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "data.yaml" if kind == "nothing" else tmp_path
    if kind == "folder of that name":
        (tmp_path / "data.yaml").mkdir()
    assert "--data demo" in _refused(path)


def test_empty_folder(data: Path) -> None:
    (data / "images" / "empty").mkdir()
    assert "no images" in _refused(_with(data, SOUND.replace("images/val", "images/empty")))


def test_only_images_count(data: Path) -> None:
    folder = data / "images" / "val"
    for name in ("a.txt", "Thumbs.db", "B.PNG", "sub/c.JPeG"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"")
    assert _names(read_dataset(data), "val") == ["B.PNG", "a.png", "b.png", "c.JPeG"]


def test_roboflow_layout(tmp_path: Path, data: Path) -> None:
    root = tmp_path / "robo"
    for split, source in (("train", "train"), ("valid", "val")):
        root.mkdir(exist_ok=True)
        (root / split).mkdir()
        (data / "images" / source).rename(root / split / "images")
        (data / "labels" / source).rename(root / split / "labels")
    (root / "data.yaml").write_text(
        "train: ../train/images\nval: ../valid/images\ntest: \nnc: 2\nnames: ['cat', 'dog']\n"
    )
    dataset = read_dataset(root)
    assert set(dataset.splits) == {"train", "val"}
    assert [len(sample.boxes) for sample in load_split(dataset, "val")] == [1, 0]


def test_a_path_relative_to_the_working_folder_is_told(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(data.parent)  # where ultralytics would find it
    said = _refused(_with(data, f"path: {data.name}\n{SOUND}"))
    assert f"If {data} is meant" in said


def test_downloads_are_not_run(data: Path) -> None:
    mark = data / "mark"
    text = f"{SOUND}download: |\n  from pathlib import Path\n  Path({str(mark)!r}).touch()\n"
    assert len(read_dataset(_with(data, text)).images("val")) == 2
    assert not mark.exists()


def test_linked_folders_below_are_followed_once(data: Path, tmp_path: Path) -> None:
    more = tmp_path / "more"
    more.mkdir()
    (more / "c.png").write_bytes((data / "images/val/a.png").read_bytes())
    (data / "images/val/more").symlink_to(more, target_is_directory=True)
    (more / "back").symlink_to(data / "images" / "val", target_is_directory=True)
    assert _names(read_dataset(data), "val") == ["a.png", "b.png", "c.png"]


def test_hidden_folders_are_passed_over(data: Path) -> None:
    copies = data / "images/val/.ipynb_checkpoints"
    copies.mkdir()
    (copies / "a-checkpoint.png").write_bytes((data / "images/val/a.png").read_bytes())
    assert _names(read_dataset(data), "val") == ["a.png", "b.png"]


def test_a_lenient_reader_takes_what_is_there(data: Path) -> None:
    (data / "val.txt").write_text("images/val/a.png\nimages/no.png\n\nimages/val\n")
    path = _with(data, SOUND.replace("images/val", "val.txt"))
    with pytest.raises(DataError, match=r"val\.txt line 2.*1 more"):
        read_dataset(path)
    found = read_dataset(path, lenient=True)
    assert len(found.images("val")) == 1
    assert [(each.file.name, each.line) for each in found.absent] == [
        ("val.txt", 2),
        ("val.txt", 4),
    ]
    (data / "val.txt").write_text("images/no.png\n")
    with pytest.raises(DataError, match="line 1"):
        read_dataset(path, lenient=True)


@pytest.mark.parametrize("entry", ["[images/train, images/val]", "images", "[images, images/val]"])
def test_several_folders_without_duplicates(data: Path, entry: str) -> None:
    path = _with(data, SOUND.replace("images/train", entry))
    assert len(read_dataset(path).images("train")) == 4


def test_path_key(data: Path, tmp_path: Path) -> None:
    for root in (str(data), "data"):
        yaml = tmp_path / "data.yaml"
        yaml.write_text(f"path: {root}\n{SOUND}")
        assert len(read_dataset(yaml).images("val")) == 2


def test_relative_to_the_file_not_to_the_working_folder(
    data: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    images = read_dataset(Path("data")).images("train")
    assert all(image.is_absolute() for image in images)
    monkeypatch.chdir("/")
    assert all(image.is_file() for image in images)


@pytest.mark.parametrize("start", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_list_of_images(data: Path, start: str, end: str) -> None:
    lines = ["./images/val/b.png", "", str(data / "images/val/a.png"), "images/train/a.png", ""]
    (data / "val.txt").write_bytes((start + end.join(lines)).encode())
    found = read_dataset(_with(data, SOUND.replace("images/val", "val.txt"))).images("val")
    assert len(found) == 3
    assert all(image.is_file() for image in found)
    assert len(load_split(read_dataset(data), "val")) == 3


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", ["no images"]),
        (b"\n\n", ["no images"]),
        (b"images/val/a.png\n\nimages/val/c.png\n", ["val.txt", "line 3", "c.png"]),
        (b"images/val\n", ["val.txt", "line 1"]),
        (b"\xff\xfe\x80", ["val.txt"]),
    ],
)
def test_broken_list_of_images(data: Path, content: bytes, words: list[str]) -> None:
    (data / "val.txt").write_bytes(content)
    path = _with(data, SOUND.replace("images/val", "val.txt"))
    with pytest.raises(DataError) as caught:
        read_dataset(path)
    for word in words:
        assert word in str(caught.value)


def test_no_such_split(data: Path) -> None:
    with pytest.raises(DataError, match="no test split"):
        read_dataset(data).images("test")


@pytest.mark.parametrize("content", [b"", b"text", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"])
def test_unreadable_image(data: Path, content: bytes) -> None:
    (data / "images/train/b.png").write_bytes(content)
    before = _state(data)
    with pytest.raises(DataError, match=r"b\.png"):
        load_split(read_dataset(data), "train")
    assert _state(data) == before


def test_folder_named_like_an_image(data: Path) -> None:
    (data / "images/train/c.png").mkdir()
    names = {sample.image.name for sample in load_split(read_dataset(data), "train")}
    assert "c.png" not in names


def test_the_first_problem_and_how_many_more(data: Path) -> None:
    (data / "images/train/a.png").write_bytes(b"")
    (data / "labels/train/b.txt").write_text("9 0.5 0.5 0.1 0.1\n")
    with pytest.raises(DataError, match=r"a\.png.*1 more") as caught:
        load_split(read_dataset(data), "train")
    (data / "images/train/a.png").write_bytes((data / "images/train/b.png").read_bytes())
    with pytest.raises(DataError, match=r"b\.txt line 1") as caught:
        load_split(read_dataset(data), "train")
    assert "more" not in caught.value.message


def test_no_label_at_all(data: Path) -> None:
    (data / "labels/val/a.txt").unlink()
    with pytest.raises(DataError, match="None of the 2 images of the val split") as caught:
        load_split(read_dataset(data), "val")
    assert str(data / "labels/val/a.txt") in caught.value.hint


def test_fingerprint_tells_data_sets_apart(data: Path, tmp_path: Path) -> None:
    first = read_dataset(data).fingerprint()
    moved = data.rename(tmp_path / "moved")
    assert read_dataset(moved).fingerprint() == first
    _with(moved, SOUND.replace("dog", "cow"))
    assert read_dataset(moved).fingerprint() != first
    _with(moved, SOUND)
    assert read_dataset(moved).fingerprint() == first
    (moved / "labels/val/b.txt").write_text("")
    assert read_dataset(moved).fingerprint() != first
    moved.rename(data)


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="no links")
def test_a_linked_folder_is_followed(data: Path) -> None:
    (data / "linked").symlink_to(data / "images" / "val", target_is_directory=True)
    path = _with(data, SOUND.replace("images/val", "linked"))
    assert len(read_dataset(path).images("val")) == 2


def test_choice(data: Path, tmp_path: Path) -> None:
    assert choose_data("x.yaml", "--data", data) == DataChoice("x.yaml", "--data")
    assert choose_data(None, "", data) == DataChoice(
        str(data / "data.yaml"), "found in this folder"
    )
    empty = choose_data(None, "", tmp_path)
    assert empty.is_demo
    assert len(empty.names()) > 1
    assert choose_data("demo", "--data", data).is_demo
    assert choose_data(None, "", data).names() == ("cat", "dog")
    with pytest.raises(DataError):
        DataChoice(str(tmp_path / "no.yaml"), "").open()
