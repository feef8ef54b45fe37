"""Progress that is told in events, for whoever follows the job."""

from __future__ import annotations

from edgeyolo.jobs.events import Event, EventLog
from edgeyolo.progress import Progress


class Told:
    """Writes down what long work tells about itself."""

    def __init__(self, log: EventLog) -> None:
        self._log = log

    def stage(self, name: str, number: int, total: int) -> None:
        """A stage begins."""
        self._log.write("stage", name=name, number=number, total=total)

    def step(self, done: float, total: float, note: str = "") -> None:
        """The present stage has come so far."""
        write = self._log.write if done >= total else self._log.seldom
        write("step", done=done, total=total, note=note)

    def line(self, text: str) -> None:
        """Something to read that stays."""
        self._log.write("line", text=text)


def retell(event: Event, progress: Progress) -> None:
    """Show what was written down."""
    kind = event["event"]
    if kind == "stage":
        progress.stage(event["name"], event["number"], event["total"])
    elif kind == "step":
        progress.step(event["done"], event["total"], event["note"])
    elif kind == "line":
        progress.line(event["text"])
