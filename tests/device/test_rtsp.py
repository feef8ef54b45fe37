"""A camera that is reached over RTSP, from a real server: gone, hung, back with another size."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from edgeyolo.device.source import open_source
from edgeyolo.device.sources.live import LiveSource
from tests.device.processes import ended, lines_of, started
from tests.unit.conftest import null_bundle  # noqa: F401

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="GStreamer's server runs there")

PYTHON = "/usr/bin/python3"  # the one that Debian's bindings are for
SCRIPT = Path(__file__).with_name("rtsp_server.py")


class Server:
    """One camera at one address; it may be killed, stopped, and started anew."""

    def __init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._process: subprocess.Popen[str] | None = None

    @property
    def address(self) -> str:
        return f"rtsp://127.0.0.1:{self.port}/camera"

    def start(self, width: int, height: int) -> None:
        command = [PYTHON, str(SCRIPT), *map(str, (self.port, width, height))]
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
        self._process = subprocess.Popen(
            command, stdout=subprocess.PIPE, env=environment, text=True
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "listening\n"

    def kill(self) -> None:
        self.send(signal.SIGKILL)
        if self._process is not None:
            self._process.communicate()
            self._process = None

    def send(self, number: signal.Signals) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.send_signal(number)


@pytest.fixture
def server() -> Iterator[Server]:
    look = (
        "import gi; gi.require_version('GstRtspServer', '1.0'); gi.require_version('Gst', '1.0');"
    )
    look += "from gi.repository import Gst, GstRtspServer; Gst.init(None);"
    look += "assert Gst.ElementFactory.find('x264enc') and Gst.ElementFactory.find('rtph264pay')"
    has_all = (
        Path(PYTHON).exists()
        and not subprocess.run([PYTHON, "-c", look], capture_output=True).returncode
    )
    if not has_all:
        if os.environ.get("EDGEYOLO_REQUIRE_PROGRAMS") == "1":
            pytest.fail("no GStreamer RTSP server with x264enc")
        pytest.skip("no GStreamer RTSP server with x264enc")
    one = Server()
    yield one
    one.kill()


def test_a_server_that_is_killed_and_comes_back_with_another_size(server: Server) -> None:
    said: list[str] = []
    waits: list[float] = []
    source = open_source(server.address, said.append)
    assert isinstance(source, LiveSource)

    def wait(seconds: float) -> bool:
        waits.append(seconds)
        time.sleep(0.01)
        if len(waits) == 4:
            server.start(192, 128)
        return len(waits) > 20

    source._wait = wait
    server.start(320, 240)
    shapes = []
    with source.frames() as frames:
        for frame in frames:
            shapes.append(frame.image.shape)
            if len(shapes) == 10:
                server.kill()
            if shapes.count((128, 192, 3)) == 5:
                break
    assert set(shapes) == {(240, 320, 3), (128, 192, 3)}
    assert shapes == sorted(shapes, reverse=True)
    assert said == [
        f"{server.address} is gone; trying again.",
        f"{server.address} is back.",
    ]
    # While it was away, it was asked once after each pause, and the pauses grow.
    longest = [0.5, 1.0, 2.0, 4.0]
    assert 4 <= len(waits) <= 10  # the new one may need a moment
    assert all(most / 2 <= wait <= most for wait, most in zip(waits, longest, strict=False))


def test_a_server_that_is_away_is_not_asked_all_the_time(server: Server) -> None:
    """A listener in its place counts who knocks."""
    source = open_source(server.address, lambda sentence: None)
    server.start(160, 120)
    knocks = 0
    with source.frames() as frames:
        next(frames)
        server.kill()
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", server.port))
            listener.listen(64)
            listener.settimeout(0.1)
            reader = threading.Thread(target=lambda: list(frames), daemon=True)
            reader.start()
            deadline = time.monotonic() + 4
            while time.monotonic() < deadline:
                with suppress(TimeoutError):
                    listener.accept()[0].close()
                    knocks += 1
            source.stop()
            reader.join(60)
    assert not reader.is_alive()
    # Pauses of at least 0.25, 0.5, 1 and 2 seconds, and at most two connections a try.
    assert 1 <= knocks <= 10


@pytest.mark.parametrize("state", ["well", "hung", "away"])
def test_the_run_goes_on_and_ends_in_time(
    server: Server,
    state: str,
    null_bundle: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    server.start(160, 120)
    out = tmp_path / "out.mp4"
    process = started(tmp_path, null_bundle, "--camera", server.address, "--json", "--out", out)
    lines_of(process, 10)
    actions: dict[str, Callable[[], None]] = {
        "well": lambda: None,
        "hung": lambda: server.send(signal.SIGSTOP),
        "away": server.kill,
    }
    actions[state]()
    time.sleep(1.0)
    process.terminate()
    code, _, said = ended(process, timeout=8)  # FFmpeg waits ten seconds for a hung server
    assert code == 0, said
    assert out.is_file()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.mp4"]
