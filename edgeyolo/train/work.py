"""Train what a job says, on one device or on several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from edgeyolo.dataset.check import Sample
from edgeyolo.jobs.events import EventLog, Silent
from edgeyolo.slim.checkpoint import open_checkpoint
from edgeyolo.train.device import choose_device, device_names
from edgeyolo.train.folder import START
from edgeyolo.train.outcomes import OutOfMemoryError, is_out_of_memory
from edgeyolo.train.recipe import Job

if TYPE_CHECKING:
    from ultralytics.nn.tasks import DetectionModel


@dataclass(frozen=True, slots=True)
class Task:
    """A job, its folder, and the checked images of both splits."""

    folder: Path
    job: Job
    samples: dict[str, list[Sample]]
    names: tuple[str, ...]

    def teacher(self) -> DetectionModel | None:
        """The net that teaches, if one does."""
        return open_checkpoint(Path(self.job.teacher)) if self.job.teacher else None


def with_batch(task: Task, log: EventLog) -> Task:
    """The task with a batch that is a number: the largest that fits, where that was asked."""
    recipe = task.job.recipe
    if recipe.batch is not None:
        return task
    from edgeyolo.train.batch_size import find_batch

    devices = device_names(choose_device(recipe.device))
    net = open_checkpoint(task.folder / START)
    found = find_batch(net, task.teacher(), recipe, task.samples["train"], devices)
    job = replace(task.job, recipe=replace(recipe, batch=found.batch * len(devices)))
    job.save(task.folder)  # resuming keeps to it
    log.write("chosen", batch=job.recipe.batch, limit=found.limit)
    return replace(task, job=job)


def train(task: Task, log: EventLog) -> None:
    """Train to the end.

    Raises:
        StopRequestedError: when it was asked to stop.
        OutOfMemoryError: when the batch is too large.
        EdgeyoloError: when a process of several failed.
    """
    devices = device_names(choose_device(task.job.recipe.device))
    if len(devices) > 1:
        from edgeyolo.train.ranks import train_on

        train_on(devices, task)
    else:
        train_here(task, log)


def train_here(task: Task, log: EventLog | Silent, devices: Sequence[str] = ()) -> None:
    """The same in this process alone, which may be one of several."""
    from edgeyolo.train.trainer import Trainer

    trainer = Trainer(
        *(task.folder, task.job.recipe, task.samples, task.names, log, task.teacher()),
        ranks=max(1, len(devices)),
    )
    try:
        trainer.train()
    except RuntimeError as error:  # torch's own for this is one
        if not is_out_of_memory(error):
            raise
    else:
        return
    # Outside of the except block, whose traceback holds all tensors.
    raise OutOfMemoryError
