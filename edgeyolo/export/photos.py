"""Photos that are on every workshop, for checks when no data set is named."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from edgeyolo.workshop import open_workshop


def sample_photos() -> tuple[Path, ...]:
    """Two street scenes that come with ultralytics.

    Raises:
        MissingDependencyError: on a board, which has none of them.
    """
    open_workshop()
    found = importlib.util.find_spec("ultralytics")
    assert found is not None and found.origin is not None
    return tuple(sorted((Path(found.origin).parent / "assets").glob("*.jpg")))
