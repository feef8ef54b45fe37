"""A training's folder with events as a training writes them, and loggers fed in real processes."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import cv2
import numpy as np

from edgeyolo.child import command
from edgeyolo.files import write_json
from edgeyolo.jobs.events import EventLog
from edgeyolo.train.loggers.memory import Memory
from edgeyolo.train.loggers.supervise import MODULE
from edgeyolo.train.recipe import Job, Recipe

EPOCHS = 3


def made(folder: Path, log: str, *, keep: bool = False, graph: bool = False) -> Path:
    """An empty training; without ``graph`` its loggers have that behind them."""
    folder.mkdir(parents=True)
    Job("/data/road/data.yaml", Recipe(EPOCHS, 64, log=log, log_checkpoint=keep)).save(folder)
    (folder / "weights").mkdir()
    (folder / "weights" / "best.pt").write_bytes(b"the best net")
    if not graph:
        for name in log.split(","):
            Memory(notes={"graph": True}).save(folder, name)
    return folder


def start(folder: Path, resumed_at: int = 0) -> None:
    """The training begins, or goes on."""
    EventLog(folder).write("started", epochs=EPOCHS, images=9, resumed_at=resumed_at, batch=8)


def epoch(folder: Path, number: int, value: float) -> None:
    """One epoch with all that belongs to it."""
    log = EventLog(folder)
    picture, curves = f"pictures/train_batch-{number:04}.jpg", f"curves/epoch-{number}.json"
    (folder / "pictures").mkdir(exist_ok=True)
    cv2.imwrite(str(folder / picture), np.full((8, 16, 3), 80 * number, np.uint8))
    points = {"precision": [0.25, 0.5, 1.0], "recall": [1.0, 0.75, 0.5]}
    both = [{"name": name, "labels": 20, **points} for name in ("all", "stop")]
    write_json(folder / curves, {"iou": 0.5, "curves": both})
    log.write("picture", epoch=number, name="train_batch", file=picture)
    log.write("batch", epoch=number, batch=1, batches=2)
    log.write("curves", epoch=number, file=curves)
    figures = {"lr": 0.01, "map50": value / 2, "map50_95": value / 4, "best": value / 4}
    log.write("epoch", epoch=number, epochs=EPOCHS, seconds=2.5, loss={"box": value}, **figures)


def whole(folder: Path, begin: int = 1) -> None:
    """The rest of a training."""
    for number in range(begin, EPOCHS + 1):
        epoch(folder, number, float(number))
    EventLog(folder).write("finished", epochs=EPOCHS)


def fed(folder: Path, *name: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Feed one logger, or without a name all, in a process of its own until the events end."""
    return subprocess.run(
        command(MODULE, str(folder), *name),
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )
