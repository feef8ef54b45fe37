"""Exported files judged on labeled images, one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from edgeyolo.dataset.check import Sample
from edgeyolo.device.bundle import Bundle
from edgeyolo.measure.accuracy import paired_difference
from edgeyolo.measure.comparison import Judged, judge
from edgeyolo.measure.details import details
from edgeyolo.measure.gallery import worst
from edgeyolo.progress import Progress


@dataclass(frozen=True, slots=True, eq=False)
class Examined:
    """What an exported file finds, how good that is, and what more there is to say of it."""

    bundle: Bundle
    judged: Judged
    details: dict[str, Any]

    def row(self, reference: Examined) -> dict[str, Any]:
        """For an accuracy.json: mAP, its difference to the reference's, and the details."""
        accuracy = self.judged.accuracy
        difference, bounds = paired_difference(accuracy, reference.judged.accuracy)
        versus = {"difference": round(difference, 5), "ci": [round(b, 5) for b in bounds]}
        return {"versus_baseline": versus, **accuracy.to_dict(), "details": self.details}

    def worst(self) -> list[dict[str, Any]]:
        """Images in which it fails most, with pictures, at its own threshold."""
        threshold = self.details["operating"]["common"]["threshold"] or 0.0
        samples, found = self.judged.samples, self.judged.found
        return worst(samples, found, self.bundle.names, threshold)


def judge_all(
    bundles: Sequence[tuple[Bundle, str]], samples: list[Sample], progress: Progress
) -> list[Examined]:
    """Run each bundle's engine over all images."""
    total = len(bundles) * len(samples)
    examined = []
    for index, (bundle, engine) in enumerate(bundles):
        note = f"{bundle.name} {bundle.width} px, {engine}"

        def step(done: int, _: int, before: int = index * len(samples), note: str = note) -> None:
            progress.step(before + done, total, note)

        judged = judge(bundle, samples, engine, step)
        told = details(bundle, samples, judged.found, judged.accuracy)
        examined.append(Examined(bundle, judged, told))
    return examined
