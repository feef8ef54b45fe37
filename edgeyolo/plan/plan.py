"""Plan: everything that a run was asked to do, so that it can be resumed from its folder."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from edgeyolo.errors import UsageError
from edgeyolo.files import read_json, write_json
from edgeyolo.plan.candidate import Candidate
from edgeyolo.slim.checks import is_no_wider
from edgeyolo.slim.cost import cost
from edgeyolo.slim.spec import CHANNEL_STEP, GRID, WIDTH_STEPS, SlimSpec
from edgeyolo.train.recipe import Recipe

FORMAT = "edgeyolo-plan"
VERSION = 3
IMPORTANCES = ("taylor", "l2", "l1", "bn")
_SMALLEST = 64
_BATCH = 64  # of the classifier, where the batch is to be found: its images are small
_LATER = ("pretrain", "pretrain_epochs", "pretrain_imgsz")  # that older plans lack
_MOST_STEPS = 4
_SHARE = 0.2  # of the epochs, for each step before the last


@dataclass(frozen=True, slots=True)
class Plan:
    """One slim net from one data set, against the wide net that it comes from.

    A ``plain`` one makes nothing smaller: the starting net is trained on the data as it is.

    ``source`` is the checkpoint to inherit from, or ``None`` when the wide net is trained first;
    with other classes than the data's it is fine-tuned first, unless ``finetune`` is off.
    ``pretrain`` is the image folder on which the backbone of the first net to be trained, the slim
    one's or that of the first step, learns to classify before.
    ``importance`` tells which channels stay, and they go in ``gradual`` steps. ``teacher`` is the
    checkpoint to distil from, or ``None`` for the wide net.
    """

    data: str
    data_origin: str
    is_demo: bool
    source: str | None
    spec: SlimSpec
    engines: tuple[str, ...]
    recipe: Recipe
    wide_epochs: int
    importance: str = "taylor"
    gradual: int = 1
    teacher: str | None = None
    finetune: bool = True
    plain: bool = False
    pretrain: str | None = None
    pretrain_epochs: int = 20
    pretrain_imgsz: int = 224

    def __post_init__(self) -> None:
        _ = self.wide_recipe  # refuses what cannot be trained
        if self.pretrain is not None:
            _check_pretraining(self.pretrain_epochs, self.pretrain_imgsz)
        if self.importance not in IMPORTANCES:
            raise UsageError(
                f"There is no importance {self.importance!r}.",
                f"Use one of {', '.join(IMPORTANCES)}.",
            )
        if self.source is None and not (self.finetune or self.plain):
            raise UsageError(
                "Without starting weights the wide net has to be trained.",
                "Name some with --from, or leave out --no-finetune.",
            )
        most = min(_MOST_STEPS, self.recipe.epochs)
        if not 1 <= self.gradual <= most:
            raise UsageError(
                f"{self.gradual} steps are not possible with {self.recipe.epochs} epochs.",
                f"Use 1 to {most} for --gradual.",
            )

    @property
    def wide_recipe(self) -> Recipe:
        """Schedule of the wide net, where it has to be trained first."""
        return replace(
            self.recipe,
            epochs=self.wide_epochs,
            distill=0.0,
            distill_features=0.0,
            # From scratch, what is frozen would never learn anything.
            freeze=self.recipe.freeze if self.source else None,
        )

    @property
    def pretrain_recipe(self) -> Recipe:
        """How the backbone learns to classify: as the run trains, on the first of its devices."""
        recipe = self.recipe
        return Recipe(
            epochs=self.pretrain_epochs,
            imgsz=self.pretrain_imgsz,
            batch=recipe.batch or _BATCH,
            device=recipe.device.split(",")[0],
            seed=recipe.seed,
            settings=recipe.settings,
        )

    def steps(self, wide: SlimSpec) -> list[tuple[SlimSpec, Recipe]]:
        """Nets on the way from the wide one to the slim one, which comes last, and their schedules.

        Each step takes the same ratio off the width; everything else that is dropped goes with the
        first one. All share the epochs: a fifth for each step before the last.

        Raises:
            UsageError: when there is no net between the two to stop at.
        """
        count = self.gradual
        short = max(1, round(_SHARE * self.recipe.epochs))
        ratio = self.spec.width / wide.width
        steps, before = [], wide
        for step in range(1, count):
            width = round(wide.width * ratio ** (step / count) * WIDTH_STEPS) / WIDTH_STEPS
            before = self._between(before, min(1.0, width))
            steps.append((before, replace(self.recipe, epochs=short)))
        last = max(1, self.recipe.epochs - short * (count - 1))
        return [*steps, (self.spec, replace(self.recipe, epochs=last))]

    def _between(self, before: SlimSpec, width: float) -> SlimSpec:
        """The slim net at another width, with the cap on its channels that fits between two nets.

        The larger YOLOv8 cap their channels lower than the small ones, so a slim net's own cap can
        be too much on the way.
        """
        for cap in range(self.spec.max_channels, 0, -CHANNEL_STEP):
            net = self.spec.with_(width=width, max_channels=cap)
            if is_no_wider(net, before) and is_no_wider(self.spec, net):
                return net
        raise UsageError(
            f"There is no net of width {width:g} between {before.name} and {self.spec.name}.",
            "Use --gradual 1.",
        )

    @property
    def imgsz(self) -> int:
        """Input side of the slim net and of the baseline."""
        return self.recipe.imgsz

    def candidates(self) -> list[Candidate]:
        """The slim net on each engine."""
        return [Candidate(self.spec, self.imgsz, engine) for engine in self.engines]

    def save(self, path: Path) -> None:
        """Write ``plan.json``."""
        write_json(
            path,
            {
                "format": FORMAT,
                "version": VERSION,
                "data": self.data,
                "data_origin": self.data_origin,
                "is_demo": self.is_demo,
                "source": self.source,
                "spec": self.spec.to_dict(),
                "engines": list(self.engines),
                "recipe": self.recipe.to_dict(),
                "wide_epochs": self.wide_epochs,
                "importance": self.importance,
                "gradual": self.gradual,
                "teacher": self.teacher,
                "finetune": self.finetune,
                "plain": self.plain,
                "pretrain": self.pretrain,
                "pretrain_epochs": self.pretrain_epochs,
                "pretrain_imgsz": self.pretrain_imgsz,
                "candidates": [candidate.to_dict() for candidate in self.candidates()],
            },
        )

    @classmethod
    def load(cls, path: Path) -> Plan:
        """Read ``plan.json``.

        Raises:
            UsageError: when it is not a plan of this version.
        """
        try:
            values: dict[str, Any] = read_json(path)
            if (values["format"], values["version"]) != (FORMAT, VERSION):
                raise ValueError("another format")
            return cls(
                data=values["data"],
                data_origin=values["data_origin"],
                is_demo=values["is_demo"],
                source=values["source"],
                spec=SlimSpec.from_dict(values["spec"]),
                engines=tuple(values["engines"]),
                recipe=Recipe(**values["recipe"]),
                wide_epochs=values["wide_epochs"],
                importance=values["importance"],
                gradual=values["gradual"],
                teacher=values["teacher"],
                finetune=values["finetune"],
                plain=values.get("plain", False),  # plans of before have none
                **{key: values[key] for key in _LATER if key in values},
            )
        except (ValueError, LookupError, TypeError) as error:
            raise UsageError(
                f"{path} is not a plan that this edgeyolo can read.", "Start a new run."
            ) from error


def _check_pretraining(epochs: int, imgsz: int) -> None:
    if epochs < 1:
        raise UsageError(f"pretrain-epochs {epochs} is not possible.", "Use 1 or more.")
    if imgsz < _SMALLEST or imgsz % GRID:
        near = max(_SMALLEST, round(imgsz / GRID) * GRID)
        raise UsageError(
            f"An image size of {imgsz} is not possible for a classifier.",
            f"It must be a multiple of {GRID}, so use --pretrain-imgsz {near}.",
        )


def smaller_imgsz(
    wide: SlimSpec, slim: SlimSpec, classes: int, imgsz: int, slim_imgsz: int | None = None
) -> int | None:
    """Input side at which the wide net needs about the FLOPs of the slim one.

    ``imgsz`` is that of both, or of the wide one alone.

    "Same net, smaller image" is what a slimmer net has to beat. ``None`` where the slim net is so
    close to the wide one that no smaller side fits.
    """
    share = cost(slim, classes, slim_imgsz or imgsz).gflops / cost(wide, classes, imgsz).gflops
    side = max(_SMALLEST, round(imgsz * math.sqrt(share) / GRID) * GRID)
    return side if side < imgsz else None


def parse_engines(text: str | None, known: Iterable[str]) -> tuple[str, ...]:
    """Read ``ncnn,openvino``; all known engines if nothing is named.

    Raises:
        UsageError: for an unknown engine or a list without any.
    """
    known = tuple(known)
    if text is None:
        return known
    engines = tuple(dict.fromkeys(text.replace(",", " ").lower().split()))
    if not engines:
        raise UsageError("No engine is named.", f"Choose from {', '.join(known)}.")
    for engine in engines:
        if engine not in known:
            raise UsageError(f"There is no engine {engine!r}.", f"Choose from {', '.join(known)}.")
    return engines
