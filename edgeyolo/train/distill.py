"""Distillation: a net learns from its labels and from what a larger net says of the same images.

Both nets' raw head outputs are compared anchor by anchor on the levels that they share, so they
may differ in width, depth, levels, DFL bins and classes (those known to both are taught). If asked,
what the neck looks at is compared as well. Nothing of the teacher enters the checkpoint.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F  # noqa: N812
from ultralytics.utils.loss import v8DetectionLoss

from edgeyolo.slim.bins import rebin_logits
from edgeyolo.slim.checkpoint import names_of, spec_of
from edgeyolo.slim.checks import check_teaches

if TYPE_CHECKING:
    from torch import Tensor
    from ultralytics.nn.tasks import DetectionModel

ITEM = "distill_loss"
_CLASSES, _BOXES = 0.5, 1.5  # gains of ultralytics' own class and DFL terms
_UNSURE = 0.01
Criterion = Callable[[Any, dict[str, Any]], tuple["Tensor", dict[str, "Tensor"]]]


class Lesson:
    """What a teacher has to say about a batch, as a loss of the student's head outputs.

    - Classes: KL divergence between the class probabilities of teacher and student at every anchor
      (each class a Bernoulli variable), weighted by their distance, as in the quality focal loss
      (Li et al. 2020, arXiv:2006.04388), so that the many anchors on which both see nothing count
      little.
    - Boxes: KL divergence between the DFL distributions of each side (localization distillation,
      Zheng et al. 2022, arXiv:2102.12252), weighted by the teacher's best class probability.

    Both are sums over anchors in parts of the teacher's total probability mass, times ``gain``.

    - Features, times ``features``: squared distance between the attention maps of the neck's
      outputs, which are the mean square over channels at each position, as a unit vector
      (Zagoruyko & Komodakis 2017, arXiv:1612.03928); the number of channels plays no part.
    """

    def __init__(
        self,
        teacher: DetectionModel,
        student: DetectionModel,
        gain: float,
        features: float = 0.0,
    ) -> None:
        device = next(student.parameters()).device
        # Folded BatchNorm and channels last: a third less time on a CPU, the same outputs.
        teacher = teacher.eval().fuse(verbose=False).to(device, memory_format=torch.channels_last)
        self._teacher = teacher.requires_grad_(False)
        self._teacher.model[-1].training = True  # the head alone: it then leaves decoding out
        self._gain, self._features = gain, features
        # Forward only, so half precision needs no loss scaling.
        self._half = torch.bfloat16 if _has_bf16(device) else torch.float16
        self._bins = min(spec_of(teacher).reg_max, spec_of(student).reg_max)
        known, own = names_of(teacher), names_of(student)
        check_teaches(spec_of(teacher), known, spec_of(student), own)
        theirs, mine = spec_of(teacher).heads, spec_of(student).heads
        shared = [level for level in mine if level in theirs]
        self._levels = [theirs.index(level) for level in shared], [mine.index(x) for x in shared]
        names = [name for name in own if name in known]
        self._classes = (
            torch.tensor([known.index(n) for n in names], device=device),
            torch.tensor([own.index(n) for n in names], device=device),
        )

    def __call__(self, predictions: dict[str, Any], images: Tensor) -> Tensor:
        """Loss (1,) per image of a batch of (B, 3, H, W) images."""
        with torch.no_grad(), torch.autocast(images.device.type, self._half, images.is_cuda):
            said = self._teacher(images)
            wanted, goal = self._outputs(said, 0)
            goal = goal.sigmoid()
            sure = goal.amax(1)  # (B, N)
        boxes, scores = self._outputs(predictions, 1)
        mass = sure.sum().clamp_min(1)
        total = _CLASSES * _class_loss(scores, goal)
        total = total + _BOXES * _box_loss(boxes, wanted, sure)
        total = self._gain * total / mass
        if self._features:
            total = total + self._features * self._feature_loss(predictions["feats"], said["feats"])
        return total.reshape(1)

    def _feature_loss(self, mine: list[Tensor], theirs: list[Tensor]) -> Tensor:
        pairs = zip(*reversed(self._levels), strict=True)
        terms = [_attention(mine[own]) - _attention(theirs[known]) for own, known in pairs]
        return torch.stack([term.square().sum(1).mean() for term in terms]).mean()

    def _outputs(self, predictions: dict[str, Any], whose: int) -> tuple[Tensor, Tensor]:
        """Box (B, N, 4*bins) and class (B, shared classes, N) logits of the shared levels."""
        sizes = [feature.shape[-2] * feature.shape[-1] for feature in predictions["feats"]]
        boxes = predictions["boxes"].split(sizes, -1)
        scores = predictions["scores"].split(sizes, -1)
        levels = self._levels[whose]
        logits = torch.cat([scores[level] for level in levels], -1).float()
        sides = torch.cat([boxes[level] for level in levels], -1).float().transpose(1, 2)
        return rebin_logits(sides, self._bins), logits[:, self._classes[whose]]


def _has_bf16(device: torch.device) -> bool:
    return device.type != "cuda" or torch.cuda.is_bf16_supported(including_emulation=False)


def _attention(feature: Tensor) -> Tensor:
    """(B, C, h, w) → (B, h*w) unit vectors."""
    return F.normalize(feature.float().square().mean(1).flatten(1))


def _class_loss(logits: Tensor, goal: Tensor) -> Tensor:
    # F.binary_cross_entropy would do, but is not allowed in mixed precision on a GPU.
    entropy = -(torch.xlogy(goal, goal) + torch.xlogy(1 - goal, 1 - goal))
    divergence = F.binary_cross_entropy_with_logits(logits, goal, reduction="none") - entropy
    weight = (logits.detach().sigmoid() - goal).abs()
    return (weight * divergence).sum()


def _box_loss(boxes: Tensor, wanted: Tensor, sure: Tensor) -> Tensor:
    matter = sure > _UNSURE  # the others weigh nothing, and are nearly all
    boxes, wanted, sure = boxes[matter], wanted[matter], sure[matter]
    if boxes.shape[-1] == 4:  # plain distances
        difference = F.smooth_l1_loss(boxes, wanted, reduction="none").mean(-1)
        return (sure * difference).sum()
    bins = boxes.shape[-1] // 4
    mine, theirs = (x.reshape(-1, 4, bins).log_softmax(-1) for x in (boxes, wanted))
    divergence = F.kl_div(mine, theirs, reduction="none", log_target=True).sum(-1).mean(-1)
    return (sure * divergence).sum()


def criterion(student: DetectionModel, lesson: Lesson | None) -> Criterion:
    """The detection loss with one more term, which is 0 without a lesson and in validation.

    ultralytics uses an existing ``criterion`` of a net, does not copy a function into the averaged
    net, and leaves it out of the checkpoint.
    """
    base = v8DetectionLoss(student)

    def of(predictions: Any, batch: dict[str, Any]) -> tuple[Tensor, dict[str, Tensor]]:
        loss, items = base(predictions, batch)
        term = loss.new_zeros(1)
        if lesson is not None and student.training:
            term = lesson(base.parse_output(predictions), batch["img"])
        return torch.cat([loss, term * len(batch["img"])]), {**items, ITEM: term.detach().squeeze()}

    return of
