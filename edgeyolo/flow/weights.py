"""Which checkpoint a run starts from."""

from __future__ import annotations

from pathlib import Path

from edgeyolo.errors import CheckpointError
from edgeyolo.locations import cache_dir, shipped

DEMO_WEIGHTS = "demo-yolov8n.pt"


def weights_folder() -> Path:
    """Where ``edgeyolo fetch`` keeps what it got."""
    return cache_dir() / "weights"


def find_weights(named: str | None, *, is_demo: bool) -> Path | None:
    """The checkpoint named (a path, or a stock name in the working folder or the cache).

    With nothing named, the demo's own checkpoint for the demo data (where it is shipped), else
    ``None``: the wide net is trained first.

    Raises:
        CheckpointError: when what is named is nowhere; nothing is downloaded unasked.
    """
    if named is None:
        assets = shipped("assets") if is_demo else None
        demo = assets / DEMO_WEIGHTS if assets else None
        return demo if demo and demo.is_file() else None
    name = named if Path(named).suffix else f"{named}.pt"
    for place in (Path(named), Path(name), weights_folder() / Path(name).name):
        if place.is_file():
            return place.absolute()
    stock = Path(name).name == name and name.startswith("yolov8")
    raise CheckpointError(
        f"There is no checkpoint {named} here or in {weights_folder()}.",
        f"Get it with: edgeyolo fetch {Path(name).stem}" if stock else "Give the path of a .pt.",
    )
