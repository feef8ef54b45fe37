"""Scenes of the demo set: backgrounds, compositing with exact boxes, and what a camera spoils."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from edgeyolo.dataset.demo_signs import (
    DISTRACTOR_FACES,
    OBJECT_FACES,
    Image,
    draw_billboard,
    draw_face,
    draw_traffic_light,
)

Plane = npt.NDArray[np.float32]  # [h, w], 0..1
Rng = np.random.Generator

MIN_VISIBLE = 0.35  # part of an object that must be seen for it to be placed at all
MIN_BOX_PX = 6.0
SMALLEST_PX = 10.0
LARGEST_PART = 0.62  # of the image's shorter side
NIGHTS, FOGS = 0.13, 0.16  # parts of the images
NOISES = np.array([2, 2, 2, 5, 5, 5, 9, 9, 15], np.float32)  # standard deviations, gray levels
LIGHT_PX = 32  # side of the grid that light on a sign is computed on
CLIP_STREAM = 4  # keeps the clip's random numbers apart from those of the splits
GRAY_TO_BGR = cv2.COLOR_GRAY2BGR
FOCAL = 2.2  # camera distance in half-widths of a sign: how strong perspective gets


@dataclass(frozen=True)
class Placement:
    """Where a sprite goes: middle and side in pixels, angles in degrees."""

    x: float
    y: float
    side: float
    roll: float = 0.0
    yaw: float = 0.0
    pitch: float = 0.0


@dataclass(frozen=True)
class Layer:
    """A patch to lay over the scene: color uint8 [h, w, 3] and alpha [h, w], at (left, top)."""

    color: Image
    alpha: Plane
    left: int
    top: int


@dataclass(frozen=True)
class Box:
    """A labelled object: class and corners x1, y1, x2, y2 in pixels."""

    class_id: int
    xyxy: tuple[float, float, float, float]


def noise(rng: Rng, height: int, width: int, cell: float, octaves: int = 3) -> Plane:
    """Smooth noise [height, width] in 0..1 whose largest blobs are ``cell`` pixels wide."""
    total = np.zeros((2, 2), np.float32)
    for octave in range(octaves):  # every octave is added at its own, small resolution
        step = max(1.0, cell / 2**octave)
        rows, columns = int(height / step) + 2, int(width / step) + 2
        grid = rng.random((rows, columns), np.float32)
        total = cv2.resize(total, (columns, rows), interpolation=cv2.INTER_CUBIC) + grid / 2**octave
    smooth = cv2.resize(total, (width, height), interpolation=cv2.INTER_CUBIC)
    low, high, _, _ = cv2.minMaxLoc(smooth)
    return np.asarray((smooth - low) * (1 / max(high - low, 1e-6)), np.float32)


def blend(below: Image, above: Image, alpha: Plane) -> Image:
    """Lay one image over another, both uint8 [h, w, 3], with ``alpha`` [h, w]."""
    return np.asarray(cv2.blendLinear(above, below, alpha, 1 - alpha), np.uint8)


def _color(rng: Rng, low: int, high: int, spread: int = 18) -> npt.NDArray[np.float64]:
    """A dull random color (BGR): one gray level, and a little hue around it."""
    return np.clip(rng.uniform(low, high) + rng.uniform(-spread, spread, 3), 0, 255)


# --- backgrounds ---------------------------------------------------------------------------


def _sky(rng: Rng, height: int, width: int) -> Image:
    tops = ((200, 140, 80), (190, 185, 180), (150, 110, 120), (225, 190, 150))
    bottoms = ((235, 215, 190), (215, 212, 210), (130, 170, 235), (240, 235, 228))
    kind = int(rng.integers(len(tops)))
    ramp = np.linspace(0, 1, height)[:, None, None]
    rows = np.asarray(tops[kind]) * (1 - ramp) + np.asarray(bottoms[kind]) * ramp
    sky = np.repeat(rows, width, axis=1).astype(np.uint8)
    clouds = np.clip(noise(rng, height, width, width / 3, 4) * 2.4 - 1.2, 0, 0.85)
    return blend(sky, np.full_like(sky, 237), clouds)


def _building(rng: Rng, image: Image, left: int, right: int, top: int, bottom: int) -> None:
    """A facade with a grid of windows, some of them lit, drawn into ``image``."""
    facade = _color(rng, 70, 190, 25)
    image[top:bottom, left:right] = facade
    rows, columns = np.ogrid[0 : bottom - top, 0 : right - left]
    pitch_y, pitch_x = rng.integers(9, 22), rng.integers(8, 20)
    window = (rows % pitch_y > pitch_y * 0.45) & (columns % pitch_x > pitch_x * 0.4)
    lit = rng.random((64, 64))[rows // pitch_y % 64, columns // pitch_x % 64]
    glass = np.where(lit[..., None] > 0.85, (130, 200, 235), facade * 0.45 + lit[..., None] * 40)
    image[top:bottom, left:right][window] = glass[window]


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


def _car(rng: Rng, image: Image, x: float, y: float, size: float) -> None:
    """The back of a car ``size`` pixels wide, standing on row ``y``."""

    def box(x1: float, y1: float, x2: float, y2: float, color: npt.ArrayLike) -> None:
        corners = [[x + x1 * size, y + y1 * size], [x + x2 * size, y + y2 * size]]
        first, last = np.rint(corners).astype(int).tolist()
        cv2.rectangle(image, first, last, np.asarray(color, float).tolist(), -1, cv2.LINE_AA)

    paint = _color(rng, 30, 210, 60)
    box(-0.48, -0.06, 0.48, 0.02, (22, 22, 22))
    box(-0.36, -0.66, 0.36, -0.3, paint * 0.8)
    box(-0.31, -0.61, 0.31, -0.38, (70, 62, 56))
    box(-0.5, -0.4, 0.5, -0.08, paint)
    for side in (-1, 1):
        box(side * 0.47, -0.34, side * 0.34, -0.25, (40, 36, 205))
    box(-0.14, -0.26, 0.14, -0.17, (215, 220, 220))


def street(rng: Rng, height: int, width: int, horizon_part: float | None = None) -> Image:
    """A road to the horizon between houses, trees and parked cars."""
    horizon = int(height * (horizon_part or rng.uniform(0.42, 0.66)))
    image = _sky(rng, height, width)
    left = int(-width * rng.uniform(0, 0.1))
    while left < width:
        right = left + int(width * rng.uniform(0.08, 0.3))
        top = int(horizon - height * rng.uniform(0.02, 0.4))
        if right > 0 and rng.random() < 0.75:
            _building(rng, image, max(0, left), min(width, right), max(0, top), horizon)
        left = right + int(width * rng.uniform(-0.02, 0.1))
    if trees := int(rng.integers(0, 9)):
        _trees(rng, image, horizon + 2, trees)
    verges = np.array([(50, 105, 85), (135, 140, 145), (70, 95, 115)], np.float32)
    grain = noise(rng, height - horizon, width, 14, 4)[..., None]
    image[horizon:] = verges[rng.integers(3)] * (0.6 + 0.7 * grain)
    _road(rng, image, horizon)
    for _ in range(int(rng.integers(0, 5))):
        depth = rng.uniform(0.05, 0.6) ** 1.5
        y = horizon + (height - horizon) * depth
        _car(rng, image, rng.uniform(0, width), y, width * (0.05 + 0.5 * depth))
    return image


def _road(rng: Rng, image: Image, horizon: int) -> None:
    height, width = image.shape[:2]
    vanish = width * rng.uniform(0.25, 0.75)
    edges = vanish + width * np.array([-rng.uniform(0.4, 0.9), rng.uniform(0.4, 0.9)])
    far = [[vanish - 3, horizon], [vanish + 3, horizon]]
    road = np.array([*far, [edges[1], height], [edges[0], height]])
    cv2.fillPoly(image, [road.astype(np.int32)], _color(rng, 70, 130, 5).tolist(), cv2.LINE_AA)
    middle = rng.uniform(0.3, 0.7) * (edges[1] - edges[0]) + edges[0]
    for near in np.linspace(0.05, 1, 7) ** 1.7 * rng.uniform(0.9, 1.1):
        ends = np.array([near, near * 1.25])
        x, y = vanish + (middle - vanish) * ends, horizon + (height - horizon) * ends
        half = 0.018 * width * ends
        left, right = np.stack([x - half, y], 1), np.stack([x + half, y], 1)
        dash = np.concatenate([left, right[::-1]]).astype(np.int32)
        cv2.fillPoly(image, [dash], (205, 210, 212), cv2.LINE_AA)


def _wall(rng: Rng, height: int, width: int) -> Image:
    """Bricks or plaster with stains, posters and doors."""
    rows, columns = np.ogrid[0:height, 0:width]
    brick_h = int(rng.integers(7, 20))
    brick_w = int(brick_h * rng.uniform(2, 3))
    course = rows // brick_h
    across = columns + (course % 2) * (brick_w // 2)
    tones = rng.normal(0, 0.09 * rng.uniform(0, 1.3), (64, 64)).astype(np.float32)
    shade = 0.65 + 0.45 * noise(rng, height, width, 60, 4)
    shade += tones[course % 64, across // brick_w % 64]
    colors = [(60, 75, 150), (150, 160, 168), (90, 110, 135), (110, 120, 122)]
    base = np.array(colors, np.float32)[rng.integers(len(colors))]
    image: Image = np.clip(base * shade[..., None], 0, 255).astype(np.uint8)
    if rng.random() < 0.7:
        image[(rows % brick_h < 2) | (across % brick_w < 2)] = rng.uniform(110, 165)
    for _ in range(int(rng.integers(1, 6))):
        x, y = int(rng.uniform(-0.1, 0.9) * width), int(rng.uniform(0, 0.9) * height)
        far = (x + int(rng.uniform(0.06, 0.3) * width), y + int(rng.uniform(0.06, 0.4) * height))
        cv2.rectangle(image, (x, y), far, _color(rng, 30, 220, 50).tolist(), -1)
        cv2.rectangle(
            image, (x, y), far, _color(rng, 30, 220, 20).tolist(), int(rng.integers(1, 4))
        )
    return image


def _foliage(rng: Rng, height: int, width: int) -> Image:
    """A hedge: layers of leaves from dark to light."""
    depth = noise(rng, height, width, 70, 5)[..., None]
    dark = np.array([22, 42, 34], np.float32)
    light = np.array([rng.uniform(50, 120), 165, rng.uniform(90, 190)], np.float32)
    image = np.asarray(dark + (light - dark) * depth * depth, np.uint8)
    for k in range(90):
        middle = (float(rng.uniform(0, width)), float(rng.uniform(0, height)))
        size = rng.uniform(4, 18)
        tone = (dark + (light - dark) * (k / 90 * rng.uniform(0.5, 1.1))).tolist()
        leaf = (middle, (size, size * 0.45), float(rng.uniform(0, 180)))
        cv2.ellipse(image, leaf, tone, -1, cv2.LINE_AA)
    return image


def background(rng: Rng, height: int, width: int) -> Image:
    """A place for signs, uint8 [height, width, 3], slightly out of focus or not."""
    kind = rng.random()
    image = (street if kind < 0.66 else _wall if kind < 0.85 else _foliage)(rng, height, width)
    texture = cv2.cvtColor((noise(rng, height, width, 5, 2) * 44).astype(np.uint8), GRAY_TO_BGR)
    image = np.asarray(cv2.addWeighted(image, 1, texture, 0.5, -11), np.uint8)
    return np.asarray(cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 1.6)), np.uint8)


# --- layers --------------------------------------------------------------------------------


def shrink(sprite: Image, side: float) -> Image:
    """A sprite at the resolution that ``warp`` needs; averaging keeps tiny signs unaliased."""
    px = int(np.clip(round(_oversampling(side) * side), 8, sprite.shape[0]))
    return np.asarray(cv2.resize(sprite, (px, px), interpolation=cv2.INTER_AREA), np.uint8)


def _oversampling(side: float) -> int:
    """How many times finer than the image a sprite is drawn; large ones are smooth anyway."""
    return 3 if side < 24 else 2 if side < 90 else 1


def weather(rng: Rng, sprite: Image) -> Image:
    """Age a sprite [px, px, 4]: fading, dirt, and light that falls on it from one side."""
    gray = cv2.cvtColor(cv2.cvtColor(sprite, cv2.COLOR_BGRA2GRAY), GRAY_TO_BGR)
    faded = 0.5 * rng.random() * rng.random()
    color = np.asarray(cv2.addWeighted(sprite[..., :3], 1 - faded, gray, faded, 0), np.uint8)
    grid = LIGHT_PX  # light and dirt are smooth, so a small grid describes them
    slope = rng.uniform(-0.3, 0.3, 2)
    ramp = np.linspace(-1, 1, grid)
    light = rng.uniform(0.6, 1.05) * (1 + slope[0] * ramp[:, None] + slope[1] * ramp)
    light *= 1 - rng.uniform(0, 0.55) * np.clip(noise(rng, grid, grid, grid / 4, 3) * 2 - 0.8, 0, 1)
    lit = _illuminate(color, light, rng.uniform(0.93, 1.07, 3))
    return np.dstack([lit, sprite[..., 3]])


def _illuminate(image: Image, light: npt.ArrayLike, tint: npt.ArrayLike) -> Image:
    """Light an image [h, w, 3] with a coarse grid of light [rows, columns] and a tint [3]."""
    colored = (np.asarray(light)[..., None] * np.asarray(tint)).astype(np.float32)
    fine = cv2.resize(colored, (image.shape[1], image.shape[0]))
    return np.asarray(cv2.multiply(image, fine, dtype=cv2.CV_8U), np.uint8)


def _corners(place: Placement) -> npt.NDArray[np.float64]:
    """Image position [4, 2] of a sprite's corners, seen through a pinhole camera."""
    roll, yaw, pitch = np.deg2rad([place.roll, place.yaw, place.pitch])
    flat = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]], np.float64)
    turn_z = [[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]]
    turn_y = [[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]]
    turn_x = [[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]]
    turned = flat @ np.array(turn_z).T @ np.array(turn_y).T @ np.array(turn_x).T
    seen = turned[:, :2] * (FOCAL / (FOCAL + turned[:, 2:]))
    return np.asarray(seen * place.side / 2 + [place.x, place.y], np.float64)


