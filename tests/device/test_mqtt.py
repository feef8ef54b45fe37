"""Messages to a real mosquitto that is stopped, restarted, paused, and wants a password."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeyolo.device import outbox
from edgeyolo.device.broker import Broker
from edgeyolo.device.detections import Detections
from edgeyolo.device.frame import Frame
from edgeyolo.errors import UsageError
from tests.command import edgeyolo_here, python
from tests.conftest import ROOT
from tests.device.processes import MAIN, PATIENT
from tests.programs import certificate, program
from tests.unit.conftest import _make

pytest.importorskip("paho.mqtt")

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from edgeyolo.device.sinks import mqtt
from edgeyolo.device.sinks.mqtt import Mqtt

pytestmark = pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")

IMAGE = np.zeros((48, 64, 3), np.uint8)
NAMES = ("cat", "dog")
FOUND = Detections(
    np.array([[1, 2, 30, 40]], np.float32), np.array([0.75], np.float32), np.array([1])
)
NONE = Detections.empty()


def _until(happened: Callable[[], object], patience_s: float = 60) -> None:
    deadline = time.monotonic() + patience_s
    while not happened():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


def _free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


class Mosquitto:
    """A broker of its own for a test; with a user ``board`` and its password."""

    def __init__(self, folder: Path, password: str | None = None, tls: bool = False) -> None:
        self._command = [program("mosquitto"), "-c", str(folder / "mosquitto.conf")]
        self.port = _free_port()
        lines = [f"listener {self.port} 127.0.0.1", "persistence false"]
        if password is None:
            lines.append("allow_anonymous true")
        else:
            users = folder / "users"
            users.touch(0o600)
            words = [program("mosquitto_passwd"), "-b", str(users), "board", password]
            subprocess.run(words, check=True, capture_output=True)
            lines += ["allow_anonymous false", f"password_file {users}"]
        if tls:
            key, self.certificate = certificate(folder)
            lines += [f"keyfile {key}", f"certfile {self.certificate}"]
        if os.geteuid() == 0:
            lines.append("user root")  # else it could not read the files of the test
        (folder / "mosquitto.conf").write_text("\n".join(lines) + "\n")
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(
            self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        _until(self._listens)

    def _listens(self) -> bool:
        assert self.process is not None and self.process.poll() is None, "mosquitto ended"
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def send(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def stop(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            self.process.wait(60)
            self.process = None


MakeBroker = Callable[..., Mosquitto]


@pytest.fixture
def make_broker(tmp_path: Path) -> Iterator[MakeBroker]:
    """A broker that is not started yet, and does not outlive the test."""
    made: list[Mosquitto] = []

    def make(**options: Any) -> Mosquitto:
        made.append(Mosquitto(tmp_path, **options))
        return made[-1]

    yield make
    for broker in made:
        broker.stop()


@pytest.fixture
def broker(make_broker: MakeBroker) -> Mosquitto:
    broker = make_broker()
    broker.start()
    return broker


class Reader:
    """Everything under ``door``, as another program sees it."""

    def __init__(self, broker: Mosquitto, password: str | None = None) -> None:
        self.heard: list[tuple[str, str, bool]] = []
        self._subscribed = threading.Event()
        self.client = Client(CallbackAPIVersion.VERSION2)
        if password is not None:
            self.client.username_pw_set("board", password)
        self.client.on_connect = lambda client, *_: client.subscribe("door/#", 1)
        self.client.on_subscribe = lambda *_: self._subscribed.set()
        self.client.on_message = self._hear
        self.client.reconnect_delay_set(1, 1)
        self.client.connect("127.0.0.1", broker.port)
        self.client.loop_start()
        assert self._subscribed.wait(60)

    def _hear(self, client: Any, data: Any, message: Any) -> None:
        self.heard.append((message.topic, message.payload.decode(), bool(message.retain)))

    @property
    def messages(self) -> list[dict[str, Any]]:
        return [json.loads(text) for topic, text, _ in self.heard if topic == "door"]

    @property
    def frames(self) -> list[int]:
        return [message["frame"] for message in self.messages]

    @property
    def states(self) -> list[str]:
        return [text for topic, text, _ in self.heard if topic == "door/status"]

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture
def reader(broker: Mosquitto) -> Iterator[Reader]:
    reader = Reader(broker)
    yield reader
    reader.close()


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    _until(lambda: set(threading.enumerate()) <= before)


def _sink(broker: Mosquitto, said: list[str], options: str = "", **more: Any) -> Mqtt:
    return Mqtt(
        Broker.parse(f"mqtt://127.0.0.1:{broker.port}/door{options}"), NAMES, said.append, **more
    )


def _write(sink: Mqtt, index: int, found: Detections = FOUND) -> None:
    start = time.monotonic()
    assert sink.write(Frame(index, index / 10, IMAGE, f"{index}"), found)
    assert time.monotonic() - start < 20  # whatever the broker does


def test_messages_and_status(broker: Mosquitto, reader: Reader, said: list[str]) -> None:
    sink = _sink(broker, said)
    for index in range(10):
        _write(sink, index)
    _until(lambda: len(reader.frames) == 10)
    sink.close(complete=True)
    _until(lambda: len(reader.states) == 2)
    assert reader.messages[3] == {"frame": 3, "time_s": 0.3, "detections": FOUND.to_list(NAMES)}
    assert reader.frames == list(range(10))
    assert said == []
    late = Reader(broker)
    _until(lambda: late.heard)
    assert late.heard == [("door/status", "offline", True)]  # kept by the broker
    assert reader.states == ["online", "offline"]
    late.close()


def test_a_scene_that_empties_is_told_once(
    broker: Mosquitto, reader: Reader, said: list[str]
) -> None:
    sink = _sink(broker, said)
    for index, found in enumerate([NONE, NONE, FOUND, FOUND, NONE, NONE, NONE, FOUND, NONE]):
        _write(sink, index, found)
    _until(lambda: len(reader.frames) == 6)
    sink.close(complete=True)
    assert reader.frames == [0, 2, 3, 4, 7, 8]
    assert [len(message["detections"]) for message in reader.messages] == [0, 1, 1, 0, 1, 0]


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_every_quality_of_service(
    broker: Mosquitto, reader: Reader, said: list[str], qos: int
) -> None:
    sink = _sink(broker, said, f"?qos={qos}", is_live=False)
    for index in range(200):
        _write(sink, index)
    _until(lambda: sink._outbox.delivered == 200)  # the time at the end is bounded
    sink.close(complete=True)
    _until(lambda: len(reader.frames) == 200)
    assert reader.frames == list(range(200))
    assert said == []


def test_a_retained_message_greets_a_late_reader(broker: Mosquitto, said: list[str]) -> None:
    sink = _sink(broker, said, "?retain=1")
    _write(sink, 5)
    _until(lambda: sink._outbox.delivered == 1)
    sink.close(complete=True)
    late = Reader(broker)
    _until(lambda: late.frames)
    assert late.frames == [5]
    late.close()


def test_a_single_image_arrives(broker: Mosquitto, reader: Reader, said: list[str]) -> None:
    sink = _sink(broker, said, is_live=False)
    _write(sink, 0)
    sink.close(complete=True)  # before there is a connection
    _until(lambda: reader.frames == [0])


@pytest.mark.parametrize("qos", [0, 1])
def test_a_broker_that_restarts(
    broker: Mosquitto, reader: Reader, said: list[str], qos: int
) -> None:
    # Who of the two is back first is left to chance: the last message waits for a reader.
    sink = _sink(broker, said, f"?qos={qos}&retain=1")
    _write(sink, 0)
    _until(lambda: reader.frames == [0])
    broker.stop()
    for index in range(1, 21):  # frames go on all the time
        _write(sink, index)
        time.sleep(0.02)
    broker.start()
    _until(lambda: 20 in reader.frames)
    _write(sink, 21)
    _until(lambda: 21 in reader.frames)
    sink.close(complete=True)
    _until(lambda: reader.states[-2:] == ["online", "offline"])
    name = f"MQTT 127.0.0.1:{broker.port}"
    assert said[0] == f"{name}: the connection is lost; trying again."
    assert said[1] == f"{name} is back."
    assert "Traceback" not in "".join(said)


def test_a_broker_that_comes_later(
    make_broker: MakeBroker, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # What waits is sent when there is a connection, not when a pause is over.
    monkeypatch.setattr(outbox, "pause", lambda failures: 1000.0)
    broker = make_broker()
    sink = _sink(broker, said)
    for index in range(300):
        _write(sink, index, NONE if index % 2 else FOUND)
    _until(lambda: any("connection refused; trying again" in sentence for sentence in said))
    broker.start()
    reader = Reader(broker)
    _until(lambda: sink._outbox.delivered)
    _write(sink, 300)
    _until(lambda: 300 in reader.frames)
    sink.close(complete=True)
    reader.close()
    broker.stop()
    assert sink._outbox.dropped >= 200
    assert sum("dropped so far" in sentence for sentence in said) == 1
    assert said[-1].endswith("dropped.")


def test_late_news_is_no_news_with_qos_0(
    make_broker: MakeBroker, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mqtt, "_STALE_S", {0: 0.2, 1: 600.0})
    broker = make_broker()
    sinks = [_sink(broker, said), _sink(broker, said, "?qos=1")]
    for sink in sinks:
        for index in range(5):
            _write(sink, index, FOUND)
        _write(sink, 5, NONE)
    time.sleep(0.3)
    broker.start()
    for sink, count in zip(sinks, (1, 6), strict=True):
        _until(lambda sink=sink: not sink._outbox._items)  # type: ignore[misc]
        assert sink._outbox.delivered == count  # always how things stand now
        sink.close(complete=True)


@pytest.mark.parametrize("qos", [0, 1])
def test_a_broker_that_hangs_costs_neither_frames_nor_memory(
    broker: Mosquitto, said: list[str], qos: int
) -> None:
    sink = _sink(broker, said, f"?qos={qos}")
    _write(sink, 0)
    _until(lambda: sink._outbox.delivered == 1)
    broker.send(signal.SIGSTOP)
    sink._names = ("", "x" * 100_000)
    for index in range(1, 300):  # 30 MB in all: more than a socket takes
        _write(sink, index)
    assert len(sink._sent) <= 20
    assert len(sink._outbox._items) <= 100
    start = time.monotonic()
    sink.close(complete=True)
    assert time.monotonic() - start < 20
    assert any("dropped so far" in sentence for sentence in said)
    broker.send(signal.SIGCONT)


@pytest.mark.parametrize("is_gone", [False, True])
@pytest.mark.parametrize("qos", [1, 2])
def test_what_the_broker_has_not_confirmed_is_not_delivered(
    broker: Mosquitto, said: list[str], qos: int, is_gone: bool
) -> None:
    sink = _sink(broker, said, f"?qos={qos}")
    _write(sink, 0)
    _until(lambda: sink._outbox.delivered == 1 and mqtt._is_through(sink._sent[0]))
    broker.send(signal.SIGSTOP)
    for index in range(1, 6):
        _write(sink, index)
    _until(lambda: sink._outbox.delivered == 6)
    if is_gone:
        broker.send(signal.SIGKILL)
        _until(lambda: not sink._client.is_connected())
    start = time.monotonic()
    sink.close(complete=True)
    assert time.monotonic() - start < 20
    broker.send(signal.SIGCONT)
    name = f"MQTT 127.0.0.1:{broker.port}"
    told = f"{name}: of the messages sent, the broker has not confirmed the last 5."
    assert said[is_gone:] == [told]
    assert sink._outbox.delivered == 1


def test_what_is_not_confirmed_is_not_counted_at_the_end(
    broker: Mosquitto, said: list[str]
) -> None:
    sink = _sink(broker, said, "?qos=1")
    _write(sink, 0)
    _until(lambda: sink._outbox.delivered == 1 and mqtt._is_through(sink._sent[0]))
    broker.send(signal.SIGSTOP)
    for index in range(1, 30):  # more than may be under way at a time
        _write(sink, index)
    _until(lambda: len(sink._outbox._items) == 9 and len(sink._sent) == 20)
    sink.close(complete=True)
    broker.send(signal.SIGCONT)
    assert "has not confirmed the last 20." in said[-2]
    assert said[-1].endswith(": 1 delivered, 9 dropped.")


def test_that_nobody_is_there_any_more_is_not_lost_with_a_broker(
    broker: Mosquitto, said: list[str]
) -> None:
    sink = _sink(broker, said, "?retain=1")
    _write(sink, 0)
    _until(lambda: sink._outbox.delivered == 1)
    broker.send(signal.SIGSTOP)
    _write(sink, 1, NONE)  # the kernel takes it, and mosquitto never reads it
    _until(lambda: sink._outbox.delivered == 2)
    broker.send(signal.SIGKILL)
    _until(lambda: said)
    broker.stop()
    broker.start()
    _until(lambda: said[-1].endswith("is back."))
    for index in range(2, 6):
        _write(sink, index, NONE)
        time.sleep(0.05)
    sink.close(complete=True)
    late = Reader(broker)
    _until(lambda: "offline" in late.states)
    assert [message["detections"] for message in late.messages] == [[]]
    late.close()


def test_a_password(make_broker: MakeBroker, said: list[str]) -> None:
    broker = make_broker(password="p@ss/wörd:1")
    broker.start()
    reader = Reader(broker, "p@ss/wörd:1")
    address = f"127.0.0.1:{broker.port}/door"
    right = Broker.parse(f"mqtt://board:p%40ss%2Fw%C3%B6rd:1@{address}")
    wrong = Broker.parse(f"mqtt://board:s3cret@{address}")
    none = Broker.parse(f"mqtt://{address}")
    sinks = [Mqtt(one, NAMES, said.append) for one in (wrong, none)]
    for sink in sinks:
        _write(sink, 1)
    _until(lambda: len(said) == 2)
    for sink in sinks:
        sink.close(complete=True)
    assert all("not authorized; trying again" in sentence for sentence in said[:2])
    sink = Mqtt(right, NAMES, said.append)
    _write(sink, 2)
    _until(lambda: reader.frames == [2])
    sink.close(complete=True)
    assert "s3cret" not in "".join(said)
    assert "s3cret" not in repr(wrong)
    reader.close()


def test_a_certificate_is_verified(
    make_broker: MakeBroker, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = make_broker(tls=True)
    broker.start()
    address = Broker.parse(f"mqtts://localhost:{broker.port}/door")
    sink = Mqtt(address, NAMES, said.append)
    _write(sink, 0)
    _until(lambda: said)
    sink.close(complete=True)
    assert "certificate verify failed" in said[0]
    monkeypatch.setenv("SSL_CERT_FILE", str(broker.certificate))
    sink = Mqtt(address, NAMES, said.append, is_live=True)
    _write(sink, 0)
    _until(lambda: sink._outbox.delivered == 1)
    sink.close(complete=True)


_NO_BROKERS = (
    b"",
    b"HTTP/1.1 400 Bad Request\r\n\r\n",
    b"\x20\x02\x00",  # CONNACK, cut off
    b"\x20\x00",
    b"\x20\x7f" * 400,
    b"\x20\x02\x00\x05",  # not authorized
    b"\xff" * 100,
    b"\x40\x00",  # PUBACK of nothing
    b"\x62\x01\x00",
    b"\x20\x02\x00\x00\x40\x00",
)


def test_what_is_no_broker_kills_nothing(said: list[str]) -> None:
    with ExitStack() as stack:
        listeners = [
            stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in _NO_BROKERS
        ]
        ports = [listener.getsockname()[1] for listener in listeners]
        sinks = [
            Mqtt(Broker.parse(f"mqtt://127.0.0.1:{port}/door"), NAMES, said.append)
            for port in ports
        ]
        for turn in range(2):  # each is tried again
            for sink in sinks:
                _write(sink, turn)
            for listener, answer in zip(listeners, _NO_BROKERS, strict=True):
                listener.settimeout(60)
                with listener.accept()[0] as peer:
                    peer.recv(1000)
                    peer.sendall(answer)
        for sink in sinks:
            start = time.monotonic()
            sink.close(complete=True)
            assert time.monotonic() - start < 20


Command = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def command(tmp_path: Path) -> Iterator[Command]:
    """``edgeyolo run`` in a process that does not outlive the test."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: object, **variables: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", f"{PATIENT}{MAIN}", "run", *map(str, arguments)],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT), **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_the_command_with_a_password_of_the_environment_and_a_kill(
    make_broker: MakeBroker, command: Command, tmp_path: Path
) -> None:
    broker = make_broker(password="s3cret")
    broker.start()
    reader = Reader(broker, "s3cret")
    process = command(
        *(_make(tmp_path / "bundle"), "--camera", "synthetic://64x48@100"),
        *("--mqtt", f"mqtt://board@127.0.0.1:{broker.port}/door"),
        EDGEYOLO_MQTT_PASSWORD="s3cret",
    )
    # With QoS 0 a frame may overtake the status, which has 1.
    _until(lambda: reader.frames == [0] and reader.states == ["online"])
    process.kill()  # the broker tells what we no longer can
    _until(lambda: reader.states == ["online", "offline"])
    assert "s3cret" not in "".join(process.communicate())
    reader.close()


def test_sigterm_ends_the_command_soon_while_the_broker_hangs(
    command: Command, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:  # connects, and never says a word
        port = listener.getsockname()[1]
        process = command(
            *(_make(tmp_path / "bundle"), "--camera", "synthetic://64x48@200", "--json"),
            *("--mqtt", f"mqtt://board:s3cret@127.0.0.1:{port}/door?qos=1"),
        )
        assert process.stdout is not None
        for _ in range(300):  # frames go on all the time
            assert process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        start = time.monotonic()
        told = process.communicate(timeout=240)[1]
        # On a machine with nothing else to do it takes less than one.
        assert time.monotonic() - start < 20
    assert process.returncode == 0
    assert "Traceback" not in told
    assert "s3cret" not in told
    assert "0 delivered, 1 dropped" in told


@pytest.mark.parametrize(
    "text",
    [
        "",
        "host/topic",
        "http://host/topic",
        "mqtt:host/topic",
        "mqtt://host",
        "mqtt://host/",
        "mqtt:///topic",
        "mqtt://board:s3cret@/topic",
        "mqtt://host:0/topic",
        "mqtt://host:x/topic",
        "mqtt://host:99999/topic",
        "mqtt://board:s3cret@host:99999/topic",
        "mqtt://ho st/topic",
        f"mqtt://{'a' * 70}.example/topic",
        "mqtt://host/a/+/b",
        "mqtt://host/a/#",
        "mqtt://host/a%23",
        "mqtt://host/a%00b",
        f"mqtt://host/{'a' * 65_535}",
        "mqtt://host/topic?qos=3",
        "mqtt://host/topic?qos=",
        "mqtt://host/topic?retain=yes",
        "mqtt://host/topic?password=s3cret",
        "mqtt://[::1/topic",
        "mqtt://host/\udcff",  # as Python reads arguments that are no UTF-8
        "mqtt://board:s3cret\udcff@host/topic",
    ],
)
def test_addresses_that_are_none(text: str) -> None:
    with pytest.raises(UsageError) as refused:
        Broker.parse(text)
    assert "s3cret" not in str(refused.value)
    assert "mqtt://user:password@host:1883/topic" in refused.value.hint


def test_addresses() -> None:
    assert Broker.parse("mqtt://host/a/b") == Broker("host", 1883, "a/b")
    assert Broker.parse("mqtts://Host/größe%20x?qos=2&retain=1") == Broker(
        "host", 8883, "größe x", is_encrypted=True, qos=2, retain=True
    )
    assert Broker.parse("mqtt://me:p%40:w@[::1]:2/t") == Broker("::1", 2, "t", "me", "p@:w")
    assert Broker.parse("mqtt://me@host/t").status_topic == "t/status"


def test_a_bad_address_ends_the_command_before_all_else(capsys: pytest.CaptureFixture[str]) -> None:
    assert edgeyolo_here("run", "--camera", "0", "--mqtt", "mqtt://board:s3cret@broker") == 2
    told = capsys.readouterr().err
    assert "names no topic" in told
    assert "s3cret" not in told


def test_without_paho_it_says_how_to_get_it(tmp_path: Path) -> None:
    bundle = _make(tmp_path / "bundle")
    told = python(f"""
import contextlib, io, sys
sys.modules["paho"] = None
from edgeyolo.cli.main import main
sys.argv = ["edgeyolo", "run", {str(bundle)!r}, "--camera", "synthetic://64x48@30"]
sys.argv += ["--mqtt", "mqtt://host/topic"]
with contextlib.redirect_stderr(io.StringIO()) as told:
    try:
        main()
    except SystemExit as end:
        print(int(end.code))
print(told.getvalue())
""")
    assert told.startswith("3\n")
    assert 'pip install "edgeyolo[mqtt]"' in told


def test_paho_is_imported_in_one_file_alone() -> None:
    holders = [
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "edgeyolo").rglob("*.py")
        if re.search(r"^\s*(import|from) paho\b", path.read_text(), re.MULTILINE)
    ]
    assert holders == ["edgeyolo/device/sinks/mqtt.py"]
