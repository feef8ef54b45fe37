"""What every training of ours does in another way than ultralytics' own.

Checkpoints are written whole or not at all, and nothing is taken out of them at the end: so it can
be taken up again at any moment.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgeyolo.device.engine import available_cores
from edgeyolo.errors import CheckpointError
from edgeyolo.slim.checkpoint import unpickle
from edgeyolo.train.device import choose_device, device_names
from edgeyolo.train.folder import LAST
from edgeyolo.train.recipe import Recipe

if TYPE_CHECKING:
    from ultralytics.engine.trainer import BaseTrainer

# Steps that the averaged net looks back: some epochs, and no more than ultralytics' own.
_EPOCHS, _LONGEST = 2, 10_000
_LOADERS = 15


class Lasting:
    """A parent to name before one of ultralytics' trainers."""

    last: Path
    best: Path

    def save_model(self) -> bool:
        """Write the checkpoints whole or not at all: a kill in between must leave the last ones."""
        final = self.last, self.best
        parts = tuple(path.with_suffix(".part") for path in final)
        for part in parts:  # of a kill in the middle
            part.unlink(missing_ok=True)
        self.last, self.best = parts
        try:
            saved = bool(super().save_model())  # type: ignore[misc]
            for part in parts:
                if part.exists():
                    _to_disk(part)
        except BaseException:
            for part in parts:  # on a full disk, what failed is told in the room that they took
                part.unlink(missing_ok=True)
            raise
        finally:
            self.last, self.best = final
        # The best first: resuming begins where the last one ends.
        for part, path in zip(reversed(parts), reversed(final), strict=True):
            if part.exists():
                part.replace(path)
        return saved

    def final_eval(self) -> None:
        """Nothing: the best net's figures are known from its own epoch."""


def saved_epochs(folder: Path) -> int:
    """Epochs that ``last.pt`` has behind it; 0 where there is none that can be read."""
    try:
        return int(unpickle(folder / LAST)["epoch"]) + 1
    except (CheckpointError, LookupError, TypeError, ValueError):
        return 0


def is_trained(folder: Path, recipe: Recipe) -> bool:
    """Whether ``last.pt`` is that of the last epoch, also of a training that ended early."""
    done = saved_epochs(folder)
    if done >= recipe.epochs:
        return True
    if not done or recipe.patience is None:
        return False
    best = unpickle(folder / LAST).get("stopper", {}).get("best_epoch", done)
    return bool(done - best >= recipe.patience)


def settings_of(folder: Path, recipe: Recipe) -> dict[str, Any]:
    """ultralytics' settings of any training of ours, before its schedule."""
    import torch

    device = choose_device(recipe.device)
    names = device_names(device)
    is_cpu = names[0] == "cpu"
    # bf16 needs no loss scaling, and not the check of fp16, which downloads a net.
    bf16 = not is_cpu and torch.cuda.is_bf16_supported(including_emulation=False)
    return {
        "model": "yolov8n.yaml",
        "data": "data.yaml",
        "epochs": recipe.epochs,
        "imgsz": recipe.imgsz,
        "batch": recipe.batch,
        "device": "cpu" if is_cpu else device,
        # Reading and augmenting is what a GPU waits for, so all cores but that of its own process
        # do it; more than were tried only fill the memory with batches.
        "workers": max(1, min(_LOADERS, available_cores() // len(names) - 1)),
        "cache": "" if is_cpu else "ram",  # where there is room for all images, twice
        "seed": recipe.seed,
        "amp": "bf16" if bf16 else False,
        "save_dir": str(folder),
        "exist_ok": True,
        "plots": False,
        "verbose": False,
        "deterministic": True,
    }


def set_average(trainer: BaseTrainer) -> None:
    """Let the averaged net, the one kept, look back a tenth of the steps so far, or two epochs.

    ultralytics' average reaches that far back only after tens of thousands of steps; after the few
    hundred of a small data set it is little more than the last of the noisy weights.
    """

    def decay(steps: int) -> float:
        longest = min(_LONGEST, _EPOCHS * len(trainer.train_loader))
        return min(steps / (steps + 9), 1 - 1 / longest)

    trainer.ema.decay = decay


def _to_disk(path: Path) -> None:
    """After a loss of power, a file that was only renamed may be there and empty."""
    with path.open("rb") as stream:
        os.fsync(stream.fileno())
