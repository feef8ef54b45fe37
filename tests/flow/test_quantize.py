"""``edgeyolo quantize`` as a user runs it: it still detects, tells the cost, and loses nothing."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from edgeyolo.device.bundle import MANIFEST, Bundle
from edgeyolo.device.detector import Detector
from edgeyolo.files import write_json
from edgeyolo.images import read_image
from tests.command import edgeyolo, edgeyolo_json
from tests.conftest import ENGINES, ROOT

pytestmark = pytest.mark.xdist_group("quantize")
SIZE = 192
NET = ROOT / "assets" / "demo-yolov8n.pt"


@pytest.fixture(scope="session")
def fp32(demo_bundle: Path) -> Path:
    """The demo net for all engines, at a small size."""
    return demo_bundle


@pytest.fixture(scope="session")
def quantized(
    fp32: Path, small_demo: Path, made_once: Callable[[str, Callable[[Path], object]], Path]
) -> Callable[[str], tuple[Path, dict[str, Any]]]:
    """The int8 bundle of an engine, and what the command said."""

    def run(engine: str) -> tuple[Path, dict[str, Any]]:
        def fill(folder: Path) -> None:
            folder.mkdir()
            values = edgeyolo_json(
                *("quantize", fp32, "--engine", engine, "--data", small_demo),
                *("--out", folder / "bundle", "--images", 8, "--max-drop", 100),
            )
            write_json(folder / "said.json", values)

        folder = made_once(f"quantized-{engine}", fill)
        return folder / "bundle", json.loads((folder / "said.json").read_text())

    return run


Quantized = Callable[[str], tuple[Path, dict[str, Any]]]


@pytest.mark.parametrize("engine", ENGINES)
def test_it_still_detects(engine: str, quantized: Quantized, fp32: Path, small_demo: Path) -> None:
    folder, said = quantized(engine)
    assert Bundle.open(folder).precision == "int8"
    assert said["val"]["matched"] >= 0.9 * said["val"]["detections"] > 0
    assert abs(said["val"]["difference"]) < 0.05
    assert said["agreement"]["box_px"] < 0.5
    assert said["agreement"]["score"] < 0.05
    assert 0.85 <= said["int8_share"] <= 1
    assert said["size_ratio"] < 0.33
    exact, coarse = Detector(fp32, engine), Detector(folder, engine)
    photo = read_image(sorted((small_demo.parent / "images" / "val").iterdir())[0])
    scores = [detector(photo).score for detector in (exact, coarse)]
    assert scores[1].max() == pytest.approx(scores[0].max(), abs=0.05)
    assert (scores[0] != scores[1][: len(scores[0])]).any()  # it is not the fp32 net again


@pytest.mark.parametrize("engine", ENGINES)
def test_the_table_tells_of_each_convolution(engine: str, quantized: Quantized) -> None:
    folder, said = quantized(engine)
    rows = {row["name"]: row for row in said["layers"]}
    assert len(rows) == 63
    assert next(iter(rows)) == "model.0"
    assert "model.22.cv3.2.2" in rows
    assert sum(row["macs_share"] for row in rows.values()) == pytest.approx(1, abs=1e-3)
    floats = {name for name, row in rows.items() if row["precision"] == "float"}
    assert floats == set(said["float_layers"])
    assert floats == set(Bundle.open(folder).provenance["quantization"]["float_layers"])
    answers = {name for name, row in rows.items() if row["why"] == "the net's answer"}
    last = {f"model.22.cv{kind}.{level}.2" for kind in (2, 3) for level in range(3)}
    assert answers == (last if engine == "onnxruntime" else set())  # others answer in float
    share = sum(row["macs_share"] for row in rows.values() if row["precision"] == "int8")
    assert share == pytest.approx(said["int8_share"], abs=1e-3)


@pytest.mark.slow
def test_the_same_bytes_after_a_kill(
    fp32: Path, small_demo: Path, quantized: Quantized, tmp_path: Path, monkeypatch: Any
) -> None:
    """Calibration goes on where it was killed, and ends as one that was not."""
    folder, _ = quantized("ncnn")
    cache = tmp_path / "cache"
    monkeypatch.setenv("EDGEYOLO_CACHE_DIR", str(cache))
    arguments = (
        *("quantize", fp32, "--engine", "ncnn", "--data", small_demo),
        *("--out", tmp_path / "again", "--images", 8, "--max-drop", 100),
    )
    command = [sys.executable, "-m", "edgeyolo", *map(str, arguments)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    while not (found := list(cache.rglob("sensitivity-*.npz"))):
        assert process.poll() is None
        time.sleep(0.05)
    process.kill()
    process.wait()
    assert not (tmp_path / "again").exists()
    kept = {path: path.stat().st_mtime_ns for path in found[0].parent.iterdir()}
    edgeyolo_json(*arguments)
    rewritten = {path.name for path, at in kept.items() if path.stat().st_mtime_ns != at}
    assert rewritten == {found[0].name}
    for name in ("model.ncnn.param", "model.ncnn.bin"):
        digests = [
            hashlib.sha256((f / name).read_bytes()).digest() for f in (folder, tmp_path / "again")
        ]
        assert digests[0] == digests[1], name


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_the_same_bytes_again(
    engine: str,
    fp32: Path,
    small_demo: Path,
    quantized: Quantized,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder, _ = quantized(engine)
    monkeypatch.setenv("EDGEYOLO_CACHE_DIR", str(tmp_path / "cache"))
    edgeyolo_json(
        *("quantize", fp32, "--engine", engine, "--data", small_demo),
        *("--out", tmp_path / "again", "--images", 8, "--max-drop", 100),
    )
    for name in Bundle.open(folder).engines[engine].values():
        assert (folder / name).read_bytes() == (tmp_path / "again" / name).read_bytes(), name


def test_joined_tensors_share_their_steps(quantized: Quantized) -> None:
    """So that ONNX Runtime joins bytes, where it would have to round them to another range."""
    import onnx
    from onnx import numpy_helper

    folder, _ = quantized("onnxruntime")
    graph = onnx.load(folder / "model.onnx").graph
    constants = {entry.name: numpy_helper.to_array(entry) for entry in graph.initializer}
    steps = {}
    for node in graph.node:
        if node.op_type == "DequantizeLinear":
            steps[node.output[0]] = constants[node.input[1]]
        elif node.op_type == "QuantizeLinear":
            steps[node.input[0]] = constants[node.input[1]]
    joined = [node for node in graph.node if node.op_type == "Concat"]
    assert len(joined) == 13
    quantized_ones = 0
    for node in joined:
        found = {float(steps[name]) for name in (*node.input, *node.output) if name in steps}
        assert len(found) <= 1, node.name
        quantized_ones += len(found)
    assert quantized_ones > 8


def test_int8_in_one_file_from_pixels_to_boxes(
    quantized: Quantized, small_demo: Path, tmp_path: Path
) -> None:
    """In plain ONNX Runtime it finds what our runtime finds with the int8 bundle."""
    import numpy as np
    import onnx
    import onnxruntime

    from edgeyolo.device.letterbox import letterbox

    folder, _ = quantized("onnxruntime")
    out = tmp_path / "net.onnx"
    said = edgeyolo_json("export", folder, "--standalone", "letterboxed", "--out", out)
    assert said["precision"] == "int8"
    assert out.stat().st_size < 1.1 * (folder / "model.onnx").stat().st_size
    onnx.checker.check_model(onnx.load(out), full_check=True)
    session = onnxruntime.InferenceSession(out, providers=["CPUExecutionProvider"])
    detector, found = Detector(folder), 0
    for photo in sorted((small_demo.parent / "images" / "train").iterdir())[:4]:
        image = read_image(photo)
        expected = detector(image)
        blob, placement = letterbox(image, SIZE, SIZE)
        pixels = np.round(blob[0].transpose(1, 2, 0) * 255).astype(np.uint8)
        boxes, scores, classes = session.run(None, {"image": pixels})
        assert classes.tolist() == expected.class_id.tolist()
        np.testing.assert_allclose(placement.to_source(boxes), expected.xyxy, atol=1e-2)
        np.testing.assert_allclose(scores, expected.score, atol=1e-4)
        found += len(expected)
    assert found > 3


@pytest.mark.parametrize(
    ("int8", "fp16", "best", "words"),
    [
        (0.6, 1.0, "int8", ""),
        (0.6, 0.55, "fp16", "fp16 is faster there (0.55 x fp32's time, int8 0.60)"),
        (0.98, 1.0, "fp16", "fp16 is as fast there (1.00 x fp32's time, int8 0.98)"),
        (1.2, 1.3, "fp32", "fp32 is faster there (1.00 x fp32's time, int8 1.20)"),
    ],
)
def test_what_is_recommended_is_the_fastest(
    int8: float, fp16: float, best: str, words: str
) -> None:
    from edgeyolo.flow.payoff import recommended
    from edgeyolo.report.quantization import shortfalls

    times = {"int8": int8, "fp16": fp16}
    latency = {kind: {"engine_only": {"median": time}} for kind, time in times.items()}
    assert recommended(latency) == best
    gate = {"fits": True, "met": True}
    values = {"latency": latency, "recommended": best, "engine": "ncnn", "gate": gate}
    values["int8_share"] = 0.9
    assert [words in sentence for sentence in shortfalls(values)] == [True] * bool(words)


@pytest.mark.slow
def test_of_a_net_that_sees_nothing_what_must_stay_in_float_does(
    small_demo: Path, tmp_path: Path
) -> None:
    """As fast as can be, nothing else is in float; and that the net is blind is said."""
    from edgeyolo.slim.checkpoint import open_checkpoint, save_checkpoint

    net = open_checkpoint(NET)
    for tower in net.model[-1].cv3:
        tower[-1].bias.data.fill_(-20)
    save_checkpoint(net, tmp_path / "blind.pt")
    said = edgeyolo_json(
        *("quantize", tmp_path / "blind.pt", "--imgsz", 96, "--engine", "ncnn"),
        *("--data", small_demo, "--out", tmp_path / "out", "--images", 8, "--max-drop", 100),
        *("--prefer", "speed", "--method", "percentile", "--keep-float", "model.22.cv2.0.*"),
    )
    assert any("The net sees nothing" in warning for warning in said["warnings"])
    assert said["method"] == "percentile"
    assert Bundle.open(tmp_path / "out").provenance["quantization"]["method"] == "percentile"
    kept = [row["name"] for row in said["layers"] if row["why"] == "asked for"]
    assert kept == [f"model.22.cv2.0.{index}" for index in range(3)]
    assert kept == said["float_layers"]
    assert not list(tmp_path.glob(".*"))


def test_a_size_that_nothing_fits_is_said(fp32: Path, small_demo: Path, tmp_path: Path) -> None:
    done = edgeyolo(
        *("quantize", fp32, "--engine", "ncnn", "--data", small_demo, "--out", tmp_path / "out"),
        *("--images", 8, "--target-size", "1MB"),
    )
    assert done.returncode == 5
    assert "the smallest" in done.stderr
    assert Bundle.open(tmp_path / "out").precision == "int8"  # nothing is lost
    assert len(Bundle.open(tmp_path / "out").provenance["quantization"]["float_layers"]) == 0


@pytest.mark.slow
def test_a_layer_that_ncnn_has_and_we_do_not_know_stays_and_is_named(
    fp32: Path, small_demo: Path, tmp_path: Path
) -> None:
    shutil.copytree(fp32, tmp_path / "strange")
    param = Bundle.open(fp32).file("ncnn", "param")
    magic, counts, *lines = param.read_text().splitlines()
    second = lines[3].split()  # convolution; before it are the input, a convolution and its SiLU
    assert (second[0], second[4]) == ("Convolution", "2")
    same = "Dropout strange 1 1 2 again 0=1.0"
    lines[3:4] = [same, " ".join([*second[:4], "again", *second[5:]])]
    layers, blobs = map(int, counts.split())
    text = "\n".join([magic, f"{layers + 1} {blobs + 1}", *lines, ""])
    (tmp_path / "strange" / param.name).write_text(text)
    _sign_again(fp32, tmp_path / "strange")
    said = edgeyolo_json(
        *("quantize", tmp_path / "strange", "--engine", "ncnn", "--data", small_demo),
        *("--out", tmp_path / "out", "--images", 8, "--max-drop", 100),
    )
    assert "Left in float, not known here: Dropout." in said["warnings"]
    assert said["val"]["matched"] >= 0.9 * said["val"]["detections"] > 0
    assert "Dropout" in Bundle.open(tmp_path / "out").file("ncnn", "param").read_text()


def _sign_again(original: Path, folder: Path) -> None:
    """A manifest for files that were changed."""
    facts = replace(Bundle.open(original), root=folder)
    write_json(folder / MANIFEST, facts.to_manifest())


def _other_net(fp32: Path, folder: Path) -> Path:
    """A bundle whose manifest says that it holds another net."""
    shutil.copytree(fp32, folder)
    bundle = Bundle.open(folder)
    bundle.provenance["spec"]["width"] = 0.125
    write_json(folder / MANIFEST, bundle.to_manifest())
    return folder


def test_bad_input_is_one_sentence(
    fp32: Path, small_demo: Path, quantized: Quantized, tmp_path: Path
) -> None:
    broken = tmp_path / "data"
    shutil.copytree(small_demo.parent, broken)
    for image in (broken / "images" / "train").iterdir():
        image.write_bytes(b"no image")
    lonely = tmp_path / "lonely"
    shutil.copytree(small_demo.parent, lonely)
    for image in sorted((lonely / "images" / "train").iterdir())[1:]:
        image.unlink()
    renamed = yaml.safe_load(small_demo.read_text())
    renamed |= {"path": str(small_demo.parent), "names": ["a"]}
    (tmp_path / "renamed.yaml").write_text(yaml.safe_dump({**renamed, "nc": 1}))
    (tmp_path / "x.onnx").write_bytes(b"")
    int8, _ = quantized("ncnn")
    for model, data, word, extra in (
        (fp32, broken / "data.yaml", "not a readable image", ()),
        (fp32, lonely / "data.yaml", "1 training image", ()),
        (fp32, tmp_path / "renamed.yaml", "other classes", ()),
        (fp32, small_demo, "No convolution is called", ("--keep-float", "nothing")),
        (fp32, small_demo, "There is no engine 'tflite'", ("--engine", "tflite")),
        (fp32, small_demo, "not a size", ("--target-size", "big")),
        (int8, small_demo, "int8 already", ()),
        (int8, small_demo, "holds nothing for openvino", ("--engine", "openvino")),
        (tmp_path / "x.onnx", small_demo, "is not a bundle", ()),
        (tmp_path / "none.pt", small_demo, "no checkpoint", ()),
        (_other_net(fp32, tmp_path / "other"), small_demo, "not the net", ()),
        (fp32, small_demo, "exists already", ("--out", int8)),
        (fp32, small_demo, "the bundle to quantize", ("--out", fp32, "--force")),
    ):
        out = () if "--out" in extra else ("--out", tmp_path / "out")
        engine = () if "--engine" in extra else ("--engine", "ncnn")
        done = edgeyolo("quantize", model, "--data", data, *out, *engine, *extra)
        assert done.returncode == 2, (word, done.stderr)
        assert word in done.stderr
        assert "Traceback" not in done.stderr
        assert not (tmp_path / "out").exists(), word
