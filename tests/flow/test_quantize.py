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

import numpy as np
import pytest
import yaml

from edgeyolo.dataset.read import read_dataset
from edgeyolo.device.bundle import MANIFEST, Bundle
from edgeyolo.device.detector import Detector
from edgeyolo.export.bundle import QUANTIZATION
from edgeyolo.files import write_json
from edgeyolo.images import read_image
from tests.command import edgeyolo, edgeyolo_here, edgeyolo_json
from tests.conftest import ENGINES, ROOT

pytestmark = pytest.mark.xdist_group("quantize")
SIZE = 192
NET = ROOT / "assets" / "demo-yolov8n.pt"

Made = Callable[[str, Callable[[Path], object]], Path]
Quantized = Callable[[str], tuple[Path, dict[str, Any]]]


@pytest.fixture(scope="session")
def fp32(demo_bundle: Path) -> Path:
    """The demo net for all engines, at a small size."""
    return demo_bundle


@pytest.fixture(scope="session")
def one_head(made_once: Made) -> Path:
    """The demo net up to its first head: half the convolutions, and it still finds something."""

    def export(folder: Path) -> None:
        from edgeyolo.export.bundle import write_bundle
        from edgeyolo.slim.checkpoint import names_of, open_checkpoint, spec_of
        from edgeyolo.slim.inherit import inherit

        net = open_checkpoint(NET)
        spec = spec_of(net).with_(heads=("P3",), cut_backbone=True)
        write_bundle(inherit(net, spec, names_of(net), fit=False)[0], SIZE, ENGINES, folder)

    return made_once("one-head", export)


@pytest.fixture(scope="session")
def quantized(fp32: Path, small_demo: Path, made_once: Made) -> Quantized:
    """The int8 bundle of an engine, and what the command said."""
    return lambda engine: _once(made_once, fp32, engine, small_demo)


@pytest.fixture(scope="session")
def quantized_head(one_head: Path, small_demo: Path, made_once: Made) -> Quantized:
    """The same of the net with one head."""
    return lambda engine: _once(made_once, one_head, engine, small_demo)


def _once(made_once: Made, bundle: Path, engine: str, data: Path) -> tuple[Path, dict[str, Any]]:
    def fill(folder: Path) -> None:
        folder.mkdir()
        values = edgeyolo_json(*_command(bundle, engine, data, folder / "bundle"))
        write_json(folder / "said.json", values)

    folder = made_once(f"quantized-{bundle.name}-{engine}", fill)
    return folder / "bundle", json.loads((folder / "said.json").read_text())


def _command(bundle: Path, engine: str, data: Path, out: Path) -> tuple[object, ...]:
    return (
        *("quantize", bundle, "--engine", engine, "--data", data),
        *("--out", out, "--images", 8, "--max-drop", 100),
    )


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


@pytest.mark.parametrize("engine", ENGINES)
def test_the_file_for_the_report_knows_both_nets(
    engine: str, quantized: Quantized, fp32: Path, small_demo: Path, capsys: Any
) -> None:
    """As ``edgeyolo val`` does, which measures each alone."""
    folder, said = quantized(engine)
    told = _told(folder)
    assert (told["format"], told["version"]) == ("edgeyolo-quantization", 1)
    assert [net["role"] for net in told["nets"]] == ["before", "int8"]
    for net, place in zip(told["nets"], (fp32, folder), strict=True):
        bundle = Bundle.open(place)
        assert (net["precision"], net["name"]) == (bundle.precision, bundle.name)
        assert net["sha256"] == bundle.digest(engine)
        assert net["file_size_bytes"] == bundle.size_bytes(engine)
        assert (net["imgsz"], net["engine"]) == (SIZE, engine)
        assert net["parameters"] == bundle.provenance["net"]["parameters"] > 0
        assert edgeyolo_here("val", place, "--engine", engine, "--data", small_demo, "--json") == 0
        alone = json.loads(capsys.readouterr().out)
        assert {"map50_95", "map50_95_ci", "per_class", "boxes"} <= set(alone)
        for key in set(alone) & set(net["accuracy"]):
            assert alone[key] == net["accuracy"][key], key
        assert len(net["accuracy"]["draws"]) == 1000
        assert net["details"]["operating"]["common"]["threshold"] == pytest.approx(
            said["val"]["threshold"][place == folder], abs=6e-4
        )
    before, after = (net["versus_before"] for net in told["nets"])
    assert before == {"difference": 0.0, "ci": [0.0, 0.0]}
    assert (after["difference"], after["ci"]) == (
        said["val"]["difference"],
        said["val"]["difference_ci"],
    )


def test_the_file_for_the_report_knows_how_it_was_measured(
    quantized: Quantized, small_demo: Path
) -> None:
    folder, said = quantized("ncnn")
    told = _told(folder)
    timed = {row["precision"]: row for row in told["latency"]["samples"]}
    assert list(timed) == ["fp32", "fp16", "int8"]
    for precision, row in timed.items():
        times = row["samples"]["total_ms"]
        assert sum(map(len, times)) == row["runs"] == 60
        assert row["end_to_end_ms"]["p50"] == pytest.approx(np.median(np.concatenate(times)), 0.1)
        if precision != "fp32":
            assert row["ratio_to_first"] == said["latency"][precision]["end_to_end"]
    assert timed["fp32"]["ratio_to_first"]["median"] == 1.0
    assert told["latency"]["images"] == 8
    assert told["environment"]["machine"]
    data = read_dataset(small_demo)
    assert told["data"] == {
        "name": small_demo.parent.name,
        "fingerprint": data.fingerprint(),
        "split": "val",
        "classes": list(data.names),
        "images": said["val"]["images"],
        "boxes": said["val"]["boxes"],
    }
    assert told["data"]["images"] == 8


