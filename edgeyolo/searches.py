"""Search: a folder that holds the runs of all nets that were proposed for a budget."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from edgeyolo.errors import UsageError
from edgeyolo.files import read_json, write_json
from edgeyolo.plan.candidate import Candidate
from edgeyolo.plan.plan import Plan
from edgeyolo.runs import ROOT, Measured, Run, locked, new_folder

SEARCH = "search.json"
_WIDE = "wide"
FORMAT, VERSION = "edgeyolo-search", 1


@dataclass(frozen=True, slots=True)
class Contender:
    """A proposed candidate, its figures in the plan, and its run."""

    proposal: dict[str, Any]
    candidate: Candidate
    run: Run

    @property
    def quantized(self) -> Path:
        """Bundle in int8, where that was proposed."""
        return self.run.folder / "int8"

    @property
    def bundle(self) -> Path:
        """What is measured and perhaps recommended."""
        return self.quantized if self.candidate.precision == "int8" else self.run.bundle


@dataclass(frozen=True, slots=True)
class Search(Measured):
    """Paths inside a search's folder; nothing is kept in memory."""

    @property
    def wide(self) -> Run:
        """Run in which the wide net comes about; its plan is what those of all others come from."""
        return Run(self.folder / _WIDE)

    @property
    def outcomes_file(self) -> Path:
        """What became of trainings that were ended early."""
        return self.folder / "outcomes.json"

    @property
    def result_file(self) -> Path:
        return self.folder / "result.json"

    @property
    def bundle(self) -> Path:
        """The one that is recommended."""
        return self.folder / "bundle"

    @property
    def answer(self) -> dict[str, Any]:
        """The plan that the search follows.

        Raises:
            UsageError: when the file is not of this version.
        """
        stored = read_json(self.folder / SEARCH)
        if (stored.get("format"), stored.get("version")) != (FORMAT, VERSION):
            raise UsageError(
                f"{self.folder / SEARCH} is not a search that this edgeyolo can read.",
                "Start a new one.",
            )
        answer: dict[str, Any] = stored["plan"]
        return answer

    def contenders(self) -> Iterator[Contender]:
        """Proposals in order of promise, with a run for each."""
        base = self.wide.plan()
        for proposal in self.answer["proposals"]:
            candidate = Candidate.of_row(proposal)
            run = Run(self.folder / candidate.name)
            if not run.plan_file.exists():
                run.folder.mkdir(exist_ok=True)
                source = str(self.wide.wide_checkpoint.resolve())
                plan_of(base, candidate, source).save(run.plan_file)
            yield Contender(proposal, candidate, run)

    def locked(self) -> AbstractContextManager[None]:
        """Keep other processes from working on this search.

        Raises:
            UsageError: when another process holds it.
        """
        return locked(self.folder)

    @classmethod
    def create(cls, base: Plan, answer: dict[str, Any], name: str | None) -> Search:
        """Make the folder of a new search.

        Raises:
            UsageError: when there is one of that name.
            EdgeyoloError: when the folder cannot be written.
        """
        data = "demo" if base.is_demo else Path(base.data).absolute().parent.name
        search = cls(new_folder(ROOT, name, f"{data}-{answer['profile']}"))
        search.wide.folder.mkdir()
        base.save(search.wide.plan_file)
        content = {"format": FORMAT, "version": VERSION, "plan": answer}
        write_json(search.folder / SEARCH, content)
        return search

    @classmethod
    def find(cls, folder: Path) -> Search | None:
        """The search in a folder, or of that name under ``runs/``."""
        for place in (folder, ROOT / folder):
            if (place / SEARCH).is_file():
                return cls(place)
        return None


def plan_of(base: Plan, candidate: Candidate, source: str | None) -> Plan:
    """How a candidate is trained, from the net that knows the data by then."""
    return replace(
        base,
        spec=candidate.spec,
        source=source,
        engines=(candidate.engine,),
        recipe=replace(base.recipe, imgsz=candidate.imgsz),
        gradual=1 if candidate.spec == base.spec else base.gradual,
    )
