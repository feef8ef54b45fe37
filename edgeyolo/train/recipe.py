"""How a net is trained."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from edgeyolo.errors import UsageError
from edgeyolo.files import read_json, write_json
from edgeyolo.slim.architecture import backbone_length, layers
from edgeyolo.slim.spec import SlimSpec
from edgeyolo.train.device import device_names
from edgeyolo.train.folder import JOB

BATCH = 16  # images of a step, where nothing else is asked


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a training can be asked; :mod:`edgeyolo.train.schedule` says what follows from it.

    Raises:
        UsageError: when a number is too small to train with.
    """

    epochs: int
    imgsz: int
    batch: int | None = BATCH  # on all devices together; None: as many as the GPU holds
    device: str = "auto"  # auto, cpu, cuda:N, or several as 0,1
    seed: int = 0
    distill: float = 0.0  # weight of what a teacher says; 0 trains on the labels alone
    distill_features: float = 0.0  # weight of what its neck looks at, besides
    patience: int | None = None  # epochs without a better one, after which it ends; None: never
    lr: float | None = None  # at the beginning; None: what suits the optimizer
    freeze: str | None = None  # layers that stay as they are: backbone, or so many from the first
    settings: dict[str, Any] = field(default_factory=dict)  # ultralytics' own, by name
    log: str = ""  # loggers, separated by commas
    log_checkpoint: bool = False  # whether those that keep files get the best net

    def __post_init__(self) -> None:
        for name, least in (("epochs", 1), ("batch", 1), ("seed", 0)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise UsageError(
                    f"{name} {value} is not possible.", f"The least is {least}, so use {least}."
                )
        count = len(device_names(self.device))
        if self.batch is not None and self.batch % count:
            near = max(count, self.batch // count * count)
            raise UsageError(
                f"batch {self.batch} cannot be shared by {count} devices.", f"Use {near}."
            )
        for name in ("distill", "distill_features"):
            value = getattr(self, name)
            if not 0 <= value < float("inf"):
                raise UsageError(
                    f"{name} {value:g} is not possible.", "Use 0 to train without, or 1."
                )
        if self.patience is not None and self.patience < 1:
            raise UsageError(f"patience {self.patience} is not possible.", "Use 1 or more.")
        if self.lr is not None and not 0 < self.lr < float("inf"):
            raise UsageError(f"lr {self.lr:g} is not possible.", "Use more than 0, as 0.001.")
        if self.freeze is not None and self.freeze != "backbone" and not self._frozen:
            raise UsageError(
                f"freeze {self.freeze!r} is not possible.", "Use backbone, or a number of layers."
            )
        if self.seed >= 2**32:
            raise UsageError(f"seed {self.seed} is not possible.", "Use less than 4294967296.")

    @property
    def loggers(self) -> tuple[str, ...]:
        """Names of the loggers."""
        return tuple(filter(None, self.log.split(",")))

    @property
    def _frozen(self) -> int:
        return int(self.freeze) if self.freeze and self.freeze.isdecimal() else 0

    def frozen_layers(self, spec: SlimSpec) -> int:
        """How many layers of a net stay as they are.

        Raises:
            UsageError: when that is all of them.
        """
        count = backbone_length(spec) if self.freeze == "backbone" else self._frozen
        most = len(layers(spec)) - 1
        if count > most:
            raise UsageError(
                f"{spec.name} has {most} layers before its heads, so {count} cannot be frozen.",
                f"Use --freeze {most} or less.",
            )
        return count

    @property
    def is_taught(self) -> bool:
        """Whether a teacher has a say."""
        return self.distill > 0 or self.distill_features > 0

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Job:
    """What the child process is told: where the data are and how to train ``start.pt`` on them.

    ``teacher`` is a checkpoint to distil from.
    """

    data: str
    recipe: Recipe
    teacher: str | None = None

    def save_anew(self, folder: Path) -> None:
        """Write ``job.json``; a batch that was found or halved there stays so."""
        job = self
        if (folder / JOB).exists():
            known = [b for b in (self.recipe.batch, Job.load(folder).recipe.batch) if b]
            job = replace(self, recipe=replace(self.recipe, batch=min(known, default=None)))
        job.save(folder)

    def save(self, folder: Path) -> None:
        """Write ``job.json``."""
        write_json(
            folder / JOB,
            {"data": self.data, "recipe": self.recipe.to_dict(), "teacher": self.teacher},
        )

    @classmethod
    def load(cls, folder: Path) -> Job:
        """Read ``job.json``."""
        values = read_json(folder / JOB)
        return cls(values["data"], Recipe(**values["recipe"]), values["teacher"])
