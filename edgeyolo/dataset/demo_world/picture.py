"""One picture of the demo set: signs and look-alikes in front of a background."""

from __future__ import annotations

import numpy as np

from edgeyolo.dataset.demo_world.arrays import Image, Rng
from edgeyolo.dataset.demo_world.background import background
from edgeyolo.dataset.demo_world.camera import degrade
from edgeyolo.dataset.demo_world.compositing import Box, Scene
from edgeyolo.dataset.demo_world.layers import pole, twig
from edgeyolo.dataset.demo_world.perspective import Placement, shrink, warp
from edgeyolo.dataset.demo_world.signs import SIGNS
from edgeyolo.dataset.demo_world.sprites import draw_sprite, weather

SMALLEST_PX = 10.0
LARGEST_PART = 0.62  # of the image's shorter side
EMPTY = 0.07  # part of the images that have no object
ON_POLES = 0.6  # part of the signs
TWIGS, FRONT_POLES = 0.2, 0.3  # random numbers in 0..1 below these; the rest stays free


def picture(rng: Rng, height: int, width: int) -> tuple[Image, list[Box]]:
    """One image, uint8 [height, width, 3], and its boxes, far signs behind near ones."""
    scene = Scene(background(rng, height, width))
    placed = [(_placement(rng, height, width), class_id) for class_id in _items(rng)]
    for place, class_id in sorted(placed, key=lambda pair: pair[0].side):
        if rng.random() < ON_POLES:
            scene.add(pole(rng, place.x, place.y, height, max(1.0, place.side * 0.09)))
        sprite = weather(rng, shrink(draw_sprite(rng, class_id), place.side))
        if scene.add(warp(sprite, place), class_id):
            _occlude(rng, scene, place)
    return degrade(rng, scene.image), scene.boxes()


def _items(rng: Rng) -> list[int | None]:
    """Classes of the objects to place, and None for each look-alike."""
    objects = 0 if rng.random() < EMPTY else int(rng.integers(1, 7))
    classes = [int(k) for k in rng.integers(len(SIGNS), size=objects)]
    return [*classes, *[None] * int(rng.integers(0, 6))]


def _placement(rng: Rng, height: int, width: int) -> Placement:
    """Somewhere in the image; sizes are spread evenly over their logarithm."""
    largest = LARGEST_PART * min(height, width)
    side = float(np.exp(rng.uniform(np.log(SMALLEST_PX), np.log(largest))))
    roll = float(rng.normal(0, 7) if rng.random() < 0.8 else rng.uniform(-40, 40))
    yaw, pitch = (rng.uniform(-1, 1, 2) * (58, 30)).tolist()
    x, y = rng.uniform(-0.02, 1.02) * width, rng.uniform(0, 0.92) * height
    return Placement(float(x), float(y), side, roll, yaw, pitch)


def _occlude(rng: Rng, scene: Scene, place: Placement) -> None:
    """Sometimes grow a twig or stand a pole in front of a sign."""
    x, y = (np.array([place.x, place.y]) + rng.normal(0, 0.4, 2) * place.side).tolist()
    kind = rng.random()
    if kind < TWIGS:
        scene.add(twig(rng, x, y, place.side * rng.uniform(0.5, 1.1)))
    elif kind < FRONT_POLES:
        width = max(1.5, place.side * rng.uniform(0.08, 0.25))
        scene.add(pole(rng, x, 0, scene.image.shape[0], width))
