"""A backbone learns to classify, is carried into the detector, and survives what trainings do."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from edgeyolo.dataset.image_folder import read_image_folder
from edgeyolo.errors import DataError, StoppedError
from edgeyolo.flow.pretrain import pretrain
from edgeyolo.flow.slim import execute, stages_of
from edgeyolo.flow.slim_net import first_start
from edgeyolo.flow.training import CLASSIFICATION, train_in
from edgeyolo.jobs import process
from edgeyolo.jobs.events import all_events
from edgeyolo.jobs.names import STOP
from edgeyolo.plan.plan import Plan
from edgeyolo.progress import Silent
from edgeyolo.runs import Run
from edgeyolo.slim.architecture import backbone_length
from edgeyolo.slim.checkpoint import open_checkpoint, save_checkpoint
from edgeyolo.slim.net import build
from edgeyolo.slim.spec import SlimSpec
from edgeyolo.train import classify_job
from edgeyolo.train.classifier import build_classifier, carry_backbone, open_classifier
from edgeyolo.train.folder import BEST, LAST, START
from edgeyolo.train.recipe import Job, Recipe
from tests.command import edgeyolo, edgeyolo_here
from tests.conftest import ROOT

FROM = ROOT / "assets" / "demo-yolov8n.pt"
MODULE = "edgeyolo.train.classify_job"
NAMES = ("кругъ", "rond carré")
SMALL = ("--imgsz", 64, "--epochs", 1, "--batch", 8, "--device", "cpu", "--engine", "ncnn")
PRETRAIN = ("--pretrain-epochs", 3, "--pretrain-imgsz", 64)
pytestmark = pytest.mark.xdist_group("pretrain")


def _draw(folder: Path, number: int, is_round: bool) -> None:
    draw = np.random.default_rng(number)
    image = draw.integers(0, 60, (72, 64, 3)).astype(np.uint8)
    x, y = (int(value) for value in draw.integers(24, 40, 2))
    if is_round:
        cv2.circle(image, (x, y), 18, (40, 60, 230), -1)
    else:
        cv2.rectangle(image, (x - 16, y - 16), (x + 16, y + 16), (220, 200, 40), -1)
    cv2.imencode(".png", image)[1].tofile(folder / f"{number}.png")


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A set of two classes that differ in shape and color."""
    root = tmp_path_factory.mktemp("images") / "two shapes"
    for split, count in (("train", 16), ("val", 8)):
        for name in NAMES:
            folder = root / split / name
            folder.mkdir(parents=True)
            for number in range(count):
                _draw(folder, number + 100 * len(split), name == NAMES[0])
    return root


def _snapshot(root: Path) -> dict[Path, tuple[int, int]]:
    return {p: (p.stat().st_size, p.stat().st_mtime_ns) for p in sorted(root.rglob("*"))}


def _backbone(net: Any, image: torch.Tensor, length: int) -> torch.Tensor:
    with torch.no_grad():
        for layer in net.eval().model[:length]:
            image = layer(image)
    return image


@pytest.mark.parametrize(
    "spec",
    [
        SlimSpec(width=0.0625),
        SlimSpec(width=0.0625, heads=("P3", "P4"), cut_backbone=True, activation="relu"),
        SlimSpec(width=0.125, depth=0.67, reg_max=4, max_channels=512, activation="hardswish"),
    ],
)
def test_there_and_back_bit_for_bit(tmp_path: Path, spec: SlimSpec) -> None:
    net, length = build(spec, ("a", "b"), 1), backbone_length(spec)
    image = torch.rand(1, 3, 64, 64)
    classifier = build_classifier(net, ("x", "y", "z"))
    assert torch.equal(_backbone(classifier, image, length), _backbone(net, image, length))
    assert classifier(image)[0].shape == (1, 3)
    assert len(classifier.model) == length + 1

    for value in classifier.state_dict().values():  # as if it had learned
        value.copy_(
            value + 0.01 * torch.rand(value.shape) if value.is_floating_point() else value + 3
        )
    before = {name: value.clone() for name, value in net.state_dict().items()}
    fates = carry_backbone(classifier, net)
    save_checkpoint(net, tmp_path / "net.pt")
    after, learned = open_checkpoint(tmp_path / "net.pt"), classifier.state_dict()
    assert [fate.name for fate in fates] == list(after.state_dict()) == list(before)
    for fate in fates:
        value = after.state_dict()[fate.name]
        is_backbone = int(fate.name.split(".")[1]) < length
        assert fate.fate == ("pretrained" if is_backbone else "kept")
        assert torch.equal(value, learned[fate.name] if is_backbone else before[fate.name])
    assert torch.equal(_backbone(after, image, length), _backbone(classifier, image, length))
    assert not any(type(module).__name__ == "Classify" for module in after.modules())


