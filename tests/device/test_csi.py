"""Cameras on a board's own connector, through the programs and the library that know them.

The programs are stand-ins that take the real command lines and give real raw frames; where there
is a real gst-launch-1.0, it runs too.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

if sys.platform != "linux":
    pytest.skip("these cameras are on Linux boards", allow_module_level=True)

import edgeyolo.device.model as model_module
from edgeyolo.device.frame import Frame
from edgeyolo.device.source import open_source
from edgeyolo.device.sources import board_camera, nvargus, picamera2, pipe, rpicam
from edgeyolo.device.sources.board_camera import BoardCamera, Way
from edgeyolo.device.sources.csi import CsiCamera
from edgeyolo.device.sources.live import LiveSource
from edgeyolo.errors import CameraError, UsageError
from edgeyolo.images import Image
from tests.device.fake_picamera2 import FakePicamera2

PI_4, PI_5 = "Raspberry Pi 4 Model B Rev 1.4", "Raspberry Pi 5 Model B Rev 1.0"
JETSON = "NVIDIA Jetson Orin Nano Developer Kit"
SMALL = CsiCamera(0, 320, 240, 100)
NOT_HERE = "picamera2: not in this Python, whose environment needs --system-site-packages"


@dataclass
class Programs:
    """A folder at the head of PATH."""

    folder: Path

    def put(self, name: str, *plays: dict[str, Any]) -> None:
        """The stand-in under a name, and what it does at each start."""
        program = (Path(__file__).parent / "camera_program.py").read_text()
        (self.folder / name).write_text(f"#!{sys.executable} -SE\n{program}")
        (self.folder / name).chmod(0o755)
        (self.folder / "plays.json").write_text(json.dumps(plays or [{}]))

    @property
    def starts(self) -> list[dict[str, Any]]:
        lines = (self.folder / "starts.jsonl").read_text().splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def wait_for_start(self) -> None:
        """Until the stand-in is at work."""
        while not (self.folder / "starts.jsonl").exists() or not self.starts:
            time.sleep(0.01)

    def assert_none_is_left(self) -> None:
        for start in self.starts:
            with pytest.raises(ProcessLookupError):  # also of a zombie there would be none
                os.kill(start["pid"], 0)


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Programs:
    """Only what is put there, and the system's own shell."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}")
    return Programs(folder)


@pytest.fixture(autouse=True)
def no_picamera2(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "picamera2", None)


