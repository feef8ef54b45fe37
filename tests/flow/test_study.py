"""A study, through the real command on a few images."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from edgeyolo.errors import UsageError
from edgeyolo.jobs.events import all_events
from edgeyolo.jobs.process import running
from edgeyolo.measure.accuracy import evaluate_bundle, paired_difference
from edgeyolo.report.study import study_table
from edgeyolo.studies.folder import Study
from tests.command import edgeyolo, edgeyolo_here
from tests.conftest import ROOT

FROM = ROOT / "assets" / "demo-yolov8n.pt"
pytestmark = pytest.mark.xdist_group("study")
FILE = """
data: {data}
from: {{n: n.pt}}
epochs: 1
device: cpu
batch: 8
imgsz: 96
grid:
  size: [n]
  spec: [w0.125-d0.33]
  seed: [0]
"""


@pytest.fixture
def file(in_tmp: Path, small_demo: Path) -> Path:
    """A study.yaml with its checkpoint beside it, in the working folder."""
    shutil.copy(FROM, in_tmp / "n.pt")
    path = in_tmp / "study.yaml"
    path.write_text(FILE.format(data=small_demo))
    return path


def _more(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def _wait_for(seen: Callable[[], object]) -> None:
    deadline = time.monotonic() + 200
    while not seen():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.slow
def test_a_study_stops_goes_on_and_survives_failures(file: Path, in_tmp: Path) -> None:
    """One story, as each part of it takes a minute."""
    _more(file, "epochs: 1\n", "epochs: 25\n")  # enough to be stopped in the middle of it
    command = [sys.executable, "-m", "edgeyolo", "study", "study.yaml", "--name", "st"]
    with (in_tmp / "said").open("w") as said:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=said)
    study = Study(in_tmp / "runs" / "st")
    first, second = "n-b8-96-s0", "w0.125-d0.33-b8-96-s0"
    training = study.folder / first / "train" / "w0.25-d0.33-96"
    _wait_for(lambda: process.poll() or [e for e in all_events(training) if e["event"] == "epoch"])
    assert process.poll() is None, (in_tmp / "said").read_text()
    (job,) = json.loads(edgeyolo("jobs", "--json").stdout)
    assert (job["kind"], job["state"]) == ("study", "running")
    assert job["stage"] == f"2/4 Train {first}"
    done = edgeyolo("stop", "st")
    assert done.returncode == 0, done.stderr
    assert process.wait(60) == 6
    assert "Go on with: edgeyolo resume runs/st" in (in_tmp / "said").read_text()
    epochs = [e["epoch"] for e in all_events(training) if e["event"] == "epoch"]
    assert len(epochs) < 25
    assert not study.result_file.exists()

    # The same file once more: it goes on. Its process is killed; the one of the row works on, and
    # what the file says meanwhile is not what the study was begun with.
    done = edgeyolo("study", "study.yaml", "--name", "st", "--detach")
    assert done.returncode == 0, done.stderr
    assert "Going on with runs/st: nothing is new." in done.stderr
    _wait_for(lambda: running((study.folder / first).resolve()))
    done = edgeyolo("study", "study.yaml", "--name", "st")
    assert done.returncode == 2
    assert "is working on runs/st" in done.stderr
    worker, row = running(study.folder.resolve()), running((study.folder / first).resolve())
    assert worker and row
    worker.kill()
    _wait_for(lambda: not running(study.folder.resolve()))
    assert row.is_running()
    _more(file, "epochs: 25\n", "epochs: 1\n")
    checkpoint = (in_tmp / "n.pt").rename(in_tmp / "aside.pt")
    done = edgeyolo("resume", "st")
    assert done.returncode == 1, done.stderr
    assert f"failed; the first is {second}: There is no checkpoint at" in done.stderr
    assert f"failed: {second}: There is no checkpoint at" in done.stdout
    assert f"* {first}" in done.stdout
    result = json.loads(study.result_file.read_text())
    assert [row["name"] for row in result["rows"]] == [first]
    assert [row["name"] for row in result["failed"]] == [second]
    lines = list(csv.DictReader(study.table_file.open()))
    assert [bool(line["failure"]) for line in lines] == [False, True]
    epochs = [e["epoch"] for e in all_events(training) if e["event"] == "epoch"]
    assert epochs == list(range(1, 26))  # taken up where it was
    (job,) = json.loads(edgeyolo("jobs", "--json").stdout)
    assert job["state"] == "failed"
    assert "1 of 2 trainings failed" in job["note"]

    # Put back, it is tried again; what is done is left alone.
    checkpoint.rename(in_tmp / "n.pt")
    before = (study.folder / first / "slim.pt").stat().st_mtime_ns
    done = edgeyolo("resume", "st", "--json")
    assert done.returncode == 0, done.stderr
    assert (study.folder / first / "slim.pt").stat().st_mtime_ns == before
    result = json.loads(done.stdout)
    assert [row["name"] for row in result["rows"]] == [first, second]
    assert result["failed"] == []
    _check(study, result)

    # Finished: at once, the same words.
    done = edgeyolo("resume", "st")
    assert done.returncode == 0, done.stderr
    assert done.stdout == study_table(result) + "\n"


def _check(study: Study, result: dict[str, Any]) -> None:
    """The figures of the comparison are those of the rows' own files."""
    from edgeyolo.dataset.check import load_split
    from edgeyolo.device.bundle import Bundle
    from edgeyolo.flow.data import dataset_of

    samples = load_split(dataset_of(study.run(".")), "val")
    accuracies = {}
    for row in result["rows"]:
        run = study.run(row["name"])
        report = json.loads(run.report_file.read_text())
        own = next(each for each in report["nets"] if each["role"] == "slim")
        timed = next(each for each in report["timings"] if each["net"] == own["id"])
        assert row["accuracy"]["map50_95"] == own["accuracy"]["map50_95"]
        assert row["accuracy"]["map50_95_ci"] == own["accuracy"]["map50_95_ci"]
        assert row["latency_ms"]["p50"] == timed["end_to_end_ms"]["p50"]
        accuracies[row["name"]] = evaluate_bundle(Bundle.open(run.bundle), samples)
    best = accuracies[result["best"]]
    for row in result["rows"]:
        point, bounds = paired_difference(accuracies[row["name"]], best)
        assert row["versus_best"]["difference"] == pytest.approx(point, abs=1e-5)
        assert row["versus_best"]["ci"] == pytest.approx(bounds, abs=2e-5)
    assert result["data"]["images"] == len(samples)
    page = study.report_page.read_text()
    assert all(row["name"] in page for row in result["rows"])


