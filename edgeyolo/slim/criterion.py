"""The detection loss of a net outside a training."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from ultralytics.cfg import get_cfg
from ultralytics.utils.loss import v8DetectionLoss

from edgeyolo.slim.examples import Examples

if TYPE_CHECKING:
    from torch import Tensor
    from ultralytics.nn.tasks import DetectionModel

_BATCH = 16


def detection_loss(net: DetectionModel) -> Callable[[dict[str, Tensor]], Tensor]:
    """Function from a batch to the net's loss per image, with BatchNorm as in inference."""
    net.eval()
    net.args = get_cfg()  # the loss reads its gains here
    loss = v8DetectionLoss(net)

    def of(batch: dict[str, Any]) -> Tensor:
        total, _ = loss(net(batch["img"]), batch)
        result: Tensor = total.sum() / len(batch["img"])
        return result

    return of


def mean_loss(net: DetectionModel, examples: Examples) -> float:
    """Detection loss per image over all examples."""
    loss = detection_loss(net)
    with torch.no_grad():
        sums = [float(loss(b)) * len(b["img"]) for b in examples.batches(_BATCH)]
    return sum(sums) / len(examples)
