"""What a logger is, and what it is told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from edgeyolo.files import read_json
from edgeyolo.train.recipe import Job

PROJECT = "edgeyolo"
_TRAININGS = "train"  # the folder of a run in which its trainings are
_RUNS = "runs"

Setting = bool | int | float | str
# ``ended``: its process is gone and has said nothing.
Status = Literal["finished", "stopped", "failed", "ended"]


@dataclass(frozen=True, slots=True)
class Training:
    """A training as backends know it: its folder, the name of its run, and what it was asked."""

    folder: Path
    run: str
    settings: dict[str, Setting]

    @classmethod
    def of(cls, folder: Path) -> Training:
        """The training in a folder."""
        return cls(folder, run_name(folder), _settings(Job.load(folder)))


def run_name(folder: Path) -> str:
    """``runs/road/train/wide`` → ``road/wide``; a search's name comes before its candidate's."""
    parts = list(folder.resolve().parts)
    begin = len(parts) - parts[::-1].index(_RUNS) if _RUNS in parts else -3
    return "/".join(part for part in parts[begin:] if part != _TRAININGS)


def _settings(job: Job) -> dict[str, Setting]:
    """What the recipe says, without nesting; of the data no more than their name."""
    values = job.recipe.to_dict()
    own = values.pop("settings")
    flat = {**values, **{f"set.{key}": value for key, value in own.items()}}
    flat |= {"data": Path(job.data).parent.name, "teacher": job.teacher is not None}
    for key in ("log", "log_checkpoint"):
        flat.pop(key)
    return {key: _plain(value) for key, value in flat.items() if value is not None}


def _plain(value: Any) -> Setting:
    return value if isinstance(value, bool | int | float | str) else str(value)


@dataclass(frozen=True, slots=True)
class Curve:
    """Precision and recall of a class, or of the mean over classes, by rising confidence."""

    name: str
    labels: int  # boxes of it in the validation images
    precision: list[float]  # at confidences from 0 to 1 in equal steps
    recall: list[float]


def read_curves(path: Path) -> list[Curve]:
    """Those of an epoch; the mean over all classes comes first."""
    values = read_json(path)
    return [Curve(**curve) for curve in values["curves"]]


def is_shown(epoch: int, epochs: int) -> bool:
    """Whether images of an epoch, counted from 1, are taken: of 1, 2, 4, 8, … and the last."""
    return epoch == epochs or epoch & (epoch - 1) == 0


class Logger(Protocol):
    """One backend. Whatever it raises ends its own process, and nothing else.

    ``notes`` are kept beside the training from one process to the next: the id of the run, so that
    a training that is resumed stays one run.
    """

    def begin(self, training: Training, notes: dict[str, Any], epoch: int) -> None:
        """Open the run, or the one of ``notes`` again; ``epoch`` is the next one to be told."""

    def take_back(self, epoch: int) -> bool:
        """Forget this epoch and later ones, which are trained again; False where none can."""

    def scalars(self, epoch: int, values: dict[str, float]) -> None:
        """The figures of an epoch, counted from 1."""

    def image(self, name: str, path: Path, epoch: int) -> None:
        """A JPEG file."""

    def curves(self, curves: list[Curve], epoch: int) -> None:
        """Precision and recall on the validation images."""

    def graph(self, checkpoint: Path, imgsz: int) -> None:
        """The net that is trained, after each ``begin``; for a backend that shows graphs."""

    def end(self, status: Status, checkpoint: Path | None) -> None:
        """Close the run, with the best net where that is to be kept there."""