def test_the_head_of_the_classifier_is_the_same_each_time() -> None:
    net = build(SlimSpec(width=0.0625), ("a",), 0)
    one, other, third = (build_classifier(net, ("x", "y"), seed) for seed in (5, 5, 6))
    assert torch.equal(one.model[-1].linear.weight, other.model[-1].linear.weight)
    assert not torch.equal(one.model[-1].linear.weight, third.model[-1].linear.weight)


def test_a_net_from_scratch_begins_with_what_its_backbone_learned(
    in_tmp: Path, small_demo: Path, images: Path
) -> None:
    before = _snapshot(images)
    done = edgeyolo(
        *("train", *SMALL, "--data", small_demo, "--name", "r", "--width", 0.0625),
        *("--pretrain-classify", images, *PRETRAIN),
        cwd=in_tmp,
    )
    assert done.returncode == 0, done.stderr
    run = Run(in_tmp / "runs" / "r")
    for words in ("[4/9] Pretrain the backbone", "2 classes; 32 images", "top-1 accuracy"):
        assert words in done.stderr
    assert _snapshot(images) == before

    start = open_checkpoint(run.training("w0.0625-d0.33-64") / START).state_dict()
    learned = open_classifier(run.pretraining / BEST).state_dict()
    scratch = open_checkpoint(run.wide_checkpoint).state_dict()
    for name, value in start.items():
        is_backbone = int(name.split(".")[1]) < 10
        assert torch.equal(value, (learned if is_backbone else scratch)[name]), name
    assert not torch.equal(start["model.0.conv.weight"], scratch["model.0.conv.weight"])

    report = json.loads(run.report_file.read_text())["runs"][0]["pretraining"]
    assert report["data"]["name"] == "two shapes" and report["data"]["classes"] == sorted(NAMES)
    assert report["data"]["images"] == {"train": 32, "val": 16}
    assert report["top1"]["images"] == 16 and report["top5"] is None
    assert report["top1"]["value"] == max(report["top1_by_epoch"])
    assert len(report["top1_by_epoch"]) == report["epochs"] == 3
    low, high = report["top1"]["ci"]
    assert low < report["top1"]["value"] <= high
    table = (run.training("w0.0625-d0.33-64") / "pretrain.txt").read_text()
    assert len(table.splitlines()) == len(start) + 1
    # What came of it are ordinary checkpoints.
    from ultralytics import YOLO

    picture = np.zeros((64, 64, 3), np.uint8)
    YOLO(run.slim_checkpoint).predict(picture, imgsz=64, verbose=False)
    (said,) = YOLO(run.pretraining / BEST).predict(picture, imgsz=64, verbose=False)
    assert set(said.names.values()) == set(NAMES)


@pytest.mark.slow
def test_in_steps_only_the_first_net_is_pretrained(
    in_tmp: Path, small_demo: Path, images: Path
) -> None:
    done = edgeyolo(
        *("slim", *SMALL, "--epochs", 2, "--data", small_demo, "--name", "r", "--from", FROM),
        *("--width", 0.0625, "--gradual", 2, "--pretrain-classify", images, *PRETRAIN),
        cwd=in_tmp,
    )
    assert done.returncode == 0, done.stderr
    run = Run(in_tmp / "runs" / "r")
    tables = [path.parent.name for path in (run.folder / "train").rglob("pretrain.txt")]
    assert tables == ["w0.0625-d0.33-64-step1"]
    first = open_checkpoint(run.training(tables[0]) / START).state_dict()
    learned = open_classifier(run.pretraining / BEST).state_dict()
    assert torch.equal(first["model.9.cv2.conv.weight"], learned["model.9.cv2.conv.weight"])


