"""The net that is exported: BatchNorm folded, ending at the last convolutions of the head."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from edgeyolo.slim.net import raw_heads

if TYPE_CHECKING:
    from torch import Tensor
    from ultralytics.nn.tasks import DetectionModel

LEVELS = {8: "p3", 16: "p4", 32: "p5"}


class RawHeads(nn.Module):
    """(1, 3, H, W) image → box and class logits of each level."""

    def __init__(self, net: DetectionModel) -> None:
        super().__init__()
        self.net = deepcopy(net).float().eval()
        self.net.fuse(verbose=False)
        for parameter in self.net.parameters():
            parameter.requires_grad_(False)
        for module in self.net.modules():
            if type(module).__name__ == "C2f":
                module.forward = module.forward_split  # converters read a split, not every chunk

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Trace of :func:`edgeyolo.slim.net.raw_heads`."""
        return tuple(raw_heads(self.net, image))


def example_input(imgsz: int) -> Tensor:
    """An input of the exported size."""
    return torch.zeros(1, 3, imgsz, imgsz)


def output_names(strides: tuple[int, ...]) -> list[str]:
    """Names of the graph's outputs, in order."""
    return [f"{kind}_{LEVELS[stride]}" for stride in strides for kind in ("box", "class")]


def answers(net: DetectionModel, blob: npt.NDArray[np.float32]) -> list[npt.NDArray[np.float32]]:
    """What the net itself says to an input, in the order of the graph's outputs."""
    with torch.no_grad():
        return [output.numpy() for output in raw_heads(net.eval(), torch.from_numpy(blob))]
