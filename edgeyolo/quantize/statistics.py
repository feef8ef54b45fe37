"""What the tensors of a net looked like over the calibration images, gathered one image at a time.

Nothing of an image is kept but counts, so memory does not grow with their number.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]
Counts = npt.NDArray[np.floating[Any]]

_HALF = 2048  # bins on each side of zero: sixteen to a step of int8
_SMALLEST = 2.0**-20


@dataclass(slots=True)
class TensorStatistics:
    """Extremes and histogram of one tensor.

    ``counts`` holds 4096 bins over (-reach, reach); ``reach`` doubles when a value lies beyond, and
    bins are joined in pairs, so the order of the images does not matter.
    """

    low: float = 0.0  # zero is always inside: padding is zero
    high: float = 0.0
    reach: float = _SMALLEST
    counts: Counts = field(default_factory=lambda: np.zeros(2 * _HALF, np.float64))

    def add(self, values: Float, counted: Indices | None = None) -> None:
        """Extremes of a tensor of any shape; counts of all positions, or of some.

        ``counted`` are flat indices into the last two axes, height and width.

        Raises:
            ValueError: when a value is infinite or not a number.
        """
        low, high = float(values.min()), float(values.max())
        if not (math.isfinite(low) and math.isfinite(high)):
            raise ValueError("values that are not finite")
        self.low, self.high = min(self.low, low), max(self.high, high)
        if counted is not None:
            values = values.reshape(*values.shape[:-2], -1)[..., counted]
        flat = values.reshape(-1)
        while max(-self.low, self.high) >= self.reach:
            self._widen()
        bins = np.floor(flat * np.float32(_HALF / self.reach)).astype(np.int32) + _HALF
        np.clip(bins, 0, 2 * _HALF - 1, out=bins)
        np.add(self.counts, np.bincount(bins, minlength=2 * _HALF), out=self.counts)

    def merge(self, other: TensorStatistics) -> None:
        """Take in what was counted of another tensor."""
        self.low, self.high = min(self.low, other.low), max(self.high, other.high)
        theirs = replace(other)
        while self.reach < theirs.reach:
            self._widen()
        while theirs.reach < self.reach:
            theirs._widen()
        np.add(self.counts, theirs.counts, out=self.counts)

    def _widen(self) -> None:
        wider: Counts = np.zeros(2 * _HALF, np.float64)
        wider[_HALF // 2 : _HALF // 2 + _HALF] = self.counts[0::2] + self.counts[1::2]
        self.counts = wider
        self.reach *= 2

    @property
    def centers(self) -> Counts:
        """(4096,) the value in the middle of each bin."""
        result: Counts = (np.arange(2 * _HALF) - _HALF + 0.5) * (self.reach / _HALF)
        return result

    def to_arrays(self) -> dict[str, Any]:
        """For a cache on disk."""
        return {"limits": np.array([self.low, self.high, self.reach]), "counts": self.counts}

    @classmethod
    def from_arrays(cls, limits: Counts, counts: Counts) -> TensorStatistics:
        """The inverse of :meth:`to_arrays`."""
        low, high, reach = (float(value) for value in limits)
        return cls(low, high, reach, counts)