@pytest.mark.slow
def test_a_wide_net_is_trained_once_for_the_specs_of_a_setting(file: Path, in_tmp: Path) -> None:
    _more(file, "from: {n: n.pt}\n", "wide_epochs: 1\nimportance: l1\n")
    _more(file, "  size: [n]\n", "")
    _more(file, "spec: [w0.125-d0.33]", "spec: [w0.125-d0.33-P3P4, w0.125-d0.33-P3]")
    done = edgeyolo("study", "study.yaml", "--name", "st", "--json")
    assert done.returncode == 0, done.stderr
    study, result = Study(in_tmp / "runs" / "st"), json.loads(done.stdout)
    (wide,) = result["wide"]
    assert wide["name"] == "wide-b8-96-s0"
    assert wide["start"] == "scratch"
    assert wide["rows"] == [row["name"] for row in result["rows"]]
    assert {row["start"] for row in result["rows"]} == {"slimmed from wide-b8-96-s0"}
    trained = [path.parts[-4] for path in study.folder.glob("*/train/*/events.jsonl")]
    assert sorted(trained) == sorted([wide["name"], *wide["rows"]])
    for row in result["rows"]:
        run = study.run(row["name"])
        assert run.plan().source == str((study.folder / wide["name"] / "slim.pt").resolve())
        assert json.loads(run.wide_file.read_text())["knows_classes"]  # and so it teaches
        (training,) = (run.folder / "train").iterdir()
        epochs = [event for event in all_events(training) if event["event"] == "epoch"]
        assert "distill_loss" in epochs[0]["loss"]
    # A file that asks for more is taken in; what is there is left alone.
    before = {path: path.stat().st_mtime_ns for path in study.folder.glob("*/slim.pt")}
    with file.open("a") as stream:
        stream.write("include: [{spec: w0.0625-d0.33-P3}]\n")
    done = edgeyolo("study", file, "--name", "st", "--json")
    assert done.returncode == 0, done.stderr
    assert "Going on with runs/st: 1 new." in done.stderr
    assert {path: path.stat().st_mtime_ns for path in before} == before
    names = [row["name"] for row in json.loads(done.stdout)["rows"]]
    assert names == [*wide["rows"], "w0.0625-d0.33-P3-b8-96-s0"]
    assert study.file.read_text() == file.read_text()
    # Where the wide net fails, so do those that are to be slimmed from it.
    study.result_file.unlink()
    for name in (wide["name"], names[-1]):
        plan = study.run(name).plan()
        shutil.rmtree(study.folder / name)
        plan.save(study.run(name).plan_file)
    study.run(wide["name"]).wide_checkpoint.write_bytes(b"broken")
    done = edgeyolo("resume", "st")
    assert done.returncode == 1
    assert f"2 of 4 trainings failed; the first is {wide['name']}" in done.stderr
    assert f"{names[-1]}: The net that it is slimmed from, {wide['name']}, failed." in done.stdout
    assert f"failed: {wide['name']}: " in done.stdout


