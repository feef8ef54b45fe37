"""What a detached job can work on: a run, a search of nets, a study. A new kind is a row here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edgeyolo.errors import UsageError
from edgeyolo.progress import Progress
from edgeyolo.runs import PLAN, ROOT, Run
from edgeyolo.searches import SEARCH, Search
from edgeyolo.studies.folder import QUEUE, Study


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of work: the file by which its folder is known, whether it is done, how it is done."""

    name: str
    marker: str
    is_done: Callable[[Path], bool]
    execute: Callable[[Path, Progress], object]


@dataclass(frozen=True, slots=True)
class Work:
    """A folder, and what kind of work is in it."""

    kind: Kind
    folder: Path


def known(folder: Path) -> Work | None:
    """What is in a folder, if it is any of these."""
    kinds = (kind for kind in KINDS if (folder / kind.marker).is_file())
    return next((Work(kind, folder) for kind in kinds), None)


def find(folder: Path) -> Work:
    """What is in a folder, or under ``runs/`` by that name.

    Raises:
        UsageError: when there is nothing of the kind.
    """
    found = known(folder) or known(ROOT / folder)
    if found is None:
        raise UsageError(f"There is no run at {folder}.", f"Runs are folders with a {PLAN}.")
    return found


# The functions import what they need when they are called: the list of jobs needs nothing of it.
def _run(folder: Path, progress: Progress) -> object:
    from edgeyolo.flow.slim import execute

    return execute(Run(folder), progress)


def _search(folder: Path, progress: Progress) -> object:
    from edgeyolo.flow.search import execute_search

    return execute_search(Search(folder), progress)


def _study(folder: Path, progress: Progress) -> object:
    from edgeyolo.flow.study import execute_study

    return execute_study(Study(folder), progress)


KINDS = (
    Kind("study", QUEUE, lambda folder: Study(folder).is_done, _study),
    Kind("search", SEARCH, lambda folder: Search(folder).result_file.exists(), _search),
    Kind("run", PLAN, lambda folder: Run(folder).report_file.exists(), _run),
)
