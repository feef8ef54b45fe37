"""Exported files timed on this machine, in turns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgeyolo.measure.environment import environment
from edgeyolo.measure.latency import (
    LAYER_RUNS,
    LatencySamples,
    Subject,
    is_throttled,
    measure,
    ratio,
)
from edgeyolo.measure.state import State, watching
from edgeyolo.progress import Progress


@dataclass(frozen=True, slots=True)
class Timed:
    """Times of some files, and the state of the machine meanwhile."""

    samples: list[LatencySamples]
    states: list[State]
    images: int

    def told(self, heads: Sequence[dict[str, Any]], reference: int) -> dict[str, Any]:
        """For a latency.json: a row for each file, begun by its head, compared with one of them."""
        throttled = is_throttled(self.states, self.samples)
        rows = [
            {
                **head,
                **sample.summary(throttled),
                "ratio_to_baseline": ratio(sample, self.samples[reference]),
                "layers": sample.layers,
                "samples": sample.to_dict(),
            }
            for head, sample in zip(heads, self.samples, strict=True)
        ]
        return {
            "images": self.images,
            "environment": environment(),
            "states": [state.to_dict() for state in self.states],
            "results": rows,
        }


def time_all(subjects: Sequence[Subject], images: Sequence[Path], progress: Progress) -> Timed:
    """Time them with a camera and layer by layer, too."""
    with watching() as states:
        samples = measure(
            subjects,
            images,
            camera=True,
            layers=LAYER_RUNS,
            progress=lambda done, total: progress.step(done, total, "taking turns"),
        )
    return Timed(samples, states, len(images))
