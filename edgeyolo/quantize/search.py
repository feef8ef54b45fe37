"""Which convolutions stay in float: measured one by one, then taken in the order of their use.

The error that one int8 convolution alone makes is nearly independent of the others', so squares
add up; the convolutions that remove most of it for what they cost in float go first. Prefixes of
that order are then tried together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from edgeyolo.progress import Progress
from edgeyolo.quantize.agreement import Agreement
from edgeyolo.quantize.cache import Cache
from edgeyolo.quantize.layers import Convolution, int8_share
from edgeyolo.quantize.quantizer import Quantizer
from edgeyolo.quantize.trial import Probe

LEAST_INT8 = 0.85  # of the multiply-adds: below, int8 is hardly worth its trouble
_LEAST_OF_ALL = 0.5
_STRIDE = 4  # convolutions


@dataclass(frozen=True, slots=True)
class Step:
    """A set of float convolutions, and how the net agrees with fp32."""

    floats: tuple[str, ...]
    share: float  # of the multiply-adds in int8
    agreement: Agreement


def sensitivity(
    quantizer: Quantizer, probe: Probe, method: str, cache: Cache, progress: Progress
) -> dict[str, float]:
    """Error (see :class:`Agreement`) of the net with one convolution in int8, for each of them."""
    names = [layer.name for layer in quantizer.layers]
    kept = f"sensitivity-{method}"  # the ranges differ, and so do the errors
    stored = cache.load(kept) or {}
    found = {name: float(value) for name, value in stored.items()}
    for index, name in enumerate(names):
        if name not in found:
            progress.step(index, len(names), name)
            others = [other for other in names if other != name]
            found[name] = probe.agreement(quantizer, others).error
            cache.save(kept, found)
    return found


def order(
    layers: Sequence[Convolution], errors: dict[str, float], kept: Sequence[str]
) -> list[str]:
    """Convolutions by what they are worth in float; those that must be there come first.

    Worth is the square of the error over the parts of time and of the file that float costs.
    """
    macs, weights = (sum(la.macs for la in layers), sum(la.kernel.size for la in layers))
    cost = {la.name: la.macs / macs + la.kernel.size / weights for la in layers}
    rest = [layer.name for layer in layers if layer.name not in kept]
    return [*kept, *sorted(rest, key=lambda name: -(errors[name] ** 2) / cost[name])]


def steps(
    quantizer: Quantizer, probe: Probe, ranked: Sequence[str], kept: int, progress: Progress
) -> list[Step]:
    """Longer and longer prefixes of ``ranked``, while int8 is worth it."""
    sizes = _sizes(quantizer.layers, ranked, kept)
    result = []
    for index, size in enumerate(sizes):
        progress.step(index, len(sizes), f"{size} convolutions in float")
        result.append(_step(quantizer, probe, ranked[:size]))
    return result


def further(
    quantizer: Quantizer, probe: Probe, ranked: Sequence[str], last: Step
) -> Iterator[Step]:
    """Still longer prefixes than the last step's, for whom nothing else keeps to a limit."""
    for size in range(len(last.floats) + _STRIDE, len(ranked), _STRIDE):
        if int8_share(quantizer.layers, ranked[:size]) < _LEAST_OF_ALL:
            return
        yield _step(quantizer, probe, ranked[:size])


def _step(quantizer: Quantizer, probe: Probe, floats: Sequence[str]) -> Step:
    share = int8_share(quantizer.layers, floats)
    return Step(tuple(floats), share, probe.agreement(quantizer, floats))


def _sizes(layers: Sequence[Convolution], ranked: Sequence[str], kept: int) -> list[int]:
    """Numbers of float convolutions to try: each up to four more, then in growing steps."""
    most = kept
    while most < len(ranked) and int8_share(layers, ranked[: most + 1]) >= LEAST_INT8:
        most += 1
    sizes, size = [], kept
    while size < most:
        sizes.append(size)
        size += 1 if size < kept + 4 else 2 if size < kept + 12 else 4
    return [*sizes, most]
