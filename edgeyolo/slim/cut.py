"""The wide net with the layers, detection levels and classes of a smaller one, at full width."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

from torch import nn

from edgeyolo.slim.origin import Origin

if TYPE_CHECKING:
    from torch import Tensor
    from ultralytics.nn.tasks import DetectionModel

_FRESH = 0.1  # spread of rows for unknown classes, in parts of the known rows' spread


def cut(source: DetectionModel, target: DetectionModel, origin: Origin) -> DetectionModel:
    """A copy of the source in the topology of ``target``, with its classes."""
    trunk = deepcopy(target)
    for index in range(len(target.model) - 1):
        module = deepcopy(source.model[origin.layer(index)])
        trunk.model[index] = _placed(module, target.model[index])
    for mine, theirs in origin.stand_ins().items():  # its readers expect the other's channels
        norm = deepcopy(source.get_submodule(theirs.replace("conv", "bn")))
        trunk.set_submodule(mine.replace("conv", "bn"), norm)
    head = deepcopy(source.model[-1])
    kept = [origin.source.heads.index(level) for level in origin.spec.heads]
    head.cv2 = nn.ModuleList(head.cv2[index] for index in kept)
    head.cv3 = nn.ModuleList(head.cv3[index] for index in kept)
    head.nl, head.stride = len(kept), target.model[-1].stride.clone()
    _replace_classes(head, target.model[-1], origin)
    trunk.model[-1] = _placed(head, target.model[-1])
    return trunk.float()


def set_outputs(conv: nn.Conv2d, weight: Tensor, bias: Tensor) -> None:
    """Give a convolution other output channels."""
    conv.weight = nn.Parameter(weight.clone())
    conv.bias = nn.Parameter(bias.clone())
    conv.out_channels = weight.shape[0]


def _placed(module: nn.Module, target: nn.Module) -> nn.Module:
    """Give a copied module the place in the net that ultralytics keeps on it."""
    for name in ("f", "i", "type"):
        setattr(module, name, getattr(target, name))
    return module


def _replace_classes(head: Any, target: Any, origin: Origin) -> None:
    """Carry the rows of classes that both nets know, by name; the others start fresh."""
    if origin.names == origin.source_names:
        return
    new, old = origin.shared_classes()
    for tower, fresh in zip(head.cv3, target.cv3, strict=True):
        last = tower[2]
        rows = last.weight.data.new_zeros(len(origin.names), *last.weight.shape[1:])
        rows.normal_(std=float(last.weight.data.std()) * _FRESH)
        bias = fresh[2].bias.data.clone()  # ultralytics' prior for rare objects
        rows[new], bias[new] = last.weight.data[old], last.bias.data[old]
        set_outputs(last, rows, bias)
    head.nc, head.no = len(origin.names), len(origin.names) + 4 * head.reg_max
