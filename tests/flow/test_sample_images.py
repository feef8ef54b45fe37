"""A real training writes pictures and curves for its loggers, and never fails for them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edgeyolo.workshop import open_workshop

open_workshop()

from edgeyolo.dataset.check import load_split  # noqa: E402
from edgeyolo.dataset.read import read_dataset  # noqa: E402
from edgeyolo.images import read_image  # noqa: E402
from edgeyolo.jobs.events import EventLog, all_events  # noqa: E402
from edgeyolo.slim.checkpoint import open_checkpoint, save_checkpoint  # noqa: E402
from edgeyolo.train import pr_curves, sample_images  # noqa: E402
from edgeyolo.train.folder import START  # noqa: E402
from edgeyolo.train.loggers.logger import is_shown, read_curves  # noqa: E402
from edgeyolo.train.recipe import Recipe  # noqa: E402
from edgeyolo.train.trainer import Trainer  # noqa: E402
from tests.conftest import ROOT  # noqa: E402

PARTS = (
    (sample_images, "_draw_training"),
    (sample_images, "_draw_validation"),
    (pr_curves, "write_curves"),
)


def _trainer(small_demo: Path, folder: Path, **more: Any) -> Trainer:
    dataset = read_dataset(small_demo)
    samples = {split: load_split(dataset, split) for split in ("train", "val")}
    save_checkpoint(open_checkpoint(ROOT / "assets" / "demo-yolov8n.pt"), folder / START)
    recipe = Recipe(2, 96, batch=8, device="cpu", **more)
    return Trainer(folder, recipe, samples, dataset.names, EventLog(folder))


def _told(folder: Path, kind: str) -> list[dict[str, Any]]:
    return [event for event in all_events(folder) if event["event"] == kind]


@dataclass(frozen=True)
class Shown:
    """A training that showed what it did, and the seconds that this took."""

    folder: Path
    trainer: Trainer
    seconds: list[float]


@pytest.fixture(scope="module")
def shown(small_demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Shown:
    folder, spent = tmp_path_factory.mktemp("shown"), [0.0]
    with pytest.MonkeyPatch.context() as patch:
        for module, name in PARTS:
            patch.setattr(module, name, _timed(getattr(module, name), spent))
        trainer = _trainer(small_demo, folder, log="tensorboard")
        trainer.train()
    return Shown(folder, trainer, spent[1:])


def _timed(function: Callable[..., Any], spent: list[float]) -> Callable[..., Any]:
    def measured(*given: Any) -> Any:
        begin = time.perf_counter()
        try:
            return function(*given)
        finally:
            spent.append(time.perf_counter() - begin)

    return measured


def test_pictures_and_curves(shown: Shown) -> None:
    tmp_path, trainer = shown.folder, shown.trainer
    told = [event["event"] for event in all_events(tmp_path) if event["event"] != "batch"]
    assert told == ["started", *("picture", "picture", "curves", "epoch") * 2]
    names = [(event["epoch"], event["name"]) for event in _told(tmp_path, "picture")]
    assert names == [(e, n) for e in (1, 2) for n in ("train_batch", "val_predictions")]
    wide, tall = (read_image(tmp_path / e["file"]) for e in _told(tmp_path, "picture")[:2])
    assert (wide.shape, tall.shape) == ((320, 4 * 320, 3), (2 * 320, 4 * 320, 3))
    # Both rows show the same four images, with other boxes.
    upper, lower = (half.astype(int) for half in np.split(tall, 2))
    same = (np.abs(upper - lower).max(2) < 24).mean()
    assert 0.3 < same < 0.999

    curves = read_curves(tmp_path / _told(tmp_path, "curves")[-1]["file"])
    mean = curves[0]
    assert mean.name == "all"
    assert mean.labels == sum(curve.labels for curve in curves[1:]) > 0
    assert len(mean.precision) == len(mean.recall) == 101
    assert mean.recall == sorted(mean.recall, reverse=True)
    box = trainer.validator.metrics.box
    at = int(np.argmax(box.f1_curve.mean(0)))
    nearest = round(at / 10)
    assert mean.recall[nearest] == pytest.approx(float(box.r_curve.mean(0)[at]), abs=0.05)
    assert set(trainer._names) >= {curve.name for curve in curves[1:]}


def test_without_a_logger_nothing_is_shown(small_demo: Path, tmp_path: Path) -> None:
    trainer = _trainer(small_demo, tmp_path)
    before = {name: len(calls) for name, calls in trainer.callbacks.items()}
    sample_images.show_samples(trainer, Recipe(2, 96))
    assert before == {name: len(calls) for name, calls in trainer.callbacks.items()}


def test_whatever_fails_the_training_goes_on(
    small_demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    def broken(*_: Any) -> Any:
        raise cv2.error("no such picture")

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(sample_images, "draw", broken)
    monkeypatch.setattr(pr_curves, "write_json", full)
    _trainer(small_demo, tmp_path, log="tensorboard").train()
    assert [event["epoch"] for event in _told(tmp_path, "epoch")] == [1, 2]
    assert not _told(tmp_path, "picture") + _told(tmp_path, "curves")
    said = capsys.readouterr().err
    assert said.count("cv2.error: no such picture") == 4
    assert said.count("OSError: [Errno 28]") == 2


def test_the_same_net_comes_out(shown: Shown, small_demo: Path, tmp_path: Path) -> None:
    """Looking on draws no random number and changes no image."""
    _trainer(small_demo, tmp_path).train()
    once, again = (_told(folder, "epoch") for folder in (shown.folder, tmp_path))
    assert [event["loss"] for event in once] == [event["loss"] for event in again]
    assert not (tmp_path / "pictures").exists()


def test_the_epochs_that_are_shown() -> None:
    assert [epoch for epoch in range(1, 61) if is_shown(epoch, 60)] == [1, 2, 4, 8, 16, 32, 60]


def test_it_costs_little(shown: Shown) -> None:
    """Hundredths of a second of an epoch, however long that takes."""
    assert len(shown.seconds) == 6
    assert sum(shown.seconds) / 2 < 0.5
