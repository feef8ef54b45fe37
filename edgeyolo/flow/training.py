"""Run one training in its own process and pass on what it says."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from pathlib import Path

from edgeyolo.errors import EdgeyoloError, StoppedError
from edgeyolo.jobs import process
from edgeyolo.jobs.events import Event
from edgeyolo.progress import Progress
from edgeyolo.runs import Run
from edgeyolo.slim.checkpoint import open_checkpoint, save_checkpoint
from edgeyolo.train.folder import BEST

# Looks at each event; words end the training, and say why.
Watch = Callable[[Event], str]


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
    if not process.is_finished(folder):
        try:
            _attend(folder, progress, watch or (lambda event: ""))
        except StoppedError as error:
            raise StoppedError(
                error.message, f"Go on with: edgeyolo resume {run.folder}"
            ) from error
    # Saved anew, without the optimizer and without the paths that the trainer's own file holds.
    save_checkpoint(open_checkpoint(folder / BEST), result, half=True)


def _attend(folder: Path, progress: Progress, watch: Watch) -> None:
    view = _View(progress)
    reader, asked, behind = None, False, ""
    while True:
        try:
            reader = reader or process.start(folder, "edgeyolo.train.job")
            for event in process.follow(folder, reader):
                view.show(event)
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

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
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
        elif kind == "batch":
            done = event["epoch"] - 1 + 0.9 * event["batch"] / event["batches"]
            self._progress.step(done, self._epochs, self._note(event["epoch"]))
        elif kind == "epoch":
            self._seconds.append(event["seconds"])
            self._best = event["best"]
            self._progress.step(event["epoch"], self._epochs, self._note(event["epoch"]))
        elif kind == "finished" and event["map50_95"] is not None:
            self._progress.line(f"Best mAP50-95 on val while training: {event['map50_95']:.3f}.")

    def _note(self, epoch: int) -> str:
        parts = [f"epoch {epoch}/{self._epochs}"]
        if self._seconds:
            parts.append(f"{statistics.median(self._seconds):.1f} s each")
        if self._best is not None:
            parts.append(f"best mAP50-95 {self._best:.3f}")
        return ", ".join(parts)


def _memory(event: Event) -> str:
    if "gpu" not in event:
        return ""
    free, total = (event[key] / 1024 for key in ("free_mb", "total_mb"))
    return f" ({event['gpu']}, {free:.1f} of {total:.1f} GB free)"
