"""``edgeyolo report``: runs, benches and boards on one page, from what was measured for real."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgeyolo.dataset.read import read_dataset
from edgeyolo.export.bundle import write_bundle
from edgeyolo.flow.collect.nets import net_row
from edgeyolo.flow.measurements import entries, measure_accuracy
from edgeyolo.flow.timed import Timed
from edgeyolo.measure.latency import Subject, measure
from edgeyolo.measure.state import look
from edgeyolo.plan.plan import Plan
from edgeyolo.progress import Silent
from edgeyolo.report.write import CARD, JSON, PAGE, PNG, SVG, TABLE
from edgeyolo.runs import Run
from edgeyolo.slim.checkpoint import open_checkpoint
from edgeyolo.slim.spec import SlimSpec
from edgeyolo.train.recipe import Recipe
from tests.command import edgeyolo_here, python
from tests.conftest import ROOT
from tests.report_specimen import HEADS


@pytest.fixture(scope="session")
def measured(made_once: Callable[[str, Callable[[Path], object]], Path], small_demo: Path) -> Path:
    """A run whose net was not trained, but measured: a net against itself at fewer pixels."""

    def fill(folder: Path) -> None:
        run = Run(folder / "runs" / "r")
        net = open_checkpoint(ROOT / "assets" / "demo-yolov8n.pt")
        dataset = read_dataset(small_demo)
        engines = ("onnxruntime", "ncnn")
        facts = {"data": {"name": "small", "fingerprint": dataset.fingerprint()}}
        write_bundle(net, 192, engines, run.bundle, provenance=facts)
        write_bundle(net, 160, engines[:1], run.baseline_bundle, provenance=facts)
        recipe = Recipe(epochs=3, imgsz=160)
        spec = SlimSpec(0.25, 0.33)
        plan = Plan(str(small_demo), "named", False, None, spec, engines, recipe, wide_epochs=1)
        plan.save(run.plan_file)
        told = {
            "path": str(small_demo),
            "names": list(dataset.names),
            "splits": {"val": {"images": len(dataset.images("val")), "boxes": 0}},
            "fingerprint": dataset.fingerprint(),
        }
        run.data_file.write_text(json.dumps(told))
        run.heads_file.write_text(json.dumps(HEADS))
        run.wide_file.write_text(json.dumps({"knows_classes": True}))
        measure_accuracy(run, plan, Silent())
        # As measure_latency does it, but short.
        rows = entries(run)
        subjects = [Subject(bundle.root, engine) for _, bundle, engine in rows]
        images = dataset.images("val")[:2]
        samples = measure(subjects, images, rounds=2, runs=5, warm_up_s=0.2)
        told = Timed(samples, [look()], len(images)).told([{"role": row[0]} for row in rows], 2)
        run.latency_file.write_text(json.dumps(told))

    return made_once("measured", fill)


@pytest.fixture
def run(measured: Path, in_tmp: Path) -> Run:
    """A copy, in a folder of its own."""
    shutil.copytree(measured / "runs", in_tmp / "runs")
    return Run(Path("runs") / "r")


def _bench(run: Run, machine: str = "Raspberry Pi 5", factor: float = 3.0) -> Path:
    """What a board would answer for the same file, by what this machine takes."""
    report = json.loads((run.folder / JSON).read_text())
    net = report["nets"][0]
    timing = next(t for t in report["timings"] if t["net"] == net["id"])
    scaled = {
        k: factor * v for k, v in timing["end_to_end_ms"].items() if k in ("p50", "p90", "p99")
    }
    result = {
        "label": "bundle onnxruntime",
        "spec": net["spec"],
        **{key: net[key] for key in ("id", "sha256", "imgsz", "precision", "engine")},
        "classes": 5,
        **{key: timing[key] for key in ("threads", "runs", "sustained_ms", "load_ms", "first_ms")},
        **{key: timing[key] for key in ("peak_rss_mb", "verdict", "samples")},
        "engine_only_ms": scaled,
        "end_to_end_ms": scaled,
    }
    environment = {**report["devices"][0]["environment"], "machine": machine}
    answer = {"images": 16, "environment": environment, "states": [], "results": [result]}
    path = Path("pi5.json")
    path.write_text(json.dumps(answer))
    return path


def test_a_run_its_board_and_a_prediction(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert edgeyolo_here("report", "r") == 0
    said = capsys.readouterr()
    assert "The slim net has 100% of the parameters" in said.out
    assert said.err.endswith("Report: runs/r/report.html\n")
    for name in (JSON, PAGE, TABLE, CARD, SVG, PNG):
        assert (run.folder / name).stat().st_size > 100, name
    one = json.loads((run.folder / JSON).read_text())
    assert [(n["role"], n["engine"]) for n in one["nets"]] == [
        *(("slim", engine) for engine in ("onnxruntime", "ncnn")),
        ("baseline", "onnxruntime"),
    ]
    more = ("--profile", "raspberry-pi-4", "--latency", "66", "--out", "both")
    assert edgeyolo_here("report", "r", _bench(run), *more) == 0
    said = capsys.readouterr()
    assert "The best under 66.0 ms on Raspberry Pi 4" in said.out
    assert "predicted ~" in said.out
    both = json.loads((Path("both") / JSON).read_text())
    kinds = [(device["machine"], device["kind"]) for device in both["devices"]]
    assert kinds[1:] == [("Raspberry Pi 5", "measured"), ("Raspberry Pi 4 Model B", "predicted")]
    assert len(both["nets"]) == len(one["nets"])
    page = (Path("both") / PAGE).read_text()
    assert "Raspberry Pi 4 Model B, predicted: not measured there" in page


def test_a_net_at_two_sizes_is_two_nets_though_ncnn_writes_the_same_files(run: Run) -> None:
    net = open_checkpoint(ROOT / "assets" / "demo-yolov8n.pt")
    rows = {}
    for imgsz in (160, 192):
        bundle = write_bundle(net, imgsz, ("ncnn",), Path(f"ncnn-{imgsz}"))
        measured = {"engine": "ncnn", "map50_95": 0.5}
        rows[imgsz] = net_row(bundle, measured, run="r", role="slim", title="net")
    assert rows[160]["sha256"] == rows[192]["sha256"]
    assert rows[160]["id"] != rows[192]["id"]


def test_a_report_drawn_again_is_the_same(run: Run) -> None:
    assert edgeyolo_here("report", "r") == 0
    assert edgeyolo_here("report", run.folder / JSON, "--out", "again") == 0
    for name in (JSON, PAGE, TABLE, CARD, SVG, PNG):
        assert (Path("again") / name).read_bytes() == (run.folder / name).read_bytes(), name


def test_without_pictures(run: Run) -> None:
    assert edgeyolo_here("report", "r", "--out", "with") == 0
    assert edgeyolo_here("report", "r", "--no-pictures", "--out", "without") == 0
    assert "data:image/jpeg" in (Path("with") / PAGE).read_text()
    assert "data:image/jpeg" not in (Path("without") / PAGE).read_text()
    assert json.loads((Path("without") / JSON).read_text())["gallery"] is None


def _damage(run: Run, name: str) -> None:
    (run.folder / name).write_text('{"results": [{}]')


def _empty(run: Run, name: str) -> None:
    (run.folder / name).write_text('{"split": "val", "results": [{}]}')


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (lambda run: run.accuracy_file.unlink(), "has not been measured yet"),
        (lambda run: _damage(run, "accuracy.json"), "runs/r is damaged"),
        (lambda run: _empty(run, "accuracy.json"), "runs/r is damaged"),
        (lambda run: (run.bundle / "model.onnx").write_bytes(b""), "checksum"),
    ],
)
def test_a_run_that_is_damaged_is_one_sentence(
    run: Run,
    harm: Callable[[Run], Any],
    words: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    harm(run)
    assert edgeyolo_here("report", "r") in (1, 2)
    said = capsys.readouterr().err
    assert words in said and "Traceback" not in said
    assert not (run.folder / JSON).exists()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "is not readable JSON"),
        ("[1]", "is no report"),
        ('{"format": "edgeyolo-report", "version": 1}', "has version 1"),
        ('{"results": [{"a": 1}], "environment": {"machine": "x"}}', "is no answer of"),
        ('{"format": "edgeyolo-quantization"}', "is damaged"),
    ],
)
def test_another_file_is_one_sentence(
    content: str, words: str, in_tmp: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (in_tmp / "x.json").write_text(content)
    assert edgeyolo_here("report", "x.json") in (1, 2)
    said = capsys.readouterr().err
    assert words in said and "Traceback" not in said
    assert sorted(path.name for path in in_tmp.iterdir()) == ["x.json"]


def test_what_is_not_there_and_what_is_no_folder_of_ours(
    in_tmp: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert edgeyolo_here("report", "nothing") == 2
    assert "There is no run at nothing" in capsys.readouterr().err
    assert edgeyolo_here("report", "--profile", "raspberry-pi-9", "nothing") == 2
    assert "raspberry-pi-9" in capsys.readouterr().err


def test_a_folder_that_is_somebody_elses_is_not_written_to(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert edgeyolo_here("report", "r") == 0
    Path("report").mkdir()
    (Path("report") / "thesis.tex").write_text("mine")
    assert edgeyolo_here("report", run.folder / JSON) == 2
    assert "report is there, and is no report" in capsys.readouterr().err
    assert [path.name for path in Path("report").iterdir()] == ["thesis.tex"]


def test_drawing_needs_no_torch(run: Run) -> None:
    code = (
        "import sys; from edgeyolo.cli import main; from edgeyolo.cli.edge import guard; "
        "assert guard(main.edgeyolo, ['report', 'r']) == 0; "
        "assert not {'torch', 'ultralytics'} & set(sys.modules)"
    )
    python(code)
