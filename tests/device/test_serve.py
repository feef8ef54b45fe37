"""The live page over real sockets: who may see what, and what clients cannot do to a detector."""

from __future__ import annotations

import http.client
import json
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

pytest.importorskip("cv2")

import cv2

from edgeyolo.device.detections import Detections
from edgeyolo.device.detector import Detector
from edgeyolo.device.frame import Frame, Sink
from edgeyolo.device.loop import run
from edgeyolo.device.meter import Meter
from edgeyolo.device.server import client as client_module
from edgeyolo.device.server import pictures, response, site
from edgeyolo.device.server import server as server_module
from edgeyolo.device.server.address import DEFAULT, Address, listen
from edgeyolo.device.server.pace import Paced, share
from edgeyolo.device.server.page import page, policy
from edgeyolo.device.server.request import RequestError, parse
from edgeyolo.device.sinks.serve import Serve
from edgeyolo.device.sources.synthetic import SyntheticSource
from edgeyolo.errors import EdgeyoloError, ExitCode, UsageError
from tests.command import edgeyolo, rest_of
from tests.conftest import ROOT
from tests.device.hostile import QUICK
from tests.device.processes import MAIN, PATIENT
from tests.programs import program
from tests.unit.conftest import null_bundle  # noqa: F401

TOKEN = "correct horse; battery=staple"
Server = Callable[..., Serve]
FOUND = Detections(
    np.array([[10, 10, 40, 40], [50, 5, 90, 60]], np.float32),
    np.array([0.9, 0.8], np.float32),
    np.array([1, 1]),
)


@pytest.fixture(autouse=True)
def nothing_is_left(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """No thread, no descriptor, and no complaint of the event loop."""
    monkeypatch.setattr(server_module, "_PATIENCE_S", 60.0)
    threads, process = set(threading.enumerate()), psutil.Process()
    descriptors = process.num_fds()
    yield
    assert set(threading.enumerate()) <= threads
    assert process.num_fds() <= descriptors
    assert [record for record in caplog.records if record.levelname != "DEBUG"] == []


@pytest.fixture
def server() -> Iterator[Server]:
    """Makes sinks, on a free port of this machine unless told otherwise; they ``said`` where."""
    with ExitStack() as stack:

        def make(address: str = "127.0.0.1:0", **options: Any) -> Serve:
            said: list[str] = []
            made = Serve(address, ("cat", "<b>dog"), Meter(), said.append, **options)
            stack.callback(made.close, complete=True)
            made.said = said  # type: ignore[attr-defined]
            return made

        yield make


def _frame(index: int, width: int = 96, height: int = 64) -> Frame:
    """Its gray says its number."""
    return Frame(index, 0.0, np.full((height, width, 3), index % 200 + 20, np.uint8), f"{index}")


def _get(
    served: Serve, path: str = "/", method: str = "GET", **headers: str
) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection(served.at.host, served.at.port, timeout=60)
    try:
        connection.request(
            method, path, headers={k.replace("_", "-"): v for k, v in headers.items()}
        )
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()


def _raw(served: Serve, request: bytes) -> bytes:
    """Everything that comes back."""
    with socket.create_connection((served.at.host, served.at.port), timeout=60) as connection:
        connection.sendall(request)
        return b"".join(iter(lambda: connection.recv(65536), b""))


@contextmanager
def _watching(served: Serve, query: str = "") -> Iterator[Any]:
    """A file with the stream, after its first boundary."""
    with socket.create_connection((served.at.host, served.at.port), timeout=60) as connection:
        connection.sendall(f"GET /stream.mjpg{query} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        with connection.makefile("rb") as stream:
            assert stream.readline() == b"HTTP/1.1 200 OK\r\n"
            while stream.readline() != b"--edgeyolo-picture\r\n":
                pass
            yield stream


def _part(stream: Any) -> tuple[int, bytes]:
    """Index and JPEG of the next picture."""
    headers = dict(
        line.decode().split(": ") for line in iter(lambda: stream.readline().strip(), b"")
    )
    jpeg = stream.read(int(headers["Content-Length"]))
    assert stream.readline() == b"\r\n"
    assert stream.readline() == b"--edgeyolo-picture\r\n"
    return int(headers["X-Frame"]), jpeg


@contextmanager
def _running(served: Serve, fps: float = 100.0, **size: int) -> Iterator[list[int]]:
    """Frames come; the indices of those that were given are in the list."""
    given: list[int] = []
    over = threading.Event()

    def feed() -> None:
        while not over.wait(1 / fps):
            served.write(_frame(len(given), **size), FOUND)
            given.append(len(given))

    feeder = threading.Thread(target=feed)
    feeder.start()
    try:
        yield given
    finally:
        over.set()
        feeder.join()


def _eventually(is_so: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


# Addresses


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        (DEFAULT, "127.0.0.1", 8080),
        ("8081", "127.0.0.1", 8081),
        (":8081", "127.0.0.1", 8081),
        ("0", "127.0.0.1", 0),
        ("0.0.0.0:8080", "0.0.0.0", 8080),
        ("0.0.0.0", "0.0.0.0", 8080),
        ("[::1]:8081", "::1", 8081),
        ("[::1]", "::1", 8080),
        ("::1", "::1", 8080),
        ("::", "::", 8080),
        (" raspberrypi.local:80 ", "raspberrypi.local", 80),
    ],
)
def test_an_address_as_people_write_it(text: str, host: str, port: int) -> None:
    assert Address.parse(text) == Address(host, port)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        ":",
        "a:b",
        "a:70000",
        "a:-1",
        "[::1",
        "[]:80",
        "1:2:3",
        "http://a:80",
        "a b:1",
        "a:80/x",
    ],
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(UsageError, match="is no address to serve at"):
        Address.parse(text)


