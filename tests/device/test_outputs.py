"""Videos, tables and pictures: what a restart, a full disk or another run does to them."""

from __future__ import annotations

import csv
import gc
import os
import shlex
import subprocess
import sys
import threading
from collections import namedtuple
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edgeyolo.device.detections import Detections
from edgeyolo.device.frame import Frame
from edgeyolo.device.sinks import annotated, mpeg4
from edgeyolo.device.sinks.annotated import AnnotatedImages, AnnotatedVideo
from edgeyolo.device.sinks.csvfile import COLUMNS, CsvFile
from edgeyolo.device.sinks.mp4 import FragmentedMp4, is_growing
from edgeyolo.errors import EdgeyoloError, UsageError
from tests.command import edgeyolo
from tests.device.processes import frames_in
from tests.unit.conftest import null_bundle  # noqa: F401

CAMERA = ("--camera", "synthetic://64x48@50")
IMAGE = np.full((48, 64, 3), 90, np.uint8)
BOX = np.array([[1, 2, 3, 4]], np.float32)
FOUND = Detections(BOX, np.array([0.5], np.float32), np.array([0]))
TRACKED = Detections(BOX, np.array([0.5], np.float32), np.array([0]), np.array([7]))


def _table(path: Path, found: Detections = FOUND, **options: Any) -> list[dict[str, str]]:
    """What is in it after a run of one frame."""
    sink = CsvFile(path, ("cat",), **options)
    sink.write(Frame(0, 0.0, IMAGE, ""), found)
    sink.close(complete=True)
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def _video(path: Path, count: int, **options: Any) -> None:
    sink = AnnotatedVideo(path, (), options.pop("fps", 30), **options)
    _write(sink, count)
    sink.close(complete=True)


def _write(sink: AnnotatedVideo, count: int) -> None:
    for index in range(count):
        sink.write(Frame(index, index / 30, IMAGE, ""), Detections.empty())


def test_a_table_of_a_camera_goes_on(tmp_path: Path) -> None:
    out = tmp_path / "new" / "out.csv"
    for count in (1, 2, 3):
        rows = _table(out, is_live=True)
        assert [row["class_name"] for row in rows] == ["cat"] * count
    assert out.read_text().count("frame,") == 1


def test_a_table_of_a_file_is_made_again(tmp_path: Path) -> None:
    for _ in range(2):
        assert len(_table(tmp_path / "out.csv")) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["out.csv"]


def test_a_table_with_other_columns_is_kept(tmp_path: Path) -> None:
    out, said = tmp_path / "out.csv", list[str]()
    out.write_text("my,own\n")
    assert len(_table(out, is_live=True, say=said.append)) == 1
    assert _table(out, TRACKED, is_live=True, say=said.append)[0]["track_id"] == "7"
    assert (tmp_path / "out.1.csv").read_text() == "my,own\n"
    assert (tmp_path / "out.2.csv").read_text().startswith(",".join(COLUMNS))
    assert [str(tmp_path / f"out.{number}.csv") in said[number - 1] for number in (1, 2)]


