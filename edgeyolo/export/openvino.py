"""OpenVINO files (IR), made from the same ONNX graph."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import openvino
from openvino import opset13
from openvino._offline_transformations import apply_moc_transformations

from edgeyolo.export.graph import RawHeads
from edgeyolo.export.onnxruntime import to_onnx
from edgeyolo.export.storage import Storage, as_int8

FILES = {"model": "model.xml", "weights": "model.bin"}


def write(
    graph: RawHeads,
    imgsz: int,
    strides: tuple[int, ...],
    folder: Path,
    storage: Storage = "fp32",
) -> dict[str, str]:
    """Write ``model.xml`` and ``model.bin``; return the file of each role."""
    # read_model, not convert_model: the latter sends telemetry.
    model = openvino.Core().read_model(to_onnx(graph, imgsz, strides).SerializeToString())
    # Folds constants, which leaves a third of the operations.
    apply_moc_transformations(model, cf=True)
    if storage == "int8-weights":
        _store_kernels_as_int8(model)
    openvino.save_model(model, folder / FILES["model"], compress_to_fp16=storage == "fp16")
    return FILES


def _store_kernels_as_int8(model: Any) -> None:
    for node in model.get_ops():
        if node.get_type_name() == "Convolution":
            stored, steps = as_int8(node.input_value(1).get_node().data)
            node.input(1).replace_source_output(scaled(stored, steps))


def scaled(stored: Any, steps: Any) -> Any:
    """Output of int8 constants times their steps, the form in which OpenVINO keeps small kernels.

    It folds them into float when the model is loaded, unless their input is in int8 too.
    """
    converted = opset13.convert(opset13.constant(stored), "f32")
    return opset13.multiply(converted, opset13.constant(steps)).output(0)
