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

from edgeyolo.cli.commands.deploy import command
from edgeyolo.deploy.board import BoardPython, examine
from edgeyolo.deploy.connection import Answer, archived, connected
from edgeyolo.deploy.contents import environment_for
from edgeyolo.deploy.faults import connection_fault, work_fault
from edgeyolo.deploy.host import checked_host
from edgeyolo.deploy.wheel import checked_wheel, own_wheel, repacked
from edgeyolo.errors import EdgeyoloError, UsageError
from tests.command import edgeyolo
from tests.conftest import ROOT
from tests.flow.sshd import Board, require_sshd
from tests.unit.conftest import _make as make_bundle

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
    server.say_at_login('echo "Welcome to the board"')
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


def _back(board: Board, *options: object) -> Done:
    return edgeyolo("deploy", "--rollback", "board", "--ssh-config", board.config, *options)


def test_nothing_to_go_back_to(board: Board) -> None:
    assert "no release to go back to" in _refused(_back(board))
    board.put_releases("old", "new")
    shutil.rmtree(board.base / "releases/old")
    assert "no release to go back to" in _refused(_back(board))
    assert board.current == "new"


def test_a_way_back_that_is_only_looked_at(board: Board) -> None:
    board.put_releases("old", "new")
    done = _back(board, "--dry-run")
    assert (done.returncode, done.stdout) == (0, "board: new → old\n")
    assert (board.current, board.previous) == ("new", "old")


@pytest.mark.parametrize(
    "words",
    [
        ("--rollback",),
        ("--rollback", "bundle", "board"),
        ("--rollback", "board", "--service"),
        ("--rollback", "board", "--wheel", "x.whl"),
        ("--rollback", "board", "--wheelhouse"),
        ("--rollback", "board", "--engine", "ncnn"),
        ("--rollback", "board", "--image", "x.png"),
        ("--rollback", "board", "--", "--camera", "0"),
    ],
)
def test_what_does_not_apply_to_the_way_back(words: tuple[str, ...]) -> None:
    with pytest.raises(UsageError, match="--rollback takes a host, and no bundle"):
        command.main(list(words), standalone_mode=False)


def test_no_bundle_is_named() -> None:
    with pytest.raises(UsageError, match="No bundle is named"):
        command.main([], standalone_mode=False)


def test_the_way_back_of_a_service(
    board: Board, deploy: Callable[..., Done], tmp_path: Path
) -> None:
    """Each release has its own unit; one that was off stays off, one that fails goes back."""
    _fake_systemd(board)
    names, units = [], []
    for name in "ab":
        answer = _answer(deploy(*_CAMERA, what=make_bundle(tmp_path / name, name=name)))
        assert not answer["service_runs_old"]
        names.append(answer["release"])
        units.append(board.unit.read_text())
    (board.home / "log").unlink()
    answer = _answer(_back(board, "--json"))
    assert answer["restarted"]
    assert (board.current, board.previous) == (names[0], names[1])
    assert board.unit.read_text() == units[0]
    assert _log(board) == ["daemon-reload", "restart edgeyolo"], "it is not enabled"
    _fake_systemd(board, ran=False)
    answer = _answer(_back(board, "--json"))
    assert not answer["restarted"]
    assert _log(board)[2:] == ["daemon-reload"]
    assert board.unit.read_text() == units[1]
    _fake_systemd(board, _FAILS_ONCE)
    assert "Starting the service failed" in _refused(_back(board))
    assert (board.current, board.previous) == (names[1], names[0])
    assert board.unit.read_text() == units[1]


def test_a_release_of_a_service_is_not_taken_away(
    board: Board, deploy: Callable[..., Done], tmp_path: Path
) -> None:
    for name in ("served", "idle", "older", "good"):
        board.put_release(name)
    text = f"ExecStart={board.base}/releases/served/venv/bin/edgeyolo run\n"
    board.unit.write_text(text)
    done = deploy()
    answer = _answer(done)
    assert answer["service_runs_old"]
    assert "The service was not changed" in done.stderr
    assert board.unit.read_text() == text
    assert answer["removed"] == ["idle", "older"]
    assert board.releases() == {"served", "good", answer["release"]}


