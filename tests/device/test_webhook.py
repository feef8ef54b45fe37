"""POSTs to a real HTTP server that hangs, refuses, breaks off, redirects, and comes back."""

from __future__ import annotations

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeyolo.device import outbox
from edgeyolo.device.detections import Detections
from edgeyolo.device.endpoint import Endpoint
from edgeyolo.device.frame import Frame
from edgeyolo.device.post import Poster
from edgeyolo.device.sinks.webhook import Webhook, _wish
from edgeyolo.errors import ConfigError, UsageError
from tests.command import edgeyolo_here
from tests.conftest import ROOT
from tests.device.processes import MAIN, PATIENT
from tests.programs import certificate
from tests.unit.conftest import _make

pytestmark = pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")

IMAGE = np.zeros((48, 64, 3), np.uint8)
NAMES = ("cat", "dog")
FOUND = Detections(
    np.array([[1, 2, 30, 40]], np.float32), np.array([0.75], np.float32), np.array([1])
)
Answer = Callable[[BaseHTTPRequestHandler], None]


class Server(ThreadingHTTPServer):
    """Answers as it is told, in turn, and then with 204."""

    daemon_threads = True

    def __init__(self, port: int = 0) -> None:
        self.answers: list[Answer] = []
        self.bodies: list[dict[str, Any]] = []
        self.times: list[float] = []
        self.paths: list[str] = []
        self.headers: list[Any] = []
        self.connections: set[Any] = set()
        self.over = threading.Event()
        super().__init__(("127.0.0.1", port), Handler)
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hook/secret?a=b"

    def handle_error(self, *_: Any) -> None:
        """The peer has gone, as it may."""

    def end(self) -> None:
        self.over.set()
        self.shutdown()
        self.server_close()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_POST(self) -> None:
        self.server.times.append(time.monotonic())
        self.server.connections.add(self.client_address)
        self.server.paths.append(self.path)
        self.server.headers.append(self.headers)
        self.server.bodies.append(
            json.loads(self.rfile.read(int(self.headers["Content-Length"])) or b"null")
        )
        (self.server.answers.pop(0) if self.server.answers else status(204))(self)

    def do_GET(self) -> None:
        raise AssertionError("nobody asked for a GET")

    def log_message(self, *_: Any) -> None:
        """Quiet."""


def status(code: int, body: bytes = b"", **headers: str) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        if code != 204:
            handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def hang(handler: Handler) -> None:
    handler.server.over.wait(120)
    handler.close_connection = True


def raw(content: bytes) -> Answer:
    """Say this and break off."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(content)
        handler.wfile.flush()
        handler.close_connection = True
        handler.connection.shutdown(socket.SHUT_RDWR)

    return answer


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.end()


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Back-off in milliseconds."""
    monkeypatch.setattr(outbox, "pause", lambda failures: 0.01)


def _hook(server: Server, said: list[str], **options: Any) -> Webhook:
    hook = Webhook(Endpoint.parse(server.url), NAMES, "clip.mp4", said.append, **options)
    hook._poster._timeout_s = 60.0  # a busy machine may need more than the usual seconds
    hook._outbox._rules = replace(hook._outbox._rules, closing_s=60.0)
    return hook


def _until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.005)


def _write(hook: Webhook, count: int = 1, first: int = 0) -> None:
    for index in range(first, first + count):
        assert hook.write(Frame(index, index / 10, IMAGE, f"{index}"), FOUND)


def _frames(server: Server) -> list[int]:
    return [body["frame"] for body in server.bodies]


def test_a_message(server: Server, said: list[str]) -> None:
    before = datetime.now(timezone.utc)
    hook = _hook(server, said, token="s3cret")
    hook.write(Frame(7, 0.7, IMAGE, "7"), FOUND)
    hook.close(complete=True)
    [body] = server.bodies
    assert body["detections"] == FOUND.to_list(NAMES)
    assert (body["frame"], body["source"]) == (7, "clip.mp4")
    assert set(body) == {"frame", "time", "source", "detections"}
    assert body["time"].endswith("Z")
    sent = datetime.fromisoformat(body["time"].replace("Z", "+00:00"))
    assert abs((sent - before).total_seconds()) < 5
    assert server.paths == ["/hook/secret?a=b"]
    assert server.headers[0]["Authorization"] == "Bearer s3cret"
    assert server.headers[0]["Content-Type"] == "application/json"
    assert said == []


