"""Each engine's quantizer on nets that differ from stock YOLOv8."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeyolo.device.bundle import Bundle
from edgeyolo.device.engine import load_engine
from edgeyolo.errors import EdgeyoloError
from edgeyolo.progress import Silent
from edgeyolo.quantize.cache import Cache
from edgeyolo.quantize.calibrate import CalibrationImages, calibrate
from edgeyolo.quantize.layers import module_name
from edgeyolo.quantize.quantizer import Quantizer, Rounded, load_quantizer
from edgeyolo.quantize.ranges import Range
from edgeyolo.quantize.salience import salience
from edgeyolo.quantize.trial import candidate
from edgeyolo.slim.spec import SlimSpec
from tests.conftest import ENGINES

pytestmark = pytest.mark.xdist_group("quantize")
SPECS = {
    "relu": SlimSpec(width=0.0625, activation="relu", heads=("P3", "P4"), reg_max=4),
    "hardswish": SlimSpec(width=0.0625, activation="hardswish", heads=("P4", "P5"), reg_max=1),
    "silu": SlimSpec(width=0.0625, heads=("P4",), cut_backbone=True),
}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("kind", SPECS)
def test_unusual_nets(engine: str, kind: str, small_demo: Path, tmp_path: Path) -> None:
    """Their biases are all zero and equal, which exporters fold away or join."""
    from edgeyolo.export.bundle import write_bundle

    photos = sorted((small_demo.parent / "images" / "train").iterdir())[:4]
    images = CalibrationImages(tuple(photos), 96, 96)
    bundle = write_bundle(_lively(SPECS[kind], images), 96, (engine,), tmp_path / "fp32")
    exact = load_engine(bundle, engine)
    quantizer: Quantizer = load_quantizer(bundle, engine)
    cache = Cache(None, bundle, engine, images.paths, ())
    ranges, rounded = calibrate(
        quantizer,
        images,
        lambda blob: salience(exact.infer(blob), bundle.strides),
        "mse",
        cache,
        Silent(),
    )
    quantizer.prepare(ranges, rounded)
    expected = [output.copy() for output in exact.infer(images.blob(0))]
    names = [layer.name for layer in quantizer.layers]
    errors = {}
    for label, floats in (("none", names), ("first", names[1:]), ("all", [])):
        with candidate(bundle, engine, quantizer, floats) as trial:
            found = load_engine(trial, engine).infer(images.blob(0))
            pairs = zip(expected, found, strict=True)
            errors[label] = np.median([_error(one, other) for one, other in pairs])
    # Untrained nets blow up what is rounded: such errors are large, those of a wrong graph above 1.
    assert errors["none"] < 0.05  # stored in float16
    assert errors["none"] < errors["first"] < 0.6
    assert errors["none"] < errors["all"] < 0.8


def test_what_is_kept_is_found_by_what_it_depends_on(
    slim_bundle: Path, small_demo: Path, tmp_path: Path
) -> None:
    """Also when the same images calibrate and probe, but in other numbers; damage is no error."""
    bundle = Bundle.open(slim_bundle)
    photos = sorted((small_demo.parent / "images" / "train").iterdir())[:3]
    cache = Cache(tmp_path, bundle, "ncnn", photos[:2], photos[2:])
    cache.save("statistics", {"done": np.array(2)})
    assert (cache.load("statistics") or {})["done"] == 2
    others = (("ncnn", 1), ("onnxruntime", 2))
    for engine, count in others:
        other = Cache(tmp_path, bundle, engine, photos[:count], photos[count:])
        assert other.load("statistics") is None
    (path,) = tmp_path.rglob("*.npz")
    for left in (40, 0):
        path.write_bytes(path.read_bytes()[:left])
        assert cache.load("statistics") is None


class _Broken:
    """A quantizer whose engine gives up, or answers with what is no number."""

    def __init__(self, bundle: Bundle, value: float | None) -> None:
        self._value = value

    def taps(self, blob: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
        if self._value is None:
            raise RuntimeError("bad allocation\nin some file")
        yield "tensor", np.full((1, 4, 4), self._value, np.float32)


@pytest.mark.parametrize(
    ("value", "word"),
    [(None, "failed on an image: bad allocation"), (np.inf, "not finite"), (np.nan, "not finite")],
)
def test_what_cannot_be_calibrated_is_said(
    value: float | None, word: str, slim_bundle: Path, small_demo: Path, tmp_path: Path
) -> None:
    bundle = Bundle.open(slim_bundle)
    photos = sorted((small_demo.parent / "images" / "train").iterdir())[:1]
    images = CalibrationImages(tuple(photos), 32, 32)
    broken: Any = _Broken(bundle, value)
    with pytest.raises(EdgeyoloError, match=word):
        calibrate(
            broken,
            images,
            lambda blob: np.ones((4, 4), np.float32),
            "mse",
            Cache(None, bundle, "ncnn", photos, []),
            Silent(),
        )


def test_an_interrupted_calibration_goes_on_where_it_was(
    slim_bundle: Path, small_demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After eight images, of which none is looked at again, to the same ranges and weights."""
    bundle = replace(Bundle.open(slim_bundle), height=64, width=64)
    photos = tuple(sorted((small_demo.parent / "images" / "train").iterdir())[:10])
    quantizer, images = load_quantizer(bundle, "ncnn"), CalibrationImages(photos, 64, 64)
    looked_at: list[int] = []
    real, fails_at = CalibrationImages.blob, 9

    def blob(self: CalibrationImages, index: int) -> Any:
        looked_at.append(index)
        if len(looked_at) > fails_at:
            raise KeyboardInterrupt
        return real(self, index)

    monkeypatch.setattr(CalibrationImages, "blob", blob)
    seen = np.ones((8, 8), np.float32)
    found = []
    for folder, stops in ((tmp_path / "a", True), (tmp_path / "a", False), (tmp_path / "b", False)):
        cache = Cache(folder, bundle, "ncnn", photos, [])
        looked_at.clear()
        fails_at = 9 if stops else 99
        with pytest.raises(KeyboardInterrupt) if stops else nullcontext():
            found.append(calibrate(quantizer, images, lambda _: seen, "mse", cache, Silent()))
        if folder.name == "a" and not stops:
            assert looked_at == [8, 9, *range(10)]  # ranges first, then the inputs of layers
    for name, rounded in found[0][1].items():
        assert found[0][0][name] == found[1][0][name]
        assert (rounded.kernel == found[1][1][name].kernel).all()


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/model.2/cv1/conv/Conv", "model.2.cv1"),
        ("/cv2.1/cv2.1.0/conv/Conv", "model.22.cv2.1.0"),
        ("", "model.22."),  # foreign graphs
        ("Conv", "model.22.Conv"),
    ],
)
def test_names_of_modules(path: str, name: str) -> None:
    assert module_name(path, 22) == name


