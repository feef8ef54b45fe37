"""One image file: read once, decoded once, no larger than needed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from math import prod
from pathlib import Path

import cv2
import numpy as np

from edgeyolo.dataset.findings import Fault, Kind
from edgeyolo.dataset.fingerprint import Fingerprint, fingerprint
from edgeyolo.dataset.formats import jpeg_pixels, look, other_name
from edgeyolo.dataset.formats.encoded import Encoded
from edgeyolo.images import Image

SMALLEST = 10  # pixels; ultralytics refuses an image with a shorter side
MOST = 178_956_970  # pixels; Pillow, and with it ultralytics, refuses a larger image
_ENOUGH = 64  # pixels of the shorter side that a fingerprint needs
_TURNS = {
    2: "mirrored",
    3: "turned by 180°",
    4: "mirrored and turned by 180°",
    5: "mirrored and turned by 90°",
    6: "turned by 90°",
    7: "mirrored and turned by 90°",
    8: "turned by 90°",
}


@dataclass(frozen=True, slots=True, eq=False)
class ImageFacts:
    """What was seen of an image.

    ``height`` and ``width`` are pixels of the upright image, 0 where it cannot be used; ``digest``
    is of the file's bytes, ``None`` where they could not be read.
    """

    path: Path
    faults: tuple[Fault, ...]
    digest: bytes | None = None
    height: int = 0
    width: int = 0
    print: Fingerprint | None = None
    suffix: str = ""  # that fits its format

    @property
    def is_usable(self) -> bool:
        """Whether a net can be trained on it."""
        return self.print is not None

    def has(self, kind: Kind) -> bool:
        """Whether it has a fault of that kind."""
        return any(fault.kind is kind for fault in self.faults)


def examine_image(path: Path) -> ImageFacts:
    """Look at a file; whatever is wrong with it is a fault, never an error."""
    try:
        data = path.read_bytes()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        return ImageFacts(path, (_unreadable(f"The image cannot be read: {reason}."),))
    digest = hashlib.sha256(data).digest()
    encoded = look(data)
    if encoded is not None and not encoded.is_whole:
        return ImageFacts(path, (_TRUNCATED,), digest)
    if encoded is not None and encoded.size and prod(encoded.size) > MOST:
        return ImageFacts(path, (_unreadable(_huge(*encoded.size)),), digest)
    # Some versions of OpenCV decode other formats, too, but not those on every board.
    is_known = encoded is not None or not other_name(data)
    gray, is_sound = _decoded(data, encoded) if is_known else (None, True)
    if gray is None:
        return ImageFacts(path, (_unreadable(_undecodable(data)),), digest)
    if not is_sound:
        return ImageFacts(path, (_CORRUPT,), digest)
    return _seen(path, gray, digest, encoded)


def _seen(path: Path, gray: Image, digest: bytes, encoded: Encoded | None) -> ImageFacts:
    faults = []
    height, width = _upright_size(gray, encoded)
    if encoded and encoded.orientation > 1:
        faults.append(_rotated(encoded.orientation))
    suffixes = encoded.suffixes if encoded else (path.suffix,)
    if path.suffix.lower() not in suffixes and encoded:
        faults.append(_misnamed(suffixes[0]))
    if min(height, width) < SMALLEST:
        faults.append(_too_small(height, width))
        return ImageFacts(path, tuple(faults), digest, height, width)
    return ImageFacts(path, tuple(faults), digest, height, width, fingerprint(gray), suffixes[0])


def _decoded(data: bytes, encoded: Encoded | None) -> tuple[Image | None, bool]:
    """Gray and upright, and whether it is what was once saved."""
    if encoded is not None and encoded.suffixes == jpeg_pixels.SUFFIXES:
        pixels = jpeg_pixels.decode(data, encoded.size, _ENOUGH)
        gray = pixels.gray
        return None if gray is None else upright(gray, encoded.orientation), pixels.is_sound
    try:
        decoded = (
            cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE) if data else None
        )
    except cv2.error:  # such as more pixels than OpenCV accepts
        return None, True
    return None if decoded is None else np.asarray(decoded, np.uint8), True


def upright(image: Image, orientation: int) -> Image:
    """An image as stored → as its EXIF value means it to be seen."""
    turned = np.swapaxes(image, 0, 1) if orientation >= 5 else image
    turned = turned[::-1] if orientation in (3, 4, 7, 8) else turned
    return turned[:, ::-1] if orientation in (2, 3, 6, 7) else turned


def _upright_size(gray: Image, encoded: Encoded | None) -> tuple[int, int]:
    if encoded is None or encoded.size is None:
        return gray.shape[0], gray.shape[1]
    height, width = encoded.size
    return (width, height) if encoded.orientation >= 5 else (height, width)


def _undecodable(data: bytes) -> str:
    if not data.strip(b"\0"):
        return "The image is empty." if not data else "The image holds nothing but zeros."
    name = other_name(data)
    return f"This is {name}, not an image that can be read." if name else "Not a readable image."


def _unreadable(what: str) -> Fault:
    return Fault(Kind.IMAGE_UNREADABLE, what, "Replace it, or remove it with its labels.")


def _huge(height: int, width: int) -> str:
    return f"The image says that it has {width} x {height} pixels, more than training opens."


_CORRUPT = Fault(
    Kind.IMAGE_CORRUPT,
    "The image is damaged: some of its bytes were overwritten, and its pixels are gray or garbled.",
    "Copy or download it again, or remove it with its labels.",
)
_TRUNCATED = Fault(
    Kind.IMAGE_TRUNCATED,
    "The image is truncated or damaged: a part of its bytes is missing.",
    "Copy or download it again, or remove it with its labels.",
)


def _too_small(height: int, width: int) -> Fault:
    return Fault(
        Kind.IMAGE_TOO_SMALL,
        f"The image has {width} x {height} pixels, and a side of less than {SMALLEST} is refused.",
        "Replace it by a larger one, or remove it with its labels.",
    )


def _rotated(orientation: int) -> Fault:
    return Fault(
        Kind.IMAGE_ROTATED,
        f"The image is {_TURNS[orientation]} by its EXIF tag alone.",
        "Make sure that its labels fit the upright image, or save it upright.",
    )


def _misnamed(suffix: str) -> Fault:
    return Fault(
        Kind.IMAGE_MISNAMED,
        f"By its content this is a {suffix} image.",
        f"Give its name the suffix {suffix}.",
    )
