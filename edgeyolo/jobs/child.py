"""The edge of a job's process: however its work ends, an event says so."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from edgeyolo.errors import EdgeyoloError, ExitCode
from edgeyolo.files import NO_ROOM, cannot_write, write_text
from edgeyolo.jobs.events import EventLog, events_size
from edgeyolo.jobs.names import LOG, PID

ROOM_HINT = "Free some space, then go on with it: edgeyolo resume."


def work_in(folder: Path, work: Callable[[EventLog], ExitCode]) -> ExitCode:
    """Do the work, which writes its own last event where it ends well; keep the pid meanwhile."""
    begin = events_size(folder)
    write_text(folder / PID, f"{os.getpid()} {begin}")
    log = EventLog(folder)
    try:
        return work(log)
    except Exception as error:  # the edge of this process: the parent can read only events
        told = told_of(error, folder)
        code = told.exit_code
        log.write("failed", message=told.message, hint=told.hint, exit_code=int(code))
        if isinstance(error, EdgeyoloError) or _is_for_room(error):
            return code
        raise
    finally:
        with suppress(OSError):
            if (folder / PID).read_text(encoding="utf-8").split()[0] == str(os.getpid()):
                (folder / PID).unlink()


def told_of(error: Exception, folder: Path) -> EdgeyoloError:
    """What is said of an error; the remedy for a full disk is the same wherever it was met."""
    if isinstance(error, EdgeyoloError):
        is_for_room = _is_for_room(error.__cause__)
        return EdgeyoloError(error.message, ROOM_HINT) if is_for_room else error
    if isinstance(error, OSError) and _is_for_room(error):
        return EdgeyoloError(cannot_write(folder, error).message, ROOM_HINT)
    reason = f"{type(error).__name__}: {str(error).strip() or 'no message'}"
    return EdgeyoloError(
        f"The work failed ({reason.splitlines()[0][:300]}).",
        f"The whole story is in {folder / LOG}.",
    )


def _is_for_room(error: BaseException | None) -> bool:
    return isinstance(error, OSError) and error.errno is not None and error.errno in NO_ROOM
