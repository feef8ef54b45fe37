"""The process of one logger: it follows the training's events and tells them.

It remembers its place after every epoch. What is told again because it was killed in between, or
because the training was, is either taken back by the backend first or left out.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer

from edgeyolo.errors import MissingDependencyError
from edgeyolo.jobs import process
from edgeyolo.jobs.events import Event, EventReader, events_size
from edgeyolo.train.folder import BEST, START
from edgeyolo.train.loggers.logger import Logger, Status, Training, read_curves
from edgeyolo.train.loggers.memory import Memory, log_file, tell
from edgeyolo.train.loggers.names import LOGGERS
from edgeyolo.train.recipe import Job

_POLL = 0.5  # seconds
_MISSED = 3  # looks that do not find the training: one may come while it is being set up
_PATIENCE_S = 60.0


def feed(folder: Path, name: str, patience_s: float = _PATIENCE_S) -> None:
    """Tell a logger of a training until that has ended; whatever it raises is raised."""
    memory = Memory.load(folder, name)
    if memory.ended_at and memory.ended_at == events_size(folder):
        return
    with _watched(folder, name, patience_s):
        fed = _Fed(folder, name, open_logger(name), memory)
    for event in _events(folder, fed.reader):
        with _watched(folder, name, patience_s):
            fed.take(event)
    with _watched(folder, name, patience_s):
        fed.end()


def open_logger(name: str) -> Logger:
    """The logger of that name.

    Raises:
        MissingDependencyError: when its package is not installed.
    """
    try:
        module = importlib.import_module(f"edgeyolo.train.loggers.{name}")
        logger: Logger = module.Logger()
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != name:
            raise
        raise MissingDependencyError(LOGGERS[name], name) from error
    return logger


def _events(folder: Path, reader: EventReader) -> Iterator[Event]:
    """All until nobody trains here; a training that is taken up again meanwhile is one with it."""
    missed = 0
    while missed < _MISSED:
        # Asked before reading, so that no event is missed.
        missed = 0 if process.running(folder) else missed + 1
        yield from reader.new()
        time.sleep(_POLL)


class _Fed:
    """A logger and its place in the events."""

    def __init__(self, folder: Path, name: str, logger: Logger, memory: Memory) -> None:
        self.reader = EventReader(folder, memory.offset)
        self._folder, self._name, self._logger, self._memory = folder, name, logger, memory
        self._recipe = Job.load(folder).recipe
        self._is_open = False
        self._pictures: dict[str, str] = {}
        self._curves = ""
        self._status: Status = "ended"

    def take(self, event: Event) -> None:
        """Tell of one event, or keep it until its epoch is over."""
        kind = event["event"]
        if kind in ("finished", "stopped", "failed"):
            self._status = kind
        elif kind == "started":
            self._status = "ended"
            self._pictures, self._curves = {}, ""  # of an epoch that a kill cut short
            self._open()
        elif kind == "picture":
            self._pictures[event["name"]] = event["file"]
        elif kind == "curves":
            self._curves = event["file"]
        elif kind == "epoch":
            self._open()
            self._epoch(event)

    def end(self) -> None:
        """Close the run, if there is one."""
        if self._memory.begun:
            self._open()
            is_kept = self._recipe.log_checkpoint and self._status == "finished"
            self._logger.end(self._status, self._folder / BEST if is_kept else None)
        self._memory.ended_at = events_size(self._folder)
        self._save()

    def _open(self) -> None:
        if self._is_open:
            return
        memory = self._memory
        self._logger.begin(Training.of(self._folder), memory.notes, memory.epoch + 1)
        self._is_open = memory.begun = True
        self._save()
        self._logger.graph(self._folder / START, self._recipe.imgsz)

    def _epoch(self, event: Event) -> None:
        number, memory = int(event["epoch"]), self._memory
        is_new = number > memory.epoch
        if is_new or self._logger.take_back(number):
            self._logger.scalars(number, scalars_of(event))
            for name, file in self._pictures.items():
                self._logger.image(name, self._folder / file, number)
            if self._curves:
                self._logger.curves(read_curves(self._folder / self._curves), number)
            memory.epoch = number
        self._pictures, self._curves = {}, ""
        memory.offset = self.reader.offset
        self._save()

    def _save(self) -> None:
        self._memory.save(self._folder, self._name)


_NAMES = {
    "lr": "train/lr",
    "seconds": "time/epoch_s",
    "train_seconds": "time/train_s",
    "waited_seconds": "time/waited_s",
    "gpu_mb": "gpu/peak_mb",
    "map50": "val/mAP50",
    "map50_95": "val/mAP50-95",
    "best": "val/best",
}
_NO_FIGURES = "time", "epoch", "epochs"


def scalars_of(event: Event) -> dict[str, float]:
    """The figures of an epoch by their names in a backend; one that is no number is left out."""
    losses = {f"train/{key}": value for key, value in (event.get("loss") or {}).items()}
    others = {
        _NAMES.get(key, f"val/{key}"): value
        for key, value in event.items()
        if key not in _NO_FIGURES
    }
    return {
        key: float(value)
        for key, value in {**losses, **others}.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }


@contextmanager
def _watched(folder: Path, name: str, patience_s: float) -> Iterator[None]:
    """Say so when what is done meanwhile takes too long; it goes on."""
    text = f"Logger {name} has not answered for {patience_s:g} s; the training does not wait for it"
    timer = Timer(patience_s, tell, (folder, f"{text}. See {log_file(folder, name)}."))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