def warp(sprite: Image, place: Placement) -> Layer:
    """Put a sprite, shrunk for ``place.side``, in perspective: drawn finer and averaged."""
    corners = _corners(place)
    left, top = np.floor(corners.min(axis=0)).astype(int) - 1
    width, height = np.ceil(corners.max(axis=0)).astype(int) + 1 - (left, top)
    side = sprite.shape[0]
    source = np.array([[0, 0], [side, 0], [side, side], [0, side]], np.float32) - 0.5
    fine = _oversampling(place.side)
    target = ((corners - (left, top)) * fine - 0.5).astype(np.float32)
    matrix = cv2.getPerspectiveTransform(source, target)
    patch = cv2.warpPerspective(sprite, matrix, (int(fine * width), int(fine * height)))
    patch = cv2.resize(patch, (int(width), int(height)), interpolation=cv2.INTER_AREA)
    alpha = np.asarray(patch[..., 3], np.float32) / np.float32(255)
    return Layer(np.asarray(patch[..., :3], np.uint8), alpha, int(left), int(top))


def pole(rng: Rng, x: float, top: float, bottom: float, width: float) -> Layer:
    """An upright metal or wooden pole around column ``x``, a little out of plumb."""
    height, lean = max(2, int(bottom - top)), rng.uniform(-0.03, 0.03)
    reach = int(abs(lean) * height + width) + 2
    across = np.arange(2 * reach) - reach - lean * np.arange(height)[:, None] + 0.5
    alpha = np.clip(width / 2 - np.abs(across) + 0.5, 0, 1).astype(np.float32)
    shade = 0.6 + 0.5 * np.cos(np.clip(across / max(width, 1) * 2.4 + 0.6, -1.5, 1.5))
    color = np.clip(_color(rng, 60, 170, 15) * shade[..., None], 0, 255).astype(np.uint8)
    return Layer(color, alpha, int(x) - reach, int(top))


