"""Make YOLOv8n smaller without throwing its weights away, and run it on a small board.

The names below are imported on first use, so that ``import edgeyolo`` costs nothing and a
board never loads what belongs to the workshop.
"""

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

__all__ = [
    "Accuracy",
    "Bundle",
    "Candidate",
    "Dataset",
    "Detections",
    "Detector",
    "DeviceProfile",
    "EdgeyoloError",
    "LatencySamples",
    "Run",
    "SlimSpec",
    "Tracker",
]

_LAZY = {
    "Accuracy": "edgeyolo.measure.accuracy",
    "Bundle": "edgeyolo.device.bundle",
    "Candidate": "edgeyolo.plan.candidate",
    "Dataset": "edgeyolo.dataset.read",
    "Detections": "edgeyolo.device.detections",
    "Detector": "edgeyolo.device.detector",
    "DeviceProfile": "edgeyolo.profiles",
    "EdgeyoloError": "edgeyolo.errors",
    "LatencySamples": "edgeyolo.measure.latency",
    "Run": "edgeyolo.runs",
    "SlimSpec": "edgeyolo.slim.spec",
    "Tracker": "edgeyolo.device.tracking.tracker",
}

if TYPE_CHECKING:
    from edgeyolo.dataset.read import Dataset
    from edgeyolo.device.bundle import Bundle
    from edgeyolo.device.detections import Detections
    from edgeyolo.device.detector import Detector
    from edgeyolo.device.tracking.tracker import Tracker
    from edgeyolo.errors import EdgeyoloError
    from edgeyolo.measure.accuracy import Accuracy
    from edgeyolo.measure.latency import LatencySamples
    from edgeyolo.plan.candidate import Candidate
    from edgeyolo.profiles import DeviceProfile
    from edgeyolo.runs import Run
    from edgeyolo.slim.spec import SlimSpec


def __getattr__(name: str) -> object:
    """Import a public name when it is first asked for (PEP 562)."""
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LAZY[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
