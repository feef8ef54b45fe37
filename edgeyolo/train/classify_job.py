"""The child process: ``python -m edgeyolo.train.classify_job FOLDER`` trains a classifier.

``job.json`` says on which image folder; its ``start.pt`` is the backbone of a detector with a
classifier's head.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from edgeyolo.dataset.image_folder import ImageFolder, read_image_folder
from edgeyolo.errors import ExitCode
from edgeyolo.jobs.child import work_in
from edgeyolo.jobs.events import EventLog
from edgeyolo.slim.checkpoint import unpickle
from edgeyolo.train.device import free_memory
from edgeyolo.train.folder import BEST
from edgeyolo.train.job import halved
from edgeyolo.train.lasting import saved_epochs
from edgeyolo.train.outcomes import StopRequestedError, is_out_of_memory
from edgeyolo.train.recipe import Job
from edgeyolo.workshop import open_workshop


def run(folder: Path) -> ExitCode:
    """Train, and say in ``events.jsonl`` how it went."""
    return work_in(folder, lambda log: _train(folder, log))


def _train(folder: Path, log: EventLog) -> ExitCode:
    started = time.monotonic()
    job = Job.load(folder)
    images = read_image_folder(Path(job.data), job.recipe.seed)
    open_workshop()
    # Killed between the last epoch and the end, there is nothing left to do.
    if saved_epochs(folder) < job.recipe.epochs:
        try:
            _fit(folder, job, images, log)
        except StopRequestedError:
            log.write("stopped", epoch=saved_epochs(folder))
            return ExitCode.STOPPED
    log.write("finished", **_result(folder, images, started))
    return ExitCode.OK


def _fit(folder: Path, job: Job, images: ImageFolder, log: EventLog) -> None:
    """Train to the end, with half the batch wherever the memory is not enough."""
    while not _fits(folder, job, images, log):
        # Outside of the except block, whose traceback holds all tensors.
        recipe = Job.load(folder).recipe  # ultralytics may have halved it already
        job = replace(job, recipe=halved(recipe))
        job.save(folder)  # resuming keeps to it
        log.write("halved", batch=job.recipe.batch)
        free_memory()


def _fits(folder: Path, job: Job, images: ImageFolder, log: EventLog) -> bool:
    from edgeyolo.train.classify_trainer import ClassifyTrainer

    trainer = ClassifyTrainer(folder, job.recipe, images, log)
    try:
        trainer.train()
    except RuntimeError as error:  # torch's own for this is one
        if not is_out_of_memory(error):
            raise
        return False
    return True


def _result(folder: Path, images: ImageFolder, started: float) -> dict[str, Any]:
    """Accuracy of the net that is kept: that of the best epoch, chosen by it on the same images."""
    kept = unpickle(folder / BEST)
    return {
        "epochs": saved_epochs(folder),
        "seconds": round(time.monotonic() - started, 1),
        "best_epoch": kept["epoch"] + 1,
        "top1": kept["train_metrics"]["metrics/accuracy_top1"],
        "top5": kept["train_metrics"]["metrics/accuracy_top5"],
        "images": len(images.val),
        "checkpoint": BEST,
    }


if __name__ == "__main__":
    sys.exit(run(Path(sys.argv[1])))
