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
from edgeyolo.jobs.events import EventLog
from edgeyolo.slim.checkpoint import unpickle
from edgeyolo.train.device import device_names, free_memory
from edgeyolo.train.folder import BEST
from edgeyolo.train.lasting import is_trained, saved_epochs
from edgeyolo.train.loggers.start import start_loggers
from edgeyolo.train.outcomes import OutOfMemoryError, StopRequestedError
from edgeyolo.train.recipe import Job, Recipe
from edgeyolo.train.work import Task, train, with_batch
from edgeyolo.workshop import open_workshop


def run(folder: Path) -> ExitCode:
    """Train, and say in ``events.jsonl`` how it went."""
    return work_in(folder, lambda log: _train(folder, log))


def _train(folder: Path, log: EventLog) -> ExitCode:
    started = time.monotonic()
    start_loggers(folder)
    job = Job.load(folder)
    open_workshop()
    # Killed between the last epoch and the end, there is nothing left to do.
    if not is_trained(folder, job.recipe):
        dataset = read_dataset(Path(job.data))
        samples = {split: load_split(dataset, split) for split in ("train", "val")}
        try:
            _fit(with_batch(Task(folder, job, samples, dataset.names), log), log)
        except StopRequestedError:
            log.write("stopped", epoch=saved_epochs(folder))
            return ExitCode.STOPPED
    log.write("finished", **_result(folder, started))
    return ExitCode.OK


def _fit(task: Task, log: EventLog) -> None:
    """Train to the end, with half the batch wherever the memory is not enough."""
    while True:
        try:
            train(task, log)
            return
        except OutOfMemoryError:
            job = Job.load(task.folder)  # ultralytics may have halved it already
            task = replace(task, job=replace(job, recipe=halved(job.recipe)))
        task.job.save(task.folder)  # resuming keeps to it
        log.write("halved", batch=task.job.recipe.batch)
        free_memory()


def halved(recipe: Recipe) -> Recipe:
    """The same with half the batch.

    Raises:
        EdgeyoloError: when that is none.
    """
    count = len(device_names(recipe.device))
    batch = (recipe.batch or 0) // (2 * count) * count
    if not batch:
        raise EdgeyoloError(
            "There is not enough GPU memory for a single image.",
            "Choose a smaller --imgsz, end what else uses the GPU, or train with --device cpu.",
        )
    return replace(recipe, batch=batch)


def _result(folder: Path, started: float) -> dict[str, Any]:
    kept = unpickle(folder / BEST)["train_metrics"]
    return {
        "epochs": saved_epochs(folder),
        "seconds": round(time.monotonic() - started, 1),
        "map50_95": round(float(kept["metrics/mAP50-95(B)"]), 5),
        "checkpoint": BEST,
    }


if __name__ == "__main__":
    sys.exit(run(Path(sys.argv[1])))
