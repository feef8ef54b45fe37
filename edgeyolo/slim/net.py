"""SlimSpec → a torch net, as stock ultralytics builds it."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING

from edgeyolo.slim.architecture import to_yaml
from edgeyolo.slim.spec import SlimSpec
from edgeyolo.workshop import open_workshop

if TYPE_CHECKING:
    from torch import Tensor
    from ultralytics.nn.tasks import DetectionModel


def build(spec: SlimSpec, names: tuple[str, ...], seed: int | None = None) -> DetectionModel:
    """Net with random weights, float32, in training mode, with class ``names`` attached.

    With a ``seed`` the weights are the same each time.
    """
    open_workshop()
    import torch
    from ultralytics.nn.tasks import DetectionModel

    with torch.random.fork_rng(devices=[], enabled=seed is not None):
        if seed is not None:
            torch.manual_seed(seed)
        # The net keeps the dictionary it is given and writes into it.
        net = DetectionModel(deepcopy(to_yaml(spec, len(names))), nc=len(names), verbose=False)
    net.names = dict(enumerate(names))
    return net


def count_parameters(net: DetectionModel) -> int:
    """All parameters, the fixed DFL bins included, as ultralytics counts them."""
    return sum(parameter.numel() for parameter in net.parameters())


def count_gflops(net: DetectionModel, imgsz: int) -> float:
    """2 x multiply-adds in units of 1e9 at ``imgsz²`` pixels, counted by ultralytics (thop)."""
    open_workshop()
    from ultralytics.utils.torch_utils import get_flops

    return float(get_flops(net, imgsz))


def raw_heads(net: DetectionModel, image: Tensor) -> list[Tensor]:
    """Run a net up to the last convolutions of its head, without decoding.

    ``image`` is (B, 3, H, W), RGB, 0..1; the result holds a box tensor (B, 4*reg_max, h, w) and a
    class tensor (B, classes, h, w) of logits for each level, highest resolution first.
    """
    features: list[Tensor] = []
    current = image
    for layer in net.model[:-1]:
        if isinstance(layer.f, list):
            current = layer([current if source == -1 else features[source] for source in layer.f])
        else:
            current = layer(current if layer.f == -1 else features[layer.f])
        features.append(current)
    head = net.model[-1]
    towers = zip(head.f, head.cv2, head.cv3, strict=True)
    return [tower(features[source]) for source, box, score in towers for tower in (box, score)]
