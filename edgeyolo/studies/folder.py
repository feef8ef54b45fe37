"""Study: a folder that holds the runs of all combinations, and what they are compared by."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from edgeyolo.errors import UsageError
from edgeyolo.files import read_json, write_json, write_text
from edgeyolo.plan.plan import Plan
from edgeyolo.runs import ROOT, Run, locked, new_folder

QUEUE = "queue.json"
FORMAT, VERSION = "edgeyolo-study-queue", 1


@dataclass(frozen=True, slots=True)
class Entry:
    """One training of a study: a row, or a wide net that rows are slimmed from.

    ``labels`` are the levels of a row's factors, and ``None`` of a wide net. ``wide`` names the
    entry that a row is slimmed from, where that has to be trained first; ``start`` says in words
    what it begins with.
    """

    name: str
    labels: dict[str, Any] | None
    start: str
    wide: str | None
    plan: Plan


@dataclass(frozen=True, slots=True)
class Study:
    """Paths inside a study's folder; nothing is kept in memory."""

    folder: Path

    @property
    def file(self) -> Path:
        """Its own copy of the ``study.yaml``, which may change after it has begun."""
        return self.folder / "study.yaml"

    @property
    def queue_file(self) -> Path:
        return self.folder / QUEUE

    @property
    def data_file(self) -> Path:
        """What was found out about the data set."""
        return Run(self.folder).data_file

    @property
    def failures_file(self) -> Path:
        """Which entries failed, and why."""
        return self.folder / "failures.json"

    @property
    def result_file(self) -> Path:
        """The comparison."""
        return self.folder / "study.json"

    @property
    def table_file(self) -> Path:
        """One line for each row."""
        return self.folder / "study.csv"

    @property
    def classes_file(self) -> Path:
        """One line for each row and class."""
        return self.folder / "study-classes.csv"

    @property
    def report_page(self) -> Path:
        return self.folder / "report.html"

    def run(self, name: str) -> Run:
        """The run of an entry."""
        return Run(self.folder / name)

    def measured_file(self, name: str) -> Path:
        """What a row is compared by."""
        return self.folder / name / "measured.json"

    def entries(self) -> list[Entry]:
        """All trainings in their order.

        Raises:
            UsageError: when the file is not of this version.
        """
        stored = read_json(self.queue_file)
        if (stored.get("format"), stored.get("version")) != (FORMAT, VERSION):
            raise UsageError(
                f"{self.queue_file} is not a study that this edgeyolo can read.", "Start a new one."
            )
        return [Entry(**each, plan=self.run(each["name"]).plan()) for each in stored["entries"]]

    def failures(self) -> dict[str, dict[str, str]]:
        """Message and hint by entry, of the last time that they were tried."""
        if not self.failures_file.exists():
            return {}
        found: dict[str, dict[str, str]] = read_json(self.failures_file)
        return found

    @property
    def is_done(self) -> bool:
        """Whether it was compared, and nothing is to be tried again."""
        return self.result_file.exists() and not self.failures()

    def locked(self) -> AbstractContextManager[None]:
        """Keep other processes from working on this study.

        Raises:
            UsageError: when another process holds it.
        """
        return locked(self.folder)

    @classmethod
    def create(cls, entries: Sequence[Entry], file: Path, name: str | None, default: str) -> Study:
        """Make the folder of a new study.

        Raises:
            UsageError: when there is something of that name.
            EdgeyoloError: when the folder cannot be written.
        """
        study = cls(new_folder(ROOT, name, default))
        study._write(entries, file)
        return study

    def extend(self, entries: Sequence[Entry], file: Path) -> list[str]:
        """Take in what the file has more than this study; return the names of what is new.

        Raises:
            UsageError: when it has less, or asks for something else, or the study is worked on.
        """
        wanted = {entry.name: entry for entry in entries}
        with self.locked():
            old = self.entries()
            for entry in old:
                _refuse_change(entry, wanted.get(entry.name), self, file)
            known = {entry.name for entry in old}
            self._write(entries, file)
            new = [entry.name for entry in entries if entry.name not in known]
            if new:
                self.result_file.unlink(missing_ok=True)  # there is more to compare
        return new

    def placed(self, entry: Entry) -> Plan:
        """The plan as it is carried out: a row inherits from the wide net of this study."""
        if entry.wide is None:
            return entry.plan
        wide = self.run(entry.wide).slim_checkpoint
        return replace(entry.plan, source=str(wide.resolve()))

    def _write(self, entries: Iterable[Entry], file: Path) -> None:
        listed = []
        for entry in entries:
            run = self.run(entry.name)
            if not run.plan_file.exists():
                self.placed(entry).save(run.plan_file)
            listed.append(
                {f.name: getattr(entry, f.name) for f in fields(Entry) if f.name != "plan"}
            )
        write_text(self.file, file.read_text(encoding="utf-8-sig"))
        # Last: it is what makes the folder a study.
        write_json(self.queue_file, {"format": FORMAT, "version": VERSION, "entries": listed})

    @classmethod
    def find(cls, folder: Path) -> Study | None:
        """The study in a folder, or of that name under ``runs/``."""
        for place in (folder, ROOT / folder):
            if (place / QUEUE).is_file():
                return cls(place)
        return None


def _refuse_change(old: Entry, new: Entry | None, study: Study, file: Path) -> None:
    another = "A study keeps its rows: choose another --name."
    if new is None:
        raise UsageError(f"{file} has no {old.name} any more, as {study.folder} has.", another)
    # Where the data set was named is no part of it: the file may be called by another path. Nor is
    # who logs it, which depends on what is installed.
    plan = study.placed(new)
    logged = {key: getattr(old.plan.recipe, key) for key in ("log", "log_checkpoint")}
    recipe = replace(plan.recipe, **logged)
    plan = replace(plan, data_origin=old.plan.data_origin, recipe=recipe)
    if plan == old.plan:
        return
    # The recipe first: parts of a plan follow from it.
    pairs = [
        (f.name, getattr(was, f.name), getattr(wanted, f.name))
        for was, wanted in ((old.plan.recipe, plan.recipe), (old.plan, plan))
        for f in fields(wanted)
    ]
    name, was, wanted = next(
        (name, was, wanted) for name, was, wanted in pairs if was != wanted and name != "recipe"
    )
    raise UsageError(
        f"{study.folder} was begun with {name} {was}, and {file} now asks for {wanted} "
        f"({old.name}).",
        another,
    )
