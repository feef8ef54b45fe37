"""Real trainings that are logged, killed and taken up again, as their followers are."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.plugin_event_accumulator import (
    EventAccumulator as PageAccumulator,
)

from edgeyolo.dataset.read import read_dataset
from edgeyolo.jobs import process
from edgeyolo.jobs.events import all_events
from edgeyolo.slim.checkpoint import open_checkpoint, save_checkpoint
from edgeyolo.train.folder import START
from edgeyolo.train.loggers.memory import FOLDER, Memory
from edgeyolo.train.loggers.supervise import MODULE as FOLLOWER
from edgeyolo.train.loggers.supervise import supervise
from edgeyolo.train.recipe import Job, Recipe
from tests.command import edgeyolo
from tests.conftest import ROOT

EPOCHS = 6
MODULE = "edgeyolo.train.job"
pytestmark = pytest.mark.slow


@pytest.fixture
def folder(in_tmp: Path, small_demo: Path) -> Iterator[Path]:
    path = in_tmp / "runs" / "road" / "train" / "wide"
    path.mkdir(parents=True)
    save_checkpoint(open_checkpoint(ROOT / "assets" / "demo-yolov8n.pt"), path / START)
    recipe = Recipe(EPOCHS, 96, batch=8, device="cpu", log="tensorboard,mlflow")
    Job(str(read_dataset(small_demo).path), recipe).save(path)
    yield path
    process.kill(path)
    for each in _of(path):
        each.kill()


def _of(folder: Path, module: str = "") -> list[psutil.Process]:
    """Processes that work in a folder."""
    found = []
    for each in psutil.process_iter(["cmdline"]):
        words = each.info["cmdline"] or []
        if str(folder) in words and any(module in word for word in words):
            found.append(each)
    return found


def _until(happened: Callable[[], object], patience_s: float = 240) -> None:
    deadline = time.monotonic() + patience_s
    while not happened():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.1)


def _epochs(folder: Path) -> list[dict[str, Any]]:
    return [event for event in all_events(folder) if event["event"] == "epoch"]


def test_training_and_followers_are_killed_and_each_epoch_is_there_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (folder / "mlruns").as_uri())
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")  # of this process
    process.start(folder, MODULE)
    _until(lambda: Memory.load(folder, "tensorboard").epoch >= 1)
    worker = process.running(folder)
    assert worker is not None
    worker.kill()  # alone: who follows it sees that it has gone
    _until(lambda: not _of(folder))
    assert Memory.load(folder, "mlflow").ended_at

    reader = process.start(folder, MODULE)
    already = len(_epochs(folder))
    _until(lambda: len(_epochs(folder)) > already)
    for each in _of(folder, FOLLOWER):
        each.kill()
    list(process.follow(folder, reader))  # it ends as if nothing were
    assert all_events(folder)[-1]["event"] == "finished"
    supervise(folder)

    last = {event["epoch"]: event for event in _epochs(folder)}
    board = EventAccumulator(str(folder / "tensorboard")).Reload()
    told = [(point.step, point.value) for point in board.Scalars("val/mAP50-95")]
    assert [step for step, _ in told] == list(range(1, EPOCHS + 1))
    assert [value for _, value in told] == pytest.approx([last[s]["map50_95"] for s, _ in told])
    assert {image.step for image in board.Images("val_predictions")} == {1, 2, 4, 6}
    assert len(board.Graph().node) > 100
    page = PageAccumulator(str(folder / "tensorboard"), tensor_size_guidance={"": 0}).Reload()
    curves = [point.step for point in page.Tensors("val/pr/all")]
    assert len(curves) == len(set(curves)) >= EPOCHS - 1  # no box at all may be found in the first

    from mlflow.tracking import MlflowClient

    client = MlflowClient()
    experiment = client.get_experiment_by_name("edgeyolo")
    assert experiment is not None
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.status == "FINISHED"
    history = client.get_metric_history(run.info.run_id, "train/box_loss")
    assert [point.step for point in history] == list(range(1, EPOCHS + 1))


def test_the_command_logs_where_tensorboard_is_and_tells_what_fails(
    in_tmp: Path, small_demo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EDGEYOLO_LOG")
    quick = ("--imgsz", 64, "--epochs", 3, "--batch", 8, "--device", "cpu", "--engine", "ncnn")
    done = edgeyolo("train", *quick, "--data", small_demo, "--name", "r")
    assert done.returncode == 0, done.stderr
    (training,) = (in_tmp / "runs" / "r" / "train").iterdir()
    _until(lambda: not _of(training), 150)
    board = EventAccumulator(str(training / "tensorboard")).Reload()
    assert [point.step for point in board.Scalars("val/mAP50")] == [1, 2, 3]

    words = (*quick[:3], 12, *quick[4:], "--log", "picsellia")
    done = edgeyolo("train", *words, "--data", small_demo, "--name", "s")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("Logger picsellia fails, the training goes on without it") == 1
    assert "PICSELLIA_TOKEN" in done.stderr
    (training,) = (in_tmp / "runs" / "s" / "train").iterdir()
    assert not (training / "tensorboard").exists()
    assert "PICSELLIA_TOKEN" in (training / FOLDER / "picsellia.log").read_text()
