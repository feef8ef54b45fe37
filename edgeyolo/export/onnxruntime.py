"""ONNX file for ONNX Runtime."""

from __future__ import annotations

import warnings
from pathlib import Path

import onnx
import torch

from edgeyolo.export.graph import RawHeads, example_input, output_names
from edgeyolo.export.storage import (
    Storage,
    store_kernels_as_float16,
    store_kernels_as_int8,
)

_OPSET = 17  # every ONNX Runtime since 1.12 (2022) reads it
FILES = {"model": "model.onnx"}


def write(
    graph: RawHeads,
    imgsz: int,
    strides: tuple[int, ...],
    folder: Path,
    storage: Storage = "fp32",
) -> dict[str, str]:
    """Write ``model.onnx``; return the file of each role."""
    model = to_onnx(graph, imgsz, strides)
    if storage == "fp16":
        store_kernels_as_float16(model)
    elif storage == "int8-weights":
        store_kernels_as_int8(model)
    onnx.save(model, folder / FILES["model"])
    return FILES


def to_onnx(graph: RawHeads, imgsz: int, strides: tuple[int, ...]) -> onnx.ModelProto:
    """Trace, fold and check; the input is called ``images``."""
    import io

    import onnxslim

    buffer = io.BytesIO()
    with warnings.catch_warnings():
        # The tracing exporter: the newer one needs onnxscript and gives the same graph here.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            graph,
            (example_input(imgsz),),
            buffer,  # type: ignore[arg-type]
            input_names=["images"],
            output_names=output_names(strides),
            opset_version=_OPSET,
            dynamo=False,
        )
    model: onnx.ModelProto = onnxslim.slim(onnx.load_from_string(buffer.getvalue()))
    for node in model.graph.node:
        node.doc_string = ""  # holds source paths of this machine
    onnx.checker.check_model(model, full_check=True)
    return model
