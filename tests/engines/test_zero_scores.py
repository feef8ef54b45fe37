"""The int8 YOLO whose scores are all zero: made on purpose, and why ours is none.

Where boxes in pixels (0..640) and scores (0..1) share one output tensor, they share one scale: a
step is 2.5, and every score is rounded to nothing. Our graphs end at the raw heads.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeyolo.device.decode import decode
from edgeyolo.device.detector import Detector
from edgeyolo.images import read_image
from tests.conftest import ROOT

ort = pytest.importorskip("onnxruntime")
pytestmark = pytest.mark.xdist_group("quantize")

SIZE = 640  # a step is less than twice a score on small images, and some are rounded up


@pytest.fixture(scope="module")
def photos(small_demo: Path) -> list[Path]:
    return sorted((small_demo.parent / "images" / "train").iterdir())[:2]


@pytest.fixture(scope="module")
def stock(made_once: Callable[[str, Callable[[Path], object]], Path]) -> Path:
    """The demo net in ultralytics' layout."""

    def export(folder: Path) -> None:
        from edgeyolo.export.stock import keep, stock_file
        from edgeyolo.slim.checkpoint import open_checkpoint

        net = open_checkpoint(ROOT / "assets" / "demo-yolov8n.pt")
        with stock_file(net, SIZE, "onnxruntime") as (_, written):
            keep(written, folder)

    return next(made_once("demo-stock", export).glob("*.onnx"))


@pytest.fixture(scope="module")
def ours(made_once: Callable[[str, Callable[[Path], object]], Path]) -> Path:
    """The same net as a bundle of ours."""

    def export(folder: Path) -> None:
        from edgeyolo.export.bundle import write_bundle
        from edgeyolo.slim.checkpoint import open_checkpoint

        net = open_checkpoint(ROOT / "assets" / "demo-yolov8n.pt")
        write_bundle(net, SIZE, ("onnxruntime",), folder)

    return made_once("demo-onnx", export)


def _run(model: Path, blob: Any) -> list[Any]:
    session = ort.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    return list(session.run(None, {session.get_inputs()[0].name: blob}))


def test_raw_heads_decoded_are_ultralytics_output(
    stock: Path, ours: Path, photos: list[Path]
) -> None:
    detector = Detector(ours, "onnxruntime")
    bundle = detector.bundle
    for photo in photos:
        blob, _ = detector.preprocess(read_image(photo))
        (theirs,) = _run(stock, blob)
        boxes, scores, classes, _ = decode(
            detector.infer(blob), bundle.strides, bundle.reg_max, 0.0, multi_label=True
        )
        assert len(scores) == theirs.shape[2] * len(bundle.names)
        center, half = theirs[0, :2].T, theirs[0, 2:4].T / 2
        expected = np.hstack([center - half, center + half])
        first = 0
        for stride in bundle.strides:  # decode goes level by level, and there class by class
            anchors = (SIZE // stride) ** 2
            start = first // len(bundle.names)
            here = slice(start, start + anchors)
            for class_id in range(len(bundle.names)):
                part = slice(first, first + anchors)
                assert (classes[part] == class_id).all()
                np.testing.assert_allclose(boxes[part], expected[here], atol=1e-3, rtol=1e-5)
                np.testing.assert_allclose(scores[part], theirs[0, 4 + class_id, here], atol=1e-4)
                first += anchors


def test_quantizing_everything_of_a_decoded_graph_loses_every_score(
    stock: Path, ours: Path, photos: list[Path], tmp_path: Path
) -> None:
    from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static

    detector = Detector(ours, "onnxruntime")
    blobs = [detector.preprocess(read_image(photo))[0].copy() for photo in photos]

    class Reader(CalibrationDataReader):
        def __init__(self) -> None:
            self.left = iter(blobs)

        def get_next(self) -> Any:
            blob = next(self.left, None)
            return None if blob is None else {"images": blob}

    ruined = tmp_path / "ruined.onnx"
    quantize_static(
        str(stock),
        str(ruined),
        Reader(),
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
    )
    assert _run(stock, blobs[0])[0][0, 4:].max() > 0.5
    assert _run(ruined, blobs[0])[0][0, 4:].max() == 0.0  # ours: tests/flow/test_quantize.py
