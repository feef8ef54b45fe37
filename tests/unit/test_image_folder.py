"""Classification sets as they lie about: what is read of them, and what is refused and how."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgeyolo.dataset.image_folder import ImageFolder, check_images, read_image_folder
from edgeyolo.errors import DataError, ExitCode

JPEG = cv2.imencode(".jpg", np.full((12, 16, 3), 90, np.uint8))[1].tobytes()


def put(root: Path, counts: dict[str, int]) -> Path:
    """Write so many images into each folder."""
    for name, count in counts.items():
        (root / name).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            (root / name / f"{number}.jpg").write_bytes(JPEG)
    return root


def refused(root: Path) -> str:
    with pytest.raises(DataError) as told:
        read_image_folder(root)
    assert told.value.exit_code == ExitCode.USAGE and told.value.hint
    return str(told.value)


def held(folder: ImageFolder) -> dict[str, int]:
    numbers = [number for _, number in folder.val]
    return {name: numbers.count(number) for number, name in enumerate(folder.names)}


@pytest.mark.parametrize("split", ["val", "valid", "validation", "test"])
def test_splits_beside_each_other(tmp_path: Path, split: str) -> None:
    put(tmp_path, {"train/cat": 3, "train/dog": 2, f"{split}/dog": 2})
    folder = read_image_folder(tmp_path)
    assert folder.names == ("cat", "dog")
    assert [number for _, number in folder.train] == [0, 0, 0, 1, 1]
    assert [(image.parent.name, number) for image, number in folder.val] == [("dog", 1)] * 2
    assert folder.held_back == split


def test_val_comes_before_test(tmp_path: Path) -> None:
    put(tmp_path, {"train/a": 1, "train/b": 1, "val/a": 1, "test/a": 9})
    assert read_image_folder(tmp_path).held_back == "val"


def test_a_fifth_of_each_class_is_held_back_where_there_is_no_split(tmp_path: Path) -> None:
    put(tmp_path, {"many": 50, "few": 3, "one": 1})
    before = sorted(tmp_path.rglob("*"))
    folder = read_image_folder(tmp_path, seed=7)
    assert held(folder) == {"few": 1, "many": 10, "one": 0}
    assert len(folder.train) == 43
    assert not set(folder.train) & set(folder.val)
    assert folder.held_back is None
    assert sorted(tmp_path.rglob("*")) == before
    again, other = read_image_folder(tmp_path, seed=7), read_image_folder(tmp_path, seed=8)
    assert folder == again != other
    assert folder.fingerprint() == again.fingerprint() != other.fingerprint()


def test_train_without_another_split_is_split(tmp_path: Path) -> None:
    put(tmp_path, {"train/a": 10, "train/b": 10})
    assert held(read_image_folder(tmp_path)) == {"a": 2, "b": 2}


def test_train_may_be_a_class(tmp_path: Path) -> None:
    put(tmp_path, {"train": 5, "bus": 5})
    assert read_image_folder(tmp_path).names == ("bus", "train")


def test_names_of_any_alphabet_and_images_in_folders_below(tmp_path: Path) -> None:
    root = put(tmp_path / "мои фото", {"кошка/2024": 5, "chien à poil": 5, ".cache": 1})
    (root / "кошка" / "notes.txt").write_text("not an image")
    (root / "кошка" / ".hidden.jpg").write_bytes(JPEG)
    folder = read_image_folder(root)
    assert folder.names == ("chien à poil", "кошка")
    assert len(folder.images) == 10
    check_images(folder)


def test_class_folders_may_be_links(tmp_path: Path) -> None:
    put(tmp_path / "elsewhere", {"cats": 5})
    put(tmp_path / "set", {"dog": 5})
    (tmp_path / "set" / "cat").symlink_to(tmp_path / "elsewhere" / "cats")
    assert len(read_image_folder(tmp_path / "set").images) == 10


def test_an_image_of_another_size_is_another_set(tmp_path: Path) -> None:
    put(tmp_path, {"a": 5, "b": 5})
    before = read_image_folder(tmp_path).fingerprint()
    (tmp_path / "a" / "0.jpg").write_bytes(JPEG + b"more")
    assert read_image_folder(tmp_path).fingerprint() != before


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ({}, "holds no folders with images"),
        ({"a": 0, "b": 0}, "holds no folders with images"),
        ({"only": 4}, "has only one class, only"),
        ({"train/only": 4, "val/only": 1}, "has only one class, only"),
        ({"a": 4, "b": 0, "c": 4, "d": 0}, "/b holds no images, and neither do d"),
        ({"a": 1, "b": 1}, "has a single image"),
        ({"train/a": 2, "train/b": 2, "val/c": 1}, "/val/c is no class of"),
        ({"train/a": 2, "train/b": 2, "val/a": 0}, "/val holds no images in folders of classes"),
        ({"train": 4, "val": 2}, "are splits without folders for classes"),
    ],
)
def test_what_is_no_set_of_classes(tmp_path: Path, counts: dict[str, int], said: str) -> None:
    message = refused(put(tmp_path, counts))
    assert said in message and str(tmp_path) in message


@pytest.mark.parametrize(
    "folders",
    [
        ["images/train", "labels/train"],
        ["images", "labels", "train"],
        ["train/images", "train/labels", "valid/images", "valid/labels"],
        ["images", "labels", "annotations"],
    ],
)
def test_a_detection_set_is_known_as_one(tmp_path: Path, folders: Iterable[str]) -> None:
    put(tmp_path, dict.fromkeys(folders, 2))
    message = refused(tmp_path)
    assert "is a detection set" in message and "--data" in message


def test_a_file_or_nothing_is_no_folder(tmp_path: Path) -> None:
    assert "There is no folder" in refused(tmp_path / "nowhere")
    (tmp_path / "data.yaml").write_text("names: [a]")
    assert "is a file, not a folder of images" in refused(tmp_path / "data.yaml")


def test_images_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    put(tmp_path, {"a": 5, "b": 5})
    for name in ("a/1.jpg", "b/3.jpg"):
        (tmp_path / name).write_bytes(b"no picture")
    seen: list[tuple[int, int]] = []
    with pytest.raises(DataError) as told:
        check_images(read_image_folder(tmp_path), lambda done, total: seen.append((done, total)))
    assert "/1.jpg is not a readable image" in str(told.value) or "/3.jpg" in str(told.value)
    assert "(1 more images have problems.)" in str(told.value)
    assert seen[-1] == (10, 10)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
def test_nothing_is_written_where_nothing_can_be(tmp_path: Path) -> None:
    put(tmp_path / "set", {"a": 5, "b": 5})
    command = ["mount", "--bind", "-o", "ro", str(tmp_path / "set"), str(tmp_path / "set")]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting is not allowed")
    try:
        check_images(read_image_folder(tmp_path / "set"))
    finally:
        subprocess.run(["umount", "-l", str(tmp_path / "set")], check=True)
