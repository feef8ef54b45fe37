"""Backgrounds of the demo world: a street, a wall, or a hedge."""

from __future__ import annotations

import cv2
import numpy as np

from edgeyolo.dataset.demo_world.arrays import Image, Rng
from edgeyolo.dataset.demo_world.colors import dull_color
from edgeyolo.dataset.demo_world.noise import noise
from edgeyolo.dataset.demo_world.street import street

STREETS, WALLS = 0.66, 0.85  # random numbers in 0..1 below these; the rest are hedges
WALL_COLORS = ((60, 75, 150), (150, 160, 168), (90, 110, 135), (110, 120, 122))  # BGR
LEAVES = 90  # of a hedge


def background(rng: Rng, height: int, width: int) -> Image:
    """A place for signs, uint8 [height, width, 3], slightly out of focus or not."""
    kind = rng.random()
    place = street if kind < STREETS else _wall if kind < WALLS else _hedge
    image = place(rng, height, width)
    rough = (noise(rng, height, width, 5, 2) * 44).astype(np.uint8)
    texture = cv2.cvtColor(rough, cv2.COLOR_GRAY2BGR)
    image = np.asarray(cv2.addWeighted(image, 1, texture, 0.5, -11), np.uint8)
    return np.asarray(cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 1.6)), np.uint8)


def _wall(rng: Rng, height: int, width: int) -> Image:
    """Bricks or plaster with stains, posters and doors."""
    image = _bricks(rng, height, width)
    for _ in range(int(rng.integers(1, 6))):
        x, y = int(rng.uniform(-0.1, 0.9) * width), int(rng.uniform(0, 0.9) * height)
        far = (x + int(rng.uniform(0.06, 0.3) * width), y + int(rng.uniform(0.06, 0.4) * height))
        cv2.rectangle(image, (x, y), far, dull_color(rng, 30, 220, 50).tolist(), -1)
        frame = dull_color(rng, 30, 220, 20).tolist()
        cv2.rectangle(image, (x, y), far, frame, int(rng.integers(1, 4)))
    return image


def _bricks(rng: Rng, height: int, width: int) -> Image:
    """Courses of bricks, with or without joints between them."""
    rows, columns = np.ogrid[0:height, 0:width]
    brick_h = int(rng.integers(7, 20))
    brick_w = int(brick_h * rng.uniform(2, 3))
    course = rows // brick_h
    across = columns + (course % 2) * (brick_w // 2)
    tones = rng.normal(0, 0.09 * rng.uniform(0, 1.3), (64, 64)).astype(np.float32)
    shade = 0.65 + 0.45 * noise(rng, height, width, 60, 4)
    shade += tones[course % 64, across // brick_w % 64]
    base = np.array(WALL_COLORS, np.float32)[rng.integers(len(WALL_COLORS))]
    image: Image = np.clip(base * shade[..., None], 0, 255).astype(np.uint8)
    if rng.random() < 0.7:
        image[(rows % brick_h < 2) | (across % brick_w < 2)] = rng.uniform(110, 165)
    return image


def _hedge(rng: Rng, height: int, width: int) -> Image:
    """Layers of leaves from dark to light."""
    depth = noise(rng, height, width, 70, 5)[..., None]
    dark = np.array([22, 42, 34], np.float32)
    light = np.array([rng.uniform(50, 120), 165, rng.uniform(90, 190)], np.float32)
    image = np.asarray(dark + (light - dark) * depth * depth, np.uint8)
    for k in range(LEAVES):
        middle = (float(rng.uniform(0, width)), float(rng.uniform(0, height)))
        size = rng.uniform(4, 18)
        tone = (dark + (light - dark) * (k / LEAVES * rng.uniform(0.5, 1.1))).tolist()
        leaf = (middle, (size, size * 0.45), float(rng.uniform(0, 180)))
        cv2.ellipse(image, leaf, tone, -1, cv2.LINE_AA)
    return image
