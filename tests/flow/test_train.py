"""A net trained as it is, through the real command on a few images."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edgeyolo.device.bundle import Bundle
from edgeyolo.jobs.events import all_events
from edgeyolo.runs import Run
from tests.command import edgeyolo, edgeyolo_here
from tests.conftest import ROOT

QUICK = ("--imgsz", 64, "--epochs", 2, "--batch", 8, "--device", "cpu", "--engine", "ncnn")
FROM = ROOT / "assets" / "demo-yolov8n.pt"
pytestmark = pytest.mark.xdist_group("train")


def _train(small_demo: Path, *words: object) -> Any:
    done = edgeyolo("train", *QUICK, "--data", small_demo, "--name", "r", *words)
    assert done.returncode == 0, done.stderr
    return done


def test_a_checkpoint_is_trained_and_nothing_made_smaller(in_tmp: Path, small_demo: Path) -> None:
    done = _train(small_demo, "--from", FROM, "--freeze", "backbone", "--set", "mosaic=0")
    run = Run(in_tmp / "runs" / "r")
    report = json.loads(run.report_file.read_text())
    assert [row["role"] for row in report["nets"]] == ["slim"]
    assert report["nets"][0]["title"] == "trained net"
    assert "trained net w0.25-d0.33 64px" in done.stdout
    assert "2 epochs in " in done.stdout
    assert "wide net" not in done.stdout
    assert "trained net" in run.report_page.read_text()
    (training,) = (run.folder / "train").iterdir()
    epochs = [event for event in all_events(training) if event["event"] == "epoch"]
    assert len(epochs) == 2
    assert "distill_loss" not in epochs[0]["loss"]  # nobody was asked to teach
    assert Bundle.open(run.bundle).provenance["net"]["parameters"] > 3_000_000


def test_from_scratch_and_with_a_teacher(in_tmp: Path, small_demo: Path) -> None:
    done = _train(small_demo, "--width", 0.125, "--teacher", FROM)
    assert "No starting weights." in done.stderr
    (training,) = (in_tmp / "runs" / "r" / "train").iterdir()
    assert training.name == "w0.125-d0.33-64"
    epochs = [event for event in all_events(training) if event["event"] == "epoch"]
    assert epochs[0]["loss"]["distill_loss"] > 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--from", FROM, "--width", 0.125], "--width names a net"),
        (["--from", "nowhere.pt"], "no checkpoint nowhere.pt"),
        (["--set", "mosaik=1"], "The nearest is 'mosaic'"),
        (["--freeze", "heads"], "Use backbone"),
        (["--freeze", 99], "cannot be frozen"),
        (["--patience", 0], "patience 0"),
        (["--lr", 0], "lr 0"),
        (["--set", "mosaic=7"], "ultralytics refuses --set"),
    ],
)
def test_what_is_refused_makes_no_folder(
    in_tmp: Path,
    small_demo: Path,
    capsys: pytest.CaptureFixture[str],
    words: list[object],
    said: str,
) -> None:
    assert edgeyolo_here("train", "--data", small_demo, *words) == 2
    assert said in capsys.readouterr().err
    assert not (in_tmp / "runs").exists()


def test_a_dry_run_says_what_the_net_costs(
    in_tmp: Path, small_demo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--data", small_demo, "--width", 0.125, "--dry-run", "--json")
    assert edgeyolo_here("train", *words) == 0
    assert json.loads(capsys.readouterr().out)["name"] == "w0.125-d0.33"
    assert not (in_tmp / "runs").exists()
