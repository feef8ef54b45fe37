"""Which convolutions stay in float: those that the user names, and those that int8 would spoil."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from edgeyolo.device.bundle import Bundle
from edgeyolo.errors import UsageError
from edgeyolo.progress import Progress
from edgeyolo.quantize.cache import Cache
from edgeyolo.quantize.calibrate import CalibrationImages
from edgeyolo.quantize.layers import Convolution
from edgeyolo.quantize.quantizer import Quantizer
from edgeyolo.quantize.search import Step, further, order, sensitivity, steps
from edgeyolo.quantize.trial import Probe

PROBE = 8  # images that each convolution is tried on
_PROBE_SETS = 24  # images that sets of float convolutions are tried on


@dataclass(frozen=True, slots=True)
class Search:
    """What was tried: each convolution alone in int8, and sets that stay in float."""

    errors: dict[str, float]
    tried: list[Step]
    further: Iterator[Step]  # tried only when it is asked for


def search(
    bundle: Bundle,
    engine: str,
    quantizer: Quantizer,
    kept: Sequence[str],
    images: Sequence[Path],
    method: str,
    cache: Cache,
    progress: Progress,
) -> Search:
    """Try what may stay in float beside ``kept``, with a prepared quantizer, on some images."""

    def probe(count: int) -> Probe:
        some = CalibrationImages(tuple(images[:count]), bundle.height, bundle.width)
        return Probe(bundle, engine, list(some.blobs()))

    errors = sensitivity(quantizer, probe(PROBE), method, cache, progress)
    ranked = order(quantizer.layers, errors, kept)
    sets = probe(_PROBE_SETS)
    tried = steps(quantizer, sets, ranked, len(kept), progress)
    return Search(errors, tried, further(quantizer, sets, ranked, tried[-1]))


def asked_for(layers: Sequence[Convolution], patterns: Sequence[str]) -> list[str]:
    """Convolutions by patterns of their names.

    Raises:
        UsageError: when nothing has such a name.
    """
    names = [layer.name for layer in layers]
    for pattern in patterns:
        if not any(fnmatch(name, pattern) for name in names):
            raise UsageError(
                f"No convolution is called {pattern!r}.",
                f"They are called {names[0]}, {names[2]}, … {names[-1]}; * stands for anything.",
            )
    return [name for name in names if any(fnmatch(name, pattern) for pattern in patterns)]


def layer_rows(
    quantizer: Quantizer, errors: dict[str, float], floats: Sequence[str], asked: Sequence[str]
) -> list[dict[str, Any]]:
    """The table: each convolution, its error alone in int8, what it became, and why."""
    total = sum(layer.macs for layer in quantizer.layers)

    def why(name: str) -> str:
        if name in asked:
            return "asked for"
        if name in quantizer.always_float:
            return "the net's answer"
        return "sensitive" if name in floats else ""

    return [
        {
            "name": layer.name,
            "error": round(errors[layer.name], 5),
            "macs_share": round(layer.macs / total, 5),
            "precision": "float" if layer.name in floats else "int8",
            "why": why(layer.name),
        }
        for layer in quantizer.layers
    ]
