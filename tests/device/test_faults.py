"""What goes wrong on a board, injected: sinks, engines, pictures, signals, clocks, reloads."""

from __future__ import annotations

import errno
import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import psutil
import pytest

from edgeyolo.device import loop
from edgeyolo.device.bundle import MANIFEST, Bundle
from edgeyolo.device.detections import Detections
from edgeyolo.device.detector import Detector
from edgeyolo.device.frame import Frame
from edgeyolo.device.loop import run
from edgeyolo.device.meter import Meter
from edgeyolo.device.reload import Reloading
from edgeyolo.device.signals import Asked
from edgeyolo.device.sinks import jsonl
from edgeyolo.device.sources.live import LiveSource
from edgeyolo.device.sources.synthetic import SyntheticSource
from edgeyolo.errors import BundleError, DataError, EdgeyoloError
from edgeyolo.files import write_json
from edgeyolo.images import Image, as_image, read_image
from tests.command import python
from tests.device.processes import ended, lines_of, started
from tests.device.test_loop import Awaited, Kept, Numbered, Slow
from tests.unit.conftest import make_bundle, null_bundle, tiny_disk  # noqa: F401

CAMERA = "synthetic://96x64@30"


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run waits for its threads, however long that takes here."""
    monkeypatch.setattr(loop, "_PATIENCE_S", 60.0)


# Sinks


class Told(Kept):
    """One that only tells of the run."""

    is_output = False


@pytest.mark.parametrize("fails_in", ["write", "idle", "close"])
def test_of_a_camera_the_other_sinks_go_on(fails_in: str) -> None:
    class Failing(Kept):
        def idle(self) -> bool:
            if fails_in == "idle":
                raise EdgeyoloError("the disk is full.")
            return True

        def close(self, *, complete: bool) -> None:
            super().close(complete=complete)
            if fails_in == "close":
                raise EdgeyoloError("the disk is full.")

    class Stalled(Awaited):
        def _frames(self) -> Iterator[Frame]:
            yield from super()._frames()
            time.sleep(0.5)  # longer than the loop waits

    failing = Failing(fails_at=3 if fails_in == "write" else -1)
    good, said, detector = Kept(), list[str](), Slow()
    source = Stalled(30, lambda: detector.seen)
    with pytest.raises(EdgeyoloError) as caught:
        run(source, detector, [failing, good], say=said.append)  # type: ignore[arg-type]
    assert good.indices == list(range(30))
    assert good.complete
    assert failing.complete
    if fails_in == "close":
        assert caught.value.message == "the disk is full."
        assert said == []
    else:
        assert caught.value.message == "1 of 2 outputs failed on the way."
        assert said == ["the disk is full. The other outputs go on."]


def test_the_last_output_ends_the_run_with_its_own_error() -> None:
    said: list[str] = []
    sinks = [Kept(fails_at=2), Kept(fails_at=5), Told()]
    with pytest.raises(EdgeyoloError, match=r"^the disk is full$"):
        run(Numbered(10_000, is_live=True), Slow(), sinks, say=said.append)  # type: ignore[arg-type]
    assert [len(sink.indices) for sink in sinks] == [2, 5, 5]
    assert said == ["the disk is full. The other outputs go on."]


def test_a_run_that_is_interrupted_still_tells_of_a_lost_output() -> None:
    class Interrupted(Told):
        def write(self, *_: Any) -> bool:
            if super().write(*_) and len(self.indices) == 9:
                raise KeyboardInterrupt
            return True

    with pytest.raises(EdgeyoloError, match="1 of 2 outputs failed"):
        run(Numbered(10_000, is_live=True), Slow(), [Kept(fails_at=1), Kept(), Interrupted()])  # type: ignore[arg-type]


def test_nobody_needs_to_hear_what_is_told() -> None:
    class Unheard(Told):
        def write(self, *_: Any) -> bool:
            raise BrokenPipeError

    kept = Kept()
    assert run(Numbered(5, is_live=False), Slow(), [Unheard(), kept]) == 5  # type: ignore[arg-type]
    assert kept.complete


def test_a_folder_that_may_not_be_written_does_not_stop_the_rest(
    null_bundle: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    table = tmp_path / "is a folder.csv"
    table.mkdir()
    arguments = (null_bundle, "--camera", CAMERA, "--json", "--csv", table, "--frames", 20)
    code, lines, said = ended(started(tmp_path, *arguments))
    assert code == 1
    assert len(lines) == 20
    assert said.count("is a directory. The other outputs go on.") == 1


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_a_reader_of_the_table_that_leaves_does_not_stop_the_rest(
    null_bundle: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    table = tmp_path / "table"
    os.mkfifo(table)
    before = """
import edgeyolo.device.sinks.csvfile as table
append = table.CsvFile._append
def _append(self, frame, detections):  # the null engine finds nothing to write
    append(self, frame, detections)
    self._file.write("x\\n")
    self._file.flush()
