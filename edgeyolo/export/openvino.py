"""OpenVINO files (IR), made from the same ONNX graph."""

from __future__ import annotations

from pathlib import Path

import openvino
from openvino._offline_transformations import apply_moc_transformations

from edgeyolo.export.graph import RawHeads
from edgeyolo.export.onnxruntime import to_onnx

FILES = {"model": "model.xml", "weights": "model.bin"}


def write(
    graph: RawHeads, imgsz: int, strides: tuple[int, ...], folder: Path, *, half: bool = False
) -> dict[str, str]:
    """Write ``model.xml`` and ``model.bin``; return the file of each role."""
    # read_model, not convert_model: the latter sends telemetry.
    model = openvino.Core().read_model(to_onnx(graph, imgsz, strides).SerializeToString())
    # Folds constants, which leaves a third of the operations.
    apply_moc_transformations(model, cf=True)
    openvino.save_model(model, folder / FILES["model"], compress_to_fp16=half)
    return FILES
