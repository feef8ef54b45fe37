"""The command line that a run came from."""

from __future__ import annotations

from pathlib import PurePath

from edgeyolo.files import read_json
from edgeyolo.runs import Run


def command_of(run: Run) -> list[str] | None:
    """Its words, or those of the search or study that it is part of; older runs have none."""
    for place in (run, Run(run.folder.resolve().parent)):
        if place.command_file.is_file():
            return [_without_folder(word) for word in read_json(place.command_file)["argv"]]
    return None


def _without_folder(word: str) -> str:
    """A path of this machine is nobody's business but its last part."""
    flag, sign, value = word.rpartition("=") if word.startswith("--") else ("", "", word)
    path = PurePath(value)
    is_own = path.is_absolute() or value.startswith("~")
    return f"{flag}{sign}{path.name}" if is_own else word
