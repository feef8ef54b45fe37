"""A training tells how far it is in its events, and looks whether it is asked to stop."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import torch

from edgeyolo.jobs.names import STOP
from edgeyolo.train.outcomes import StopRequestedError
from edgeyolo.train.recipe import Job

# What is told is a trainer of ultralytics with ``_folder``, ``_log`` and ``_gpu``: the job's folder
# and events, and what :func:`edgeyolo.train.device.gpu_memory` said before it began.


def tell(trainer: Any) -> None:
    """Let a trainer tell of its start, its batches and smaller batches than it was asked for."""
    trainer._told_batch = trainer.batch_size
    trainer._epoch_started = time.monotonic()
    trainer.add_callback("on_train_start", _on_train_start)
    trainer.add_callback("on_train_epoch_start", _on_train_epoch_start)
    trainer.add_callback("on_train_batch_start", _on_train_batch_start)
    trainer.add_callback("on_train_batch_end", _on_train_batch_end)
    trainer.add_callback("on_train_epoch_end", _on_train_epoch_end)


def tell_epoch(trainer: Any, **measured: float) -> None:
    """Tell of an epoch that is validated and saved."""
    losses = {name: round(float(value), 5) for name, value in (trainer.tloss or {}).items()}
    trainer._log.write(
        "epoch",
        epoch=trainer.epoch + 1,
        epochs=trainer.epochs,
        seconds=round(time.monotonic() - trainer._epoch_started, 3),
        train_seconds=round(trainer._train_seconds, 3),
        waited_seconds=round(trainer._waited, 3),
        **_peak_memory(trainer),
        loss=losses,
        lr=round(next(iter(trainer.lr.values())), 8),
        **measured,
    )


def _on_train_start(trainer: Any) -> None:
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


def _on_train_epoch_start(trainer: Any) -> None:
    trainer._epoch_started = time.monotonic()
    trainer._batch_ended = trainer._epoch_started
    trainer._batch, trainer._waited = 0, 0.0
    # In the first epoch ultralytics itself halves a batch that does not fit.
    if trainer.batch_size < trainer._told_batch:
        trainer._told_batch = trainer.batch_size
        job = Job.load(trainer._folder)
        replace(job, recipe=replace(job.recipe, batch=trainer.batch_size)).save(trainer._folder)
        trainer._log.write("halved", batch=trainer.batch_size)


def _on_train_epoch_end(trainer: Any) -> None:
    trainer._train_seconds = time.monotonic() - trainer._epoch_started


def _on_train_batch_start(trainer: Any) -> None:
    trainer._waited += time.monotonic() - trainer._batch_ended


def _on_train_batch_end(trainer: Any) -> None:
    trainer._batch_ended = time.monotonic()
    trainer._batch += 1
    batches = len(trainer.train_loader)
    trainer._log.seldom("batch", epoch=trainer.epoch + 1, batch=trainer._batch, batches=batches)
    if (trainer._folder / STOP).exists():
        raise StopRequestedError


def _peak_memory(trainer: Any) -> dict[str, int]:
    if trainer.device.type != "cuda":
        return {}
    return {"gpu_mb": torch.cuda.max_memory_reserved(trainer.device) >> 20}
