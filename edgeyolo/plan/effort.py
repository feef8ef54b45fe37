"""How long a training takes on this machine, before it was begun."""

from __future__ import annotations

import shutil
import subprocess
import time
from dataclasses import dataclass
from functools import cache

import numpy as np

from edgeyolo.slim.cost import cost
from edgeyolo.slim.spec import SlimSpec
from edgeyolo.train.recipe import Recipe

# Measured (docs/benchmarks.md, "What distillation costs"): a plain step of width 0.125 at 320 px
# with a batch of 16 in 0.603 s, of which forward and backward are about 3 forward passes.
_PASSES = 3.0
_PART_OF_PEAK = 0.35  # of what numpy's matrix product reaches here
_TEACHER_PASS = 0.7  # of the wide net, without gradients
# One NVIDIA H200 ("On a GPU"): a step is bound by launches, whatever the size of these nets.
_GPU_STEP_S = 0.045
_AUTO_BATCH = 64  # of a GPU that was not looked at yet
_GPU_IMAGES_PER_S = 1000.0  # of 640 px, augmented by 16 cores
_VALIDATION = 1.15  # and what else an epoch takes
_SIZE, _PROBE_S = 768, 0.3


@dataclass(frozen=True, slots=True)
class Trainer:
    """The machine that trains: ``gflops`` a second, or a GPU."""

    name: str
    gflops: float | None

    def seconds(
        self, spec: SlimSpec, wide: SlimSpec, classes: int, images: int, recipe: Recipe
    ) -> float:
        """Of all epochs, validation included; a busy machine makes it several times too long."""
        steps = -(-images // (recipe.batch or _AUTO_BATCH))
        if self.gflops is None:
            epoch = max(steps * _GPU_STEP_S, images / _GPU_IMAGES_PER_S)
        else:
            passes = _PASSES * cost(spec, classes, recipe.imgsz).gflops
            if recipe.is_taught:
                passes += _TEACHER_PASS * cost(wide, classes, recipe.imgsz).gflops
            epoch = images * passes / self.gflops
        return recipe.epochs * epoch * _VALIDATION


@cache
def trainer(device: str) -> Trainer:
    """What ``--device`` means here, without importing torch for it."""
    gpu = None if device == "cpu" else _first_gpu()
    if gpu:
        return Trainer(gpu, None)
    return Trainer("this CPU", _PART_OF_PEAK * _matrix_gflops())


def _first_gpu() -> str | None:
    program = shutil.which("nvidia-smi")
    if program is None:
        return None
    try:
        words = (program, "--query-gpu=name", "--format=csv,noheader")
        done = subprocess.run(words, capture_output=True, text=True, timeout=5, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return next(iter(done.stdout.splitlines()), None)


def _matrix_gflops() -> float:
    """Of a float32 matrix product on all cores: the best of a third of a second."""
    matrix = np.ones((_SIZE, _SIZE), np.float32)
    best, end = float("inf"), time.perf_counter() + _PROBE_S
    while (start := time.perf_counter()) < end:
        matrix @ matrix
        best = min(best, time.perf_counter() - start)
    return 2e-9 * _SIZE**3 / best