def test_an_address_that_is_not_to_be_had(server: Server) -> None:
    taken = server()
    with pytest.raises(EdgeyoloError, match="the port is in use") as refused:
        server(str(taken.at))
    assert refused.value.exit_code is ExitCode.FAILED
    for address in ("192.0.2.7:8080", "no.such.host.invalid:8080", "[2001:db8::1]:8080"):
        with pytest.raises(EdgeyoloError, match=r"not an address of this|There is no host") as no:
            server(address)
        assert no.value.exit_code is ExitCode.FAILED  # a service tries again: a network may come


def test_a_port_that_is_in_use_is_not_looked_for_under_another_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        both = [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)),
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.2", port)),
        ]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: both)
        with pytest.raises(EdgeyoloError, match=r"localhost:[0-9]+: the port is in use"):
            listen(Address("localhost", port)).close()
        both[0] = (*both[0][:4], ("192.0.2.7", port))  # not of this machine: the next may be
        with listen(Address("localhost", port)) as listening:
            assert listening.getsockname() == ("127.0.0.2", port)


def test_another_family(server: Server) -> None:
    if not socket.has_ipv6:
        pytest.skip("no IPv6")
    served = server("[::1]:0")
    assert served.said == [f"Live page: http://[::1]:{served.at.port}/"]  # type: ignore[attr-defined]
    assert _get(served, "/healthz", Host=f"[::1]:{served.at.port}")[0] == 503
    assert _get(served, "/healthz", Host="evil")[0] == 403


# What is served


def test_every_answer_is_safe_and_what_it_says(server: Server) -> None:
    served = server()
    assert _get(served, "/frame.jpg")[0] == 503
    served.write(_frame(7), FOUND)
    kinds = {
        "/": "text/html; charset=utf-8",
        "/frame.jpg": "image/jpeg",
        "/stats.json": "application/json",
        "/healthz": "text/plain; charset=utf-8",
        "/nothing": "text/plain; charset=utf-8",
    }
    for path, kind in kinds.items():
        status, headers, body = _get(served, path)
        assert status == (404 if path == "/nothing" else 200)
        assert headers["Content-Type"] == kind
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "no-store"
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert not any(name.lower().startswith("access-control") for name in headers)
        if path != "/stats.json":  # it changes
            assert _get(served, path, "HEAD")[1]["Content-Length"] == str(len(body))
        assert _get(served, path, "HEAD")[2] == b""
    picture = cv2.imdecode(np.frombuffer(_get(served, "/frame.jpg")[2], np.uint8), 1)
    assert picture.shape == (64, 96, 3)
    assert abs(int(picture[0, 0, 0]) - 27) < 8  # frame 7
    assert int(picture[10:41, 10:41].max()) > 150  # a box
    assert _get(served, "/stream.mjpg", "HEAD")[1]["Content-Type"].startswith("multipart/")


