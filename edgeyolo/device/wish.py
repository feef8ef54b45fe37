"""Which frames are to be saved: ``person>0.6``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np

from edgeyolo.device.detections import Detections
from edgeyolo.errors import UsageError

_FORM = "Write it as 'person' or 'person>0.6', in quotes; several with commas between."
_WISH = re.compile(r"\s*(?P<name>[^>]*?)\s*(?:>=?\s*(?P<score>[^>\s]+)\s*)?")


@dataclass(frozen=True, slots=True)
class Wish:
    """A class, and the score above which it counts."""

    name: str
    above: float = 0.0

    @classmethod
    def parse(cls, text: str) -> tuple[Wish, ...]:
        """``person>0.6,dog``: ``>`` and ``>=`` mean the same.

        Raises:
            UsageError: when there is no name, or the score is none.
        """
        return tuple(_parsed(part) for part in text.split(","))

    def class_id(self, names: Sequence[str]) -> int:
        """Its place among the classes of a bundle.

        Raises:
            UsageError: when it has no such class.
        """
        if self.name not in names:
            near = get_close_matches(self.name, names, 1, cutoff=0) or ["none"]
            raise UsageError(
                f"--save-when: the bundle knows no class {self.name!r}.",
                f"The nearest that it knows is {near[0]!r}.",
            )
        return names.index(self.name)

    def is_met(self, detections: Detections, class_id: int) -> bool:
        """Whether one of the detections is wished for; ``class_id`` as above."""
        of_class = detections.class_id == class_id
        return bool(np.any(of_class & (detections.score >= self.above)))


def _parsed(text: str) -> Wish:
    found = _WISH.fullmatch(text)
    if not found or not found["name"]:
        raise UsageError(f"--save-when cannot be {text.strip()!r}.", _FORM)
    try:
        above = float(found["score"] or 0)
    except ValueError:
        above = -1.0
    if not 0 <= above <= 1:  # also refuses NaN
        raise UsageError(
            f"--save-when: {found['score']} is no score from 0 to 1.",
            _FORM,
        )
    return Wish(found["name"], above)
