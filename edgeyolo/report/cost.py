"""Cost of a net that is not there yet, as JSON values and as a table."""

from __future__ import annotations

from typing import Any

from edgeyolo.slim.cost import PARTS, cost
from edgeyolo.slim.spec import SlimSpec


def cost_values(spec: SlimSpec, wide: SlimSpec, classes: int, imgsz: int) -> dict[str, Any]:
    """What ``slim --dry-run`` answers; the wide net comes last."""
    return {
        "name": spec.name,
        **cost(spec, classes, imgsz).to_dict(),
        "classes": classes,
        "imgsz": imgsz,
        "spec": spec.to_dict(),
        "parts": {part: cost(spec, classes, imgsz, part).to_dict() for part in PARTS},
        "baseline": {"name": wide.name, **cost(wide, classes, imgsz).to_dict()},
    }


def cost_table(values: dict[str, Any]) -> str:
    """The same for reading."""
    rows = [
        (values["name"], values),
        *((f"  {part}", values["parts"][part]) for part in PARTS),
        (f"{values['baseline']['name']} (wide)", values["baseline"]),
    ]
    width = max(len(name) for name, _ in rows) + 2
    lines = [f"{'':<{width}}{'parameters':>12}{'GFLOPs':>9}{'fp32 file':>12}"]
    for name, row in rows:
        size = f"{row['file_size_bytes'] / 1e6:.2f} MB"
        lines.append(f"{name:<{width}}{row['parameters']:>12,}{row['gflops']:>9.2f}{size:>12}")
    lines.append(f"{values['classes']} classes, {values['imgsz']}x{values['imgsz']} pixels.")
    return "\n".join(lines)
