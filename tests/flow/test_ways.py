"""Other ways to a slim net, through the real command: in steps, with another teacher, or none."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from edgeyolo.jobs.events import all_events
from edgeyolo.slim.checkpoint import open_checkpoint, save_checkpoint, spec_of
from edgeyolo.slim.net import build
from edgeyolo.slim.spec import SlimSpec
from tests.command import edgeyolo, edgeyolo_json
from tests.conftest import ROOT

DEMO_NET = ROOT / "assets" / "demo-yolov8n.pt"
QUICK = ("--imgsz", 64, "--batch", 8, "--engine", "onnxruntime", "--name", "r")
pytestmark = pytest.mark.xdist_group("ways")


@pytest.fixture
def other_classes(small_demo: Path, tmp_path: Path) -> Path:
    """The same images, whose classes have names that no net knows."""
    values = yaml.safe_load(small_demo.read_text())
    values["path"] = str(small_demo.parent)
    values["names"] = {index: f"thing {index}" for index in range(len(values["names"]))}
    path = tmp_path / "other.yaml"
    path.write_text(yaml.safe_dump(values))
    return path


def losses(folder: Path) -> list[dict[str, Any]]:
    return [event["loss"] for event in all_events(folder) if event["event"] == "epoch"]


@pytest.mark.slow
def test_channels_may_go_in_steps(small_demo: Path, in_tmp: Path) -> None:
    done = edgeyolo(
        *("slim", "--width", 0.125, "--heads", "P3,P4", "--gradual", 2, "--epochs", 5),
        *("--importance", "l2", "--from", DEMO_NET, "--data", small_demo, *QUICK),
        cwd=in_tmp,
    )
    assert done.returncode == 0, done.stderr
    run = in_tmp / "runs" / "r"
    name = "w0.125-d0.33-P3P4-64"
    step = run / "train" / f"{name}-step1"
    trainings = json.loads((run / "report.json").read_text())["runs"][0]["trainings"]
    assert [training["name"] for training in trainings] == [step.name, name]
    assert spec_of(open_checkpoint(step / "trained.pt")) == SlimSpec(
        width=0.171875, heads=("P3", "P4")
    )
    assert spec_of(open_checkpoint(run / "slim.pt")) == SlimSpec(width=0.125, heads=("P3", "P4"))
    assert (len(losses(step)), len(losses(run / "train" / name))) == (1, 4)
    assert json.loads((step / "inherit.json").read_text())["importance"] == "l2"


@pytest.mark.slow
def test_without_fine_tuning_nothing_is_distilled(other_classes: Path, in_tmp: Path) -> None:
    arguments = ("slim", "--width", 0.125, "--epochs", 1, "--from", DEMO_NET, "--no-finetune")
    done = edgeyolo(*arguments, "--data", other_classes, *QUICK, cwd=in_tmp)
    assert done.returncode == 0, done.stderr
    assert "not fine-tuned" in done.stderr
    run = in_tmp / "runs" / "r"
    assert not (run / "train" / "wide").exists()
    assert "model.22.cv3.0.2.bias" in (run / "wide-inherit.txt").read_text()
    slim = run / "train" / "w0.125-d0.33-64"
    assert "distill_loss" not in losses(slim)[0]
    # What was read once is not needed again.
    (run / "slim.pt").unlink()
    (run / "report.json").unlink()
    for path in slim.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    plan = json.loads((run / "plan.json").read_text())
    (run / "plan.json").write_text(json.dumps({**plan, "source": "moved away.pt"}))
    done = edgeyolo("resume", "r", cwd=in_tmp)
    assert done.returncode == 0, done.stderr
    assert "distill_loss" not in losses(slim)[0]


def test_a_teacher_of_other_classes_is_refused_before_any_work(
    other_classes: Path, in_tmp: Path
) -> None:
    arguments = ("slim", "--width", 0.125, "--teacher", DEMO_NET, "--data", other_classes)
    done = edgeyolo(*arguments, *QUICK, cwd=in_tmp)
    assert done.returncode == 2
    assert "none of the net's classes" in done.stderr and "--distill 0" in done.stderr
    assert not (in_tmp / "runs").exists()


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--importance", "l3"), "taylor, l2, l1, bn"),
        (("--gradual", 9), "1 to 4"),
        (("--gradual", 3, "--epochs", 2), "1 to 2"),
        (("--no-finetune",), "--from"),
        (("--activation", "swish"), "hardswish"),
        (("--gradual", 0), "1 to 4"),
        (("--distill", -1), "Use 0"),
        (("--distill", "nan"), "Use 0"),
        (("--teacher", "nowhere.pt"), "nowhere.pt"),
    ],
)
def test_impossible_ways_are_refused(
    flags: tuple[Any, ...], said: str, small_demo: Path, in_tmp: Path
) -> None:
    done = edgeyolo("slim", *flags, "--data", small_demo, *QUICK, cwd=in_tmp)
    assert done.returncode == 2, done.stderr
    assert said in done.stderr and not (in_tmp / "runs").exists()


def test_heads_says_what_each_level_serves(small_demo: Path, in_tmp: Path) -> None:
    arguments = ("heads", "--data", small_demo, "--from", DEMO_NET, "--imgsz", 160)
    answer = edgeyolo_json(*arguments, "--json", cwd=in_tmp)
    assert sum(answer["assigned"].values()) == pytest.approx(1, abs=1e-3)
    assert 20 <= answer["images"] <= 24 < answer["boxes"], "images without boxes say nothing"
    assert 0.5 < answer["recall"]["overall"] <= 1
    assert all(part <= 1 for part in answer["recall"]["without"].values())
    said = edgeyolo(*arguments, cwd=in_tmp).stdout
    assert "boxes assigned" in said and "P4,P5" in said
    assert "latency: predicted for raspberry-pi-4, ncnn fp32" in said
    assert all(0 < choice["latency_ratio"] <= 1.1 for choice in answer["choices"])
    small = build(SlimSpec(heads=("P5",)), tuple("abcde"))
    save_checkpoint(small, in_tmp / "p5.pt")
    refused = edgeyolo("heads", "--data", small_demo, "--from", "p5.pt", "--imgsz", 64, cwd=in_tmp)
    assert refused.returncode == 2 and "128" in refused.stderr
    refused = edgeyolo("heads", "--data", small_demo, cwd=in_tmp)
    assert refused.returncode == 2 and "--from" in refused.stderr
