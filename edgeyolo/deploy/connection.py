"""The system's own ssh: one connection, over which scripts run and files go."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from edgeyolo.deploy.faults import connection_fault, work_fault
from edgeyolo.errors import EdgeyoloError, ExitCode

_SCRIPTS = Path(__file__).parent / "scripts"
_LOST = 255  # ssh's own exit code
_OPTIONS = (
    *("ConnectTimeout=10", "ServerAliveInterval=10", "ServerAliveCountMax=3"),
    # What the user has set for logging in must not matter.
    *("ControlPersist=no", "RequestTTY=no", "RemoteCommand=none", "ClearAllForwardings=yes"),
)
_MARK = "edgeyolo:"
# A folder for a socket: ssh splits at spaces and expands %, and the path has 104 bytes at most.
_PLAIN = re.compile(r"[A-Za-z0-9_./-]{1,70}")

Write = Callable[[IO[bytes]], object]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a script said on stdout; a login shell may have said something, too."""

    text: str

    def values(self, name: str) -> list[str]:
        """Of the lines ``edgeyolo:name=value``."""
        start = f"{_MARK}{name}="
        lines = self.text.splitlines()
        return [line.removeprefix(start) for line in lines if line.startswith(start)]

    def value(self, name: str) -> str:
        """The last one, or nothing."""
        return (self.values(name) or [""])[-1]


class Connection:
    """Runs scripts at the other end.

    ``ssh`` is the command with its options, ``there`` what a user tells it to get there.
    """

    def __init__(self, host: str, ssh: Sequence[str], there: str) -> None:
        self.host, self.there, self._ssh = host, there, tuple(ssh)

    def run(self, what: str, *names: str, words: Sequence[str] = (), **variables: str) -> Answer:
        """Run a script of ``scripts/``, or several as one, with arguments and variables.

        Raises:
            EdgeyoloError: when it fails, or the connection breaks; ``what`` is what was done.
        """
        return self._finish(what, _script(names, words, variables), None)

    def send(self, what: str, name: str, write: Write, **variables: str) -> None:
        """Run a script that reads what ``write`` writes."""
        self._finish(what, _script((name,), (), variables), write)

    @contextmanager
    def held(self, name: str, **variables: str) -> Iterator[str]:
        """A script that goes on for the time of the block; what it says first.

        Raises:
            EdgeyoloError: when it ends without one.
        """
        with self._started(_script((name,), (), variables)) as (process, errors):
            assert process.stdout is not None
            lines = (line.decode("utf-8", "replace").strip() for line in process.stdout)
            first = next((line for line in lines if line.startswith(_MARK)), None)
            if first is None:
                self._check("Taking the lock", process.wait() or 1, errors)
            yield str(first).partition("=")[2]

    def _finish(self, what: str, script: str, write: Write | None) -> Answer:
        with self._started(script) as (process, errors):
            assert process.stdin is not None
            assert process.stdout is not None
            if write is not None:  # else it stays open: its end would stop the script
                with suppress(BrokenPipeError):  # what went wrong there is said by the script
                    write(process.stdin)
                with suppress(BrokenPipeError):
                    process.stdin.close()
            out = process.stdout.read().decode("utf-8", "replace")
            self._check(what, process.wait(), errors)
        return Answer(out)

    def _check(self, what: str, code: int, errors: IO[bytes]) -> None:
        errors.seek(0)
        said = errors.read().decode("utf-8", "replace")
        if code == _LOST:
            raise connection_fault(self.host, self.there, said)
        if code:
            raise work_fault(self.host, what, said)

    @contextmanager
    def _started(self, script: str) -> Iterator[tuple[subprocess.Popen[bytes], IO[bytes]]]:
        # One word, in which sh and its kin expand nothing; csh and fish do, a little.
        command = [*self._ssh, "--", self.host, f"exec sh -c {shlex.quote(script)}"]
        with tempfile.TemporaryFile() as errors:
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors
            )
            try:
                yield process, errors
            finally:  # after an interruption the board sees the end of stdin, and stops
                if process.poll() is None:
                    process.terminate()
                for stream in (process.stdin, process.stdout):
                    with suppress(OSError):
                        assert stream is not None
                        stream.close()
                process.wait()


def _script(names: Sequence[str], words: Sequence[str], variables: Mapping[str, str]) -> str:
    values = [f"{name}={shlex.quote(value)}" for name, value in variables.items()]
    given = [f"set -- {' '.join(map(shlex.quote, words))}"] if words else []
    begin, *texts = [
        (_SCRIPTS / f"{name}.sh").read_text(encoding="utf-8") for name in ("begin", *names)
    ]
    return "\n".join([begin, *values, *given, *texts])


def archived(files: Mapping[str, Path]) -> Write:
    """Files and folders under their names in a tar, which holds no links."""

    def write(stream: IO[bytes]) -> None:
        with tarfile.open(fileobj=stream, mode="w|", dereference=True) as archive:
            for name, path in files.items():
                archive.add(path, name)

    return write


@contextmanager
def connected(host: str, port: int | None, config: Path | None) -> Iterator[Connection]:
    """A connection that asks for a password once, and only on a terminal.

    Raises:
        EdgeyoloError: when there is no ssh, or it does not get there.
    """
    ssh = shutil.which("ssh")
    if ssh is None:
        hint = "Install it: sudo apt install openssh-client"
        raise EdgeyoloError.with_code(ExitCode.MISSING_DEPENDENCY, "There is no ssh here.", hint)
    chosen = [*(["-F", str(config)] if config else []), *(["-p", str(port)] if port else [])]
    there = shlex.join([*chosen, host])
    command = [ssh, *chosen, *(word for option in _OPTIONS for word in ("-o", option))]
    if sys.platform == "win32":  # its ssh shares no connections
        yield Connection(host, command, there)
        return
    with _socket_folder() as folder:
        command += ["-o", f"ControlPath={folder / 'c'}"]
        with _master(host, there, command, folder / "c"):
            command += ["-o", "ControlMaster=no", "-o", "BatchMode=yes"]
            yield Connection(host, command, there)


@contextmanager
def _socket_folder() -> Iterator[Path]:
    plain = _PLAIN.fullmatch(tempfile.gettempdir())
    with tempfile.TemporaryDirectory(prefix="ey-", dir=None if plain else "/tmp") as folder:
        yield Path(folder)


@contextmanager
def _master(host: str, there: str, command: Sequence[str], control: Path) -> Iterator[None]:
    """The process that holds the connection; it stops with the block."""
    batch = "no" if sys.stdin is not None and sys.stdin.isatty() else "yes"
    asks = [*command, "-o", "ControlMaster=yes", "-o", f"BatchMode={batch}", "--", host]
    with tempfile.TemporaryFile() as errors:
        # Neither -f nor -N: those would outlive us when we are killed, cat ends with our pipe.
        master = subprocess.Popen(
            [*asks, "exec cat >/dev/null"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=errors,
        )
        try:
            while not control.exists():
                if master.poll() is not None:
                    errors.seek(0)
                    raise connection_fault(host, there, errors.read().decode("utf-8", "replace"))
                time.sleep(0.02)
            yield
        finally:
            master.terminate()
            assert master.stdin is not None
            master.stdin.close()
            master.wait()
