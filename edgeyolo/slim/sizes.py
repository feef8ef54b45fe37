"""The stock YOLOv8 detectors, as specifications."""

from __future__ import annotations

from edgeyolo.slim.spec import SlimSpec

SIZES = {
    "n": SlimSpec(),
    "s": SlimSpec(width=0.5),
    "m": SlimSpec(width=0.75, depth=0.67, max_channels=768),
    "l": SlimSpec(width=1.0, depth=1.0, max_channels=512),
    "x": SlimSpec(width=1.25, depth=1.0, max_channels=512),
}
