"""All runs and searches of this folder, and how far they are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from edgeyolo.jobs import process
from edgeyolo.jobs.events import Event, all_events
from edgeyolo.runs import PLAN, ROOT, Run
from edgeyolo.searches import Search

State = Literal["running", "finished", "stopped", "failed", "unfinished"]


@dataclass(frozen=True, slots=True)
class Job:
    """A run or a search: its state, the stage that it is in, and a note on that."""

    folder: str
    kind: Literal["run", "search"]
    state: State
    pid: int | None
    stage: str
    note: str
    at: float | None  # seconds since 1970, of the last that was heard of it

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def listed(root: Path = ROOT) -> list[Job]:
    """Those that are worked on first, then the latest."""
    found = [_job(each) for each in _known(root)]
    return sorted(found, key=lambda job: (job.state != "running", -(job.at or 0.0)))


def _known(root: Path) -> Iterator[Run | Search]:
    for folder in sorted(root.iterdir()) if root.is_dir() else []:
        search = Search.find(folder) if folder.is_dir() else None
        if search is not None:
            yield search
        elif (folder / PLAN).is_file():
            yield Run(folder)


def _job(each: Run | Search) -> Job:
    is_search = isinstance(each, Search)
    folder = each.folder
    result = each.result_file if isinstance(each, Search) else each.report_file
    events = all_events(folder)
    worker = process.running(folder.resolve())
    last = events[-1] if events else None
    return Job(
        folder=str(folder),
        kind="search" if is_search else "run",
        state="running" if worker else "finished" if result.exists() else _state(last),
        pid=worker.pid if worker else None,
        stage=_stage(events),
        note=_note(last),
        at=last["time"] if last else None,
    )


def _state(last: Event | None) -> State:
    kind = last["event"] if last else ""
    return "stopped" if kind == "stopped" else "failed" if kind == "failed" else "unfinished"


def _stage(events: list[Event]) -> str:
    stages = [event for event in events if event["event"] == "stage"]
    return "{number}/{total} {name}".format(**stages[-1]) if stages else ""


def _note(last: Event | None) -> str:
    if last is None:
        return ""
    if last["event"] == "step":
        share = last["done"] / last["total"] if last["total"] else 0.0
        return f"{share:.0%} {last['note']}".rstrip()
    return str(last.get("message") or last.get("text") or "")
