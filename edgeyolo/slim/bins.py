"""Fewer DFL bins: the last convolution of a box tower says the same with fewer outputs.

Bin j stands for a distance of j cells in every net (Li et al. 2020, arXiv:2006.04388), so the first
bins keep their meaning and the last one takes over what lay beyond it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

_FLOOR = -12.0  # log-probability below which a bin is empty


def rebin_convolution(weight: Tensor, bias: Tensor, new: int) -> tuple[Tensor, Tensor]:
    """(4*old, inputs, 1, 1) and (4*old,) → the same with ``new`` bins, from the weights alone.

    The last bin gets the mean of the rows that it replaces, and the logarithm of their number on
    top, which bounds their log-sum-exp from below. A plain distance (``new`` 1) is the expectation
    over the bins, to first order around the outputs that the bias alone gives.
    """
    old = len(bias) // 4
    rows = weight.view(4, old, -1)
    offsets = bias.view(4, old)
    if new == 1:
        share = offsets.softmax(1)
        distance = torch.arange(old, dtype=weight.dtype)
        expected = (share * distance).sum(1, keepdim=True)
        slope = share * (distance - expected)
        rows, offsets = (slope[:, :, None] * rows).sum(1, keepdim=True), expected
    else:
        last = offsets[:, new - 1 :].mean(1, keepdim=True) + math.log(old - new + 1)
        offsets = torch.cat([offsets[:, : new - 1], last], 1)
        rows = torch.cat([rows[:, : new - 1], rows[:, new - 1 :].mean(1, keepdim=True)], 1)
    return rows.reshape(4 * new, *weight.shape[1:]), offsets.reshape(-1)


def rebin_logits(logits: Tensor, new: int) -> Tensor:
    """(..., 4*old) → (..., 4*new) logits of the same distribution with all beyond in the last bin.

    With ``new`` 1 the result is the expected distance in cells.
    """
    old = logits.shape[-1] // 4
    if old == new:
        return logits
    share = logits.reshape(*logits.shape[:-1], 4, old).log_softmax(-1)
    if new == 1:
        distance = torch.arange(old, dtype=logits.dtype, device=logits.device)
        return (share.exp() * distance).sum(-1)
    last = share[..., new - 1 :].logsumexp(-1, keepdim=True)
    return torch.cat([share[..., : new - 1], last], -1).clamp_min(_FLOOR).flatten(-2)
