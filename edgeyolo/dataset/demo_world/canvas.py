"""The canvas that sprites are painted on, and what a sprite is.

A sprite is a BGRA image, uint8 [SPRITE_PX, SPRITE_PX, 4], with straight alpha. Its transparent
margin carries the ground color, so that resampling never pulls a dark fringe over the edge.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from edgeyolo.dataset.demo_world.arrays import Image, Points
from edgeyolo.dataset.demo_world.colors import Color

SPRITE_PX = 192
CANVAS_PX = 2 * SPRITE_PX  # averaged down at the end
FIXED_POINT_BITS = 4  # fraction of the coordinates that OpenCV draws with
OPAQUE = (255, 255, 255)


class Canvas:
    """Paint and a mask; points are [n, 2] (x, y down) and lengths in units where it spans -1..1."""

    def __init__(self, ground: Color) -> None:
        self._paint: Image = np.full((CANVAS_PX, CANVAS_PX, 3), ground, np.uint8)
        self._mask: Image = np.zeros((CANVAS_PX, CANVAS_PX), np.uint8)

    def cut(self, corners: Points, rounding: float = 0.0) -> None:
        """Make a polygon opaque, its corners rounded with a radius."""
        _fill(self._mask, corners, rounding, OPAQUE)

    def fill(self, corners: Points, color: Color, rounding: float = 0.0) -> None:
        """Paint a polygon, its corners rounded with a radius; BGR color."""
        _fill(self._paint, corners, rounding, color)

    def stroke(self, points: Points, color: Color, width: float) -> None:
        """Paint an open line; BGR color."""
        _line(self._paint, points, False, color, width)

    def sprite(self) -> Image:
        """What was painted, averaged down to uint8 [SPRITE_PX, SPRITE_PX, 4] (BGRA)."""
        both = np.dstack([self._paint, self._mask])
        small = cv2.resize(both, (SPRITE_PX, SPRITE_PX), interpolation=cv2.INTER_AREA)
        return np.asarray(small, np.uint8)


def _fill(pixels: Image, corners: Points, rounding: float, color: Color) -> None:
    cv2.fillPoly(pixels, [_fixed_point(corners)], color, cv2.LINE_AA, FIXED_POINT_BITS)
    if rounding:
        _line(pixels, corners, True, color, 2 * rounding)


def _line(pixels: Image, points: Points, closed: bool, color: Color, width: float) -> None:
    pen_px = max(1, round(width / 2 * CANVAS_PX))
    fixed = [_fixed_point(points)]
    cv2.polylines(pixels, fixed, closed, color, pen_px, cv2.LINE_AA, FIXED_POINT_BITS)


def _fixed_point(points: Points) -> npt.NDArray[np.int32]:
    """Points [n, 2] in -1..1 as OpenCV's fixed-point pixels [n, 1, 2]."""
    pixels = (points + 1) / 2 * CANVAS_PX
    return np.rint(pixels * (1 << FIXED_POINT_BITS)).astype(np.int32).reshape(-1, 1, 2)
