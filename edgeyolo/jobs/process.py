"""Start, follow and stop a detached process that works in a folder. Needs no torch."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import psutil

from edgeyolo.child import command
from edgeyolo.errors import EdgeyoloError, StoppedError
from edgeyolo.files import fail_clearly, write_text
from edgeyolo.jobs.child import ROOM_HINT
from edgeyolo.jobs.events import LAST_EVENTS, Event, EventReader, all_events, events_size
from edgeyolo.jobs.names import LOG, PID, STOP

try:
    import fcntl
except ModuleNotFoundError:  # Windows: no lock there
    fcntl = None  # type: ignore[assignment]

_POLL = 0.2  # seconds
_SET_UP_S = 5.0
_MISSED = 3  # looks that do not find the process: one may come while it is being set up
_STOPPED = "Training stopped; what was learned up to the last epoch is kept."
_DISK_FULL = 1 << 20  # bytes; with less than this free, that is why it failed


def is_finished(folder: Path) -> bool:
    """Whether the work in this folder ended well."""
    return any(event["event"] == "finished" for event in all_events(folder)[-1:])


def start(folder: Path, module: str, *more: str) -> EventReader:
    """Start the job of a folder, ``python -m module folder more…``, or attach to it if it runs.

    The process is a session of its own: closing the terminal or killing the parent does not reach
    it.
    """
    with fail_clearly(folder / LOG), (folder / LOG).open("ab") as log, _alone(log):
        while (folder / STOP).exists() and running(folder):  # else this would end with it
            time.sleep(_POLL)
        if running(folder):
            with suppress(OSError, ValueError):  # it may have ended since
                return EventReader(folder, _pid_and_offset(folder)[1])
        reader = EventReader(folder, events_size(folder))
        (folder / STOP).unlink(missing_ok=True)
        process = subprocess.Popen(
            command(module, str(folder), *more),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        write_text(folder / PID, f"{process.pid} {reader.offset}")
    return reader


@contextmanager
def _alone(stream: IO[bytes]) -> Iterator[None]:
    """Of several that start a job at the same moment, the others find it running."""
    if fcntl is not None:
        fcntl.flock(stream, fcntl.LOCK_EX)
    try:
        yield
    finally:
        if fcntl is not None:  # the job holds the file, too
            fcntl.flock(stream, fcntl.LOCK_UN)


def running(folder: Path) -> psutil.Process | None:
    """The live process that works in this folder."""
    try:
        process = psutil.Process(_pid_and_offset(folder)[0])
        alive = process.status() != psutil.STATUS_ZOMBIE
        said = process.cmdline()  # nothing while the system sets a new process up
        is_new = time.time() - process.create_time() < _SET_UP_S
        ours = str(folder) in said or (not said and is_new)  # else the number is another's by now
    except (OSError, ValueError, psutil.Error):
        return None
    return process if alive and ours else None


def _pid_and_offset(folder: Path) -> tuple[int, int]:
    """Process that works, and where in ``events.jsonl`` its own events begin."""
    pid, offset = (folder / PID).read_text(encoding="utf-8").split()
    return int(pid), int(offset)


def follow(folder: Path, reader: EventReader) -> Iterator[Event]:
    """Yield events until the job ends; a failure is raised as the error it was in the child."""
    missed = 0
    while missed < _MISSED:
        # Asked before reading, so that no event is missed.
        missed = 0 if running(folder) else missed + 1
        for event in reader.new():
            yield event
            if event["event"] in LAST_EVENTS:
                _raise_unless_finished(event)
                return
        time.sleep(_POLL)
    raise _died(folder)


def ask_to_stop(folder: Path) -> None:
    """Ask the job to stop after the current batch."""
    (folder / STOP).touch()


def kill(folder: Path) -> None:
    """End the job and its children at once; what a training's last whole epoch saved remains."""
    process = running(folder)
    if process is None:
        return
    with suppress(psutil.Error):
        for each in (process, *process.children(recursive=True)):
            with suppress(psutil.Error):
                each.kill()


def _raise_unless_finished(event: Event) -> None:
    if event["event"] == "stopped":
        raise StoppedError(event.get("message") or _STOPPED, event.get("hint") or "")
    if event["event"] == "failed":
        raise EdgeyoloError.with_code(event["exit_code"], event["message"], event["hint"])


def _died(folder: Path) -> EdgeyoloError:
    if shutil.disk_usage(folder).free < _DISK_FULL:
        return EdgeyoloError(
            f"The work ended because the disk of {folder} is full.",
            ROOM_HINT,
        )
    return EdgeyoloError(
        "The process ended without a word, perhaps for lack of memory.",
        f"See {folder / LOG}; go on with it: edgeyolo resume.",
    )
