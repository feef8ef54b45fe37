"""Compositing: a scene that is composed back to front and knows the exact box of each object."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from edgeyolo.dataset.demo_world.arrays import Image, Plane
from edgeyolo.dataset.demo_world.layers import Layer, blend

MIN_VISIBLE = 0.35  # part of an object that must be seen for it to be placed at all
MIN_BOX_PX = 6.0


@dataclass(frozen=True)
class Box:
    """A labeled object: class and corners x1, y1, x2, y2 in pixels."""

    class_id: int
    xyxy: tuple[float, float, float, float]


class Scene:
    """An image, uint8 [h, w, 3], that layers are laid over, and the objects seen in it."""

    def __init__(self, image: Image) -> None:
        self.image = image
        self._seen: list[_Seen] = []

    def add(self, layer: Layer, class_id: int | None = None) -> bool:
        """Lay ``layer`` on top unless that would leave an object mostly hidden or too small.

        A refused layer leaves no trace, so nothing is ever visible that should have a box
        and has none.
        """
        part = layer.inside(*self.image.shape[:2])
        if not part.alpha.size:
            return class_id is None  # nothing to see, nothing to refuse
        seen = [known.behind(part) for known in self._seen]
        changed = [new for new, old in zip(seen, self._seen, strict=True) if new is not old]
        if class_id is not None:
            area = float(layer.alpha.sum())  # what the image's edge cuts off counts as hidden
            changed.append(_Seen(class_id, area, part.alpha, part.left, part.top))
            seen.append(changed[-1])
        if any(new.box() is None for new in changed):
            return False
        self._seen = seen
        self._paint(part)
        return True

    def _paint(self, part: Layer) -> None:
        rows = slice(part.top, part.top + part.alpha.shape[0])
        columns = slice(part.left, part.left + part.alpha.shape[1])
        self.image[rows, columns] = blend(self.image[rows, columns], part.color, part.alpha)

    def boxes(self) -> list[Box]:
        """Tight boxes of what is visible of every object."""
        return [box for seen in self._seen if (box := seen.box()) is not None]


@dataclass(frozen=True)
class _Seen:
    """What is still visible of an object: a mask [h, w] at (left, top), of ``area`` once."""

    class_id: int
    area: float
    mask: Plane
    left: int
    top: int

    def behind(self, layer: Layer) -> _Seen:
        """The same object with ``layer`` in front of it."""
        y1, x1 = max(self.top, layer.top), max(self.left, layer.left)
        y2 = min(self.top + self.mask.shape[0], layer.top + layer.alpha.shape[0])
        x2 = min(self.left + self.mask.shape[1], layer.left + layer.alpha.shape[1])
        if y1 >= y2 or x1 >= x2:
            return self
        mask = self.mask.copy()
        over = layer.alpha[y1 - layer.top : y2 - layer.top, x1 - layer.left : x2 - layer.left]
        mask[y1 - self.top : y2 - self.top, x1 - self.left : x2 - self.left] *= 1 - over
        return replace(self, mask=mask)

    def box(self) -> Box | None:
        """The tight box of what is visible, or None where that is too little for a label."""
        bounds = _bounds(self.mask)
        if bounds is None or float(self.mask.sum()) < MIN_VISIBLE * self.area:
            return None
        x1, y1, x2, y2 = bounds
        if min(x2 - x1, y2 - y1) < MIN_BOX_PX:
            return None
        return Box(self.class_id, (x1 + self.left, y1 + self.top, x2 + self.left, y2 + self.top))


def _bounds(alpha: Plane) -> tuple[float, float, float, float] | None:
    """Bounds x1, y1, x2, y2 of a mask in pixels; a half-covered edge pixel counts as half."""
    bounds: list[tuple[float, float]] = []
    for profile in (alpha.max(axis=0), alpha.max(axis=1)):
        inside = np.flatnonzero(profile > 0.25)
        if not inside.size:
            return None
        first, last = int(inside[0]), int(inside[-1])
        bounds.append((first + 1 - float(profile[first]), last + float(profile[last])))
    (x1, x2), (y1, y2) = bounds
    return x1, y1, x2, y2
