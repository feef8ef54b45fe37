"""Which candidate is written: the best, or the fastest, that passes on images kept apart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Literal

from edgeyolo.device.bundle import Bundle
from edgeyolo.measure.comparison import Judged, compare, judge
from edgeyolo.quantize.quantizer import Quantizer
from edgeyolo.quantize.search import Step
from edgeyolo.quantize.trial import candidate

Prefer = Literal["accuracy", "speed"]
PREFERENCES: tuple[Prefer, ...] = ("accuracy", "speed")

_CLOSE = 1.02  # times the least error: as good, with fewer float layers


@dataclass(frozen=True, slots=True)
class Limits:
    """What a candidate must keep to."""

    max_drop: float = 0.3  # points of mAP50-95 on the gate images
    target_bytes: int | None = None
    prefer: Prefer = "accuracy"


def choose(
    bundle: Bundle,
    engine: str,
    quantizer: Quantizer,
    tried: Sequence[Step],
    further: Iterable[Step],
    gate: Judged,
    limits: Limits,
) -> tuple[Step, dict[str, Any]]:
    """The step with the fewest float layers that passes, and how it did.

    For accuracy only steps that agree with fp32 about as well as any are looked at, for speed all;
    ``further`` ones when none of these passes. When nothing does, the one that loses the least.
    """
    fitting, fits = _fitting(bundle, engine, quantizer, tried, limits.target_bytes)
    least = min(step.agreement.error for step in fitting)
    good = next(i for i, step in enumerate(fitting) if step.agreement.error <= _CLOSE * least)
    outcomes: list[tuple[Step, dict[str, Any]]] = []
    for step in chain(fitting if limits.prefer == "speed" else fitting[good:], further):
        with candidate(bundle, engine, quantizer, step.floats) as trial:
            if outcomes and limits.target_bytes and trial.size_bytes(engine) > limits.target_bytes:
                break  # files only grow from here on
            after = judge(trial, gate.samples, engine)
        asked = {"max_drop": limits.max_drop, "target_bytes": limits.target_bytes}
        outcome = {**compare(gate, after), **asked, "fits": fits}
        passed = -100 * outcome["difference"] <= limits.max_drop
        outcome["met"] = fits and passed
        if passed:
            return step, outcome
        outcomes.append((step, outcome))
    return max(outcomes, key=lambda pair: pair[1]["difference"])


def _fitting(
    bundle: Bundle,
    engine: str,
    quantizer: Quantizer,
    tried: Sequence[Step],
    target: int | None,
) -> tuple[list[Step], bool]:
    """Steps whose files are small enough; the smallest of all when none is, and ``False``."""
    if target is None:
        return list(tried), True
    sizes = []
    for step in tried:
        with candidate(bundle, engine, quantizer, step.floats) as trial:
            sizes.append(trial.size_bytes(engine))
    fitting = [step for step, size in zip(tried, sizes, strict=True) if size <= target]
    return fitting or [tried[sizes.index(min(sizes))]], bool(fitting)
