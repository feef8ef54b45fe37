"""What layers take, told by the real engines, and by a process of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from edgeyolo.device.bundle import Bundle
from edgeyolo.device.engine import load_engine
from edgeyolo.measure.latency import Subject, measure
from edgeyolo.measure.layers import Layer, slowest
from edgeyolo.progress import Silent
from edgeyolo.quantize.cache import Cache
from edgeyolo.quantize.calibrate import CalibrationImages, calibrate
from edgeyolo.quantize.ncnn_format import read_graph
from edgeyolo.quantize.quantizer import load_quantizer
from edgeyolo.quantize.salience import salience
from edgeyolo.quantize.trial import candidate
from tests.conftest import ENGINES

pytestmark = pytest.mark.xdist_group("quantize")
_CONVOLUTION = re.compile("Conv")  # Conv, QLinearConv, Convolution


def _layers(bundle: Bundle, engine: str, runs: int = 2) -> list[Layer]:
    blob = np.random.default_rng(0).random((1, 3, bundle.height, bundle.width), np.float32)
    found: list[Layer] = import_module(f"edgeyolo.measure.profilers.{engine}").layers(
        bundle, 1, blob, runs
    )
    return found


def _convolutions(layers: list[Layer]) -> dict[str, str | None]:
    """Precision by name."""
    return {layer.name: layer.precision for layer in layers if _CONVOLUTION.search(layer.kind)}


def _exported(bundle: Bundle, engine: str) -> set[str]:
    """Names of the convolutions in the file."""
    if engine == "ncnn":
        lines = read_graph(bundle.file("ncnn", "param").read_text())
        return {line.name for line in lines if line.kind == "Convolution"}
    if engine == "openvino":
        text = bundle.file("openvino", "model").read_text()
        names = re.findall(r'name="([^"]+)" type="Convolution"', text)
        return {name.removesuffix("/WithoutBiases") for name in names}
    import onnx

    graph = onnx.load(str(bundle.file("onnxruntime", "model"))).graph
    outputs = {output.name for output in graph.output}  # the last ones are called after these
    nodes = [node for node in graph.node if node.op_type == "Conv"]
    return {n.output[0] if n.output[0] in outputs else n.name for n in nodes}


@pytest.mark.parametrize("engine", ENGINES)
def test_each_convolution_is_there_by_its_name(engine: str, demo_bundle: Path) -> None:
    bundle = Bundle.open(demo_bundle)
    layers = _layers(bundle, engine)
    found = _convolutions(layers)
    assert set(found) == _exported(bundle, engine)
    assert len(found) > 50
    assert set(found.values()) == {None if engine == "ncnn" else "fp32"}
    assert all(layer.ms >= 0 for layer in layers)
    whole = sum(layer.ms for layer in layers)
    assert sum(layer.ms for layer in layers if _CONVOLUTION.search(layer.kind)) > 0.3 * whole


@pytest.fixture(scope="module")
def tiny_bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A net with one level, which is calibrated in a second."""
    from edgeyolo.export.bundle import write_bundle
    from edgeyolo.slim.net import build
    from edgeyolo.slim.spec import SlimSpec

    net = build(SlimSpec(width=0.0625, heads=("P4",), cut_backbone=True), ("a", "b"))
    return write_bundle(net, 96, ENGINES, tmp_path_factory.mktemp("tiny") / "bundle")


@contextmanager
def _partly_int8(
    bundle: Bundle, engine: str, photos: list[Path]
) -> Iterator[tuple[Bundle, int, int]]:
    """A bundle with every second layer in int8; how many these are, and how many there are."""
    images = CalibrationImages(tuple(photos), bundle.height, bundle.width)
    exact, quantizer = load_engine(bundle, engine), load_quantizer(bundle, engine)
    cache = Cache(None, bundle, engine, images.paths, ())

    def weights(blob: np.ndarray) -> np.ndarray:
        return salience(exact.infer(blob), bundle.strides)

    quantizer.prepare(*calibrate(quantizer, images, weights, "mse", cache, Silent()))
    names = [layer.name for layer in quantizer.layers]
    with candidate(bundle, engine, quantizer, names[::2]) as trial:
        yield trial, len(names[1::2]), len(names)


@pytest.mark.parametrize("engine", ENGINES)
def test_layers_in_int8_are_told_from_the_others(
    engine: str, tiny_bundle: Bundle, small_demo: Path
) -> None:
    photos = sorted((small_demo.parent / "images" / "train").iterdir())[:2]
    with _partly_int8(tiny_bundle, engine, photos) as (bundle, int8, every):
        precisions = list(_convolutions(_layers(bundle, engine)).values())
    assert len(precisions) == every
    assert precisions.count("int8") == int8


@pytest.mark.parametrize("engine", ENGINES)
def test_the_measuring_process_tells_them_behind_the_timing(engine: str, demo_bundle: Path) -> None:
    [samples] = measure([Subject(demo_bundle, engine, 1)], [], rounds=1, runs=3, layers=2)
    assert len(samples.total_ms[0]) == 3
    rows = samples.layers
    assert rows is not None
    assert len(rows) == 11
    assert re.fullmatch(r"\(the other \d{2,3}\)", rows[-1]["name"])
    assert [row["ms"] for row in rows[:-1]] == sorted((r["ms"] for r in rows[:-1]), reverse=True)
    assert sum(row["share"] for row in rows) == pytest.approx(1, abs=1e-3)
    assert "layers" not in samples.to_dict()


def test_a_net_of_few_layers_has_no_others() -> None:
    rows = slowest([Layer("a", "Conv", 1.0, "fp32"), Layer("b", "Conv", 3.0, None)])
    assert [(row["name"], row["ms"], row["share"]) for row in rows] == [
        ("b", 3.0, 0.75),
        ("a", 1.0, 0.25),
    ]
    many = slowest([Layer(str(n), "Conv", float(n), None) for n in range(1, 13)])
    assert (many[-1]["name"], many[-1]["ms"]) == ("(the other 2)", 3.0)
    assert slowest([]) == []