def leaves(rng: Rng, x: float, y: float, size: float) -> Layer:
    """A twig with leaves, about ``size`` pixels across, around (x, y)."""
    side = max(6, int(size))
    color = np.full((2 * side, 2 * side, 3), (35, 60, 45), np.uint8)
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
    half = (side, side)
    soft = np.asarray(cv2.resize(alpha, half, interpolation=cv2.INTER_AREA) / 255, np.float32)
    paint = np.asarray(cv2.resize(color, half, interpolation=cv2.INTER_AREA), np.uint8)
    return Layer(paint, soft, int(x - side / 2), int(y - side / 2))


# --- compositing ---------------------------------------------------------------------------


def tight_box(alpha: Plane) -> tuple[float, float, float, float] | None:
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


@dataclass(frozen=True)
class Seen:
    """What is still visible of an object: a mask [h, w] at (left, top), of ``area`` once."""

    class_id: int
    area: float
    mask: Plane
    left: int
    top: int

    def behind(self, layer: Layer) -> Seen:
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
        bounds = tight_box(self.mask)
        if bounds is None or float(self.mask.sum()) < MIN_VISIBLE * self.area:
            return None
        x1, y1, x2, y2 = bounds
        if min(x2 - x1, y2 - y1) < MIN_BOX_PX:
            return None
        return Box(self.class_id, (x1 + self.left, y1 + self.top, x2 + self.left, y2 + self.top))


