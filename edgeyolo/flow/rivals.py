"""When a training is ended early: another one that is as sure to fit does clearly better."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgeyolo.flow.training import Watch
from edgeyolo.jobs.events import Event
from edgeyolo.plan.propose import SURE

# Early epochs say little; the same rule as the median stopping of Vizier (Golovin et al. 2017),
# with the best rival for the median, as there are so few.
_TRIAL = 1 / 3
ENDED = "Ended"
_BEHIND = 0.03  # of mAP50-95; two seeds of a net differ by about 0.005 (docs/benchmarks.md)


@dataclass(frozen=True, slots=True)
class Rival:
    """A net that may be recommended: its chance to fit, and its best mAP so far by epoch."""

    name: str
    chance: float
    best: dict[int, float | None]

    def at(self, epoch: int) -> float | None:
        """Its best mAP after so many epochs; it may have ended before."""
        return self.best.get(min(epoch, max(self.best, default=0)))


def watch(chance: float, rivals: Sequence[Rival], epochs: int) -> Watch:
    """Ends a training that is behind a rival after as many epochs.

    A net that is surer to be fast enough than the rival is not ended: it may be needed.
    """
    better = [rival for rival in rivals if rival.chance >= min(SURE, chance)]

    def judge(event: Event) -> str:
        if event["event"] != "epoch" or not _TRIAL * epochs <= event["epoch"] < epochs:
            return ""
        epoch, mine = event["epoch"], event["best"]
        for rival in better:
            theirs = rival.at(epoch)
            if mine is not None and theirs is not None and theirs - mine > _BEHIND:
                return (
                    f"{ENDED} after {epoch} of {epochs} epochs: mAP50-95 {mine:.3f} on val, where "
                    f"{rival.name} had {theirs:.3f}."
                )
        return ""

    return judge
