"""Fetching a checkpoint from a server that works, breaks off, lies or is not there."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import random
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path

import pytest

from edgeyolo import fetch
from edgeyolo.errors import ConfigError, EdgeyoloError, ExitCode, UsageError
from edgeyolo.flow.weights import find_weights, weights_folder

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("EDGEYOLO_TEST_DATA", ROOT.parent / "shared" / "data"))
NANO, SMALL = "yolov8n.pt", "yolov8s.pt"  # with and without a known checksum


def _archive(seed: int) -> bytes:
    """A ZIP as torch writes it: members are stored, not compressed."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("net/data/0", random.Random(seed).randbytes(300_000))
    return buffer.getvalue()


PAYLOAD = _archive(0)
HALF = len(PAYLOAD) // 2


class Handler(BaseHTTPRequestHandler):
    """Answers as the next behavior of the mirror says."""

    server: Mirror

    def do_GET(self) -> None:
        """Note what was asked for; the last behavior stays."""
        self.server.asked.append((self.path, self.headers["Range"]))
        behaviors = self.server.behaviors
        (behaviors.pop(0) if len(behaviors) > 1 else behaviors[0])(self)

    def log_message(self, *args: object) -> None:
        """Say nothing."""

    def answer(self, status: int, body: bytes = b"", **headers: object) -> None:
        """Send headers, ``_`` for ``-``, and body; Content-Length may be given a lie or None."""
        self.send_response(status)
        for name, value in {"Content_Length": len(body), **headers}.items():
            if value is not None:
                self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        self.wfile.write(body)

    def offset(self) -> int:
        """First byte that the client wants."""
        return int((self.headers["Range"] or "bytes=0-")[6:-1])


Behavior = Callable[[Handler], None]


