"""Budget: what a net on a board may cost."""

from __future__ import annotations

import math
import re
from dataclasses import asdict, dataclass
from typing import Any

from edgeyolo.errors import UsageError

# mAP50-95 of a wide net where nothing is known; BCCD has 0.62, VOC 0.63, SKU-110K 0.56
# (docs/published_accuracy.csv).
TYPICAL_MAP = 0.6
_WORDS = {
    "latency_ms": "A latency",
    "size_bytes": "A size",
    "memory_bytes": "A memory",
    "max_drop": "A loss",
}
_UNITS = {"": 1, "B": 1, "KB": 1000, "MB": 1000**2, "GB": 1000**3}


@dataclass(frozen=True, slots=True)
class Budget:
    """Limits; ``None`` where there is none.

    ``latency_ms`` is from image to detections, ``max_drop`` in points of mAP50-95 below the wide
    net at its own image size.

    Raises:
        UsageError: when a limit is not above 0, or there is none at all.
    """

    latency_ms: float | None = None
    size_bytes: int | None = None
    memory_bytes: int | None = None
    max_drop: float | None = None

    def __post_init__(self) -> None:
        limits = asdict(self)
        for name, limit in limits.items():
            if limit is not None and not 0 < limit < math.inf:
                words = _WORDS[name]
                raise UsageError(f"{words} of {limit:g} is not possible.", "Use more than 0.")
        if not any(limits.values()):
            raise UsageError(
                "No budget is named.", "Use --fps 15, --latency 66, --max-size 4MB, or several."
            )

    @classmethod
    def of(
        cls,
        fps: float | None,
        latency_ms: float | None,
        size_bytes: int | None,
        memory_bytes: int | None,
        max_drop: float | None,
    ) -> Budget:
        """With frames per second for milliseconds, as most people think of it.

        Raises:
            UsageError: when both are named, or no limit is.
        """
        if fps is not None and latency_ms is not None:
            raise UsageError("--fps and --latency say the same.", "Name one of them.")
        if fps is not None:
            if not 0 < fps < math.inf:
                raise UsageError(f"{fps:g} frames a second are not possible.", "Use 15, say.")
            latency_ms = 1000 / fps
        return cls(latency_ms, size_bytes, memory_bytes, max_drop)

    def __str__(self) -> str:
        """In words, as ``under 66.7 ms (15 fps), at most 4.0 MB``."""
        parts = []
        if self.latency_ms is not None:
            parts.append(f"under {self.latency_ms:.1f} ms ({1000 / self.latency_ms:.3g} fps)")
        if self.size_bytes is not None:
            parts.append(f"files of at most {megabytes(self.size_bytes)}")
        if self.memory_bytes is not None:
            parts.append(f"at most {megabytes(self.memory_bytes)} of memory")
        if self.max_drop is not None:
            parts.append(f"at most {self.max_drop:g} points of mAP50-95 lost")
        return ", ".join(parts)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def megabytes(size: int) -> str:
    """As people say it: ``3.8 MB``, ``250 kB``."""
    return f"{size / 1e6:.3g} MB" if size >= 1e6 else f"{size / 1e3:.0f} kB"


def parse_bytes(text: str) -> int:
    """Read ``2MB``, ``900 kB`` or a number of bytes.

    Raises:
        UsageError: when it is no size.
    """
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)\s*(|B|KB|MB|GB)", text.strip().upper())
    if found is None or not 0 < float(found[1]) < math.inf:
        raise UsageError(f"{text!r} is not a size.", "Write it as 2MB or 900kB.")
    return int(float(found[1]) * _UNITS[found[2]])
