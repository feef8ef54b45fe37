"""Which source an address is: a number, a path, or a URI."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

from edgeyolo.device.frame import Source
from edgeyolo.device.model import board_model, is_jetson, is_raspberry_pi
from edgeyolo.device.sources.images import ImageSource
from edgeyolo.device.sources.live import LiveSource
from edgeyolo.device.sources.synthetic import SyntheticSource
from edgeyolo.device.sources.video import VideoSource
from edgeyolo.errors import CameraError, UsageError
from edgeyolo.images import IMAGE_SUFFIXES

_CAMERA = re.compile(r"[0-9]{1,4}")
# To the last @: a password may hold one.
_PASSWORD = re.compile(r"^([^:]*:/+[^:@]*|[^:/]*(?!://)):.*@")
_STREAMS = ("rtsp", "rtsps", "http", "https")
_FORMS = (
    "Give 0, v4l2:///dev/video0, csi://0, rtsp://…, http://…, synthetic://640x480@30, "
    "file://clip.mp4, dir://images, or a path."
)


def open_source(address: str, say: Callable[[str], object]) -> Source:
    """An image, a folder of images, a video, a camera, a stream, or a drawing.

    ``say`` hears of a camera that went away or came back.

    Raises:
        UsageError: when the address is none, or there is no such file.
        CameraError: when this system cannot have such a camera.
        DataError: when a file is neither an image nor a video.
    """
    address = address.strip()
    path = path_of(address)
    if path is not None:
        return _file(path, address)
    scheme, found, rest = address.partition("://")
    if not found:
        return _numbered(address, say)
    if rest and scheme == "csi":
        return _csi(rest, say)
    if rest and scheme.lower() in _STREAMS:
        from edgeyolo.device.sources.camera import stream

        name = without_secrets(address)
        return LiveSource(name, stream(address, name), say)
    if rest and scheme == "v4l2":
        return _camera(rest, say)
    if scheme == "synthetic":
        return SyntheticSource.parse(rest)
    raise UsageError(f"{without_secrets(address)} is no source.", _FORMS)


def path_of(address: str) -> Path | None:
    """The file or folder that an address names; ``None`` for what is not on disk.

    A number is a camera, unless a file is called so.
    """
    scheme, found, rest = address.strip().partition("://")
    if found:
        return Path(unquote(rest)) if scheme in ("file", "dir") and rest else None
    path = Path(scheme)
    return None if _CAMERA.fullmatch(scheme) and not path.exists() else path


def without_secrets(address: str) -> str:
    """What may be shown of ``rtsp://user:password@host/path?pwd=…``."""
    before, _, query = address.partition("?")
    hidden = _PASSWORD.sub(r"\1:***@", before)
    return f"{hidden}?***" if query else hidden


def _numbered(number: str, say: Callable[[str], object]) -> Source:
    model = board_model()
    if not is_raspberry_pi(model) and not is_jetson(model):
        return _camera(number, say)
    from edgeyolo.device.sources.board_camera import numbered

    return numbered(int(number), say)


def _csi(text: str, say: Callable[[str], object]) -> Source:
    from edgeyolo.device.sources.csi import CsiCamera

    camera = CsiCamera.parse(text)
    if sys.platform != "linux":
        raise CameraError("csi:// is a camera of a Raspberry Pi or a Jetson.", _FORMS)
    from edgeyolo.device.sources.board_camera import csi

    return csi(camera, say)


def _camera(device: str, say: Callable[[str], object]) -> Source:
    from edgeyolo.device.sources.camera import camera

    name = f"Camera {device}"
    return LiveSource(name, camera(int(device) if _CAMERA.fullmatch(device) else device, name), say)


def _file(path: Path, address: str) -> Source:
    if not address or not path.exists():
        raise UsageError(f"There is no {without_secrets(address) or 'source'}.", _FORMS)
    if path.is_dir() or path.suffix.lower() in IMAGE_SUFFIXES:
        return ImageSource(path)
    return VideoSource(path)
