"""Colors changed on the device, against ultralytics' own on the CPU."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from edgeyolo.train.color import jitter, with_gains
from edgeyolo.workshop import open_workshop

open_workshop()

import cv2  # noqa: E402
from ultralytics.data.augment import RandomHSV  # noqa: E402

GAINS = 0.015, 0.7, 0.4


def _picture(seed: int) -> np.ndarray:
    """Smooth colors of all kinds, and some gray."""
    draw = np.random.default_rng(seed)
    small = draw.integers(0, 256, (9, 9, 3), dtype=np.uint8)
    small[:2] = small[:2, :, :1]
    return cv2.resize(small, (96, 64), interpolation=cv2.INTER_CUBIC)


def _tensor(picture: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(picture[..., ::-1].copy()).permute(2, 0, 1)[None] / 255


@pytest.mark.parametrize("seed", range(8))
def test_as_ultralytics_changes_them(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Up to what its hue of 180 and other values of 256 steps lose."""
    units = np.random.default_rng(seed).uniform(-1, 1, 3)
    picture = _picture(seed)
    monkeypatch.setattr(np.random, "uniform", lambda *_: units)
    theirs = RandomHSV(*GAINS).apply_image({"img": picture.copy()})["img"]
    ours = with_gains(_tensor(picture), torch.from_numpy(units * GAINS)[None])
    difference = np.abs(ours[0].permute(1, 2, 0).numpy()[..., ::-1] * 255 - theirs)
    assert difference.mean() < 1.5
    assert np.percentile(difference, 99) < 12


def test_gains_of_zero_change_nothing() -> None:
    image = _tensor(_picture(0))
    assert torch.allclose(with_gains(image, torch.zeros(1, 3)), image, atol=1e-5)
    assert jitter(image, 0, 0, 0) is image


def test_gray_black_and_white_stay_gray() -> None:
    levels = torch.linspace(0, 1, 11).reshape(1, 1, 1, 11).expand(1, 3, 4, 11)
    changed = with_gains(levels, torch.tensor([[0.01, 0.7, -0.2]]))
    assert torch.allclose(changed, 0.8 * levels, atol=1e-5)


def test_every_image_gets_gains_of_its_own_within_the_limits() -> None:
    torch.manual_seed(0)
    images = _tensor(np.full((4, 4, 3), (40, 80, 160), np.uint8)).expand(200, 3, 4, 4)
    values = jitter(images, 0.0, 0.0, 0.4).amax((1, 2, 3)) / (160 / 255)
    assert values.unique().numel() > 190
    assert 0.6 <= values.min() < 0.63 and 1.37 < values.max() <= 1.4