table.CsvFile._append = _append
"""
    arguments = (null_bundle, "--camera", CAMERA, "--json", "--csv", table, "--frames", 40)
    process = started(tmp_path, *arguments, before=before)
    with table.open() as reader:
        assert reader.readline().startswith("frame,")
    code, lines, said = ended(process)
    assert code == 1
    assert len(lines) == 40
    assert said.count(f"Nobody reads {table} any more. The other outputs go on.") == 1


def test_a_full_disk_behind_stdout_ends_without_a_traceback(
    null_bundle: Path,  # noqa: F811
    tiny_disk: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    (tiny_disk / "rest").write_bytes(bytes(56 * 1024))
    command = [sys.executable, "-m", "edgeyolo", "run", str(null_bundle), "--camera"]
    table = tmp_path / "out.csv"
    outputs = ["--json", "--csv", str(table), "--frames", "400"]
    with (tiny_disk / "lines").open("w") as stdout:
        done = subprocess.run(
            [*command, "synthetic://96x64@200", *outputs],
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
            timeout=240,
        )
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    assert done.stderr.count("Cannot write standard output: no space left on device.") == 1
    assert "1 of 2 outputs failed on the way." in done.stderr


# Engines


class Breaking(Slow):
    """Fails on the frames that it is told."""

    def __init__(self, *fails_on: int, error: EdgeyoloError | None = None) -> None:
        super().__init__()
        self.fails_on, self.calls = set(fails_on), 0
        self.error = error or EdgeyoloError("The engine is out of order.")
        self.bundle = type("Bundle", (), {"names": ("a",), "root": "bundle"})()

    def rehearse(self) -> None:
        """Well, before a camera's pictures come."""

    def infer(self, blob: Any) -> Any:
        self.calls += 1
        if self.calls - 1 in self.fails_on:
            raise self.error
        return blob


def _camera(count: int, broken: Breaking) -> Awaited:
    """One whose frames are all detected on, so that it is known which ones fail."""
    return Awaited(count, lambda: broken.calls)


def _reloading(
    broken: Breaking, said: list[str], waits: list[float], clock: Any = time.monotonic
) -> Reloading:
    return Reloading(lambda: broken, said.append, Asked(), waits.append, clock)  # type: ignore[arg-type,return-value]


def test_an_engine_that_fails_is_loaded_anew_and_only_its_frame_is_lost() -> None:
    said, waits, meter = list[str](), list[float](), Meter()
    broken = Breaking(0, 5, 6)
    detector, source, kept = _reloading(broken, said, waits), _camera(60, broken), Kept()
    count = run(source, detector, [kept], meter=meter, recover=detector.recover)
    assert waits == [0.5, 1.0, 2.0]
    assert (
        said
        == ["The engine is out of order. Its bundle is loaded anew.", "bundle is loaded anew."] * 3
    )
    assert kept.indices == [index for index in range(60) if index not in (0, 5, 6)]
    assert (count, meter.read().dropped, source.given, broken.calls) == (57, 3, 60, 60)


def test_an_engine_that_does_not_recover_is_given_up() -> None:
    said, waits = list[str](), list[float]()
    detector, kept = _reloading(Breaking(*range(2, 1000)), said, waits), Kept()
    with pytest.raises(EdgeyoloError, match="out of order"):
        run(Numbered(10_000, is_live=True), detector, [kept], recover=detector.recover)
    assert waits == [0.5, 1.0, 2.0, 4.0]
    assert len(kept.indices) == 2
    assert kept.complete


def test_failures_that_are_a_minute_apart_do_not_add_up() -> None:
    said, waits, now = list[str](), list[float](), [0.0]
    detector = _reloading(Breaking(), said, waits, lambda: now[0])
    for _ in range(20):
        now[0] += 61
        detector.recover(EdgeyoloError("x"))
    assert waits == [0.5] * 20


def test_a_bundle_that_is_gone_meanwhile_leaves_the_old_one() -> None:
    said, waits, loads = list[str](), list[float](), [0]
    broken = Breaking(1)

    def load() -> Any:
        loads[0] += 1
        if loads[0] > 1:
            raise BundleError("The bundle lacks model.bin.")
        return broken

    detector = Reloading(load, said.append, Asked(), waits.append)
    kept = Kept()
    run(_camera(30, broken), detector, [kept], recover=detector.recover)
    assert said[-1] == "The old bundle goes on: The bundle lacks model.bin."
    assert kept.indices == [index for index in range(30) if index != 1]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (
            PermissionError(13, "Permission denied", "b/model.bin"),
            "b/model.bin: permission denied.",
        ),
        (OSError("the card is gone"), "the card is gone."),
        (MemoryError(), "there is not enough memory for two."),
        (BundleError("The bundle lacks model.bin."), "The bundle lacks model.bin."),
        (ValueError("odd\nstory"), "the new one cannot be loaded: odd."),
        (IndexError("odd"), "the new one cannot be loaded: odd."),
        (RuntimeError("odd."), "the new one cannot be loaded: odd."),
    ],
)
@pytest.mark.parametrize("fails_in", ["load", "rehearse"])
def test_whatever_is_wrong_with_a_new_bundle_leaves_the_old_one(
    error: Exception, reason: str, fails_in: str
) -> None:
    def fail() -> None:
        raise error

    old, fresh, said, asked = Breaking(), Breaking(), list[str](), Asked()
    fresh.rehearse = fail  # type: ignore[method-assign]
    steps = iter([lambda: old, fail if fails_in == "load" else lambda: fresh])
    detector = Reloading(lambda: next(steps)(), said.append, asked)  # type: ignore[arg-type,return-value]
    asked.to_reload = True
    assert detector() is old  # type: ignore[comparison-overlap]
    assert said == [f"The old bundle goes on: {reason}"]