@pytest.fixture
def board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Make this a board: ``board(PI_5)`` with a sensor, ``board(PI_5, sensor=False)`` without."""

    def become(name: str, *, sensor: bool = True) -> None:
        (tmp_path / "model").write_bytes(name.encode() + b"\0")
        monkeypatch.setattr(model_module, "MODEL", tmp_path / "model")
        receivers = {PI_4: "unicam-image", PI_5: "rp1-cfe-csi2_ch0"}
        nodes = {"video0": receivers.get(name, "vi-output, imx219 9-0010"), "video19": "pispbe"}
        for node, said in nodes.items():
            if sensor or node != "video0":
                (tmp_path / "nodes" / node).mkdir(parents=True)
                (tmp_path / "nodes" / node / "name").write_text(f"{said}\n")
        monkeypatch.setattr(model_module, "VIDEO_NODES", tmp_path / "nodes")

    return become


def _open_files() -> set[Path]:
    return set(Path("/proc/self/fd").iterdir())


@pytest.fixture(autouse=True)
def nothing_stays_open() -> Iterator[None]:
    before = _open_files()
    yield
    assert _open_files() <= before


def _taken(opened: LiveSource | Any, count: int) -> list[Frame]:
    with opened.frames() as frames:
        return [next(frames) for _ in range(count)]


def _pictures(opened: Any, count: int) -> list[Image]:
    with opened as pictures:
        return [next(pictures) for _ in range(count)]


def _assert_is_picture(image: Image, width: int, height: int, index: int) -> None:
    assert image.shape == (height, width, 3)
    assert image.dtype == np.uint8
    assert image.flags.c_contiguous
    gray = 40 + 10 * (index % 16)
    across, down = slice(4, width // 2 - 4), slice(4, height // 2 - 4)
    right, below = slice(width // 2 + 4, width), slice(height // 2 + 4, height)  # to the very edge
    for part, color in (
        (image[down, across], (255, 255, 255)),
        (image[down, right], (0, 0, 0)),
        (image[below, across], (40, 80, 200)),
        (image[below, right], (gray, gray, gray)),
    ):
        assert np.abs(part.astype(int) - color).max() <= 3


def _now() -> threading.Event:
    return threading.Event()


@pytest.mark.parametrize(
    ("name", "unit", "width", "height"),
    [
        *((PI_4, 64, 640, 480), (PI_5, 128, 640, 480)),  # without padding
        *((PI_4, 64, 160, 120), (PI_5, 128, 160, 120), (PI_5, 128, 322, 242)),
        *(("Raspberry Pi Zero 2 W Rev 1.0", 64, 200, 150), ("Raspberry Pi 500", 128, 200, 150)),
        *(("Raspberry Pi Compute Module 4 Rev 1.0", 64, 200, 150),),
        *(("Raspberry Pi Model B Plus Rev 1.2", 64, 200, 150),),
    ],
)
def test_rpicam_vid_is_asked_for_raw_frames_whose_rows_are_padded(
    programs: Programs,
    board: Callable[..., None],
    name: str,
    unit: int,
    width: int,
    height: int,
) -> None:
    board(name)
    programs.put("rpicam-vid", {"unit": unit})
    asked = CsiCamera(1, width, height, 90)
    for index, image in enumerate(_pictures(rpicam.pictures("rpicam-vid", asked, _now()), 3)):
        _assert_is_picture(image, width, height, index)
    (start,) = programs.starts
    assert start["argv"] == [
        *("rpicam-vid", "--camera", "1", "--width", f"{width}", "--height", f"{height}"),
        *("--framerate", "90", "--codec", "yuv420", "--timeout", "0"),
        *("--nopreview", "--flush", "-o", "-"),
    ]
    programs.assert_none_is_left()


@pytest.mark.parametrize("space", ["sYCC", "SMPTE170M", "Rec709/Rec709/Rec601/Limited"])
def test_what_the_program_says_of_its_frames_counts(
    programs: Programs, board: Callable[..., None], space: str
) -> None:
    board(PI_4)
    programs.put("rpicam-vid", {"size": [400, 300], "space": space})
    for index, image in enumerate(_pictures(rpicam.pictures("rpicam-vid", SMALL, _now()), 2)):
        _assert_is_picture(image, 400, 300, index)


@pytest.mark.parametrize(("width", "height"), [(320, 240), (322, 242)])
def test_a_jetson_gives_frames_beside_what_it_prints(
    programs: Programs, board: Callable[..., None], width: int, height: int
) -> None:
    board(JETSON)
    programs.put("gst-launch-1.0")
    said: list[str] = []
    source = open_source(f"csi://1?width={width}&height={height}&fps=60", said.append)
    for index, frame in enumerate(_taken(source, 3)):
        _assert_is_picture(frame.image, width, height, index)
    assert said == ["Camera csi://1 is read by gst-launch-1.0."]
    (start,) = programs.starts
    assert " ".join(start["argv"]).partition(" ! fdsink fd=")[0] == (
        "gst-launch-1.0 -q nvarguscamerasrc sensor-id=1 ! video/x-raw(memory:NVMM),"
        f"width={width},height={height},framerate=60/1,format=NV12 ! nvvidconv ! "
        f"video/x-raw,width={width},height={height},format=BGRx ! videoconvert ! "
        "video/x-raw,format=BGR"
    )
    programs.assert_none_is_left()


def _real_gstreamer() -> str:
    path = os.environ["PATH"]
    launch, inspect = shutil.which("gst-launch-1.0"), shutil.which("gst-inspect-1.0")
    plugins = ("videotestsrc", "videoconvert", "fdsink")
    if (
        launch is None
        or inspect is None
        or any(subprocess.run([inspect, name], capture_output=True).returncode for name in plugins)
    ):
        if os.environ.get("EDGEYOLO_REQUIRE_PROGRAMS") == "1":
            pytest.fail(f"no gst-launch-1.0 with {', '.join(plugins)} on {path}")
        pytest.skip("no gst-launch-1.0")
    return launch


@pytest.mark.parametrize("width", [320, 322])
def test_the_real_gstreamer(width: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = _real_gstreamer()
    instead = {
        "nvarguscamerasrc": "videotestsrc is-live=true pattern=red",
        "sensor-id=0": "",
        "nvvidconv": "videoconvert",
    }
    replacing = "; ".join(f"s|^{old}$|{new}|" for old, new in instead.items())
    shim = tmp_path / "gst-launch-1.0"
    shim.write_text(
        f'#!/bin/sh\nexec {real} $(for word in "$@"; do echo "$word"; done '
        f"| sed -e '{replacing}; s|(memory:NVMM)||; s|,format=NV12||')\n"
    )
    shim.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    for image in _pictures(nvargus.pictures(CsiCamera(0, width, 240, 30), _now()), 4):
        assert image.shape == (240, width, 3)
        assert np.abs(image.astype(int) - (0, 0, 255)).max() <= 2


def test_the_real_gstreamer_without_nvidias_source() -> None:
    _real_gstreamer()
    with pytest.raises(CameraError, match='no element "nvarguscamerasrc"'):
        _pictures(nvargus.pictures(SMALL, _now()), 1)


def _usb(monkeypatch: pytest.MonkeyPatch, *, works: bool) -> list[int | str]:
    asked: list[int | str] = []

    def camera(device: int | str, name: str) -> Any:
        @contextmanager
        def opened() -> Iterator[Iterator[Image]]:
            asked.append(device)
            if not works:
                raise CameraError(f"{name} does not give a picture.")
            yield iter([np.zeros((8, 8, 3), np.uint8)])

        return opened

    monkeypatch.setattr(board_camera, "v4l2", camera)
    return asked


@pytest.mark.parametrize(
    ("installed", "plays", "sentence"),
    [
        (["rpicam-vid"], {}, f"rpicam-vid ({NOT_HERE})"),
        (["libcamera-vid"], {}, f"libcamera-vid ({NOT_HERE})"),
        (["rpicam-vid", "libcamera-vid"], {}, f"rpicam-vid ({NOT_HERE})"),
        ([], {}, f"V4L2 ({NOT_HERE}; rpicam-vid: not installed)"),
        (
            ["rpicam-vid"],
            {"error": "no cameras available"},
            f"V4L2 ({NOT_HERE}; rpicam-vid: no cameras available)",
        ),
        (
            ["rpicam-vid"],
            {"frames": 0, "then": "half"},
            f"V4L2 ({NOT_HERE}; rpicam-vid: it ended with code 0)",
        ),
    ],
)
def test_on_a_raspberry_pi_the_first_way_that_gives_a_picture_is_taken(
    programs: Programs,
    board: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    installed: list[str],
    plays: dict[str, Any],
    sentence: str,
) -> None:
    board(PI_4)
    for name in installed:
        programs.put(name, plays)
    asked, said = _usb(monkeypatch, works=True), list[str]()
    (frame,) = _taken(open_source("0", said.append), 1)
    assert said == [f"Camera 0 is read by {sentence}."]
    assert asked == ([0] if sentence.startswith("V4L2") else [])
    assert frame.image.shape == ((8, 8, 3) if asked else (720, 1280, 3))
    if installed:
        programs.assert_none_is_left()


def test_without_a_sensor_nothing_of_it_is_tried(
    programs: Programs, board: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    board(PI_5, sensor=False)
    programs.put("rpicam-vid")
    asked, said = _usb(monkeypatch, works=True), list[str]()
    _taken(open_source("2", said.append), 1)
    assert said == ["Camera 2 is read by V4L2 (no CSI sensor is connected)."]
    assert asked == [2]
    assert not (programs.folder / "starts.jsonl").exists()


def test_where_no_way_works_all_reasons_are_given(
    programs: Programs, board: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    board(JETSON)
    programs.put("gst-launch-1.0", {"error": "No cameras available"})
    _usb(monkeypatch, works=False)
    said: list[str] = []
    with pytest.raises(CameraError) as caught:
        _taken(open_source("0", said.append), 1)
    assert caught.value.message == (
        "Camera 0 gives no picture (gst-launch-1.0: No cameras available; "
        "V4L2: Camera 0 does not give a picture)."
    )
    assert caught.value.hint
    assert said == []
    programs.assert_none_is_left()


def test_on_a_pc_a_number_is_what_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_module, "MODEL", Path("/none"))
    source = open_source("0", print)
    assert type(source) is LiveSource
    assert source.name == "Camera 0"


def test_a_board_that_does_not_say_what_it_is(
    programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_module, "MODEL", Path("/none"))  # as in a container
    with pytest.raises(CameraError) as caught:
        _taken(open_source("csi://0", print), 1)
    for reason in (NOT_HERE, "rpicam-vid: not installed", "gst-launch-1.0: not installed"):
        assert reason in caught.value.message


def test_a_program_that_may_not_be_started(programs: Programs) -> None:
    (programs.folder / "rpicam-vid").write_text("")
    with pytest.raises(CameraError, match="permission denied"):
        _pictures(rpicam.pictures("rpicam-vid", SMALL, _now()), 1)


def test_a_program_that_dies_is_started_again_and_its_words_are_told_once(
    programs: Programs, board: Callable[..., None]
) -> None:
    board(PI_5)
    usual = {"unit": 128}
    programs.put(
        "rpicam-vid",
        {**usual, "frames": 2, "then": "fail"},
        {"error": "no cameras available"},
        {"error": "no cameras available"},
        {**usual, "frames": 1, "then": "half"},
        usual,
    )
    said: list[str] = []
    source = open_source("csi://0?width=320&height=240&fps=100", said.append)
    waits: list[float] = []
    source._wait = lambda seconds: bool(waits.append(seconds))  # type: ignore[attr-defined]
    for index, frame in zip((0, 1, 0, 0, 1), _taken(source, 5), strict=True):
        _assert_is_picture(frame.image, 320, 240, index)
    name, gone = "Camera csi://0", "Camera csi://0 is gone; trying again."
    assert said[:5] == [
        f"{name} is read by rpicam-vid ({NOT_HERE}).",
        f"{name}, rpicam-vid: Device timeout.",
        gone,
        f"{name}, rpicam-vid: no cameras available.",
        f"{name} is back.",
    ]
    assert said[6:] == [gone, f"{name} is back."]
    assert len(waits) == 4
    assert len(programs.starts) == 5
    programs.assert_none_is_left()


def test_what_was_taken_is_kept(
    programs: Programs, board: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    board(PI_4)
    programs.put("rpicam-vid", {"frames": 1, "then": "fail"}, {"error": "busy"}, {})
    asked, said = _usb(monkeypatch, works=True), list[str]()
    source = open_source("0", said.append)
    source._wait = lambda seconds: False  # type: ignore[attr-defined]
    assert [frame.image.shape for frame in _taken(source, 2)] == [(720, 1280, 3)] * 2
    assert asked == []  # not what V4L2 has under that number, which is another camera
    assert sum("is read by" in sentence for sentence in said) == 1


def test_a_program_that_crashes(programs: Programs) -> None:
    (programs.folder / "rpicam-vid").write_text("#!/bin/sh\nkill -SEGV $$\n")
    (programs.folder / "rpicam-vid").chmod(0o755)
    with pytest.raises(CameraError, match="it was ended by signal 11"):
        _pictures(rpicam.pictures("rpicam-vid", SMALL, _now()), 1)


@pytest.mark.parametrize("frames", [0, 2])
def test_a_program_that_hangs_is_given_up(programs: Programs, frames: int) -> None:
    programs.put("rpicam-vid", {"frames": frames, "then": "hang"})
    with pipe.started(rpicam.command("rpicam-vid", SMALL), _now()) as opened:
        picture = bytearray(320 * 240 * 3 // 2)
        for _ in range(frames):
            assert opened.fill(memoryview(picture))
        programs.wait_for_start()
        opened._silence_s = 0.5
        with pytest.raises(CameraError, match=r"no picture for 0\.5 seconds"):
            opened.fill(memoryview(picture))
    programs.assert_none_is_left()


@pytest.mark.parametrize(
    "play",
    [
        {"frames": 1, "then": "hang"},
        {"frames": 1, "then": "hang", "deaf": True},
        {"deaf": True},  # it goes on giving pictures that nobody takes
    ],
)
def test_it_can_be_stopped_while_a_picture_is_waited_for(
    programs: Programs, board: Callable[..., None], play: dict[str, Any]
) -> None:
    board(PI_4)
    programs.put("rpicam-vid", play)
    said: list[str] = []
    source = open_source("csi://0?width=320&height=240&fps=100", said.append)
    first, ended = threading.Event(), threading.Event()

    def read() -> None:
        with source.frames() as frames:
            for _ in frames:
                first.set()
        ended.set()

    reader = threading.Thread(target=read)
    reader.start()
    assert first.wait(60)
    start = time.monotonic()
    source.stop()
    assert ended.wait(60)
    assert time.monotonic() - start < 20  # of the minute that the program would hang
    reader.join()
    assert len(said) == 1  # nothing of a camera that went away
    programs.assert_none_is_left()


def test_it_can_be_stopped_before_the_first_picture(
    programs: Programs, board: Callable[..., None]
) -> None:
    board(PI_4)
    programs.put("rpicam-vid", {"frames": 0, "then": "hang"})
    source = open_source("csi://0", print)

    def stop() -> None:
        programs.wait_for_start()
        source.stop()

    stopping = threading.Thread(target=stop)
    stopping.start()
    with source.frames() as frames:
        assert list(frames) == []
    stopping.join()
    programs.assert_none_is_left()


def test_what_the_program_started_ends_with_it(programs: Programs) -> None:
    programs.put("rpicam-real", {"deaf": True, "frames": 1, "then": "hang", "unit": 128})
    wrapper = programs.folder / "rpicam-vid"
    wrapper.write_text('#!/bin/sh\nrpicam-real "$@" &\nwait\n')
    wrapper.chmod(0o755)
    assert len(_pictures(rpicam.pictures("rpicam-vid", SMALL, _now()), 1)) == 1
    deadline = time.monotonic() + 60
    pid = programs.starts[0]["pid"]
    with suppress(OSError):  # its parent is gone: the system reaps it, soon
        while "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2]:
            assert time.monotonic() < deadline, "it is alive"
            time.sleep(0.05)


def test_many_openings_leave_nothing_behind(programs: Programs, board: Callable[..., None]) -> None:
    board(PI_4)
    programs.put("rpicam-vid")
    for _ in range(5):
        _pictures(rpicam.pictures("rpicam-vid", SMALL, _now()), 1)
    before = len(_open_files())
    for _ in range(5):
        _pictures(rpicam.pictures("rpicam-vid", SMALL, _now()), 1)
        with pytest.raises(CameraError):
            _pictures(rpicam.pictures("none", SMALL, _now()), 1)
    assert len(_open_files()) == before
    programs.assert_none_is_left()


@pytest.mark.parametrize(
    "address",
    [
        *("csi://", "csi://x", "csi://-1", "csi://999", "csi:///dev/video0", "csi://0?width=1281"),
        *("csi://0?width=0", "csi://0?height=99999", "csi://0?fps=0", "csi://0?fps=1.5"),
        *("csi://0?width=", "csi://0?width=\u0663\u0664\u0660", "csi://0?flip=1", "csi://0?=1"),
        *("csi://0?width=-640", "csi://0?width=" + 5000 * "9"),
    ],
)
def test_what_is_no_csi_camera_is_said(address: str) -> None:
    with pytest.raises(UsageError) as caught:
        open_source(address, print)
    assert caught.value.hint


def test_what_a_csi_address_means() -> None:
    assert CsiCamera.parse("0") == CsiCamera(0, 1280, 720, 30)
    assert CsiCamera.parse("1/?fps=60&width=640&height=480") == CsiCamera(1, 640, 480, 60)


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> type[FakePicamera2]:
    """A Picamera2 that knows a USB camera and one on the connector, in this order."""
    module = ModuleType("picamera2")
    module.Picamera2 = FakePicamera2  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "picamera2", module)
    usb = {"Model": "C920", "Id": "/base/scb/pcie@7d500000/pci@0,0/usb@0,0-1.2:1.0-046d:082d"}
    own = {"Model": "imx708", "Id": "/base/soc/i2c0mux/i2c@1/imx708@1a", "Num": 1}
    monkeypatch.setattr(FakePicamera2, "cameras", [usb, own])
    monkeypatch.setattr(FakePicamera2, "plays", [0, 1, 2, 3, 4])
    monkeypatch.setattr(FakePicamera2, "log", [])
    return FakePicamera2


def test_picamera2_comes_first(
    library: type[FakePicamera2], programs: Programs, board: Callable[..., None]
) -> None:
    board(PI_5)
    programs.put("rpicam-vid")
    said: list[str] = []
    frames = _taken(open_source("0", said.append), 3)
    assert said == ["Camera 0 is read by picamera2."]
    for index, frame in enumerate(frames):
        assert frame.image.shape == (720, 1280, 3)
        assert frame.image[0, 0].tolist() == [0, 0, 40 + index]
    opened, (name, configuration), *rest = library.log
    assert opened == ("open", 1)  # the first that is not on USB
    assert name == "configure"
    assert configuration["main"] == {"format": "RGB888", "size": (1280, 720)}
    assert configuration["controls"] == {"FrameDurationLimits": (33333, 33333)}
    assert rest == ["start", "stop", "close"]
    assert not (programs.folder / "starts.jsonl").exists()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"cameras": []}, "no CSI camera"),
        ({"start_error": OSError(16, "Device or resource busy")}, "Device or resource busy"),
        ({"plays": [RuntimeError("Camera frontend has timed out!")]}, "frontend has timed out"),
    ],
)
def test_where_picamera2_fails_the_program_is_tried(
    library: type[FakePicamera2],
    programs: Programs,
    board: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    change: dict[str, Any],
    reason: str,
) -> None:
    board(PI_5)
    programs.put("rpicam-vid", {"unit": 128})
    for name, value in change.items():
        monkeypatch.setattr(library, name, value)
    said: list[str] = []
    _taken(open_source("0", said.append), 1)
    (sentence,) = said
    assert sentence.startswith("Camera 0 is read by rpicam-vid (picamera2: ")
    assert reason in sentence
    assert "cameras" in change or library.log[-1] == "close"  # else the program could not open it


def test_there_is_no_second_csi_camera(library: type[FakePicamera2]) -> None:
    with pytest.raises(CameraError, match="no CSI camera 1"):
        _pictures(picamera2.pictures(CsiCamera(1), _now()), 1)


@pytest.mark.parametrize(
    "error",
    [
        ModuleNotFoundError("No module named 'libcamera'", name="libcamera"),
        ValueError("numpy.dtype size changed, may indicate binary incompatibility"),
    ],
)
def test_a_picamera2_that_does_not_load(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    class Finder:
        def find_spec(self, name: str, *_: object) -> None:
            if name == "picamera2":
                raise error

    monkeypatch.delitem(sys.modules, "picamera2")
    monkeypatch.setattr(sys, "meta_path", [Finder(), *sys.meta_path])
    with pytest.raises(CameraError, match=f"does not load: {str(error)[:12]}"):
        _pictures(picamera2.pictures(SMALL, _now()), 1)


def test_a_picamera2_that_gives_nothing_more_is_given_up_and_can_be_closed(
    library: type[FakePicamera2], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library, "plays", [0, "hang"])
    with picamera2.pictures(SMALL, _now(), silence_s=0.2) as pictures:
        next(pictures)
        with pytest.raises(CameraError, match=r"no picture for 0\.2 seconds"):
            next(pictures)
    assert library.log[-3:] == ["cancel", "stop", "close"]


def test_picamera2_can_be_stopped_while_a_picture_is_waited_for(
    library: type[FakePicamera2], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library, "plays", [0, "hang"])
    stopped = threading.Event()
    with picamera2.pictures(SMALL, stopped) as pictures:
        next(pictures)
        threading.Timer(0.1, stopped.set).start()
        assert list(pictures) == []
    assert library.log[-3:] == ["cancel", "stop", "close"]


def test_a_way_that_ends_without_a_picture_is_passed_over() -> None:
    @contextmanager
    def empty(stopped: threading.Event) -> Iterator[Iterator[Image]]:
        yield iter([])

    with pytest.raises(CameraError, match=r"gives no picture \(blind: no picture\)"):
        _taken(BoardCamera("It", [Way("blind", empty)], print), 1)


# The real command


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for the null engine."""
    from edgeyolo.device.bundle import MANIFEST, Bundle
    from edgeyolo.files import write_json

    folder = tmp_path_factory.mktemp("bundle")
    (folder / "model.bin").write_bytes(b"0")
    made = Bundle(
        root=folder,
        name="n",
        precision="fp32",
        names=("cat",),
        height=64,
        width=96,
        strides=(8, 16, 32),
        reg_max=16,
        engines={"null": {"model": "model.bin"}},
    )
    write_json(folder / MANIFEST, made.to_manifest())
    return folder