@pytest.mark.parametrize("from_", ["{n: n.pt}", "n.pt", "{n: n.pt, spec: n.pt}"])
def test_a_dry_run_says_what_it_costs(
    file: Path, in_tmp: Path, capsys: pytest.CaptureFixture[str], from_: str
) -> None:
    _more(file, "from: {n: n.pt}", f"from: {from_}")
    _more(file, "seed: [0]", "seed: [0, 1]")
    _more(file, "size: [n]", "size: [n, s]")
    assert edgeyolo_here("study", file, "--dry-run") == 0
    out = capsys.readouterr().out
    assert "6 trainings (6 rows)" in out
    assert [line.split()[-1] for line in out.splitlines() if line.startswith("s-")] == [
        "scratch",
        "scratch",
    ]
    assert edgeyolo_here("study", file, "--dry-run", "--json") == 0
    planned = json.loads(capsys.readouterr().out)
    assert planned["trainings"] == planned["rows"] == 6
    assert planned["data"]["train_images"] == 24
    by_name = {entry["name"]: entry for entry in planned["entries"]}
    n, s = by_name["n-b8-96-s0"], by_name["s-b8-96-s0"]
    assert (n["start"], s["start"]) == ("n.pt", "scratch")
    assert n["parameters"] == 3_011_823
    assert n["gflops"] < s["gflops"]
    assert 0 < n["training_seconds"] < s["training_seconds"]
    total = sum(entry["training_seconds"] for entry in planned["entries"])
    assert planned["training_seconds"] == pytest.approx(total, abs=0.1)
    assert not (in_tmp / "runs").exists()