class Scene:
    """An image being composed back to front, that knows what can still be seen of each object."""

    def __init__(self, image: Image) -> None:
        self.image = image
        self._seen: list[Seen] = []

    def add(self, layer: Layer, class_id: int | None = None) -> bool:
        """Lay ``layer`` on top unless that would leave an object mostly hidden or too small.

        A refused layer leaves no trace, so nothing is ever visible that should have a box
        and has none.
        """
        part = self._clip(layer)
        if not part.alpha.size:
            return class_id is None  # nothing to see, nothing to refuse
        seen = [known.behind(part) for known in self._seen]
        if class_id is not None:
            area = float(layer.alpha.sum())  # what the image's edge cuts off counts as hidden
            seen.append(Seen(class_id, area, part.alpha, part.left, part.top))
        changed = (new for new in seen if not any(new is old for old in self._seen))
        if any(new.box() is None for new in changed):
            return False
        self._seen = seen
        rows = slice(part.top, part.top + part.alpha.shape[0])
        columns = slice(part.left, part.left + part.alpha.shape[1])
        self.image[rows, columns] = blend(self.image[rows, columns], part.color, part.alpha)
        return True

    def boxes(self) -> list[Box]:
        """Tight boxes of what is visible of every object."""
        return [box for seen in self._seen if (box := seen.box()) is not None]

    def _clip(self, layer: Layer) -> Layer:
        """The part of a layer that lies inside the image; empty if there is none."""
        height, width = self.image.shape[:2]
        left, top = max(0, -layer.left), max(0, -layer.top)
        rows = slice(top, max(top, height - layer.top))
        columns = slice(left, max(left, width - layer.left))
        alpha, color = layer.alpha[rows, columns], layer.color[rows, columns]
        return Layer(color, alpha, layer.left + left, layer.top + top)


