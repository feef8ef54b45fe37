"""Feed all loggers of a training, each in a process of its own, and leave behind what hangs."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from edgeyolo.child import command
from edgeyolo.errors import ExitCode
from edgeyolo.jobs import process
from edgeyolo.train.loggers.memory import FOLDER, log_file, tell
from edgeyolo.train.recipe import Job

try:
    import fcntl
except ModuleNotFoundError:  # Windows: no lock there
    fcntl = None  # type: ignore[assignment]

MODULE = "edgeyolo.train.loggers"
_POLL = 0.5  # seconds
_LATE_S = 120.0  # how long loggers may go on when the training has ended
_PAUSES = 5.0, 30.0, 120.0, 600.0  # seconds before a logger that failed gets its next try
_MISSED = 4  # looks that do not find the training
_HOPELESS = (ExitCode.USAGE, ExitCode.MISSING_DEPENDENCY)


def supervise(folder: Path, late_s: float = _LATE_S) -> None:
    """Feed the loggers that the job names until its training has ended, and a bounded time more.

    A second one in the same folder waits for the first, which also follows a training that is
    taken up again meanwhile.
    """
    names = Job.load(folder).recipe.loggers
    with _alone(folder / FOLDER):
        children = [_Child(folder, name) for name in names]
        missed, deadline = 0, float("inf")
        while at_work := [child for child in children if child.look(is_over=missed >= _MISSED)]:
            if missed < _MISSED:
                missed = 0 if process.running(folder) else missed + 1
                deadline = time.monotonic() + late_s
            if time.monotonic() > deadline:
                break
            time.sleep(_POLL)
        for child in at_work:
            child.leave_behind(late_s)


class _Child:
    """The process of one logger."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._name = folder, name
        self._failures = 0
        self._next_try: float | None = None
        self._had_last_try = False
        self._log = log_file(folder, name)
        self._process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        self._next_try = None
        with self._log.open("ab") as log:
            return subprocess.Popen(
                command(MODULE, str(self._folder), self._name),
                stdin=subprocess.DEVNULL,  # so that nobody is asked for a password
                stdout=log,
                stderr=log,
            )

    def look(self, *, is_over: bool) -> bool:
        """Whether it is still at work or will get another try; say so when it has failed."""
        if self._next_try is not None:
            if is_over and not self._had_last_try:
                self._had_last_try = True
                self._process = self._start()
            elif not is_over and time.monotonic() >= self._next_try:
                self._process = self._start()
            return self._next_try is None or not is_over
        code = self._process.poll()
        if not code:
            return code is None
        self._failures += 1
        if self._failures == 1:
            tell(self._folder, self._failure())
        if code in _HOPELESS or self._had_last_try:
            return False
        self._next_try = time.monotonic() + _PAUSES[min(self._failures, len(_PAUSES)) - 1]
        return True

    def _failure(self) -> str:
        with suppress(OSError):
            said = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            if said:
                return f"Logger {self._name} fails, the training goes on without it: " + _of(said)
        return f"Logger {self._name} fails, the training goes on without it. See {self._log}."

    def leave_behind(self, late_s: float) -> None:
        """End it and what it has started."""
        with suppress(psutil.Error):
            worker = psutil.Process(self._process.pid)
            for each in (*worker.children(recursive=True), worker):
                with suppress(psutil.Error):
                    each.kill()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_POLL)
        if self._failures:  # that was told
            return
        text = f"Logger {self._name} was left behind {late_s:g} s after the end of the training"
        tell(self._folder, f"{text}; what it was told by then is kept. See {self._log}.")


def _of(said: list[str]) -> str:
    """The last thing that a process said, as a part of a line."""
    return said[-1].strip()[:300]


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    folder.mkdir(exist_ok=True)
    with (folder / ".lock").open("a") as stream:
        if fcntl is not None:
            fcntl.flock(stream, fcntl.LOCK_EX)
        yield