def test_wide_nets_are_counted(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _more(file, "from: {n: n.pt}\n", "wide_epochs: 7\n")
    _more(file, "seed: [0]", "seed: [0, 1]")
    _more(file, "spec: [w0.125-d0.33]", "spec: [w0.125-d0.33, w0.0625-d0.33]")
    assert edgeyolo_here("study", file, "--dry-run", "--json") == 0
    planned = json.loads(capsys.readouterr().out)
    assert (planned["rows"], planned["trainings"]) == (6, 8)
    wide = [entry for entry in planned["entries"] if not entry["is_row"]]
    assert [entry["name"] for entry in wide] == ["wide-b8-96-s0", "wide-b8-96-s1"]
    assert [entry["epochs"] for entry in wide] == [7, 7]
    names = [entry["name"] for entry in planned["entries"]]
    assert names.index("wide-b8-96-s0") < names.index("w0.125-d0.33-b8-96-s0")
    assert edgeyolo_here("study", file, "--dry-run") == 0
    assert "8 trainings (6 rows and 2 of wide nets to slim from)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("epochs: 1", "epochs: 0", "study.yaml: epochs 0 is not possible"),
        ("epochs: 1", "epoch: 1", "The nearest is 'epochs'"),
        ("from: {n: n.pt}", "from: {n: no.pt}", "study.yaml: from.n: There is no checkpoint"),
        ("from: {n: n.pt}", "from: {n: study.yaml}", "study.yaml: from.n: "),
        ("from: {n: n.pt}", "from: {n: n.pt, s: n.pt}", "which one specs are slimmed from"),
        ("imgsz: 96", "imgsz: 32", "n-b8-32-s0: An image size of 32 is too small"),
        ("spec: [w0.125-d0.33]", "spec: [w0.5-d0.33]", "more than the starting net has"),
        ("device: cpu", "device: cpu\nfreeze: 99", "cannot be frozen"),
        ("device: cpu", "device: cpu\nengine: [ncnn, onnxruntime]", "one engine"),
        ("device: cpu", "device: cpu\nengine: tflite", "There is no engine 'tflite'"),
        ("device: cpu", "device: cpu\nset: {mosaic: 7}", "ultralytics refuses --set"),
        ("device: cpu", "device: cpu\nteacher: no.pt", "There is no checkpoint no.pt"),
        ("device: cpu", "device: cpu\nimportance: l3", "There is no importance 'l3'"),
        ("data: ", "data: nowhere/", "There is no data set at"),
    ],
)
def test_what_is_refused_makes_no_folder(
    file: Path, in_tmp: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, said: str
) -> None:
    _more(file, old, new)
    assert edgeyolo_here("study", "study.yaml", "--detach") == 2
    assert said in capsys.readouterr().err
    assert not (in_tmp / "runs").exists()


