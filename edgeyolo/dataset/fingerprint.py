"""Whether two images look alike although their bytes differ: a perceptual hash of 255 bits.

The signs of the 255 lowest frequencies of a gray thumbnail. Measured on 364 microscope photos and
256 of COCO: other photos differ in 89 bits or more, the same one after JPEG at quality 20, at a
quarter of its size, or a fifth brighter, in 23 at most; two photos of one blood smear in other
focus in 21. A mirror or a quarter turn only changes signs and places of the frequencies, so that
all eight ways to lay a picture down are known again alike. A crop is not: with 1 % less at
each side all are known again, with 2 % about a third, with 5 % none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edgeyolo.images import Image

_SIDE = 32  # pixels of the thumbnail
KEPT = 16  # frequencies in each direction
MOST_BITS = 32  # that differ, of 255
_LEAST_CORRELATION = 0.95  # where one strong shape, such as a round field of view, rules the signs
_FLAT = 2.0  # gray levels of contrast below which there is nothing to recognize
_PAIRS = 1 << 13  # verified at a time: 8 MB
# How one picture lies against another: the names of the turns that turned() makes, in their order.
TURNS = (
    *("", "mirrored", "upside down", "turned by 180°"),
    *("mirrored and turned by 90°", "turned by 90°", "turned by 90°", "mirrored and turned by 90°"),
)


@dataclass(frozen=True, slots=True, eq=False)
class Fingerprint:
    """What is kept of an image to recognize it: 1 KB.

    ``waves`` (256,) float32 are the coefficients at length 1, so that a product of two is the
    correlation of the thumbnails, in rows of 16 for each vertical frequency; zeros where the image
    is flat.
    """

    waves: NDArray[np.float32]


def fingerprint(image: Image) -> Fingerprint:
    """That of a picture (H, W, 3) BGR or (H, W) gray; its size and shape do not matter."""
    gray = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    small = cv2.resize(gray, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    waves = np.asarray(cv2.dct(small)[:KEPT, :KEPT], np.float32).ravel()
    waves[0] = 0  # the brightness
    length = float(np.linalg.norm(waves))
    is_flat = length < _FLAT * _SIDE
    return Fingerprint(np.zeros_like(waves) if is_flat else waves / np.float32(length))


def waves_of(prints: Sequence[Fingerprint]) -> NDArray[np.float32]:
    """(N, 16, 16), those of all."""
    return np.array([one.waves for one in prints], np.float32).reshape(-1, KEPT, KEPT)


def turns_of(
    waves: NDArray[np.float32], rows: NDArray[np.int64], others: NDArray[np.int64]
) -> NDArray[np.int64]:
    """How the thumbnails of each pair go together: an index of ``TURNS``, -1 where they do not."""
    turns = np.full(len(rows), -1)
    for start in range(0, len(rows), _PAIRS):
        piece = slice(start, start + _PAIRS)
        one, other = waves[rows[piece]], waves[others[piece]]
        for turn in reversed(range(len(TURNS))):  # the plainest is left
            laid = turned(other, turn)
            bits = ((one > 0) != (laid > 0)).sum(axis=(1, 2))
            correlation = np.einsum("nij,nij->n", one, laid)
            alike = (bits <= MOST_BITS) & (correlation >= _LEAST_CORRELATION)
            turns[piece][alike] = turn
    return turns


def turned(waves: NDArray[np.float32], turn: int) -> NDArray[np.float32]:
    """Coefficients (N, 16, 16) of the pictures as they are once mirrored or turned."""
    laid = waves.transpose(0, 2, 1) if turn & 4 else waves
    every_other = np.where(np.arange(KEPT) % 2, np.float32(-1), np.float32(1))
    laid = laid * every_other if turn & 1 else laid
    return laid * every_other[:, None] if turn & 2 else laid
