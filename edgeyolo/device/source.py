"""Which source an address is: a number, a path, or a URI."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from edgeyolo.device.frame import Source
from edgeyolo.device.sources.images import ImageSource
from edgeyolo.device.sources.live import LiveSource
from edgeyolo.device.sources.synthetic import SyntheticSource
from edgeyolo.device.sources.video import VideoSource
from edgeyolo.errors import UsageError
from edgeyolo.images import IMAGE_SUFFIXES

_STREAMS = ("rtsp", "rtsps", "http", "https")
_FORMS = (
    "Give 0 or v4l2:///dev/video0, rtsp://…, http://…, synthetic://640x480@30, file://clip.mp4, "
    "dir://images, or a path."
)


def open_source(address: str, say: Callable[[str], object]) -> Source:
    """An image, a folder of images, a video, a camera, a stream, or a drawing.

    ``say`` hears of a camera that went away or came back.

    Raises:
        UsageError: when the address is none, or there is no such file.
        DataError: when a file is neither an image nor a video.
    """
    scheme, found, rest = address.partition("://")
    if not found:
        return _camera(address, say) if address.isdecimal() else _file(Path(address))
    if scheme in _STREAMS:
        from edgeyolo.device.sources.camera import stream

        name = _without_password(address)
        return LiveSource(name, stream(address, name), say)
    if scheme == "v4l2" and rest:
        return _camera(rest, say)
    if scheme == "synthetic":
        return SyntheticSource.parse(rest)
    if scheme in ("file", "dir") and rest:
        return _file(Path(rest))
    raise UsageError(f"{address} is no source.", _FORMS)


def path_of(address: str) -> Path | None:
    """The file or folder that an address names; ``None`` for what is not on disk."""
    scheme, found, rest = address.partition("://")
    if not found:
        return None if address.isdecimal() else Path(address)
    return Path(rest) if scheme in ("file", "dir") and rest else None


def _camera(device: str, say: Callable[[str], object]) -> Source:
    from edgeyolo.device.sources.camera import camera

    name = f"Camera {device}"
    opening = camera(int(device) if device.isdecimal() else device, name)
    return LiveSource(name, opening, say)


def _file(path: Path) -> Source:
    if not path.exists():
        raise UsageError(f"There is no {path}.", _FORMS)
    if path.is_dir() or path.suffix.lower() in IMAGE_SUFFIXES:
        return ImageSource(path)
    return VideoSource(path)


def _without_password(address: str) -> str:
    """What may be shown of ``rtsp://user:password@host/path``."""
    scheme, _, rest = address.partition("://")
    user, at, _ = rest.partition("/")[0].rpartition("@")
    return f"{scheme}://{user.partition(':')[0]}:***@{rest[len(user) + 1 :]}" if at else address
