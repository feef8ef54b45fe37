"""``edgeyolo export``: every file says what the checkpoint says, or is not there."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edgeyolo.device.bundle import Bundle
from tests.command import edgeyolo, edgeyolo_json
from tests.conftest import ENGINES, ROOT

pytestmark = pytest.mark.xdist_group("quantize")
NET = ROOT / "assets" / "demo-yolov8n.pt"


def test_several_engines_and_precisions(tmp_path: Path, small_demo: Path) -> None:
    values = edgeyolo_json(
        *("export", NET, "--imgsz", 192, "--precision", "fp32,fp16", "--out", tmp_path / "out"),
        *("--data", small_demo),
    )
    assert {Path(entry["bundle"]).name for entry in values["bundles"]} == {
        f"{engine}-{precision}" for engine in ENGINES for precision in ("fp32", "fp16")
    }
    sizes = {}
    for entry in values["bundles"]:
        bundle = Bundle.open(entry["bundle"])
        assert list(bundle.engines) == [entry["engine"]]
        assert bundle.precision == entry["precision"]
        check = entry["check"]
        assert check["matched"] == check["detections"] > 5
        assert 0 < check["largest_difference"] < (0.01 if bundle.precision == "fp32" else 0.2)
        sizes[entry["engine"], bundle.precision] = entry["size_bytes"]
    for engine in ENGINES:
        assert sizes[engine, "fp16"] < 0.56 * sizes[engine, "fp32"]


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_weights_in_int8_compute_in_float(engine: str, tmp_path: Path, small_demo: Path) -> None:
    """A quarter of the file; what is computed is the net with rounded weights, to float's error."""
    from edgeyolo.device.engine import load_engine
    from edgeyolo.export.graph import answers
    from edgeyolo.slim.checkpoint import open_checkpoint

    net = open_checkpoint(NET)
    sizes = {}
    for precision in ("fp32", "int8-weights"):
        said = edgeyolo_json(
            *("export", NET, "--imgsz", 192, "--engine", engine, "--precision", precision),
            *("--out", tmp_path / precision, "--data", small_demo),
        )
        assert said["check"]["matched"] == said["check"]["detections"] > 5
        sizes[precision] = said["size_bytes"]
    assert sizes["int8-weights"] < 0.3 * sizes["fp32"]
    assert said["check"]["largest_difference"] > 0.1
    blob = np.random.default_rng(0).random((1, 3, 192, 192), np.float32)
    found = load_engine(Bundle.open(tmp_path / "int8-weights"), engine).infer(blob)
    net.fuse()
    for module in net.modules():
        if type(module).__name__ == "Conv2d":
            kernel = module.weight.data
            steps = kernel.abs().amax((1, 2, 3), keepdim=True) / 127
            module.weight.data = (kernel / steps).round() * steps
    for expected, got in zip(answers(net, blob), found, strict=True):
        np.testing.assert_allclose(got, expected, atol=0.02)