@pytest.mark.parametrize("command", ["slim", "train"])
def test_what_is_no_set_makes_no_folder(
    in_tmp: Path, small_demo: Path, images: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    for words, said in (
        ((small_demo.parent,), "is a detection set"),
        ((in_tmp / "nowhere",), "There is no folder"),
        ((images, "--pretrain-epochs", 0), "pretrain-epochs 0"),
        ((images, "--pretrain-imgsz", 100), "--pretrain-imgsz 96"),
    ):
        flags = ("--data", small_demo, "--from", FROM, "--pretrain-classify", *words)
        assert edgeyolo_here(command, *flags) == 2
        assert said in capsys.readouterr().err
    assert not (in_tmp / "runs").exists()


def test_an_image_that_cannot_be_read_is_met_before_any_work(
    in_tmp: Path, small_demo: Path, images: Path
) -> None:
    for name in ("a", "b"):
        (in_tmp / "broken" / name).mkdir(parents=True)
        for number in range(4):
            _draw(in_tmp / "broken" / name, number, True)
    (in_tmp / "broken" / "b" / "2.png").write_bytes(b"no picture")
    words = ("--data", small_demo, "--pretrain-classify", "broken", "--name", "r")
    done = edgeyolo("train", *SMALL, *words, cwd=in_tmp)
    assert done.returncode == 2
    assert "2.png is not a readable image" in done.stderr and "Replace it" in done.stderr
    assert not (in_tmp / "runs" / "r").exists()


def test_plans_of_before_are_without(tmp_path: Path) -> None:
    plan = Plan("d", "o", False, None, SlimSpec(), ("ncnn",), Recipe(1, 64), 1, pretrain="folder")
    plan.save(tmp_path / "plan.json")
    assert Plan.load(tmp_path / "plan.json") == plan
    stored = json.loads((tmp_path / "plan.json").read_text())
    old = {key: value for key, value in stored.items() if not key.startswith("pretrain")}
    (tmp_path / "plan.json").write_text(json.dumps(old))
    assert Plan.load(tmp_path / "plan.json").pretrain is None


def test_the_classifier_takes_the_first_device_and_a_batch_that_is_a_number() -> None:
    recipe = Recipe(
        *(9, 64, None, "cuda:0,1"), seed=3, freeze="backbone", lr=0.5, settings={"fliplr": 0.0}
    )
    plan = Plan("d", "o", False, None, SlimSpec(), ("ncnn",), recipe, 1, pretrain="folder")
    asked = plan.pretrain_recipe
    assert (asked.epochs, asked.imgsz, asked.batch, asked.device) == (20, 224, 64, "cuda:0")
    assert (asked.seed, asked.settings, asked.freeze, asked.lr) == (3, {"fliplr": 0.0}, None, None)


def _begin(folder: Path, images: Path, epochs: int, batch: int = 4, **more: Any) -> None:
    folder.mkdir()
    net = build(SlimSpec(width=0.0625), ("a", "b"), 0)
    save_checkpoint(build_classifier(net, read_image_folder(images).names), folder / START)
    Job(str(images), Recipe(epochs, 64, batch=batch, device="cpu", **more)).save(folder)


def _epochs(folder: Path) -> list[dict[str, Any]]:
    """The last event of each epoch: one that a kill undid is done again."""
    done = {e["epoch"]: e for e in all_events(folder) if e["event"] == "epoch"}
    return [done[number] for number in sorted(done)]


def _wait_for(folder: Path, reader: Any, event: str) -> None:
    deadline = time.monotonic() + 120
    while not any(each["event"] == event for each in reader.new()):
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.slow
def test_killed_and_taken_up_again(tmp_path: Path, images: Path) -> None:
    unbroken, killed = tmp_path / "unbroken", tmp_path / "killed"
    for folder in (unbroken, killed):
        _begin(folder, images, 24, settings={"auto_augment": "", "erasing": 0.0})
    list(process.follow(unbroken, process.start(unbroken, MODULE)))
    for pause in (0.0, 0.3, 0.9):
        _wait_for(killed, process.start(killed, MODULE), "epoch" if pause else "started")
        time.sleep(pause)
        worker = process.running(killed)
        assert worker is not None
        worker.send_signal(signal.SIGKILL)
        worker.wait(30)
        (killed / LAST).parent.mkdir(exist_ok=True)
        (killed / LAST).with_suffix(".part").write_bytes(b"half")
    list(process.follow(killed, process.start(killed, MODULE)))
    once, again = _epochs(unbroken), _epochs(killed)
    assert [event["epoch"] for event in again] == list(range(1, 25))
    assert [e["lr"] for e in again] == pytest.approx([e["lr"] for e in once], rel=1e-3)
    assert [e["resumed_at"] for e in all_events(killed) if e["event"] == "started"][-1] > 0
    late = [sum(e["loss"]["loss"] for e in run[-8:]) / 8 for run in (once, again)]
    assert late[1] == pytest.approx(late[0], abs=0.25)
    assert max(once[-1]["top1"], again[-1]["top1"]) > 0.8  # it takes about 150 steps
    assert not list(killed.rglob("*.part"))
    open_classifier(killed / BEST)


def test_asked_to_stop_it_stops_and_goes_on(tmp_path: Path, images: Path) -> None:
    folder = tmp_path / "job"
    _begin(folder, images, 3)
    (folder / STOP).touch()
    assert classify_job.run(folder) == 6
    assert [e["event"] for e in all_events(folder)][-1] == "stopped"
    (folder / STOP).unlink()
    assert classify_job.run(folder) == 0
    last = all_events(folder)[-1]
    assert (last["epochs"], last["images"]) == (3, 16)
    # Killed after the last epoch and before the end, nothing is trained again.
    assert classify_job.run(folder) == 0
    assert {**all_events(folder)[-1], "time": 0, "seconds": 0} == {**last, "time": 0, "seconds": 0}
    assert [e["event"] for e in all_events(folder)].count("started") == 2


def test_where_memory_ends_the_batch_is_halved(
    tmp_path: Path, images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from edgeyolo.train.classify_trainer import ClassifyTrainer

    step = ClassifyTrainer.validate

    def full_once(self: ClassifyTrainer) -> Any:
        if self.epoch == 1 and self.batch_size > 4:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB")
        return step(self)

    folder = tmp_path / "job"
    _begin(folder, images, 2, batch=8)
    monkeypatch.setattr(ClassifyTrainer, "validate", full_once)
    assert classify_job.run(folder) == 0
    told = [event["event"] for event in all_events(folder) if event["event"] != "batch"]
    assert told == ["started", "epoch", "halved", "started", "epoch", "finished"]
    assert Job.load(folder).recipe.batch == 4


def test_what_is_done_is_not_done_again(in_tmp: Path, small_demo: Path, images: Path) -> None:
    """Killed after the backbone was put in and before that was written down, it is put in again."""
    spec = SlimSpec(width=0.0625)
    plan = Plan(
        *(str(small_demo), "test", False, None, spec, ("ncnn",), Recipe(1, 64, 8, "cpu"), 1),
        *("taylor", 1, None, True, True, str(images), 2, 64),
    )
    run = Run.create(plan, "r")
    for stage in stages_of(plan)[:3]:
        stage.work(run, plan, Silent())
    pretrain(run, plan, Silent())
    once = open_checkpoint(first_start(run)).state_dict()
    run.pretrain_file.unlink()
    pretrain(run, plan, Silent())
    again = open_checkpoint(first_start(run)).state_dict()
    assert all(torch.equal(value, again[name]) for name, value in once.items())
    assert [e["event"] for e in all_events(run.pretraining)].count("finished") == 1

    run.pretrain_file.unlink()
    _draw(images / "train" / NAMES[0], 1, True)
    try:
        with pytest.raises(DataError, match="were changed since this run began"):
            execute(run, Silent())
    finally:
        (images / "train" / NAMES[0] / "1.png").unlink()


def test_stopping_names_how_to_go_on(in_tmp: Path, images: Path, small_demo: Path) -> None:
    class Stopping(Silent):
        def step(self, done: float, total: float, note: str = "") -> None:
            (folder / STOP).touch()

    run = Run(in_tmp / "r")
    folder = run.pretraining
    run.folder.mkdir()
    _begin(folder, images, 50)
    with pytest.raises(StoppedError, match="edgeyolo resume"):
        train_in(run, folder, CLASSIFICATION, Stopping())
