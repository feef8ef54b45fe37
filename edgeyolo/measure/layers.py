"""What each layer of a net takes in an engine: by the engine's own word, where it has one.

Looking on makes a run slower, so layers are asked for behind the timing, on a net loaded anew.
A layer is what the engine runs, which often is several nodes of the exported graph in one; it
keeps the name of one of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib import import_module
from typing import Any

from edgeyolo.device.bundle import Bundle
from edgeyolo.device.letterbox import Blob

WARM_UP = 5  # runs that do not count
_TOP = 10


@dataclass(frozen=True, slots=True)
class Layer:
    """One step of an engine; ``ms`` is the median of a run, all of a layer's threads together."""

    name: str
    kind: str
    ms: float
    precision: str | None  # that it computes in, where the engine tells


def profile(
    bundle: Bundle, engine: str, threads: int, blob: Blob, runs: int
) -> list[dict[str, Any]] | None:
    """The slowest layers, and all others in one row; ``None`` for an engine that cannot tell.

    Raises:
        RuntimeError, BundleError: when the engine refuses the bundle.
    """
    name = f"edgeyolo.measure.profilers.{engine}"
    try:
        layers: Callable[..., list[Layer]] = import_module(name).layers
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        return None
    return slowest(layers(bundle, threads, blob, runs))


def slowest(layers: Sequence[Layer], most: int = _TOP) -> list[dict[str, Any]]:
    """Rows for JSON, slowest first; their ``ms`` add up to the whole, their ``share`` to 1."""
    ordered = sorted(layers, key=lambda layer: -layer.ms)
    shown, rest = ordered[:most], ordered[most:]
    if rest:
        shown.append(Layer(f"(the other {len(rest)})", "", sum(one.ms for one in rest), None))
    total = sum(layer.ms for layer in layers)
    return [
        {
            **asdict(layer),
            "ms": round(layer.ms, 4),
            "share": round(layer.ms / total, 5) if total else 0.0,
        }
        for layer in shown
    ]
