"""What a bundle takes on a board besides the engine's time: file, memory, and the time around it.

Fitted by ``tools/measure_footprint.py`` (docs/footprint.json) on an x86-64 machine: memory to 5 %
or better, which holds for boards as far as their allocators are alike, and the time before and
behind the engine to a quarter, which is scaled to the board's core.
"""

from __future__ import annotations

from dataclasses import dataclass

from edgeyolo.profiles import DeviceProfile

_MEGA = 2**20


@dataclass(frozen=True, slots=True)
class _Engine:
    """Constants of an engine."""

    memory: tuple[float, float, float]  # MB of 2^20, and times the activations and the weights
    around: tuple[float, float]  # ms, and ms for 640x640 pixels, of pictures of 1280x720
    int8_size: float  # of the weights in fp32, with what stays in float (docs/benchmarks.md)


_ENGINES = {
    "ncnn": _Engine((71.2, 7.08, 2.53), (0.67, 1.33), 0.27),
    "onnxruntime": _Engine((91.0, 3.49, 2.42), (0.50, 1.62), 0.31),
    "openvino": _Engine((136.9, 2.10, 1.80), (0.59, 1.46), 0.27),
}
_FRAMES_MB = 10.0  # of a camera, under way: three of 1280x720 and their outputs
_GRAPH_BYTES = 90_000  # names and shapes, whatever the precision
# The core that the times around the engine were measured on, at the clock that it boosts to.
_MEASURED_GHZ, _MEASURED_FLOP_PER_CYCLE = 3.4, 32.0
_UNSURE = 2.0  # a factor; no board was measured


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


def memory_bytes(activations: int, weights: int, engine: str) -> int:
    """Peak resident memory of a process that runs the bundle, from sizes in float32.

    In int8 it is less; how much was not measured.
    """
    base, per_activation, per_weight = _ENGINES[engine].memory
    net = per_activation * activations + per_weight * weights
    return round((base + _FRAMES_MB) * _MEGA + net)


def around(profile: DeviceProfile, engine: str, imgsz: int, clock: str | None = None) -> Around:
    """Time before and behind the engine on a board.

    It is part vector code and part Python. Slower by the clock and the width of the vectors is the
    figure; on small cores Python does worse than that, and where little is vector code it is less.
    """
    constant, per_area = _ENGINES[engine].around
    here = constant + per_area * (imgsz / 640) ** 2
    ghz = profile.clocks[clock or profile.default_clock].mhz / 1000
    middle = here * _MEASURED_GHZ / ghz * _MEASURED_FLOP_PER_CYCLE / profile.flop_per_cycle.fp32.low
    return Around(middle, middle / _UNSURE, middle * _UNSURE)
