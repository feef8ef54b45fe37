"""Remove the least important channels of a net, down to the exact widths of another one.

Torch-Pruning (Fang et al. 2023, arXiv:2301.12900) finds the channels that only go together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch_pruning as tp
from torch import nn

from edgeyolo.slim.examples import Examples
from edgeyolo.slim.importance import make_importance
from edgeyolo.slim.net import raw_heads
from edgeyolo.slim.split import SplitC2f

if TYPE_CHECKING:
    from torch import Tensor
    from ultralytics.nn.tasks import DetectionModel

Kept = dict[str, "Tensor"]  # convolution → which of its output channels stayed, in order


def prune(
    net: DetectionModel, target: DetectionModel, importance: str, examples: Examples | None
) -> Kept:
    """Narrow ``net`` until no convolution is wider than in ``target``; its C2f become split ones.

    Returns the channels kept by every convolution that lost some, under the names of plain blocks.
    """
    wanted = {n: m.out_channels for n, m in target.named_modules() if isinstance(m, nn.Conv2d)}
    convs = {n: m for n, m in net.named_modules() if isinstance(m, nn.Conv2d)}
    if all(conv.out_channels <= wanted[name] for name, conv in convs.items()):
        return {}
    SplitC2f.replace_in(net)
    for parameter in net.parameters():
        parameter.requires_grad_(True)
    score = make_importance(importance, net, examples)
    head = net.model[-1]
    ignored = [head.dfl, *(tower[2] for tower in (*head.cv2, *head.cv3))]
    pruner = tp.pruner.BasePruner(
        net,
        torch.zeros(1, 3, 64, 64),
        importance=score,
        pruning_ratio=0.0,
        pruning_ratio_dict=_ratios(net, wanted, ignored),
        ignored_layers=ignored,
        forward_fn=raw_heads,
    )
    names = {module: name for name, module in net.named_modules()}
    kept: Kept = {}
    for group in pruner.step(interactive=True):
        for dep, removed in group:
            if dep.handler == tp.prune_conv_out_channels:
                stays = torch.ones(dep.target.module.out_channels, dtype=torch.bool)
                stays[removed] = False
                kept[names[dep.target.module]] = stays.nonzero().flatten()
        group.prune()
    return _merged(kept, net)


def _ratios(
    net: DetectionModel, wanted: dict[str, int], ignored: list[nn.Module]
) -> dict[nn.Module, float]:
    ratios: dict[nn.Module, float] = {}
    for name, module in net.named_modules():
        if isinstance(module, nn.Conv2d) and module not in ignored and ".dfl" not in name:
            keep = SplitC2f.wanted_channels(name, module, net, wanted)
            if keep < module.out_channels:
                # The half channel makes Torch-Pruning's rounding down land on the right number.
                ratios[module] = 1 - (keep + 0.5) / module.out_channels
    return ratios


def _merged(kept: Kept, net: DetectionModel) -> Kept:
    """Kept channels of the plain blocks: the two halves of a split convolution joined."""
    merged = {name: index for name, index in kept.items() if not _is_half(name, net)}
    for number, block in enumerate(net.model):
        first, second = (f"model.{number}.cv{half}.conv" for half in (0, 1))
        if isinstance(block, SplitC2f) and first in kept:
            merged[second] = torch.cat([kept[first], kept[second] + block.original_half])
    return merged


def _is_half(name: str, net: DetectionModel) -> bool:
    parts = name.split(".")
    return parts[2] in ("cv0", "cv1") and isinstance(net.model[int(parts[1])], SplitC2f)
