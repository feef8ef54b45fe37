"""Start a detached job and follow it to its end."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from edgeyolo.errors import EdgeyoloError, ExitCode, StoppedError
from edgeyolo.flow.job import MODULE
from edgeyolo.jobs import process
from edgeyolo.jobs.names import PID
from edgeyolo.jobs.told import retell
from edgeyolo.progress import Progress

_ASKED = "Stopping at the next safe point; press Ctrl-C again to end it at once."


def start(folder: Path) -> None:
    """Start what is left of a run or a search in a process of its own, unless that is running."""
    process.start(folder.resolve(), MODULE, str(folder))


def attend(folder: Path, progress: Progress) -> None:
    """The same, and show what it tells until it has ended.

    The first Ctrl-C asks it to stop at the next safe point, the second ends it. Closing the
    terminal does neither.

    Raises:
        StoppedError: when it was asked to stop.
        EdgeyoloError: when it failed.
    """
    shown, folder = str(folder), folder.resolve()
    reader, asked = None, False
    while True:
        try:
            reader = reader or process.start(folder, MODULE, shown)
            for event in process.follow(folder, reader):
                retell(event, progress)
            return
        except KeyboardInterrupt:
            if asked:
                process.kill(folder)
                raise
            asked = True
            process.ask_to_stop(folder)
            progress.line(_ASKED)


def attend_fresh(folder: Path, made: Path, progress: Progress) -> None:
    """The same for a new run; one whose input is refused before ``made`` is there leaves nothing.

    Raises:
        StoppedError: when it was asked to stop.
        EdgeyoloError: when it failed.
    """
    try:
        attend(folder, progress)
    except StoppedError:
        raise
    except EdgeyoloError as error:
        if error.exit_code == ExitCode.USAGE and not made.exists():
            shutil.rmtree(folder)
        raise


def end(folder: Path, *, now: bool, patience_s: float) -> bool | None:
    """Ask a job to stop, or end it at once; whether it has, or ``None`` where there is none."""
    folder = folder.resolve()
    worker = process.running(folder)
    trainings = [path.parent for path in folder.rglob(PID) if path.parent != folder]
    if worker is None and not any(map(process.running, trainings)):
        return None
    if now:
        for each in (folder, *trainings):  # a training outlives a run that was killed
            process.kill(each)
        return True
    for each in (folder,) if worker else trainings:
        process.ask_to_stop(each)
    deadline = time.monotonic() + patience_s
    while any(map(process.running, (folder, *trainings))):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True
