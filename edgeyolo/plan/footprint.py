"""What a bundle takes on a board besides the engine's time: file, memory, and the time around it.

Fitted by ``tools/measure_footprint.py`` (docs/footprint.json) on an x86-64 machine: memory to a few
percent, which holds for boards as far as their allocators are alike; the time before and behind the
engine is scaled to the board's core.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from edgeyolo.profiles import DeviceProfile

_MEGA = 1e6


@dataclass(frozen=True, slots=True)
class _Engine:
    """Constants of an engine."""

    memory: tuple[float, float, float]  # MB, and times the activations, and times the weights
    around: tuple[float, float]  # ms, and ms for 640x640 pixels
    int8_size: float  # of the weights in fp32, with what stays in float (docs/benchmarks.md)
    int8_memory: float  # of what the net itself takes in fp32


_ENGINES = {
    "ncnn": _Engine((80.0, 1.5, 2.0), (0.8, 2.0), 0.27, 0.7),
    "onnxruntime": _Engine((80.0, 1.5, 2.0), (0.8, 2.0), 0.31, 0.7),
    "openvino": _Engine((120.0, 1.5, 2.0), (0.8, 2.0), 0.27, 0.7),
}
_GRAPH_BYTES = 90_000  # names and shapes, whatever the precision
# The core that the times around the engine were measured on.
_MEASURED_GHZ, _MEASURED_FLOP_PER_CYCLE = 3.4, 32.0


@dataclass(frozen=True, slots=True)
class Around:
    """Milliseconds from image to blob and from raw heads to detections; 4 of 5 within."""

    middle_ms: float
    low_ms: float
    high_ms: float


def file_bytes(weights: int, engine: str, precision: str) -> int:
    """Size of the exported files, from that of the weights in float32."""
    share = _ENGINES[engine].int8_size if precision == "int8" else 1.0
    return round(share * weights) + _GRAPH_BYTES


def memory_bytes(activations: int, weights: int, engine: str, precision: str) -> int:
    """Peak resident memory of a process that runs the bundle, from sizes in float32."""
    base, per_activation, per_weight = _ENGINES[engine].memory
    share = _ENGINES[engine].int8_memory if precision == "int8" else 1.0
    return round(base * _MEGA + share * (per_activation * activations + per_weight * weights))


def around(profile: DeviceProfile, engine: str, imgsz: int, clock: str | None = None) -> Around:
    """Time before and behind the engine on a board.

    It is part vector code and part Python. The first slows down with the clock and the width of the
    vectors, the second with the clock at least: the truth lies between, the mean of the two on a
    logarithmic scale is the figure.
    """
    constant, per_area = _ENGINES[engine].around
    here = constant + per_area * (imgsz / 640) ** 2
    ghz = profile.clocks[clock or profile.default_clock].mhz / 1000
    flops = profile.flop_per_cycle.fp32.low
    least = max(1e-3, _MEASURED_GHZ / ghz)
    most = least * _MEASURED_FLOP_PER_CYCLE / flops
    return Around(here * math.sqrt(least * most), here * min(least, most), here * max(least, most))
