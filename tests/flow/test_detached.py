"""A run goes on without anybody looking on, and is looked at, stopped and taken up again."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from edgeyolo.jobs import process
from edgeyolo.jobs.events import all_events
from edgeyolo.runs import Run
from tests.command import edgeyolo, edgeyolo_json, rest_of
from tests.conftest import ROOT

FROM = ROOT / "assets" / "demo-yolov8n.pt"
WORDS = ("slim", "--width", 0.125, "--imgsz", 64, "--batch", 8, "--device", "cpu", "--from", FROM)
pytestmark = pytest.mark.xdist_group("detached")


@pytest.fixture
def run(in_tmp: Path) -> Iterator[Run]:
    run = Run(in_tmp / "runs" / "r")
    yield run
    for path in run.folder.rglob("job.pid"):
        process.kill(path.parent)


def _words(small_demo: Path, *more: object) -> tuple[object, ...]:
    return (*WORDS, "--engine", "ncnn", "--data", small_demo, "--name", "r", *more)


def _training(run: Run) -> Path:
    return run.training("w0.125-d0.33-64")


def _epochs(run: Run) -> list[int]:
    return [event["epoch"] for event in all_events(_training(run)) if event["event"] == "epoch"]


def _until(happened: Callable[[], object], patience_s: float = 240) -> None:
    deadline = time.monotonic() + patience_s
    while not happened():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.1)


def _listed() -> dict[str, Any]:
    (job,) = edgeyolo_json("jobs")
    return dict(job)


def test_stopped_and_taken_up_again_and_nobody_looks_on(run: Run, small_demo: Path) -> None:
    started = edgeyolo(*_words(small_demo, "--epochs", 40, "--detach"))
    assert started.returncode == 0, started.stderr
    assert started.stdout == f"{Path('runs') / 'r'}\n"
    assert "edgeyolo stop runs/r" in started.stderr
    _until(lambda: _epochs(run))
    job = _listed()
    assert (job["state"], job["kind"], job["folder"]) == ("running", "run", "runs/r")
    assert job["stage"] == "4/8 Retrain the slim net"
    assert "epoch" in job["note"]

    lines = edgeyolo("jobs").stdout.splitlines()
    assert lines[0].split()[:2] == ["runs/r", "running"]
    assert "  4/8 Retrain the slim net  " in lines[0]

    # Whoever comes second is told who holds it; whoever looks on sees it from its beginning.
    code = "import sys; from pathlib import Path; from edgeyolo.flow.slim import execute; "
    code += "from edgeyolo.runs import Run; from edgeyolo.progress import Silent; "
    code += "execute(Run(Path('runs/r')), Silent())"
    second = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert f"Process {job['pid']} of" in second.stderr
    assert "is working on runs/r" in second.stderr
    looking = subprocess.Popen(
        [sys.executable, "-m", "edgeyolo", "resume", "r"],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )

    assert looking.stderr
    said = ""
    while "[1/8] Check the data" not in said:
        line = looking.stderr.readline()
        assert line, said
        said += line
    stopped = edgeyolo("stop", "r")
    assert stopped.returncode == 0, stopped.stderr
    said += rest_of(looking)[1]
    assert looking.returncode == 6
    assert "Go on with: edgeyolo resume runs/r" in said
    assert _listed()["state"] == "stopped"
    again = edgeyolo("stop", "r")
    assert again.returncode == 2
    assert "Nobody is working on runs/r" in again.stderr
    assert 1 <= len(_epochs(run)) < 40
    assert not run.slim_checkpoint.exists()


def test_ended_at_once_and_then_without_a_terminal(run: Run, small_demo: Path) -> None:
    assert edgeyolo(*_words(small_demo, "--epochs", 8, "--detach")).returncode == 0
    _until(lambda: _epochs(run))
    assert edgeyolo("stop", "r", "--now").returncode == 0
    assert process.running(run.folder) is None
    _until(lambda: process.running(_training(run)) is None)
    assert _listed()["state"] == "unfinished"
    before = _epochs(run)

    looking = subprocess.Popen(
        [sys.executable, "-m", "edgeyolo", "resume", "r"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        # Not as under nohup, where a closed terminal says nothing.
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),
    )
    _until(lambda: len(_epochs(run)) > len(before))
    looking.send_signal(signal.SIGHUP)  # the terminal is closed
    assert looking.wait(120) == -signal.SIGHUP
    _until(run.report_file.exists)
    _until(lambda: _listed()["state"] == "finished")
    resumed = [e["resumed_at"] for e in all_events(_training(run)) if e["event"] == "started"]
    assert resumed[-1] >= 1
    assert _epochs(run)[-1] == 8
    verdict = edgeyolo("resume", "r")
    assert verdict.returncode == 0
    assert "The slim net has" in verdict.stdout
    assert json.loads(run.report_file.read_text())["runs"][0]["name"] == "r"


def test_a_run_that_is_refused_leaves_nothing_but_says_why(run: Run, small_demo: Path) -> None:
    broken = run.folder.parent.parent / "broken"
    images, labels = broken / "images", broken / "labels"
    images.mkdir(parents=True)
    labels.mkdir()
    source = next((small_demo.parent / "images").rglob("*.jpg"))
    (images / "a.jpg").write_bytes(source.read_bytes())
    (labels / "a.txt").write_text("0 0.5 0.5 nan 0.1\n")
    (broken / "data.yaml").write_text("train: images\nval: images\nnames: [a]\n")
    done = edgeyolo(*_words(broken / "data.yaml", "--epochs", 1))
    assert done.returncode == 2
    assert "a.txt line 1: a value is not finite" in done.stderr
    assert not run.folder.exists()
    left = edgeyolo(*_words(broken / "data.yaml", "--epochs", 1, "--detach"))
    assert left.returncode == 0
    _until(lambda: _listed()["state"] == "failed", 60)
    assert "a value is not finite" in _listed()["note"]


def test_nothing_to_list(in_tmp: Path) -> None:
    done = edgeyolo("jobs")
    assert done.returncode == 0
    assert "There are no runs here" in done.stderr
    assert edgeyolo_json("jobs") == []
