"""Pictures of what was wished for: whole, named by their time, and never too many for the disk."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edgeyolo.device.detections import Detections
from edgeyolo.device.frame import Frame
from edgeyolo.device.sinks import snapshots
from edgeyolo.device.sinks.snapshots import Snapshots
from edgeyolo.device.wish import Wish
from edgeyolo.errors import EdgeyoloError, UsageError
from tests.command import edgeyolo_here
from tests.unit.conftest import _make

pytestmark = pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")

NAMES = ("person", "dog", "cell phone")
IMAGE = np.full((48, 64, 3), 90, np.uint8)
NAME = re.compile(r"\d{4}-\d\d-\d\d/\d{6}\.\d{3}Z-\d+\.jpg")


def _found(*of: tuple[int, float]) -> Detections:
    return Detections(
        np.array([[8, 12, 40, 36]] * len(of), np.float32).reshape(-1, 4),
        np.array([score for _, score in of], np.float32),
        np.array([class_id for class_id, _ in of], np.int64),
    )


@pytest.fixture
def said() -> list[str]:
    return []


def _sink(folder: Path, said: list[str], wishes: str = "person>0.6", **options: Any) -> Snapshots:
    options = {"every_s": 0.0, "is_live": False, "floor_bytes": 0, **options}
    return Snapshots(folder, Wish.parse(wishes), NAMES, said.append, **options)


def _pictures(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.glob("*/*.jpg"))


def _until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.005)


def test_a_picture_and_its_facts(tmp_path: Path, said: list[str]) -> None:
    folder = tmp_path / "new" / "snapshots"
    sink = _sink(folder, said)
    image = IMAGE.copy()
    assert sink.write(Frame(42, 1.5, image, "42"), _found((0, 0.8), (1, 0.5)))
    image[:] = 0  # the source uses its buffer again
    sink.close(complete=True)
    [name] = _pictures(folder)
    assert NAME.fullmatch(name)
    picture = cv2.imread(str(folder / name))
    assert picture.shape == (48, 64, 3)
    assert abs(picture.astype(int) - 90).max() <= 3  # no boxes in it
    facts = json.loads((folder / name).with_suffix(".json").read_text())
    assert facts["time"].replace("-", "").replace(":", "")[:-1].split("T") == [
        name[:10].replace("-", ""),
        name[11:21],
    ]
    assert {key: facts[key] for key in ("frame", "time_s", "width", "height")} == {
        "frame": 42,
        "time_s": 1.5,
        "width": 64,
        "height": 48,
    }
    first, second = facts["detections"]
    assert first["xywhn"] == [0.375, 0.5, 0.5, 0.5]
    assert (first["class_name"], first["score"], first["xyxy"]) == ("person", 0.8, [8, 12, 40, 36])
    assert second["class_id"] == 1
    assert said == [f"Snapshots: 1 saved, in {folder}."]
    assert len(list(folder.rglob("*"))) == 3  # the day, and two files: nothing half done


def test_facts_are_lines_of_a_label_file(tmp_path: Path, said: list[str]) -> None:
    from edgeyolo.dataset.labels import read_labels

    sink = _sink(tmp_path / "s", said)
    sink.write(Frame(0, 0.0, IMAGE, "0"), _found((0, 0.8), (1, 0.5)))
    sink.close(complete=True)
    [facts] = [json.loads(path.read_text()) for path in (tmp_path / "s").glob("*/*.json")]
    label = tmp_path / "0.txt"
    label.write_text(
        "".join(
            " ".join(map(str, [found["class_id"], *found["xywhn"]])) + "\n"
            for found in facts["detections"]
        )
    )
    assert len(read_labels(label, len(NAMES))) == 2


@pytest.mark.parametrize(
    ("wishes", "found", "is_saved"),
    [
        ("person", [(0, 0.3)], True),
        ("person", [(1, 0.9)], False),
        ("person", [], False),
        ("person>0.6", [(0, 0.59)], False),
        ("person>0.6", [(0, 0.6)], True),
        ("person>=0.6", [(0, 0.3), (0, 0.7)], True),
        ("person>0.6", [(1, 0.9), (0, 0.3)], False),
        (" person > 0.6 , dog>.8", [(1, 0.81)], True),
        ("person>0.6,dog>0.8", [(1, 0.7), (0, 0.5)], False),
        ("cell phone>0.5", [(2, 0.6)], True),
    ],
)
def test_what_is_saved(
    tmp_path: Path, said: list[str], wishes: str, found: list[tuple[int, float]], is_saved: bool
) -> None:
    sink = _sink(tmp_path / "s", said, wishes)
    sink.write(Frame(0, 0.0, IMAGE, "0"), _found(*found))
    sink.close(complete=True)
    assert len(_pictures(tmp_path / "s")) == is_saved


@pytest.mark.parametrize(
    "text",
    (
        "",
        ",",
        "person,",
        ">0.5",
        "person>",
        "person>x",
        "person>1.5",
        "person>-1",
        "a>nan",
        "a>1>1",
    ),
)
def test_wishes_that_are_none(text: str) -> None:
    with pytest.raises(UsageError) as refused:
        Wish.parse(text)
    assert "person>0.6" in refused.value.hint


def test_an_unknown_class_is_refused_with_the_nearest(tmp_path: Path, said: list[str]) -> None:
    with pytest.raises(UsageError, match=r"'persn'(.|\n)*'person'"):
        _sink(tmp_path / "s", said, "dog,persn>0.6")
    assert not (tmp_path / "s").exists()


def test_at_most_one_in_a_while(tmp_path: Path, said: list[str]) -> None:
    sink = _sink(tmp_path / "s", said, every_s=1.0, clock=lambda frame: frame.time_s)
    for index in range(45):  # 10 fps; what is wished for comes at the third
        sink.write(Frame(index, index / 10, IMAGE, f"{index}"), _found((0, 0.9))
                   if index >= 3 else _found())  # fmt: skip
    sink.close(complete=True)
    frames = [int(name.rpartition("-")[2][:-4]) for name in _pictures(tmp_path / "s")]
    assert sorted(frames) == [3, 13, 23, 33, 43]


def test_a_camera_counts_by_its_own_clock(tmp_path: Path, said: list[str]) -> None:
    sink = _sink(tmp_path / "s", said, every_s=1.0, is_live=True)
    for index in range(30):
        frame = Frame(index, 0.0, IMAGE, f"{index}", captured=1000.0 + index / 10)
        sink.write(frame, _found((0, 0.9)))
        _until(lambda: not sink._outbox._items)
    sink.close(complete=True)
    assert sink.saved == len(_pictures(tmp_path / "s")) == 3


def test_a_slow_disk_costs_pictures_not_frames(
    tmp_path: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stalled(path: Path, content: bytes) -> None:
        time.sleep(0.5)

    monkeypatch.setattr(snapshots, "write_bytes", stalled)
    sink = _sink(tmp_path / "s", said, is_live=True)
    start = time.monotonic()
    for index in range(200):
        sink.write(Frame(index, 0.0, IMAGE, f"{index}"), _found((0, 0.9)))
    assert time.monotonic() - start < 30  # not half a second each
    assert len(sink._outbox._items) <= 2  # pictures are large
    sink.close(complete=True)
    assert any("dropped so far" in sentence for sentence in said)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MB."""
    mount = tmp_path / "disk"
    mount.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(mount)]
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("mounting needs root")
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting is not allowed")
    yield mount
    subprocess.run(["umount", "-l", str(mount)], check=True)


