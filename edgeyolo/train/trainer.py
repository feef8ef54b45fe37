"""ultralytics' detection trainer with our data, our starting weights and our events."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from ultralytics.models.yolo.detect import DetectionTrainer
from ultralytics.nn.tasks import DetectionModel
from ultralytics.utils.torch_utils import unwrap_model

from edgeyolo.dataset.check import Sample
from edgeyolo.errors import CheckpointError
from edgeyolo.jobs.events import EventLog
from edgeyolo.jobs.names import STOP
from edgeyolo.slim.checkpoint import open_checkpoint, spec_of, unpickle
from edgeyolo.train.data import SampleDataset
from edgeyolo.train.device import available_threads, choose_device, gpu_memory
from edgeyolo.train.distill import Lesson, criterion
from edgeyolo.train.folder import LAST, START
from edgeyolo.train.recipe import Job, Recipe
from edgeyolo.train.schedule import schedule

# Steps that the averaged net looks back: some epochs, and no more than ultralytics' own.
_EPOCHS, _LONGEST = 2, 10_000
_LOADERS = 8  # processes that read and augment images for a GPU, as many as ultralytics takes


class StopRequestedError(Exception):
    """Ends the training loop; unlike the trainer's own stop it leaves a resumable state."""


class Trainer(DetectionTrainer):  # type: ignore[misc]
    """Trains ``folder/start.pt``; results go to ``folder/weights/{best,last}.pt``."""

    last: Path
    best: Path

    def __init__(
        self,
        folder: Path,
        recipe: Recipe,
        samples: dict[str, list[Sample]],
        names: tuple[str, ...],
        log: EventLog,
        teacher: DetectionModel | None = None,
    ) -> None:
        self._folder, self._samples, self._names, self._log = folder, samples, names, log
        self._teacher: DetectionModel | None = teacher
        self._lesson: Lesson | None = None
        self._distill, self._features = recipe.distill, recipe.distill_features
        overrides = _overrides(folder, recipe)
        overrides |= schedule(recipe, len(samples["train"]), len(names))
        overrides["freeze"] = recipe.frozen_layers(spec_of(open_checkpoint(folder / START)))
        overrides |= recipe.settings
        if saved_epochs(folder):
            overrides["resume"] = str(folder / LAST)
        self._gpu = gpu_memory(str(overrides["device"]))  # before anything of ours is there
        super().__init__(overrides=overrides)
        self._told_batch = recipe.batch
        if self.device.type == "cpu":  # ultralytics leaves one core idle, half of a small machine
            torch.set_num_threads(available_threads())
        self._epoch_started = time.monotonic()
        self.add_callback("on_pretrain_routine_end", _set_average)
        self.add_callback("on_pretrain_routine_end", _set_criterion)
        self.add_callback("on_train_start", _on_train_start)
        self.add_callback("on_train_epoch_start", _on_train_epoch_start)
        self.add_callback("on_train_batch_end", _on_train_batch_end)
        self.add_callback("on_fit_epoch_end", _on_fit_epoch_end)

    def get_dataset(self) -> dict[str, Any]:
        """Splits by name: :meth:`build_dataset` gets them handed back."""
        return {
            "train": "train",
            "val": "val",
            "names": dict(enumerate(self._names)),
            "nc": len(self._names),
            "channels": 3,
        }

    def build_dataset(
        self, img_path: str, mode: str = "train", batch: int | None = None
    ) -> SampleDataset:
        """The samples of a split, augmented for training.

        Validation images are square, as on the board, so that the best epoch is the best there.
        """
        return SampleDataset(
            self._samples[img_path],
            imgsz=self.args.imgsz,
            batch_size=batch,
            augment=mode == "train",
            hyp=self.args,
            rect=False,
            cache=None,
            stride=max(int(unwrap_model(self.model).stride.max()), 32),
            pad=0.0,
            data=self.data,
        )

    def get_model(
        self, cfg: Any = None, weights: DetectionModel | None = None, verbose: bool = True
    ) -> DetectionModel:
        """The starting net, or on resuming the one that ``last.pt`` holds."""
        net = weights if weights is not None else open_checkpoint(self._folder / START)
        for parameter in net.parameters():
            parameter.requires_grad_(True)
        net = net.float()
        # A step of a small net takes less time this way (tools/bench_training.py); on a GPU
        # ultralytics does the same.
        return net.to(memory_format=torch.channels_last) if self.device.type == "cpu" else net

    def save_model(self) -> bool:
        """Write the checkpoints whole or not at all: a kill in between must leave the last ones."""
        final = self.last, self.best
        parts = tuple(path.with_suffix(".part") for path in final)
        for part in parts:  # of a kill in the middle
            part.unlink(missing_ok=True)
        self.last, self.best = parts
        try:
            saved = bool(super().save_model())
        finally:
            self.last, self.best = final
        # The best first: resuming begins where the last one ends.
        for part, path in zip(reversed(parts), reversed(final), strict=True):
            if part.exists():
                _to_disk(part)
                part.replace(path)
        return saved

    def _load_checkpoint_state(self, ckpt: dict[str, Any]) -> None:
        """Also after a loss that was no number, when ultralytics makes the averaged net anew."""
        super()._load_checkpoint_state(ckpt)
        _set_average(self)
        _set_criterion(self)

    def final_eval(self) -> None:
        """Nothing: the best net's figures are known from its own epoch."""

    def best_map(self) -> float:
        """mAP50-95 on val of the best epoch, which ultralytics takes as fitness."""
        return float(self.best_fitness or 0.0)