def test_a_checkpoint_of_another_size_is_refused(
    file: Path, in_tmp: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _more(file, "from: {n: n.pt}", "from: {s: n.pt}")
    _more(file, "size: [n]", "size: [s]")
    assert edgeyolo_here("study", "study.yaml") == 2
    said = capsys.readouterr().err
    assert "study.yaml: from.s: n.pt is a w0.25-d0.33, and size s is w0.5-d0.33." in said


def test_what_a_study_takes_in_and_what_not(
    file: Path, in_tmp: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("study", "study.yaml", "--name", "st", "--detach")
    assert edgeyolo_here(*words) == 0
    assert capsys.readouterr().out == f"{Path('runs') / 'st'}\n"
    assert edgeyolo_here("stop", "st", "--now") == 0
    study, kept = Study(in_tmp / "runs" / "st"), file.read_text()
    for old, new, said in (
        (
            "epochs: 1",
            "epochs: 2",
            "runs/st was begun with epochs 1, and study.yaml now asks for 2",
        ),
        ("size: [n]", "size: [s]", "study.yaml has no n-b8-96-s0 any more, as runs/st has."),
        ("seed: [0]", "seed: [1]", "study.yaml has no n-b8-96-s0 any more"),
        ("device: cpu", "device: cpu\nlr: 0.1", "was begun with lr None"),
        ("device: cpu", "device: cpu\nimportance: l1", "was begun with importance taylor"),
    ):
        _more(file, old, new)
        assert edgeyolo_here(*words) == 2
        assert said in capsys.readouterr().err
        assert study.file.read_text() == kept
        file.write_text(kept)
    _more(file, "seed: [0]", "seed: [1, 0]")
    assert edgeyolo_here("study", file, "--name", "st", "--detach") == 0  # by another path
    assert "Going on with runs/st: 2 new." in capsys.readouterr().err
    assert edgeyolo_here("stop", "st", "--now") == 0
    assert [entry.name for entry in study.entries()] == [
        "n-b8-96-s1",
        "n-b8-96-s0",
        "w0.125-d0.33-b8-96-s1",
        "w0.125-d0.33-b8-96-s0",
    ]
    assert study.file.read_text() == file.read_text()
    assert not study.is_done


def test_what_the_file_tells_reaches_the_rows(
    file: Path, in_tmp: Path, small_demo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images = sorted((small_demo.parent / "images" / "train").iterdir())
    for split, name, index in product(("train", "val"), ("a", "b"), range(3)):
        place = in_tmp / "shapes" / split / name
        place.mkdir(parents=True, exist_ok=True)
        shutil.copy(images[index], place)
    more = "wide_epochs: 7\npretrain_classify: shapes\npretrain_epochs: 3\npatience: 9\nlr: 0.1\n"
    _more(file, "from: {n: n.pt}\n", more + "log: none\nset: {mosaic: 0.5, optimizer: SGD}\n")
    _more(file, "seed: [0]", "seed: [4]\n  freeze: [3, backbone]\nteacher: n.pt\ngradual: 1")
    assert edgeyolo_here("study", "study.yaml", "--name", "st", "--detach") == 0
    assert edgeyolo_here("stop", "st", "--now") == 0
    plans = {entry.name: entry.plan for entry in Study(in_tmp / "runs" / "st").entries()}
    sized, wide = plans["n-b8-f3-96-s4"], plans["wide-b8-f3-96-s4"]
    slim = plans["w0.125-d0.33-b8-f3-96-s4"]
    for plan in plans.values():
        assert plan.data == str(small_demo.resolve())
        assert (plan.recipe.batch, plan.recipe.imgsz, plan.recipe.seed) == (8, 96, 4)
        assert (plan.recipe.patience, plan.recipe.lr, plan.recipe.log) == (9, 0.1, "")
        assert plan.recipe.settings == {"mosaic": 0.5, "optimizer": "SGD"}
        assert plan.engines == ("onnxruntime",)
    assert (sized.plain, wide.plain, slim.plain) == (True, True, False)
    assert (sized.recipe.epochs, wide.recipe.epochs, slim.recipe.epochs) == (1, 7, 1)
    assert (sized.recipe.freeze, wide.recipe.freeze, slim.recipe.freeze) == ("3", None, "3")
    assert sized.pretrain == slim.pretrain == str((in_tmp / "shapes").absolute())
    assert (sized.pretrain_epochs, wide.pretrain) == (3, None)
    teacher = str((in_tmp / "n.pt").absolute())
    assert (sized.teacher, wide.teacher, slim.teacher) == (teacher, None, teacher)
    assert slim.recipe.is_taught and not wide.recipe.is_taught
    assert (sized.source, wide.source) == (None, None)


def test_broken_data_leave_no_folder(
    file: Path, in_tmp: Path, small_demo: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(small_demo.parent, in_tmp / "broken")
    image = next((in_tmp / "broken" / "images" / "val").iterdir())
    image.write_bytes(b"no image")
    _more(file, str(small_demo), "broken/data.yaml")
    assert edgeyolo_here("study", "study.yaml", "--name", "st") == 2
    assert image.name in capfd.readouterr().err
    assert not (in_tmp / "runs" / "st").exists()


def test_a_name_that_is_taken_by_something_else(
    file: Path, in_tmp: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (in_tmp / "runs" / "taken").mkdir(parents=True)
    assert edgeyolo_here("study", "study.yaml", "--name", "taken") == 2
    assert "There is a run runs/taken already" in capsys.readouterr().err


def test_a_study_of_another_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / "queue.json").write_text('{"format": "edgeyolo-study-queue", "version": 99}')
    found = Study.find(tmp_path)
    assert found is not None
    with pytest.raises(UsageError, match="not a study"):
        found.entries()