# --- a camera ------------------------------------------------------------------------------


def _light(rng: Rng, height: int, width: int) -> Plane:
    """Uneven light [height, width] around 1: a gradient, often a shadow, sometimes night."""
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    cos, sin = np.cos(angle := rng.uniform(0, 2 * np.pi)), np.sin(angle)
    field = rng.uniform(0.75, 1.2) * (1 + rng.uniform(0, 0.35) * (float(cos) * x + float(sin) * y))
    if rng.random() < 0.45:
        edge = float(sin) * x - float(cos) * y + 0.15 * noise(rng, height, width, 20, 3)
        shadow = np.clip((edge - rng.uniform(-0.5, 0.5)) * rng.uniform(4, 30), 0, 1)
        field *= 1 - rng.uniform(0.25, 0.6) * shadow
    if rng.random() < NIGHTS:  # dark, with the cone of a headlight
        cone = ((x - rng.uniform(-0.5, 0.5)) / 0.9) ** 2 + ((y - rng.uniform(-0.5, 0.5)) / 0.8) ** 2
        field *= rng.uniform(0.2, 0.35) + rng.uniform(0.2, 0.6) * np.exp(-cone)
    return np.asarray(field, np.float32)


def _blur(rng: Rng, image: Image) -> Image:
    """Nothing, defocus, or motion in any direction."""
    kind = rng.random()
    if kind < 0.35:
        return image
    if kind < 0.7:
        return np.asarray(cv2.GaussianBlur(image, (0, 0), rng.uniform(0.5, 1.9)), np.uint8)
    length = int(rng.integers(3, 12)) | 1
    kernel = np.zeros((length, length), np.float32)
    reach = (length - 1) / 2
    step = reach * np.array([np.cos(angle := rng.uniform(0, np.pi)), np.sin(angle)])
    start, end = np.rint([reach - step, reach + step]).astype(int).tolist()
    cv2.line(kernel, start, end, 1.0, 1, cv2.LINE_AA)
    return np.asarray(cv2.filter2D(image, -1, kernel / kernel.sum()), np.uint8)


