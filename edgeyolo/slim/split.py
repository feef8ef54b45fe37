"""C2f for pruning: its first convolution split in two, so that no channel passes a chunk."""

from __future__ import annotations

import re
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

if TYPE_CHECKING:
    from torch import Tensor
    from ultralytics.nn.tasks import DetectionModel


class SplitC2f(nn.Module):
    """Computes what a C2f does; ``cv0`` and ``cv1`` are the two halves of its ``cv1``.

    A dependency graph cannot tell which half of a chunked tensor a channel belongs to.
    """

    def __init__(self, block: Any) -> None:
        super().__init__()
        self.cv0 = _half(block.cv1, 0)
        self.cv1 = _half(block.cv1, 1)
        self.cv2 = block.cv2
        self.m = block.m
        self.original_half = int(block.c)  # channels of either half before any pruning

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, h, w) → (B, out, h, w)."""
        parts = [self.cv0(x), self.cv1(x)]
        for bottleneck in self.m:
            parts.append(bottleneck(parts[-1]))
        result: Tensor = self.cv2(torch.cat(parts, 1))
        return result

    @classmethod
    def replace_in(cls, net: DetectionModel) -> None:
        """Put a split twin in the place of every C2f."""
        for index, module in enumerate(net.model):
            if type(module).__name__ == "C2f":
                twin = cls(module)
                for name in ("f", "i", "type"):
                    setattr(twin, name, getattr(module, name))
                net.model[index] = twin

    @staticmethod
    def wanted_channels(
        name: str, conv: nn.Conv2d, net: DetectionModel, wanted: dict[str, int]
    ) -> int:
        """Outputs that a convolution keeps: half of ``cv1``'s for either half of a split one."""
        match = re.fullmatch(r"model\.(\d+)\.(cv0|cv1)\.conv", name)
        if match and isinstance(net.model[int(match[1])], SplitC2f):
            return min(wanted[f"model.{match[1]}.cv1.conv"] // 2, conv.out_channels)
        return min(wanted[name], conv.out_channels)


def merged_state(net: DetectionModel) -> dict[str, Tensor]:
    """State of a net with split blocks, under the names and in the shapes of plain C2f blocks."""
    state = net.state_dict()
    merged = {}
    for name, value in state.items():
        if ".cv0." in name:
            continue
        first = state.get(name.replace(".cv1.", ".cv0.", 1), value)
        whole = first is value or value.dim() == 0
        merged[name] = value if whole else torch.cat([first, value])
    return merged


def _half(conv: Any, which: int) -> Any:
    """Copy of a Conv (convolution and BatchNorm) with one half of its output channels."""
    half = deepcopy(conv)
    size = conv.conv.out_channels // 2
    kept = slice(which * size, (which + 1) * size)
    half.conv.weight = nn.Parameter(conv.conv.weight.data[kept].clone())
    half.conv.out_channels = half.bn.num_features = size
    for name in ("weight", "bias"):
        setattr(half.bn, name, nn.Parameter(getattr(conv.bn, name).data[kept].clone()))
    for name in ("running_mean", "running_var"):
        setattr(half.bn, name, getattr(conv.bn, name)[kept].clone())
    return half
