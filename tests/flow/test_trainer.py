"""What our trainer does in another way than ultralytics' own."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from edgeyolo.workshop import open_workshop

open_workshop()

from ultralytics.engine.trainer import BaseTrainer  # noqa: E402
from ultralytics.utils.torch_utils import ModelEMA  # noqa: E402

from edgeyolo.dataset.check import load_split  # noqa: E402
from edgeyolo.dataset.demo import DEMO_NAMES  # noqa: E402
from edgeyolo.dataset.read import read_dataset  # noqa: E402
from edgeyolo.jobs.events import EventLog, all_events  # noqa: E402
from edgeyolo.slim.checkpoint import open_checkpoint, save_checkpoint  # noqa: E402
from edgeyolo.slim.net import build  # noqa: E402
from edgeyolo.slim.spec import SlimSpec  # noqa: E402
from edgeyolo.train import job  # noqa: E402
from edgeyolo.train.folder import BEST, LAST, START  # noqa: E402
from edgeyolo.train.lasting import set_average  # noqa: E402
from edgeyolo.train.recipe import Job, Recipe  # noqa: E402
from edgeyolo.train.trainer import Trainer  # noqa: E402
from tests.conftest import ROOT  # noqa: E402


@pytest.mark.parametrize(
    ("batches", "steps", "behind"),
    [
        (100, 400, 40),
        (100, 100, 10),
        (10, 400, 19),  # two epochs at most
    ],
)
def test_the_averaged_net_looks_back_a_tenth_of_the_steps(
    batches: int, steps: int, behind: float
) -> None:
    """Weights that grow by 1 with each step show how far behind the average is."""
    net: Any = torch.nn.Linear(1, 1, bias=False)
    trainer: Any = SimpleNamespace(ema=ModelEMA(net), train_loader=range(batches))
    set_average(trainer)
    for step in range(steps):
        net.weight.data[:] = step
        trainer.ema.update(net)
    assert steps - 1 - float(trainer.ema.ema.weight) == pytest.approx(behind, abs=0.1 * behind)


def test_long_trainings_average_as_in_ultralytics() -> None:
    net: Any = torch.nn.Linear(1, 1)
    trainer: Any = SimpleNamespace(ema=ModelEMA(net), train_loader=range(10**6))
    set_average(trainer)
    assert trainer.ema.decay(10**6) == pytest.approx(0.9999)


def _made(small_demo: Path, folder: Path, recipe: Recipe, net: Any = None) -> Trainer:
    dataset = read_dataset(small_demo)
    samples = {split: load_split(dataset, split) for split in ("train", "val")}
    save_checkpoint(net or build(SlimSpec(width=0.125), dataset.names), folder / START)
    return Trainer(folder, recipe, samples, dataset.names, EventLog(folder))


TRAINED = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 15, 16, 18, 19, 21, 22}  # the others have no weights


@pytest.mark.parametrize(("freeze", "layers"), [("backbone", 10), ("3", 3)])
def test_frozen_layers_stay_as_they_are(
    small_demo: Path, tmp_path: Path, freeze: str, layers: int
) -> None:
    recipe = Recipe(1, 64, batch=8, device="cpu", freeze=freeze)
    trainer = _made(small_demo, tmp_path, recipe)
    before = dict(open_checkpoint(tmp_path / START).float().named_parameters())
    trainer.train()
    after = dict(trainer.model.named_parameters())
    moved = {int(n.split(".")[1]) for n, was in before.items() if not torch.equal(was, after[n])}
    assert moved == {layer for layer in TRAINED if layer >= layers}


def test_the_settings_that_are_asked_for(small_demo: Path, tmp_path: Path) -> None:
    settings = {"mosaic": 0.25, "optimizer": "SGD", "cos_lr": True}
    recipe = Recipe(9, 64, batch=8, device="cpu", lr=0.0123, patience=4, settings=settings)
    trainer = _made(small_demo, tmp_path, recipe)
    trainer._setup_train()
    assert isinstance(trainer.optimizer, torch.optim.SGD)
    assert (trainer.args.lr0, trainer.args.mosaic, trainer.args.cos_lr) == (0.0123, 0.25, True)
    assert trainer.stopper.patience == 4


def test_a_training_that_gets_no_better_ends(small_demo: Path, tmp_path: Path) -> None:
    # A net that knows these objects learns nothing at this rate.
    recipe = Recipe(12, 128, batch=8, device="cpu", lr=1e-12, patience=2)
    net = open_checkpoint(ROOT / "assets" / "demo-yolov8n.pt")
    trainer = _made(small_demo, tmp_path, recipe, net)
    trainer.train()
    assert trainer.epoch + 1 < 12
    # Killed before it could say so, it has nothing left to do.
    Job(str(small_demo), recipe).save(tmp_path)
    before = [event["event"] for event in all_events(tmp_path)]
    assert job.run(tmp_path) == 0
    told = [event["event"] for event in all_events(tmp_path)]
    assert told == [*before, "finished"]
    assert all_events(tmp_path)[-1]["epochs"] == trainer.epoch + 1


@pytest.fixture
def trainer(small_demo: Path, tmp_path: Path) -> Trainer:
    """A distilling trainer that is about to begin, with checkpoints of its own making."""
    dataset = read_dataset(small_demo)
    samples = {split: load_split(dataset, split) for split in ("train", "val")}
    save_checkpoint(build(SlimSpec(width=0.125), dataset.names), tmp_path / START)
    teacher = build(SlimSpec(), dataset.names)
    recipe = Recipe(epochs=3, imgsz=64, batch=8, device="cpu", distill=1.0)
    log = EventLog(tmp_path)
    trainer = Trainer(tmp_path, recipe, samples, dataset.names, log, teacher)
    trainer._setup_train()
    trainer.epoch, trainer.fitness, trainer.best_fitness = 0, 0.5, 0.5
    return trainer


def test_recovering_from_a_broken_loss_keeps_the_average_and_the_teacher(trainer: Trainer) -> None:
    """ultralytics then makes the averaged net anew, from the last checkpoint."""
    trainer.save_model()
    decay = trainer.ema.decay(100)
    trainer.epoch, trainer.start_epoch, trainer.loss = 1, 0, torch.tensor(float("nan"))
    before = trainer.ema.ema
    assert trainer._handle_nan_recovery(1)
    assert trainer.ema.ema is not before
    assert trainer.ema.decay(100) == decay > 0.5
    batch = trainer.preprocess_batch(next(iter(trainer.train_loader)))
    for net, taught in ((trainer.model.train(), True), (trainer.ema.ema.eval(), False)):
        _, items = net(batch)
        assert (float(items["distill_loss"]) > 0) == taught


def test_a_checkpoint_that_was_cut_short_replaces_nothing(
    trainer: Trainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer.save_model()
    best, last = trainer._folder / BEST, trainer._folder / LAST
    good = best.read_bytes()

    def full_disk(self: BaseTrainer) -> bool:
        self.best.write_bytes(b"half")
        raise OSError("no space left")

    with monkeypatch.context() as patched:
        patched.setattr(BaseTrainer, "save_model", full_disk)
        with pytest.raises(OSError, match="no space"):
            trainer.save_model()
    assert best.read_bytes() == good
    assert not list(best.parent.glob("*.part"))  # whose room a full disk needs
    last.unlink()
    trainer.epoch, trainer.fitness = 1, 0.4  # not the best one
    trainer.save_model()
    assert best.read_bytes() == good and last.is_file()
    open_checkpoint(best)


def _job(small_demo: Path, folder: Path, batch: int) -> None:
    save_checkpoint(build(SlimSpec(width=0.125), DEMO_NAMES), folder / START)
    Job(str(small_demo), Recipe(2, 64, batch=batch, device="cpu")).save(folder)


def test_where_memory_ends_the_batch_is_halved_and_the_training_goes_on(
    small_demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _job(small_demo, tmp_path, 12)
    step = Trainer.validate

    def full_once(self: Trainer) -> Any:
        if self.epoch == 1 and self.batch_size > 3:  # not in the first: there ultralytics does it
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB")
        return step(self)

    monkeypatch.setattr(Trainer, "validate", full_once)
    assert job.run(tmp_path) == 0
    told = [event["event"] for event in all_events(tmp_path) if event["event"] != "batch"]
    assert told == [
        *("started", "epoch", "halved", "started", "halved", "started", "epoch", "finished")
    ]
    batches = [event["batch"] for event in all_events(tmp_path) if event["event"] == "halved"]
    assert batches == [6, 3]
    assert Job.load(tmp_path).recipe.batch == 3


def test_where_one_image_is_too_much_a_sentence_says_so(
    small_demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _job(small_demo, tmp_path, 2)

    def full(self: Trainer) -> Any:
        raise RuntimeError("CUDA error: out of memory")

    monkeypatch.setattr(Trainer, "train", full)
    assert job.run(tmp_path) == 1
    last = all_events(tmp_path)[-1]
    assert last["message"] == "There is not enough GPU memory for a single image."

    def broken(self: Trainer) -> Any:
        raise RuntimeError("something else")

    monkeypatch.setattr(Trainer, "train", broken)
    with pytest.raises(RuntimeError, match="something else"):
        job.run(tmp_path)
