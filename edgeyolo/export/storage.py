"""How kernels are stored: in half or a quarter of float32, for the same arithmetic."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper

Storage = Literal["fp32", "fp16", "int8-weights"]
Float = npt.NDArray[np.float32]

_LEVELS = 127


def as_int8(kernel: Float) -> tuple[npt.NDArray[np.int8], Float]:
    """Kernel (outputs, …) in 254 steps of its own for each output channel, and their sizes.

    The sizes have the kernel's number of axes, (outputs, 1, …).
    """
    largest = np.abs(kernel).max(axis=tuple(range(1, kernel.ndim)), keepdims=True)
    steps = (np.where(largest > 0, largest, 1) / _LEVELS).astype(np.float32)
    return np.round(kernel / steps).astype(np.int8), steps


def store_kernels_as_float16(model: onnx.ModelProto, names: Collection[str] | None = None) -> None:
    """Keep kernels (all, or those named) in float16 and cast them when the model is loaded.

    Engines fold the cast once, so they compute in float32 as before. Values beyond float16's range
    would become infinite: such a kernel is left as it is.
    """
    nodes = []
    for constant in _kernels(model, names):
        values = numpy_helper.to_array(constant)
        if np.abs(values).max(initial=0) > np.finfo(np.float16).max:
            continue
        name, half = constant.name, f"{constant.name}_float16"
        constant.CopyFrom(numpy_helper.from_array(values.astype(np.float16), half))
        nodes.append(_cast(half, name))
    _put_first(model, nodes)


def store_kernels_as_int8(model: onnx.ModelProto) -> None:
    """Keep all kernels in int8 and scale them when the model is loaded.

    As Cast and Mul, which ONNX Runtime folds once, unlike DequantizeLinear.
    """
    nodes = []
    for constant in _kernels(model, None):
        stored, steps = as_int8(numpy_helper.to_array(constant))
        name = constant.name
        small, exact, factors = f"{name}_int8", f"{name}_steps", f"{name}_step"
        constant.CopyFrom(numpy_helper.from_array(stored, small))
        model.graph.initializer.append(numpy_helper.from_array(steps, factors))
        product = onnx.helper.make_node("Mul", [exact, factors], [name], f"{name}_scale")
        nodes += [_cast(small, exact), product]
    _put_first(model, nodes)


def _kernels(model: onnx.ModelProto, names: Collection[str] | None) -> list[onnx.TensorProto]:
    return [
        constant
        for constant in model.graph.initializer
        if (constant.name in names if names is not None else len(constant.dims) == 4)
        and constant.data_type == onnx.TensorProto.FLOAT
    ]


def _cast(source: str, target: str) -> onnx.NodeProto:
    return onnx.helper.make_node(
        "Cast", [source], [target], f"{target}_cast", to=onnx.TensorProto.FLOAT
    )


def _put_first(model: onnx.ModelProto, nodes: list[Any]) -> None:
    nodes = [*nodes, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
