"""ultralytics' classification trainer with our images, our starting weights and our events."""

from __future__ import annotations

from copy import copy
from pathlib import Path
from typing import Any

import torch
from ultralytics.models.yolo.classify import ClassificationTrainer, ClassificationValidator
from ultralytics.nn.tasks import ClassificationModel

from edgeyolo.dataset.image_folder import ImageFolder
from edgeyolo.jobs.events import EventLog
from edgeyolo.train.classifier import open_classifier
from edgeyolo.train.device import gpu_memory, set_threads
from edgeyolo.train.folder import LAST, START
from edgeyolo.train.lasting import Lasting, saved_epochs, set_average, settings_of
from edgeyolo.train.pictures import Pictures
from edgeyolo.train.recipe import Recipe
from edgeyolo.train.schedule import schedule
from edgeyolo.train.telling import tell, tell_epoch

_SPLITS = ("train", "val")


class Validator(ClassificationValidator):  # type: ignore[misc]
    """The best epoch is the one that is right most often.

    ultralytics' measure is half of it and half how often the class is among the first five, as it
    always is where there are no more than these.
    """

    def get_stats(self) -> dict[str, float]:
        """Top-1 and top-5 accuracy, and what the epochs are compared by."""
        return {**super().get_stats(), "fitness": self.metrics.top1}


class ClassifyTrainer(Lasting, ClassificationTrainer):  # type: ignore[misc]
    """Trains ``folder/start.pt``; results go to ``folder/weights/{best,last}.pt``."""

    def __init__(self, folder: Path, recipe: Recipe, images: ImageFolder, log: EventLog) -> None:
        self._folder, self._images, self._log = folder, images, log
        overrides = settings_of(folder, recipe)
        overrides |= schedule(recipe, len(images.train), len(images.names))
        overrides |= recipe.settings | {"cache": ""}
        if saved_epochs(folder):
            overrides["resume"] = str(folder / LAST)
        self._gpu = gpu_memory(str(overrides["device"]))  # before anything of ours is there
        super().__init__(overrides=overrides)
        set_threads(self.device.type == "cpu")
        self.add_callback("on_pretrain_routine_end", set_average)
        tell(self)
        self.add_callback("on_fit_epoch_end", _on_fit_epoch_end)

    def get_dataset(self) -> dict[str, Any]:
        """Splits by name: :meth:`build_dataset` gets them handed back."""
        names = self._images.names
        splits = {split: split for split in _SPLITS}
        return {**splits, "names": dict(enumerate(names)), "nc": len(names), "channels": 3}

    def build_dataset(
        self, img_path: str, mode: str = "train", batch: int | None = None
    ) -> Pictures:
        """The images of a split, augmented for training."""
        pictures = self._images.train if img_path == "train" else self._images.val
        return Pictures(pictures, self.args, augment=mode == "train")

    def get_model(
        self, cfg: Any = None, weights: ClassificationModel | None = None, verbose: bool = True
    ) -> ClassificationModel:
        """The starting net, or on resuming the one that ``last.pt`` holds."""
        net = weights if weights is not None else open_classifier(self._folder / START)
        for parameter in net.parameters():
            parameter.requires_grad_(True)
        net = net.float()
        return net.to(memory_format=torch.channels_last) if self.device.type == "cpu" else net

    def get_validator(self) -> Validator:
        """Ours."""
        return Validator(
            self.test_loader, self.save_dir, args=copy(self.args), _callbacks=self.callbacks
        )

    def _load_checkpoint_state(self, ckpt: dict[str, Any]) -> None:
        """Also after a loss that was no number, when ultralytics makes the averaged net anew."""
        super()._load_checkpoint_state(ckpt)
        set_average(self)


def _on_fit_epoch_end(trainer: ClassifyTrainer) -> None:
    tell_epoch(
        trainer,
        top1=round(float(trainer.metrics["metrics/accuracy_top1"]), 6),
        top5=round(float(trainer.metrics["metrics/accuracy_top5"]), 6),
        best=round(float(trainer.best_fitness or 0.0), 6),
    )
