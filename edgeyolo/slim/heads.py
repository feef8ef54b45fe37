"""Which detection levels a data set needs: what each serves, and what it costs to keep it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edgeyolo.slim.checkpoint import names_of, spec_of
from edgeyolo.slim.cost import cost
from edgeyolo.slim.examples import Examples
from edgeyolo.slim.spec import LEVELS, SlimSpec

if TYPE_CHECKING:
    from torch import Tensor
    from ultralytics.nn.tasks import DetectionModel

_BATCH = 8
_TOPK, _ALPHA, _BETA = 10, 0.5, 6.0  # of ultralytics' detection loss
ENOUGH = 0.99  # of the boxes must stay on their own level for a choice to be recommended


@dataclass(frozen=True, slots=True)
class Choice:
    """Levels that could be kept: the part of the boxes that they serve, and their cost."""

    heads: tuple[str, ...]
    cut_backbone: bool
    served: float
    parameters: float  # in parts of the net with all its levels
    gflops: float

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "heads": list(self.heads),
            "cut_backbone": self.cut_backbone,
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
        """The cheapest choice that leaves nearly all boxes on the level that serves them now.

        The backbone stays: what a head loses with the deepest stage is not in these figures.
        """
        is_cut = all(choice.cut_backbone for choice in self.choices)  # already
        whole = [choice for choice in self.choices if choice.cut_backbone == is_cut]
        return [choice for choice in whole if choice.served >= ENOUGH][-1]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "boxes": self.boxes,
            "imgsz": self.imgsz,
            "assigned": {level: round(part, 4) for level, part in self.assigned.items()},
            "choices": [choice.to_dict() for choice in self.choices],
            "recommended": list(self.recommended.heads),
        }


def advise(spec: SlimSpec, counts: Counter[str], boxes: int, imgsz: int, classes: int) -> Advice:
    """Advice from what :func:`assign` counted of ``boxes`` boxes, with the costs of a net."""
    total = max(1, counts.total())
    assigned = {level: counts[level] / total for level in spec.heads}
    whole = cost(spec, classes, imgsz)
    choices = []
    for kept in _smaller(spec):
        smaller, heads = cost(kept, classes, imgsz), kept.heads
        choices.append(
            Choice(
                heads,
                kept.cut_backbone,
                sum(assigned.get(level, 0.0) for level in heads),
                smaller.parameters / whole.parameters,
                smaller.gflops / whole.gflops,
            )
        )
    choices.sort(key=lambda choice: -choice.gflops)
    return Advice(boxes, imgsz, assigned, tuple(choices))


def assign(net: DetectionModel, examples: Examples, names: tuple[str, ...]) -> Counter[str]:
    """Boxes that the task-aligned assigner gives to each level of a net.

    A box counts for the level on which the assigner puts most of its target score; one that no
    anchor gets is left out (Feng et al. 2021, arXiv:2108.07755). Where the net was trained on other
    classes than ``names``, the best score of any class counts.
    """
    import torch

    spec = spec_of(net)
    assigner = _assigner(spec, len(names) if names_of(net) == names else 1)
    totals = torch.zeros(len(spec.heads))
    net.eval()
    for start in range(0, len(examples), _BATCH):
        share, real = _target_scores(net, assigner, examples, start)
        best = share.argmax(-1)[(share.sum(-1) > 0) & real]
        totals += torch.bincount(best, minlength=len(totals))
    return Counter(dict(zip(spec.heads, map(int, totals), strict=True)))


def _assigner(spec: SlimSpec, classes: int) -> Any:
    from ultralytics.utils.tal import TaskAlignedAssigner

    return TaskAlignedAssigner(
        topk=_TOPK, num_classes=classes, alpha=_ALPHA, beta=_BETA, stride=list(spec.strides)
    )


def _target_scores(
    net: DetectionModel, assigner: Any, examples: Examples, start: int
) -> tuple[Tensor, Tensor]:
    """(B, K, levels) target score of each box on each level, and (B, K) which are boxes at all."""
    import torch
    from ultralytics.utils.tal import make_anchors

    with torch.no_grad():
        decoded, raw = net(examples.images[start : start + _BATCH])
    anchors, scale = make_anchors(raw["feats"], net.stride, 0.5)
    labels, boxes, mask = _padded(examples, start, len(decoded))
    said = decoded[:, 4:].transpose(1, 2)
    if assigner.num_classes == 1:  # the net knows other classes, or there is only one
        said, labels = said.amax(-1, keepdim=True), torch.zeros_like(labels)
    sides = _xyxy(decoded[:, :4].transpose(1, 2))
    _, _, scores, positive, index = assigner(said, sides, anchors * scale, labels, boxes, mask)
    share = torch.zeros(*boxes.shape[:2], len(net.stride))
    for level, stride in enumerate(net.stride):
        weight = scores.sum(-1) * positive * (scale.flatten() == stride)
        share[..., level].scatter_add_(1, index, weight)
    return share, mask[..., 0].bool()


def _smaller(spec: SlimSpec) -> Iterator[SlimSpec]:
    """The net with each contiguous choice of its levels, with and without the last stage."""
    kept = [level for level in LEVELS if level in spec.heads]
    for first in range(len(kept)):
        for last in range(first, len(kept)):
            heads = tuple(kept[first : last + 1])
            yield spec.with_(heads=heads)
            if "P5" not in heads and not spec.cut_backbone:
                yield spec.with_(heads=heads, cut_backbone=True)


def _padded(examples: Examples, start: int, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """(B, K, 1) classes, (B, K, 4) xyxy pixels and (B, K, 1) which of them are boxes."""
    import torch

    lists = [examples.of(start + i) for i in range(count)]
    padded = torch.nn.utils.rnn.pad_sequence(lists, batch_first=True)
    lengths = torch.tensor([len(entry) for entry in lists])
    mask = torch.arange(padded.shape[1]) < lengths[:, None]
    return padded[..., :1], _xyxy(padded[..., 1:] * examples.imgsz), mask[..., None].float()


def _xyxy(center_size: Tensor) -> Tensor:
    import torch

    center, half = center_size[..., :2], center_size[..., 2:] / 2
    return torch.cat([center - half, center + half], -1)
