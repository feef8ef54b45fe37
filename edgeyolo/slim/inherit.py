"""A smaller net that starts from the weights of a larger one.

The order is heads, classes, depth, reg_max, width: the larger net is cut to the layers of the
smaller one, the least important channels are removed down to the exact shapes that the YAML gives,
so that the result is an ordinary checkpoint, and what is left is fitted to what the larger net
computed.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from edgeyolo.slim.checkpoint import names_of, spec_of
from edgeyolo.slim.checks import check_inherits
from edgeyolo.slim.examples import Examples
from edgeyolo.slim.fates import TensorFate, account, summary
from edgeyolo.slim.net import build
from edgeyolo.slim.origin import Origin
from edgeyolo.slim.spec import SlimSpec

if TYPE_CHECKING:
    from torch import Tensor
    from ultralytics.nn.tasks import DetectionModel


def inherit(
    source: DetectionModel,
    spec: SlimSpec,
    names: tuple[str, ...],
    examples: Examples | None = None,
    importance: str | None = None,
    *,
    fit: bool = True,
) -> tuple[DetectionModel, list[TensorFate]]:
    """Build the net of ``spec`` with the weights of ``source``, and account for every tensor.

    With ``examples`` the choices look at the data: ``taylor`` importance, the bottlenecks that
    stay, and a fit of what is left. Nothing is fitted where nothing was removed. Without them
    ``importance`` is ``l2``.

    Raises:
        SpecError: when the new net would be larger than the source in any direction.
    """
    import torch

    check_inherits(spec, spec_of(source))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)  # of what starts fresh
        importance = importance or ("taylor" if examples else "l2")
        return _inherit(source, spec, names, examples, importance, fit)


def _inherit(
    source: DetectionModel,
    spec: SlimSpec,
    names: tuple[str, ...],
    examples: Examples | None,
    importance: str,
    fit: bool,
) -> tuple[DetectionModel, list[TensorFate]]:
    from edgeyolo.slim.blocks import choose_blocks, keep_blocks
    from edgeyolo.slim.cut import cut
    from edgeyolo.slim.prune import prune
    from edgeyolo.slim.refit import refit
    from edgeyolo.slim.split import merged_state

    target = build(spec, names)
    origin = Origin(spec_of(source), spec, names_of(source), names)
    trunk = cut(source, target, origin)
    fitted: set[str] = set()
    if examples and origin.stand_ins():
        fitted = refit(trunk, source, origin, examples, only=origin.stand_ins())
    blocks = choose_blocks(trunk, target, examples)
    origin = replace(origin, blocks=blocks)
    for index, chosen in blocks.items():
        keep_blocks(trunk.model[index], chosen)
    _keep_bins(trunk.model[-1], target.model[-1])
    kept = prune(trunk, target, importance, examples)
    state = merged_state(trunk)
    for name, value in target.state_dict().items():
        _copy(value, state[name])
    fates = account(target, source, origin)
    shapes = {"sliced", "re-binned", "extended"} & set(summary(fates))
    changed = shapes or spec.activation != origin.source.activation
    if fit and examples is not None and changed:
        fitted |= refit(target, source, origin, examples, kept)
    return target, [replace(fate, fitted=fate.name in fitted) for fate in fates]


def _keep_bins(head: Any, target: Any) -> None:
    from edgeyolo.slim.bins import rebin_convolution
    from edgeyolo.slim.cut import set_outputs

    if head.reg_max == target.reg_max:
        return
    for tower in head.cv2:
        last = tower[2]
        set_outputs(last, *rebin_convolution(last.weight.data, last.bias.data, target.reg_max))
    head.reg_max, head.no = target.reg_max, head.nc + 4 * target.reg_max
    head.dfl = deepcopy(target.dfl)


def _copy(target: Tensor, value: Tensor) -> None:
    """Copy what fits into a tensor that is as large or, where it knows more classes, larger."""
    if target.dim() == 0:
        target.copy_(value)
        return
    # Pruning that left too much must not pass for slicing.
    assert all(a >= b for a, b in zip(target.shape, value.shape, strict=True))
    if target.dim() == 4 and target.shape[1] > value.shape[1]:
        target[:, value.shape[1] :] = 0  # channels that are new say nothing until they have learned
    overlap = tuple(slice(min(a, b)) for a, b in zip(target.shape, value.shape, strict=True))
    target[overlap] = value[overlap]