def grain(rng: Rng, height: int, width: int) -> Plane:
    """Sensor noise [height, width, 3] of standard deviation 1."""
    one = rng.standard_normal(height * width, np.float32)
    # Repeated three times it looks as independent as three draws, at a third of the time.
    return np.resize(one, (height, width, 3))


def degrade(rng: Rng, image: Image) -> Image:
    """What stands between a scene and its file: light, haze, blur, sensor noise."""
    height, width = image.shape[:2]
    light = _light(rng, height // 4, width // 4)  # slow, so a quarter of the resolution does
    tint = rng.uniform(0.92, 1.08, 3)
    out = _illuminate(_blur(rng, image), light, tint)
    if rng.random() < FOGS:
        fog = rng.uniform(0.15, 0.6)
        out = np.asarray(cv2.addWeighted(out, 1 - fog, out, 0, 205 * fog), np.uint8)
    noisy = cv2.add(out, grain(rng, height, width) * rng.choice(NOISES), dtype=cv2.CV_8U)
    return np.asarray(noisy, np.uint8)


# --- whole images --------------------------------------------------------------------------


def pick_sprite(rng: Rng, class_id: int | None) -> Image:
    """A sprite of a class, or of a look-alike for None."""
    if class_id is not None:
        faces = OBJECT_FACES[class_id]
        return draw_face(faces[int(rng.integers(len(faces)))])
    kind = rng.random()
    if kind < 0.12:
        return draw_traffic_light(int(rng.integers(3)))
    if kind < 0.25:
        return draw_billboard(rng)
    return draw_face(DISTRACTOR_FACES[int(rng.integers(len(DISTRACTOR_FACES)))])


def _placement(rng: Rng, height: int, width: int) -> Placement:
    """Somewhere in the image; sizes are spread evenly over their logarithm."""
    largest = LARGEST_PART * min(height, width)
    side = float(np.exp(rng.uniform(np.log(SMALLEST_PX), np.log(largest))))
    roll = float(rng.normal(0, 7) if rng.random() < 0.8 else rng.uniform(-40, 40))
    yaw, pitch = (rng.uniform(-1, 1, 2) * (58, 30)).tolist()
    x, y = rng.uniform(-0.02, 1.02) * width, rng.uniform(0, 0.92) * height
    return Placement(float(x), float(y), side, roll, yaw, pitch)


def _occlude(rng: Rng, scene: Scene, place: Placement) -> None:
    """Sometimes grow a twig or stand a pole in front of an object."""
    x, y = np.array([place.x, place.y]) + rng.normal(0, 0.4, 2) * place.side
    kind = rng.random()
    if kind < 0.2:
        scene.add(leaves(rng, float(x), float(y), place.side * rng.uniform(0.5, 1.1)))
    elif kind < 0.3:
        height = scene.image.shape[0]
        scene.add(pole(rng, float(x), 0, height, max(1.5, place.side * rng.uniform(0.08, 0.25))))


def compose(rng: Rng, height: int, width: int) -> tuple[Image, list[Box]]:
    """One image, uint8 [height, width, 3], and its boxes, far signs behind near ones."""
    scene = Scene(background(rng, height, width))
    objects = 0 if rng.random() < 0.07 else int(rng.integers(1, 7))
    kinds = [int(k) for k in rng.integers(len(OBJECT_FACES), size=objects)]
    items: list[int | None] = [*kinds, *[None] * int(rng.integers(0, 6))]
    placed = [(_placement(rng, height, width), class_id) for class_id in items]
    for place, class_id in sorted(placed, key=lambda pair: pair[0].side):
        if rng.random() < 0.6:
            scene.add(pole(rng, place.x, place.y, height, max(1.0, place.side * 0.09)))
        sprite = weather(rng, shrink(pick_sprite(rng, class_id), place.side))
        if scene.add(warp(sprite, place), class_id):
            _occlude(rng, scene, place)
    return degrade(rng, scene.image), scene.boxes()


# --- a clip --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Roadside:
    """A sign that the camera drives past: aged sprite, and its place in meters."""

    class_id: int | None
    sprite: Image
    right: float
    up: float
    ahead: float
    yaw: float


class Drive:
    """A camera that drives down a street; any frame can be made alone."""

    SPEED, FOCAL_PX, SIGN, EYE = 7.0, 520.0, 0.95, 1.4  # m/s, pixels, m, m
    NEAREST, FARTHEST, HORIZON = 1.2, 48.0, 0.55  # m, m, part of the height

    def __init__(self, seed: int, width: int, height: int) -> None:
        self.seed, self.width, self.height = seed, width, height
        rng = np.random.default_rng((seed, CLIP_STREAM))
        wide = street(rng, int(1.1 * height), int(1.6 * width), self.HORIZON)
        self.street = np.asarray(cv2.GaussianBlur(wide, (0, 0), 0.8), np.uint8)
        self.light = np.clip(_light(rng, height // 4, width // 4), 0.85, 1.2)
        meters = np.linspace(5, 80, 22)  # the nearest sign first
        self.signs = [self._sign(rng, index, ahead) for index, ahead in enumerate(meters)]

    def _sign(self, rng: Rng, index: int, ahead: float) -> Roadside:
        class_id = None if index % 4 == 3 else int(rng.integers(len(OBJECT_FACES)))
        sprite = weather(rng, pick_sprite(rng, class_id))
        right = rng.uniform(1.3, 4.5) * rng.choice([-1, 1])
        up, yaw = rng.uniform(-0.2, 1.5), rng.uniform(-35, 35)
        return Roadside(class_id, sprite, float(right), up, ahead, yaw)

    def _pan(self, time_s: float) -> tuple[float, float]:
        """Where the vanishing point is at a time, in pixels of the frame."""
        x = self.width * (0.5 + 0.14 * np.sin(0.9 * time_s))
        return float(x), float(self.height * (0.53 + 0.02 * np.sin(2.3 * time_s)))

    def frame(self, time_s: float) -> tuple[Image, list[Box]]:
        """The picture at a time, uint8 [height, width, 3], and its boxes."""
        x, y = self._pan(time_s)
        zoom = 1 + 0.035 * time_s  # what is far away grows slowly
        rows, columns = self.street.shape[:2]
        shift = [x - zoom * columns / 2, y - zoom * rows * self.HORIZON]
        matrix = np.array([[zoom, 0, shift[0]], [0, zoom, shift[1]]])
        size = (self.width, self.height)
        image = cv2.warpAffine(self.street, matrix, size, borderMode=cv2.BORDER_REPLICATE)
        scene = Scene(np.asarray(image, np.uint8))
        for layer, class_id in reversed(self._layers(time_s, (x, y))):
            scene.add(layer, class_id)
        rng = np.random.default_rng((self.seed, round(time_s * 1000)))
        lit = _illuminate(scene.image, self.light, (1, 1, 1))
        noisy = cv2.add(lit, 4 * grain(rng, self.height, self.width), dtype=cv2.CV_8U)
        return np.asarray(noisy, np.uint8), scene.boxes()

    def _layers(self, time_s: float, vanish: tuple[float, float]) -> list[tuple[Layer, int | None]]:
        """Signs and poles, the nearest first; what nearer ones hide is left out."""
        kept: list[tuple[Layer, int | None]] = []
        for sign in self.signs:
            ahead = sign.ahead - self.SPEED * time_s
            if not self.NEAREST < ahead < self.FARTHEST:
                continue
            face, stand = self._stand(sign, self.FOCAL_PX / ahead, vanish)
            if sign.class_id is None or self._shows(face, sign.class_id, kept):
                kept += [(face, sign.class_id), (stand, None)]
        return kept

    def _shows(self, face: Layer, class_id: int, nearer: list[tuple[Layer, int | None]]) -> bool:
        """Whether enough of a sign is inside the frame and in front of everything nearer."""
        alone = Scene(np.zeros((self.height, self.width, 3), np.uint8))
        return alone.add(face, class_id) and all(alone.add(layer) for layer, _ in reversed(nearer))

    def _stand(
        self, sign: Roadside, scale: float, vanish: tuple[float, float]
    ) -> tuple[Layer, Layer]:
        """A sign and its pole, at ``scale`` pixels per meter around the vanishing point."""
        x, y = vanish[0] + sign.right * scale, vanish[1] - sign.up * scale
        place = Placement(x, y, self.SIGN * scale, 0.0, sign.yaw)
        own = np.random.default_rng(round(1000 * sign.ahead))  # the same pole in every frame
        stand = pole(own, x, y, vanish[1] + self.EYE * scale, max(1.0, 0.07 * scale))
        return warp(shrink(sign.sprite, place.side), place), stand
