"""A video that is being written survives what happens to its process; ffprobe and OpenCV judge."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgeyolo.device.detections import Detections
from edgeyolo.device.frame import Frame
from edgeyolo.device.sinks.annotated import AnnotatedVideo
from edgeyolo.device.sinks.mp4 import TIMESCALE, FragmentedMp4, Packet
from edgeyolo.device.sinks.mpeg4 import Mpeg4Encoder, header_of, is_key
from edgeyolo.errors import EdgeyoloError, UsageError
from tests.device.processes import ended, frames_in, lines_of, needs, probed, started
from tests.unit.conftest import null_bundle, tiny_disk  # noqa: F401

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")

CAMERA = "synthetic://96x64@30"


def _write(sink: AnnotatedVideo, count: int, fps: float = 30.0, side: int = 64) -> None:
    for index in range(count):
        image = np.full((side, side, 3), index % 250, np.uint8)
        sink.write(Frame(index, index / fps, image, ""), Detections.empty())


def _packets(video: Path) -> list[tuple[float, bool]]:
    """Time of each packet in seconds, and whether it is a key frame."""
    command = [needs("ffprobe"), "-v", "error", "-show_entries", "packet=pts_time,flags"]
    done = subprocess.run([*command, "-of", "json", str(video)], capture_output=True, text=True)
    assert done.stderr == ""
    packets = json.loads(done.stdout)["packets"]
    return [(float(packet["pts_time"]), packet["flags"].startswith("K")) for packet in packets]


def test_a_killed_run_leaves_all_but_the_last_second(
    null_bundle: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    out, part = tmp_path / "out.mp4", tmp_path / "out.part.mp4"
    arguments = (null_bundle, "--camera", CAMERA, "--json", "--out", out)
    process = started(tmp_path, *arguments)
    last = lines_of(process, 100)[-1]
    process.kill()
    process.communicate()
    assert [path.name for path in tmp_path.iterdir()] == ["out.part.mp4"]
    stream = probed(part)
    assert (stream["codec_name"], stream["width"], stream["height"]) == ("mpeg4", 96, 64)
    assert float(stream["duration"]) > last["time_s"] - 2  # one in the making, one in the pipe
    assert frames_in(part) == int(stream["nb_read_frames"])

    process = started(tmp_path, *arguments, "--frames", 5)
    code, lines, said = ended(process)
    assert code == 0
    assert f"did not come to its end; what it recorded is {tmp_path / 'out.1.mp4'}." in said
    assert len(lines) == 5
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.1.mp4", "out.mp4"]
    assert probed(tmp_path / "out.1.mp4") == stream
    assert frames_in(out) == 5


@pytest.mark.parametrize("suffix", [".avi", ".mkv"])
def test_other_containers_are_not_lost_by_the_next_run_either(suffix: str, tmp_path: Path) -> None:
    out, said = tmp_path / f"out{suffix}", list[str]()
    out.with_name(f"out.part{suffix}").write_bytes(b"what a killed run left")
    out.with_name(f"out.1{suffix}").write_bytes(b"what one before left")
    sink = AnnotatedVideo(out, (), 30, say=said.append)
    assert said == []  # a camera that gives no picture changes nothing
    _write(sink, 3)
    sink.close(complete=True)
    assert out.with_name(f"out.2{suffix}").read_bytes() == b"what a killed run left"
    assert len(said) == 1
    assert frames_in(out) == 3


def test_two_runs_do_not_write_one_video(tmp_path: Path) -> None:
    first, second = (AnnotatedVideo(tmp_path / "out.mp4", (), 30) for _ in range(2))
    _write(first, 3)
    with pytest.raises(UsageError, match=r"Another run is writing .*out\.mp4"):
        _write(second, 1)
    second.close(complete=False)
    _write(first, 3)
    first.close(complete=True)
    assert frames_in(tmp_path / "out.mp4") == 6


def test_a_stopped_run_leaves_a_whole_video(null_bundle: Path, tmp_path: Path) -> None:  # noqa: F811
    out = tmp_path / "out.mp4"
    process = started(tmp_path, null_bundle, "--camera", CAMERA, "--json", "--out", out)
    lines = lines_of(process, 50)
    process.terminate()
    code, more, said = ended(process)
    assert (code, said) == (0, "")
    lines += more
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]
    assert int(probed(out)["nb_read_frames"]) == len(lines)
    shown = lines[-1]["time_s"] - lines[0]["time_s"] + 1 / 30
    assert float(probed(out)["duration"]) == pytest.approx(shown, abs=0.001)


def test_a_full_disk_ends_the_video_and_nothing_else(
    null_bundle: Path,  # noqa: F811
    tiny_disk: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    """What fitted can be watched."""
    out, table = tiny_disk / "out.mp4", tmp_path / "out.csv"
    outputs = ("--json", "--out", out, "--csv", table)
    process = started(tmp_path, null_bundle, "--camera", "synthetic://320x240@60", *outputs)
    lines_of(process, 60)
    while not out.exists():  # it gets its name when it is given up
        lines_of(process, 10)
    lines_of(process, 30)
    process.terminate()
    code, _, said = ended(process)
    assert code == 1
    assert said.count("no space left on device") == 1
    assert said.count("The other outputs go on.") == 1
    assert "1 of 3 outputs failed on the way." in said
    assert [path.name for path in tiny_disk.iterdir()] == ["out.mp4"]
    assert int(probed(out)["nb_read_frames"]) >= 30
    assert table.read_text().startswith("frame,")


def test_a_full_disk_ends_a_run_that_has_nothing_else(
    null_bundle: Path,  # noqa: F811
    tiny_disk: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    out = tiny_disk / "out.mp4"
    process = started(tmp_path, null_bundle, "--camera", "synthetic://320x240@60", "--out", out)
    code, _, said = ended(process)
    assert code == 1
    assert said.count("no space left on device") == 1
    assert "go on" not in said
    assert int(probed(out)["nb_read_frames"]) >= 30


def test_an_engine_that_gives_up_leaves_a_whole_video(
    null_bundle: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    before = """
