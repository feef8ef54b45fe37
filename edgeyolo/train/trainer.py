"""ultralytics' detection trainer with our data, our starting weights and our events."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import distributed
from ultralytics.models.yolo.detect import DetectionTrainer
from ultralytics.nn.tasks import DetectionModel
from ultralytics.utils import RANK
from ultralytics.utils.torch_utils import unwrap_model

from edgeyolo.dataset.check import Sample
from edgeyolo.jobs.events import EventLog, Silent
from edgeyolo.slim.checkpoint import open_checkpoint, spec_of
from edgeyolo.train.color import jitter
from edgeyolo.train.data import SampleDataset
from edgeyolo.train.device import gpu_memory, set_threads
from edgeyolo.train.distill import Lesson, criterion
from edgeyolo.train.folder import LAST, START
from edgeyolo.train.lasting import Lasting, saved_epochs, set_average, settings_of
from edgeyolo.train.recipe import Recipe
from edgeyolo.train.sample_images import show_samples
from edgeyolo.train.schedule import schedule
from edgeyolo.train.telling import tell, tell_epoch

_LEADS = RANK in {-1, 0}  # of several processes the first one tells how it goes


class Trainer(Lasting, DetectionTrainer):  # type: ignore[misc]
    """Trains ``folder/start.pt``; results go to ``folder/weights/{best,last}.pt``."""

    def __init__(
        self,
        folder: Path,
        recipe: Recipe,
        samples: dict[str, list[Sample]],
        names: tuple[str, ...],
        log: EventLog | Silent,
        teacher: DetectionModel | None = None,
        ranks: int = 1,
    ) -> None:
        """``ranks`` processes train together, of which this is one."""
        self._folder, self._samples, self._names, self._log = folder, samples, names, log
        self._teacher: DetectionModel | None = teacher
        self._lesson: Lesson | None = None
        self._distill, self._features = recipe.distill, recipe.distill_features
        overrides = settings_of(folder, recipe)
        overrides |= schedule(recipe, len(samples["train"]), len(names))
        overrides["freeze"] = recipe.frozen_layers(spec_of(open_checkpoint(folder / START)))
        overrides |= recipe.settings
        if saved_epochs(folder):
            overrides["resume"] = str(folder / LAST)
        # Before anything of ours is there; by one, as who asks takes some of each GPU.
        self._gpu = gpu_memory(str(overrides["device"])) if _LEADS else {}
        super().__init__(overrides=overrides)
        self.world_size = ranks
        set_threads(self.device.type == "cpu", ranks)
        self.add_callback("on_pretrain_routine_end", set_average)
        self.add_callback("on_pretrain_routine_end", _set_criterion)
        if not _LEADS:
            return
        tell(self)
        show_samples(self, recipe)
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
            colors=self.device.type == "cpu",
            imgsz=self.args.imgsz,
            batch_size=batch,
            augment=mode == "train",
            hyp=self.args,
            rect=False,
            cache=self.args.cache or None,
            stride=max(int(unwrap_model(self.model).stride.max()), 32),
            pad=0.0,
            data=self.data,
        )

    def preprocess_batch(self, batch: dict[str, Any]) -> dict[str, Any]:
        """To the device, where colors are changed if it is a GPU."""
        batch = super().preprocess_batch(batch)
        if self.device.type != "cpu":
            gains = self.args.hsv_h, self.args.hsv_s, self.args.hsv_v
            batch["img"] = jitter(batch["img"], *gains)
        return batch

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

    def _load_checkpoint_state(self, ckpt: dict[str, Any]) -> None:
        """Also after a loss that was no number, when ultralytics makes the averaged net anew."""
        super()._load_checkpoint_state(ckpt)
        set_average(self)
        _set_criterion(self)

    def _setup_ddp(self) -> None:
        """Meet the other processes, which ultralytics does for GPUs alone."""
        if self.device.type == "cpu":
            distributed.init_process_group("gloo", rank=RANK, world_size=self.world_size)
        else:
            super()._setup_ddp()

    def best_map(self) -> float:
        """mAP50-95 on val of the best epoch, which ultralytics takes as fitness."""
        return float(self.best_fitness or 0.0)


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


def _on_fit_epoch_end(trainer: Trainer) -> None:
    tell_epoch(
        trainer,
        map50_95=round(float(trainer.metrics["metrics/mAP50-95(B)"]), 5),
        map50=round(float(trainer.metrics["metrics/mAP50(B)"]), 5),
        best=round(trainer.best_map(), 5),
    )
