"""``edgeyolo deploy`` against a real SSH server: whole or not at all, and one sentence if not."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("cv2")
if sys.platform == "win32":
    pytest.skip("no SSH server there", allow_module_level=True)

import numpy as np

from edgeyolo.deploy.board import BoardPython, examine
from edgeyolo.deploy.connection import Answer, connected
from edgeyolo.deploy.contents import environment_for
from edgeyolo.deploy.faults import connection_fault, work_fault
from edgeyolo.deploy.host import checked_host
from edgeyolo.deploy.wheel import own_wheel, repacked
from edgeyolo.errors import EdgeyoloError, UsageError
from tests.command import edgeyolo
from tests.conftest import ROOT
from tests.flow.sshd import Board, require_sshd
from tests.unit.conftest import _make as make_bundle

pytestmark = pytest.mark.xdist_group("deploy")

Done = subprocess.CompletedProcess[str]
_OWN = ("edgeyolo", "__editable__", "_editable", "_virtualenv", "__pycache__")


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What edgeyolo needs, as it is installed here, without edgeyolo itself."""
    folder = tmp_path_factory.mktemp("packages")
    for entry in Path(np.__file__).parent.parent.iterdir():
        if not entry.name.startswith(_OWN) and entry.suffix != ".pth":
            (folder / entry.name).symlink_to(entry)
    return folder


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As hatchling would build it; by hand, since that needs no network."""
    source = ROOT / "edgeyolo"
    folder = tmp_path_factory.mktemp("dist")
    target = folder / "edgeyolo-0.0.1-py3-none-any.whl"
    info = "edgeyolo-0.0.1.dist-info"
    with zipfile.ZipFile(target, "w") as archive:
        for path in sorted(source.rglob("*")):
            if path.is_file() and path.suffix != ".pyc":
                archive.write(path, path.relative_to(ROOT))
        archive.write(ROOT / "pyproject.toml", "edgeyolo/_profiles/README")
        extras = "".join(f"Provides-Extra: {name}\n" for name in ("headless", "ncnn"))
        facts = f"Metadata-Version: 2.1\nName: edgeyolo\nVersion: 0.0.1\n{extras}"
        archive.writestr(f"{info}/METADATA", facts)
        facts = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        archive.writestr(f"{info}/WHEEL", facts)
        script = "[console_scripts]\nedgeyolo = edgeyolo.cli.main:main\n"
        archive.writestr(f"{info}/entry_points.txt", script)
        digests = {name: hashlib.sha256(archive.read(name)) for name in archive.namelist()}
        lines = [
            f"{name},sha256={_urlsafe(digest.digest())},\n" for name, digest in digests.items()
        ]
        archive.writestr(f"{info}/RECORD", "".join([*lines, f"{info}/RECORD,,\n"]))
    return target


def _urlsafe(digest: bytes) -> str:
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Board]:
    require_sshd()
    board = Board(tmp_path_factory.mktemp("board"))
    yield board
    board.close()


@pytest.fixture
def board(server: Board, packages: Path) -> Board:
    """An empty one, whose packages are there already."""
    for folder in (server.home, server.units):
        shutil.rmtree(folder)
        folder.mkdir()
    server.set_tools()
    server.set_python(prepared=True)
    server.set_environment(PYTHONPATH=str(packages), PIP_NO_DEPS="1", PIP_NO_INDEX="1")
    return server


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_bundle(tmp_path_factory.mktemp("bundles") / "null")


@pytest.fixture
def deploy(board: Board, bundle: Path, wheel: Path) -> Callable[..., Done]:
    """``edgeyolo deploy`` to the board."""

    def run(*arguments: object, what: Path = bundle, host: str = "board") -> Done:
        options = ("--ssh-config", board.config, "--wheel", wheel, "--json")
        return edgeyolo("deploy", what, host, *options, *arguments)

    return run


def slow(*values: object) -> Any:
    """A case among others that takes its time."""
    return pytest.param(*values, marks=pytest.mark.slow)


def _answer(done: Done) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def _refused(done: Done, code: int = 1) -> str:
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    return done.stderr


def _changed_wheel(wheel: Path, folder: Path, file: str, text: str) -> Path:
    """One with another content of a file."""
    target = folder / wheel.name
    with zipfile.ZipFile(wheel) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            new.writestr(name, text if name == file else old.read(name))
    return target


def test_a_release_comes_whole_and_again_at_no_cost(
    board: Board, deploy: Callable[..., Done]
) -> None:
    """Its environment and its pip are real."""
    board.set_python(prepared=False)
    first = _answer(deploy())
    assert not first["reused"]
    assert first["engine"] == "null"
    assert board.current == first["release"]
    release = board.base / "releases" / first["release"]
    assert first["folder"] == str(release)
    assert (release / "complete").is_file()
    done = subprocess.run(
        [release / "venv/bin/edgeyolo", "--version"],
        env={"PYTHONPATH": board.variable("PYTHONPATH")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("edgeyolo")
    assert "edgeyolo/device/loop.py" in str(list(release.rglob("venv/lib/*/*/edgeyolo/**/loop.py")))
    made = (release / "complete").stat().st_mtime_ns
    second = _answer(deploy())
    assert second["reused"]
    assert second["release"] == first["release"]
    assert second["bytes"] == 0
    assert board.releases() == {first["release"]}
    assert (release / "venv").stat().st_mtime_ns < made


def test_the_one_before_stays_and_older_ones_go(
    board: Board, deploy: Callable[..., Done], tmp_path: Path
) -> None:
    board.put_release("first")
    names = ["first"]
    for number, name in enumerate(("b", "c")):
        answer = _answer(deploy(what=make_bundle(tmp_path / name, name=name)))
        names.append(answer["release"])
        assert board.current == names[-1]
        assert answer["previous"] == names[-2]
        assert answer["removed"] == (["first"] if number else [])
    assert board.releases() == set(names[1:])
    back = edgeyolo("deploy", "--rollback", "board", "--ssh-config", board.config, "--json")
    assert _answer(back)["release"] == names[1] == board.current
    assert board.releases() == set(names[1:])


@pytest.mark.slow
def test_a_release_that_runs_is_not_taken_away(
    board: Board, deploy: Callable[..., Done], tmp_path: Path
) -> None:
    board.put_release("idle")
    board.put_release("busy")
    board.put_release("last")
    words = [sys.executable, "-c", "input()", str(board.base / "releases/busy/venv/bin/x")]
    with subprocess.Popen(words, stdin=subprocess.PIPE) as process:
        assert _answer(deploy())["removed"] == ["idle"]
        process.kill()
    assert _answer(deploy())["removed"] == ["busy"]


def test_nothing_to_go_back_to(board: Board) -> None:
    done = edgeyolo("deploy", "--rollback", "board", "--ssh-config", board.config)
    assert "no release to go back to" in _refused(done)


def test_a_broken_bundle_does_not_leave_this_machine(
    board: Board, deploy: Callable[..., Done], bundle: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(bundle, broken)
    (broken / "model.bin").write_bytes(b"cut")
    assert "checksum" in _refused(deploy(what=broken), 2)
    assert list(board.home.iterdir()) == []


_FINDS = """
import numpy as np
class Engine:
    def __init__(self, bundle, threads):
        channels = (4 * bundle.reg_max, len(bundle.names))
        sizes = [(bundle.height // s, bundle.width // s) for s in bundle.strides]
        self.outputs = [np.full((1, c, *size), 9, np.float32) for size in sizes for c in channels]
    def infer(self, blob):
        return self.outputs
"""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (_FINDS, "detects something else"),
        ("import os\nos.abort()", "Detecting failed"),
        slow("raise RuntimeError('illegal instruction')", "illegal instruction"),
        slow("import sys\nsys.exit(0)", "does not say what it detects"),
    ],
)
def test_a_release_that_fails_its_check_does_not_become_the_current_one(
    board: Board, deploy: Callable[..., Done], wheel: Path, tmp_path: Path, text: str, words: str
) -> None:
    board.put_release("good")
    bad = _changed_wheel(wheel, tmp_path, "edgeyolo/device/engines/null.py", text)
    assert words in _refused(deploy("--wheel", bad))
    assert board.current == "good"
    assert not (board.base / "previous").exists()
    [failed] = board.releases() - {"good"}
    assert not (board.base / "releases" / failed / "complete").exists()


def _waiting(board: Board) -> list[str]:
    """Command lines of what waits there."""
    return _running(f"waits-on-{board.port}")


def _running(marker: str) -> list[str]:
    """Command lines that hold a word."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if marker in words:
            found.append(words)
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, slow(signal.SIGKILL)])
def test_an_interrupted_deploy_leaves_the_old_one_and_nothing_that_runs(
    board: Board,
    deploy: Callable[..., Done],
    wheel: Path,
    tmp_path: Path,
    number: int,
) -> None:
    board.put_release("good")
    waits = f"sh -c 'sleep 600; :' waits-on-{board.port}"
    begins = f'case "$*" in *venv*) touch "$HOME/begun"; {waits};; esac'
    board.set_python(prepared=True, before=begins)
    other = make_bundle(tmp_path / "other", name="other")
    command = ["deploy", other, "board", "--ssh-config", board.config, "--wheel", wheel]
    process = subprocess.Popen(
        [sys.executable, "-m", "edgeyolo", *map(str, command)],
        stderr=subprocess.PIPE,
        start_new_session=True,
        text=True,
    )
    _wait_for((board.home / "begun").exists)
    assert _waiting(board)
    if number == signal.SIGINT:
        os.killpg(process.pid, number)  # as a terminal does, ssh included
    else:
        process.send_signal(number)
    _, said = process.communicate(timeout=30)
    assert process.returncode == (130 if number == signal.SIGINT else -number)
    assert "Traceback" not in said
    assert board.current == "good"
    _wait_for(lambda: not _waiting(board))
    _wait_for(lambda: not _running(str(board.config)))  # no ssh goes on here either
    board.set_python(prepared=True)
    answer = _answer(deploy(what=other))
    assert board.current == answer["release"]
    assert board.releases() == {"good", answer["release"]}


