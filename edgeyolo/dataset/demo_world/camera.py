"""A camera: what stands between a scene and its file."""

from __future__ import annotations

import cv2
import numpy as np

from edgeyolo.dataset.demo_world.arrays import Image, Plane, Rng
from edgeyolo.dataset.demo_world.light import illuminate, uneven_light

FOGS = 0.16  # part of the images
SHARP, DEFOCUSED = 0.35, 0.7  # random numbers in 0..1 below these; the rest is motion blur
GRAINS = np.array([2, 2, 2, 5, 5, 5, 9, 9, 15], np.float32)  # standard deviations, gray levels


def degrade(rng: Rng, image: Image) -> Image:
    """An image, uint8 [h, w, 3], with light, haze, blur and sensor noise."""
    height, width = image.shape[:2]
    light = uneven_light(rng, height // 4, width // 4)  # smooth, so a coarse grid does
    tint = rng.uniform(0.92, 1.08, 3)
    out = illuminate(_blur(rng, image), light, tint)
    if rng.random() < FOGS:
        fog = rng.uniform(0.15, 0.6)
        out = np.asarray(cv2.addWeighted(out, 1 - fog, out, 0, 205 * fog), np.uint8)
    noisy = cv2.add(out, grain(rng, height, width) * rng.choice(GRAINS), dtype=cv2.CV_8U)
    return np.asarray(noisy, np.uint8)


def grain(rng: Rng, height: int, width: int) -> Plane:
    """Sensor noise [height, width, 3] of standard deviation 1."""
    one = rng.standard_normal(height * width, np.float32)
    # Repeated three times it looks as independent as three draws, at a third of the time.
    return np.resize(one, (height, width, 3))


def _blur(rng: Rng, image: Image) -> Image:
    """Nothing, defocus, or motion in any direction."""
    kind = rng.random()
    if kind < SHARP:
        return image
    if kind < DEFOCUSED:
        return np.asarray(cv2.GaussianBlur(image, (0, 0), rng.uniform(0.5, 1.9)), np.uint8)
    return np.asarray(cv2.filter2D(image, -1, _motion(rng)), np.uint8)


def _motion(rng: Rng) -> Plane:
    """Kernel [n, n] of a blur along a straight line; it sums to 1."""
    length = int(rng.integers(3, 12)) | 1
    kernel = np.zeros((length, length), np.float32)
    reach = (length - 1) / 2
    angle = rng.uniform(0, np.pi)
    step = reach * np.array([np.cos(angle), np.sin(angle)])
    start, end = np.rint([reach - step, reach + step]).astype(int).tolist()
    cv2.line(kernel, start, end, 1.0, 1, cv2.LINE_AA)
    return np.asarray(kernel / kernel.sum(), np.float32)
