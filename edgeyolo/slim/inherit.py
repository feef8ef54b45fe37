"""A smaller net that starts from the weights of a larger one.

The order is heads, depth, classes, reg_max, width: first the larger net is cut to the layers of
the smaller one, then Torch-Pruning (Fang et al. 2023, arXiv:2301.12900) removes the least
important channels of each group down to the exact shapes that the YAML gives, so that the result
is an ordinary checkpoint.
"""

from __future__ import annotations

from collections import Counter
from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edgeyolo.errors import SpecError
from edgeyolo.slim.architecture import layers
from edgeyolo.slim.checkpoint import names_of, spec_of
from edgeyolo.slim.net import build, raw_heads
from edgeyolo.slim.spec import SlimSpec, check_inherits
from edgeyolo.slim.split import SplitC2f, merged_state

if TYPE_CHECKING:
    from torch import Tensor, nn
    from ultralytics.nn.tasks import DetectionModel

_DETECT = 22  # index of Detect in the full YOLOv8


@dataclass(frozen=True, slots=True)
class TensorFate:
    """Where the values of one tensor of the new net come from."""

    name: str
    shape: tuple[int, ...]
    source_shape: tuple[int, ...] | None
    fate: str  # "inherited" whole, "sliced" from a larger tensor, "extended", or "new"


def inherit(
    source: DetectionModel, spec: SlimSpec, names: tuple[str, ...]
) -> tuple[DetectionModel, list[TensorFate]]:
    """Build the net of ``spec`` with the weights of ``source``, and account for every tensor.

    Raises:
        SpecError: when the new net would be larger than the source in any direction.
    """
    check_inherits(spec, spec_of(source))
    target = build(spec, names)
    trunk = _cut(source, target, spec, names)
    _refuse_wider(trunk, target, spec_of(source))
    shapes = {name: tuple(value.shape) for name, value in trunk.state_dict().items()}
    _prune(trunk, target)
    state = merged_state(trunk)
    fates = [
        TensorFate(
            name, tuple(value.shape), shapes.get(name), _copy(value, state[name], shapes[name])
        )
        for name, value in target.state_dict().items()
    ]
    return target, _mark_new(fates, source, spec, names)


def summary(fates: list[TensorFate]) -> dict[str, int]:
    """Tensors of each fate."""
    return dict(Counter(fate.fate for fate in fates))


def _cut(
    source: DetectionModel, target: DetectionModel, spec: SlimSpec, names: tuple[str, ...]
) -> DetectionModel:
    """The source's modules in the target's topology, with the target's classes and DFL bins."""
    source_spec = spec_of(source)
    position = {layer.source: index for index, layer in enumerate(layers(source_spec))}
    trunk = deepcopy(target)
    for index, layer in enumerate(layers(spec)[:-1]):
        module = deepcopy(source.model[position[layer.source]])
        _keep_blocks(module, target.model[index])
        trunk.model[index] = _placed(module, target.model[index])
    head = deepcopy(source.model[-1])
    _keep_levels(head, source_spec, spec)
    _replace_classes(head, target.model[-1], names_of(source), names)
    _keep_bins(head, target.model[-1], source_spec.reg_max, spec.reg_max)
    trunk.model[-1] = _placed(head, target.model[-1])
    return trunk.float()


def _placed(module: nn.Module, target: nn.Module) -> nn.Module:
    """Give a copied module the place in the net that ultralytics keeps on it."""
    for name in ("f", "i", "type"):
        setattr(module, name, getattr(target, name))
    return module


def _keep_blocks(module: Any, target: Any) -> None:
    """Drop the last bottlenecks of a C2f, and the inputs of its last convolution that they fed."""
    if type(module).__name__ != "C2f" or len(module.m) == len(target.m):
        return
    module.m = module.m[: len(target.m)]
    conv = module.cv2.conv
    conv.in_channels = (2 + len(target.m)) * module.c
    conv.weight.data = conv.weight.data[:, : conv.in_channels].clone()


def _keep_levels(head: Any, source: SlimSpec, spec: SlimSpec) -> None:
    from torch import nn

    kept = [source.heads.index(level) for level in spec.heads]
    head.cv2 = nn.ModuleList(head.cv2[index] for index in kept)
    head.cv3 = nn.ModuleList(head.cv3[index] for index in kept)
    head.nl = len(kept)


def _replace_classes(head: Any, target: Any, old: tuple[str, ...], new: tuple[str, ...]) -> None:
    """Carry the rows of classes that both nets know, by name; the others start fresh."""
    if old == new:
        return
    for tower, fresh in zip(head.cv3, target.cv3, strict=True):
        last = tower[2]
        rows = fresh[2].weight.data.new_zeros(len(new), *last.weight.shape[1:])
        rows.normal_(std=float(last.weight.data.std()) * 0.1)
        bias = fresh[2].bias.data.clone()  # ultralytics' prior for rare objects
        for index, name in enumerate(new):
            if name in old:
                rows[index] = last.weight.data[old.index(name)]
                bias[index] = last.bias.data[old.index(name)]
        _set_outputs(last, rows, bias)
    head.nc, head.no = len(new), len(new) + 4 * head.reg_max


