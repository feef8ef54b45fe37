"""``edgeyolo run`` as a service: what the manager hears, and the unit that starts it."""

from __future__ import annotations

import ctypes
import os
import re
import shlex
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest

pytest.importorskip("cv2")
if sys.platform != "linux":
    pytest.skip("there is no systemd", allow_module_level=True)

import numpy as np

from edgeyolo.device import systemd
from edgeyolo.device.detections import Detections
from edgeyolo.device.detector import Detector
from edgeyolo.device.frame import Frame, Sink
from edgeyolo.device.loop import run
from edgeyolo.device.sinks.watchdog import Watchdog
from edgeyolo.device.systemd import ServiceManager
from edgeyolo.device.unit import Service, quoted, unit
from edgeyolo.errors import UsageError
from tests.command import edgeyolo
from tests.device.processes import MAIN, PATIENT
from tests.unit.conftest import _make as make_bundle

FRAME = Frame(0, 0.0, np.zeros((8, 8, 3), np.uint8), "frame")
SEEN = Detections(np.zeros((3, 4), np.float32), np.ones(3, np.float32), np.array([1, 1, 0]))
CAMERA = ("--camera", "synthetic://64x48@50")
_SYSTEMD = Path("/lib/systemd/systemd")


@pytest.fixture(scope="module")
def null_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_bundle(tmp_path_factory.mktemp("bundle") / "null")


