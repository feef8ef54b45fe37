"""What loggers have to say, for whoever looks on."""

from __future__ import annotations

from pathlib import Path

from edgeyolo.jobs.events import EventReader, events_size
from edgeyolo.jobs.told import retell
from edgeyolo.progress import Progress
from edgeyolo.train.loggers.memory import FOLDER


class Said:
    """Shows each line once, from now on."""

    def __init__(self, folder: Path, progress: Progress) -> None:
        self._progress = progress
        self._reader = EventReader(folder / FOLDER, events_size(folder / FOLDER))

    def show(self) -> None:
        """Show what was said since the last call."""
        for event in self._reader.new():
            retell(event, self._progress)
