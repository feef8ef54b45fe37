"""Limits that a measured latency has to stay below, as they are written on a command line."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from edgeyolo.errors import UsageError

_FORM = re.compile(
    r"(?:(?P<scope>engine|model|camera)\.)?(?P<figure>p50|p90|p99)\s*<=?\s*"
    r"(?P<ms>\d+(?:\.\d+)?)\s*(?:ms)?"
)
_KEYS = {"engine": "engine_only_ms", "model": "end_to_end_ms", "camera": "camera_ms"}
_UNITS = {"s": 1, "m": 60, "h": 3600}


@dataclass(frozen=True, slots=True)
class Limit:
    """A percentile of a scope in milliseconds; the scope is image to detections if not named."""

    scope: str
    figure: str
    milliseconds: float

    @classmethod
    def parse(cls, text: str) -> Limit:
        """Read ``p90<66ms`` or ``engine.p50<20``.

        Raises:
            UsageError: when it is no limit.
        """
        found = _FORM.fullmatch(text.strip().lower())
        if not found or float(found["ms"]) <= 0:
            raise UsageError(
                f"{text!r} is no limit of a latency.",
                "Write p50, p90 or p99 and milliseconds, such as 'p90<66ms' or 'engine.p90<40ms'.",
            )
        return cls(found["scope"] or "model", found["figure"], float(found["ms"]))

    def measured(self, summary: dict[str, Any]) -> float:
        """The figure that is limited."""
        return float(summary[_KEYS[self.scope]][self.figure])


def duration_s(text: str) -> float:
    """Read ``90s``, ``30m`` or ``1h`` as seconds.

    Raises:
        UsageError: when it is no duration.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh])", text.strip().lower())
    if not found or float(found[1]) <= 0:
        raise UsageError(f"{text!r} is no duration.", "Write seconds, minutes or hours: 90s, 30m.")
    return float(found[1]) * _UNITS[found[2]]