class Unlike:
    """An engine whose net has other outputs than the manifest of the null bundle says."""

    def __init__(self, reg_max: int = 16, classes: int = 2, strides: Sequence[int] = (8, 16, 32)):
        shapes = [
            (1, channels, 64 // stride, 96 // stride)
            for stride in strides
            for channels in (4 * reg_max, classes)
        ]
        self.outputs = [np.full(shape, -20, np.float32) for shape in shapes]

    def infer(self, blob: Any) -> Any:
        return self.outputs


@pytest.mark.parametrize("roi", [None, (500, 300, 64, 48)])
@pytest.mark.parametrize(
    ("unlike", "words"),
    [
        (Unlike(), ""),
        (Unlike(reg_max=8), "reshape|broadcast"),
        (Unlike(reg_max=32), "broadcast"),
        (Unlike(strides=(8, 16)), "out of range"),
        (Unlike(classes=3), "it has 3 classes"),
    ],
)
def test_a_net_that_is_not_what_the_manifest_says_is_found_out(
    null_bundle: Path,  # noqa: F811
    unlike: Unlike,
    words: str,
    roi: Any,
) -> None:
    said, asked = list[str](), Asked()
    old, fresh = (Detector(null_bundle, confidence=0.4, roi=roi) for _ in range(2))
    fresh._engine = unlike
    loaded = iter([old, fresh])
    detector = Reloading(lambda: next(loaded), said.append, asked)
    asked.to_reload = True
    assert detector() is (old if words else fresh)
    assert fresh.confidence == 0.4
    [sentence] = said
    if words:
        start = f"The old bundle goes on: The null net of {null_bundle} is not what its manifest"
        assert sentence.startswith(start)
        assert re.search(words, sentence)
    else:
        assert sentence == f"{null_bundle} is loaded anew."


def test_a_net_for_another_size_is_found_out(demo_bundle: Path, tmp_path: Path) -> None:
    shutil.copytree(demo_bundle, tmp_path / "bundle")
    sound = Bundle.open(tmp_path / "bundle")
    Detector(sound, "onnxruntime").rehearse()
    write_json(
        tmp_path / "bundle" / MANIFEST, replace(sound, height=sound.height * 2).to_manifest()
    )
    with pytest.raises(EdgeyoloError, match="failed on an image"):
        Detector(tmp_path / "bundle", "onnxruntime").rehearse()


def test_of_a_file_an_engine_that_fails_ends_the_run() -> None:
    said, waits = list[str](), list[float]()
    detector, kept = _reloading(Breaking(3), said, waits), Kept()
    with pytest.raises(EdgeyoloError, match="out of order"):
        run(Numbered(30, is_live=False), detector, [kept], recover=detector.recover)
    assert (said, waits, kept.complete) == ([], [], False)


def test_a_picture_that_does_not_fit_is_left_out_unless_it_is_the_first() -> None:
    said, waits = list[str](), list[float]()
    unfit = DataError("An image of 8x8 has nothing at 9,9.")
    broken, kept = Breaking(2, 3, 4, error=unfit), Kept()
    detector = _reloading(broken, said, waits)
    run(_camera(30, broken), detector, [kept], recover=detector.recover)
    assert kept.indices == [0, 1, *range(5, 30)]
    assert said == ["An image of 8x8 has nothing at 9,9. Such frames are left out."]
    assert waits == []
    detector = _reloading(Breaking(0, error=unfit), said, waits)
    with pytest.raises(DataError):
        run(Numbered(30, is_live=True), detector, [Kept()], recover=detector.recover)


def test_an_engine_that_fails_once_in_a_real_process(null_bundle: Path, tmp_path: Path) -> None:  # noqa: F811
    before = """
from edgeyolo.device.engines import null
whole, count = null.Engine.infer, 0
def infer(self, blob):
    global count
    count += 1
    if count == 5:
        raise RuntimeError("out of order")
    return whole(self, blob)
null.Engine.infer = infer
"""
    arguments = (null_bundle, "--camera", CAMERA, "--json", "--frames", 30)
    code, lines, said = ended(started(tmp_path, *arguments, before=before))
    assert (code, len(lines)) == (0, 30)
    assert said.splitlines() == [
        "null failed on an image: out of order. Its bundle is loaded anew.",
        f"{null_bundle} is loaded anew.",
    ]
    code, lines, said = ended(
        started(tmp_path, null_bundle, "--source", _clip(tmp_path), "--json", before=before)
    )
    assert (code, len(lines)) == (1, 4)
    assert said.startswith("edgeyolo: null failed on an image: out of order\n")


def _clip(folder: Path) -> Path:
    path = folder / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
    for _ in range(8):
        writer.write(np.zeros((48, 64, 3), np.uint8))
    writer.release()
    return path


# Pictures


@pytest.mark.parametrize(
    ("picture", "expected"),
    [
        (np.full((4, 6), 200, np.uint8), (200, 200, 200)),
        (np.full((4, 6, 1), 200, np.uint8), (200, 200, 200)),
        (np.full((4, 6, 4), (1, 2, 3, 0), np.uint8), (1, 2, 3)),
        (np.full((4, 6, 3), (1, 2, 3), np.uint8), (1, 2, 3)),
        (np.full((4, 6, 3), 0xABCD, np.uint16), (0xAB, 0xAB, 0xAB)),
        (np.full((4, 6), 0xABCD, np.uint16), (0xAB, 0xAB, 0xAB)),
    ],
)
def test_pictures_of_other_kinds(picture: Any, expected: tuple[int, int, int]) -> None:
    image = as_image(picture)
    assert image.shape == (4, 6, 3)
    assert image.dtype == np.uint8
    assert (image == expected).all()


@pytest.mark.parametrize(
    "picture",
    [
        np.zeros((0, 0, 3), np.uint8),
        np.zeros((0, 640, 3), np.uint8),
        np.zeros((4, 6, 2), np.uint8),
        np.zeros((4, 6, 5), np.uint8),
        np.zeros((4,), np.uint8),
        np.zeros((4, 6, 3), np.float32),
        np.zeros((), np.uint8),
        np.array(None),
    ],
)
def test_what_is_no_picture(picture: Any) -> None:
    with pytest.raises(DataError, match="is no picture"):
        as_image(picture)


def test_broken_pictures_of_a_camera_are_left_out_and_counted() -> None:
    plays = [
        np.zeros((0, 0, 3), np.uint8),
        np.zeros((48, 64), np.uint8),
        np.zeros((48, 64, 4), np.uint8),
        np.zeros((48, 64, 2), np.uint8),
        np.full((1, 1, 3), 7, np.uint8),
        np.full((6000, 8000, 3), 7, np.uint8),
        np.zeros((48, 64, 3), np.uint16),
    ]

    @contextmanager
    def opening() -> Iterator[Iterator[Image]]:
        yield iter(plays)

    said: list[str] = []
    source = LiveSource("Camera 7", opening, said.append, lambda seconds: True)
    with source.frames() as frames:
        shapes = [frame.image.shape for frame in frames]
    assert shapes == [(48, 64, 3), (48, 64, 3), (1, 1, 3), (6000, 8000, 3), (48, 64, 3)]
    assert source.broken == 2
    first = (
        "Camera 7 gave a broken picture; such are left out. An array of 0x0x3 uint8 is no picture."
    )
    last = "Camera 7 gave 2 broken pictures."
    assert said == [first, "Camera 7 is gone; trying again.", last]


@pytest.mark.parametrize("size", [(1, 1), (1, 4000), (4000, 1), (8000, 6000), (3, 5)])
def test_pictures_of_every_size_are_detected_on(size: tuple[int, int], demo_bundle: Path) -> None:
    width, height = size
    found = Detector(demo_bundle, "onnxruntime", confidence=0.01)(
        np.full((height, width, 3), 90, np.uint8)
    )
    assert (found.xyxy >= 0).all()
    assert (found.xyxy <= [width, height, width, height]).all()


def test_odd_files_are_read_or_refused_in_a_sentence(
    null_bundle: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (48, 64, 4), np.uint8)
    folder = tmp_path / "in"
    folder.mkdir()
    cv2.imwrite(str(folder / "gray.png"), noise[..., 0])
    cv2.imwrite(str(folder / "rgba.png"), noise)
    cv2.imwrite(str(folder / "deep.png"), noise[..., :3].astype(np.uint16) * 257)
    cv2.imwrite(str(folder / "one.png"), noise[:1, :1, :3])
    cv2.imwrite(str(folder / "large.jpg"), np.zeros((6000, 8000, 3), np.uint8))
    for path in folder.iterdir():
        image = read_image(path)
        assert (image.dtype, image.shape[2]) == (np.uint8, 3)
    assert (read_image(folder / "deep.png") == noise[..., :3]).all()
    arguments = (null_bundle, "--source", folder, "--json", "--out", tmp_path / "out")
    code, lines, said = ended(started(tmp_path, *arguments))
    assert (code, len(lines)) == (0, 5), said
    for name in ("one.png", "large.jpg", "gray.png"):
        drawn, before = (read_image(root / name) for root in (tmp_path / "out", folder))
        assert drawn.shape == before.shape


@pytest.mark.parametrize("kept", [0, 2, 200, 0.5])
def test_a_truncated_photo(
    kept: float,
    null_bundle: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    """It is refused; some versions of OpenCV see what is there of half a photo."""
    noise = np.random.default_rng(0).integers(0, 255, (480, 640, 3), np.uint8)
    whole = cv2.imencode(".jpg", noise)[1].tobytes()
    path = tmp_path / "cut.jpg"
    path.write_bytes(whole[: int(kept * len(whole)) if kept < 1 else int(kept)])
    process = started(tmp_path, null_bundle, "--source", path, "--json")
    code, lines, said = ended(process)
    if kept != 0.5 or code:
        assert (code, lines) == (2, [])
        assert f"edgeyolo: {path} is not a readable image." in said


# Signals


_SIGNALS = """
import os, signal, threading, time
from edgeyolo.device import signals
from edgeyolo.device.signals import Terminated, ending_in_time, listening
"""  # to a process of its own: a signal that came too late would end all tests


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers there")
def test_what_hangs_is_interrupted() -> None:
    code = """
signals._HEARD_S = 0.5
try:
    with listening() as asked:
        begin = time.monotonic()
        os.kill(os.getpid(), signal.SIGTERM)
        print(asked.to_stop)  # and nothing else happened yet
        time.sleep(60)
except Terminated:
    print(0.5 <= time.monotonic() - begin < 50)
print(signal.getitimer(signal.ITIMER_REAL))
print(signal.getsignal(signal.SIGTERM) is signal.getsignal(signal.SIGALRM) is signal.SIG_DFL)
"""
    assert python(_SIGNALS + code) == "True\nTrue\n(0.0, 0.0)\nTrue\n"


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers there")
def test_what_is_closed_has_its_own_time() -> None:
    code = """
signals._HEARD_S, signals._ENDED_S = 2.0, 3.0
try:
    with listening() as asked:
        os.kill(os.getpid(), signal.SIGTERM)
        asked.hear()
        time.sleep(60)
except Terminated:
    print(3.0 <= time.monotonic() - asked.since < 50)
"""
    assert python(_SIGNALS + code) == "True\n"


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers there")
def test_the_next_interruption_does_not_meet_the_end_of_the_first() -> None:
    """The timer goes on; once the body is left nothing may be raised any more."""
    code = """
signals._HEARD_S, signals._ENDED_S = 0.2, 0.3  # the next after a tenth of a second
whole = signal.signal
def late(*given):  # a machine that is busy while the handlers are put back
    end = time.monotonic() + 0.3
    while signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL and time.monotonic() < end:
        pass
    return whole(*given)
try:
    with listening():
        signal.signal = late
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(60)
except Terminated:
    print("once")
time.sleep(0.5)
print(signal.getsignal(signal.SIGTERM) is signal.getsignal(signal.SIGALRM) is signal.SIG_DFL)
"""
    assert python(_SIGNALS + code) == "once\nTrue\n"


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGTERM there")
def test_the_last_resort_ends_with_the_run() -> None:
    code = """
def waits():
    return any(thread.name == "last resort" for thread in threading.enumerate())
with ending_in_time(), listening():
    print(waits())
    os.kill(os.getpid(), signal.SIGHUP)  # of which it hears, too
end = time.monotonic() + 60
while waits() and time.monotonic() < end:
    time.sleep(0.01)
print(waits(), signal.set_wakeup_fd(-1))
"""
    assert python(_SIGNALS + code) == "True\nFalse -1\n"


_IN_C = """
import hashlib, sys
def hang(*_, **__):
    print("hanging", file=sys.stderr, flush=True)
    hashlib.pbkdf2_hmac("sha256", b"", b"", 60_000_000)  # a minute, in one call of C
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGTERM there")
@pytest.mark.parametrize(
    "what",
    [
        "edgeyolo.device.engines.null.Engine.__init__",
        "edgeyolo.device.sinks.csvfile.CsvFile.write",
        "edgeyolo.device.sinks.csvfile.CsvFile.close",
    ],
)
def test_sigterm_ends_it_whatever_hangs(what: str, null_bundle: Path, tmp_path: Path) -> None:  # noqa: F811
    module, kind, method = what.rsplit(".", 2)
    before = f"{_IN_C}\nimport {module}\n{module}.{kind}.{method} = hang"
    csv = ("--csv", tmp_path / "out.csv", "--frames", 5)
    process = started(tmp_path, null_bundle, "--camera", CAMERA, *csv, before=before, patient=False)
    assert process.stderr is not None
    while "hanging" not in (line := process.stderr.readline()):
        assert line, "it ended"
    process.terminate()
    assert ended(process, timeout=20)[0] == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full there")
@pytest.mark.parametrize("outputs", [("--json",), ("--csv", "out.csv")])
def test_a_log_that_is_full_stops_nothing(
    outputs: tuple[str, ...],
    null_bundle: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    command = [sys.executable, "-m", "edgeyolo", "run", str(null_bundle), "--camera", CAMERA]
    with Path("/dev/full").open("w") as log:
        process = subprocess.Popen(
            [*command, *outputs, "--frames", "70"], cwd=tmp_path, stderr=log, stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        if "--json" in outputs:
            process.stdout.readline()
            process.send_signal(signal.SIGHUP)  # of which is told
        process.communicate(timeout=240)
    assert process.returncode == 0


@pytest.mark.skipif(not hasattr(select, "poll"), reason="no poll there")
def test_a_reader_that_hangs_stops_nothing_else(null_bundle: Path, tmp_path: Path) -> None:  # noqa: F811
    command = [sys.executable, "-m", "edgeyolo", "run", str(null_bundle), "--json"]
    process = subprocess.Popen(
        [*command, "--camera", "synthetic://64x48@1000", "--frames", "4000"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    told = process.stderr.read()  # up to its end: nobody reads the lines, of which there are more
    assert process.wait(timeout=240) == 0  # than a pipe can hold
    lines = process.stdout.read().splitlines()
    frames = [json.loads(line)["frame"] for line in lines[:-1]]  # the last may be a half one
    assert "Nobody reads the standard output" in told
    left_out = int(re.search(r"([0-9]+) lines were not read", told)[1])  # type: ignore[index]
    assert 4000 - len(lines) <= left_out <= 4000 - len(frames)
    assert frames == sorted(frames)
    assert len(frames) > 500


@pytest.mark.skipif(not hasattr(select, "poll"), reason="no poll there")
def test_a_reader_that_comes_back_gets_whole_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonl, "_PATIENCE_S", 0.05)
    reader, writer = os.pipe()
    said: list[str] = []
    many = Detections(  # a line that is longer than what a pipe takes at once
        xyxy=np.zeros((200, 4), np.float32),
        score=np.ones(200, np.float32),
        class_id=np.zeros(200, np.int64),
    )
    with os.fdopen(writer, "w") as stream:
        sink = jsonl.JsonLines(stream, ("a",), is_live=True, say=said.append)
        image = np.zeros((4, 4, 3), np.uint8)
        for index in range(30):
            sink.write(Frame(index, 0.0, image, ""), many)
        got = os.read(reader, 1 << 20)
        for index in range(30, 32):  # the half line is finished first
            sink.write(Frame(index, 0.0, image, ""), many)
        got += os.read(reader, 1 << 20)
        sink.close(complete=True)
    os.close(reader)
    frames = [json.loads(line)["frame"] for line in got.splitlines()]
    assert frames[-2:] == [30, 31]
    assert len(frames) < 10
    assert said[0].startswith("Nobody reads the standard output")
    assert said[1] == "Standard output is read again."
    assert f"{32 - len(frames)} lines were not read" in said[2]


def test_an_error_of_the_system_is_one_of_that_sink_only() -> None:
    class Pulled(Kept):
        def write(self, *_: Any) -> bool:
            raise OSError(errno.EIO, "Input/output error", "stick/out.csv")

    said: list[str] = []
    kept = Kept()
    source = Numbered(20, is_live=True)
    with pytest.raises(EdgeyoloError, match="1 of 2 outputs"):
        run(source, Slow(), [Pulled(), kept], say=said.append)  # type: ignore[arg-type]
    assert kept.complete
    assert said == ["stick/out.csv: input/output error. The other outputs go on."]


def test_files_are_closed_before_peers_are_waited_for() -> None:
    order: list[str] = []

    class Closing(Kept):
        def __init__(self, name: str, has_peer: bool) -> None:
            super().__init__()
            self.name, self.has_peer = name, has_peer

        def hurry(self) -> None:
            order.append(f"hurry {self.name}")

        def close(self, *, complete: bool) -> None:
            order.append(self.name)

    asked = Asked(to_stop=True)
    sinks = [Closing("broker", True), Closing("table", False), Closing("video", False)]
    run(Numbered(3, is_live=True), Slow(), sinks, asked=asked)  # type: ignore[arg-type]
    hurried = [f"hurry {sink.name}" for sink in sinks]
    assert order == [*hurried, "table", "video", "broker"]
    order.clear()
    run(Numbered(3, is_live=False), Slow(), sinks)  # type: ignore[arg-type]
    assert order == ["table", "video", "broker"]


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="no SIGHUP there")
def test_signals_may_come_in_any_number() -> None:
    code = """
signals._HEARD_S, signals._ENDED_S = 60.0, 120.0
with listening() as asked:
    for _ in range(200):
        os.kill(os.getpid(), signal.SIGHUP)
        os.kill(os.getpid(), signal.SIGTERM)
    print(asked.to_reload, asked.to_stop)
"""
    assert python(_SIGNALS + code) == "True True\n"


def test_a_run_that_is_asked_to_stop_ends_between_two_frames() -> None:
    asked, kept = Asked(), Kept()

    class Asking(Told):
        def write(self, *_: Any) -> bool:
            asked.to_stop = len(self.indices) == 4
            return super().write(*_)

    source = Numbered(10_000, is_live=True)
    assert run(source, Slow(), [Asking(), kept], asked=asked) == 5  # type: ignore[arg-type]
    assert kept.complete
    assert source.closed


_AWKWARD = {
    "while it is loaded": """
from edgeyolo.device.engines import null
whole = null.Engine.__init__
def load(self, *arguments):
    hang("loading")
    whole(self, *arguments)
null.Engine.__init__ = load
""",
    "before the first frame": """
from edgeyolo.device.sources.synthetic import SyntheticSource
whole = SyntheticSource._draw
def draw(self):
    hang("drawing")
    yield from whole(self)
SyntheticSource._draw = draw
""",
    "while it is closed": """
from edgeyolo.device.sinks.csvfile import CsvFile
whole = CsvFile.close
def close(self, *, complete):
    hang("closing")
    whole(self, complete=complete)
CsvFile.close = close
""",
}


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="no SIGHUP there")
@pytest.mark.parametrize("moment", list(_AWKWARD))
@pytest.mark.parametrize("number", ["SIGTERM", "SIGHUP"])
def test_signals_at_awkward_moments(
    moment: str,
    number: str,
    null_bundle: Path,  # noqa: F811
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    sent = tmp_path_factory.mktemp("signals") / "sent"
    before = f"""
import sys, time
from pathlib import Path
import edgeyolo.device.signals as signals
signals._HEARD_S = 0.3  # it is interrupted while it hangs
def hang(what):
    print(what, file=sys.stderr, flush=True)
    while not Path({str(sent)!r}).exists():
        time.sleep(0.01)
    end = time.monotonic() + 0.7
    while time.monotonic() < end:
        time.sleep(0.01)
{_AWKWARD[moment]}
"""
    outputs = ("--json", "--out", tmp_path / "out.mp4", "--csv", tmp_path / "out.csv")
    arguments = (null_bundle, "--camera", CAMERA, *outputs, "--frames", 10)
    process = started(tmp_path, *arguments, before=before)
    assert process.stderr is not None
    assert process.stderr.readline().endswith("ing\n")
    process.send_signal(getattr(signal, number))
    sent.touch()
    code, lines, said = ended(process)
    assert code == 0, said
    goes_on = number == "SIGHUP" or moment == "while it is closed"
    assert len(lines) == (10 if goes_on else 0)
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == (["out.csv", "out.mp4"] if goes_on else [])


@pytest.mark.parametrize("engine", ["ncnn", "onnxruntime"])
def test_a_run_that_ends_while_its_engine_computes(
    engine: str, slim_bundle: Path, tmp_path: Path
) -> None:
    """On a slow board a frame takes longer than the loop waits for it."""
    before = "import edgeyolo.device.loop as loop; loop._PATIENCE_S = 0.0"
    arguments = (slim_bundle, "--engine", engine, "--camera", "synthetic://1280x720@30", "--json")
    for _ in range(3):
        process = started(tmp_path, *arguments, before=before)
        lines_of(process, 2)
        process.terminate()
        code, _, said = ended(process)
        assert (code, said) == (0, "")


# The end


_ENCODES = """
import sys, time, threading
import cv2, numpy
from edgeyolo.cli.edge import leave
from edgeyolo.device.outbox import Outbox, Rules
image = numpy.random.default_rng(0).integers(0, 255, (600, 600, 3), numpy.uint8)
def encode(item):
    while True:
        cv2.imencode(".jpg", image)
if sys.argv[1:]:
    threading.Thread(target=encode, args=(0,), name=sys.argv[1], daemon=True).start()
else:
    box = Outbox("Snapshots", encode, print, Rules(closing_s=0))
    box.put(0)
    time.sleep(0.3)
    box.close()
time.sleep(0.3)
leave(3)
"""


@pytest.mark.parametrize("thread", ["", "capture", "detect", "encoded", "serve"])
def test_a_thread_that_encodes_does_not_abort_the_process(thread: str) -> None:
    command = [sys.executable, "-c", _ENCODES, *thread.split()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert (done.returncode, done.stderr) == (3, "")


def test_the_end_knows_every_thread_of_ours() -> None:
    import edgeyolo.device
    from edgeyolo.cli.edge import _WORKERS

    text = "".join(p.read_text() for p in Path(edgeyolo.device.__file__).parent.rglob("*.py"))
    names = re.findall(r'\bThread\([^"]*name=f?"(\w+)', text)
    assert len(names) == text.count("Thread(target=") >= 5
    assert set(names) - {"last"} == set(_WORKERS)  # the last resort only waits


# Clocks


def test_the_wall_clock_may_jump(monkeypatch: pytest.MonkeyPatch) -> None:
    """By NTP at boot, by years where a board has no clock of its own."""
    whole, calls = time.time, iter(range(1_000_000))

    def jumping() -> float:
        return whole() + (1e9 if next(calls) % 2 else -1e9)

    monkeypatch.setattr(time, "time", jumping)
    monkeypatch.setattr(time, "time_ns", lambda: int(jumping() * 1e9))
    meter, kept = Meter(), Kept()
    source = SyntheticSource(64, 48, 50)
    assert run(source, Slow(), [kept], limit=20, meter=meter) == 20  # type: ignore[arg-type]
    reading = meter.read()
    assert 0 < reading.fps < 100
    assert 0 <= reading.age_ms < 60_000  # years, it would be
    waits: list[float] = []
    detector = _reloading(Breaking(), [], waits)
    for _ in range(4):
        detector.recover(EdgeyoloError("x"))
    with pytest.raises(EdgeyoloError):
        detector.recover(EdgeyoloError("x"))


# When a frame was taken; until when a server wants to be left alone, which it names by a date.
_BY_THE_WALL = ("moment.py", "webhook.py")


def test_nothing_on_the_board_measures_by_the_wall_clock() -> None:
    import edgeyolo.device

    root = Path(edgeyolo.device.__file__).parent
    asked = ("time.time(", "time.time_ns(", "datetime.now(", "datetime.utcnow(")
    found = [
        f"{path.relative_to(root)}: {line.strip()}"
        for path in sorted(root.rglob("*.py"))
        for line in path.read_text(encoding="utf-8").splitlines()
        if any(call in line for call in asked) and path.name not in _BY_THE_WALL
    ]
    assert found == []


# Cameras


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_a_source_process_that_is_killed_and_started_again(tmp_path: Path) -> None:
    """MJPEG through a pipe, as programs of cameras write it."""
    script = """
import sys, time, numpy as np, cv2
jpeg = cv2.imencode(".jpg", np.full((int(sys.argv[1]), 64, 3), 99, np.uint8))[1].tobytes()
from http.server import BaseHTTPRequestHandler, HTTPServer
class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=f")
        self.end_headers()
        while True:
            self.wfile.write(b"--f\\r\\nContent-Type: image/jpeg\\r\\n")
            self.wfile.write(b"Content-Length: %d\\r\\n\\r\\n" % len(jpeg) + jpeg + b"\\r\\n")
            time.sleep(0.02)
    def log_message(self, *_): pass
HTTPServer.allow_reuse_address = True
server = HTTPServer(("127.0.0.1", int(sys.argv[2])), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
"""

    def start(height: int, port: int) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", script, str(height), str(port)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    from edgeyolo.device.source import open_source

    camera = start(48, 0)
    assert camera.stdout is not None
    port = int(camera.stdout.readline())
    said, tries = list[str](), 0
    source = open_source(f"http://127.0.0.1:{port}/", said.append)
    assert isinstance(source, LiveSource)

    def wait(seconds: float) -> bool:
        nonlocal camera, tries
        tries += 1
        if tries == 3:
            camera = start(96, port)
            assert camera.stdout is not None
            camera.stdout.readline()
        return tries > 20

    source._wait = wait
    heights: list[int] = []
    try:
        with source.frames() as frames:
            for frame in frames:
                heights.append(frame.image.shape[0])
                if len(heights) == 5:
                    camera.kill()
                    camera.communicate()
                if heights.count(96) == 5:
                    break
    finally:
        camera.kill()
        camera.communicate()
    assert set(heights) == {48, 96}
    assert source.losses == 1
    assert [sentence.split()[2] for sentence in said] == ["gone;", "back."]
    assert 3 <= tries <= 6


# Reloads


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="no /proc")
@pytest.mark.parametrize("engine", ["ncnn", "onnxruntime"])
def test_a_hundred_reloads_leave_nothing_behind(
    engine: str, demo_bundle: Path, tmp_path: Path
) -> None:
    bundle = tmp_path / "bundle"
    shutil.copytree(demo_bundle, bundle)
    arguments = (bundle, "--engine", engine, "--threads", 1, "--camera", CAMERA, "--json")
    process = started(tmp_path, *arguments)
    assert process.stderr is not None
    lines_of(process, 1)  # before, a signal meets a Python that is not up yet
    silent = threading.Thread(target=lambda: list(process.stdout or ()), daemon=True)
    silent.start()
    watched, looks = psutil.Process(process.pid), list[tuple[float, int, int]]()
    try:
        for count in range(100):
            process.send_signal(signal.SIGHUP)
            assert process.stderr.readline() == f"{bundle} is loaded anew.\n"
            if count in (20, 99):
                rss = watched.memory_info().rss / 1e6
                looks.append((rss, watched.num_fds(), watched.num_threads()))
        process.terminate()
        assert process.wait(60) == 0
    finally:
        process.kill()
        silent.join(60)
        process.stderr.close()
    (rss_before, *before), (rss_after, *after) = looks
    assert after == before  # descriptors and threads
    print(looks)
    assert rss_after - rss_before < 8, looks
