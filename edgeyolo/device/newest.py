"""Which bundle is meant when none is named."""

from __future__ import annotations

from pathlib import Path

from edgeyolo.device.bundle import MANIFEST
from edgeyolo.errors import UsageError

HERE = Path("bundle")
_OF_RUNS = f"runs/*/bundle/{MANIFEST}"  # not those that a run compares with


def newest_bundle(folder: Path = Path()) -> Path:
    """``bundle`` in this folder, else that of the run which was ready last.

    Raises:
        UsageError: when there is neither.
    """
    if (folder / HERE / MANIFEST).is_file():
        return folder / HERE
    found = sorted(folder.glob(_OF_RUNS), key=lambda path: path.stat().st_mtime)
    if not found:
        raise UsageError(
            "No bundle is named, and there is none in ./bundle or under runs/.",
            "Name one: edgeyolo run BUNDLE --camera 0",
        )
    return found[-1].parent