from edgeyolo.device.engines import null
import edgeyolo.device.reload as reload
reload._PAUSES_S = (0.0, 0.1)
whole, count = null.Engine.infer, 0
def infer(self, blob):
    global count
    count += 1
    if count > 40:
        raise RuntimeError("out of order")
    return whole(self, blob)
null.Engine.infer = infer
"""
    out = tmp_path / "out.mp4"
    process = started(tmp_path, null_bundle, "--camera", CAMERA, "--out", out, before=before)
    code, _, said = ended(process)
    assert code == 1
    assert said.count("Its bundle is loaded anew.") == 2
    assert "edgeyolo: null failed on an image: out of order" in said
    assert int(probed(out)["nb_read_frames"]) == 40


def test_each_frame_is_shown_as_long_as_it_was(tmp_path: Path) -> None:
    """Also for hours, when the camera was away, and in fragments that begin with no key frame."""
    out = tmp_path / "out.mp4"
    sink = AnnotatedVideo(out, (), 10, is_live=True)
    times = [3.0, 3.1, 3.9, 4.9, 5.0, 7205.0, 7205.25]
    for index, time_s in enumerate(times):
        picture = np.full((33, 47, 3), 10 * index, np.uint8)  # the encoder wants even sides
        sink.write(Frame(index, time_s, picture, ""), Detections.empty())
    sink.close(complete=True)
    packets = _packets(out)
    assert [time_s for time_s, _ in packets] == pytest.approx([time_s - 3.0 for time_s in times])
    assert packets[0][1]
    assert float(probed(out)["duration"]) == pytest.approx(times[-1] - times[0] + 0.1)
    assert (probed(out)["width"], probed(out)["height"]) == (48, 34)


def test_a_video_of_a_file_has_its_rate(tmp_path: Path) -> None:
    sink = AnnotatedVideo(tmp_path / "out.mp4", (), 30000 / 1001)
    _write(sink, 70)
    sink.close(complete=True)
    assert probed(tmp_path / "out.mp4")["avg_frame_rate"] == "30000/1001"
    capture = cv2.VideoCapture(str(tmp_path / "out.mp4"))
    assert capture.get(cv2.CAP_PROP_FRAME_COUNT) == 70
    capture.set(cv2.CAP_PROP_POS_FRAMES, 60)
    assert capture.read()[0]
    assert round(capture.get(cv2.CAP_PROP_POS_MSEC)) == round(60_000 * 1001 / 30000)
    capture.release()


@pytest.mark.parametrize("size", [(1, 1), (2, 300), (4000, 3000)])
def test_any_size_can_be_recorded(size: tuple[int, int], tmp_path: Path) -> None:
    sink = AnnotatedVideo(tmp_path / "out.mp4", (), 10)
    image = np.full((size[1], size[0], 3), 200, np.uint8)
    for index in range(3):
        sink.write(Frame(index, 0.0, image, ""), Detections.empty())
    sink.close(complete=True)
    assert frames_in(tmp_path / "out.mp4") == 3


@pytest.fixture
def packets() -> Iterator[list[bytes]]:
    """Ninety encoded frames."""
    encoder = Mpeg4Encoder((64, 48), 30)
    frames = [np.full((48, 64, 3), 2 * index, np.uint8) for index in range(90)]
    encoded = [packet for frame in frames for packet in encoder.encode(frame)]
    encoded += encoder.close()
    assert len(encoded) == 90
    yield encoded


def test_an_interrupted_write_is_made_again(
    tmp_path: Path, packets: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C may come between the bytes and the note that they are written."""
    path = tmp_path / "out.mp4"
    file = FragmentedMp4(path, (64, 48))
    file.begin(header_of(packets[0]))
    whole = file._write

    def interrupted(content: bytes, place: int) -> None:
        whole(content, place)
        raise KeyboardInterrupt

    for index, packet in enumerate(packets):
        one = Packet(packet, is_key(packet), TIMESCALE // 30)
        if index == 59:
            monkeypatch.setattr(file, "_write", interrupted)
            with pytest.raises(KeyboardInterrupt):
                file.add(one)
            monkeypatch.undo()
        else:
            file.add(one)
    file.close()
    assert frames_in(path) == 90
    assert float(probed(path)["duration"]) == pytest.approx(3)


def test_half_a_fragment_is_taken_off(
    tmp_path: Path, packets: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "out.mp4"
    file = FragmentedMp4(path, (64, 48))
    file.begin(header_of(packets[0]))
    pwrite, frames = os.pwrite, [Packet(p, is_key(p), TIMESCALE // 30) for p in packets]
    for frame in frames[:30]:
        file.add(frame)
    before = path.stat().st_size

    def full(handle: int, content: memoryview, place: int) -> int:
        if place > before:
            raise OSError(28, "No space left on device")
        return pwrite(handle, content[:700], place)  # as a disk does that becomes full

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(OSError, match="No space"):
        for frame in frames[30:]:
            file.add(frame)
    assert path.stat().st_size == before + 700
    with pytest.raises(OSError, match="No space"):
        file.close()
    monkeypatch.undo()
    assert path.stat().st_size == before
    assert frames_in(path) == 30


def test_an_encoder_leaves_nothing_behind(tmp_path: Path) -> None:
    if not Path("/proc/self/fd").is_dir():
        pytest.skip("no /proc")
    _once(tmp_path / "first.mp4")
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    for _ in range(20):
        _once(tmp_path / "out.mp4")
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


def _once(path: Path) -> None:
    sink = AnnotatedVideo(path, (), 30)
    _write(sink, 2)
    sink.close(complete=True)


def test_without_named_pipes_it_is_written_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "mkfifo")
    _once(tmp_path / "out.mp4")
    assert frames_in(tmp_path / "out.mp4") == 2


def test_a_suffix_that_is_no_video(tmp_path: Path) -> None:
    sink = AnnotatedVideo(tmp_path / "out.xyz", (), 30)
    with pytest.raises(EdgeyoloError, match=r"cannot write .*out\.xyz"):
        _write(sink, 1)
    sink.close(complete=False)


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT to a child there")
def test_ctrl_c_leaves_a_whole_video(null_bundle: Path, tmp_path: Path) -> None:  # noqa: F811
    out = tmp_path / "out.mp4"
    process = started(tmp_path, null_bundle, "--camera", CAMERA, "--json", "--out", out)
    lines = lines_of(process, 40)
    process.send_signal(signal.SIGINT)
    code, more, _ = ended(process)
    assert code == 130
    assert len(lines + more) - 1 <= int(probed(out)["nb_read_frames"]) <= len(lines + more) + 1
