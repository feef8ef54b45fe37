"""Which source a path is."""

from __future__ import annotations

from pathlib import Path

from edgeyolo.device.frame import Source
from edgeyolo.device.sources.images import ImageSource
from edgeyolo.device.sources.video import VideoSource
from edgeyolo.errors import UsageError
from edgeyolo.images import IMAGE_SUFFIXES


def open_source(path: Path) -> Source:
    """An image, a folder of images, or a video.

    Raises:
        UsageError: when there is no such file.
        DataError: when it is not a video either.
    """
    if not path.exists():
        raise UsageError(f"There is no {path}.", "Give an image, a folder of images or a video.")
    if path.is_dir() or path.suffix.lower() in IMAGE_SUFFIXES:
        return ImageSource(path)
    return VideoSource(path)
