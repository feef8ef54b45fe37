"""A share of images that were judged rightly, with its interval."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

_LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Proportion:
    """``count`` of ``total``, which is at least 1."""

    count: int
    total: int

    @property
    def value(self) -> float:
        """0 to 1."""
        return self.count / self.total

    def interval(self) -> tuple[float, float]:
        """Bounds that hold the true share in 95 of 100 cases (Wilson 1927).

        Unlike the share plus and minus its deviation, they stay within 0 and 1, and are of use at
        the ends and for few images.
        """
        z = NormalDist().inv_cdf(0.5 + _LEVEL / 2)
        total, share = self.total, self.value
        middle = share + z * z / (2 * total)
        spread = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
        scale = 1 + z * z / total
        return max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "value": round(self.value, 5),
            "correct": self.count,
            "images": self.total,
            "ci": [round(bound, 5) for bound in self.interval()],
        }