def _command(bundle: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "edgeyolo", "run", str(bundle), "--json", *arguments]


def _assert_soon_gone(pids: list[int]) -> None:
    deadline = time.monotonic() + 60
    for pid in pids:
        with suppress(OSError):  # gone, or never to be seen again
            while "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2]:
                assert time.monotonic() < deadline, "the camera's program is alive"
                time.sleep(0.05)


def test_the_command(programs: Programs, bundle: Path) -> None:
    programs.put("rpicam-vid")
    done = subprocess.run(
        _command(bundle, "--camera", "csi://0", "--frames", "3"),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 3
    assert f"Camera csi://0 is read by rpicam-vid ({NOT_HERE})." in done.stderr.splitlines()
    assert "Traceback" not in done.stderr
    programs.assert_none_is_left()


def test_the_command_without_a_camera(programs: Programs, bundle: Path) -> None:
    programs.put("rpicam-vid", {"error": "no cameras available"})
    done = subprocess.run(
        _command(bundle, "--camera", "csi://0"),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 4
    assert "rpicam-vid: no cameras available" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("number", "play"),
    [
        (signal.SIGTERM, {"frames": 2, "then": "hang"}),
        (signal.SIGINT, {}),
        (signal.SIGKILL, {}),  # it notices at the next picture
    ],
)
def test_no_camera_program_outlives_the_command(
    programs: Programs, bundle: Path, number: signal.Signals, play: dict[str, Any]
) -> None:
    programs.put("rpicam-vid", play)
    running = subprocess.Popen(
        _command(bundle, "--camera", "csi://0"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with running:
        assert running.stdout
        assert running.stderr
        assert running.stdout.readline()
        running.send_signal(number)
        _, err = running.communicate(timeout=240)
    if number != signal.SIGKILL:
        assert "gone" not in err
        assert "Traceback" not in err
    _assert_soon_gone([start["pid"] for start in programs.starts])
