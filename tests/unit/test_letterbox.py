"""Letterbox: the same pixels as ultralytics, and boxes that find their way back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("cv2")

from edgeyolo.device.letterbox import letterbox, place

TARGETS = [(64, 64), (320, 320), (96, 160), (640, 32)]
SIZES = [(64, 64), (320, 320), (1, 1), (480, 640), (641, 639), (33, 200), (719, 1283), (5, 3)]


def _noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(height * 7919 + width).integers(
        0, 256, (height, width, 3), dtype=np.uint8
    )


def _reference(image: np.ndarray, height: int, width: int) -> np.ndarray:
    augment = pytest.importorskip("ultralytics.data.augment")
    boxed = augment.LetterBox((height, width), auto=False, stride=32)(image=image)
    return boxed[..., ::-1].transpose(2, 0, 1)[None].astype(np.float32) / 255


@pytest.mark.parametrize("target", TARGETS)
def test_equal_to_ultralytics(target: tuple[int, int]) -> None:
    random = np.random.default_rng(0)
    for height, width in [*SIZES, *random.integers(16, 900, (25, 2)).tolist()]:
        image = _noise(height, width)
        blob, _ = letterbox(image, *target)
        assert blob.shape == (1, 3, *target)
        assert blob.dtype == np.float32
        assert blob.flags.c_contiguous
        np.testing.assert_allclose(blob, _reference(image, *target), atol=1e-6)


@given(
    st.integers(1, 3000), st.integers(1, 3000), st.sampled_from(TARGETS), st.integers(0, 2**32 - 1)
)
@settings(max_examples=200, deadline=None)
def test_boxes_round_trip(height: int, width: int, target: tuple[int, int], seed: int) -> None:
    placement = place(height, width, *target)
    points = np.random.default_rng(seed).random((20, 4)) * [width, height, width, height]
    offset = [placement.left, placement.top] * 2
    inside = (points * placement.scale + offset).astype(np.float32)
    assert inside.min() >= -1e-3
    assert (inside[:, 0::2] <= target[1] + 1e-3).all()
    assert (inside[:, 1::2] <= target[0] + 1e-3).all()
    error = np.abs(placement.to_source(inside) - points).max()
    assert error < 1e-3 * max(1, 1 / placement.scale)


def test_boxes_are_clipped_to_the_source() -> None:
    placement = place(100, 200, 64, 64)
    boxes = np.array([[-50, -50, 500, 500], [0, 0, 10, 5], [1e9, 1e9, 2e9, 2e9]], np.float32)
    result = placement.to_source(boxes)
    assert result.dtype == np.float32
    assert result[0].tolist() == [0, 0, 200, 100]
    assert result[1].tolist() == [0, 0, 31.25, 0]
    assert result[2].tolist() == [200, 100, 200, 100]


def test_no_boxes_stay_no_boxes() -> None:
    assert place(10, 20, 64, 64).to_source(np.zeros((0, 4), np.float32)).shape == (0, 4)


@pytest.mark.parametrize("shape", [(1, 5000), (5000, 1), (1, 129), (2, 4001)])
def test_extreme_strips_still_fit(shape: tuple[int, int]) -> None:
    blob, placement = letterbox(_noise(*shape), 64, 64)
    assert blob.shape == (1, 3, 64, 64)
    full = placement.to_source(np.array([[0, 0, 64, 64]], np.float32))
    np.testing.assert_allclose(full, [[0, 0, shape[1], shape[0]]], rtol=1e-6)


def test_the_input_is_not_written_to() -> None:
    image = _noise(64, 64)
    before = image.copy()
    blob, _ = letterbox(image, 64, 64)
    blob[:] = 0
    assert (image == before).all()


def test_a_view_is_taken_as_it_is() -> None:
    image = _noise(100, 100)
    np.testing.assert_array_equal(
        letterbox(image[::2, ::-1], 64, 64)[0],
        letterbox(np.ascontiguousarray(image[::2, ::-1]), 64, 64)[0],
    )