def _write(sink: Snapshots, count: int) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (240, 320, 3), np.uint8)  # about 100 kB
    for index in range(count):
        sink.write(Frame(index, 0.0, noise, f"{index}"), _found((0, 0.9)))


def test_a_floor_stays_free_and_it_goes_on_when_there_is_room(
    small_disk: Path, said: list[str]
) -> None:
    sink = _sink(small_disk, said, floor_bytes=400_000)
    _write(sink, 30)
    _until(lambda: sink.saved + sink.left_out == 30)
    free = os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize
    assert 250_000 < free < 400_000
    assert 2 <= sink.saved == len(_pictures(small_disk)) <= 8
    assert len(said) == 1  # once, not for each of the rest
    assert said[0].startswith("Snapshots stop: 0.")
    assert "0.4 MB shall stay free" in said[0]
    before = sink.saved
    for path in small_disk.glob("*/*"):
        path.unlink()
    _write(sink, 1)
    _until(lambda: sink.saved == before + 1)
    assert said[1:] == ["Snapshots go on: there is room again."]
    sink.close(complete=True)
    assert said[2] == f"Snapshots: {before + 1} saved, {30 - before} left out, in {small_disk}."


def test_a_disk_that_fills_up_under_it(small_disk: Path, said: list[str]) -> None:
    sink = _sink(small_disk, said)  # no floor to speak of: 1 % is 10 kB
    _write(sink, 30)
    sink.close(complete=True)
    assert sink.saved + sink.left_out == 30
    assert 3 <= sink.saved == len(_pictures(small_disk))
    for name in _pictures(small_disk):
        assert cv2.imread(str(small_disk / name)).shape == (240, 320, 3)
    assert len(list(small_disk.glob("*/*"))) == 2 * sink.saved  # no half files, no lone facts
    assert "no space left on device" in said[0]
    assert len(said) <= 3


