"""The disk becomes full in the middle of a training, and has room again later."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edgeyolo.jobs import process
from edgeyolo.jobs.events import all_events
from edgeyolo.runs import Run
from edgeyolo.slim.checkpoint import open_checkpoint
from edgeyolo.train.folder import BEST, JOB, LAST, START, WORKER
from edgeyolo.train.lasting import saved_epochs
from tests.command import edgeyolo
from tests.conftest import ROOT

EPOCHS = 4
WORDS = (
    *("train", "--from", ROOT / "assets" / "demo-yolov8n.pt", "--name", "r", "--engine", "ncnn"),
    *("--imgsz", 96, "--batch", 4, "--device", "cpu", "--epochs", EPOCHS),
)
_PAGE = 4096
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("full-disk")]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system with room for a training, and not much more."""
    mount = tmp_path / "disk"
    mount.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=256m", "tmpfs", str(mount)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting needs root")
    yield mount
    for path in mount.rglob("job.pid"):
        process.kill(path.parent)
    subprocess.run(["umount", "-l", str(mount)], check=True)


def _epochs(folder: Path) -> list[dict[str, Any]]:
    """The last event of each epoch: one that was undone is done again."""
    done = {e["epoch"]: e for e in all_events(folder) if e["event"] == "epoch"}
    return [done[number] for number in sorted(done)]


def _fill(disk: Path, left: int) -> Path:
    """Leave so many bytes."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as stream:
        try:
            while (room := shutil.disk_usage(disk).free - left) > 0:
                stream.write(bytes(max(_PAGE, min(room, 1 << 20))))
        except OSError:
            assert not left
    return filler


def _until_in_epoch(number: int, folder: Path) -> None:
    deadline = time.monotonic() + 240
    while not any(e["event"] == "batch" and e["epoch"] == number for e in all_events(folder)):
        assert time.monotonic() < deadline
        time.sleep(0.02)


# With nothing left, not even events have room; with some, only a checkpoint has none.
@pytest.mark.parametrize("left", [0, 4 << 20])
def test_the_training_goes_on_from_the_last_good_epoch(
    disk: Path, small_demo: Path, tmp_path: Path, left: int
) -> None:
    run = Run(disk / "runs" / "r")
    folder = run.training("w0.25-d0.33-96")
    words = [*map(str, WORDS), "--data", str(small_demo)]
    job = subprocess.Popen(
        [sys.executable, "-m", "edgeyolo", *words], cwd=disk, stderr=subprocess.PIPE, text=True
    )
    _until_in_epoch(3, folder)
    filler = _fill(disk, left)
    _, said = job.communicate(timeout=240)

    assert job.returncode == 1, said
    assert "Traceback" not in said
    assert "no space left" in said or "is full" in said
    assert said.rstrip().endswith("Free some space, then go on with it: edgeyolo resume.")
    good = saved_epochs(folder)
    assert 2 <= good < EPOCHS
    for name in (LAST, BEST):
        open_checkpoint(folder / name)
    again = edgeyolo("resume", "r", cwd=disk)  # it is still full
    assert again.returncode == 1 and "Traceback" not in again.stderr, again.stderr
    assert "no space left" in again.stderr or "is full" in again.stderr
    assert saved_epochs(folder) >= good

    good = saved_epochs(folder)
    filler.unlink()
    done = edgeyolo("resume", "r", cwd=disk)
    assert done.returncode == 0, done.stderr
    started = [event for event in all_events(folder) if event["event"] == "started"]
    assert started[-1]["resumed_at"] == good
    assert not list(run.folder.rglob("*.part"))
    open_checkpoint(run.slim_checkpoint)

    unbroken = tmp_path / "unbroken"
    unbroken.mkdir()
    for name in (JOB, START):
        shutil.copy(folder / name, unbroken)
    list(process.follow(unbroken, process.start(unbroken, WORKER)))
    once, mended = _epochs(unbroken), _epochs(folder)
    assert [event["epoch"] for event in mended] == list(range(1, EPOCHS + 1))
    assert [e["lr"] for e in mended] == pytest.approx([e["lr"] for e in once], rel=1e-3)
    assert saved_epochs(folder) == saved_epochs(unbroken) == EPOCHS
