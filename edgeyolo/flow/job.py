"""The child process of a run, a search or a study: ``python -m edgeyolo.flow.job FOLDER SHOWN``.

It does what is left of it, whether anybody looks on or not. FOLDER is the absolute path, by which
the process is known, SHOWN the one that its user wrote.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from edgeyolo.errors import ExitCode, StoppedError
from edgeyolo.flow.kinds import find
from edgeyolo.jobs.child import work_in
from edgeyolo.jobs.events import EventLog
from edgeyolo.jobs.stops import heard
from edgeyolo.jobs.told import Told

MODULE = "edgeyolo.flow.job"


def run(folder: Path, shown: Path) -> ExitCode:
    """Do what is left, and say in ``events.jsonl`` how it went."""
    # Of the terminal that started it, which it has nothing to do with any more.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    return work_in(folder, lambda log: _work(shown, log))


def _work(folder: Path, log: EventLog) -> ExitCode:
    try:
        with heard(folder.resolve()):
            work = find(folder)
            work.kind.execute(work.folder, Told(log))
    except StoppedError as error:
        log.write("stopped", message=error.message, hint=error.hint)
        return ExitCode.STOPPED
    except KeyboardInterrupt:
        log.write("stopped", message="Stopped.", hint=f"Go on with: edgeyolo resume {folder}")
        return ExitCode.STOPPED
    log.write("finished")
    return ExitCode.OK


if __name__ == "__main__":
    sys.exit(run(Path(sys.argv[1]), Path(sys.argv[2])))
