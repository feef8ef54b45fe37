"""Where frames come from: addresses, a camera that goes away and comes back, drawn frames."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edgeyolo.device.board import temperature, throttling
from edgeyolo.device.frame import Frame
from edgeyolo.device.newest import newest_bundle
from edgeyolo.device.source import open_source, path_of
from edgeyolo.device.sources.live import LiveSource
from edgeyolo.device.sources.synthetic import SyntheticSource
from edgeyolo.device.sources.thinned import Thinned
from edgeyolo.errors import CameraError, UsageError
from edgeyolo.images import Image


def _image(side: int) -> Image:
    return np.zeros((side, side, 3), np.uint8)


def _unsaid(sentence: str) -> None:
    raise AssertionError(sentence)


def test_a_camera_that_goes_away_is_opened_again_and_may_have_another_size() -> None:
    plays: list[list[Image] | str] = [
        [_image(4), _image(4)],  # ends
        "no such device",
        "no such device",
        [_image(6)],  # is back, and ends again at once
        [_image(6), _image(6), _image(6)],  # for some time
    ]
    waits: list[float] = []
    said: list[str] = []

    @contextmanager
    def opening() -> Iterator[Iterator[Image]]:
        play = plays.pop(0) if plays else "over"
        if isinstance(play, str):
            raise CameraError(play)
        yield iter(play)

    def wait(seconds: float) -> bool:
        waits.append(seconds)
        return len(waits) == 7

    ticks = iter(range(0, 10_000, 2))
    source = LiveSource("Camera 7", opening, said.append, wait, lambda: next(ticks))
    assert source.is_live
    with source.frames() as frames:
        found = list(frames)
    assert [frame.image.shape[0] for frame in found] == [4, 4, 6, 6, 6, 6]
    assert [frame.index for frame in found] == [0, 1, 2, 3, 4, 5]
    assert [frame.name for frame in found][3] == "frame-000003"
    # It doubles while it is away, or soon away again, and begins anew when it was well for a time.
    longest = [0.5, 1.0, 2.0, 4.0, 0.5, 1.0, 2.0]
    assert len(waits) == len(longest)
    assert all(most / 2 <= wait <= most for wait, most in zip(waits, longest, strict=True))
    gone, back = "Camera 7 is gone; trying again.", "Camera 7 is back."
    assert said == [gone, back, gone, back, gone]
    assert source.losses == 3


def test_a_camera_that_is_away_can_be_left() -> None:
    @contextmanager
    def opening() -> Iterator[Iterator[Image]]:
        yield iter([_image(4)])

    source = LiveSource("x", opening, lambda _: None)
    with source.frames() as frames:
        next(frames)
        threading.Timer(0.05, source.stop).start()
        assert list(frames) == []  # without the pause, this would go on for ever


def test_waits_end_at_half_a_minute_and_are_not_all_the_same() -> None:
    attempts = 0

    @contextmanager
    def opening() -> Iterator[Iterator[Image]]:
        nonlocal attempts
        attempts += 1
        if 1 < attempts < 2000:
            raise CameraError("gone")
        yield iter([_image(4)])

    waits: list[float] = []

    def wait(seconds: float) -> bool:
        waits.append(seconds)
        return False

    with LiveSource("x", opening, lambda _: None, wait).frames() as frames:
        next(frames)
        next(frames)
    assert max(waits) <= 30
    assert min(waits[10:]) >= 15
    assert len(set(waits[10:])) > 1000


def test_a_camera_that_never_gave_a_picture_is_an_error() -> None:
    @contextmanager
    def refused() -> Iterator[Iterator[Image]]:
        raise CameraError("no permission")
        yield

    @contextmanager
    def blind() -> Iterator[Iterator[Image]]:
        yield iter([])

    for opening, words in ((refused, "no permission"), (blind, "gives no picture")):
        with (
            LiveSource("x", opening, _unsaid, _unsaid).frames() as frames,  # type: ignore[arg-type]
            pytest.raises(CameraError, match=words),
        ):
            next(frames)


class Server:
    """MJPEG over HTTP: so many pictures to each client, then the connection is closed."""

    def __init__(self) -> None:
        self.port, self._running = 0, None

    def start(self, side: int, count: int) -> None:
        jpeg = cv2.imencode(".jpg", np.full((side, side, 3), 99, np.uint8))[1].tobytes()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
                self.end_headers()
                for _ in range(count):
                    self.wfile.write(b"--frame\r\nContent-Type: image/jpeg\r\n")
                    self.wfile.write(f"Content-Length: {len(jpeg)}\r\n\r\n".encode() + jpeg)
                    self.wfile.write(b"\r\n")

            def log_message(self, *_: object) -> None:
                pass

        ThreadingHTTPServer.allow_reuse_address = True
        self._running = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.port = self._running.server_address[1]
        threading.Thread(target=self._running.serve_forever, daemon=True).start()

    def stop(self) -> None:
        if self._running:
            self._running.shutdown()
            self._running.server_close()
            self._running = None


def test_a_real_stream_that_stops_and_comes_back_with_another_size() -> None:
    server, said = Server(), list[str]()
    server.start(64, 40)
    attempts = 0

    def waited(seconds: float) -> bool:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            server.stop()  # it is not there when it is asked next
        if attempts == 3:
            server.start(96, 40)
        return False

    source = open_source(f"http://127.0.0.1:{server.port}/video", said.append)
    assert isinstance(source, LiveSource)
    source._wait = waited
    try:
        with source.frames() as frames:
            sides = [next(frames).image.shape[0]]
            while sides[-1] == 64:
                sides.append(next(frames).image.shape[0])
                assert len(sides) < 100
        assert sides[-1] == 96
        assert sides == [64] * 40 + [96]
        assert [sentence.split()[2] for sentence in said] == ["gone;", "back."]
    finally:
        server.stop()


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("rtsp://user:secret@cam/1", "rtsp://user:***@cam/1"),
        ("rtsp://user:se@cret@cam:554/1", "rtsp://user:***@cam:554/1"),
        ("RTSP://user:se/cret@cam/1", "RTSP://user:***@cam/1"),
        ("http://cam/video?user=a&pwd=secret", "http://cam/video?***"),
        ("http://cam:8080/video", "http://cam:8080/video"),
    ],
)
def test_a_password_is_not_shown(address: str, shown: str) -> None:
    source = open_source(address, _unsaid)
    assert isinstance(source, LiveSource)
    assert source.name == shown


@pytest.mark.parametrize("address", ["rtmp://user:secret@cam/1", " rtsp:/user:secret@cam/1"])
def test_a_password_is_not_shown_in_what_is_no_source(address: str) -> None:
    with pytest.raises(UsageError) as caught:
        open_source(address, _unsaid)
    assert "secret" not in str(caught.value)
    assert "user" in str(caught.value)


@pytest.mark.parametrize(
    "address",
    [
        "",
        " ",
        "99999999999",
        "ftp://x/y",
        "v4l2://",
        "file://",
        "synthetic://big",
        "synthetic://8x8",
        "none.mp4",
    ],
)
def test_what_is_no_source_is_said(address: str) -> None:
    with pytest.raises(UsageError) as caught:
        open_source(address, _unsaid)
    assert caught.value.hint


def test_files_by_path_and_by_uri(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), _image(8))
    (tmp_path / "7 s").mkdir()
    (tmp_path / "7 s" / "2024").mkdir()
    cv2.imwrite(str(tmp_path / "7 s" / "2024" / "a.png"), _image(8))
    monkeypatch.chdir(tmp_path / "7 s")
    for address in (
        *(f"{tmp_path}/a.png", f"file://{tmp_path}/a.png", "2024", "file://2024/a.png"),
        *(f"dir://{tmp_path}", f"dir://{tmp_path}/7%20s/2024", "2024/a.png"),
    ):
        with open_source(address, _unsaid).frames() as frames:
            assert [frame.name for frame in frames] == ["a.png"]
        assert path_of(address)
    for address in ("0", "v4l2:///dev/video0", "rtsp://x", "synthetic://64x64"):
        assert path_of(address) is None


def test_drawn_objects_are_where_they_are_said_to_be() -> None:
    source = SyntheticSource(320, 240)
    assert not source.is_live
    with source.frames() as frames:
        pictures = [next(frames).image for _ in range(60)]
    seen = 0
    for index, picture in enumerate(pictures):
        boxes = source.boxes(index)
        assert (boxes >= 0).all()
        assert (boxes[:, 2] <= 320).all()
        assert (boxes[:, 3] <= 240).all()
        # The last one drawn is never hidden: the only one that is red.
        rows, columns = np.nonzero((picture == (40, 40, 220)).all(axis=2))
        found = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        np.testing.assert_allclose(found, boxes[2], atol=2)
        seen += 1
    assert seen == 60
    assert np.ptp([source.boxes(index)[0, 0] for index in range(60)]) > 50  # it moves
    again = SyntheticSource(320, 240)
    with again.frames() as frames:
        assert (next(frames).image == pictures[0]).all()


def test_drawn_frames_come_as_from_a_camera() -> None:
    waits: list[float] = []
    source = SyntheticSource(64, 64, 50, waits.append)
    assert source.is_live
    with source.frames() as frames:
        times = [next(frames).time_s for _ in range(4)]
    assert times == [0, 0.02, 0.04, 0.06]
    # Nobody slept, so each wait is nearly the time until the frame is due.
    assert all(due - 0.5 < wait <= due for due, wait in zip(times, waits, strict=True))
    assert SyntheticSource.parse("640x480@29.97").fps == 29.97


class Timed:
    """Frames that were captured at known times."""

    def stop(self) -> None: ...

    is_live, fps = True, 30.0

    @contextmanager
    def frames(self) -> Iterator[Iterator[Frame]]:
        yield (Frame(i, i / 30, _image(4), "", captured=100 + i / 30) for i in range(301))


def test_frames_are_left_out() -> None:
    def indices(**options: Any) -> list[int]:
        with Thinned(Timed(), **options).frames() as frames:
            return [frame.index for frame in frames]

    assert indices(every=4) == list(range(0, 301, 4))
    assert Thinned(Timed(), every=4).fps == 7.5
    assert indices() == indices(fps=40) == list(range(301))
    for most in (20, 7, 0.5):
        assert len(indices(fps=most)) == pytest.approx(10 * most, abs=2)
    gaps = np.diff(indices(fps=20))
    assert set(gaps) == {1, 2}  # 20 of 30, not every second


def test_the_bundle_that_is_meant(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No bundle is named"):
        newest_bundle(tmp_path)
    for age, name in enumerate(("new", "old")):
        for kind in ("bundle", "baseline"):
            folder = tmp_path / "runs" / name / kind
            folder.mkdir(parents=True)
            (folder / "bundle.json").write_text("{}")
            os.utime(folder / "bundle.json", (1e9 - age + (kind == "baseline") * 100,) * 2)
    assert newest_bundle(tmp_path) == tmp_path / "runs" / "new" / "bundle"
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "bundle.json").write_text("{}")
    assert newest_bundle(tmp_path) == tmp_path / "bundle"


def test_what_slows_a_board_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import psutil

    for place in ("soc/soc:firmware", "soc@107c000000/soc@107c000000:firmware"):
        platform = tmp_path / place.partition(":")[2] / place[:4]
        flags = platform / place / "get_throttled"
        flags.parent.mkdir(parents=True)
        assert throttling(platform) == []
        flags.write_text("50005\n")
        assert throttling(platform) == ["under-voltage", "throttled"]
        flags.write_text("nonsense")
        assert throttling(platform) == []

    def sensors(*degrees: float) -> Callable[[], object]:
        entries = [type("Entry", (), {"current": value}) for value in degrees]
        return lambda: {"cpu_thermal": entries}

    monkeypatch.setattr(psutil, "sensors_temperatures", sensors(40.0, 61.5), raising=False)
    assert temperature() == 61.5
    monkeypatch.setattr(psutil, "sensors_temperatures", sensors(), raising=False)
    assert temperature() is None