def test_photos_are_there_without_a_data_set(tmp_path: Path) -> None:
    done = edgeyolo("export", NET, "--imgsz", 64, "--engine", "ncnn", "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert "as the checkpoint gives them" in done.stdout
    assert (tmp_path / "out" / "bundle.json").is_file()


@pytest.mark.parametrize("off", [1, float("nan")])
def test_a_file_that_disagrees_is_an_error_and_not_left_there(
    off: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An exporter that writes another net: its head's last bias is off."""
    from edgeyolo.errors import EdgeyoloError
    from edgeyolo.export import onnxruntime as exporter
    from edgeyolo.export.photos import sample_photos
    from edgeyolo.flow.export import export
    from edgeyolo.slim.checkpoint import open_checkpoint

    real = exporter.to_onnx

    def wrong(graph, *rest):
        graph.net.model[-1].cv3[0][-1].bias.add_(off)
        return real(graph, *rest)

    monkeypatch.setattr(exporter, "to_onnx", wrong)
    with pytest.raises(EdgeyoloError, match="does not agree"):
        export(open_checkpoint(NET), 192, "onnxruntime", "fp32", tmp_path / "out", sample_photos())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_int8_beside_fp32(tmp_path: Path, small_demo: Path) -> None:
    """By ``edgeyolo export``, which ends as ``edgeyolo quantize`` does."""
    out = tmp_path / "out"
    done = edgeyolo(
        *("export", NET, "--imgsz", 96, "--engine", "ncnn", "--precision", "fp32,int8"),
        *("--data", small_demo, "--out", out, "--json"),
    )
    exact, small = json.loads(done.stdout)["bundles"]
    assert done.returncode == (0 if small["gate"]["met"] else 5), done.stderr
    assert exact["check"]["matched"] == exact["check"]["detections"]
    assert Bundle.open(out / "ncnn-fp32").precision == "fp32"
    gate = Bundle.open(out / "ncnn-int8").provenance["quantization"]["gate"]
    assert gate == small["gate"]


def test_wrong_data_for_int8_shows_before_anything_is_written(
    tmp_path: Path, small_demo: Path
) -> None:
    text = small_demo.read_text().replace("names:", "names: [one]\nothers:")
    (tmp_path / "data.yaml").write_text(f"path: {small_demo.parent}\n{text}")
    done = edgeyolo(
        *("export", NET, "--imgsz", 96, "--engine", "ncnn", "--precision", "fp32,int8"),
        *("--data", tmp_path / "data.yaml", "--out", tmp_path / "out"),
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_folder_with_more_than_a_bundle_is_not_replaced(tmp_path: Path) -> None:
    """Such as the checkpoint itself."""
    out = tmp_path / "out"
    again = ("export", out / "my.pt", "--engine", "onnxruntime", "--imgsz", 64, "--out", out)
    out.mkdir()
    shutil.copyfile(NET, out / "my.pt")
    assert edgeyolo(*again, "--force").returncode == 2
    shutil.move(out / "my.pt", tmp_path)
    assert edgeyolo(again[0], tmp_path / "my.pt", *again[2:], "--force").returncode == 0
    shutil.move(tmp_path / "my.pt", out)
    done = edgeyolo(*again, "--force")
    assert done.returncode == 2
    assert "more than a bundle (my.pt)" in done.stderr
    assert (out / "my.pt").stat().st_size == NET.stat().st_size


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("--precision", "int4"), "int4"),
        (("--precision", ","), "Choose from"),
        (("--precision", "int8"), "--data"),
        (("--engine", "tflite"), "tflite"),
        (("--standalone", "image", "--precision", "int8"), "has, and goes with no"),
        (("--engine", "openvino,ncnn", "--precision", "int8-weights"), "ncnn cannot"),
        (("--format", "ultralytics", "--precision", "int8"), "ultralytics"),
    ],
)
def test_what_cannot_be_is_refused(arguments: tuple[str, ...], word: str, tmp_path: Path) -> None:
    done = edgeyolo("export", NET, "--out", tmp_path / "out", *arguments)
    assert done.returncode == 2
    assert word in done.stderr and "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_stock_file_that_disagrees_is_an_error_and_not_left_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ultralytics is made to miss what it finds, in the written file."""
    from edgeyolo.device.detections import Detections
    from edgeyolo.errors import EdgeyoloError
    from edgeyolo.export import stock
    from edgeyolo.export.photos import sample_photos
    from edgeyolo.flow.stock import export_stock
    from edgeyolo.slim.checkpoint import open_checkpoint

    real = stock.detect_by_ultralytics

    def blind(model: Path, photos: tuple[Path, ...], imgsz: int, confidence: float) -> list:
        found = real(model, photos, imgsz, confidence)
        return found if model.suffix == ".pt" else [Detections.empty() for _ in found]

    monkeypatch.setattr(stock, "detect_by_ultralytics", blind)
    with pytest.raises(EdgeyoloError, match="does not agree"):
        export_stock(open_checkpoint(NET), 320, "onnxruntime", tmp_path / "out", sample_photos())
    assert list(tmp_path.iterdir()) == []


STOCK = """
import sys, json
from pathlib import Path
from ultralytics import YOLO
from edgeyolo.images import read_image
import edgeyolo.workshop
photo = read_image(Path(sys.argv[1]))
for path in sys.argv[2:]:
    found = YOLO(path, task="detect").predict(photo, imgsz=192, rect=False, verbose=False)[0]
    print(json.dumps([found.names[0], found.boxes.xyxy.tolist(), found.boxes.conf.tolist()]))
"""