def test_a_way_back_without_sudo(board: Board) -> None:
    board.put_releases("old", "new")
    board.unit.write_text(f"ExecStart={board.base}/releases/new/venv/bin/edgeyolo run\n")
    (board.base / "releases/old/edgeyolo.service").write_text("old")
    board.program("id", "echo 1000")
    done = _back(board, "--json")
    assert not _answer(done)["restarted"]
    assert "The service was not changed" in done.stderr
    assert board.current == "old"


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
    begins = f'case "$*" in *venv*) {waits};; esac'
    board.set_python(prepared=True, before=begins)
    other = make_bundle(tmp_path / "other", name="other")
    process = _started(board, other, wheel)
    _wait_for(lambda: bool(_waiting(board)))
    if number == signal.SIGINT:
        os.killpg(process.pid, number)  # as a terminal does, ssh included
    else:
        process.send_signal(number)
    _, said = process.communicate(timeout=240)
    assert process.returncode == (130 if number == signal.SIGINT else -number)
    assert "Traceback" not in said
    assert board.current == "good"
    _wait_for(lambda: not _waiting(board))
    _wait_for(lambda: not _running(str(board.config)))  # no ssh goes on here either
    board.set_python(prepared=True)
    answer = _answer(deploy(what=other))
    assert board.current == answer["release"]
    assert board.releases() == {"good", answer["release"]}


def _started(
    board: Board, bundle: Path, wheel: Path, *more: str, **variables: str
) -> subprocess.Popen[str]:
    """A deploy under way, to be killed."""
    command = ["deploy", bundle, "board", "--ssh-config", board.config, "--wheel", wheel, *more]
    return subprocess.Popen(
        [sys.executable, "-m", "edgeyolo", *map(str, command)],
        env={**os.environ, **variables},
        stderr=subprocess.PIPE,
        start_new_session=True,
        text=True,
    )


