"""Run one training in its own process and pass on what it says."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edgeyolo.errors import EdgeyoloError, StoppedError
from edgeyolo.jobs import process
from edgeyolo.jobs.events import Event
from edgeyolo.progress import Progress
from edgeyolo.runs import Run
from edgeyolo.slim.checkpoint import open_checkpoint, save_checkpoint
from edgeyolo.train.folder import BEST, WORKER
from edgeyolo.train.loggers.said import Said

# Looks at each event; words end the training, and say why.
Watch = Callable[[Event], str]


_MUCH = 0.3  # of a training's time
_LIMITS = {
    "memory": "as many as the GPU holds, with a fifth of its free memory left",
    "images": "the GPU holds more, but then an epoch would have less than 16 steps",
    "use": "the GPU holds more, which would hardly be faster and leave fewer steps",
    "cpu": "without a GPU there is nothing to gain from more",
}


@dataclass(frozen=True, slots=True)
class Training:
    """A sort of training: its process, and the figure that its epochs are compared by."""

    module: str
    figure: str
    key: str  # of the figure in its last event


DETECTION = Training(WORKER, "mAP50-95", "map50_95")
CLASSIFICATION = Training("edgeyolo.train.classify_job", "top-1 accuracy", "top1")


class FellBehindError(EdgeyoloError):
    """A training that was ended early, as others do better; the message says by how much."""


def train(
    run: Run, name: str, result: Path, progress: Progress, watch: Watch | None = None
) -> None:
    """Train ``train/<name>/start.pt`` and put the best net at ``result``.

    The first Ctrl-C asks the job to stop after its batch, the second ends it.

    Raises:
        StoppedError: when it was asked to stop; ``edgeyolo resume`` goes on.
        FellBehindError: when ``watch`` ended it.
        EdgeyoloError: when it failed.
    """
    folder = run.training(name).resolve()
    train_in(run, folder, DETECTION, progress, watch)
    # Saved anew, without the optimizer and without the paths that the trainer's own file holds.
    save_checkpoint(open_checkpoint(folder / BEST), result, half=True)


def train_in(
    run: Run, folder: Path, training: Training, progress: Progress, watch: Watch | None = None
) -> None:
    """Train ``start.pt`` of a folder as its ``job.json`` says, unless that has been done.

    Raises:
        StoppedError, FellBehindError, EdgeyoloError: as :func:`train` does.
    """
    folder = folder.resolve()
    if process.is_finished(folder):
        return
    try:
        _attend(folder, training, progress, watch or (lambda event: ""))
    except StoppedError as error:
        hint = f"Go on with: edgeyolo resume {run.folder}"
        raise StoppedError(error.message, hint) from error


def _attend(folder: Path, training: Training, progress: Progress, watch: Watch) -> None:
    view, said = _View(progress, training), Said(folder, progress)
    reader, asked, behind = None, False, ""
    while True:
        try:
            reader = reader or process.start(folder, training.module)
            for event in process.follow(folder, reader):
                view.show(event)
                said.show()
                if not behind and (behind := watch(event)):
                    process.ask_to_stop(folder)
            if asked:
                raise StoppedError("Stopped; the training was at its end.")
            return
        except StoppedError:
            if behind and not asked:
                raise FellBehindError(behind) from None
            raise
        except KeyboardInterrupt:
            if asked:
                process.kill(folder)
                raise
            asked = True
            process.ask_to_stop(folder)
            progress.line("Stopping after this batch; press Ctrl-C again to end it at once.")


class _View:
    """Turns events into progress; an epoch counts with its validation, so the ETA is honest."""

    def __init__(self, progress: Progress, training: Training) -> None:
        self._progress, self._training = progress, training
        self._epochs = 1
        self._seconds: list[float] = []
        self._best: float | None = None

    def show(self, event: Event) -> None:
        """Show one event."""
        kind = event["event"]
        if kind == "started":
            self._epochs = event["epochs"]
            where = f", from epoch {event['resumed_at'] + 1}" if event["resumed_at"] else ""
            memory = _memory(event)
            self._progress.line(
                f"Training {event['images']} images on {event['device']}{memory}{where}."
            )
        elif kind == "halved":
            self._progress.line(f"Not enough GPU memory: batches of {event['batch']} from here on.")
        elif kind == "chosen":
            self._progress.line(f"Batches of {event['batch']} images: {_LIMITS[event['limit']]}.")
        elif kind == "batch":
            done = event["epoch"] - 1 + 0.9 * event["batch"] / event["batches"]
            self._progress.step(done, self._epochs, self._note(event["epoch"]))
        elif kind == "epoch":
            self._seconds.append(event["seconds"])
            self._best = event["best"]
            self._say_what_waits(event)
            self._progress.step(event["epoch"], self._epochs, self._note(event["epoch"]))
        elif kind == "finished" and event[self._training.key] is not None:
            best = f"{event[self._training.key]:.3f}"
            self._progress.line(f"Best {self._training.figure} on val while training: {best}.")

    def _say_what_waits(self, event: Event) -> None:
        """Once, of a GPU, after the epoch in which everything had to begin."""
        waited = event["waited_seconds"] / max(event["train_seconds"], 1e-3)
        if "gpu_mb" in event and event["epoch"] == 2 and waited > _MUCH:
            self._progress.line(
                f"The GPU waits for images {waited:.0%} of the time: more cores, or less "
                "augmentation (--set mosaic=0), would make it faster."
            )

    def _note(self, epoch: int) -> str:
        parts = [f"epoch {epoch}/{self._epochs}"]
        if self._seconds:
            parts.append(f"{statistics.median(self._seconds):.1f} s each")
        if self._best is not None:
            parts.append(f"best {self._training.figure} {self._best:.3f}")
        return ", ".join(parts)


def _memory(event: Event) -> str:
    if "gpu" not in event:
        return ""
    free, total = (event[key] / 1024 for key in ("free_mb", "total_mb"))
    return f" ({event['gpu']}, {free:.1f} of {total:.1f} GB free)"
