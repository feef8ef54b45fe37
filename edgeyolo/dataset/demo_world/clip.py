"""The clip of the demo set: a camera that drives down a street, past signs."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from edgeyolo.dataset.demo_world.arrays import Image, Rng
from edgeyolo.dataset.demo_world.camera import grain
from edgeyolo.dataset.demo_world.compositing import Box, Scene
from edgeyolo.dataset.demo_world.layers import Layer, pole
from edgeyolo.dataset.demo_world.light import illuminate, uneven_light
from edgeyolo.dataset.demo_world.perspective import Placement, shrink, warp
from edgeyolo.dataset.demo_world.signs import SIGNS
from edgeyolo.dataset.demo_world.sprites import draw_sprite, weather
from edgeyolo.dataset.demo_world.street import street

STREAM = 4  # keeps the clip's random numbers apart from those of the splits
SPEED_M_S, FOCAL_PX = 7.0, 520.0
SIGN_M, EYE_M = 0.95, 1.4  # side of a sign; height of the camera
NEAREST_M, FARTHEST_M = 1.2, 48.0  # where signs are seen
HORIZON = 0.55  # part of the height
GRAIN = 4  # standard deviation, gray levels


@dataclass(frozen=True)
class _Roadside:
    """A sign to drive past: class, aged sprite, place in meters, and yaw in degrees."""

    class_id: int | None
    sprite: Image
    right: float
    up: float
    ahead: float
    yaw: float


class Drive:
    """A drive down a street, seen in frames of ``width`` x ``height`` pixels."""

    def __init__(self, seed: int, width: int, height: int) -> None:
        self._seed, self._width, self._height = seed, width, height
        rng = np.random.default_rng((seed, STREAM))
        wide = street(rng, int(1.1 * height), int(1.6 * width), HORIZON)
        self._street = np.asarray(cv2.GaussianBlur(wide, (0, 0), 0.8), np.uint8)
        self._light = np.clip(uneven_light(rng, height // 4, width // 4), 0.85, 1.2)
        meters = np.linspace(5, 80, 22)  # the nearest sign first
        self._signs = [_roadside(rng, index, ahead) for index, ahead in enumerate(meters)]

    def frame(self, time_s: float) -> tuple[Image, list[Box]]:
        """The picture at a time, uint8 [height, width, 3], and its boxes; in any order."""
        vanish = self._vanishing_point(time_s)
        scene = Scene(self._view(time_s, vanish))
        for layer, class_id in reversed(self._layers(time_s, vanish)):
            scene.add(layer, class_id)
        rng = np.random.default_rng((self._seed, round(time_s * 1000)))
        lit = illuminate(scene.image, self._light, (1, 1, 1))
        noisy = cv2.add(lit, GRAIN * grain(rng, self._height, self._width), dtype=cv2.CV_8U)
        return np.asarray(noisy, np.uint8), scene.boxes()

    def _vanishing_point(self, time_s: float) -> tuple[float, float]:
        """Where the street ends at a time, x and y in pixels of the frame: the camera sways."""
        x = self._width * (0.5 + 0.14 * np.sin(0.9 * time_s))
        return float(x), float(self._height * (0.53 + 0.02 * np.sin(2.3 * time_s)))

    def _view(self, time_s: float, vanish: tuple[float, float]) -> Image:
        """The street without signs; it grows slowly, being far away."""
        zoom = 1 + 0.035 * time_s
        rows, columns = self._street.shape[:2]
        shift = [vanish[0] - zoom * columns / 2, vanish[1] - zoom * rows * HORIZON]
        matrix = np.array([[zoom, 0, shift[0]], [0, zoom, shift[1]]])
        size = (self._width, self._height)
        view = cv2.warpAffine(self._street, matrix, size, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(view, np.uint8)

    def _layers(self, time_s: float, vanish: tuple[float, float]) -> list[tuple[Layer, int | None]]:
        """Signs and poles, the nearest first; what nearer ones hide is left out."""
        kept: list[tuple[Layer, int | None]] = []
        for sign in self._signs:
            ahead = sign.ahead - SPEED_M_S * time_s
            if not NEAREST_M < ahead < FARTHEST_M:
                continue
            face, stand = _stand(sign, FOCAL_PX / ahead, vanish)
            if sign.class_id is None or self._shows(face, sign.class_id, kept):
                kept += [(face, sign.class_id), (stand, None)]
        return kept

    def _shows(self, face: Layer, class_id: int, nearer: list[tuple[Layer, int | None]]) -> bool:
        """Whether enough of a sign is inside the frame and in front of everything nearer."""
        alone = Scene(np.zeros((self._height, self._width, 3), np.uint8))
        return alone.add(face, class_id) and all(alone.add(layer) for layer, _ in reversed(nearer))


def _roadside(rng: Rng, index: int, ahead: float) -> _Roadside:
    """Sign ``index`` of the street, ``ahead`` meters from its start; some are look-alikes."""
    class_id = None if index % 4 == 3 else int(rng.integers(len(SIGNS)))
    sprite = weather(rng, draw_sprite(rng, class_id))
    right = rng.uniform(1.3, 4.5) * rng.choice([-1, 1])
    up, yaw = rng.uniform(-0.2, 1.5), rng.uniform(-35, 35)
    return _Roadside(class_id, sprite, float(right), up, ahead, yaw)


def _stand(sign: _Roadside, scale: float, vanish: tuple[float, float]) -> tuple[Layer, Layer]:
    """A sign and its pole, at ``scale`` pixels per meter around the vanishing point."""
    x, y = vanish[0] + sign.right * scale, vanish[1] - sign.up * scale
    place = Placement(x, y, SIGN_M * scale, 0.0, sign.yaw)
    own = np.random.default_rng(round(1000 * sign.ahead))  # the same pole in every frame
    stand = pole(own, x, y, vanish[1] + EYE_M * scale, max(1.0, 0.07 * scale))
    return warp(shrink(sign.sprite, place.side), place), stand