def _to_disk(path: Path) -> None:
    """After a loss of power, a file that was only renamed may be there and empty."""
    with path.open("rb") as stream:
        os.fsync(stream.fileno())


def saved_epochs(folder: Path) -> int:
    """Epochs that ``last.pt`` has behind it; 0 where there is none that can be read."""
    try:
        return int(unpickle(folder / LAST)["epoch"]) + 1
    except (CheckpointError, LookupError, TypeError, ValueError):
        return 0


def _overrides(folder: Path, recipe: Recipe) -> dict[str, Any]:
    device = choose_device(recipe.device)
    # bf16 needs no loss scaling, and not the check of fp16, which downloads a net.
    bf16 = device != "cpu" and torch.cuda.is_bf16_supported(including_emulation=False)
    return {
        "model": "yolov8n.yaml",
        "data": "data.yaml",
        "epochs": recipe.epochs,
        "imgsz": recipe.imgsz,
        "batch": recipe.batch,
        "device": device,
        "workers": min(_LOADERS, available_threads()),
        "seed": recipe.seed,
        "amp": "bf16" if bf16 else False,
        "save_dir": str(folder),
        "exist_ok": True,
        "plots": False,
        "verbose": False,
        "deterministic": True,
    }


def _set_average(trainer: Trainer) -> None:
    """Let the averaged net, the one kept, look back a tenth of the steps so far, or two epochs.

    ultralytics' average reaches that far back only after tens of thousands of steps; after the few
    hundred of a small data set it is little more than the last of the noisy weights.
    """
    longest = min(_LONGEST, _EPOCHS * len(trainer.train_loader))  # 1 / (1 - decay)
    trainer.ema.decay = lambda steps: min(steps / (steps + 9), 1 - 1 / longest)


def _set_criterion(trainer: Trainer) -> None:
    """Add the teacher's term to the loss of the net, and an empty one to the averaged net's.

    Validation computes its loss with the averaged net and expects the same terms.
    """
    if trainer._teacher is None or not (trainer._distill or trainer._features):
        return
    student, averaged = unwrap_model(trainer.model), trainer.ema.ema
    trainer._lesson = trainer._lesson or Lesson(
        trainer._teacher, student, trainer._distill, trainer._features
    )
    student.criterion = criterion(student, trainer._lesson)
    averaged.criterion = criterion(averaged, None)


def _on_train_start(trainer: Trainer) -> None:
    trainer._log.write(
        "started",
        epochs=trainer.epochs,
        images=len(trainer.train_loader.dataset),
        batches=len(trainer.train_loader),
        device=str(trainer.device),
        resumed_at=trainer.start_epoch,
        batch=trainer.batch_size,
        **trainer._gpu,
    )


def _on_train_epoch_start(trainer: Trainer) -> None:
    trainer._epoch_started = time.monotonic()
    trainer._batch = 0
    # In the first epoch ultralytics itself halves a batch that does not fit.
    if trainer.batch_size < trainer._told_batch:
        trainer._told_batch = trainer.batch_size
        job = Job.load(trainer._folder)
        replace(job, recipe=replace(job.recipe, batch=trainer.batch_size)).save(trainer._folder)
        trainer._log.write("halved", batch=trainer.batch_size)


def _on_train_batch_end(trainer: Trainer) -> None:
    trainer._batch += 1
    batches = len(trainer.train_loader)
    trainer._log.seldom("batch", epoch=trainer.epoch + 1, batch=trainer._batch, batches=batches)
    if (trainer._folder / STOP).exists():
        raise StopRequestedError


def _on_fit_epoch_end(trainer: Trainer) -> None:
    losses = {name: round(float(value), 5) for name, value in (trainer.tloss or {}).items()}
    trainer._log.write(
        "epoch",
        epoch=trainer.epoch + 1,
        epochs=trainer.epochs,
        seconds=round(time.monotonic() - trainer._epoch_started, 3),
        loss=losses,
        lr=round(next(iter(trainer.lr.values())), 8),
        map50_95=round(float(trainer.metrics["metrics/mAP50-95(B)"]), 5),
        map50=round(float(trainer.metrics["metrics/mAP50(B)"]), 5),
        best=round(trainer.best_map(), 5),
    )
