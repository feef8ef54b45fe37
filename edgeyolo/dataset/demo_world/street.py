"""A street of the demo world: sky, houses, trees, a road to the horizon, and cars on it."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from edgeyolo.dataset.demo_world.arrays import Image, Rng
from edgeyolo.dataset.demo_world.colors import dull_color
from edgeyolo.dataset.demo_world.layers import blend
from edgeyolo.dataset.demo_world.noise import noise

# BGR colors of four kinds of sky: at the top of the image and at its bottom.
SKY_TOPS = ((200, 140, 80), (190, 185, 180), (150, 110, 120), (225, 190, 150))
SKY_BOTTOMS = ((235, 215, 190), (215, 212, 210), (130, 170, 235), (240, 235, 228))
VERGES = ((50, 105, 85), (135, 140, 145), (70, 95, 115))  # grass, gravel, earth (BGR)


def street(rng: Rng, height: int, width: int, horizon_part: float | None = None) -> Image:
    """A street, uint8 [height, width, 3]; ``horizon_part`` is the horizon's part of the height."""
    horizon = int(height * (horizon_part or rng.uniform(0.42, 0.66)))
    image = _sky(rng, height, width)
    _houses(rng, image, horizon)
    if trees := int(rng.integers(0, 9)):
        _trees(rng, image, horizon + 2, trees)
    shade = 0.6 + 0.7 * noise(rng, height - horizon, width, 14, 4)[..., None]
    image[horizon:] = np.array(VERGES, np.float32)[rng.integers(len(VERGES))] * shade
    _road(rng, image, horizon)
    for _ in range(int(rng.integers(0, 5))):
        depth = rng.uniform(0.05, 0.6) ** 1.5
        y = horizon + (height - horizon) * depth
        _car(rng, image, rng.uniform(0, width), y, width * (0.05 + 0.5 * depth))
    return image


def _sky(rng: Rng, height: int, width: int) -> Image:
    kind = int(rng.integers(len(SKY_TOPS)))
    ramp = np.linspace(0, 1, height)[:, None, None]
    rows = np.asarray(SKY_TOPS[kind]) * (1 - ramp) + np.asarray(SKY_BOTTOMS[kind]) * ramp
    sky = np.repeat(rows, width, axis=1).astype(np.uint8)
    clouds = np.clip(noise(rng, height, width, width / 3, 4) * 2.4 - 1.2, 0, 0.85)
    return blend(sky, np.full_like(sky, 237), clouds)


def _houses(rng: Rng, image: Image, base: int) -> None:
    """Draw a row of houses into ``image``, some lots of it empty, standing on row ``base``."""
    height, width = image.shape[:2]
    left = int(-width * rng.uniform(0, 0.1))
    while left < width:
        right = left + int(width * rng.uniform(0.08, 0.3))
        top = int(base - height * rng.uniform(0.02, 0.4))
        if right > 0 and rng.random() < 0.75:
            _house(rng, image[max(0, top) : base, max(0, left) : min(width, right)])
        left = right + int(width * rng.uniform(-0.02, 0.1))


def _house(rng: Rng, lot: Image) -> None:
    """Fill a view of the image with a facade and a grid of windows, some of them lit."""
    facade = dull_color(rng, 70, 190, 25)
    lot[:] = facade
    rows, columns = np.ogrid[0 : lot.shape[0], 0 : lot.shape[1]]
    pitch_y, pitch_x = rng.integers(9, 22), rng.integers(8, 20)
    window = (rows % pitch_y > pitch_y * 0.45) & (columns % pitch_x > pitch_x * 0.4)
    lit = rng.random((64, 64))[rows // pitch_y % 64, columns // pitch_x % 64]
    glass = np.where(lit[..., None] > 0.85, (130, 200, 235), facade * 0.45 + lit[..., None] * 40)
    lot[window] = glass[window]


def _trees(rng: Rng, image: Image, base: int, count: int) -> None:
    """Draw crowns of leaves with ragged edges into ``image``, standing on row ``base``."""
    height, width = image.shape[:2]
    crowns = np.zeros((base, width), np.uint8)
    for _ in range(count):
        x, radius = rng.uniform(0, width), rng.uniform(0.06, 0.2) * height
        y = base - radius * rng.uniform(0.6, 1.4)
        trunk = (int(x - radius / 9), int(y)), (int(x + radius / 9), base)
        cv2.rectangle(image, *trunk, (40, 50, 62), -1)
        cv2.ellipse(crowns, ((x, y), (2 * radius, 1.8 * radius), 0), 255, -1)
    soft = cv2.blur(crowns, (height // 16, height // 16)) * np.float32(1 / 255)
    texture = noise(rng, base, width, 12, 3)
    green = np.array([rng.uniform(20, 60), rng.uniform(70, 120), rng.uniform(40, 110)], np.float32)
    foliage = (green * (0.45 + 0.9 * texture[..., None])).astype(np.uint8)
    image[:base] = blend(image[:base], foliage, np.clip((soft + texture * 0.8 - 0.9) * 8, 0, 1))


def _road(rng: Rng, image: Image, horizon: int) -> None:
    """Draw a road and the dashes of its lane into ``image``, both towards a vanishing point."""
    height, width = image.shape[:2]
    vanish = width * rng.uniform(0.25, 0.75)
    edges = vanish + width * np.array([-rng.uniform(0.4, 0.9), rng.uniform(0.4, 0.9)])
    far = [[vanish - 3, horizon], [vanish + 3, horizon]]
    road = np.array([*far, [edges[1], height], [edges[0], height]])
    gray = dull_color(rng, 70, 130, 5).tolist()
    cv2.fillPoly(image, [road.astype(np.int32)], gray, cv2.LINE_AA)
    middle = rng.uniform(0.3, 0.7) * (edges[1] - edges[0]) + edges[0]
    for near in np.linspace(0.05, 1, 7) ** 1.7 * rng.uniform(0.9, 1.1):
        ends = np.array([near, near * 1.25])  # 0 at the horizon, 1 at the image's bottom
        x, y = vanish + (middle - vanish) * ends, horizon + (height - horizon) * ends
        half = 0.018 * width * ends
        left, right = np.stack([x - half, y], 1), np.stack([x + half, y], 1)
        dash = np.concatenate([left, right[::-1]]).astype(np.int32)
        cv2.fillPoly(image, [dash], (205, 210, 212), cv2.LINE_AA)


def _car(rng: Rng, image: Image, x: float, y: float, size: float) -> None:
    """Draw the back of a car ``size`` pixels wide into ``image``, standing on row ``y``."""

    def box(x1: float, y1: float, x2: float, y2: float, color: npt.ArrayLike) -> None:
        corners = [[x + x1 * size, y + y1 * size], [x + x2 * size, y + y2 * size]]
        first, last = np.rint(corners).astype(int).tolist()
        cv2.rectangle(image, first, last, np.asarray(color, float).tolist(), -1, cv2.LINE_AA)

    paint = dull_color(rng, 30, 210, 60)
    box(-0.48, -0.06, 0.48, 0.02, (22, 22, 22))  # wheels
    box(-0.36, -0.66, 0.36, -0.3, paint * 0.8)  # cabin
    box(-0.31, -0.61, 0.31, -0.38, (70, 62, 56))  # window
    box(-0.5, -0.4, 0.5, -0.08, paint)  # body
    for side in (-1, 1):
        box(side * 0.47, -0.34, side * 0.34, -0.25, (40, 36, 205))  # lights
    box(-0.14, -0.26, 0.14, -0.17, (215, 220, 220))  # number plate
