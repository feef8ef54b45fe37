"""The same pixels on every processor; the sums below were also seen on aarch64."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

pytest.importorskip("cv2")

import cv2

from edgeyolo.device.resize import Resize

HALF = ((720, 1280), (360, 640))
DOWN = ((719, 1283), (180, 320))
LESS = ((480, 640), (312, 416))
UP = ((333, 500), (426, 640))


def _noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(height * 7919 + width).integers(
        0, 256, (height, width, 3), dtype=np.uint8
    )


@pytest.mark.parametrize(
    ("sizes", "begin"),
    [
        (HALF, "5f97727f47271814"),
        (DOWN, "1adef881d297dea9"),
        (LESS, "6c00c6ad684655e5"),
        (UP, "4ee6c8d1f64cfc5d"),
    ],
)
def test_pixels_do_not_depend_on_the_processor(
    sizes: tuple[tuple[int, int], tuple[int, int]], begin: str
) -> None:
    source, target = sizes
    scaled = Resize(source, target)(_noise(*source))[..., :3]
    assert hashlib.sha256(scaled.tobytes()).hexdigest().startswith(begin)


@pytest.mark.parametrize("has_kleidicv", [True, False])
def test_pixels_of_inter_linear_on_x86(has_kleidicv: bool) -> None:
    random = np.random.default_rng(0)
    sizes = [HALF, DOWN, LESS, UP]
    for height, width in random.integers(20, 900, (30, 2)).tolist():
        scale = min(320 / height, 320 / width)
        sizes.append(
            ((height, width), (max(1, round(height * scale)), max(1, round(width * scale))))
        )
    for source, target in sizes:
        resize = Resize(source, target, has_kleidicv=has_kleidicv)
        for image in (_noise(*source), 255 - _noise(*source)):  # in used memory, too
            scaled = resize(image)[..., :3]
            expected = cv2.resize(image, target[::-1], interpolation=cv2.INTER_LINEAR)
            np.testing.assert_array_equal(scaled, expected, str((source, target)))