class Mirror(ThreadingHTTPServer):
    """A loopback server with a list of behaviors, one for each request."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.behaviors: list[Behavior] = [with_ranges()]
        self.asked: list[tuple[str, str | None]] = []

    @property
    def url(self) -> str:
        """Base for EDGEYOLO_FETCH_URL; the trailing slash must not matter."""
        return f"http://127.0.0.1:{self.server_address[1]}/weights/"

    @property
    def ranges(self) -> list[str | None]:
        """Range headers seen so far."""
        return [wanted for _, wanted in self.asked]


def with_ranges(payload: bytes = PAYLOAD) -> Behavior:
    """A proper server."""

    def behave(handler: Handler) -> None:
        start = handler.offset()
        span = f"bytes {start}-{len(payload) - 1}/{len(payload)}"
        if handler.headers["Range"] is None:
            handler.answer(200, payload)
        elif start >= len(payload):
            handler.answer(416, Content_Range=f"bytes */{len(payload)}")
        else:
            handler.answer(206, payload[start:], Content_Range=span)

    return behave


def without_ranges(handler: Handler) -> None:
    """Sends everything whatever was asked for."""
    handler.answer(200, PAYLOAD)


def broken_off(handler: Handler) -> None:
    """Promises the whole file and closes half-way."""
    handler.answer(200, PAYLOAD[:HALF], Content_Length=len(PAYLOAD))


def broken_chunk(handler: Handler) -> None:
    """Announces no length and closes within a chunk."""
    body = f"{len(PAYLOAD):x}\r\n".encode() + PAYLOAD[:HALF]
    handler.protocol_version = "HTTP/1.1"
    handler.answer(200, body, Content_Length=None, Transfer_Encoding="chunked", Connection="close")
    handler.close_connection = True


def stalled(handler: Handler) -> None:
    """Sends half and then nothing."""
    broken_off(handler)
    time.sleep(1.5)


def shifted(handler: Handler) -> None:
    """Sends another range than the one asked for."""
    span = f"bytes 7-{len(PAYLOAD) - 1}/{len(PAYLOAD)}"
    handler.answer(206, PAYLOAD[7:], Content_Range=span)


def status(code: int) -> Behavior:
    """Nothing but a status."""
    return lambda handler: handler.answer(code)


@pytest.fixture
def mirror(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Mirror]:
    """A server, a fresh cache, and a table that knows the payload as yolov8n.pt."""
    server = Mirror()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    monkeypatch.setenv("EDGEYOLO_FETCH_URL", server.url)
    monkeypatch.setenv("EDGEYOLO_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(fetch, "SHA256", {NANO: hashlib.sha256(PAYLOAD).hexdigest()})
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def _part(content: bytes, file: str = NANO) -> Path:
    path = weights_folder() / f"{file}.part"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def _files() -> list[str]:
    return sorted(path.name for path in weights_folder().iterdir())


def _fails(file: str = NANO) -> EdgeyoloError:
    with pytest.raises(EdgeyoloError) as caught:
        fetch.download(file)
    assert caught.value.exit_code is ExitCode.FAILED
    assert caught.value.hint
    return caught.value


def _run(*args: str) -> subprocess.CompletedProcess[str]:
    code = "from edgeyolo.cli.main import main; main()"
    command = [sys.executable, "-c", code, "fetch", *args]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )


def test_table_matches_the_real_file() -> None:
    real = DATA / "weights" / NANO
    if not real.is_file():
        pytest.skip(f"{real} is not here")
    assert hashlib.sha256(real.read_bytes()).hexdigest() == fetch.SHA256[NANO]
    assert fetch._is_whole_archive(real)


def test_whole_file_is_stored_and_found(mirror: Mirror) -> None:
    steps: list[tuple[int, int]] = []
    got = fetch.download(NANO, lambda *step: steps.append(step))
    digest = hashlib.sha256(PAYLOAD).hexdigest()
    assert got == fetch.Fetched(weights_folder() / NANO, digest, len(PAYLOAD))
    assert (got.verified, got.damaged) == (True, False)
    assert got.path.read_bytes() == PAYLOAD
    assert (steps[0], steps[-1]) == ((0, len(PAYLOAD)), (len(PAYLOAD), len(PAYLOAD)))
    assert mirror.asked == [("/weights/yolov8n.pt", None)]
    assert find_weights("yolov8n", is_demo=False) == got.path
    assert fetch.stored(NANO) == got
    assert _files() == [NANO]


def test_broken_transfer_goes_on_where_it_stopped(mirror: Mirror) -> None:
    mirror.behaviors = [broken_off, with_ranges()]
    error = _fails()
    assert "broke off after 0.2 of 0.3 MB: the server closed the connection" in error.message
    assert "same command" in error.hint
    assert (weights_folder() / f"{NANO}.part").read_bytes() == PAYLOAD[:HALF]
    assert fetch.stored(NANO) is None
    steps: list[tuple[int, int]] = []
    assert fetch.download(NANO, lambda *step: steps.append(step)).path.read_bytes() == PAYLOAD
    assert steps[0] == (HALF, len(PAYLOAD))
    assert mirror.ranges == [None, f"bytes={HALF}-"]
    assert _files() == [NANO]


def test_broken_chunk_is_kept_too(mirror: Mirror) -> None:
    mirror.behaviors = [broken_chunk]
    assert "broke off after 0.2 MB: the server closed the connection" in _fails().message
    assert (weights_folder() / f"{NANO}.part").read_bytes() == PAYLOAD[:HALF]


def test_silent_server_times_out(mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "_TIMEOUT", 0.3)
    mirror.behaviors = [stalled]
    assert "broke off after 0.2 of 0.3 MB: timed out" in _fails().message
    assert (weights_folder() / f"{NANO}.part").read_bytes() == PAYLOAD[:HALF]


def test_range_cut_short_goes_on_again(mirror: Mirror) -> None:
    def capped(handler: Handler) -> None:
        start = handler.offset()
        piece = PAYLOAD[start : start + 1000]
        span = f"bytes {start}-{start + len(piece) - 1}/{len(PAYLOAD)}"
        handler.answer(206, piece, Content_Range=span)

    mirror.behaviors = [capped]
    part = _part(PAYLOAD[:HALF])
    _fails()
    assert part.read_bytes() == PAYLOAD[: HALF + 1000]


def test_server_without_ranges_starts_again(mirror: Mirror) -> None:
    mirror.behaviors = [without_ranges]
    _part(b"x" * (len(PAYLOAD) + 5))
    steps: list[tuple[int, int]] = []
    assert fetch.download(NANO, lambda *step: steps.append(step)).path.read_bytes() == PAYLOAD
    assert steps[0] == (0, len(PAYLOAD))


@pytest.mark.parametrize("size", [len(PAYLOAD), len(PAYLOAD) + 9])  # complete, and stale
def test_range_beyond_the_end_starts_again_once(mirror: Mirror, size: int) -> None:
    _part(b"x" * size)
    assert fetch.download(NANO).path.read_bytes() == PAYLOAD
    assert mirror.ranges == [f"bytes={size}-", None]


def test_416_for_ever_ends(mirror: Mirror) -> None:
    mirror.behaviors = [status(416)]
    _part(b"x")
    assert "answered 416" in _fails().message
    assert mirror.ranges == ["bytes=1-", None]


def test_wrong_range_is_not_pasted_in(mirror: Mirror) -> None:
    mirror.behaviors = [shifted, with_ranges()]
    _part(PAYLOAD[:HALF])
    assert fetch.download(NANO).path.read_bytes() == PAYLOAD
    assert mirror.ranges == [f"bytes={HALF}-", None]


def test_range_that_nobody_asked_for_is_refused(mirror: Mirror) -> None:
    mirror.behaviors = [shifted]
    assert "answered 206" in _fails().message


def test_resumed_file_with_a_wrong_hash_leaves_nothing(mirror: Mirror) -> None:
    _part(b"x" * HALF)
    assert "sha256" in _fails().message
    assert _files() == []
    assert fetch.download(NANO).verified


def test_wrong_file_keeps_what_was_there(mirror: Mirror) -> None:
    fetch.download(NANO)
    mirror.behaviors = [with_ranges(_archive(1))]
    error = _fails()
    assert hashlib.sha256(_archive(1)).hexdigest() in error.message
    assert "nothing was stored" in error.message
    assert _files() == [NANO]
    assert (weights_folder() / NANO).read_bytes() == PAYLOAD


@pytest.mark.parametrize("body", [b"<html>Please log in</html>", b"", PAYLOAD[:-400], b"PK\3\4"])
def test_unknown_checksum_still_needs_a_whole_archive(mirror: Mirror, body: bytes) -> None:
    mirror.behaviors = [with_ranges(body)]
    assert "is not a whole checkpoint" in _fails(SMALL).message
    assert _files() == []


def test_two_files_are_not_mixed(mirror: Mirror) -> None:
    _part(_archive(1)[:HALF], SMALL)
    assert "is not a whole checkpoint" in _fails(SMALL).message
    assert fetch.download(SMALL).path.read_bytes() == PAYLOAD


def test_no_such_file_on_the_server(mirror: Mirror) -> None:
    mirror.behaviors = [status(404)]
    error = _fails()
    assert error.message == f"There is no {mirror.url}yolov8n.pt (404)."
    assert str(weights_folder()) in error.hint
    assert _files() == []


@pytest.mark.parametrize(
    ("code", "text"), [(403, "403 Forbidden to"), (204, "204 No Content to"), (599, "599 to")]
)
def test_other_answers_are_named(mirror: Mirror, code: int, text: str) -> None:
    mirror.behaviors = [status(code)]
    assert f"The server answered {text} http" in _fails().message


def test_busy_server_costs_nothing_that_has_arrived(mirror: Mirror) -> None:
    mirror.behaviors = [status(503), with_ranges()]
    part = _part(PAYLOAD[:HALF])
    assert "503 Service Unavailable" in _fails().message
    assert part.read_bytes() == PAYLOAD[:HALF]
    assert len(mirror.asked) == 1


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://127.0.0.1:1", "connection refused."),
        ("http://127.0.0.1:x", "nonnumeric port: 'x'."),
        ("http:///x", "no host given."),
        ("http://[", ""),
    ],
)
def test_unreachable_server(
    mirror: Mirror, monkeypatch: pytest.MonkeyPatch, url: str, reason: str
) -> None:
    monkeypatch.setenv("EDGEYOLO_FETCH_URL", url)
    part = _part(b"kept")
    assert _fails().message.startswith(f"Cannot reach {url}/yolov8n.pt: {reason}")
    assert part.read_bytes() == b"kept"


def test_server_that_hangs_up_at_once(mirror: Mirror) -> None:
    mirror.behaviors = [lambda handler: handler.connection.close()]
    assert "Cannot reach" in _fails().message


@pytest.mark.parametrize("url", ["file:///etc", "mirror.example"])
def test_only_http_addresses(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("EDGEYOLO_FETCH_URL", url)
    with pytest.raises(ConfigError, match="not an http or https address"):
        fetch.base_url()


def test_official_release_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EDGEYOLO_FETCH_URL", raising=False)
    assert fetch.base_url() == fetch.OFFICIAL


def test_official_release_is_that_of_ultralytics() -> None:
    found = find_spec("ultralytics")  # read, not imported: that would load torch
    if found is None or found.origin is None:
        pytest.skip("ultralytics is not installed")
    text = Path(found.origin).with_name("utils").joinpath("downloads.py").read_text()
    assert f'release: str = "{fetch.OFFICIAL.rpartition("/")[2]}"' in text


def test_full_disk(mirror: Mirror) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full")
    weights_folder().mkdir(parents=True)
    (weights_folder() / f"{NANO}.part").symlink_to("/dev/full")
    assert "yolov8n.pt.part: no space left on device." in _fails().message


def test_folder_that_cannot_be_made(mirror: Mirror, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    assert "Cannot write" in _fails().message
    assert mirror.asked == []


def test_target_that_cannot_be_replaced(mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, target: Path) -> Path:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "replace", refuse)
    error = _fails()
    assert error.message == f"Cannot write {weights_folder() / NANO}: permission denied."
    assert _files() == [f"{NANO}.part"]


def test_part_that_vanishes(mirror: Mirror) -> None:
    part = weights_folder() / f"{NANO}.part"
    with pytest.raises(EdgeyoloError, match="has vanished"):
        fetch.download(NANO, lambda done, total: part.unlink(missing_ok=True))


@pytest.mark.parametrize("size", "nsmlx")
def test_names_with_and_without_suffix(size: str) -> None:
    assert fetch.file_name(f"yolov8{size}") == f"yolov8{size}.pt"
    assert fetch.file_name(f"yolov8{size}.pt") == f"yolov8{size}.pt"


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("yolov8", "yolov8n"),
        ("yolov9x", "yolov8x"),
        ("YOLOv8M.pt", "yolov8m"),
        ("yolo8l", "yolov8l"),
        ("../yolov8s", "yolov8s"),
        ("yolov8n.pt.pt", "yolov8n"),
        ("", "yolov8n"),
    ],
)
def test_unknown_name_names_the_nearest(name: str, near: str) -> None:
    with pytest.raises(UsageError, match=f"nearest name is {near}\\."):
        fetch.file_name(name)


def test_command_prints_the_path(mirror: Mirror) -> None:
    done = _run("yolov8s")
    assert (done.returncode, done.stdout) == (0, f"{weights_folder() / SMALL}\n")
    assert f"[1/1] Get {SMALL} from http://127.0.0.1" in done.stderr
    assert "100%" in done.stderr
    assert "No checksum of yolov8s.pt is known" in done.stderr
    assert hashlib.sha256(PAYLOAD).hexdigest() in done.stderr


def test_command_prints_json_and_downloads_once(mirror: Mirror) -> None:
    answers = [_run("yolov8s.pt", "--json") for _ in range(2)]
    expected = {
        "path": str(weights_folder() / SMALL),
        "sha256": hashlib.sha256(PAYLOAD).hexdigest(),
        "bytes": len(PAYLOAD),
        "verified": False,
    }
    assert [json.loads(answer.stdout) for answer in answers] == [expected, expected]
    assert len(mirror.asked) == 1
    assert "is there already; nothing is downloaded" in answers[1].stderr
    assert "is there already" not in answers[0].stderr
    forced = _run("yolov8s", "--force")
    assert forced.returncode == 0
    assert "is not the official one" not in forced.stderr
    assert len(mirror.asked) == 2


def test_command_knows_the_official_file(mirror: Mirror) -> None:
    real = DATA / "weights" / NANO
    if not real.is_file():
        pytest.skip(f"{real} is not here")
    mirror.behaviors = [with_ranges(real.read_bytes())]
    _part(b"of mine").rename(weights_folder() / NANO)
    first, second = _run("yolov8n", "--json"), _run("yolov8n", "--json")
    assert "is not the official one and is replaced" in first.stderr
    assert json.loads(first.stdout)["verified"] is True
    assert second.stdout == first.stdout
    assert "nothing is downloaded" in second.stderr
    assert "No checksum" not in second.stderr
    assert len(mirror.asked) == 1


def test_command_says_that_it_goes_on(mirror: Mirror) -> None:
    mirror.behaviors = [broken_off, with_ranges()]
    broken = _run("yolov8s")
    assert (broken.returncode, broken.stdout) == (1, "")
    assert "edgeyolo: The transfer broke off" in broken.stderr
    assert "run the same command again" in broken.stderr
    assert _run("yolov8s").returncode == 0
    assert mirror.ranges == [None, f"bytes={HALF}-"]


@pytest.mark.parametrize(
    ("name", "code", "text"),
    [
        ("yolov8n", 1, "has the sha256"),  # the payload is not the official file
        ("yolov8q", 2, "nearest name is yolov8n"),
    ],
)
def test_command_fails_with_a_sentence(mirror: Mirror, name: str, code: int, text: str) -> None:
    done = _run(name)
    assert (done.returncode, done.stdout) == (code, "")
    assert text in done.stderr
    assert "Traceback" not in done.stderr
    assert fetch.stored(NANO) is None


def test_logic_needs_no_click() -> None:
    code = "import sys, edgeyolo.fetch; print('click' in sys.modules)"
    shown = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert shown.stdout.strip() == "False"