class Listening:
    """A manager that keeps what it hears; each message as a dictionary."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(address.replace("@", "\0", 1) if address.startswith("@") else address)

    def hear(self, patience: float = 60.0) -> dict[str, str]:
        """The next message."""
        self._socket.settimeout(patience)
        lines = self._socket.recv(4096).decode().split("\n")
        return dict(line.split("=", 1) for line in lines)

    def hear_of(self, variable: str) -> dict[str, str]:
        """The next message that has it."""
        while variable not in (message := self.hear()):
            pass
        return message

    def has_more(self) -> bool:
        """Whether something was said that nobody heard."""
        try:
            return bool(self.hear(0.05))
        except TimeoutError:
            return False

    def close(self) -> None:
        """Listen no more."""
        self._socket.close()


@pytest.fixture(params=["path", "abstract"])
def listening(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Listening]:
    abstract = f"@edgeyolo-test-{os.getpid()}-{time.monotonic_ns()}"
    manager = Listening(abstract if request.param == "abstract" else str(tmp_path / "notify"))
    yield manager
    manager.close()


@pytest.mark.parametrize(
    ("environment", "address", "watchdog"),
    [
        ({}, None, None),
        ({"NOTIFY_SOCKET": ""}, None, None),
        ({"NOTIFY_SOCKET": "vsock:2:1234"}, None, None),
        ({"NOTIFY_SOCKET": "/run/n"}, "/run/n", None),
        ({"NOTIFY_SOCKET": "@n", "WATCHDOG_USEC": "30000000"}, "@n", 30.0),
        ({"NOTIFY_SOCKET": "@n", "WATCHDOG_USEC": "5", "WATCHDOG_PID": "1"}, "@n", None),
        ({"NOTIFY_SOCKET": "@n", "WATCHDOG_USEC": "soon"}, "@n", None),
    ],
)
def test_the_manager_is_the_one_of_the_environment(
    environment: dict[str, str], address: str | None, watchdog: float | None
) -> None:
    manager = ServiceManager.of(environment)
    assert (manager.address, manager.watchdog_s) == (address, watchdog)


def test_what_is_said_arrives_as_one_message(listening: Listening) -> None:
    ServiceManager(listening.address).say(READY="1", STATUS="two\nlines, ü = ö")
    assert listening.hear() == {"READY": "1", "STATUS": "two lines, ü = ö"}


@pytest.mark.parametrize("address", [None, "/nowhere/notify", "@nobody-listens-here"])
def test_nobody_listens(address: str | None) -> None:
    manager = ServiceManager(address)
    manager.ready()
    Watchdog(manager, ("cat", "dog")).write(FRAME, SEEN)


def test_a_manager_that_does_not_read_holds_nothing_up(
    listening: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(systemd, "_PATIENCE_S", 60.0)
    manager, started = ServiceManager(listening.address), time.monotonic()
    queue = Path("/proc/sys/net/unix/max_dgram_qlen").read_text()
    for _ in range(int(queue) + 2):
        manager.say(STATUS="again")
    watchdog = Watchdog(manager, ("cat", "dog"))
    for _ in range(20):
        watchdog._signed = float("-inf")  # each frame is due
        watchdog.write(FRAME, SEEN)
    assert time.monotonic() - started < 30  # less than one wait


def test_only_that_it_is_ready_waits_for_a_manager_that_is_busy(
    listening: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(systemd, "_PATIENCE_S", 60.0)
    manager = ServiceManager(listening.address)
    queue = int(Path("/proc/sys/net/unix/max_dgram_qlen").read_text()) + 2
    for _ in range(queue):
        manager.say(STATUS="again")
    reading = threading.Timer(0.2, listening.hear)
    reading.start()
    manager.ready()
    reading.join()
    assert "READY" in listening.hear_of("READY")


class Noting(ServiceManager):
    """Keeps what is said, and when."""

    def __init__(self, watchdog_s: float, now: list[float]) -> None:
        super().__init__(None, watchdog_s)
        self.said: list[tuple[float, dict[str, str]]] = []
        self._now = now

    def say(self, **variables: str) -> None:
        self.said.append((self._now[0], variables))


@pytest.mark.parametrize("patience", [1.0, 30.0])
@pytest.mark.parametrize("fps", [4.9, 2.5, 0.9, 0.5])
def test_every_slow_detector_is_alive(fps: float, patience: float) -> None:
    now = [0.0]
    manager = Noting(patience, now)
    watchdog = Watchdog(manager, ("cat", "dog"), clock=lambda: now[0])
    for index in range(1, 60):
        due = index / fps
        while due - now[0] > 0.2:  # as the loop does it: a fifth of a second after the last event
            now[0] += 0.2
            watchdog.idle()
        now[0] = due
        watchdog.write(FRAME, SEEN)
    signs = [when for when, variables in manager.said if "WATCHDOG" in variables]
    interval = min(1.0, patience / 4)
    assert max(b - a for a, b in pairwise(signs)) <= interval + 1 / fps + 1e-6
    assert len(signs) <= now[0] / interval + 1
    rates = re.findall(r"frames, ([\d.]+) fps", str(manager.said))
    assert {float(rate) for rate in rates} == {fps}


def test_only_a_frame_is_a_sign_of_life(listening: Listening) -> None:
    now = [100.0]
    watchdog = Watchdog(ServiceManager(listening.address, 90), ("cat", "dog"), clock=lambda: now[0])
    assert watchdog.write(FRAME, SEEN)
    assert listening.hear() == {"WATCHDOG": "1", "STATUS": "1 frames: 2 dog, 1 cat"}
    for _ in range(16):  # at 16 fps, once a second
        now[0] += 0.0625
        assert watchdog.write(FRAME, Detections.empty())
    assert listening.hear() == {"WATCHDOG": "1", "STATUS": "17 frames, 16.0 fps: nothing"}
    for second in range(1, 6):
        for _ in range(4):
            now[0] += 0.25
            assert watchdog.idle()
        assert listening.hear() == {"STATUS": f"No frame for {second} s, 17 before."}
    watchdog.close(complete=True)
    assert listening.hear() == {"STOPPING": "1", "STATUS": "Ends after 17 frames."}


@pytest.mark.parametrize("patience", [0.4, 4.0, 90.0])
def test_signs_come_often_enough_for_any_watchdog(listening: Listening, patience: float) -> None:
    now, signs = [0.0], []
    watchdog = Watchdog(ServiceManager(listening.address, patience), (), clock=lambda: now[0])
    for _ in range(100):
        watchdog.write(FRAME, Detections.empty())
        signs += [now[0]] * listening.has_more()
        now[0] += 0.05
    assert max(b - a for a, b in pairwise(signs)) <= patience / 2
    assert len(signs) < 80


def test_a_reload_is_announced_and_ends_whatever_comes_of_it(listening: Listening) -> None:
    manager = ServiceManager(listening.address)
    outcomes = iter([1, 2, UsageError("broken")])

    def load() -> int:
        outcome = next(outcomes)
        if isinstance(outcome, UsageError):
            raise outcome
        return outcome

    told = manager.around(load)
    assert told() == 1  # the start is no reload
    assert not listening.has_more()
    manager.ready()
    assert listening.hear()["READY"] == "1"
    before = time.monotonic_ns() // 1000
    assert told() == 2
    begin = listening.hear()
    assert begin["RELOADING"] == "1"
    assert before <= int(begin["MONOTONIC_USEC"]) <= time.monotonic_ns() // 1000
    assert listening.hear() == {"READY": "1"}
    with pytest.raises(UsageError):
        told()
    assert listening.hear()["RELOADING"] == "1"
    assert listening.hear() == {"READY": "1"}


def _service(listening: Listening, folder: Path, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", f"{PATIENT}{MAIN}", "run", *map(str, arguments)],
        cwd=folder,
        env={**os.environ, "NOTIFY_SOCKET": listening.address, "WATCHDOG_USEC": "30000000"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_the_life_of_a_service(listening: Listening, null_bundle: Path, tmp_path: Path) -> None:
    shutil.copytree(null_bundle, tmp_path / "bundle")
    process = _service(listening, tmp_path, "bundle", *CAMERA)
    try:
        assert listening.hear(240)["READY"] == "1"
        first = listening.hear_of("WATCHDOG")  # a slow start may be told of before
        assert first["WATCHDOG"] == "1"
        assert first["STATUS"].endswith(": nothing")
        assert "fps" in listening.hear_of("WATCHDOG")["STATUS"]
        process.send_signal(signal.SIGHUP)
        assert "MONOTONIC_USEC" in listening.hear_of("RELOADING")
        assert "READY" in listening.hear_of("READY")
        assert listening.hear_of("WATCHDOG")
        process.terminate()
        assert listening.hear_of("STOPPING")
        out, said = process.communicate(timeout=240)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0
    assert said == "bundle is loaded anew.\n"  # no status line a second in the journal
    assert out == ""


class Hanging:
    """A camera that gives one picture and then neither another nor an end."""

    fps, is_live = None, True

    def __init__(self) -> None:
        self._end = threading.Event()

    def stop(self) -> None:
        self._end.set()

    @contextmanager
    def frames(self) -> Iterator[Iterator[Frame]]:
        yield self._frames()

    def _frames(self) -> Iterator[Frame]:
        yield FRAME
        self._end.wait()


class Ends(Sink):
    """After some moments of nothing."""

    moments = 0

    def write(self, frame: Frame, detections: Detections) -> bool:
        return True

    def idle(self) -> bool:
        self.moments += 1
        return self.moments < 5

    def close(self, *, complete: bool) -> None:
        """Nothing is open."""


def test_a_camera_that_hangs_gives_no_sign(listening: Listening, null_bundle: Path) -> None:
    manager, detector = ServiceManager(listening.address, 0.4), Detector(null_bundle)
    assert run(Hanging(), lambda: detector, [Watchdog(manager, ("cat", "dog")), Ends()]) == 1
    said = [listening.hear()]
    while "STOPPING" not in said[-1]:
        said.append(listening.hear())
    assert ["WATCHDOG" in message for message in said] == [True] + [False] * (len(said) - 1)
    assert len(said) > 3


def _setting(text: str, name: str) -> list[str]:
    return re.findall(rf"^{name}=(.*)$", text, re.MULTILINE)


def _unit(folder: Path, *arguments: object) -> str:
    done = edgeyolo("run", *arguments, "--print-systemd-unit", cwd=folder)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_unit_is_the_command_line_with_whole_paths(null_bundle: Path, tmp_path: Path) -> None:
    out = tmp_path / "my 100% out"
    out.mkdir()
    shutil.copytree(null_bundle, tmp_path / "bundle")
    given = ("--max-fps=5", "--classes", "cat", "--roi", "0,0,9,9", "--json", "--iou", 0.5)
    text = _unit(tmp_path, *CAMERA, *given, "--csv", "my 100% out/x.csv", "--engine", "null")
    program, *words = shlex.split(_setting(text, "ExecStart")[0].replace("%%", "%"))
    assert Path(program).is_absolute()
    assert os.access(program, os.X_OK)
    rest = words[words.index("run") :]
    assert rest == [
        *("run", str(tmp_path / "bundle"), *CAMERA, "--max-fps", "5", "--classes", "cat"),
        *("--roi", "0,0,9,9", "--json", "--iou", "0.5", "--csv", str(out / "x.csv")),
        *("--engine", "null"),
    ]
    assert _setting(text, "ReadWritePaths") == [f'"{out}"'.replace("%", "%%")]
    assert _setting(text, "WorkingDirectory") == [str(tmp_path)]
    assert list(out.iterdir()) == []


def test_what_the_unit_holds(null_bundle: Path, tmp_path: Path) -> None:
    text = _unit(tmp_path, null_bundle, *CAMERA)
    for line in (
        *("Type=notify", "NotifyAccess=main", "Restart=always", "StartLimitIntervalSec=0"),
        *("RestartPreventExitStatus=2 3", "RestartSec=5"),
        *("KillSignal=SIGTERM", "ExecReload=/bin/kill -HUP $MAINPID", "ProtectSystem=strict"),
        *("NoNewPrivileges=yes", "CapabilityBoundingSet=", "PrivateDevices=yes"),
        *("SystemCallFilter=@system-service", "RestrictAddressFamilies=AF_UNIX"),
        *("MemoryDenyWriteExecute=yes", "PrivateTmp=no"),
    ):
        assert f"\n{line}\n" in text, line
    for name in ("WatchdogSec", "RestartSec", "TimeoutStopSec"):
        assert float(_setting(text, name)[0]) > 0
    assert _setting(text, "ReadWritePaths") == []
    assert _setting(text, "SupplementaryGroups") == []


def test_work_that_has_an_end_is_not_done_again(null_bundle: Path, tmp_path: Path) -> None:
    assert "\nRestart=on-failure\n" in _unit(tmp_path, null_bundle, *CAMERA, "--frames", 3)


def _plain(**changes: object) -> Service:
    values: dict[str, object] = {
        "command": ("/opt/venv/bin/edgeyolo", "run", "/srv/bundle"),
        "folder": Path("/srv"),
        "user": "pi",
        "engine": "ncnn",
        "camera": "none",
        "uses_network": False,
        "reads": (Path("/opt/venv"), Path("/srv/bundle")),
        "writes": (),
    }
    return Service(**{**values, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "lines"),
    [
        ({}, ["ProtectHome=yes", "PrivateTmp=yes", "PrivateDevices=yes", "User=pi"]),
        ({"reads": (Path("/home/pi/venv"),)}, ["ProtectHome=read-only", "PrivateTmp=yes"]),
        ({"writes": (Path("/var/tmp/x"), Path("/srv/y"))}, ["ReadWritePaths=/var/tmp/x /srv/y"]),
        ({"camera": "v4l2"}, ["SupplementaryGroups=video", "DeviceAllow=char-video4linux rw"]),
        ({"camera": "v4l2"}, ["RestrictAddressFamilies=AF_UNIX AF_NETLINK"]),
        ({"camera": "csi"}, ["DevicePolicy=closed", "DeviceAllow=char-media rw"]),
        ({"camera": "nvargus"}, ["SupplementaryGroups=video"]),
        ({"uses_network": True}, ["RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK"]),
        ({"uses_network": True}, ["After=network-online.target"]),
        ({"environment": {"A_B": "x y%$"}}, ['Environment="A_B=x y%%$"']),
    ],
)
def test_rights_are_what_the_command_needs(changes: dict[str, object], lines: list[str]) -> None:
    text = unit(_plain(**changes))
    for line in lines:
        assert f"\n{line}\n" in text


def test_a_password_in_the_address_is_pointed_out(null_bundle: Path, tmp_path: Path) -> None:
    said = "# The password in the address"
    assert said not in _unit(tmp_path, null_bundle, "--camera", "rtsp://host/x")
    assert said in _unit(tmp_path, null_bundle, "--camera", "rtsp://me:secret@host/x")


def test_what_compiles_may_write_code() -> None:
    for changes in ({"engine": "openvino"}, {"camera": "nvargus"}, {"camera": "csi"}):
        assert "\nMemoryDenyWriteExecute=" not in unit(_plain(**changes))
    assert "\nMemoryDenyWriteExecute=yes\n" in unit(_plain(camera="v4l2"))
    assert "\nDeviceAllow" not in unit(_plain(camera="nvargus"))


def test_a_line_break_does_not_become_a_setting() -> None:
    for changes in (
        {"command": ("/bin/true", "x\nExecStartPre=/bin/evil")},
        {"folder": Path("/srv/a\nb")},
        {"writes": (Path("/srv/\x1b"),)},
    ):
        with pytest.raises(UsageError, match="cannot stand in a unit"):
            unit(_plain(**changes))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--csv", "nowhere/x.csv"), "mkdir -p"),
        (("--engine", "tpu"), "no engine"),
        (("--classes", "zebra"), "no class"),
        (("--mqtt", "mqtt://me:secret@broker/door"), "EDGEYOLO_MQTT_PASSWORD"),
        (("--save-when", "nope"), "no class 'nope'"),
        (("--save-when", "cat", "--classes", "dog"), "leaves it out"),
        (("--webhook-all",), "Add --webhook"),
        (("--serve", "here:there"), "is no address"),
        (("--csv", "-"), "--json"),
        (("--out", "clip"), "no name of a video"),
    ],
)
def test_no_unit_for_what_would_not_run(
    null_bundle: Path, tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    done = edgeyolo("run", null_bundle, *CAMERA, *arguments, "--print-systemd-unit", cwd=tmp_path)
    assert done.returncode == 2
    assert words in done.stderr
    assert done.stdout == ""


def test_no_unit_for_a_file_that_is_not_there(null_bundle: Path, tmp_path: Path) -> None:
    arguments = ("run", null_bundle, "--source", "x.mp4", "--print-systemd-unit")
    done = edgeyolo(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert "There is no x.mp4." in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("address", "lines"),
    [
        ("0.0.0.0:80", ["AmbientCapabilities=CAP_NET_BIND_SERVICE"]),
        ("0.0.0.0:80", ["CapabilityBoundingSet=CAP_NET_BIND_SERVICE"]),
        ("localhost:1024", ["AmbientCapabilities=", "CapabilityBoundingSet="]),
        ("camera.local:0", ["AmbientCapabilities=", "CapabilityBoundingSet="]),
    ],
)
def test_rights_are_those_that_the_port_needs(
    null_bundle: Path, tmp_path: Path, address: str, lines: list[str]
) -> None:
    text = _unit(tmp_path, null_bundle, *CAMERA, "--serve", address)
    for line in lines:
        assert f"\n{line}\n" in text


def test_a_key_in_the_address_of_a_webhook_is_pointed_out(
    null_bundle: Path, tmp_path: Path
) -> None:
    said = "# The path of the webhook"
    assert said not in _unit(tmp_path, null_bundle, *CAMERA, "--webhook", "https://host")
    assert said in _unit(tmp_path, null_bundle, *CAMERA, "--webhook", "https://host/hooks/x")


def _needs(program: str) -> str:
    found = shutil.which(program)
    if found is None and os.environ.get("EDGEYOLO_REQUIRE_PROGRAMS") != "1":
        pytest.skip(f"there is no {program}")
    assert found, f"there is no {program}"
    return found


@pytest.mark.parametrize("camera", ["synthetic://64x48@5", "0", "v4l2:///dev/video0"])
def test_systemd_accepts_the_unit_and_calls_it_safe(
    null_bundle: Path, tmp_path: Path, camera: str
) -> None:
    analyze = _needs("systemd-analyze")
    (tmp_path / "o ut%").mkdir()
    path = tmp_path / "edgeyolo.service"
    path.write_text(
        _unit(tmp_path, null_bundle, "--camera", camera, "--out", "o ut%/x.mp4", "--serve")
    )
    done = subprocess.run([analyze, "verify", path], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    path.write_text(re.sub("^User=root$", "User=nobody", path.read_text(), flags=re.MULTILINE))
    command = [analyze, "security", "--offline=true", "--threshold=30", path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-300:]


def _as_systemd_reads(text: str, folder: Path) -> tuple[list[str], list[str]]:
    """Words of the command and writable folders, as the manager itself takes them apart."""
    if not _SYSTEMD.is_file() or os.geteuid() != 0:
        pytest.skip("needs systemd, and root to become somebody else")
    runtime = folder / "run"
    runtime.mkdir()
    (folder / "x.service").write_text(text)
    shutil.chown(runtime, "nobody")
    command = [str(_SYSTEMD), "--test", "--user", "--unit=x.service"]
    done = subprocess.run(
        [_needs("setpriv"), "--reuid=nobody", "--regid=nogroup", "--clear-groups", *command],
        env={
            "XDG_RUNTIME_DIR": str(runtime),
            "HOME": str(runtime),
            "SYSTEMD_UNIT_PATH": f"{folder}:/usr/lib/systemd/user",
        },
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    report = done.stdout + done.stderr
    line = re.findall(r"Command Line: (.*)", report.partition("Unit x.service:")[2])[0]
    writes = re.findall(r"ReadWritePaths: (/.*)", report)
    # It shows the words before $$ becomes $, and with a \\ of its own before each.
    words = shlex.split(line.replace("\\$", "$"))
    return [word.replace("$$", "$") for word in words], writes


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """One that everybody can look into; pytest's are private."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_systemd_takes_every_word_as_it_was_given(open_folder: Path) -> None:
    odd = [
        "a b",
        "%n%%",
        "$HOME ${HOME} $$",
        "q\"uo'te",
        "back\\slash\\n",
        ";",
        "",
        "é",
        "{x}",
        "-",
    ]
    service = _plain(command=("/bin/echo", *odd), writes=(open_folder / "a b%", open_folder))
    words, writes = _as_systemd_reads(unit(service), open_folder)
    assert words == ["/bin/echo", *odd]
    assert writes == [f"{open_folder}/a b% {open_folder}"]


