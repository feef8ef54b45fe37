"""The largest batch that a GPU holds, found by trying steps of the training itself.

ultralytics' own search tries the net alone, without loss, labels and teacher.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edgeyolo.dataset.check import Sample
from edgeyolo.slim.spec import GRID
from edgeyolo.train.device import free_memory
from edgeyolo.train.outcomes import is_out_of_memory
from edgeyolo.train.recipe import BATCH, Recipe

if TYPE_CHECKING:
    import torch
    from ultralytics.nn.tasks import DetectionModel

_PART = 0.8  # of the free memory; crowded images and the allocator need the rest
# Twice as many took 7 to 10 % less time for each on a data-center GPU (docs/benchmarks.md), and
# leave half of the steps to learn in.
_MOST = 128
_STEPS = 16  # of an epoch at least: else a small data set would be learned in a handful of steps
_TRIED = 2, 8, 32, 128
_GRAIN = 8  # Tensor Cores like multiples of it

# Bytes that a step with so many images takes at its worst, or None where they are not there.
Needs = Callable[[int], int | None]


@dataclass(frozen=True, slots=True)
class Found:
    """A batch, for one device, and what keeps it from being larger: memory, images or use."""

    batch: int
    limit: str


def largest_batch(needs: Needs, free: int, images: int) -> Found:
    """The most images whose step leaves a fifth of ``free`` bytes, for ``images`` in an epoch.

    Memory grows in proportion to the images, so two steps tell what a larger one needs; it is
    tried before it is believed.
    """
    most = max(BATCH, min(_MOST, images // _STEPS))
    known: list[tuple[int, int]] = []
    for batch in (size for size in _TRIED if size <= most):
        needed = needs(batch)
        if needed is None or needed > _PART * free:
            break
        known.append((batch, needed))
    fits = int(_predicted(known, _PART * free))
    batch = _round(min(fits, most))
    while batch > 1 and ((needed := needs(batch)) is None or needed > _PART * free):
        batch = _round(batch * 3 // 4)
    if batch < _round(most):
        return Found(batch, "memory")
    return Found(batch, "images" if most < _MOST else "use")


def _predicted(known: Sequence[tuple[int, int]], room: float) -> float:
    """Images that fit into ``room``, by the line through the two largest steps."""
    if len(known) < 2:
        return float(known[0][0] if known else 1)
    (fewer, less), (more, much) = known[-2:]
    slope = max(1.0, (much - less) / (more - fewer))
    return more + (room - much) / slope


def _round(batch: int) -> int:
    return max(1, batch // _GRAIN * _GRAIN if batch >= _GRAIN else batch)


class Trial:
    """Steps of the training of ``net`` on a GPU, on noise with ``boxes`` boxes in every image."""

    def __init__(
        self,
        net: DetectionModel,
        teacher: DetectionModel | None,
        recipe: Recipe,
        boxes: int,
        device: str,
    ) -> None:
        import torch
        from ultralytics.cfg import get_cfg

        from edgeyolo.train.distill import Lesson, criterion

        self._device = torch.device(f"cuda:{device}")
        largest = recipe.imgsz * (1 + recipe.settings.get("multi_scale", 0.0))
        self._side, self._boxes = math.ceil(largest / GRID) * GRID, boxes
        net = net.float().to(self._device, memory_format=torch.channels_last)
        self._net = net.train().requires_grad_(True)
        net.args = get_cfg()
        lesson = None
        if teacher is not None and recipe.is_taught:
            lesson = Lesson(teacher, net, recipe.distill, recipe.distill_features)
        net.criterion = criterion(net, lesson)
        self._optimizer = torch.optim.AdamW(net.parameters(), lr=0.0)  # of any the largest state
        self._has_bf16 = torch.cuda.is_bf16_supported(including_emulation=False)

    def step(self, batch: int) -> None:
        """Forward, loss, backward, optimizer."""
        import torch

        with torch.autocast("cuda", torch.bfloat16, enabled=self._has_bf16):
            loss, _ = self._net(_noise(batch, self._side, self._boxes, self._device))
        loss.sum().backward()
        self._optimizer.step()
        self._optimizer.zero_grad()

    def needs(self, batch: int) -> int | None:
        """Bytes that a step takes at its worst, or ``None`` where they are not there."""
        import torch

        free_memory()
        torch.cuda.reset_peak_memory_stats(self._device)
        try:
            self.step(batch)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            self._optimizer.zero_grad()
            return None
        return torch.cuda.max_memory_reserved(self._device)


def _noise(batch: int, side: int, boxes: int, device: torch.device) -> dict[str, Any]:
    import torch

    return {
        "img": torch.rand(batch, 3, side, side, device=device),
        "batch_idx": torch.arange(batch * boxes, device=device) // boxes,
        "cls": torch.zeros(batch * boxes, 1, device=device),
        "bboxes": torch.rand(batch * boxes, 4, device=device) * 0.3 + 0.2,
    }


def find_batch(
    net: DetectionModel,
    teacher: DetectionModel | None,
    recipe: Recipe,
    samples: Sequence[Sample],
    devices: Sequence[str],
) -> Found:
    """The batch for one of the ``devices``, which share an epoch; CPUs get the default."""
    share = len(samples) // len(devices)
    if devices[0] == "cpu":
        return Found(max(1, BATCH // len(devices)), "cpu")
    import torch

    free = min(torch.cuda.mem_get_info(int(device))[0] for device in devices)
    crowded = max(1, *(len(sample.boxes) for sample in samples))  # four parts of such: a mosaic
    trial = Trial(net, teacher, recipe, crowded, devices[0])
    found = largest_batch(trial.needs, free, share)
    del trial
    free_memory()
    return found