def _wait_for(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_two_at_a_time(board: Board, deploy: Callable[..., Done]) -> None:
    with connected("board", None, board.config) as connection:
        base = examine(connection).base
        with connection.held("lock", base=base) as answer:
            assert answer == "locked"
            assert "Another deploy to board is under way" in _refused(deploy())
        with connection.held("lock", base=base) as answer:
            assert answer == "locked"


def test_a_dry_run_changes_nothing(
    board: Board, bundle: Path, wheel: Path, deploy: Callable[..., Done]
) -> None:
    options = ("--ssh-config", board.config, "--wheel", wheel, "--dry-run", "--service")
    done = edgeyolo("deploy", bundle, "board", *options, "--", "--camera", "0", "--serve")
    assert done.returncode == 0, done.stderr
    assert "Python 3." in done.stdout
    assert "--camera 0 --serve" in done.stdout
    assert not board.base.exists()
    planned = _answer(deploy("--dry-run"))
    assert not board.base.exists()
    assert planned["bytes"] > 0
    assert not planned["reused"]


@pytest.mark.parametrize(
    ("host", "words"),
    [
        ("stranger", "key of stranger is not known"),
        ("locked", "does not let us in"),
        ("silent", "refuses the connection"),
        ("nowhere.invalid", "no host nowhere.invalid"),
    ],
)
def test_a_host_that_cannot_be_reached(deploy: Callable[..., Done], host: str, words: str) -> None:
    assert words in _refused(deploy(host=host))


@pytest.mark.parametrize(
    "host",
    [
        "-oProxyCommand=touch made-it",
        "x;touch made-it",
        "$(touch made-it)",
        "a b",
        "pi@",
        "@x",
        "-l@x",
        "pi@-x",
        "a@b@c",
        "x\nTouch",
        "",
    ],
)
def test_a_host_that_is_none(
    host: str,
) -> None:
    with pytest.raises(UsageError, match="is no host"):
        checked_host(host)


def test_a_host_that_would_be_a_command(bundle: Path, tmp_path: Path) -> None:
    host = "-oProxyCommand=touch made-it"
    done = edgeyolo("deploy", "--json", "--", bundle, host, cwd=tmp_path)
    assert "is no host" in _refused(done, 2)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("host", "same"),
    [
        ("pi@raspberrypi.local", True),
        ("192.168.1.7", True),
        ("fe80::1%eth0", True),
        ("pi@[fe80::1]", False),
    ],
)
def test_a_host_that_is_one(host: str, same: bool) -> None:
    assert (checked_host(host) == host) is same


