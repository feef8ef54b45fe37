"""Which detection levels a data set needs: what each serves, and what it costs to keep it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edgeyolo.slim.checkpoint import spec_of
from edgeyolo.slim.cost import cost
from edgeyolo.slim.examples import Examples
from edgeyolo.slim.spec import LEVELS

if TYPE_CHECKING:
    from torch import Tensor
    from ultralytics.nn.tasks import DetectionModel

_BATCH = 8
_TOPK, _ALPHA, _BETA = 10, 0.5, 6.0  # of ultralytics' detection loss
_ENOUGH = 0.99  # of the boxes must stay on their own level for a choice to be recommended


@dataclass(frozen=True, slots=True)
class Choice:
    """Levels that could be kept: the part of the boxes that they serve, and their cost."""

    heads: tuple[str, ...]
    served: float
    parameters: float  # in parts of the net with all its levels
    gflops: float

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "heads": list(self.heads),
            "served": round(self.served, 4),
            "parameters_ratio": round(self.parameters, 4),
            "gflops_ratio": round(self.gflops, 4),
        }


@dataclass(frozen=True, slots=True)
class Advice:
    """What each level is assigned, and the choices of levels from the dearest to the cheapest."""

    boxes: int
    imgsz: int
    assigned: dict[str, float]  # level → part of the boxes
    choices: tuple[Choice, ...]

    @property
    def recommended(self) -> Choice:
        """The cheapest choice that leaves nearly all boxes on the level that serves them now."""
        return [choice for choice in self.choices if choice.served >= _ENOUGH][-1]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "boxes": self.boxes,
            "imgsz": self.imgsz,
            "assigned": {level: round(part, 4) for level, part in self.assigned.items()},
            "choices": [choice.to_dict() for choice in self.choices],
            "recommended": list(self.recommended.heads),
        }


def advise(net: DetectionModel, examples: Examples, classes: int) -> Advice:
    """Advice for the levels of a trained net, with costs for ``classes`` classes.

    A box counts for the level on which the task-aligned assigner puts most of its target score.
    """
    spec, assigned = spec_of(net), assign(net, examples)
    whole = cost(spec, classes, examples.imgsz)
    choices = []
    for heads in _contiguous(spec.heads):
        smaller = cost(spec.with_(heads=heads), classes, examples.imgsz)
        choices.append(
            Choice(
                heads,
                sum(assigned.get(level, 0.0) for level in heads),
                smaller.parameters / whole.parameters,
                smaller.gflops / whole.gflops,
            )
        )
    choices.sort(key=lambda choice: -choice.gflops)
    return Advice(len(examples.boxes), examples.imgsz, assigned, tuple(choices))


def assign(net: DetectionModel, examples: Examples) -> dict[str, float]:
    """Part of the boxes that the task-aligned assigner gives to each level of a net.

    Classes play no part (the best score of any counts), so a net that was trained on other classes
    can be asked. Boxes that no anchor gets are left out (Feng et al. 2021, arXiv:2108.07755).
    """
    import torch
    from ultralytics.utils.tal import TaskAlignedAssigner, make_anchors

    heads, strides = spec_of(net).heads, spec_of(net).strides
    assigner = TaskAlignedAssigner(
        topk=_TOPK, num_classes=1, alpha=_ALPHA, beta=_BETA, stride=list(strides)
    )
    totals = torch.zeros(len(heads))
    net.eval()
    for start in range(0, len(examples), _BATCH):
        images = examples.images[start : start + _BATCH]
        with torch.no_grad():
            decoded, raw = net(images)
        anchors, scale = make_anchors(raw["feats"], net.stride, 0.5)
        boxes, mask = _padded(examples, start, len(images))
        _, _, scores, positive, index = assigner(
            decoded[:, 4:].amax(1)[..., None],
            _xyxy(decoded[:, :4].transpose(1, 2)),
            anchors * scale,
            torch.zeros_like(boxes[..., :1]),
            boxes,
            mask,
        )
        share = torch.zeros(len(images), boxes.shape[1], len(heads))
        for level, stride in enumerate(strides):
            weight = scores.sum(-1) * positive * (scale.flatten() == stride)
            share[..., level].scatter_add_(1, index, weight)
        best = share.argmax(-1)[(share.sum(-1) > 0) & mask[..., 0].bool()]
        totals += torch.bincount(best, minlength=len(heads))
    parts = totals / totals.sum().clamp_min(1)
    return {level: float(part) for level, part in zip(heads, parts, strict=True)}


def _contiguous(heads: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    kept = [level for level in LEVELS if level in heads]
    for first in range(len(kept)):
        for last in range(first, len(kept)):
            yield tuple(kept[first : last + 1])


def _padded(examples: Examples, start: int, count: int) -> tuple[Tensor, Tensor]:
    """(B, K, 4) xyxy pixels and (B, K, 1) which of them are boxes."""
    import torch

    lists = [_xyxy(examples.of(start + i)[:, 1:] * examples.imgsz) for i in range(count)]
    boxes = torch.nn.utils.rnn.pad_sequence(lists, batch_first=True)
    lengths = torch.tensor([len(entry) for entry in lists])
    mask = torch.arange(boxes.shape[1]) < lengths[:, None]
    return boxes, mask[..., None].float()


def _xyxy(center_size: Tensor) -> Tensor:
    import torch

    center, half = center_size[..., :2], center_size[..., 2:] / 2
    return torch.cat([center - half, center + half], -1)
