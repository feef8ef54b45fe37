"""Each engine's quantizer on nets that differ from stock YOLOv8."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeyolo.device.bundle import Bundle
from edgeyolo.device.engine import load_engine
from edgeyolo.progress import Silent
from edgeyolo.quantize.cache import Cache
from edgeyolo.quantize.calibrate import CalibrationImages, calibrate
from edgeyolo.quantize.quantizer import Quantizer, load_quantizer
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
    path.write_bytes(path.read_bytes()[:40])
    assert cache.load("statistics") is None


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