@pytest.mark.parametrize(
    ("programs", "words"),
    [
        ({"uname": 'test "$1" = -m && echo armv7l || echo Linux'}, "32-bit system (armv7l)"),
        ({"uname": 'test "$1" = -m && echo armv6l || echo Linux'}, "64-bit Raspberry Pi OS"),
        ({"getconf": "echo 32"}, "32-bit"),
        ({"uname": 'test "$1" = -m && echo riscv64 || echo Linux'}, "riscv64"),
        ({"uname": "echo Darwin"}, "Darwin, not Linux"),
    ],
)
def test_a_board_that_no_engine_runs_on(board: Board, programs: dict[str, str], words: str) -> None:
    for name, text in programs.items():
        board.program(name, text)
    with (
        connected("board", None, board.config) as connection,
        pytest.raises(EdgeyoloError) as error,
    ):
        examine(connection)
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("programs", "words"),
    [
        ({"df": "echo h; echo /dev/mmc 9 9 2048 99% /"}, "2 MB are free"),
        ({"tar": "echo 'tar: write error: No space left on device' >&2; exit 2"}, "disk of board"),
        (
            {"mkdir": "echo 'mkdir: cannot create: Permission denied' >&2; exit 1"},
            "nothing be writ",
        ),
    ],
)
def test_a_board_that_does_not_fit(
    board: Board, deploy: Callable[..., Done], programs: dict[str, str], words: str
) -> None:
    for name, text in programs.items():
        board.program(name, text)
    assert words in _refused(deploy())
    assert not (board.base / "current").exists()