def test_figures(server: Server) -> None:
    served = server()
    served.write(_frame(7), FOUND)
    figures = json.loads(_get(served, "/stats.json")[2])
    assert figures["healthy"] is True
    assert (figures["frame"], figures["size"]) == (7, [96, 64])
    assert figures["seen"] == {"<b>dog": 2}
    assert figures["watchers"] == 0
    assert figures["memory_mb"] > 10
    assert set(figures) >= {"fps", "stage_ms", "age_ms", "dropped", "temperature_c", "throttling"}


def test_large_pictures_are_made_smaller_with_their_boxes(server: Server) -> None:
    served = server()
    whole = Detections(np.array([[0, 0, 2560, 1280]], np.float32), FOUND.score[:1], np.array([0]))
    served.write(_frame(0, 2560, 1280), whole)
    picture = cv2.imdecode(np.frombuffer(_get(served, "/frame.jpg")[2], np.uint8), 1)
    assert picture.shape == (640, 1280, 3)
    assert int(picture[320, 1].max()) > 150  # the left side of the box
    assert int(picture[320, 640].max()) < 60


def test_the_stream_shows_the_newest(server: Server) -> None:
    served = server()
    with _running(served, fps=20) as given, _watching(served) as stream:
        parts = [_part(stream) for _ in range(10)]
        newest = given[-1]
    indices = [index for index, _ in parts]
    assert indices == sorted(set(indices))
    assert newest - indices[-1] < 60
    for index, jpeg in parts:
        gray = cv2.imdecode(np.frombuffer(jpeg, np.uint8), 1)[60, 2, 0]
        assert abs(int(gray) - (index % 200 + 20)) < 8


