"""How much a channel matters: by the size of its weights, or by what the loss says.

Each importance scores the groups of coupled channels that Torch-Pruning finds; the least
important channels of each group go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
import torch_pruning as tp
from torch import nn

from edgeyolo.slim.criterion import detection_loss
from edgeyolo.slim.examples import Examples

if TYPE_CHECKING:
    from torch import Tensor
    from ultralytics.nn.tasks import DetectionModel

_GRADIENT_BATCH = 4  # small, because gradients of different images cancel


class GateTaylor(tp.importance.GroupMagnitudeImportance):  # type: ignore[misc]
    """Squared first-order change of the loss if a gate behind each BatchNorm were closed.

    Molchanov et al. 2019 (arXiv:1906.10771): the gate's gradient is γ·∂L/∂γ + β·∂L/∂β, squared and
    summed over batches; channels that are coupled add up.
    """

    def __init__(self, net: DetectionModel, examples: Examples) -> None:
        super().__init__(group_reduction="sum", normalizer=None)
        self._scores = _gate_scores(net, examples)

    @torch.no_grad()
    def __call__(self, group: Any) -> Tensor | None:
        found = [
            (self._scores[dep.target.module][idxs], item_roots)
            for (dep, idxs), item_roots in zip(group, _roots(group), strict=True)
            if dep.handler == tp.prune_batchnorm_out_channels
        ]
        if not found:
            return None
        scores, roots = zip(*found, strict=True)
        result: Tensor = self._reduce(list(scores), list(roots))
        return result


def _roots(group: Any) -> list[list[int]]:
    return [group[index].root_idxs for index in range(len(group))]


def _gate_scores(net: DetectionModel, examples: Examples) -> dict[nn.Module, Tensor]:
    norms = [module for module in net.modules() if isinstance(module, nn.BatchNorm2d)]
    scores: dict[nn.Module, Tensor] = {norm: torch.zeros(norm.num_features) for norm in norms}
    loss = detection_loss(net)
    for batch in examples.batches(_GRADIENT_BATCH):
        net.zero_grad()
        torch.autograd.backward(loss(batch))
        for norm in norms:
            if norm.weight.grad is not None and norm.bias.grad is not None:
                gate = norm.weight * norm.weight.grad + norm.bias * norm.bias.grad
                scores[norm] += gate.detach() ** 2
    net.zero_grad()
    return scores


def make_importance(kind: str, net: DetectionModel, examples: Examples | None) -> Any:
    """The importance named.

    Raises:
        ValueError: for ``taylor`` without examples.
    """
    if kind == "taylor":
        if examples is None:
            raise ValueError("taylor importance needs examples")
        return GateTaylor(net, examples)
    if kind == "bn":  # Liu et al. 2017, arXiv:1708.06519
        return tp.importance.BNScaleImportance()
    return tp.importance.GroupMagnitudeImportance(p={"l1": 1, "l2": 2}[kind])