def test_a_disk_that_is_really_full(
    board: Board, deploy: Callable[..., Done], wheel: Path, tmp_path: Path
) -> None:
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(board.home)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting is not allowed")
    try:
        board.program("df", "echo h; echo /dev/mmc 9 9 99999999 1% /")  # it fills up meanwhile
        large = make_bundle(tmp_path / "large")
        said = _refused(deploy(what=_grown(large)))
        assert "The disk of board is full" in said
    finally:
        subprocess.run(["umount", "-l", str(board.home)], check=True)


def _grown(bundle: Path) -> Path:
    """With a model of 2 MB that does not compress."""
    from edgeyolo.device.bundle import MANIFEST, Bundle
    from edgeyolo.files import write_json

    (bundle / "model.bin").write_bytes(os.urandom(2_000_000))
    manifest = json.loads((bundle / MANIFEST).read_text())
    opened = Bundle(
        bundle, "x", "fp32", tuple(manifest["names"]), 64, 96, (8, 16, 32), 16,
        {"null": {"model": "model.bin"}},
    )  # fmt: skip
    write_json(bundle / MANIFEST, opened.to_manifest())
    return bundle


def _fake_systemd(board: Board, starts: str = "exit 0") -> None:
    board.program("systemctl", f'echo "$*" >>"$HOME/log"\ntest "$1" = restart || exit 0\n{starts}')
    board.program("journalctl", "echo 'edgeyolo: Camera 7 gives no picture.'")


def _log(board: Board) -> list[str]:
    return (board.home / "log").read_text().splitlines()


def test_a_service_runs_whatever_release_is_current(
    board: Board, deploy: Callable[..., Done]
) -> None:
    _fake_systemd(board)
    given = ("--camera", "synthetic://64x48@5", "--classes", "cat", "--csv", "a b.csv")
    answer = _answer(deploy("--service", "--", *given))
    assert answer["service"] == list(given)
    assert _log(board) == ["daemon-reload", "enable --quiet edgeyolo", "restart edgeyolo"]
    text = (board.units / "edgeyolo.service").read_text()
    current = f"{board.base}/current"
    start = f"ExecStart={current}/venv/bin/edgeyolo run {current}/bundle --camera"
    assert start in text
    assert f'--csv "{board.home}/a b.csv" --engine null\n' in text
    assert "/releases/" not in text
    assert "Type=notify" in text
    assert text.startswith("#"), "what a login shell says is no part of it"


