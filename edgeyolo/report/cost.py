"""Cost of a net that is not there yet, as JSON values and as a table."""

from __future__ import annotations

from typing import Any

from edgeyolo.slim.cost import PARTS, cost
from edgeyolo.slim.memory import activation_bytes
from edgeyolo.slim.spec import SlimSpec


def cost_values(spec: SlimSpec, wide: SlimSpec, classes: int, imgsz: int) -> dict[str, Any]:
    """What ``slim --dry-run`` answers; the wide net comes last."""
    return {
        "name": spec.name,
        **_whole(spec, classes, imgsz),
        "classes": classes,
        "imgsz": imgsz,
        "spec": spec.to_dict(),
        "parts": {part: cost(spec, classes, imgsz, part).to_dict() for part in PARTS},
        "baseline": {"name": wide.name, **_whole(wide, classes, imgsz)},
    }


def _whole(spec: SlimSpec, classes: int, imgsz: int) -> dict[str, Any]:
    memory = {"activation_bytes": activation_bytes(spec, classes, imgsz)}
    return cost(spec, classes, imgsz).to_dict() | memory


def cost_table(values: dict[str, Any]) -> str:
    """The same for reading."""
    rows = [
        (values["name"], values),
        *((f"  {part}", values["parts"][part]) for part in PARTS),
        (f"{values['baseline']['name']} (wide)", values["baseline"]),
    ]
    width = max(len(name) for name, _ in rows) + 2
    lines = [f"{'':<{width}}{'parameters':>12}{'GFLOPs':>9}{'fp32 file':>12}{'activations':>13}"]
    for name, row in rows:
        size = f"{row['file_size_bytes'] / 1e6:.2f} MB"
        line = f"{name:<{width}}{row['parameters']:>12,}{row['gflops']:>9.2f}{size:>12}"
        peak = row.get("activation_bytes")
        lines.append(line + (f"{peak / 1e6:.2f} MB".rjust(13) if peak else ""))
    lines.append(
        f"{values['classes']} classes, {values['imgsz']}x{values['imgsz']} pixels; "
        "activations: peak for one image, fp32."
    )
    return "\n".join(lines)
