"""Light of the demo world: how uneven it is, and what it does to an image."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from edgeyolo.dataset.demo_world.arrays import Image, Plane, Rng
from edgeyolo.dataset.demo_world.noise import noise

SHADOWS, NIGHTS = 0.45, 0.13  # parts of the images


def uneven_light(rng: Rng, height: int, width: int) -> Plane:
    """Light [height, width] around 1: a gradient, often a shadow, sometimes night."""
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    angle = rng.uniform(0, 2 * np.pi)
    cos, sin = float(np.cos(angle)), float(np.sin(angle))
    light = rng.uniform(0.75, 1.2) * (1 + rng.uniform(0, 0.35) * (cos * x + sin * y))
    if rng.random() < SHADOWS:
        edge = sin * x - cos * y + 0.15 * noise(rng, height, width, 20, 3)
        shadow = np.clip((edge - rng.uniform(-0.5, 0.5)) * rng.uniform(4, 30), 0, 1)
        light *= 1 - rng.uniform(0.25, 0.6) * shadow
    if rng.random() < NIGHTS:  # dark, with the cone of a headlight
        cone = ((x - rng.uniform(-0.5, 0.5)) / 0.9) ** 2 + ((y - rng.uniform(-0.5, 0.5)) / 0.8) ** 2
        light *= rng.uniform(0.2, 0.35) + rng.uniform(0.2, 0.6) * np.exp(-cone)
    return np.asarray(light, np.float32)


def illuminate(image: Image, light: npt.ArrayLike, tint: npt.ArrayLike) -> Image:
    """Light an image [h, w, 3] with a coarse grid of light [rows, columns] and a tint [3]."""
    colored = (np.asarray(light)[..., None] * np.asarray(tint)).astype(np.float32)
    fine = cv2.resize(colored, (image.shape[1], image.shape[0]))
    return np.asarray(cv2.multiply(image, fine, dtype=cv2.CV_8U), np.uint8)