def test_a_service_that_does_not_start_is_taken_back(
    board: Board, deploy: Callable[..., Done], tmp_path: Path
) -> None:
    camera = ("--service", "--", "--camera", "synthetic://64x48@5")
    board.put_release("good")
    unit = "[Service]\nExecStart=/bin/true\n"
    (board.units / "edgeyolo.service").write_text(unit)
    fails_once = 'test -f "$HOME/failed" && exit 0; touch "$HOME/failed"; exit 1'
    _fake_systemd(board, fails_once)
    other = make_bundle(tmp_path / "other", name="other")
    said = _refused(deploy(*camera, "--iou", "0.5", what=other))
    assert "Camera 7 gives no picture" in said
    assert board.current == "good"
    assert (board.units / "edgeyolo.service").read_text() == unit
    assert _log(board)[-1] == "restart edgeyolo"


def test_a_first_service_that_does_not_start_leaves_none(
    board: Board, deploy: Callable[..., Done]
) -> None:
    _fake_systemd(board, "exit 1")
    said = _refused(deploy("--service", "--", "--camera", "synthetic://64x48@5"))
    assert "Starting the service failed" in said
    assert not (board.base / "current").exists()
    assert list(board.units.iterdir()) == []


def test_words_that_are_no_command_line_stop_it_before_the_switch(
    board: Board, deploy: Callable[..., Done]
) -> None:
    _fake_systemd(board)
    board.put_release("good")
    said = _refused(deploy("--service", "--", "--camera", "synthetic://64x48@5", "--nonsense"))
    assert "nonsense" in said
    assert board.current == "good"
    assert not (board.home / "log").exists()


def test_sudo_that_asks_stops_it_at_once(board: Board, deploy: Callable[..., Done]) -> None:
    board.program("id", "echo 1000")
    board.program("sudo", "echo 'sudo: a password is required' >&2; exit 1")
    assert "sudo asks for a password" in _refused(deploy("--service"))
    assert not board.base.exists()


@pytest.mark.slow
def test_a_running_service_is_not_forgotten(
    board: Board, deploy: Callable[..., Done], tmp_path: Path
) -> None:
    (board.units / "edgeyolo.service").write_text("[Service]\n")
    done = deploy()
    assert _answer(done)["service_runs_old"]
    assert "still runs the release before" in done.stderr


def test_options_without_a_service(deploy: Callable[..., Done]) -> None:
    assert "Add --service" in _refused(deploy("--", "--camera", "0"), 2)


def test_a_wheel_that_is_none(deploy: Callable[..., Done], tmp_path: Path) -> None:
    other = tmp_path / "other-1.0-py3-none-any.whl"
    other.write_bytes(b"")
    assert "no wheel of edgeyolo" in _refused(deploy("--wheel", other), 2)


def test_the_environment_with_picamera2_sees_the_system(board: Board) -> None:
    """Its numpy keeps its major version, or picamera2 would not load any more."""
    with connected("board", None, board.config) as connection:
        found = examine(connection)
    own = BoardPython("/usr/bin/python3", (3, 11), 64, True, "1.24.2")
    old = BoardPython("/usr/bin/python3.8", (3, 8), 64, True, "1.17.4")
    from dataclasses import replace

    environment = environment_for("x", replace(found, pythons=(old, own)), offline=False)
    assert (environment.python, environment.sees_system) == (own.program, True)
    assert environment.constraints == ("numpy<2",)
    by_uv = environment_for("x", replace(found, pythons=(old,)), offline=False)
    assert (by_uv.by_uv, by_uv.sees_system, by_uv.constraints) == (True, False, ())
    with pytest.raises(EdgeyoloError, match=r"no Python 3.10 to 3.13 \(3.8\)"):
        environment_for("x", replace(found, pythons=(old,)), offline=True)
    with pytest.raises(EdgeyoloError, match="none at all"):
        environment_for("x", replace(found, pythons=()), offline=True)


