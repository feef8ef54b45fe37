"""Start the follower of a training beside it."""

from __future__ import annotations

import subprocess
from contextlib import suppress
from pathlib import Path

from edgeyolo.child import command
from edgeyolo.train.loggers.memory import FOLDER, log_file
from edgeyolo.train.loggers.supervise import MODULE
from edgeyolo.train.recipe import Job

_FOLLOWER = "follower"


def start_loggers(folder: Path) -> None:
    """Feed what the job in a folder names, in a process that nobody waits for.

    It is a child of the training, so that who ends that with all its children ends it, too. Where
    it cannot even be started, the training goes on without.
    """
    with suppress(OSError):
        if not Job.load(folder).recipe.loggers:
            return
        (folder / FOLDER).mkdir(exist_ok=True)
        with log_file(folder, _FOLLOWER).open("ab") as log:
            subprocess.Popen(
                command(MODULE, str(folder)), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
