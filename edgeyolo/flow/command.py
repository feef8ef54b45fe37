"""The command line that a run came from."""

from __future__ import annotations

from edgeyolo.files import read_json
from edgeyolo.runs import Run


def command_of(run: Run) -> list[str] | None:
    """Its words, or those of the search or study that it is part of; older runs have none."""
    for place in (run, Run(run.folder.resolve().parent)):
        if place.command_file.is_file():
            words: list[str] = read_json(place.command_file)["argv"]
            return words
    return None
