"""Sprites as they stand at the roadside: drawn for a class or a look-alike, and aged."""

from __future__ import annotations

import cv2
import numpy as np

from edgeyolo.dataset.demo_world.arrays import Image, Rng
from edgeyolo.dataset.demo_world.light import illuminate
from edgeyolo.dataset.demo_world.lookalikes import draw_lookalike
from edgeyolo.dataset.demo_world.noise import noise
from edgeyolo.dataset.demo_world.signs import SIGNS, draw_any

LIGHT_PX = 32  # side of the grid for light and dirt, which are smooth


def draw_sprite(rng: Rng, class_id: int | None) -> Image:
    """Sprite of a class, or of a look-alike for None; not to be written to."""
    return draw_lookalike(rng) if class_id is None else draw_any(rng, SIGNS[class_id])


def weather(rng: Rng, sprite: Image) -> Image:
    """Age a sprite [px, px, 4]: fading, dirt, and light that falls on it from one side."""
    gray = cv2.cvtColor(cv2.cvtColor(sprite, cv2.COLOR_BGRA2GRAY), cv2.COLOR_GRAY2BGR)
    faded = 0.5 * rng.random() * rng.random()
    color = np.asarray(cv2.addWeighted(sprite[..., :3], 1 - faded, gray, faded, 0), np.uint8)
    slope = rng.uniform(-0.3, 0.3, 2)
    ramp = np.linspace(-1, 1, LIGHT_PX)
    light = rng.uniform(0.6, 1.05) * (1 + slope[0] * ramp[:, None] + slope[1] * ramp)
    dirt = rng.uniform(0, 0.55)
    light *= 1 - dirt * np.clip(noise(rng, LIGHT_PX, LIGHT_PX, LIGHT_PX / 4) * 2 - 0.8, 0, 1)
    lit = illuminate(color, light, rng.uniform(0.93, 1.07, 3))
    return np.dstack([lit, sprite[..., 3]])