def _keep_bins(head: Any, target: Any, old: int, new: int) -> None:
    """Keep the DFL bins of the distances that the new net can express, side by side.

    Bin j stands for a distance of j cells in both nets, so fewer bins are the first ones. Without
    DFL (``reg_max`` 1) the last convolution predicts the distance itself and starts fresh.
    """
    if old == new:
        return
    for tower, fresh in zip(head.cv2, target.cv2, strict=True):
        last = tower[2]
        if new == 1:
            rows = last.weight.data.new_zeros(4 * new, *last.weight.shape[1:])
            rows.normal_(std=float(last.weight.data.std()) * 0.1)
            _set_outputs(last, rows, fresh[2].bias.data.clone())
            continue
        weight = last.weight.data.view(4, old, *last.weight.shape[1:])[:, :new]
        bias = last.bias.data.view(4, old)[:, :new]
        _set_outputs(last, weight.reshape(4 * new, *weight.shape[2:]), bias.reshape(-1))
    head.reg_max = new
    head.dfl = deepcopy(target.dfl)


def _set_outputs(conv: nn.Conv2d, weight: Tensor, bias: Tensor) -> None:
    from torch import nn

    conv.weight = nn.Parameter(weight.clone())
    conv.bias = nn.Parameter(bias.clone())
    conv.out_channels = weight.shape[0]


def _refuse_wider(trunk: DetectionModel, target: DetectionModel, source: SlimSpec) -> None:
    """Only the head's towers may grow: their width follows the classes and the first level."""
    existing = dict(trunk.model[:-1].named_modules())
    for name, module in target.model[:-1].named_modules():
        if getattr(module, "out_channels", 0) > getattr(existing.get(name), "out_channels", 0):
            raise SpecError(
                "The net would be wider than the one it inherits from.",
                f"That one has width {source.width:g} and max_channels {source.max_channels}.",
            )


def _prune(trunk: DetectionModel, target: DetectionModel) -> None:
    """Remove channels from ``trunk`` until no convolution is wider than in ``target``."""
    import torch
    import torch_pruning as tp
    from torch import nn

    wanted = {n: m.out_channels for n, m in target.named_modules() if isinstance(m, nn.Conv2d)}
    narrower = [
        n
        for n, m in trunk.named_modules()
        if isinstance(m, nn.Conv2d) and m.out_channels > wanted[n]
    ]
    if not narrower:
        return
    SplitC2f.replace_in(trunk)
    trunk.train()
    for parameter in trunk.parameters():
        parameter.requires_grad_(True)
    ignored = [trunk.model[-1].dfl, *(t[2] for t in (*trunk.model[-1].cv2, *trunk.model[-1].cv3))]
    ratios = {}
    for name, module in trunk.named_modules():
        if isinstance(module, nn.Conv2d) and module not in ignored and ".dfl" not in name:
            keep = SplitC2f.wanted_channels(name, module, trunk, wanted)
            if keep < module.out_channels:
                # The half channel makes Torch-Pruning's rounding down land on the right number.
                ratios[module] = 1 - (keep + 0.5) / module.out_channels
    pruner = tp.pruner.BasePruner(
        trunk,
        torch.zeros(1, 3, 64, 64),
        importance=tp.importance.GroupMagnitudeImportance(p=2),
        pruning_ratio=0.0,
        pruning_ratio_dict=ratios,
        ignored_layers=ignored,
        forward_fn=raw_heads,
    )
    pruner.step()


def _copy(target: Tensor, value: Tensor, original: tuple[int, ...]) -> str:
    """Copy what fits and say what that was."""
    if target.dim() == 0:
        target.copy_(value)
        return "inherited"
    overlap = tuple(slice(min(a, b)) for a, b in zip(target.shape, value.shape, strict=True))
    target[overlap] = value[overlap]
    if tuple(value.shape) != tuple(target.shape):
        return "extended"
    return "inherited" if tuple(target.shape) == original else "sliced"


def _mark_new(
    fates: list[TensorFate], source: DetectionModel, spec: SlimSpec, names: tuple[str, ...]
) -> list[TensorFate]:
    """Last convolutions that started fresh are new, whatever shape they were given."""
    head = len(layers(spec)) - 1
    fresh = []
    if not set(names) & set(names_of(source)):
        fresh += [f"model.{head}.cv3.{level}.2." for level in range(len(spec.heads))]
    if (spec.reg_max == 1) != (spec_of(source).reg_max == 1):
        fresh += [f"model.{head}.cv2.{level}.2." for level in range(len(spec.heads))]
    return [
        TensorFate(f.name, f.shape, None, "new") if f.name.startswith(tuple(fresh or ["\0"])) else f
        for f in fates
    ]