def test_ncnn_turns_winograd_off_where_it_would_overflow(
    slim_bundle: Path, small_demo: Path, tmp_path: Path
) -> None:
    """In 3 x 3 convolutions with stride 1, and in no other."""
    from edgeyolo.quantize import ncnn_format as form

    bundle = Bundle.open(slim_bundle)
    quantizer = load_quantizer(bundle, "ncnn")
    taps = {layer.name: Range(-1, 1, 254) for layer in quantizer.layers}
    quantizer.prepare(taps, {la.name: Rounded(la.kernel, la.bias) for la in quantizer.layers})
    files = quantizer.write([], tmp_path)
    graph = form.read_graph((tmp_path / files["param"]).read_text())
    kinds = {True: 0, False: 0}
    for layer in graph:
        if layer.kind == "Convolution":
            critical = layer.number(form.KERNEL_W) == 3 and layer.number(form.STRIDE, 1) == 1
            assert bool(layer.number(form.MASK) & form.NO_WINOGRAD) == critical
            kinds[critical] += 1
    assert min(kinds.values()) > 10


def test_the_oldest_calibrations_are_forgotten(
    slim_bundle: Path, small_demo: Path, tmp_path: Path
) -> None:
    """And nothing else that lies there."""
    (tmp_path / "mine").mkdir()
    for index in range(22):
        folder = tmp_path / f"{index:02}"
        folder.mkdir()
        (folder / "statistics.npz").touch()
        os.utime(folder, (index, index))
    photo = sorted((small_demo.parent / "images" / "train").iterdir())[0]
    Cache(tmp_path, Bundle.open(slim_bundle), "ncnn", [photo], [])
    kept = [*(f"{index:02}" for index in range(2, 22)), "mine"]
    assert sorted(path.name for path in tmp_path.iterdir()) == kept


def _lively(spec: SlimSpec, images: CalibrationImages) -> Any:
    """An untrained net whose layers do not let the image fade."""
    import torch

    from edgeyolo.slim.net import build

    torch.manual_seed(0)
    net = build(spec, ("thing",)).train()
    norms = [module for module in net.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = 1.0
    with torch.no_grad():
        net(torch.from_numpy(np.concatenate(list(images.blobs()))))
    for norm in norms:
        norm.running_mean.zero_()
    return net.eval()


def _error(expected: np.ndarray, found: np.ndarray) -> float:
    """Relative to how much an output varies from place to place."""
    spread = expected - expected.mean(axis=(2, 3), keepdims=True)
    return float(np.linalg.norm(found - expected) / np.linalg.norm(spread))
