"""Layers that scenes are composed of: patches of color with alpha, such as poles and twigs."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from edgeyolo.dataset.demo_world.arrays import Image, Plane, Rng
from edgeyolo.dataset.demo_world.colors import dull_color


@dataclass(frozen=True)
class Layer:
    """A patch to lay over a scene: color uint8 [h, w, 3] and alpha [h, w], at (left, top)."""

    color: Image
    alpha: Plane
    left: int
    top: int

    def inside(self, height: int, width: int) -> Layer:
        """The part inside an image of that size in pixels; empty if there is none."""
        left, top = max(0, -self.left), max(0, -self.top)
        rows = slice(top, max(top, height - self.top))
        columns = slice(left, max(left, width - self.left))
        alpha, color = self.alpha[rows, columns], self.color[rows, columns]
        return Layer(color, alpha, self.left + left, self.top + top)


def blend(below: Image, above: Image, alpha: Plane) -> Image:
    """Lay one image over another, both uint8 [h, w, 3], with ``alpha`` [h, w]."""
    return np.asarray(cv2.blendLinear(above, below, alpha, 1 - alpha), np.uint8)


def pole(rng: Rng, x: float, top: float, bottom: float, width: float) -> Layer:
    """An upright metal or wooden pole around column ``x``, a little out of plumb; in pixels."""
    height, lean = max(2, int(bottom - top)), rng.uniform(-0.03, 0.03)
    reach = int(abs(lean) * height + width) + 2
    across = np.arange(2 * reach) - reach - lean * np.arange(height)[:, None] + 0.5
    alpha = np.clip(width / 2 - np.abs(across) + 0.5, 0, 1).astype(np.float32)
    shade = 0.6 + 0.5 * np.cos(np.clip(across / max(width, 1) * 2.4 + 0.6, -1.5, 1.5))
    color = np.clip(dull_color(rng, 60, 170, 15) * shade[..., None], 0, 255).astype(np.uint8)
    return Layer(color, alpha, int(x) - reach, int(top))


def twig(rng: Rng, x: float, y: float, size: float) -> Layer:
    """A twig with leaves, about ``size`` pixels across, around (x, y)."""
    side = max(6, int(size))
    color = np.full((2 * side, 2 * side, 3), (35, 60, 45), np.uint8)  # twice as fine as returned
    alpha = np.zeros((2 * side, 2 * side), np.uint8)
    tint = np.asarray([rng.uniform(25, 70), rng.uniform(90, 150), rng.uniform(50, 140)])
    start, end = rng.uniform(0, 2 * side, (2, 2)).astype(int).tolist()
    cv2.line(alpha, start, end, 255, max(1, side // 20), cv2.LINE_AA)
    for _ in range(int(rng.integers(8, 22))):
        middle = rng.normal(side, side * 0.4, 2).tolist()
        length = side * rng.uniform(0.2, 0.5)
        leaf = (middle, (length, length * rng.uniform(0.35, 0.6)), float(rng.uniform(0, 180)))
        cv2.ellipse(alpha, leaf, 255, -1, cv2.LINE_AA)
        cv2.ellipse(color, leaf, (tint * rng.uniform(0.5, 1.15)).tolist(), -1, cv2.LINE_AA)
    soft = cv2.resize(alpha, (side, side), interpolation=cv2.INTER_AREA) / 255
    paint = np.asarray(cv2.resize(color, (side, side), interpolation=cv2.INTER_AREA), np.uint8)
    return Layer(paint, np.asarray(soft, np.float32), int(x - side / 2), int(y - side / 2))
