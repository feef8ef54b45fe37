"""Which bottlenecks of a C2f stay when the depth shrinks: those that the loss misses most."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import torch

from edgeyolo.slim.criterion import mean_loss
from edgeyolo.slim.examples import Examples
from edgeyolo.slim.origin import Blocks

if TYPE_CHECKING:
    from ultralytics.nn.tasks import DetectionModel


def choose_blocks(net: DetectionModel, target: DetectionModel, examples: Examples | None) -> Blocks:
    """Bottlenecks that stay in each C2f that has more of them than ``target``.

    Blocks are taken out one by one, each time the one without which the loss on the examples is
    lowest. Without examples the first ones stay, which see the least processed input.
    """
    wanted = {index: len(layer.m) for index, layer in enumerate(target.model) if _is_c2f(layer)}
    kept: Blocks = {
        index: tuple(range(len(net.model[index].m)))
        for index, count in wanted.items()
        if len(net.model[index].m) > count
    }
    if examples is None:
        return {index: blocks[: wanted[index]] for index, blocks in kept.items()}
    for index in kept:
        while len(kept[index]) > wanted[index]:
            options = [tuple(b for b in kept[index] if b != out) for out in kept[index]]
            kept[index] = min(options, key=_loss_with(net, kept, index, examples))
    return kept


def keep_blocks(module: Any, blocks: tuple[int, ...]) -> None:
    """Drop the other bottlenecks of a C2f, and the inputs of its last convolution that they fed."""
    conv, size = module.cv2.conv, module.c
    parts = [0, 1, *(2 + block for block in blocks)]
    conv.weight.data = torch.cat([conv.weight.data[:, size * p : size * (p + 1)] for p in parts], 1)
    conv.in_channels = size * len(parts)
    module.m = torch.nn.ModuleList(module.m[block] for block in blocks)


def _is_c2f(module: Any) -> bool:
    return type(module).__name__ == "C2f"


def _loss_with(
    net: DetectionModel, kept: Blocks, index: int, examples: Examples
) -> Callable[[tuple[int, ...]], float]:
    def loss(blocks: tuple[int, ...]) -> float:
        trial = deepcopy(net)
        for layer, chosen in {**kept, index: blocks}.items():
            keep_blocks(trial.model[layer], chosen)
        return mean_loss(trial, examples)

    return loss
