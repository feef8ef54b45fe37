"""How long, how fast and in which steps a net is trained, in ultralytics' settings."""

from __future__ import annotations

import math
from typing import Any

from edgeyolo.train.recipe import BATCH, Recipe

_NOMINAL = 64  # images that ultralytics gathers for a step of the optimizer
_MANY = 10_000  # steps of so many images from which on it takes MuSGD


def schedule(recipe: Recipe, images: int, classes: int) -> dict[str, Any]:
    """Settings for a training on ``images`` images.

    Long trainings are ultralytics' own. Shorter ones step after every batch, as gathering 64 images
    leaves a small set with two or three steps in an epoch; the optimizer and its rate are those
    that ultralytics takes for them.
    """
    batch = recipe.batch or BATCH
    settings: dict[str, Any] = {
        # A twentieth of the schedule: 3 of 60 epochs as usual, but not 3 of 14.
        "warmup_epochs": 0.05 * recipe.epochs,
        # Mosaic leaves for the last tenth, as 10 of the default 100 epochs.
        "close_mosaic": max(1, recipe.epochs // 10),
    }
    if recipe.patience is not None:
        settings["patience"] = recipe.patience
    if math.ceil(images / max(batch, _NOMINAL)) * recipe.epochs > _MANY:
        # ultralytics takes a rate that is named only with an optimizer that is.
        return settings | ({"optimizer": "SGD", "lr0": recipe.lr} if recipe.lr else {})
    return settings | {
        "nbs": batch,
        "optimizer": "AdamW",
        "lr0": recipe.lr or round(0.01 / (4 + classes), 6),
        "momentum": 0.9,
        "warmup_bias_lr": 0.0,
    }
