"""From the levels of a study to its rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

from edgeyolo.errors import UsageError
from edgeyolo.studies.factors import AUTO, NONE, Level, Net
from edgeyolo.studies.schema import Asked, Combination

FACTORS = ("net", "batch", "freeze", "imgsz", "seed")


@dataclass(frozen=True, slots=True)
class Cell:
    """One combination: a net and how it is trained."""

    net: Net
    batch: int | None  # None: as many as the GPU holds
    freeze: str | None
    imgsz: int
    seed: int

    @property
    def name(self) -> str:
        """Name that no other cell of a study shares, as ``n-b16-f10-320-s0``."""
        return f"{self.net.name}-{self.training_name}"

    @property
    def training_name(self) -> str:
        """The same without the net, as ``b16-f10-320-s0``."""
        frozen = [f"f{self.freeze}"] if self.freeze else []
        return "-".join([f"b{self.batch or AUTO}", *frozen, str(self.imgsz), f"s{self.seed}"])

    def labels(self) -> dict[str, Any]:
        """The level of each factor, as plain values."""
        return {
            "net": self.net.name,
            "batch": self.batch or AUTO,
            "freeze": self.freeze or NONE,
            "imgsz": self.imgsz,
            "seed": self.seed,
        }


def expand(asked: Asked, defaults: Mapping[str, Level]) -> list[Cell]:
    """All combinations in order, the seed changing first; ``defaults`` for what is not named.

    What ``include`` adds comes last, and takes the first level of the grid where it names none.

    Raises:
        UsageError: when an entry of ``exclude`` or ``include`` changes nothing, or none is left.
    """
    levels = {factor: asked.grid.get(factor) or (defaults[factor],) for factor in FACTORS}
    grid = [Cell(*values) for values in product(*levels.values())]
    for number, entry in enumerate(asked.exclude):
        if not any(_matches(cell, entry) for cell in grid):
            raise UsageError(
                f"{asked.path}: exclude[{number}] is no combination of the grid.", "Leave it out."
            )
    kept = [c for c in grid if not any(_matches(c, entry) for entry in asked.exclude)]
    first = {factor: values[0] for factor, values in levels.items()}
    for number, cell in enumerate(_included(asked, first)):
        if cell in kept:
            raise UsageError(
                f"{asked.path}: include[{number}] is there already, as {cell.name}.",
                "Leave it out.",
            )
        kept.append(cell)
    if not kept:
        raise UsageError(f"{asked.path}: exclude leaves nothing to train.", "Leave out some of it.")
    return kept


def _matches(cell: Cell, entry: Combination) -> bool:
    return all(getattr(cell, factor) == level for factor, level in entry.items())


def _included(asked: Asked, first: Combination) -> Iterator[Cell]:
    for entry in asked.include:
        yield Cell(**{**first, **entry})
