"""Weights & Biases, in the mode that the user's environment says (``WANDB_MODE=offline``)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from uuid import uuid4

# Before it is imported: no reports of errors to its makers.
os.environ.setdefault("WANDB_ERROR_REPORTING", "false")

import wandb

from edgeyolo.train.loggers.logger import PROJECT, Curve, Status, Training, is_shown


class Logger:
    """One run; its files are in ``wandb/`` of the training's folder, or in ``WANDB_DIR``."""

    def begin(self, training: Training, notes: dict[str, Any], epoch: int) -> None:
        """The same run again where there is one. Neither code nor what the machine is are sent."""
        self._epochs = int(training.settings["epochs"])
        notes.setdefault("run_id", uuid4().hex[:16])
        self._run = wandb.init(
            project=os.environ.get("WANDB_PROJECT", PROJECT),
            name=training.run,
            id=notes["run_id"],
            resume="allow",
            dir=os.environ.get("WANDB_DIR", str(training.folder)),
            config=dict(training.settings),
            settings=wandb.Settings(
                console="off",
                disable_code=True,
                disable_git=True,
                quiet=True,
                x_disable_machine_info=True,
                x_disable_meta=True,
                x_disable_stats=True,
                x_save_requirements=False,
            ),
        )

    def take_back(self, epoch: int) -> bool:
        """Steps of a run only grow."""
        return False

    def scalars(self, epoch: int, values: dict[str, float]) -> None:
        """At the step of the epoch."""
        self._run.log({"epoch": epoch, **values}, step=epoch)

    def image(self, name: str, path: Path, epoch: int) -> None:
        """The file as it is."""
        self._run.log({name: wandb.Image(str(path))}, step=epoch)

    def curves(self, curves: list[Curve], epoch: int) -> None:
        """A table of the mean over classes, as a line; seldom, as each is an artifact."""
        if not is_shown(epoch, self._epochs):
            return
        mean = curves[0]
        rows = list(map(list, zip(mean.recall, mean.precision, strict=True)))
        table = wandb.Table(data=rows, columns=["recall", "precision"])
        plot = wandb.plot.line(table, "recall", "precision", title="Precision and recall on val")
        self._run.log({"val/pr": plot}, step=epoch)

    def graph(self, checkpoint: Path, imgsz: int) -> None:
        """It draws graphs only of nets in its own process."""

    def end(self, status: Status, checkpoint: Path | None) -> None:
        """Send what is left; the best net becomes an artifact."""
        if checkpoint is not None:
            artifact = wandb.Artifact(f"{self._run.id}-best", type="model")
            artifact.add_file(str(checkpoint))
            self._run.log_artifact(artifact)
        self._run.finish(exit_code=0 if status == "finished" else 1)