def test_below_200_mb_nothing_is_saved_by_default(small_disk: Path, said: list[str]) -> None:
    sink = _sink(small_disk, said, floor_bytes=snapshots.FLOOR_BYTES)
    _write(sink, 3)
    sink.close(complete=True)
    assert _pictures(small_disk) == []
    assert "200.0 MB shall stay free" in said[0]


def test_of_a_large_disk_one_percent_stays_free(
    tmp_path: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    usage = type(shutil.disk_usage("/"))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**12, 0, 9 * 10**9))
    sink = _sink(tmp_path / "s", said, floor_bytes=snapshots.FLOOR_BYTES)
    _write(sink, 1)
    sink.close(complete=True)
    assert "9000.0 MB are free, 10000.0 MB" in said[0]


def test_a_folder_that_goes_away_comes_back_and_cannot_be(tmp_path: Path, said: list[str]) -> None:
    sink = _sink(tmp_path / "s", said)
    (tmp_path / "s").rmdir()
    _write(sink, 2)
    _until(lambda: sink.left_out == 2)
    assert len(said) == 1
    assert "going on with the next" in said[0]
    (tmp_path / "s").mkdir()
    _write(sink, 1)
    _until(lambda: sink.saved == 1)
    sink.close(complete=True)
    (tmp_path / "file").write_text("x")
    with pytest.raises(EdgeyoloError, match="file"):
        _sink(tmp_path / "file", said)


def test_a_picture_that_no_jpeg_can_hold(tmp_path: Path, said: list[str]) -> None:
    sink = _sink(tmp_path / "s", said)
    huge = np.zeros((1, 70_000, 3), np.uint8)
    sink.write(Frame(0, 0.0, huge, "0"), _found((0, 0.9)))
    sink.write(Frame(1, 0.0, IMAGE, "1"), _found((0, 0.9)))
    sink.close(complete=True)
    assert (sink.saved, sink.left_out) == (1, 1)
    assert len(_pictures(tmp_path / "s")) == 1


def _command(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    return edgeyolo_here("run", *arguments), capsys.readouterr().err


def test_the_command_saves_what_it_sees(
    demo_bundle: Path,
    small_demo: Path,
    in_tmp: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    names = json.loads((demo_bundle / "bundle.json").read_text())["names"]
    photos = small_demo.parent / "images" / "train"
    wishes = [word for name in names for word in ("--save-when", name)]
    source = ("--source", photos, "--json")
    code, told = _command(capsys, demo_bundle, *source, *wishes)
    assert code == 0, told
    saved = _pictures(in_tmp / "snapshots")
    assert len(saved) > 5  # photos, so not one a second
    assert f"Snapshots: {len(saved)} saved, in snapshots." in told


@pytest.mark.parametrize(
    ("arguments", "is_said"),
    [
        (["--save-when", "cat>0.1", "--conf", "0.5"], True),
        (["--save-when", "cat>0.1", "--conf", "0.5", "--track"], False),
        (["--save-when", "cat>0.5", "--conf", "0.5"], False),
        (["--save-when", "cat", "--conf", "0.5"], False),
    ],
)
def test_a_wish_below_what_is_reported_is_pointed_out(
    in_tmp: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    is_said: bool,
) -> None:
    camera = ("--camera", "synthetic://64x48@30", "--frames", 1, "--json")
    code, told = _command(capsys, _make(in_tmp / "bundle"), *camera, *arguments)
    assert code == 0, told
    assert ("cat>0.1 saves from 0.5 on" in told) is is_said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--save-when", "catt>0.5"], ["no class 'catt'", "'cat'"]),
        (["--save-when", "cat>2"], ["2 is no score"]),
        (["--save-dir", "x"], ["Add --save-when"]),
        (["--save-every", "2"], ["Add --save-when"]),
        (["--save-when", "cat", "--save-every", "-1"], ["--save-every"]),
        (["--save-when", "cat", "--classes", "dog"], ["--classes leaves it out", "dog,cat"]),
    ],
)
def test_what_the_command_refuses(
    in_tmp: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    words: list[str],
) -> None:
    bundle = _make(in_tmp / "bundle")
    camera = ("--camera", "synthetic://64x48@30")
    code, told = _command(capsys, bundle, *camera, *arguments)
    assert code == 2
    for word in words:
        assert word in told
    assert [path.name for path in in_tmp.iterdir()] == ["bundle"]
