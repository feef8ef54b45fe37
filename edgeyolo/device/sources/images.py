"""An image file, or every image of a folder in order of name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edgeyolo.device.frame import Frame
from edgeyolo.errors import UsageError
from edgeyolo.images import IMAGE_SUFFIXES, read_image


class ImageSource:
    """One frame for each file; the time of a still image is 0."""

    is_live = False
    fps: float | None = None

    def __init__(self, path: Path) -> None:
        self.paths = _images(path) if path.is_dir() else [path]
        if not self.paths:
            raise UsageError(f"The folder {path} holds no images.")

    def stop(self) -> None:
        """It never waits for long."""

    @contextmanager
    def frames(self) -> Iterator[Iterator[Frame]]:
        """Decode each file when its turn comes."""
        yield (
            Frame(index, 0.0, read_image(path), path.name) for index, path in enumerate(self.paths)
        )


def _images(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES)