def test_pictures_are_encoded_only_for_somebody_and_once_for_all(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded: list[tuple[int, str]] = []
    encode = pictures._encode

    def noting(seen: Any, names: Any) -> Any:
        encoded.append((seen.number, threading.current_thread().name))
        return encode(seen, names)

    monkeypatch.setattr(pictures, "_encode", noting)
    served = server()
    with _running(served, fps=20) as given:
        _eventually(lambda: len(given) > 10)
        assert _get(served, "/stats.json")[0] == 200
        assert encoded == []
        with ExitStack() as stack:
            streams = [stack.enter_context(_watching(served)) for _ in range(5)]
            start = given[-1]
            for stream in streams:
                while _part(stream)[0] < start:
                    pass
            shown = [_part(stream)[0] for _ in range(8) for stream in streams]
            assert len(set(shown)) < len(shown) / 2
        _eventually(lambda: json.loads(_get(served, "/stats.json")[2])["watchers"] == 0)
        numbers = [number for number, _ in encoded]
        assert len(numbers) == len(set(numbers)) >= 8
        assert {thread for _, thread in encoded} == {"serve"}
        before, frames = len(encoded), len(given)
        _eventually(lambda: len(given) > frames + 10)
        assert len(encoded) == before


def test_a_slow_client_gets_fewer_pictures_not_older_ones(server: Server) -> None:
    served = server()
    noise = np.random.default_rng(0).integers(0, 255, (480, 640, 3), np.uint8)
    with _watching(served) as stream:
        for index in range(60):
            served.write(Frame(index, 0.0, noise, ""), FOUND)
            time.sleep(0.03)
        late = 0
        while _part(stream)[0] < 59:  # what is under way in the kernel
            late += 1
        assert late < 15  # a picture is 200 kB, and up to 27 were encoded


def test_a_stalled_stream_sends_its_picture_again(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(site, "_PATIENCE_S", 0.2)
    served = server()
    served.write(_frame(3), FOUND)
    with _watching(served) as stream:
        assert [_part(stream)[0] for _ in range(3)] == [3, 3, 3]
    _eventually(lambda: json.loads(_get(served, "/stats.json")[2])["watchers"] == 0)


def test_a_source_that_stalls_is_not_healthy(server: Server) -> None:
    served = server(stale_s=0.5)
    status, headers, body = _get(served, "/healthz")
    assert (status, headers["Retry-After"]) == (503, "5")
    assert re.fullmatch(rb"No frame has been processed in \d+ s since the start.\n", body)
    with _running(served):
        _eventually(lambda: _get(served, "/healthz")[::2] == (200, b"ok\n"))
    _eventually(lambda: _get(served, "/healthz")[0] == 503)
    assert re.fullmatch(rb"The last frame was processed \d+ s ago.\n", _get(served, "/healthz")[2])
    assert json.loads(_get(served, "/stats.json")[2])["healthy"] is False
    with _running(served):
        _eventually(lambda: _get(served, "/healthz")[0] == 200)


# Who may look


def test_this_machine_needs_no_token_but_a_name_of_its_own(server: Server) -> None:
    served = server()
    port = served.at.port
    assert served.said == [f"Live page: http://127.0.0.1:{port}/"]  # type: ignore[attr-defined]
    for host in ("localhost", "LOCALHOST:9", "127.0.0.1", f"127.0.0.1:{port}", "[::1]:1"):
        assert _get(served, Host=host)[0] == 200
    for host in (
        "evil.example",
        f"evil.example:{port}",
        "127.0.0.1.evil.example",
        "",
        "[::2]",
        "a:b:c",
    ):
        assert _get(served, Host=host)[0] == 403
    assert _raw(served, b"GET /healthz HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 503")
    assert _raw(served, b"GET /healthz HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 400")


def test_other_sites_may_link_to_it_but_show_nothing(server: Server) -> None:
    served = server()
    served.write(_frame(0), FOUND)
    embedded = {
        "Sec_Fetch_Site": "cross-site",
        "Sec_Fetch_Mode": "no-cors",
        "Sec_Fetch_Dest": "image",
    }
    framed = {**embedded, "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "iframe"}
    linked = {**embedded, "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "document"}
    assert _get(served, "/frame.jpg", **embedded)[0] == 403
    assert _get(served, "/", **framed)[0] == 403
    assert _get(served, "/", **linked)[0] == 200
    assert _get(served, "/frame.jpg", **{**embedded, "Sec_Fetch_Site": "same-origin"})[0] == 200


def test_other_machines_need_the_token_that_was_printed(server: Server) -> None:
    served = server("0.0.0.0:0")
    [said] = served.said  # type: ignore[attr-defined]
    found = re.fullmatch(rf"Live page: http://(\S+):{served.at.port}/\?token=(\S+)", said)
    assert found
    assert found[1] not in ("0.0.0.0", "127.0.0.1")
    assert len(found[2]) >= 20
    served.at = Address("127.0.0.1", served.at.port)
    for path in ("/", "/stream.mjpg", "/frame.jpg", "/stats.json", "/healthz", "/nothing"):
        status, headers, body = _get(served, path)
        assert (status, headers["WWW-Authenticate"]) == (401, "Bearer")
        assert found[2].encode() not in body
    assert _get(served, f"/?token={found[2]}", Host="whatever:1")[0] == 200
    assert server("0.0.0.0:0").said != served.said  # type: ignore[attr-defined]


def test_the_configured_token_in_all_its_forms(server: Server) -> None:
    served = server(configured=TOKEN)  # also on loopback, once it is asked for
    assert TOKEN not in "".join(served.said)  # type: ignore[attr-defined]
    served.write(_frame(0), FOUND)
    quoted = "correct%20horse%3B+battery%3Dstaple"
    status, headers, _ = _get(served, f"/?token={quoted}")
    cookie, *flags = headers["Set-Cookie"].split("; ")
    assert status == 200
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(flags)
    assert "staple" not in cookie
    assert cookie.startswith(f"edgeyolo-{served.at.port}=")
    assert _get(served, "/frame.jpg", Cookie=f"other=1; {cookie}")[0] == 200
    assert _get(served, "/frame.jpg", Authorization=f"Bearer {TOKEN}")[0] == 200
    assert _get(served, "/frame.jpg", Authorization=f"bearer {TOKEN}")[0] == 200
    assert _get(served, f"/frame.jpg?token={quoted}")[0] == 200
    with _watching(served, f"?token={quoted}") as stream:
        assert _part(stream)[0] == 0
    wrong = (
        {"path": f"/?token={quoted[:-1]}"},
        {"path": "/?token="},
        {"path": "/?token=%ff"},
        {"Authorization": f"Basic {TOKEN}"},
        {"Authorization": f"Bearer {TOKEN}x"},
        {"Authorization": "Bearer \xe9"},
        {"Cookie": cookie[:-1]},
        {"Cookie": f"edgeyolo-{served.at.port}={TOKEN}"},
        {"Cookie": cookie.replace("edgeyolo", "other")},
    )
    for attempt in wrong:
        assert _get(served, **attempt)[0] == 401, attempt  # type: ignore[arg-type]


def test_a_token_that_can_be_guessed_is_refused(server: Server) -> None:
    with pytest.raises(UsageError, match="has 5 characters"):
        server(configured="12345")


# What is no request


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"", 400),
        (b"GET /", 400),
        (b"GET / HTTP/1.1 x", 400),
        (b"GET  / HTTP/1.1", 400),
        (b"GET / ICE/1.1", 400),
        (b"G(T / HTTP/1.1", 400),
        (b"\x16\x03\x01", 400),
        (b"GET / HTTP/2.0", 505),
        (b"GET / HTTP/1.10", 505),
        (b"POST / HTTP/1.1", 405),
        (b"get / HTTP/1.1", 405),
        (b"OPTIONS * HTTP/1.1", 400),
        (b"GET http://127.0.0.1/ HTTP/1.1", 400),
        (b"GET /\x00 HTTP/1.1", 400),
        (b"GET /\xe9 HTTP/1.1", 400),
        (b"GET /" + b"a" * 3000 + b" HTTP/1.1", 414),
        (b"GET / HTTP/1.1", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nhost: b", 400),
        (b"GET / HTTP/1.1\r\nHost : a", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\n folded", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: \x00", 400),
        (b"GET / HTTP/1.1\r\nHost: a\nX: y", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\n: y", 400),
        (b"GET / HTTP/1.1\r\nHost: a" + b"\r\nX: y" * 64, 431),
    ],
)
def test_what_is_no_request(head: bytes, status: int) -> None:
    with pytest.raises(RequestError) as refused:
        parse(head + b"\r\n\r\n")
    assert refused.value.status == status


def test_a_request_is_taken_as_it_is() -> None:
    request = parse(
        b"HEAD /%2e%2e/a?b=%20c&d HTTP/1.1\r\nHost: x\r\nCookie: a=1\r\nCookie: b\r\n\r\n"
    )
    assert (request.method, request.path, request.query) == ("HEAD", "/%2e%2e/a", {"b": " c"})
    assert request.headers == {"host": "x", "cookie": "a=1; b"}


def test_an_answer_also_for_too_much(server: Server) -> None:
    served = server()
    filler = b"X: " + b"x" * 100_000
    answer = _raw(served, b"GET / HTTP/1.1\r\nHost: localhost\r\n" + filler + b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 431 ")
    assert answer.endswith(b"The request is too long.\n")


def test_a_request_that_does_not_come_is_ended(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "_HEAD_S", 0.3)
    served = server()
    assert _raw(served, b"").startswith(b"HTTP/1.1 408 ")
    assert _raw(served, b"GET / HTTP/1.1\r\nHost: localhost\r\n").startswith(b"HTTP/1.1 408 ")


def test_a_client_that_takes_nothing_is_hung_up_on(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "_SEND_S", 0.3)
    served = server()
    with _running(served, width=640, height=480), _watching(served) as stream:
        _eventually(lambda: json.loads(_get(served, "/stats.json")[2])["watchers"] == 0)
        with suppress(ConnectionResetError):
            assert len(stream.read()) > 0


# How many


def test_so_many_may_watch_and_no_more(server: Server) -> None:
    served = server()
    with _running(served), ExitStack() as stack:
        streams = [stack.enter_context(_watching(served)) for _ in range(site.MOST_WATCHERS)]
        status, _, body = _get(served, "/stream.mjpg")
        assert (status, body) == (503, b"16 are watching already.\n")
        assert all(len(_part(stream)[1]) > 100 for stream in streams)


def test_who_only_holds_a_connection_keeps_nobody_out(server: Server) -> None:
    served = server()
    served.write(_frame(0), FOUND)
    with ExitStack() as stack:
        watched = stack.enter_context(_watching(served))
        for _ in range(100):
            where = (served.at.host, served.at.port)
            stack.enter_context(socket.create_connection(where, timeout=60))
        assert _get(served, "/healthz")[0] == 200
        assert len(served._server._clients) <= 64
        served.write(_frame(1), FOUND)
        assert [_part(watched)[0], _part(watched)[0]] in ([0, 1], [1, 1])


def test_all_is_closed_with_the_sink(server: Server) -> None:
    served = server()
    with ExitStack() as stack:
        stack.enter_context(_running(served))
        watched = [stack.enter_context(_watching(served)) for _ in range(10)]
        where = (served.at.host, served.at.port)
        idle = [stack.enter_context(socket.create_connection(where, 10)) for _ in range(30)]
        served.close(complete=True)
        assert not served._server._thread.is_alive()
        for stream in watched:
            with suppress(ConnectionResetError):
                stream.read()
        for connection in idle:
            with suppress(ConnectionResetError):
                assert connection.recv(1) == b""
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(where, 1)
    served.close(complete=True)  # once more does no harm


class Kept(Sink):
    """Which frames came through."""

    def __init__(self) -> None:
        self.indices: list[int] = []

    def write(self, frame: Frame, detections: Detections) -> bool:
        self.indices.append(frame.index)
        return True

    def close(self, *, complete: bool) -> None:
        """Nothing is open."""


class Ending(SyntheticSource):
    """Not a camera, so no frame may be lost; ends when it is told to."""

    enough = False

    def _draw(self) -> Iterator[Frame]:
        for frame in super()._draw():
            if self.enough:
                return
            time.sleep(0.002)
            yield frame


@pytest.mark.skipif(sys.platform == "win32", reason="counts descriptors")
def test_fifty_hostile_clients_do_nothing_to_a_detector(
    null_bundle: Path,  # noqa: F811
    server: Server,
) -> None:
    served, kept, source = server(), Kept(), Ending(320, 240)
    detector = Detector(null_bundle, "null")
    counts: list[int] = []
    looping = threading.Thread(
        target=lambda: counts.append(run(source, lambda: detector, [served, kept]))
    )
    looping.start()
    process = psutil.Process()
    try:
        _eventually(lambda: len(kept.indices) > 20)
        threads, descriptors = set(threading.enumerate()), process.num_fds()
        command = [sys.executable, "-m", "tests.device.hostile", str(served.at.port), "50", "0.1"]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        hostile = subprocess.Popen(command, cwd=ROOT, **pipes)
        assert hostile.stdout is not None
        assert hostile.stdout.readline() == "ready\n"
        for _ in range(6):
            before = len(kept.indices)
            time.sleep(0.5)
            _eventually(lambda before=before: len(kept.indices) > before)  # type: ignore[misc]
            assert set(threading.enumerate()) == threads
            assert process.num_fds() < descriptors + 120
            assert _get(served, "/healthz")[0] == 200
            assert _get(served, "/frame.jpg")[2][:2] == b"\xff\xd8"
        tried = json.loads(hostile.communicate(timeout=240)[0])
        _eventually(lambda: process.num_fds() <= descriptors)
        assert set(threading.enumerate()) == threads
        _eventually(lambda: json.loads(_get(served, "/stats.json")[2])["watchers"] == 0)
    finally:
        source.enough = True
        looping.join(60)
    for kind in QUICK:
        assert tried[kind] >= 5, tried
    assert counts == [len(kept.indices)]
    assert kept.indices == list(range(counts[0]))


# Speed


def test_the_thread_rests_after_work() -> None:
    slept: list[float] = []
    clock = iter([0.0, 0.01, 0.01, 0.51, 0.51, 0.51, 0.51])
    selector = Paced(slept.append, lambda: next(clock))
    try:
        for _ in range(4):
            selector.select(0)
        selector.hurry()
        clock = iter([0.6, 0.6])
        selector.select(0)
    finally:
        selector.close()
    assert slept == [0, pytest.approx(0.09), 0.25, 0.25, 0]


@pytest.mark.parametrize(
    ("is_scaled", "cores", "part"),
    [(False, 4, 0.1), (True, 4, 0.05), (False, 1, 0.05), (True, 1, 0.05)],
)
def test_what_costs_more_gets_a_smaller_share(is_scaled: bool, cores: int, part: float) -> None:
    slept: list[float] = []
    clock = iter([0.0, 0.001, 0.001])
    selector = Paced(slept.append, lambda: next(clock), lambda: share(**of))
    of: Any = {"is_scaled": is_scaled, "cores": cores}
    try:
        for _ in range(2):
            selector.select(0)
    finally:
        selector.close()
    assert slept[-1] / (slept[-1] + 0.001) == pytest.approx(1 - part)


def test_the_share_is_that_of_the_pictures(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "available_cores", lambda: 4)
    served = server()
    assert served._server._pace._share() == 0.1
    for width, part in ((1280, 0.1), (1281, 0.05), (640, 0.1)):
        served.write(_frame(0, width, 48), FOUND)
        assert served._server._pace._share() == part


def test_readers_of_a_meter_do_not_see_each_other() -> None:
    meter = Meter()
    first = meter.reader()
    with meter.time("infer"):
        pass
    meter.done(time.monotonic(), 0)
    assert first.read().stage_ms.keys() == {"infer"}
    second = meter.reader()
    for _ in range(2):
        with meter.time("pre"):
            time.sleep(0.01)
        meter.done(time.monotonic(), 3)
    for reading in (first.read(), second.read()):
        assert reading.stage_ms.keys() == {"pre"}
        assert 10 <= reading.stage_ms["pre"] < 10_000
        assert (reading.frames, reading.dropped) == (3, 3)
        assert reading.fps > 0
    assert first.read().fps == 0
    assert meter.read().stage_ms.keys() == {"pre", "infer"}


# The page


def test_the_page_needs_nothing_from_elsewhere() -> None:
    text = page().decode()
    addresses = re.findall(r'(?:src|href|action)="([^"]*)"', text)
    assert addresses
    assert all(re.match(r"/\w|data:image/svg", address) for address in addresses)
    assert not re.search(r"url\(|@import|innerHTML|https?://(?!www.w3.org/2000/svg)", text)
    assert re.search(r"script-src 'sha256-[\w+/]{43}='", policy())


def _browse(address: str, profile: Path, milliseconds: int) -> subprocess.Popen[str]:
    """A browser that shows the page for so long, by its own clock, and then prints its elements."""
    return subprocess.Popen(
        [
            *(program("chromium"), "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"),
            *("--disable-background-networking", "--disable-component-update"),
            *("--disable-sync", "--disable-quic", f"--user-data-dir={profile}"),
            *("--enable-logging=stderr", f"--virtual-time-budget={milliseconds}"),
            *("--timeout=120000", "--dump-dom", address),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_browser_shows_it(server: Server, tmp_path: Path) -> None:
    served = server(configured=TOKEN)
    watchers: list[int] = []
    quoted = "correct%20horse%3B+battery%3Dstaple"
    with _running(served, fps=20):
        browser = _browse(f"http://{served.at}/?token={quoted}", tmp_path / "profile", 4000)
        while browser.poll() is None:
            answer = _get(served, "/stats.json", Authorization=f"Bearer {TOKEN}")[2]
            watchers.append(json.loads(answer)["watchers"])
            time.sleep(0.1)
        dom, said = browser.communicate(timeout=240)
    assert max(watchers) == 1  # the picture, by the cookie alone
    assert re.search(r'id="health"[^>]*class="well"[^>]*>live<', dom)
    assert "<li><b>2</b> &lt;b&gt;dog</li>" in dom
    assert "96×64" in dom
    assert "Content Security Policy" not in said
    assert "Uncaught" not in said


_SLEEP = b"""
let slept = 0;
const tell = Date.now;
Date.now = () => tell() + slept;
setTimeout(() => { slept = 60000; }, 3500);
"""


@pytest.mark.parametrize("happens", ["nothing", "breaks", "sleeps"])
def test_a_browser_asks_again_for_a_stream_that_it_lost(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, happens: str
) -> None:
    streams: list[str] = []
    whole = site.Site._stream

    async def breaking(self: Any, client: Any, more: Any) -> None:
        streams.append("whole")
        if happens == "breaks" and len(streams) == 1:
            streams[0] = "broken"
            beginning = response.head(200, response.STREAM, None, more=more)
            await client.send(beginning + response.DELIMITER)
            await client.send((await self.pictures.after(0)).part)
            await client.send((await self.pictures.after(0)).part)
            return
        await whole(self, client, more)

    monkeypatch.setattr(site.Site, "_stream", breaking)
    if happens == "sleeps":
        html = page().replace(b'"use strict";', b'"use strict";' + _SLEEP)
        monkeypatch.setattr(site, "page", lambda: html)
        monkeypatch.setattr(site, "policy", lambda: "X-No-Policy: the script's digest is another")
    served = server()
    with _running(served, fps=20):
        browser = _browse(f"http://{served.at}/", tmp_path / "profile", 9000)
        dom, said = browser.communicate(timeout=240)
    expected = {"nothing": ["whole"], "breaks": ["broken", "whole"], "sleeps": ["whole"] * 2}
    assert streams == expected[happens]
    assert re.search(r'id="health"[^>]*class="well"[^>]*>live<', dom)
    assert "Uncaught" not in said


# The command


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGTERM there")
def test_the_command_serves_until_it_is_stopped(null_bundle: Path, tmp_path: Path) -> None:  # noqa: F811
    command = [sys.executable, "-c", f"{PATIENT}{MAIN}", "run"]
    command += [str(null_bundle), "--serve", "0.0.0.0:0"]
    process = subprocess.Popen(
        [*command, "--camera", "synthetic://64x48@50"],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    try:
        found = re.search(r"http://\S+:(\d+)(/\?token=\S+)", process.stderr.readline())
        assert found
        port = int(found[1])
        with socket.create_connection(("127.0.0.1", port), 10) as watching:
            watching.sendall(f"GET /stream.mjpg{found[2][1:]} HTTP/1.0\r\n\r\n".encode())
            assert watching.recv(100).startswith(b"HTTP/1.1 200 OK")
            process.terminate()
            said = rest_of(process)[1]
    finally:
        process.kill()
    assert process.returncode == 0
    assert "Traceback" not in said
    assert "token" not in said  # it was printed once
    assert list(tmp_path.iterdir()) == []


def test_an_address_of_the_command_that_is_none(null_bundle: Path, tmp_path: Path) -> None:  # noqa: F811
    run_it = ("run", null_bundle, "--camera", "synthetic://64x48", "--frames", 1)
    done = edgeyolo(*run_it, "--serve", "nowhere:x", cwd=tmp_path)
    assert done.returncode == ExitCode.USAGE
    assert "'nowhere:x' is no address to serve at" in done.stderr
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = edgeyolo(*run_it, "--serve", taken.getsockname()[1], cwd=tmp_path)
    assert done.returncode == ExitCode.FAILED
    assert "the port is in use" in done.stderr


def test_the_token_stays_out_of_bug_reports(tmp_path: Path) -> None:
    for flags in (["--origin"], ["--json"]):
        done = edgeyolo("config", "show", *flags, env={"EDGEYOLO_SERVE_TOKEN": "open sesame"})
        assert "***" in done.stdout
        assert "sesame" not in done.stdout