@pytest.mark.slow
def test_system_packages_are_seen_where_they_are_wanted(
    board: Board, deploy: Callable[..., Done], packages: Path, tmp_path: Path
) -> None:
    board.set_python(prepared=False)
    camera = tmp_path / "system"
    camera.mkdir()
    (camera / "picamera2.py").write_text("")
    board.set_environment(
        PYTHONPATH=f"{packages}:{camera}", PIP_NO_DEPS="1", PIP_NO_INDEX="1", PIP_NO_CACHE_DIR="1"
    )
    answer = _answer(deploy())
    assert "picamera2" in answer["python"]
    settings = (Path(answer["folder"]) / "venv/pyvenv.cfg").read_text()
    assert "include-system-site-packages = true" in settings
    assert (Path(answer["folder"]) / "constraints.txt").read_text().startswith("numpy<")


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("ssh: connect to host x port 22: Connection timed out", "cannot be reached"),
        ("ssh: connect to host x port 22: No route to host", "cannot be reached"),
        ("@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nHost key verification failed.",
         "another key than before"),
        ("", "broke off"),
        ("client_loop: send disconnect: Broken pipe", "broke off: client_loop"),
    ],
)  # fmt: skip
def test_what_ssh_says_in_a_sentence(said: str, words: str) -> None:
    assert words in connection_fault("x", said).message


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("ERROR: No matching distribution found for ncnn", "finds no package"),
        ("NewConnectionError: Failed to establish a new connection", "from a network"),
        ("OSError: [Errno 28] No space left on device", "is full"),
        ("something odd\n", "Installing failed on x: something odd."),
        ("edgeyolo: This needs ncnn.\nInstall it.\n", "Installing failed on x: This needs ncnn."),
        ("", "Installing failed on x."),
    ],
)
def test_what_the_board_says_in_a_sentence(said: str, words: str) -> None:
    assert words in work_fault("x", "Installing", said).message


def test_a_login_shell_may_talk() -> None:
    answer = Answer("Welcome\nedgeyolo:a=1=2\nxedgeyolo:a=3\nedgeyolo:b=\nedgeyolo:a=4 5\n")
    assert answer.values("a") == ["1=2", "4 5"]
    assert (answer.value("b"), answer.value("c")) == ("", "")


@pytest.mark.slow
def test_the_installed_files_are_a_wheel_again(
    board: Board, deploy: Callable[..., Done], wheel: Path, packages: Path, tmp_path: Path
) -> None:
    """On a workshop without the checkout; the board's own environment stands for one."""
    board.set_python(prepared=False)
    python = Path(_answer(deploy())["folder"]) / "venv/bin/python"

    def pack(name: str) -> Done:
        code = "import sys; from pathlib import Path; from edgeyolo.deploy.wheel import own_wheel"
        return subprocess.run(
            [python, "-c", f"{code}; print(own_wheel(Path(sys.argv[1])))", tmp_path / name],
            env={"PYTHONPATH": str(packages)},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )

    done = pack("first")
    assert done.returncode == 0, done.stderr
    again = Path(done.stdout.strip())
    with zipfile.ZipFile(wheel) as old, zipfile.ZipFile(again) as new:
        assert new.testzip() is None
        assert set(old.namelist()) == set(new.namelist())
        for name in old.namelist():
            assert name.endswith("/RECORD") or old.read(name) == new.read(name)
    assert again.read_bytes() == Path(pack("second").stdout.strip()).read_bytes()
    changed = next(python.parent.parent.rglob("edgeyolo/device/nms.py"))
    changed.write_text(changed.read_text() + "\n")
    assert "nms.py of edgeyolo is not as it was installed" in pack("third").stderr


def test_what_is_not_pure_is_not_packed_again(tmp_path: Path) -> None:
    with pytest.raises(EdgeyoloError, match="pure wheel"):
        repacked("numpy", tmp_path)
    with pytest.raises(EdgeyoloError, match="not installed"):
        repacked("no-such-package", tmp_path)


def _of_this_machine() -> dict[str, str]:
    """Where packages come from, as it is set here."""
    starts = ("PIP_", "UV_", "SSL_", "REQUESTS_")
    return {
        name: value
        for name, value in os.environ.items()
        if (name.startswith(starts) or name.lower().endswith("_proxy")) and " " not in value
    }