def test_what_it_says_is_in_the_file_without_a_path(quantized: Quantized) -> None:
    folder, said = quantized("ncnn")
    told = _told(folder)
    for key in set(said) - {"bundle", "latency"}:
        assert told[key] == said[key], key
    assert {key: told["latency"][key] for key in said["latency"]} == said["latency"]
    assert not {"nets", "disagreements", "environment"} & set(said)  # too long to be read
    assert str(folder.parent) not in (folder / QUANTIZATION).read_text()


def test_one_head_keeps_what_it_does_on_pictures_where_the_two_differ(
    one_head: Path, small_demo: Path, quantized_head: Quantized
) -> None:
    """What the pictures show is what both files find, each above its own threshold."""
    folder, _ = quantized_head("ncnn")
    told = _told(folder)
    assert told["disagreements"], "a weak net in int8 that says the same proves nothing here"
    sides = ("before", one_head), ("after", folder)
    thresholds = [net["details"]["operating"]["common"]["threshold"] for net in told["nets"]]
    photos = small_demo.parent / "images" / "val"
    for row in told["disagreements"]:
        for (side, place), threshold in zip(sides, thresholds, strict=True):
            detector = Detector(place, "ncnn", confidence=0.001, multi_label=True)
            score = detector(read_image(photos / row["image"])).score
            shown = [each["score"] for each in row[side]]
            assert shown == pytest.approx(score[score > threshold].tolist(), abs=1e-3)
    assert len({row["image"] for row in told["disagreements"]}) == len(told["disagreements"])


def test_the_file_for_the_report_stays_in_the_workshop(
    quantized: Quantized, tmp_path: Path
) -> None:
    """It is no part of the bundle: not brought to a board, and in nobody's way."""
    from edgeyolo.deploy.contents import Environment, gather
    from edgeyolo.export.bundle import check_out

    folder, _ = quantized("ncnn")
    bundle = Bundle.open(folder)
    assert QUANTIZATION not in bundle.to_manifest()["files"]
    contents = gather(
        bundle, "ncnn", None, Environment("python3", (3, 11), False, (), True), tmp_path
    )
    assert "bundle/model.ncnn.param" in contents.files
    assert not [name for name in contents.files if QUANTIZATION in name]
    check_out(folder, force=True)
    shutil.copytree(folder, tmp_path / "copy")
    (tmp_path / "copy" / QUANTIZATION).write_text("{")
    assert Bundle.open(tmp_path / "copy").digest("ncnn") == bundle.digest("ncnn")


def _told(folder: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((folder / QUANTIZATION).read_text(encoding="utf-8"))
    return told


@pytest.mark.slow
def test_the_same_bytes_after_a_kill(
    one_head: Path, small_demo: Path, quantized_head: Quantized, tmp_path: Path, monkeypatch: Any
) -> None:
    """Calibration goes on where it was killed, and ends as one that was not."""
    folder, _ = quantized_head("ncnn")
    cache = tmp_path / "cache"
    monkeypatch.setenv("EDGEYOLO_CACHE_DIR", str(cache))
    arguments = _command(one_head, "ncnn", small_demo, tmp_path / "again")
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
    one_head: Path,
    small_demo: Path,
    quantized_head: Quantized,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder, _ = quantized_head(engine)
    monkeypatch.setenv("EDGEYOLO_CACHE_DIR", str(tmp_path / "cache"))
    edgeyolo_json(*_command(one_head, engine, small_demo, tmp_path / "again"))
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


def test_a_size_that_nothing_fits_is_said(one_head: Path, small_demo: Path, tmp_path: Path) -> None:
    done = edgeyolo(
        *_command(one_head, "ncnn", small_demo, tmp_path / "out"), "--target-size", "100kB"
    )
    assert done.returncode == 5
    assert "the smallest" in done.stderr
    assert Bundle.open(tmp_path / "out").precision == "int8"  # nothing is lost
    assert len(Bundle.open(tmp_path / "out").provenance["quantization"]["float_layers"]) == 0


@pytest.mark.slow
def test_a_layer_that_ncnn_has_and_we_do_not_know_stays_and_is_named(
    one_head: Path, small_demo: Path, tmp_path: Path
) -> None:
    shutil.copytree(one_head, tmp_path / "strange")
    param = Bundle.open(one_head).file("ncnn", "param")
    magic, counts, *lines = param.read_text().splitlines()
    second = lines[3].split()  # convolution; before it are the input, a convolution and its SiLU
    assert (second[0], second[4]) == ("Convolution", "2")
    same = "Dropout strange 1 1 2 again 0=1.0"
    lines[3:4] = [same, " ".join([*second[:4], "again", *second[5:]])]
    layers, blobs = map(int, counts.split())
    text = "\n".join([magic, f"{layers + 1} {blobs + 1}", *lines, ""])
    (tmp_path / "strange" / param.name).write_text(text)
    _sign_again(one_head, tmp_path / "strange")
    said = edgeyolo_json(*_command(tmp_path / "strange", "ncnn", small_demo, tmp_path / "out"))
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
