"""A training that is killed again and again ends where an unbroken one does."""

from __future__ import annotations

import random
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from edgeyolo.dataset.read import read_dataset
from edgeyolo.jobs import process
from edgeyolo.jobs.events import all_events
from edgeyolo.slim.checkpoint import open_checkpoint, save_checkpoint
from edgeyolo.train.folder import BEST, LAST, START
from edgeyolo.train.recipe import Job, Recipe
from tests.conftest import ROOT

EPOCHS, KILLS = 14, 10
MODULE = "edgeyolo.train.job"


def _begin(folder: Path, data: Path) -> None:
    folder.mkdir()
    save_checkpoint(open_checkpoint(ROOT / "assets" / "demo-yolov8n.pt"), folder / START)
    recipe = Recipe(EPOCHS, 96, batch=8, device="cpu")
    Job(str(read_dataset(data).path), recipe).save(folder)


def _epochs(folder: Path) -> list[dict[str, Any]]:
    """The last event of each epoch: one that a kill undid is done again."""
    done = {e["epoch"]: e for e in all_events(folder) if e["event"] == "epoch"}
    return [done[number] for number in sorted(done)]


def _kill_after(folder: Path, seconds: float) -> None:
    reader = process.start(folder, MODULE)
    deadline = time.monotonic() + 120
    while not any(event["event"] == "started" for event in reader.new()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    time.sleep(seconds)
    worker = process.running(folder)
    if worker is not None:
        worker.send_signal(signal.SIGKILL)
        worker.wait(30)


@pytest.mark.slow
def test_ten_kills_at_random_points(tmp_path: Path, small_demo: Path) -> None:
    unbroken, killed = tmp_path / "unbroken", tmp_path / "killed"
    for folder in (unbroken, killed):
        _begin(folder, small_demo)
    list(process.follow(unbroken, process.start(unbroken, MODULE)))
    whole = sum(event["seconds"] for event in _epochs(unbroken))
    draw = random.Random(0)
    for number in range(KILLS):
        _kill_after(killed, draw.uniform(0, 2 * whole / EPOCHS))
        # What power loss leaves: half a line, and half of a checkpoint that was being written.
        with (killed / "events.jsonl").open("a") as stream:
            stream.write('{"time": 1, "event": "epo')
        part = (killed / LAST).with_suffix(".part")
        part.parent.mkdir(exist_ok=True)
        part.write_bytes(b"half" * number)
    list(process.follow(killed, process.start(killed, MODULE)))

    once, again = _epochs(unbroken), _epochs(killed)
    assert [event["epoch"] for event in again] == list(range(1, EPOCHS + 1))
    assert [event["lr"] for event in again] == pytest.approx(
        [event["lr"] for event in once], rel=1e-3
    )
    for name in ("box_loss", "cls_loss"):
        late = [[event["loss"][name] for event in run[-4:]] for run in (once, again)]
        assert sum(late[1]) == pytest.approx(sum(late[0]), rel=0.25), name
    assert again[-1]["map50_95"] == pytest.approx(once[-1]["map50_95"], abs=0.1)
    events = all_events(killed)
    assert events[-1]["event"] == "finished"
    # Each kill undoes an epoch at most.
    assert sum(event["event"] == "epoch" for event in events) <= EPOCHS + KILLS
    assert [e["resumed_at"] for e in events if e["event"] == "started"][-1] >= 2
    assert not list(killed.rglob("*.part"))
    open_checkpoint(killed / BEST)