def test_only_what_must_be_is_in_quotes() -> None:
    assert quoted("rtsp://host:554/a,b=c@d") == "rtsp://host:554/a,b=c@d"
    assert quoted("") == '""'


@pytest.mark.parametrize(
    ("engine", "tolerates"), [("ncnn", 1), ("onnxruntime", 1), ("openvino", 0)]
)
def test_memory_that_is_written_is_not_executed(
    demo_bundle: Path, engine: str, tolerates: bool
) -> None:
    """Each engine under the filter that systemd makes of MemoryDenyWriteExecute=yes."""
    if os.uname().machine != "x86_64":
        pytest.skip("the filter names system calls of x86-64")
    done = subprocess.run(
        [
            *(sys.executable, "-c", _FORBID, sys.executable, "-m", "edgeyolo", "run"),
            *(str(demo_bundle), "--engine", engine, "--json", "--frames", "2"),
            *("--camera", "synthetic://320x240"),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode == 0) is bool(tolerates), done.stderr
    with_it = "\nMemoryDenyWriteExecute=yes\n" in unit(_plain(engine=engine))
    assert with_it is bool(tolerates)


_FORBID = """
import os, sys
from tests.device.test_systemd import forbid_executable_memory
forbid_executable_memory()
os.execv(sys.argv[1], sys.argv[1:])
"""


def forbid_executable_memory() -> None:
    """No mmap that is writable and executable, no mprotect to executable, for this process."""
    load, equal, has, mask, answer = 0x20, 0x15, 0x45, 0x54, 0x06
    write_and_execute, execute = 6, 4
    program = [
        (load, 0, 0, 0),  # the call's number
        (equal, 2, 0, 9),  # mmap
        (equal, 4, 0, 10),  # mprotect
        (equal, 3, 6, 329),  # pkey_mprotect
        (load, 0, 0, 32),  # its third argument
        (mask, 0, 0, write_and_execute),
        (equal, 2, 3, write_and_execute),
        (load, 0, 0, 32),
        (has, 0, 1, execute),
        (answer, 0, 0, 0x00050001),  # EPERM
        (answer, 0, 0, 0x7FFF0000),  # allowed
    ]
    code = b"".join(struct.pack("HBBI", *step) for step in program)
    held = ctypes.create_string_buffer(code, len(code))

    class Filter(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("steps", ctypes.c_void_p))

    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.prctl(38, 1, 0, 0, 0) == 0
    wanted = Filter(len(program), ctypes.addressof(held))
    assert libc.prctl(22, 2, ctypes.byref(wanted), 0, 0) == 0, os.strerror(ctypes.get_errno())
