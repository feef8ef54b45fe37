"""Fit the convolutions of a pruned net, one after the other, to what the wide net computes.

Removing channels leaves each convolution without some of its inputs. Least squares over positions
of a few training images finds the weights that make the best of what is left (He et al. 2017,
arXiv:1707.06168): the wide net's outputs, for the channels kept, are the target, and the inputs are
those that the pruned net really has, errors of earlier layers included.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from edgeyolo.slim.bins import rebin_logits
from edgeyolo.slim.examples import Examples
from edgeyolo.slim.net import raw_heads
from edgeyolo.slim.origin import Origin
from edgeyolo.slim.prune import Kept

if TYPE_CHECKING:
    from torch import Tensor
    from ultralytics.nn.tasks import DetectionModel

_ROWS = 20_000  # positions that a fit looks at, of all images together
_RIDGE = 1e-2  # pull towards the inherited weights, in parts of the inputs' mean power
_TINY = 1e-9  # where an input never varies
_BATCH = 8


@dataclass(slots=True)
class _Fit:
    """What one convolution shall compute, and where."""

    original: str  # its name in the wide net
    rows: Tensor | None  # which of the wide net's outputs it takes, all if None
    into: Tensor | slice  # the outputs of its own that get them
    cells: Tensor = field(default_factory=lambda: torch.empty(0))  # (N, P) positions, row by row
    outputs: list[Tensor] = field(default_factory=list)  # the wide net's there, (B*P, C) per batch


def refit(
    net: DetectionModel,
    wide: DetectionModel,
    origin: Origin,
    examples: Examples,
    kept: Kept | None = None,
    *,
    only: Collection[str] | None = None,
) -> set[str]:
    """Change the weights of ``net``, which was cut from ``wide``, in place.

    ``kept`` are the output channels left of each convolution, all where it says nothing; ``only``
    names the convolutions to change. Returns the names of the tensors changed.
    """
    convs = {
        name: module
        for name, module in net.named_modules()
        if isinstance(module, nn.Conv2d) and ".dfl" not in name and (only is None or name in only)
    }
    fits = {name: _plan(name, convs[name], origin, kept or {}) for name in convs}
    net.eval(), wide.eval()
    with torch.no_grad():
        _record(wide, fits, examples)
        handles = [
            convs[name].register_forward_pre_hook(_solver(net, name, fit))
            for name, fit in fits.items()
        ]
        raw_heads(net, examples.images)
    for handle in handles:
        handle.remove()
    return {tensor for name, conv in convs.items() for tensor in _changed(name, conv)}


def _changed(name: str, conv: nn.Conv2d) -> tuple[str, str]:
    offset = f"{_norm_of(name)}.running_mean" if conv.bias is None else f"{name}.bias"
    return f"{name}.weight", offset


def _norm_of(name: str) -> str:
    return name.removesuffix("conv") + "bn"


def _plan(name: str, conv: nn.Conv2d, origin: Origin, kept: Kept) -> _Fit:
    original = origin.stand_ins().get(name) or origin.of(name)
    if conv.bias is not None and ".cv3." in name and origin.names != origin.source_names:
        mine, theirs = origin.shared_classes()
        return _Fit(original, torch.tensor(theirs), torch.tensor(mine))
    rows = kept.get(name)
    return _Fit(original, rows, slice(conv.out_channels if rows is None else len(rows)))


def _record(wide: DetectionModel, fits: dict[str, _Fit], examples: Examples) -> None:
    modules = dict(wide.named_modules())

    def keep(fit: _Fit) -> Any:
        def hook(_: nn.Module, __: Any, output: Tensor) -> None:
            if not fit.cells.numel():
                fit.cells = _choose(output.shape[2], output.shape[3], examples)
            begin = len(fit.outputs) * _BATCH
            fit.outputs.append(_at(output, fit.cells[begin : begin + len(output)]))

        return hook

    handles = [modules[fit.original].register_forward_hook(keep(fit)) for fit in fits.values()]
    for start in range(0, len(examples), _BATCH):
        raw_heads(wide, examples.images[start : start + _BATCH])
    for handle in handles:
        handle.remove()


def _choose(height: int, width: int, examples: Examples) -> Tensor:
    """(N, P) cells of each image: half of them anywhere, half inside boxes."""
    count = min(height * width, max(1, _ROWS // len(examples)))
    generator = torch.Generator().manual_seed(height * width)
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    x, y = (x.flatten() + 0.5) / width, (y.flatten() + 0.5) / height
    chosen = []
    for image in range(len(examples)):
        _, cx, cy, w, h = examples.of(image)[..., None].unbind(1)
        inside = ((x - cx).abs() < w / 2) & ((y - cy).abs() < h / 2)
        share = inside.any(0).float()
        chance = 1 / len(x) + share / share.sum().clamp_min(1)
        chosen.append(torch.multinomial(chance, count, generator=generator))
    return torch.stack(chosen)


def _at(maps: Tensor, cells: Tensor) -> Tensor:
    """(B, C, h, w) and (B, P) cells → (B*P, C)."""
    picked = maps.flatten(2).gather(2, cells[:, None].expand(-1, maps.shape[1], -1))
    return picked.transpose(1, 2).flatten(0, 1)


def _solver(net: DetectionModel, name: str, fit: _Fit) -> Any:
    def hook(conv: nn.Conv2d, inputs: tuple[Tensor]) -> None:
        goal = torch.cat(fit.outputs)
        fit.outputs.clear()
        if conv.bias is not None and ".cv2." in name:
            goal = rebin_logits(goal, conv.out_channels // 4)
        goal = goal if fit.rows is None else goal[:, fit.rows]
        old = conv.weight.data[fit.into][: goal.shape[1]]
        weight, offset = _least_squares(old, _patches(conv, inputs[0], fit.cells), goal)
        into = slice(goal.shape[1]) if isinstance(fit.into, slice) else fit.into
        conv.weight.data[into] = weight
        if conv.bias is not None:
            conv.bias.data[into] = offset
        else:  # BatchNorm takes the offset away again
            norm: Any = net.get_submodule(_norm_of(name))
            norm.running_mean[into] -= offset

    return hook


def _patches(conv: nn.Conv2d, inputs: Tensor, cells: Tensor) -> Tensor:
    """(N*P, inputs * kernel²): what the convolution sees at its output cells."""
    if conv.kernel_size == (1, 1) and conv.stride == (1, 1):
        return _at(inputs, cells)
    size, padding, stride = conv.kernel_size[0], int(conv.padding[0]), conv.stride[0]  # all square
    unfolded = (
        nn.functional.unfold(image[None], size, padding=padding, stride=stride) for image in inputs
    )
    return torch.cat([_at(u[..., None], c[None]) for u, c in zip(unfolded, cells, strict=True)])


def _least_squares(old: Tensor, patches: Tensor, goal: Tensor) -> tuple[Tensor, Tensor]:
    """Weights like ``old`` and offsets that map patches to the goal, near the old weights."""
    mean_in, mean_out = patches.mean(0), goal.mean(0)
    x = (patches - mean_in).double()
    missing = (goal - mean_out).double() - x @ old.flatten(1).double().T
    gram = x.T @ x
    gram.diagonal().add_(_RIDGE * gram.diagonal().mean() + _TINY)
    weight = old.flatten(1) + torch.linalg.solve(gram, x.T @ missing).T.float()
    return weight.view_as(old), mean_out - weight @ mean_in
