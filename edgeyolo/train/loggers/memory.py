"""What is kept beside a training from one process of its loggers to the next."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from edgeyolo.files import read_json, write_json
from edgeyolo.jobs.events import EventLog

FOLDER = "loggers"  # in the folder of the training; events.jsonl in it holds lines to be read


@dataclass(slots=True)
class Memory:
    """How far a logger has been told, and what it has to remember itself."""

    offset: int = 0  # bytes of the training's events
    epoch: int = 0  # the last one
    ended_at: int = 0  # size of the events when its run was closed
    begun: bool = False
    notes: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def load(cls, folder: Path, name: str) -> Memory:
        """Of the logger ``name`` in the folder of a training; anew where there is none."""
        try:
            return cls(**read_json(_file(folder, name)))
        except (OSError, TypeError, ValueError):
            return cls()

    def save(self, folder: Path, name: str) -> None:
        """Write it down."""
        write_json(_file(folder, name), asdict(self))


def _file(folder: Path, name: str) -> Path:
    return folder / FOLDER / f"{name}.json"


def log_file(folder: Path, name: str) -> Path:
    """What a logger's process prints."""
    return folder / FOLDER / f"{name}.log"


def tell(folder: Path, text: str) -> None:
    """Something to read, for whoever looks on."""
    EventLog(folder / FOLDER).write("line", text=text)