def _wait_for(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_two_at_a_time(board: Board, deploy: Callable[..., Done]) -> None:
    with connected("board", None, board.config) as connection:
        with connection.held("lock") as answer:
            assert answer == "locked"
            assert "Another deploy to board is under way" in _refused(deploy())
        with connection.held("lock") as answer:
            assert answer == "locked"
            # As where the connection broke off, which the board notices a quarter of an hour later.
            words = _refused(deploy()).partition(f"ssh -F {board.config} board ")[2].split()
            assert words[0] == "kill"
            os.kill(int(words[1]), signal.SIGTERM)
            _answer(deploy())


def test_the_board_is_looked_at_under_the_lock(
    board: Board,
    bundle: Path,
    wheel: Path,
    deploy: Callable[..., Done],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else a second deploy of a release would take the first one's for a leftover."""
    from edgeyolo.deploy import flow
    from edgeyolo.device.bundle import Bundle
    from edgeyolo.progress import Silent

    plan, meanwhile = flow.plan, []

    def planned(*given: Any) -> Any:
        made = plan(*given)
        meanwhile.append(deploy())
        return made

    monkeypatch.setattr(flow, "plan", planned)
    with connected("board", None, board.config) as connection:
        answer = flow.deploy(connection, flow.Request(Bundle.open(bundle), "null", wheel), Silent())
        assert "under way" in _refused(meanwhile[0])
        folder = Path(answer["folder"])
        with pytest.raises(EdgeyoloError, match="there already"):
            connection.send("Sending", "unpack", archived({}), release=str(folder), repair="")
    assert (folder / "complete").is_file()


def test_a_damaged_release_is_repaired(board: Board, deploy: Callable[..., Done]) -> None:
    folder = Path(_answer(deploy())["folder"])
    model = folder / "bundle/model.bin"
    good = model.read_bytes()
    model.write_bytes(b"")
    board.program("tar", "exit 2")
    assert "Sending failed" in _refused(deploy())
    assert (folder / "complete").is_file(), "a repair that fails takes nothing away"
    board.set_tools()
    board.set_python(prepared=True)
    done = deploy()
    assert _answer(done)["release"] == folder.name == board.current
    assert "installed once more" in done.stderr
    assert model.read_bytes() == good
    assert board.releases() == {folder.name}


def test_what_failed_is_not_left_behind(board: Board, deploy: Callable[..., Done]) -> None:
    (board.base / "releases/half/venv").mkdir(parents=True)
    board.put_release("good")
    full = "echo 'OSError: [Errno 28] No space left on device' >&2; exit 1"
    board.set_python(prepared=True, before=f'case "$*" in *venv*) {full};; esac')
    assert "disk of board is full" in _refused(deploy())
    assert board.releases() == {"good"}


@pytest.mark.slow
def test_a_release_that_cannot_be_removed(board: Board, deploy: Callable[..., Done]) -> None:
    board.put_release("idle")
    board.put_release("good")
    remove = f'case "$*" in *idle*) exit 1;; esac; exec {shutil.which("rm")} "$@"'
    board.program("rm", remove)
    done = deploy()
    answer = _answer(done)
    assert (answer["removed"], answer["not_removed"]) == ([], ["idle"])
    assert "Could not be removed: idle" in done.stderr
    assert board.current == answer["release"]


def test_a_board_without_flock(board: Board, deploy: Callable[..., Done]) -> None:
    (board.bin / "flock").unlink()
    assert "has no flock" in _refused(deploy())
    assert not board.base.exists()


@pytest.mark.parametrize(
    "line",
    ["RemoteCommand true", slow("RequestTTY force"), slow("ControlMaster auto"),
     slow("ControlPersist 600"), slow("LocalForward {port} localhost:22")],
)  # fmt: skip
def test_what_the_user_has_set_for_ssh(
    board: Board, bundle: Path, wheel: Path, tmp_path: Path, line: str
) -> None:
    config = tmp_path / "config"
    line = line.format(port=board.port)  # a port that is taken
    config.write_text(f"Host board\n    {line}\n{board.config.read_text()}")
    done = edgeyolo("deploy", bundle, "board", "--ssh-config", config, "--wheel", wheel, "--json")
    assert "release" in _answer(done)
    assert "orward" not in done.stderr
    _wait_for(lambda: not _running(str(config)))


def test_a_login_shell_that_ends_no_line(board: Board, deploy: Callable[..., Done]) -> None:
    board.say_at_login("echo '# 7'; printf 'sets a title'")
    _fake_systemd(board)
    _answer(deploy(*_CAMERA))
    assert board.unit.read_text().startswith("# /etc/systemd/system/edgeyolo.service\n")


def test_a_board_that_says_nothing(board: Board, deploy: Callable[..., Done]) -> None:
    board.say_at_login("exit 0")
    assert "board" in _refused(deploy())
    assert not board.base.exists()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["a b", "100%x", "x" * 90])
def test_a_folder_with_an_odd_name_for_temporary_files(
    board: Board, bundle: Path, wheel: Path, tmp_path: Path, name: str
) -> None:
    (tmp_path / name).mkdir()
    options = ("--ssh-config", board.config, "--wheel", wheel, "--json")
    done = edgeyolo("deploy", bundle, "board", *options, env={"TMPDIR": str(tmp_path / name)})
    assert "release" in _answer(done)
    assert list((tmp_path / name).iterdir()) == []


@pytest.mark.slow
def test_a_closed_stdin(board: Board, bundle: Path, wheel: Path) -> None:
    words = [sys.executable, "-m", "edgeyolo", "deploy", bundle, "board", "--json"]
    words += ["--ssh-config", board.config, "--wheel", wheel]
    closed = ["sh", "-c", 'exec "$@" <&-', "sh", *map(str, words)]
    done = subprocess.run(closed, capture_output=True, text=True, timeout=300, check=False)
    assert "release" in _answer(done)


@pytest.mark.parametrize("number", [signal.SIGHUP, slow(signal.SIGTERM)])
def test_a_closed_terminal_leaves_no_files(
    board: Board, bundle: Path, wheel: Path, tmp_path: Path, number: signal.Signals
) -> None:
    for folder in (board.home / "tmp", tmp_path / "t"):
        folder.mkdir()
    board.set_environment(PYTHONPATH=board.variable("PYTHONPATH"), TMPDIR=str(board.home / "tmp"))
    hangs = "import time\ntime.sleep(1000)"
    wheel = _changed_wheel(wheel, tmp_path, "edgeyolo/device/engines/null.py", hangs)
    process = _started(board, bundle, wheel, TMPDIR=str(tmp_path / "t"))
    _wait_for(lambda: any((board.home / "tmp").iterdir()))
    process.send_signal(number)
    process.communicate(timeout=240)
    assert process.returncode == 128 + number
    assert list((tmp_path / "t").iterdir()) == []
    _wait_for(lambda: not any((board.home / "tmp").iterdir()))
    _wait_for(lambda: not _running(str(board.base)))


# Measuring on the board


def _bench_on(board: Board, bundle: Path, wheel: Path, *arguments: object, **more: Any) -> Done:
    options = ("--ssh-config", board.config, "--wheel", wheel, "--json")
    return edgeyolo("bench", bundle, "--on", "board", *options, *arguments, **more)


def test_a_board_measures_and_is_as_it_was(board: Board, bundle: Path, wheel: Path) -> None:
    flags = ("--rounds", 2, "--runs", 3, "--threads", "1,2", "--assert", "p50<0.00001")
    done = _bench_on(board, bundle, wheel, *flags)
    assert done.returncode == 5, done.stderr
    answer = json.loads(done.stdout)
    assert answer["host"] == "board"
    assert [result["threads"] for result in answer["results"]] == [1, 2]
    for result in answer["results"]:
        assert result["runs"] == 6
        assert str(board.base) in result["bundle"], "it ran there"
    assert len(answer["broken"]) == 2
    assert board.releases() == set()
    assert not (board.base / "current").exists()
    assert not _running(str(board.base))


def test_a_release_that_is_there_measures_and_stays(
    board: Board, bundle: Path, wheel: Path, deploy: Callable[..., Done]
) -> None:
    name = _answer(deploy())["release"]
    answer = _answer(_bench_on(board, bundle, wheel, "--rounds", 1))
    assert f"/releases/{name}/bundle" in answer["results"][0]["bundle"]
    assert board.releases() == {name}
    assert board.current == name


def test_a_bench_that_is_interrupted_leaves_nothing(
    board: Board, bundle: Path, wheel: Path
) -> None:
    words = [sys.executable, "-m", "edgeyolo", "bench", bundle, "--on", "board", "--soak", "10m"]
    words += ["--ssh-config", board.config, "--wheel", wheel, "--json"]
    process = subprocess.Popen(
        [str(word) for word in words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    _wait_for(lambda: bool(_running(f"bench {board.base}")))
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=240)
    assert process.returncode == 130
    _wait_for(lambda: not _running(str(board.base)))
    _wait_for(lambda: board.releases() == set())
    assert _answer(_bench_on(board, bundle, wheel, "--rounds", 1))["results"]


def test_what_a_bench_on_a_board_refuses(board: Board, bundle: Path, wheel: Path) -> None:
    for flags in ((bundle,), ("--data", "x.yaml")):
        refused = _bench_on(board, bundle, wheel, *flags)
        assert refused.returncode == 2
        assert "--on takes one bundle" in refused.stderr
    assert not board.base.exists()


def test_a_dry_run_changes_nothing(
    board: Board, bundle: Path, wheel: Path, deploy: Callable[..., Done]
) -> None:
    _fake_systemd(board)
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
    answer = _answer(deploy())
    assert answer["bytes"] == planned["bytes"] > 2_000_000, "pip goes along"
    left = {path.name for path in Path(answer["folder"]).iterdir()}
    assert left == {"bundle", "complete", "constraints.txt", "picture.png", "venv"}


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
        "[fe80::1",
        "fe80::1]",
        "cafe:22",
        "pi@board:22",
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
        ("fe80::1%br-lan", True),
        ("[fe80::1%br-lan]", False),
        ("cafe", True),
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
        (
            {"tar": 'echo "tar: write error: No space left ${LC_ALL#C}on device" >&2; exit 2'},
            "disk of board",
        ),
        ({"timeout": "exit 124"}, "longer than 5 minutes"),
        ({"getconf": "test $1 = LONG_BIT && echo 64"}, "has no glibc"),
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


def _fake_systemd(board: Board, starts: str = "exit 0", *, ran: bool = True) -> None:
    """``starts`` is what a start does; ``ran``: a service that was there was enabled."""
    known = f'test -f "$EDGEYOLO_UNITS/edgeyolo.service" && {str(ran).lower()}'
    asks = f"case $1 in is-*) {known}; exit;; esac"
    starts = f'test "$1" = restart || exit 0\n{starts}'
    board.program("systemctl", f'{asks}\necho "$*" >>"$HOME/log"\n{starts}')
    board.program("journalctl", "echo 'edgeyolo: Camera 7 gives no picture.'")


_UNIT = "[Service]\nExecStart=/bin/true\n"
_CAMERA = ("--service", "--", "--camera", "synthetic://64x48@5")
_FAILS_ONCE = 'test -f "$HOME/failed" && exit 0; touch "$HOME/failed"; exit 1'


def _log(board: Board) -> list[str]:
    return (board.home / "log").read_text().splitlines()


def test_a_service_runs_the_release_that_it_came_with(
    board: Board, deploy: Callable[..., Done]
) -> None:
    _fake_systemd(board)
    given = ("--camera", "synthetic://64x48@5", "--classes", "cat", "--csv", "a b.csv")
    answer = _answer(deploy("--service", "--", *given))
    assert answer["service"] == list(given)
    assert _log(board) == ["daemon-reload", "enable --quiet edgeyolo", "restart edgeyolo"]
    text = (board.units / "edgeyolo.service").read_text()
    release = answer["folder"]
    assert (
        f"ExecStart={release}/venv/bin/edgeyolo run {release}/bundle --engine null --camera" in text
    )
    assert f'--csv "{board.home}/a b.csv"\n' in text
    assert "/current/" not in text, "another release may have another engine"
    assert "Type=notify" in text
    assert text.startswith("#"), "what a login shell says is no part of it"
    assert (Path(release) / "edgeyolo.service").read_text() == text


def test_a_service_that_does_not_start_is_taken_back(
    board: Board, deploy: Callable[..., Done], tmp_path: Path
) -> None:
    camera = ("--service", "--", "--camera", "synthetic://64x48@5")
    board.put_releases("older", "good")
    board.unit.write_text(_UNIT)
    board.unit.chmod(0o600)  # it may hold a password
    _fake_systemd(board, _FAILS_ONCE)
    other = make_bundle(tmp_path / "other", name="other")
    said = _refused(deploy(*camera, "--iou", "0.5", what=other))
    assert "Starting the service failed on board: Camera 7 gives no picture" in said
    assert "goes on as it was" in said
    assert (board.current, board.previous) == ("good", "older")
    assert board.unit.read_text() == _UNIT
    assert board.unit.stat().st_mode & 0o777 == 0o600
    assert list(board.units.iterdir()) == [board.unit]
    assert _log(board)[-1] == "restart edgeyolo"


@pytest.mark.slow
def test_a_service_that_was_off_is_off_again(board: Board, deploy: Callable[..., Done]) -> None:
    board.put_release("good")
    board.unit.write_text(_UNIT)
    _fake_systemd(board, _FAILS_ONCE, ran=False)
    assert "Starting the service failed" in _refused(deploy(*_CAMERA))
    assert _log(board)[-2:] == ["disable --quiet edgeyolo", "stop edgeyolo"]
    assert board.unit.read_text() == _UNIT


@pytest.mark.slow
def test_no_service_starts_any_more(board: Board, deploy: Callable[..., Done]) -> None:
    board.put_release("good")
    board.unit.write_text(_UNIT)
    _fake_systemd(board, "exit 1")
    said = _refused(deploy(*_CAMERA))
    assert "Camera 7 gives no picture" in said
    assert "What ran before does not start any more" in said


@pytest.mark.slow
@pytest.mark.parametrize("program", ["install", "cp", "ln", "sync"])
def test_a_unit_is_never_lost(board: Board, deploy: Callable[..., Done], program: str) -> None:
    """Neither where it cannot be read nor on a full disk."""
    board.put_releases("older", "good")
    board.unit.write_text(_UNIT)
    _fake_systemd(board, _FAILS_ONCE)
    board.program(program, f"echo '{program}: No space left on device' >&2; exit 1")
    assert "board" in _refused(deploy(*_CAMERA))
    assert board.unit.read_text() == _UNIT
    assert (board.current, board.previous) == ("good", "older")


def test_an_interrupted_start_comes_to_its_end(
    board: Board, wheel: Path, bundle: Path, deploy: Callable[..., Done]
) -> None:
    board.put_releases("older", "good")
    board.unit.write_text(_UNIT)
    waits = 'for _ in $(cat "$HOME/times"); do test -f "$HOME/go" && break; sleep 0.1; done'
    (board.home / "times").write_text("x " * 1000)
    begins = 'test -f "$HOME/begun" && exit 0; touch "$HOME/begun"'
    _fake_systemd(board, f"{begins}; {waits}; exit 1")
    process = _started(board, bundle, wheel, *_CAMERA)
    _wait_for((board.home / "begun").exists)
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=240)
    assert "under way" in _refused(deploy())
    (board.home / "go").touch()
    _wait_for(lambda: board.current == "good" and board.previous == "older")
    _wait_for(lambda: board.unit.read_text() == _UNIT)
    _wait_for(lambda: _log(board)[-1] == "restart edgeyolo")


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
    assert "no systemd" in _refused(deploy("--service"))
    _fake_systemd(board)
    board.program("id", "echo 1000")
    board.program("sudo", "echo 'sudo: a password is required' >&2; exit 1")
    assert "sudo is missing or asks for a password" in _refused(deploy("--service"))
    assert board.releases() == set()


@pytest.mark.slow
def test_a_running_service_is_not_forgotten(
    board: Board, deploy: Callable[..., Done], tmp_path: Path
) -> None:
    (board.units / "edgeyolo.service").write_text("[Service]\n")
    done = deploy()
    assert _answer(done)["service_runs_old"]
    assert "The service was not changed" in done.stderr


@pytest.mark.slow
def test_a_disk_whose_size_is_not_known(board: Board, deploy: Callable[..., Done]) -> None:
    board.program("df", "echo h; echo overlay - - - - /")
    _answer(deploy("--dry-run"))


@pytest.mark.slow
def test_words_that_make_no_service(board: Board, deploy: Callable[..., Done]) -> None:
    _fake_systemd(board)
    assert "makes no service" in _refused(deploy(*_CAMERA, "--help"), 2)
    assert list(board.units.iterdir()) == []


@pytest.mark.parametrize("words", [("--engine", "ncnn"), ("--engine=ncnn",)])
def test_a_service_of_another_engine(deploy: Callable[..., Done], words: tuple[str, ...]) -> None:
    assert "null is installed" in _refused(deploy(*_CAMERA, *words), 2)


@pytest.mark.slow
def test_a_bundle_of_links(
    board: Board, deploy: Callable[..., Done], bundle: Path, tmp_path: Path
) -> None:
    linked = tmp_path / "linked"
    linked.mkdir()
    for path in bundle.iterdir():
        (linked / path.name).symlink_to(path)
    model = Path(_answer(deploy(what=linked))["folder"]) / "bundle/model.bin"
    assert not model.is_symlink()


def test_options_without_a_service(deploy: Callable[..., Done]) -> None:
    assert "Add --service" in _refused(deploy("--", "--camera", "0"), 2)


def test_a_wheel_that_is_none(deploy: Callable[..., Done], tmp_path: Path) -> None:
    other = tmp_path / "other-1.0-py3-none-any.whl"
    other.write_bytes(b"")
    assert "no wheel of edgeyolo" in _refused(deploy("--wheel", other), 2)


def test_a_wheel_that_pip_would_not_take(wheel: Path, tmp_path: Path) -> None:
    assert checked_wheel(wheel) == wheel
    copy = shutil.copy(wheel, tmp_path / "edgeyolo-0.0.1-py3-none-any (1).whl")
    empty = tmp_path / wheel.name
    zipfile.ZipFile(empty, "w").close()
    for other in (copy, empty, tmp_path):
        with pytest.raises(UsageError, match="no wheel of edgeyolo"):
            checked_wheel(other)


def test_the_newest_pip_goes_along(
    board: Board, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That of Debian 12 dies on Python 3.12."""
    from edgeyolo.deploy import wheel, wheelhouse

    places = [tmp_path / name for name in ("bundled", "system")]
    for place, version in zip(places, ("9.0.3", "22.0.2"), strict=True):
        place.mkdir()
        (place / f"pip-{version}-py3-none-any.whl").touch()
    none_installed = EdgeyoloError("pip is not installed as a package.")
    monkeypatch.setattr(wheel, "repacked", _raising(none_installed))
    monkeypatch.setattr(wheel, "_pip_places", lambda: iter(places))
    assert wheel.pip_wheel(tmp_path).parent == places[1]

    def fetch(folder: Path, *what: object) -> None:
        folder.mkdir()
        (folder / "pip-26.0-py3-none-any.whl").touch()

    monkeypatch.setattr(wheelhouse, "fetch", fetch)
    with connected("board", None, board.config) as connection:
        found = examine(connection)
    assert wheelhouse.board_pip(tmp_path, found, (3, 11)).parent == places[1]
    assert wheelhouse.board_pip(tmp_path, found, (3, 12)).name.startswith("pip-26")
    monkeypatch.undo()
    monkeypatch.setattr(wheel, "repacked", _raising(none_installed))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)  # Debian's, without venv
    monkeypatch.setattr(Path, "glob", lambda *_: iter(()))
    with pytest.raises(EdgeyoloError, match="sudo apt install python3-pip-whl"):
        wheel.pip_wheel(tmp_path)


def _raising(error: Exception) -> Callable[..., Any]:
    def run(*_: object) -> None:
        raise error

    return run


@pytest.mark.parametrize("best", [0.00105, 0.0015, 0.003, 0.2, 0.5])
def test_a_faint_model_raises_no_alarm(
    bundle: Path, monkeypatch: pytest.MonkeyPatch, best: float
) -> None:
    """Guesses below the faintest that are looked at here are none there, either."""
    from edgeyolo.deploy.check import _judged, expected
    from edgeyolo.device.bundle import Bundle
    from edgeyolo.device.detector import Detector
    from edgeyolo.device.engines import null

    opened = Bundle.open(bundle)

    class Engine:
        def __init__(self, *_: object) -> None:
            sizes = [(opened.height // s, opened.width // s) for s in opened.strides]
            self.outputs = [
                np.full((1, channels, *size), fill, np.float32)
                for size in sizes
                for channels, fill in ((4 * opened.reg_max, 0), (len(opened.names), -20))
            ]
            for score, place in ((best, 0), (0.9 * best, -1)):
                self.outputs[-1][0, 0, place, place] = np.log(score / (1 - score))

        def infer(self, blob: object) -> list[Any]:
            return self.outputs

    monkeypatch.setattr(null, "Engine", Engine)
    here = expected(opened, "null", None)
    assert here.detections is not None
    picture = np.zeros((opened.height, opened.width, 3), np.uint8)
    there = Detector(opened, "null", confidence=here.confidence)(picture)
    check = _judged("x", here.detections, there, here.confidence)
    assert check["matched"] == check["compared"]


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
    of_uv = BoardPython("/base/python/x/bin/python3.12", (3, 12), 64, False, None)
    earlier = replace(found, pythons=(old,), managed=(of_uv,))
    assert environment_for("x", earlier, offline=True).python == of_uv.program
    assert environment_for("x", earlier, offline=False).by_uv, "the same release as before"


def test_a_uv_of_the_board_is_left_alone(board: Board) -> None:
    """It may be older than what we ask of it."""
    board.program("uv", "exit 2")
    with connected("board", None, board.config) as connection:
        assert not examine(connection).has_uv
        (board.base / "bin").mkdir(parents=True)
        (board.base / "bin/uv").symlink_to(board.bin / "uv")
        assert examine(connection).has_uv


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
    assert words in connection_fault("x", "-p 22 x", said).message


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("ERROR: No matching distribution found for ncnn", "finds no package"),
        (
            "NewConnectionError: Failed to establish a new connection\n"
            "ERROR: No matching distribution found for ncnn",
            "from a network",
        ),
        ("error: Failed to fetch\n  Caused by: dns error", "get a Python"),
        ("SSLCertVerificationError: certificate verify failed", "does not trust the server"),
        ("edgeyolo: Permission denied: /dev/video0", "Installing failed on x: Permission denied"),
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
    assert "--wheelhouse" in said
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