@pytest.mark.slow
def test_stock_ultralytics_opens_its_own_layout(tmp_path: Path, small_demo: Path) -> None:
    done = edgeyolo(
        *("export", NET, "--imgsz", 192, "--format", "ultralytics", "--out", tmp_path / "out"),
        "--json",
    )
    assert done.returncode == 0, done.stderr
    written = json.loads(done.stdout)
    assert list(written) == list(ENGINES)
    photo = sorted((small_demo.parent / "images" / "val").iterdir())[0]
    run = subprocess.run(
        [sys.executable, "-c", STOCK, photo, NET, *written.values()],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert run.returncode == 0, run.stderr
    net, *others = [json.loads(line) for line in run.stdout.splitlines() if line.startswith("[")]
    assert len(others) == len(ENGINES)
    for name, boxes, scores in others:
        assert name == net[0]
        np.testing.assert_allclose(boxes, net[1], atol=0.1)
        np.testing.assert_allclose(scores, net[2], atol=1e-3)


@pytest.mark.parametrize(("source", "reg_max"), [("image", 16), ("letterboxed", 1)])
def test_one_file_from_pixels_to_boxes(
    source: str, reg_max: int, tmp_path: Path, small_demo: Path
) -> None:
    """In plain ONNX Runtime it finds what our runtime finds."""
    import onnx
    import onnxruntime

    from edgeyolo.device.detector import Detector
    from edgeyolo.device.letterbox import letterbox
    from edgeyolo.images import read_image

    net = NET if reg_max == 16 else _one_bin(tmp_path / "one.pt")
    assert (
        edgeyolo(
            *(
                "export",
                net,
                "--engine",
                "onnxruntime",
                "--imgsz",
                192,
                "--out",
                tmp_path / "bundle",
            )
        ).returncode
        == 0
    )
    out = tmp_path / "net.onnx"
    said = edgeyolo_json(
        *("export", tmp_path / "bundle", "--standalone", source, "--out", out),
        *("--data", small_demo),
    )
    assert said["check"]["matched"] >= 0.9 * said["check"]["detections"] > 5
    assert said["license"] == "AGPL-3.0-or-later"
    model = onnx.load(out)
    onnx.checker.check_model(model, full_check=True)
    assert json.loads({e.key: e.value for e in model.metadata_props}["imgsz"]) == [192, 192]
    session = onnxruntime.InferenceSession(out, providers=["CPUExecutionProvider"])
    detector = Detector(tmp_path / "bundle")
    found = 0
    for photo in sorted((small_demo.parent / "images" / "train").iterdir())[:6]:
        image = read_image(photo)[:, : 300 + 20 * found]
        expected = detector(image)
        pixels = image[:, :, ::-1]
        blob, placement = letterbox(image, 192, 192)
        if source == "letterboxed":
            pixels = np.round(blob[0].transpose(1, 2, 0) * 255).astype(np.uint8)
        boxes, scores, classes = session.run(None, {"image": np.ascontiguousarray(pixels)})
        if source == "letterboxed":
            boxes = placement.to_source(boxes)
        assert classes.tolist() == expected.class_id.tolist()
        # OpenCV scales images in fixed point, which moves a pixel by 1/255 now and then.
        np.testing.assert_allclose(boxes, expected.xyxy, atol=0.5 if source == "image" else 1e-3)
        np.testing.assert_allclose(scores, expected.score, atol=0.03 if source == "image" else 1e-5)
        found += len(expected)
    assert found > 5


def test_a_standalone_file_that_disagrees_is_an_error_and_not_left_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its grid is half a cell off."""
    from edgeyolo.errors import EdgeyoloError
    from edgeyolo.export import standalone
    from edgeyolo.export.photos import sample_photos
    from edgeyolo.flow.standalone import export_standalone

    real = standalone._centers
    monkeypatch.setattr(standalone, "_centers", lambda *grid: real(*grid) + 0.5)
    out = tmp_path / "net.onnx"
    with pytest.raises(EdgeyoloError, match="does not agree"):
        export_standalone(NET, "image", out, 320, sample_photos())
    assert list(tmp_path.iterdir()) == []


def test_a_standalone_file_without_a_test_says_so(tmp_path: Path) -> None:
    """At 32 px the photos show nothing."""
    done = edgeyolo(
        *("export", NET, "--standalone", "letterboxed", "--imgsz", 32),
        *("--out", tmp_path / "net.onnx"),
    )
    assert done.returncode == 0
    assert "not put to the test" in done.stderr


def test_a_bundle_keeps_its_size(tmp_path: Path) -> None:
    """Another one asked for is refused; one that is only configured does not concern bundles."""
    bundle = tmp_path / "bundle"
    said = ("export", NET, "--engine", "onnxruntime", "--imgsz", 192, "--out", bundle)
    assert edgeyolo(*said).returncode == 0
    again = ("export", bundle, "--standalone", "image", "--out")
    done = edgeyolo(*again, tmp_path / "a.onnx", "--imgsz", 320)
    assert done.returncode == 2
    assert "bundle for 192 px" in done.stderr
    done = edgeyolo(*again, tmp_path / "b.onnx", env={"EDGEYOLO_IMGSZ": "320"})
    assert done.returncode == 0, done.stderr


def _one_bin(path: Path) -> Path:
    """The demo net with a single bin per box side."""
    from edgeyolo.slim.checkpoint import names_of, open_checkpoint, save_checkpoint
    from edgeyolo.slim.inherit import inherit
    from edgeyolo.slim.spec import SlimSpec

    wide = open_checkpoint(NET)
    net, _ = inherit(wide, SlimSpec(reg_max=1), names_of(wide))
    net.imgsz = 192
    save_checkpoint(net, path)
    return path
