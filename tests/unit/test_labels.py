"""One label file: every way in which it can be wrong is an error that names the line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgeyolo.dataset.labels import label_path, read_labels
from edgeyolo.errors import DataError

GOOD = "1 0.5 0.5 0.2 0.4"


def _read(tmp_path: Path, content: str | bytes, classes: int = 3) -> np.ndarray:
    path = tmp_path / "a.txt"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_labels(path, classes)


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        ("", []),
        ("\n \n\t\n", []),
        (GOOD, [[1, 0.5, 0.5, 0.2, 0.4]]),
        ("\ufeff" + GOOD, [[1, 0.5, 0.5, 0.2, 0.4]]),
        (GOOD + "\r\n" + "0 0.5 0.5 1 1\r\n", [[0, 0.5, 0.5, 1, 1], [1, 0.5, 0.5, 0.2, 0.4]]),
        (GOOD + "\r", [[1, 0.5, 0.5, 0.2, 0.4]]),
        ("  1\t0.5  0.5 0.2 0.4  ", [[1, 0.5, 0.5, 0.2, 0.4]]),
        ("1.0 5e-1 .5 0.2 0.4", [[1, 0.5, 0.5, 0.2, 0.4]]),
        (f"{GOOD}\n{GOOD}\n", [[1, 0.5, 0.5, 0.2, 0.4]]),
        (f"{GOOD}\n0{GOOD[1:]}\n", [[0, 0.5, 0.5, 0.2, 0.4], [1, 0.5, 0.5, 0.2, 0.4]]),
        ("0 0.1 0.2 0.5 0.2 0.3 0.8", [[0, 0.3, 0.5, 0.4, 0.6]]),
        ("2 0 0 1 0 1 1 0 1", [[2, 0.5, 0.5, 1, 1]]),
        ("0 0.5 0.5 1.01 1", [[0, 0.5, 0.5, 1, 1]]),
        ("0 0.95 0.5 0.11 0.2", [[0, 0.9475, 0.5, 0.105, 0.2]]),
    ],
)
def test_sound_files(tmp_path: Path, content: str, rows: list[list[float]]) -> None:
    found = _read(tmp_path, content)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, np.array(rows).reshape(-1, 5), atol=1e-6)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("1.5 0.5 0.5 0.2 0.4", ["1.5", "class"]),
        ("-1 0.5 0.5 0.2 0.4", ["-1", "class", "0 to 2"]),
        ("3 0.5 0.5 0.2 0.4", ["class 3", "3 classes", "0 to 2"]),
        ("1e30 0.5 0.5 0.2 0.4", ["class"]),
        ("nan 0.5 0.5 0.2 0.4", ["finite"]),
        ("inf 0.5 0.5 0.2 0.4", ["finite"]),
        ("1 nan 0.5 0.2 0.4", ["finite"]),
        ("1 0.5 -inf 0.2 0.4", ["finite"]),
        ("1 0.5 0.5 1e999 0.4", ["finite"]),
        ("1", ["1 numbers"]),
        ("1 0.5 0.5", ["3 numbers"]),
        ("1 0.5 0.5 0.2", ["4 numbers"]),
        ("1 0.5 0.5 0.2 0.4 0.9", ["6 numbers"]),
        ("1 0.1 0.1 0.2 0.2 0.3 0.3 0.4", ["8 numbers"]),
        ("cat 0.5 0.5 0.2 0.4", ["'cat'", "number"]),
        ("1 0,5 0,5 0,2 0,4", ["'0,5'"]),
        ("1,0.5,0.5,0.2,0.4", ["number"]),
        ("1 0.5 0.5 0.2 0.4 # tree", ["'#'"]),
        ("1 320 240 64 48", ["outside"]),
        ("1 0.5 0.5 1.1 0.4", ["outside"]),
        ("1 -0.1 0.5 0.1 0.1", ["outside"]),
        ("1 0.1 0.1 0.2 0.2 1.5 0.3", ["outside"]),
        ("1 0.5 0.5 0 0.4", ["no area"]),
        ("1 0.5 0.5 0.2 0", ["no area"]),
        ("1 0.5 0.5 -0.2 0.4", ["no area"]),
        ("1 1.005 0.5 0.005 0.4", ["no area"]),
        ("1 0.1 0.2 0.1 0.5 0.1 0.9", ["no area"]),
    ],
)
@pytest.mark.parametrize("before", ["", f"{GOOD}\n\n", f"\ufeff{GOOD}\r\n\r\n"])
def test_malformed_line(tmp_path: Path, before: str, line: str, words: list[str]) -> None:
    with pytest.raises(DataError) as caught:
        _read(tmp_path, before + line + "\n" + GOOD)
    number = 3 if before else 1
    assert f"{tmp_path / 'a.txt'} line {number}:" in caught.value.message
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    "content", [b"\xff\xd8\xff\xe0JFIF", b"\x80abc", GOOD.encode("utf-16"), b"\x00\x01\x02"]
)
def test_not_text(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(DataError, match=r"a\.txt"):
        _read(tmp_path, content)


def test_a_missing_file_is_an_image_without_objects(tmp_path: Path) -> None:
    assert read_labels(tmp_path / "no.txt", 3).shape == (0, 5)


@pytest.mark.parametrize("separator", ["\u2028", "\x0b", "\x0c", "\x85", "\x1c"])
def test_only_line_ends_count_as_lines(tmp_path: Path, separator: str) -> None:
    with pytest.raises(DataError, match="line 2:"):
        _read(tmp_path, f"{GOOD}{separator}\nbad 0.5 0.5 0.2 0.4")


@pytest.mark.parametrize(
    ("image", "labels"),
    [
        ("/d/images/train/a.jpg", "/d/labels/train/a.txt"),
        ("/images/x/images/a.jpg", "/images/x/labels/a.txt"),
        ("/d/train/images/a.b.jpg", "/d/train/labels/a.b.txt"),
        ("/d/train/a.jpg", "/d/train/a.txt"),
        ("/d/myimages/a.jpg", "/d/myimages/a.txt"),
        ("/d/images.jpg", "/d/images.txt"),
        ("/d/images/images.png", "/d/labels/images.txt"),
    ],
)
def test_label_path(image: str, labels: str) -> None:
    assert label_path(Path(image)) == Path(labels)
