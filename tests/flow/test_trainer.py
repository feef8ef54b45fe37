"""What our trainer does in another way than ultralytics' own."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from edgeyolo.workshop import open_workshop

open_workshop()

from ultralytics.utils.torch_utils import ModelEMA  # noqa: E402

from edgeyolo.train.trainer import _set_average  # noqa: E402


@pytest.mark.parametrize(
    ("batches", "steps", "behind"),
    [
        (100, 400, 40),
        (100, 100, 10),
        (10, 400, 19),  # two epochs at most
    ],
)
def test_the_averaged_net_looks_back_a_tenth_of_the_steps(
    batches: int, steps: int, behind: float
) -> None:
    """Weights that grow by 1 with each step show how far behind the average is."""
    net: Any = torch.nn.Linear(1, 1, bias=False)
    trainer: Any = SimpleNamespace(ema=ModelEMA(net), train_loader=range(batches))
    _set_average(trainer)
    for step in range(steps):
        net.weight.data[:] = step
        trainer.ema.update(net)
    assert steps - 1 - float(trainer.ema.ema.weight) == pytest.approx(behind, abs=0.1 * behind)


def test_long_trainings_average_as_in_ultralytics() -> None:
    net: Any = torch.nn.Linear(1, 1)
    trainer: Any = SimpleNamespace(ema=ModelEMA(net), train_loader=range(10**6))
    _set_average(trainer)
    assert trainer.ema.decay(10**6) == pytest.approx(0.9999)