@pytest.mark.slow
def test_the_whole_way_with_a_real_engine(
    board: Board, demo_bundle: Path, small_demo: Path, tmp_path: Path
) -> None:
    """The wheel of this checkout, packages from where this machine gets its own."""
    board.set_python(prepared=False)
    board.set_environment(**_of_this_machine())
    image = next((small_demo.parent / "images/val").iterdir())
    options = ("--ssh-config", board.config, "--engine", "ncnn", "--image", image, "--json")
    answer = _answer(edgeyolo("deploy", demo_bundle, "board", *options))
    assert answer["check"]["compared"] > 0
    assert answer["check"]["matched"] == answer["check"]["compared"]
    packages = next(Path(answer["folder"]).glob("venv/lib/*/site-packages"))
    names = {path.name.partition("-")[0] for path in packages.glob("*.dist-info")}
    assert {"edgeyolo", "ncnn", "opencv_python_headless", "numpy"} <= names
    assert not {"torch", "pip", "onnxruntime", "opencv_python"} & names


@pytest.mark.slow
def test_a_board_without_a_network(board: Board, demo_bundle: Path) -> None:
    """Everything comes along; the board may not even look elsewhere."""
    board.set_python(prepared=False)
    nowhere = {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}
    board.set_environment(**nowhere)
    options = ("--ssh-config", board.config, "--engine", "onnxruntime", "--json")
    said = _refused(edgeyolo("deploy", demo_bundle, "board", *options))
    assert "--wheelhouse" in said or "no package" in said
    answer = _answer(edgeyolo("deploy", demo_bundle, "board", "--wheelhouse", *options))
    assert answer["check"]["matched"] == answer["check"]["compared"] > 0


@pytest.mark.slow
def test_wheels_for_another_machine(board: Board, wheel: Path, tmp_path: Path) -> None:
    """A Raspberry Pi with Bookworm, seen from here."""
    from dataclasses import replace

    from edgeyolo.deploy.wheelhouse import fill, uv_program

    with connected("board", None, board.config) as connection:
        pi = replace(examine(connection), machine="aarch64", glibc=(2, 36))
    constraints = tmp_path / "constraints.txt"
    constraints.write_text("numpy<2\n")
    own = own_wheel(tmp_path / "own")
    requirement = f"edgeyolo[ncnn,headless] @ {own.as_uri()}"
    fill(tmp_path / "house", pi, (3, 10), requirement, constraints)
    names = [path.name for path in (tmp_path / "house").iterdir()]
    assert {name.partition("-")[0] for name in names} >= {
        *("ncnn", "numpy", "opencv_python_headless", "psutil", "click", "tomli"),
    }
    assert all(name.endswith(("aarch64.whl", "-any.whl")) for name in names)
    assert any(name.startswith("numpy-1.26") for name in names)
    program = uv_program(tmp_path, pi)
    assert program.read_bytes()[:4] == b"\x7fELF"
    assert program.read_bytes()[18] == 0xB7  # AArch64


@pytest.mark.slow
def test_a_python_that_is_too_old_is_left_alone(
    board: Board, bundle: Path, wheel: Path, packages: Path
) -> None:
    """As on JetPack 4 and 5: uv comes along and makes the environment with its own Python."""
    board.program("python3", 'test "$1" = -c || exit 1; echo "3.8|64|False|-"')
    version = ".".join(map(str, sys.version_info[:3]))
    managed = board.base / "python" / f"cpython-{version}-linux-{os.uname().machine}-gnu"
    managed.mkdir(parents=True)
    for name in ("bin", "lib", "include"):
        (managed / name).symlink_to(Path(sys.base_prefix) / name)
    board.set_environment(
        PYTHONPATH=str(packages), PIP_NO_DEPS="1", PIP_NO_INDEX="1", UV_PYTHON_DOWNLOADS="never"
    )
    options = ("--ssh-config", board.config, "--wheel", wheel, "--json")
    answer = _answer(edgeyolo("deploy", bundle, "board", *options))
    assert "managed by uv" in answer["python"]
    assert (board.base / "bin/uv").is_file()
    home = (Path(answer["folder"]) / "venv/pyvenv.cfg").read_text()
    assert str(managed) in home
    second = _answer(edgeyolo("deploy", bundle, "board", *options))
    assert second["reused"]