def test_a_line_that_was_cut_off_costs_that_line_only(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    _table(out, is_live=True)
    with out.open("ab") as file:
        file.write(b"1,0.1,0.")
    assert [row["class_name"] for row in _table(out, is_live=True)] == ["cat", None, "cat"]


@pytest.mark.parametrize("suffix", [".mp4", ".avi"])
def test_an_older_video_of_a_camera_is_kept(tmp_path: Path, suffix: str) -> None:
    out, said = tmp_path / f"out{suffix}", list[str]()
    for count in (2, 3, 4):
        _video(out, count, is_live=True, say=said.append)
    numbered = [tmp_path / f"out.{number}{suffix}" for number in (1, 2)]
    assert [frames_in(path) for path in (*numbered, out)] == [2, 3, 4]
    assert [str(path) in sentence for path, sentence in zip(numbered, said, strict=True)]


def test_of_a_file_the_same_command_makes_the_same_video(tmp_path: Path) -> None:
    for count in (2, 3):
        _video(tmp_path / "out.mp4", count)
    assert [frames_in(path) for path in tmp_path.iterdir()] == [3]


def test_a_run_that_starts_again_loses_nothing(
    null_bundle: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    arguments = (*CAMERA, "--frames", 3, "--out", "cam.mp4", "--csv", "cam.csv", "--json")
    for _ in range(2):
        done = edgeyolo("run", null_bundle, *arguments, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["cam.1.mp4", "cam.csv", "cam.mp4"]
    assert [frames_in(tmp_path / name) for name in names if name != "cam.csv"] == [3, 3]
    assert "cam.1.mp4" in done.stderr


def test_a_disk_that_was_pulled_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(_: object) -> None:
        raise OSError(19, "No such device")

    monkeypatch.setattr(annotated.shutil, "disk_usage", gone)
    sink = AnnotatedVideo(tmp_path / "out.mp4", (), 30)
    _write(sink, 2)
    monkeypatch.setattr(os, "pwrite", lambda *_: gone(None))
    with pytest.raises(EdgeyoloError, match=r"out\.mp4: no such device\.") as told:
        sink.close(complete=True)
    assert "Free some space" not in told.value.hint


def test_a_full_disk_that_tells_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    def gone(_: object) -> None:
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr(annotated.shutil, "disk_usage", gone)
    sink = AnnotatedVideo(tmp_path / "out.mp4", (), 30)
    _write(sink, 2)
    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(EdgeyoloError, match=r"out\.mp4: no space left on device\."):
        sink.close(complete=True)


def test_a_video_that_cannot_get_its_name(tmp_path: Path) -> None:
    sink = AnnotatedVideo(tmp_path / "out.mp4", (), 30, is_live=True)
    _write(sink, 2)
    (tmp_path / "out.mp4").mkdir()
    with pytest.raises(EdgeyoloError, match="is a directory") as told:
        sink.close(complete=True)
    assert "Free some space" not in told.value.hint
    assert frames_in(tmp_path / "out.part.mp4") == 2


def test_a_part_that_cannot_be_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sink = AnnotatedVideo(tmp_path / "out.mp4", (), 30, is_live=True)
    _write(sink, 2)

    def stale(*_: object, **__: object) -> None:
        raise OSError(116, "Stale file handle")

    monkeypatch.setattr(Path, "exists", stale)
    with pytest.raises(EdgeyoloError, match="stale file handle"):
        sink.close(complete=True)


def test_a_table_on_a_stick_that_was_pulled_out(tmp_path: Path) -> None:
    sink = CsvFile(tmp_path / "stick" / "out.csv", ("cat",))
    (tmp_path / "stick").rmdir()
    with pytest.raises(EdgeyoloError, match=r"out\.csv: no such file") as told:
        sink.write(Frame(0, 0.0, IMAGE, ""), FOUND)
    assert "Free some space" not in told.value.hint


@pytest.mark.skipif(sys.platform == "win32", reason="no such limit there")
def test_a_standard_output_that_may_not_grow(
    null_bundle: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    words = [sys.executable, "-B", "-m", "edgeyolo", "run", str(null_bundle), *CAMERA, "--json"]
    command = f"ulimit -f 4; exec {shlex.join(words)} > {shlex.quote(str(tmp_path / 'out'))}"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=240)
    assert done.returncode == 1
    assert done.stderr.startswith("edgeyolo: Cannot write standard output: file too large.")


@pytest.mark.skipif(sys.platform == "win32", reason="a shell closes it")
def test_a_standard_output_that_is_closed(
    null_bundle: Path,  # noqa: F811
) -> None:
    words = [sys.executable, "-m", "edgeyolo", "run", str(null_bundle), *CAMERA, "--json"]
    command = f"exec {shlex.join([*words, '--frames', '3'])} >&-"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=240)
    assert done.returncode == 2
    assert done.stderr.startswith("edgeyolo: The standard output is closed")


def test_an_outage_is_one_second_of_an_avi(tmp_path: Path) -> None:
    out = tmp_path / "out.avi"
    sink = AnnotatedVideo(out, (), 30, is_live=True)
    for index, time_s in enumerate([0, 1 / 30, 300, 300 + 1 / 30, 300.1]):
        sink.write(Frame(index, time_s, IMAGE, ""), Detections.empty())
    sink.close(complete=True)
    assert frames_in(out) == 2 + 30 + 2 + 1 + 1  # the last was one frame late, as before


def test_what_is_slow_lasts_as_long_as_it_took_up_to_a_second(tmp_path: Path) -> None:
    sink = AnnotatedVideo(tmp_path / "out.avi", (), 0.3, is_live=True)
    for index in range(3):
        sink.write(Frame(index, index * 6.7, IMAGE, ""), Detections.empty())
    sink.close(complete=True)
    assert frames_in(tmp_path / "out.avi") == 5


Held = namedtuple("Held", "descriptors threads")


def _held() -> Held:
    if not Path("/proc/self/fd").is_dir():
        pytest.skip("no /proc")
    gc.collect()  # what tests before this one left open goes now, not in between
    threads = sum(thread.name == "encoded" for thread in threading.enumerate())
    return Held(len(os.listdir("/proc/self/fd")), threads)  # noqa: PTH208


@pytest.mark.parametrize("suffix", [".mp4", ".avi"])
def test_a_folder_that_cannot_be_written_is_told_as_such(tmp_path: Path, suffix: str) -> None:
    _video(tmp_path / f"first{suffix}", 1)
    sink, before = AnnotatedVideo(tmp_path / "new" / f"out{suffix}", (), 30), _held()
    (tmp_path / "new").rmdir()
    for _ in range(3):
        with pytest.raises(EdgeyoloError, match="no such file or directory") as told:
            _write(sink, 1)
        assert "OpenCV" not in told.value.message
    assert _held() == before


@pytest.mark.parametrize("suffix", [".mp4", ".avi"])
@pytest.mark.parametrize("fps", [1000.0, 90_000.0, 1e6])
def test_a_rate_that_no_encoder_takes(tmp_path: Path, suffix: str, fps: float) -> None:
    said = list[str]()
    _video(tmp_path / f"out{suffix}", 5, fps=fps, say=said.append)
    assert frames_in(tmp_path / f"out{suffix}") == 5
    assert said == []


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_without_the_encoder_it_is_said_what_a_kill_costs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = list[str]()
    monkeypatch.delattr(os, "mkfifo")
    _video(tmp_path / "out.mp4", 2, say=said.append)
    assert frames_in(tmp_path / "out.mp4") == 2
    assert len(said) == 1
    assert "out.part.mp4 will be lost if this run is killed: there are no named pipes" in said[0]


def test_a_pipe_that_cannot_be_opened_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _video(tmp_path / "first.mp4", 1)
    before, whole = _held(), os.open

    def no_writer(path: Any, flags: int, *more: Any, **others: Any) -> int:
        if flags == os.O_WRONLY and str(path).endswith("frames.avi"):
            raise OSError(24, "Too many open files")
        return whole(path, flags, *more, **others)

    monkeypatch.setattr(os, "open", no_writer)
    with pytest.raises(OSError, match="Too many"):
        mpeg4.Mpeg4Encoder((64, 48), 30)
    assert _held() == before


def test_an_encoder_that_fails_at_the_end_leaves_a_closed_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = mpeg4.Mpeg4Encoder.close

    def close(self: mpeg4.Mpeg4Encoder) -> None:
        list(whole(self))
        raise OSError("it has failed")

    _video(tmp_path / "first.mp4", 1)
    before = _held()
    sink = AnnotatedVideo(tmp_path / "out.mp4", (), 30, is_live=True)
    _write(sink, 40)
    monkeypatch.setattr(mpeg4.Mpeg4Encoder, "close", close)
    with pytest.raises(EdgeyoloError, match="it has failed"):
        sink.close(complete=True)
    assert _held() == before


def test_an_encoder_that_gives_up_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = mpeg4._chunks

    def some(stream: Any) -> Any:
        for index, chunk in enumerate(whole(stream)):
            if index == 40:
                raise MemoryError
            yield chunk

    monkeypatch.setattr(mpeg4, "_chunks", some)
    sink = AnnotatedVideo(tmp_path / "out.mp4", (), 30, is_live=True)
    with pytest.raises(EdgeyoloError, match="its encoder has failed"):
        _write(sink, 2000)
    with pytest.raises(EdgeyoloError, match="its encoder has failed"):
        sink.close(complete=True)
    assert frames_in(tmp_path / "out.mp4") >= 30


@pytest.mark.skipif(sys.platform == "win32", reason="no locks there")
def test_a_file_that_another_writes_stays_as_it_is(tmp_path: Path) -> None:
    part = tmp_path / "out.part.mp4"
    first = FragmentedMp4(part, (64, 48))
    first.begin(b"header")
    before = part.read_bytes()
    for _ in range(2):
        with pytest.raises(UsageError, match="Another run is writing"):
            FragmentedMp4(part, (64, 48))
        assert part.read_bytes() == before
    first.close()
    FragmentedMp4(part, (64, 48)).close()


@pytest.mark.skipif(sys.platform == "win32", reason="no locks there")
def test_a_file_that_has_got_its_last_name_meanwhile_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part, out, whole = tmp_path / "out.part.mp4", tmp_path / "out.mp4", os.open
    part.write_bytes(b"a whole video")

    def opened(path: Path, *more: Any) -> int:
        handle = whole(path, *more)
        part.rename(out)
        part.write_bytes(b"")
        return handle

    monkeypatch.setattr(os, "open", opened)
    with pytest.raises(UsageError, match="Another run is writing"):
        FragmentedMp4(part, (64, 48))
    assert out.read_bytes() == b"a whole video"


@pytest.mark.skipif(sys.platform == "win32", reason="no locks there")
@pytest.mark.parametrize("suffix", [".avi", ".mkv"])
def test_two_runs_do_not_write_one_video_of_another_kind(tmp_path: Path, suffix: str) -> None:
    out = tmp_path / f"out{suffix}"
    first, second = (AnnotatedVideo(out, (), 30) for _ in range(2))
    _write(first, 3)
    assert is_growing(out.with_name(f"out.part{suffix}"))
    with pytest.raises(UsageError, match="Another run is writing"):
        _write(second, 1)
    second.close(complete=False)
    _write(first, 3)
    first.close(complete=True)
    assert frames_in(out) == 6
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.skipif(sys.platform == "win32", reason="no locks there")
def test_a_file_system_without_locks_can_be_recorded_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    def none(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", none)
    _video(tmp_path / "out.mp4", 2)
    assert frames_in(tmp_path / "out.mp4") == 2


def test_a_picture_that_its_format_cannot_hold(tmp_path: Path) -> None:
    out = tmp_path / "out.jpg"
    sink = AnnotatedImages(out, (), single=True)
    with pytest.raises(EdgeyoloError, match=r"No \.jpg can hold the 70000x16 pixels"):
        sink.write(Frame(0, 0.0, np.zeros((16, 70_000, 3), np.uint8), "x.jpg"), Detections.empty())
    assert not out.exists()


def _without_windows() -> bool:
    build = cv2.getBuildInformation().splitlines()
    return sys.platform != "linux" or any("GUI:" in line and "NONE" in line for line in build)


@pytest.mark.skipif(_without_windows(), reason="this OpenCV opens no windows")
@pytest.mark.parametrize(("flag", "code"), [("--frames=3", 0), ("--show", 4)])
def test_a_display_that_has_gone(
    null_bundle: Path,  # noqa: F811
    tmp_path: Path,
    flag: str,
    code: int,
) -> None:
    """As over ssh from a screen that was closed: Qt aborts the process that asks for it."""
    done = edgeyolo("run", null_bundle, *CAMERA, flag, cwd=tmp_path, env={"DISPLAY": ":77"})
    assert done.returncode == code, done.stderr
    assert ("There is no display for --show" in done.stderr) is (code == 4)
    assert "Qt" not in done.stderr
    assert list(tmp_path.iterdir()) == []
