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
from edgeyolo.slim.cost import cost
from edgeyolo.slim.spec import GRID, SlimSpec
from edgeyolo.train.recipe import Recipe

FORMAT = "edgeyolo-plan"
VERSION = 1
_SMALLEST = 64


@dataclass(frozen=True, slots=True)
class Plan:
    """One slim net from one data set, against the wide net that it comes from.

    ``source`` is the checkpoint to inherit from, or ``None`` when the wide net is trained first.
    """

    data: str
    data_origin: str
    is_demo: bool
    source: str | None
    spec: SlimSpec
    engines: tuple[str, ...]
    recipe: Recipe
    wide_epochs: int

    def __post_init__(self) -> None:
        _ = self.wide_recipe  # refuses what cannot be trained

    @property
    def wide_recipe(self) -> Recipe:
        """Schedule of the wide net, where it has to be trained first."""
        return replace(self.recipe, epochs=self.wide_epochs)

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
            )
        except (ValueError, LookupError, TypeError) as error:
            raise UsageError(
                f"{path} is not a plan that this edgeyolo can read.", "Start a new run."
            ) from error


def smaller_imgsz(wide: SlimSpec, slim: SlimSpec, classes: int, imgsz: int) -> int | None:
    """Input side at which the wide net needs about the FLOPs of the slim one.

    "Same net, smaller image" is what a slimmer net has to beat. ``None`` where the slim net is so
    close to the wide one that no smaller side fits.
    """
    share = cost(slim, classes, imgsz).gflops / cost(wide, classes, imgsz).gflops
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