def test_frames_without_detections_only_when_asked_for(server: Server, said: list[str]) -> None:
    for with_empty in (False, True):
        hook = _hook(server, said, with_empty=with_empty)
        hook.write(Frame(0, 0.0, IMAGE, "0"), Detections.empty())
        hook.close(complete=True)
        assert len(server.bodies) == with_empty
    assert server.bodies[0]["detections"] == []
    assert "Authorization" not in server.headers[0]


def test_one_connection_serves_many_messages(server: Server, said: list[str]) -> None:
    server.answers = [status(200, b"x" * 1000), status(201, b"{}"), status(204)]
    hook = _hook(server, said, is_live=False)
    _write(hook, 20)
    hook.close(complete=True)
    assert _frames(server) == list(range(20))
    assert len(server.connections) == 1


def test_a_long_answer_costs_only_its_connection(server: Server, said: list[str]) -> None:
    server.answers = [status(200, b"x" * 1_000_000)]
    hook = _hook(server, said, is_live=False)
    _write(hook, 3)
    hook.close(complete=True)
    assert _frames(server) == [0, 1, 2]
    assert len(server.connections) == 2
    assert said == []


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (status(500), "500 Internal Server Error"),
        (status(503), "503 Service Unavailable"),
        (status(429), "429 Too Many Requests"),
        (hang, "no answer in time"),
        (raw(b""), "closed connection"),
        (raw(b"HTTP/1.1 20"), "no HTTP"),
        (raw(b"HTTP/1.1 200 OK\r\nContent-Le"), ""),  # the status is there: delivered
        (raw(b"SSH-2.0-OpenSSH_9.2\r\n"), "no HTTP"),
        (raw(b"\x00\xff" * 70_000), "no HTTP"),
        (raw(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhalf"), ""),
        (raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"), ""),
    ],
)
def test_a_server_that_fails_once(
    server: Server, said: list[str], answer: Answer, words: str
) -> None:
    server.answers = [answer]
    hook = _hook(server, said)
    hook._poster._timeout_s = 0.3 if answer is hang else 60.0
    _write(hook, 1)
    _until(lambda: not server.answers)
    hook._poster._timeout_s = 60.0
    _write(hook, 1, first=1)
    _until(lambda: hook._outbox.delivered == 2)
    hook.close(complete=True)
    assert _frames(server) == ([0, 0, 1] if words else [0, 1])
    if words:
        assert words in said[0]
        assert said[1:] == [f"Webhook http://127.0.0.1:{server.server_port} is back."]
    else:
        assert said == []


@pytest.mark.parametrize("beginning", [b"", b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 100 Go\r\n\r\n"])
def test_an_answer_that_drips_is_not_waited_for(server: Server, beginning: bytes) -> None:
    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(beginning)
        for _ in range(160):
            time.sleep(0.05)
            handler.wfile.write(b"x")
        handler.close_connection = True

    server.answers = [status(204), drip]
    poster = Poster(Endpoint.parse(server.url), timeout_s=0.4)
    assert poster.post(b"1", {}).status == 204
    start = time.monotonic()
    with pytest.raises(TimeoutError):
        poster.post(b"2", {})
    assert time.monotonic() - start < 5
    assert poster.post(b"3", {}).status == 204  # with all the time again
    assert server.bodies == [1, 2, 3]
    poster.close()


def test_a_text_that_drips_costs_only_its_connection(server: Server) -> None:
    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 201 Made\r\nContent-Length: 999\r\n\r\n")
        for _ in range(160):
            time.sleep(0.05)
            handler.wfile.write(b"x")
        handler.close_connection = True

    server.answers = [drip]
    poster = Poster(Endpoint.parse(server.url), timeout_s=0.4)
    start = time.monotonic()
    assert [poster.post(b"1", {}).status, poster.post(b"2", {}).status] == [201, 204]
    assert time.monotonic() - start < 5
    assert len(server.connections) == 2
    poster.close()


def test_certificates_are_read_once(
    tmp_path: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    key, cert = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(cert))
    server = Server()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.answers = [status(200, b"x" * 1_000_000)] * 2  # which costs the connection
    made: list[ssl.SSLContext] = []
    make = ssl.create_default_context
    monkeypatch.setattr(ssl, "create_default_context", lambda: made.append(make()) or made[-1])
    poster = Poster(Endpoint.parse(f"https://localhost:{server.server_port}/"))
    assert [poster.post(b"1", {}).status for _ in range(3)] == [200, 200, 204]
    assert (len(server.connections), len(made)) == (3, 1)
    poster.close()
    server.end()


@pytest.mark.usefixtures("soon")
def test_retry_after_is_followed(server: Server, said: list[str]) -> None:
    server.answers = [status(429, Retry_After="0.4"), status(503, Retry_After="0.4")]
    hook = _hook(server, said)
    _write(hook)
    _until(lambda: hook._outbox.delivered == 1)
    first, second, third = server.times
    assert second - first >= 0.4
    assert third - second >= 0.4
    hook.close(complete=True)


def test_a_wish_may_be_a_date_and_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 1445412480.0 - 90)
    assert _wish("Wed, 21 Oct 2015 07:28:00 GMT") == 90
    assert _wish("Wed, 21 Oct 2015 07:00:00 GMT") == 0
    assert _wish("7") == 7
    assert _wish("1e9") == _wish("inf") == 3600
    assert _wish("-5") == _wish("nan") == _wish("soon") == _wish("") == _wish(None) == 0.0


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize("code", [400, 401, 404, 410, 413])
def test_other_answers_of_4xx_are_told_once_and_not_sent_again(
    server: Server, said: list[str], code: int
) -> None:
    server.answers = [status(code, b"no"), status(code), status(code)]
    hook = _hook(server, said)
    _write(hook, 4)
    _until(lambda: hook._outbox.delivered == 1)
    hook.close(complete=True)
    assert _frames(server) == [0, 1, 2, 3]
    assert len(said) == 2
    assert str(code) in said[0]
    assert ("webhook_token" in said[0]) == (code == 401)
    assert "1 delivered, 0 dropped, 3 refused" in said[1]


@pytest.mark.usefixtures("soon")
def test_a_server_that_is_not_there_and_comes_back(said: list[str]) -> None:
    server = Server()
    url, port = server.url, server.server_port
    server.end()
    hook = Webhook(Endpoint.parse(url), NAMES, "0", said.append)
    start = time.monotonic()
    _write(hook, 150)
    assert time.monotonic() - start < 20
    _until(lambda: len(said) == 2)
    back = Server(port)
    _until(lambda: hook._outbox.delivered >= 100)
    hook.close(complete=True)
    assert _frames(back) == list(range(150))[-len(back.bodies) :]  # the newest, in order
    assert any("connection refused; trying again" in sentence for sentence in said)
    assert any("dropped so far" in sentence for sentence in said)
    assert said[-2].endswith("is back.")
    assert f"{hook._outbox.delivered} delivered, {150 - len(back.bodies)} dropped" in said[-1]
    back.end()


def test_a_redirect_on_the_same_server_is_followed(server: Server, said: list[str]) -> None:
    server.answers = [status(308, Location="/moved?x=1"), status(204)]
    hook = _hook(server, said, token="s3cret")
    _write(hook)
    _until(lambda: hook._outbox.delivered == 1)
    hook.close(complete=True)
    assert server.paths == ["/hook/secret?a=b", "/moved?x=1"]
    assert _frames(server) == [0, 0]


def test_a_redirect_to_another_server_gets_nothing(server: Server, said: list[str]) -> None:
    thief = Server()
    places = (
        f"http://127.0.0.1:{thief.server_port}/hook/secret",
        f"http://localhost:{server.server_port}/",
        "//example.invalid/",
        "ftp://127.0.0.1/",
        "http://[",
        f"http://user@127.0.0.1:{server.server_port}/",
    )
    server.answers = [status(307, Location=place) for place in places]
    server.answers.append(status(302))  # to nowhere
    hook = _hook(server, said, token="s3cret")
    _write(hook, len(places) + 1)
    hook.close(complete=True)
    assert hook._outbox.refused == len(places) + 1
    assert thief.bodies == []
    assert "a redirect that is not followed" in said[0]
    thief.end()


def test_a_redirect_in_circles_ends(server: Server, said: list[str]) -> None:
    server.answers = [status(302, Location="/again")] * 50
    hook = _hook(server, said)
    _write(hook)
    _until(lambda: hook._outbox.refused == 1)
    hook.close(complete=True)
    assert len(server.bodies) < 10


def test_only_tls_may_be_added_by_a_redirect() -> None:
    plain, safe = Endpoint.parse("http://a/x"), Endpoint.parse("https://a/x")
    assert plain.redirected("https://a/y") == Endpoint("https", "a", 443, "/y")
    assert plain.redirected("https://b/y") is None
    assert safe.redirected("http://a/y") is None
    assert safe.redirected("https://a:8443/y") is None


def test_a_certificate_is_verified(
    tmp_path: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    key, cert = certificate(tmp_path)
    server = Server()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    address = Endpoint.parse(f"https://localhost:{server.server_port}/")
    hook = Webhook(address, NAMES, "0", said.append, token="s3cret")
    _write(hook)
    _until(lambda: bool(said))
    hook.close(complete=True)
    assert "certificate verify failed" in said[0]
    assert server.bodies == []
    monkeypatch.setenv("SSL_CERT_FILE", str(cert))
    hook = Webhook(address, NAMES, "0", said.append)
    _write(hook)
    _until(lambda: hook._outbox.delivered == 1)
    hook.close(complete=True)
    assert _frames(server) == [0]
    server.end()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "host/path",
        "ftp://host/",
        "https://",
        "https:///path",
        "https://host:0/",
        "https://host:99999/",
        "https://host:port/",
        "https://ho st/",
        "https://[::1/",
        "https://host/\udcff",
        f"https://{'a' * 70}.example/",
        "https://user:s3cret@host/",
    ],
)
def test_addresses_that_are_none(text: str) -> None:
    with pytest.raises(UsageError) as refused:
        Endpoint.parse(text)
    assert "s3cret" not in str(refused.value)
    assert refused.value.hint


def test_addresses() -> None:
    assert Endpoint.parse("https://host") == Endpoint("https", "host", 443, "/")
    assert Endpoint.parse(" http://[::1]:80/ä b?q=ü%20#top ") == Endpoint(
        "http", "::1", 80, "/%C3%A4%20b?q=%C3%BC%20"
    )
    assert Endpoint.parse("http://[::1]:8080/key").origin == "http://[::1]:8080"


def test_a_token_may_name_its_scheme(server: Server, said: list[str]) -> None:
    hook = _hook(server, said, token=" Basic dXNlcjpwdw== ")
    _write(hook)
    hook.close(complete=True)
    assert server.headers[0]["Authorization"] == "Basic dXNlcjpwdw=="
    for token in ("a\nInjected: yes", "größe"):
        with pytest.raises(ConfigError, match="webhook_token"):
            _hook(server, said, token=token)


_UNHURRIED = f"""{PATIENT}
from edgeyolo.device.post import Poster
Poster.__init__.__defaults__ = (600.0,)  # seconds for an answer: who waited for it would be late
"""


def test_sigterm_ends_the_command_soon_while_the_server_hangs(
    server: Server, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    server.answers = [hang] * 100
    bundle = _make(tmp_path / "bundle")
    words = (
        "--camera",
        "synthetic://64x48@200",
        "--json",
        "--webhook",
        server.url,
        "--webhook-all",
    )
    process = subprocess.Popen(
        [sys.executable, "-c", f"{_UNHURRIED}{MAIN}", "run", str(bundle), *words],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "EDGEYOLO_WEBHOOK_TOKEN": "s3cret"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    request.addfinalizer(process.kill)
    assert process.stdout is not None
    for _ in range(300):  # frames go on all the time
        assert process.stdout.readline()
    reader = threading.Thread(target=process.stdout.read)
    reader.start()
    process.send_signal(signal.SIGTERM)
    start = time.monotonic()
    assert process.wait(60) == 0
    # On a machine with nothing else to do it takes less than one.
    assert time.monotonic() - start < 20
    reader.join(60)
    assert process.stderr is not None
    told = process.stderr.read()
    assert "Traceback" not in told
    assert " dropped so far." in told
    assert "0 delivered" in told
    for secret in ("s3cret", "secret"):
        assert secret not in told
    assert server.headers[0]["Authorization"] == "Bearer s3cret"
    assert server.bodies[0]["source"] == "synthetic://64x48@200"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--webhook", "host/path"], "https://host/path"),
        (["--webhook-all"], "Add --webhook."),
    ],
)
def test_what_the_command_refuses(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    words: str,
) -> None:
    bundle = _make(tmp_path / "bundle")
    assert edgeyolo_here("run", bundle, "--camera", "synthetic://64x48@200", *arguments) == 2
    assert words in capsys.readouterr().err


def test_the_token_is_shown_nowhere(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EDGEYOLO_WEBHOOK_TOKEN", "s3cret")
    monkeypatch.setenv("EDGEYOLO_MQTT_PASSWORD", "s3cret")
    for flags in ([], ["--json"], ["--origin"]):
        assert edgeyolo_here("config", "show", *flags) == 0
    shown = capsys.readouterr().out
    assert "webhook_token" in shown
    assert "s3cret" not in shown
