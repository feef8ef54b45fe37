"""The main job on a few images, through the real command."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from edgeyolo.jobs.events import all_events
from edgeyolo.slim.cost import cost
from edgeyolo.slim.spec import SlimSpec
from tests.command import edgeyolo, edgeyolo_json
from tests.conftest import ENGINES, ROOT, shared_folder

QUICK = ("--width", 0.125, "--imgsz", 64, "--epochs", 2, "--wide-epochs", 1, "--batch", 8)
STOCK = """
import json, sys
from pathlib import Path
import onnxruntime, torch
from ultralytics import YOLO
folder = Path(sys.argv[1])
with_data = {"data": str(folder / "data" / "data.yaml"), "imgsz": 64, "device": "cpu", "workers": 0}
net = YOLO(folder / "slim.pt")
before = {k: v.clone().float() for k, v in net.model.named_parameters()}
count = [sum(p.numel() for p in net.model.parameters())]
mean = net.val(**with_data, plots=False).box.map
net.train(**with_data, epochs=1, batch=8, optimizer="SGD", lr0=0, lrf=0, weight_decay=0,
          warmup_epochs=0, plots=False, val=False, amp=False, project=str(folder), name="again")
again = YOLO(folder / "again" / "weights" / "last.pt")
after = {k: v.float() for k, v in again.model.named_parameters()}
count.append(sum(p.numel() for p in again.model.parameters()))
change = max(float((after[k] - v).abs().max()) for k, v in before.items())
exported = again.export(format="onnx", imgsz=64)
shape = onnxruntime.InferenceSession(exported).get_outputs()[0].shape
print()
print(json.dumps({"parameters": count, "map": mean, "largest change": change, "output": shape}))
"""
PARAMETERS = cost(SlimSpec(width=0.125), 5, 64).parameters
pytestmark = pytest.mark.xdist_group("slim")


@pytest.fixture(scope="session")
def finished(
    tmp_path_factory: pytest.TempPathFactory, small_demo: Path
) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """A whole run without starting weights: folder and what the command said."""
    work = tmp_path_factory.mktemp("finished")
    env = {"EDGEYOLO_CACHE_DIR": str(shared_folder(tmp_path_factory) / "cache")}
    done = edgeyolo("slim", *QUICK, "--data", small_demo, "--name", "first", cwd=work, env=env)
    assert done.returncode == 0, done.stderr
    return work / "runs" / "first", done


def test_leaves_everything_in_the_run_folder(finished: Any) -> None:
    run, _ = finished
    for name in ("plan.json", "data.json", "wide.pt", "slim.pt", "report.json", "report.html"):
        assert (run / name).is_file(), name
    slim = run / "train" / "w0.125-d0.33-64"
    assert [event["event"] for event in all_events(slim) if event["event"] != "batch"] == [
        "started",
        "epoch",
        "epoch",
        "finished",
    ]
    inherited = json.loads((slim / "inherit.json").read_text())
    assert len(inherited["tensors"]) == 355
    assert {tensor["fate"] for tensor in inherited["tensors"]} == {"inherited", "sliced"}
    assert 0 <= inherited["recall"]["after"]["overall"] <= 1
    assert len((slim / "inherit.txt").read_text().splitlines()) == 356
    assert set(json.loads((run / "heads.json").read_text())["assigned"]) == {"P3", "P4", "P5"}


def test_one_bundle_holds_all_engines(finished: Any) -> None:
    from edgeyolo.device.bundle import Bundle

    bundle = Bundle.open(finished[0] / "bundle")
    assert tuple(bundle.engines) == ENGINES
    assert bundle.default_engine == "onnxruntime"
    assert bundle.provenance["net"]["parameters"] == PARAMETERS
    assert bundle.license == "AGPL-3.0-or-later"


def test_the_bundle_names_no_path_of_this_machine(finished: Any) -> None:
    run, _ = finished
    for path in (run / "bundle").iterdir():
        content = path.read_bytes()
        for place in (str(run.parent.parent), str(Path.home()), "site-packages"):
            assert place.encode() not in content, path.name


def test_says_what_was_gained_and_lost(finished: Any) -> None:
    _, done = finished
    for word in (
        "wide net w0.25",
        "slim net w0.125",
        "mAP50-95",
        "parameters",
        "GFLOPs",
        "points [",
    ):
        assert word in done.stdout
    for word in ("trained from scratch first", "[1/8]", "[8/8]", "elapsed", "ETA", "epoch 2/2"):
        assert word in done.stderr


def test_report_holds_a_row_for_each_engine_and_two_baselines(finished: Any) -> None:
    report = json.loads((finished[0] / "report.json").read_text())
    rows = [(row["role"], row["engine"]) for row in report["nets"]]
    assert rows == [
        ("slim", "onnxruntime"),
        ("slim", "ncnn"),
        ("slim", "openvino"),
        ("baseline", "onnxruntime"),
    ]
    for row in report["nets"]:
        low, high = row["accuracy"]["map50_95_ci"]
        assert low <= row["accuracy"]["map50_95"] <= high
    for timing in report["timings"]:
        assert len(timing["samples"]["total_ms"]) == 15
    assert report["nets"][0]["parameters"] == PARAMETERS


def test_a_second_run_of_that_name_is_refused(finished: Any, small_demo: Path) -> None:
    work = finished[0].parent.parent
    done = edgeyolo("slim", *QUICK, "--data", small_demo, "--name", "first", cwd=work)
    assert done.returncode == 2
    assert "resume" in done.stderr


def test_resuming_a_finished_run_only_shows_it(finished: Any) -> None:
    run, first = finished
    done = edgeyolo("resume", "first", cwd=run.parent.parent)
    assert (done.returncode, done.stdout) == (0, first.stdout)


@pytest.mark.parametrize("engine", ENGINES)
def test_val_of_the_bundle(finished: Any, small_demo: Path, engine: str) -> None:
    answer = edgeyolo_json("val", finished[0] / "bundle", "--data", small_demo, "--engine", engine)
    keys = list(answer)
    assert keys[-1] == "per_class" and isinstance(answer["per_class"], list)
    assert {"map50_95", "map50", "map50_95_ci", "images", "boxes", "engine", "precision"} < {*keys}
    assert (answer["engine"], answer["precision"], answer["images"]) == (engine, "fp32", 8)
    assert answer["per_class"][0]["name"] == "stop"


def test_bench_of_the_bundle(finished: Any) -> None:
    answer = edgeyolo_json("bench", finished[0] / "bundle", "--rounds", 2, "--runs", 5)
    for scope in ("engine_only_ms", "end_to_end_ms"):
        assert answer[scope]["p50"] <= answer[scope]["p90"] <= answer[scope]["p99"]
    assert answer["engine_only_ms"]["p50"] < answer["end_to_end_ms"]["p50"]
    assert [len(part) for part in answer["results"][0]["samples"]["total_ms"]] == [5, 5]


def test_export_of_the_slim_net_gives_the_same_accuracy(
    finished: Any, tmp_path: Path, small_demo: Path
) -> None:
    run, _ = finished
    out = tmp_path / "exported"
    arguments = ("export", run / "slim.pt", "--engine", "openvino", "--imgsz", 64, "--out", out)
    assert edgeyolo(*arguments).returncode == 0
    assert sorted(path.name for path in out.iterdir()) == ["bundle.json", "model.bin", "model.xml"]
    again = edgeyolo_json("val", out, "--data", small_demo)
    whole = edgeyolo_json("val", run / "bundle", "--data", small_demo, "--engine", "openvino")
    assert again["map50_95"] == whole["map50_95"]
    refused = edgeyolo(*arguments)
    assert refused.returncode == 2 and "--force" in refused.stderr
    assert edgeyolo(*arguments, "--force").returncode == 0


def test_stock_ultralytics_takes_the_distilled_net(
    finished: Any, small_demo: Path, tmp_path: Path
) -> None:
    """Validate, export, retrain: with steps of size 0, it ends with the weights it began with."""
    shutil.copy(finished[0] / "slim.pt", tmp_path / "slim.pt")
    shutil.copytree(small_demo.parent, tmp_path / "data")  # ultralytics writes beside the labels
    done = subprocess.run(
        [sys.executable, "-c", STOCK, tmp_path],
        cwd=tmp_path,
        env={**os.environ, "YOLO_CONFIG_DIR": str(tmp_path), "YOLO_OFFLINE": "true"},
        capture_output=True,
        text=True,
        timeout=540,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout.splitlines()[-1])
    assert answer["parameters"] == [PARAMETERS, PARAMETERS]
    assert answer["map"] >= 0
    assert answer["largest change"] == 0
    assert answer["output"] == [1, 9, 84], "4 sides and 5 classes at 64 + 16 + 4 positions"


def test_run_on_the_clip_gives_a_line_for_each_frame(finished: Any, small_demo: Path) -> None:
    clip = small_demo.parent / "clip.mp4"
    done = edgeyolo("run", finished[0] / "bundle", "--source", clip, "--json", "--frames", 5)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["frame"] for line in lines] == [0, 1, 2, 3, 4]
    assert all(list(line) == ["frame", "time_s", "detections"] for line in lines)


def test_takes_the_data_yaml_of_the_folder_and_says_so(small_demo: Path, in_tmp: Path) -> None:
    (in_tmp / "data.yaml").write_text(f"path: {small_demo.parent}\n" + small_demo.read_text())
    done = edgeyolo("slim", "--width", 0.125, "--imgsz", 100, cwd=in_tmp)
    assert done.returncode == 2 and "96" in done.stderr  # the size is refused before any work
    answer = edgeyolo_json("slim", "--width", 0.125, "--dry-run", cwd=in_tmp)
    assert (answer["imgsz"], answer["classes"]) == (640, 5)
    for wrong, word in (
        (("--width", 0.5), "more than the starting net has"),
        (("--importance", "foo"), "foo"),
        (("--gradual", 9), "9 steps"),
        (("--epochs", 0), "epochs"),
    ):
        done = edgeyolo("slim", *wrong, "--dry-run", cwd=in_tmp)
        assert done.returncode == 2 and word in done.stderr, wrong
    assert not (in_tmp / "runs").exists()


@pytest.mark.slow
@pytest.mark.parametrize("how", ["kill", "interrupt"])
def test_a_stopped_run_goes_on(how: str, finished: Any, small_demo: Path, in_tmp: Path) -> None:
    """SIGKILL of all that works, or one Ctrl-C; ``resume`` brings both to the same end."""
    wide = finished[0] / "wide.pt"
    arguments = ("slim", *QUICK[:4], "--epochs", 8, "--batch", 8, "--from", wide, "--name", "r")
    command = [sys.executable, "-m", "edgeyolo", *map(str, arguments)]
    command += ["--data", str(small_demo), "--engine", "ncnn"]
    command += ["--teacher", str(ROOT / "assets" / "demo-yolov8n.pt")]
    process = subprocess.Popen(
        command,
        cwd=in_tmp,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        # A test run in the background ignores Ctrl-C, and its children would, too.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    folder = in_tmp / "runs" / "r" / "train" / "w0.125-d0.33-64"
    _wait_for(lambda: any(event["event"] == "epoch" for event in all_events(folder)))
    if how == "kill":
        process.kill()  # it only looks on
        for place in (in_tmp / "runs" / "r", folder):
            os.kill(int((place / "job.pid").read_text().split()[0]), signal.SIGKILL)
        process.communicate()
    else:
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=120)
        assert process.returncode == 6, said
        assert "edgeyolo resume runs/r" in said
    assert not (in_tmp / "runs" / "r" / "slim.pt").exists()
    done = edgeyolo("resume", "runs/r", cwd=in_tmp)
    assert done.returncode == 0, done.stderr
    epochs = [event["epoch"] for event in all_events(folder) if event["event"] == "epoch"]
    started = [event for event in all_events(folder) if event["event"] == "started"]
    assert epochs[-1] == 8 and epochs == sorted(epochs)
    assert started[-1]["resumed_at"] >= 1
    assert (in_tmp / "runs" / "r" / "report.html").is_file()
    taught = [e["loss"]["distill_loss"] for e in all_events(folder) if e["event"] == "epoch"]
    assert len(taught) == len(epochs) and min(taught) > 0, "also after resuming"


def _wait_for(condition: Any, seconds: float = 180) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.1)
