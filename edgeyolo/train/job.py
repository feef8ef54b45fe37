"""The child process: ``python -m edgeyolo.train.job FOLDER`` trains what ``job.json`` says."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from edgeyolo.dataset.check import load_split
from edgeyolo.dataset.read import read_dataset
from edgeyolo.errors import EdgeyoloError, ExitCode
from edgeyolo.jobs.child import work_in
from edgeyolo.jobs.events import EventLog, all_events
from edgeyolo.slim.checkpoint import open_checkpoint
from edgeyolo.train.device import free_memory
from edgeyolo.train.folder import BEST
from edgeyolo.train.recipe import Job, Recipe
from edgeyolo.workshop import open_workshop


def run(folder: Path) -> ExitCode:
    """Train, and say in ``events.jsonl`` how it went."""
    return work_in(folder, lambda log: _train(folder, log))


def _train(folder: Path, log: EventLog) -> ExitCode:
    started = time.monotonic()
    job = Job.load(folder)
    dataset = read_dataset(Path(job.data))
    samples = {split: load_split(dataset, split) for split in ("train", "val")}
    open_workshop()
    from edgeyolo.train.trainer import StopRequestedError, Trainer, saved_epochs

    if saved_epochs(folder) >= job.recipe.epochs:  # killed between the last epoch and the end
        log.write("finished", **_result(folder, job.recipe.epochs, started))
        return ExitCode.OK
    teacher = open_checkpoint(Path(job.teacher)) if job.teacher else None
    while True:
        trainer = Trainer(folder, job.recipe, samples, dataset.names, log, teacher)
        try:
            trainer.train()
        except StopRequestedError:
            log.write("stopped", epoch=trainer.epoch)
            return ExitCode.STOPPED
        except RuntimeError as error:  # torch's own for this is one
            if "out of memory" not in str(error).lower():
                raise
            job = replace(job, recipe=_halved(job.recipe))
        else:
            log.write("finished", **_result(folder, trainer.epoch + 1, started))
            return ExitCode.OK
        # Outside of the except block, whose traceback holds all tensors.
        job.save(folder)  # resuming keeps to it
        log.write("halved", batch=job.recipe.batch)
        del trainer
        free_memory()


def _halved(recipe: Recipe) -> Recipe:
    if recipe.batch == 1:
        raise EdgeyoloError(
            "There is not enough GPU memory for a single image.",
            "Choose a smaller --imgsz, end what else uses the GPU, or train with --device cpu.",
        )
    return replace(recipe, batch=recipe.batch // 2)


def _result(folder: Path, epochs: int, started: float) -> dict[str, Any]:
    known = [event["best"] for event in all_events(folder) if event["event"] == "epoch"]
    return {
        "epochs": epochs,
        "seconds": round(time.monotonic() - started, 1),
        "map50_95": known[-1] if known else None,
        "checkpoint": BEST,
    }


if __name__ == "__main__":
    sys.exit(run(Path(sys.argv[1])))
