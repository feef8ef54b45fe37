"""Which detection levels a data set needs, at any image size."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from edgeyolo.dataset.boxes import BoxSizes
from edgeyolo.plan.estimate import level_of
from edgeyolo.slim.cost import cost
from edgeyolo.slim.heads import ENOUGH
from edgeyolo.slim.spec import LEVELS, SlimSpec


@dataclass(frozen=True, slots=True, eq=False)
class LevelAdvice:
    """Advice by the sizes of the boxes, or where a net was asked, by what it assigns to each level.

    ``assigned`` holds parts of the boxes by image size and level, ``asked`` the name of the net.
    """

    boxes: BoxSizes
    wide: SlimSpec
    classes: int
    assigned: dict[int, dict[str, float]] = field(default_factory=dict)
    asked: str = ""
    _known: dict[int, tuple[str, ...]] = field(default_factory=dict, init=False)

    def shares(self, imgsz: int) -> dict[str, float]:
        """Part of the boxes that each level of the wide net serves."""
        if imgsz in self.assigned:
            return self.assigned[imgsz]
        levels = level_of(self.boxes.sides * imgsz)
        return {level: float(np.mean(levels == LEVELS.index(level))) for level in self.wide.heads}

    def heads(self, imgsz: int) -> tuple[str, ...]:
        """The cheapest levels that serve nearly all boxes."""
        if imgsz not in self._known:
            self._known[imgsz] = self._cheapest(imgsz)
        return self._known[imgsz]

    def _cheapest(self, imgsz: int) -> tuple[str, ...]:
        shares, kept = self.shares(imgsz), self.wide.heads
        choices = [
            kept[first:last]
            for first in range(len(kept))
            for last in range(first + 1, len(kept) + 1)
            if sum(shares.get(level, 0.0) for level in kept[first:last]) >= ENOUGH
        ]
        return min(choices or [kept], key=self._gflops)

    def sentence(self, imgsz: int) -> str:
        """The reason for it."""
        shares, heads = self.shares(imgsz), self.heads(imgsz)
        how = f"as {self.asked} assigns them" if imgsz in self.assigned else "by their sizes"
        dropped = [level for level in self.wide.heads if level not in heads]
        if not dropped:
            return f"head advice: each level serves some of the boxes at {imgsz} px ({how})"
        served = sum(shares.get(level, 0.0) for level in dropped)
        verb = "serves" if len(dropped) == 1 else "serve"
        return (
            f"head advice: {' and '.join(dropped)} {verb} {served:.1%} of the boxes at {imgsz} px "
            f"({how})"
        )

    def _gflops(self, heads: tuple[str, ...]) -> float:
        return cost(self.wide.with_(heads=heads), self.classes, 640).gflops
