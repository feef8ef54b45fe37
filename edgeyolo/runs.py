"""Run: a folder that holds all state of one job, so that a killed one can go on."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from edgeyolo.errors import UsageError
from edgeyolo.files import fail_clearly
from edgeyolo.plan.candidate import Candidate
from edgeyolo.plan.plan import Plan

try:
    import fcntl
except ModuleNotFoundError:  # Windows: no lock there
    fcntl = None  # type: ignore[assignment]

ROOT = Path("runs")
PLAN = "plan.json"
WIDE = "wide"
_LOCK = ".lock"


@dataclass(frozen=True, slots=True)
class Measured:
    """A folder in which nets were measured, and a report of them was drawn."""

    folder: Path

    @property
    def accuracy_file(self) -> Path:
        """What each net finds on val."""
        return self.folder / "accuracy.json"

    @property
    def latency_file(self) -> Path:
        """How long each takes on this machine."""
        return self.folder / "latency.json"

    @property
    def gallery_file(self) -> Path:
        """Images in which the result fails most."""
        return self.folder / "gallery.json"

    @property
    def report_page(self) -> Path:
        return self.folder / "report.html"


@dataclass(frozen=True, slots=True)
class Run(Measured):
    """Paths inside a run's folder; nothing is kept in memory."""

    @property
    def plan_file(self) -> Path:
        return self.folder / PLAN

    @property
    def command_file(self) -> Path:
        """The command line that asked for it."""
        return self.folder / "command.json"

    @property
    def data_file(self) -> Path:
        """What was found out about the data set."""
        return self.folder / "data.json"

    @property
    def wide_checkpoint(self) -> Path:
        """The net that is inherited from, and the baseline."""
        return self.folder / "wide.pt"

    @property
    def wide_file(self) -> Path:
        """How the wide net came about."""
        return self.folder / "wide.json"

    @property
    def pretraining(self) -> Path:
        """Folder in which the backbone is trained as a classifier first, where that is asked."""
        return self.folder / "pretrain"

    @property
    def pretrain_file(self) -> Path:
        """What came of that."""
        return self.folder / "pretrain.json"

    @property
    def slim_checkpoint(self) -> Path:
        """The retrained slim net."""
        return self.folder / "slim.pt"

    @property
    def bundle(self) -> Path:
        """The result, for all engines."""
        return self.folder / "bundle"

    @property
    def baseline_bundle(self) -> Path:
        """The wide net at the same input size."""
        return self.folder / "baseline" / "same-size"

    @property
    def smaller_bundle(self) -> Path:
        """The wide net at a smaller input size."""
        return self.folder / "baseline" / "smaller"

    @property
    def heads_file(self) -> Path:
        """What each detection level of the wide net serves."""
        return self.folder / "heads.json"

    @property
    def report_file(self) -> Path:
        return self.folder / "report.json"

    def training(self, name: str) -> Path:
        """Folder of one training."""
        return self.folder / "train" / name

    def plan(self) -> Plan:
        """What the run was asked to do.

        Raises:
            UsageError: when the file is not a plan.
        """
        return Plan.load(self.plan_file)

    def locked(self) -> AbstractContextManager[None]:
        """Keep other processes from working on this run; see :func:`locked`."""
        return locked(self.folder)

    @classmethod
    def create(cls, plan: Plan, name: str | None, root: Path = ROOT) -> Run:
        """Make the folder of a new run; without a name it is derived and numbered.

        Raises:
            UsageError: when a run of that name exists.
            EdgeyoloError: when the folder cannot be written.
        """
        run = cls(new_folder(root, name, _default_name(plan)))
        plan.save(run.plan_file)
        return run

    @classmethod
    def open(cls, folder: Path) -> Run:
        """Open an existing run, by its folder or its name under ``runs/``.

        Raises:
            UsageError: when there is none.
        """
        for place in (folder, ROOT / folder):
            if (place / PLAN).is_file():
                return cls(place)
        raise UsageError(f"There is no run at {folder}.", f"Runs are folders with a {PLAN}.")


def new_folder(root: Path, name: str | None, default: str) -> Path:
    """Make a folder of that name, or of the default one with a number where it is taken.

    Raises:
        UsageError: when there is one of that name.
        EdgeyoloError: when it cannot be made.
    """
    folder = _named(root, name) if name else _numbered(root, default)
    with fail_clearly(folder):
        folder.mkdir(parents=True)
    return folder


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other processes from working in a folder; the lock dies with its holder.

    Raises:
        UsageError: when another process holds it; says which.
    """
    with fail_clearly(folder), (folder / _LOCK).open("a+", encoding="utf-8") as stream:
        if fcntl is not None:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                stream.seek(0)
                holder = stream.read().strip() or "another edgeyolo"
                raise UsageError(
                    f"{holder[:1].upper()}{holder[1:]} is working on {folder}.",
                    f"Look at it with 'edgeyolo resume {folder}', or wait until it has ended.",
                ) from error
        stream.truncate(0)
        since = datetime.now().astimezone().isoformat(" ", "seconds")
        stream.write(f"process {os.getpid()} of {platform.node()}, since {since},")
        stream.flush()
        yield


def _default_name(plan: Plan) -> str:
    data = "demo" if plan.is_demo else Path(plan.data).absolute().parent.name
    return f"{data}-{Candidate(plan.spec, plan.imgsz, plan.engines[0]).name}"


def _named(root: Path, name: str) -> Path:
    if Path(name).name != name or name.startswith("."):
        raise UsageError(f"{name!r} is not a name for a run.", "Use letters, digits, '-', '_'.")
    if (root / name).exists():
        raise UsageError(
            f"There is a run {root / name} already.",
            f"Choose another --name, or go on with it: edgeyolo resume {root / name}",
        )
    return root / name


def _numbered(root: Path, name: str) -> Path:
    folder, number = root / name, 1
    while folder.exists():
        number += 1
        folder = root / f"{name}-{number}"
    return folder
