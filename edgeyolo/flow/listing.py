"""All runs, searches and studies of this folder, and how far they are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import psutil

from edgeyolo.flow.kinds import Work, known
from edgeyolo.jobs import process
from edgeyolo.jobs.events import Event, all_events
from edgeyolo.jobs.names import PID
from edgeyolo.runs import ROOT

State = Literal["running", "finished", "stopped", "failed", "unfinished"]


@dataclass(frozen=True, slots=True)
class Job:
    """A run, search or study: its state, the stage that it is in, and a note on that."""

    folder: str
    kind: str  # run, search or study
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


def _known(root: Path) -> Iterator[Work]:
    for folder in sorted(root.iterdir()) if root.is_dir() else []:
        work = known(folder)
        if work is not None:
            yield work


def _job(work: Work) -> Job:
    folder = work.folder
    events = all_events(folder)
    worker = process.running(folder.resolve()) or _training(folder.resolve())
    last = events[-1] if events else None
    return Job(
        folder=str(folder),
        kind=work.kind.name,
        state="running" if worker else "finished" if work.kind.is_done(folder) else _state(last),
        pid=worker.pid if worker else None,
        stage=_stage(events),
        note=_note(last),
        at=last["time"] if last else None,
    )


def _training(folder: Path) -> psutil.Process | None:
    """What still trains in there when the process that began it was killed."""
    return next(filter(None, map(process.running, _trainings(folder))), None)


def _trainings(folder: Path) -> Iterator[Path]:
    return (path.parent for path in folder.rglob(PID) if path.parent != folder)


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
