"""The edge of a job's process: however its work ends, an event says so."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from edgeyolo.errors import EdgeyoloError, ExitCode
from edgeyolo.files import write_text
from edgeyolo.jobs.events import EventLog, events_size
from edgeyolo.jobs.names import LOG, PID


def work_in(folder: Path, work: Callable[[EventLog], ExitCode]) -> ExitCode:
    """Do the work, which writes its own last event where it ends well; keep the pid meanwhile."""
    begin = events_size(folder)
    write_text(folder / PID, f"{os.getpid()} {begin}")
    log = EventLog(folder)
    try:
        return work(log)
    except EdgeyoloError as error:
        log.write("failed", message=error.message, hint=error.hint, exit_code=int(error.exit_code))
        return error.exit_code
    except Exception as error:  # the edge of this process: the parent can read only events
        reason = f"{type(error).__name__}: {str(error).strip() or 'no message'}"
        log.write(
            "failed",
            message=f"The work failed ({reason.splitlines()[0][:300]}).",
            hint=f"The whole story is in {folder / LOG}.",
            exit_code=int(ExitCode.FAILED),
        )
        raise
    finally:
        with suppress(OSError):
            if (folder / PID).read_text(encoding="utf-8").split()[0] == str(os.getpid()):
                (folder / PID).unlink()
